//! What a network file may say, and the sentences for what it may not.

mod common;

use backspike::network::Network;
use common::SMALL;

fn problems(text: &str) -> Vec<String> {
    Network::from_toml(text).expect_err("the file should be refused").sentences().to_vec()
}

#[test]
fn examples_are_valid() {
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");
    let mut count = 0;
    for entry in std::fs::read_dir(examples).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let text = std::fs::read_to_string(&path).unwrap();
            Network::from_toml(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            count += 1;
        }
    }
    assert!(count >= 2, "only {count} examples found");
}

#[test]
fn all_problems_come_at_once() {
    let text = SMALL
        .replace("steps = 6", "step = 6")
        .replace("leak = 2\n", "leak = 0\n")
        .replace("detach_reset = false\n", "")
        .replace("threshold = 0.5", "threshold = -1.0")
        .replace("batch = 10", "batch = 0")
        .replace("b1 = 3", "b1 = 3, b3 = 4")
        .replace("input_scale = 0.5", "input_scale = 0.3");
    assert_eq!(
        problems(&text),
        [
            "steps is missing: give an integer from 1 to 255.",
            "layer[0].neuron.leak is 0: it must be \"off\" or k from 1 to 31 for u - (u >> k).",
            "layer[0].neuron.detach_reset is missing: give true or false.",
            "layer[0].neuron.threshold is -1.0: it must be a number from 2^-24 to 64.",
            "layer[1].neuron.input_scale is 0.3: it must be a power of two from 2^-15 to 1.",
            "training.batch is 0: it must be an integer from 1 to 65536.",
            "training.optimizer.b3 is not a known key: did you mean \"b1\"?",
            "step is not a known key: did you mean \"steps\"?",
        ]
    );
}

#[test]
fn unknown_keys_name_the_known_ones() {
    let text = SMALL.replace("neurons = 12", "neurons = 12\nactivation = \"relu\"");
    assert_eq!(
        problems(&text),
        [
            "layer[0].activation is not a known key: remove it; the keys here are kind, neurons, init_gain, neuron."
        ]
    );
}

#[test]
fn switches_have_no_default() {
    for switch in [
        "reset = \"soft\"\n",
        "reset_order = \"after_leak\"\n",
        "fires_at = \">\"\n",
        "detach_reset = false\n",
    ] {
        let key = switch.split(' ').next().unwrap();
        let found = problems(&SMALL.replace(switch, ""));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with(&format!("layer[0].neuron.{key} is missing")), "{found:?}");
    }
}

#[test]
fn loss_must_suit_the_last_layer() {
    let found = problems(&SMALL.replace("loss = \"cross_entropy\"", "loss = \"mse_rate\""));
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("reads spikes, but the last layer is a readout"), "{found:?}");
}

#[test]
fn surrogate_levels_must_fall() {
    let found = problems(&SMALL.replace("widths = [1.0, 0.25]", "widths = [0.25, 1.0]"));
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("each smaller than the one before"), "{found:?}");
}

#[test]
fn names_stay_below_their_directory() {
    for name in ["../../elsewhere", "/root", "a\\\\b", "..", "a\\u0000b"] {
        let found = problems(&SMALL.replace("\"small\"", &format!("\"{name}\"")));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("becomes the name of a directory"), "{found:?}");
    }
}

/// Each halving adds one to a shift that has 8 bits.
#[test]
fn halvings_have_a_bound() {
    let steps = |times: usize| {
        let rate =
            format!("{{ shift = 9, schedule = \"steps\", halve_at = {:?} }}", vec![1; times]);
        let lines = SMALL.lines().map(|line| match line.split_once(" = ") {
            Some(("learning_rate", _)) => format!("learning_rate = {rate}"),
            _ => line.to_string(),
        });
        lines.collect::<Vec<_>>().join("\n")
    };
    Network::from_toml(&steps(31)).unwrap();
    assert_eq!(
        problems(&steps(300)),
        [
            "training.learning_rate.halve_at halves 300 times: from shift 9 at most 31 times are possible."
        ]
    );
}

#[test]
fn not_toml() {
    let found = problems("name = ");
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("The network file is not valid TOML"), "{found:?}");
}

#[test]
fn wrong_types_do_not_panic() {
    // Every value of the file replaced by one of another type: refused with a sentence, never a panic.
    for (number, line) in SMALL.lines().enumerate() {
        let Some((key, _)) = line.split_once(" = ") else { continue };
        for value in ["[[1]]", "\"\"", "-1", "{}", "1e300"] {
            if (key, value) == ("loss_scale", "{}") {
                continue; // all its keys have defaults
            }
            let replaced: Vec<String> = SMALL
                .lines()
                .enumerate()
                .map(
                    |(n, line)| {
                        if n == number { format!("{key} = {value}") } else { line.to_string() }
                    },
                )
                .collect();
            let found = problems(&replaced.join("\n"));
            assert!(found.iter().all(|sentence| sentence.ends_with('.')), "{found:?}");
        }
    }
}
