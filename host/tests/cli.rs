//! The `backspike` command: what it says and how it exits.

mod common;

use backspike::checkpoint::Checkpoint;
use backspike::network::Network;
use backspike::train::scale::Scale;
use backspike::train::{Position, Sums};
use backspike::weights::Weights;
use common::{SMALL, backspike, failure, for_digits, stdout};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// A directory with a network for the 8 x 8 digits.
fn workspace() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("net.toml"), for_digits(SMALL)).unwrap();
    directory
}

#[test]
fn help_has_examples() {
    let directory = workspace();
    for command in ["train", "eval", "info", "map", "generate", "device", "data"] {
        let help = stdout(&backspike(directory.path(), &[command, "--help"]));
        assert!(help.contains("Usage: backspike"), "{help}");
    }
    assert!(stdout(&backspike(directory.path(), &["--help"])).contains("Examples:"));
}

#[test]
fn train_resume_and_evaluate() {
    let directory = workspace();
    let at = directory.path();
    let train = ["train", "net.toml", "--limit", "200", "--epochs", "2", "--log", "run.jsonl"];
    let whole = stdout(&backspike(at, &train));
    let hash = |text: &str| -> String {
        let line = text.lines().find(|line| line.starts_with("weight hash")).unwrap();
        line.split_whitespace().last().unwrap().to_string()
    };
    for part in ["epoch 2/2", "test       ", "loss scale", "events/busy", "memory", "checkpoint"] {
        assert!(whole.contains(part), "{part:?} is not in\n{whole}");
    }
    let log = fs::read_to_string(at.join("run.jsonl")).unwrap();
    let records: Vec<serde_json::Value> =
        log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds: Vec<&str> = records.iter().map(|r| r["kind"].as_str().unwrap()).collect();
    let batches = kinds.iter().filter(|kind| **kind == "batch").count();
    assert_eq!((kinds[0], kinds[kinds.len() - 1], batches), ("start", "summary", 14));
    assert!(records[1]["counters"]["fp_events"].as_u64().unwrap() > 0);

    let stopped = [
        "train",
        "net.toml",
        "--limit",
        "200",
        "--epochs",
        "2",
        "--steps",
        "5",
        "--checkpoint",
        "other",
    ];
    stdout(&backspike(at, &stopped));
    let resumed = [
        "train",
        "net.toml",
        "--limit",
        "200",
        "--epochs",
        "2",
        "--resume",
        "--checkpoint",
        "other",
        "--lanes",
        "8",
    ];
    assert_eq!(hash(&stdout(&backspike(at, &resumed))), hash(&whole));

    let evaluated = stdout(&backspike(at, &["eval", "net.toml", "--checkpoint", "other"]));
    let accuracy = |text: &str| {
        text.split("test       ").nth(1).unwrap().split(' ').next().unwrap().to_string()
    };
    assert!(evaluated.contains(&accuracy(&whole)), "{evaluated}\n{whole}");
    let error = failure(&backspike(
        at,
        &["train", "net.toml", "--limit", "100", "--resume", "--checkpoint", "other"],
    ));
    assert!(error.contains("trained on 200 samples, but there are 100 now"), "{error}");
}

/// What `make train` trains; its weights on the RTL are those of the emulator.
#[test]
fn the_digits_are_learned() {
    let directory = tempfile::tempdir().unwrap();
    let network = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/digits.toml");
    let text = stdout(&backspike(directory.path(), &["train", network]));
    let line = text.lines().find(|line| line.starts_with("test ")).unwrap();
    let accuracy: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(accuracy >= 90.0, "{line}");
}

#[test]
fn verify_runs_a_second_device() {
    let directory = workspace();
    let arguments = ["train", "net.toml", "--limit", "64", "--epochs", "1", "--verify", "emulator"];
    assert!(stdout(&backspike(directory.path(), &arguments)).contains("verified"));
}

/// The generated Verilog, held against the emulator, through the command.
#[test]
fn rtl_trains_to_the_emulators_weights() {
    let directory = workspace();
    let train = |device: &[&str]| {
        let common = ["train", "net.toml", "--limit", "48", "--epochs", "1", "--test-limit", "8"];
        stdout(&backspike(directory.path(), &[&common, device].concat()))
    };
    let hash = |text: &str| text.split("weight hash ").nth(1).unwrap()[..16].to_string();
    let rtl = train(&["--device", "rtl", "--verify", "emulator"]);
    assert!(rtl.contains("on RTL") && rtl.contains("verified"), "{rtl}");
    assert_eq!(hash(&rtl), hash(&train(&[])));
}

#[test]
fn info_shows_map_and_proof() {
    let directory = workspace();
    let text = stdout(&backspike(directory.path(), &["info", "net.toml", "--preset", "tiny"]));
    for part in ["8 lanes", "population", "weights", "FP accumulator", "no sum can overflow"] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    assert!(
        stdout(&backspike(directory.path(), &["info", "--preset", "tiny"])).contains("lanes = 8")
    );
}

#[test]
#[cfg(unix)]
fn a_closed_pager_is_no_failure() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = Command::new(env!("CARGO_BIN_EXE_backspike"))
        .args(["info", "--preset", "tiny"])
        .stdout(writer)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn bad_input_is_a_sentence() {
    let directory = workspace();
    let at = directory.path();
    let text = fs::read_to_string(at.join("net.toml")).unwrap();
    fs::write(at.join("unknown.toml"), text.replace("neurons = 12", "neuron_count = 12")).unwrap();
    fs::write(at.join("shape.toml"), text.replace("shape = [8, 8]", "shape = [4, 4]")).unwrap();
    fs::write(at.join("large.toml"), text.replace("neurons = 12", "neurons = 60000")).unwrap();
    fs::write(at.join("few.toml"), text.replace("neurons = 10\n", "neurons = 3\n")).unwrap();
    fs::write(at.join("core.toml"), "preset = \"tiny\"\nlanez = 4\n").unwrap();
    // The checksum is right: only the look at each weight finds it.
    let network = Network::from_toml(&text).unwrap();
    let mut weights = Weights::initial(&network);
    weights.layers[0].weight[0] = 0x7e00;
    let scale = Scale { exponent: 0, quiet: 0, interval: 256, lowered: 0, raised: 0 };
    let nan = Checkpoint {
        network: network.name.clone(),
        network_hash: network.hash(),
        samples: 64,
        position: Position { epoch: 0, batch: 0, step: 0, scale, sums: Sums::default() },
        weights,
    };
    fs::write(at.join("nan.safetensors"), nan.to_bytes().unwrap()).unwrap();
    for (arguments, parts) in [
        (vec!["train", "missing.toml"], vec!["missing.toml cannot be read"]),
        (
            vec!["train", "unknown.toml"],
            vec!["2 problems", "layer[0].neurons is missing", "neuron_count is not a known key"],
        ),
        (
            vec!["train", "shape.toml"],
            vec![
                "shape [8, 8] (64 features)",
                "input.shape of the network is [4, 4] (16 features)",
            ],
        ),
        (vec!["train", "few.toml"], vec!["10 classes, but the last layer has 3 neurons"]),
        (vec!["train", "large.toml"], vec!["No preset holds the network", "of weights"]),
        (vec!["train", "net.toml", "--data", "nowhere"], vec!["There is no data set \"nowhere\""]),
        (
            vec!["train", "net.toml", "--preset", "big"],
            vec!["There is no preset \"big\": the presets are nano"],
        ),
        (vec!["train", "net.toml", "--lanes", "5"], vec!["lanes is 5, but must be 4, 8, 16 or 32"]),
        (vec!["train", "net.toml", "--config", "core.toml"], vec!["lanez", "did you mean lanes?"]),
        (
            vec!["train", "net.toml", "--resume"],
            vec!["There is no checkpoint in runs/small: train first without --resume"],
        ),
        (
            vec!["train", "net.toml", "--waves", "w.fst"],
            vec!["add --device rtl, or leave --waves out"],
        ),
        (
            vec!["train", "net.toml", "--checkpoint", "net.toml"],
            vec!["The checkpoint directory net.toml cannot be made", "with --checkpoint"],
        ),
        (
            vec!["train", "net.toml", "--log", "nowhere/log"],
            vec!["The log nowhere/log cannot be written: give another file with --log"],
        ),
        (
            vec!["eval", "net.toml", "--checkpoint", "nan.safetensors"],
            vec!["layer0.weight[0, 0] is NaN"],
        ),
        (vec!["eval", "net.toml", "--checkpoint", "net.toml"], vec!["net.toml is refused"]),
        (vec!["generate"], vec!["There is no docs/reference here"]),
    ] {
        let error = failure(&backspike(at, &arguments));
        for part in parts {
            assert!(error.contains(part), "{arguments:?}: {part:?} is not in\n{error}");
        }
        assert!(!error.contains("panicked"), "{error}");
    }
}

/// Without Verilator the RTL cannot be built, and the message says what to install.
#[test]
fn missing_verilator_is_a_sentence() {
    let directory = workspace();
    let cache = directory.path().join("cache");
    let output = Command::new(env!("CARGO_BIN_EXE_backspike"))
        .current_dir(directory.path())
        .args(["train", "net.toml", "--device", "rtl"])
        .env("PATH", directory.path())
        .env("XDG_CACHE_HOME", &cache)
        .env("BACKSPIKE_CACHE", &cache)
        .env_remove("BACKSPIKE_VERILATOR")
        .output()
        .unwrap();
    let error = failure(&output);
    assert!(error.contains("Verilator") && error.contains("install"), "{error}");
}

#[test]
fn generate_check_finds_a_difference() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    stdout(&backspike(&root, &["generate", "--check"]));
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir_all(directory.path().join("docs/reference")).unwrap();
    stdout(&backspike(directory.path(), &["generate"]));
    stdout(&backspike(directory.path(), &["generate", "--check"]));
    let header = directory.path().join("docs/reference/backspike.h");
    let text = fs::read_to_string(&header).unwrap();
    fs::write(&header, text + "\n").unwrap();
    let error = failure(&backspike(directory.path(), &["generate", "--check"]));
    assert!(error.contains("backspike.h"), "{error}");
}

/// Ctrl-C ends with code 130 and a checkpoint from which training goes on to the same weights.
#[test]
#[cfg(unix)]
fn interrupt_leaves_a_checkpoint() {
    let directory = workspace();
    let at = directory.path();
    let arguments = ["train", "net.toml", "--epochs", "100000", "--checkpoint", "runs"];
    let mut child = Command::new(env!("CARGO_BIN_EXE_backspike"))
        .current_dir(at)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // The first checkpoint says that training is under way.
    while !at.join("runs/last.safetensors").exists() {
        assert!(child.try_wait().unwrap().is_none(), "it ended early");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let checkpoint = Checkpoint::read(&at.join("runs/last.safetensors")).unwrap();
    assert!(checkpoint.position.step > 0);
}

/// The counters of `traffic` are those that training reports, a sample.
#[test]
fn traffic_is_reported_and_recorded() {
    let directory = workspace();
    let at = directory.path();
    let text =
        stdout(&backspike(at, &["traffic", "net.toml", "--limit", "64", "--json", "traffic.json"]));
    assert!(text.contains("S-ResNet-18") && text.contains("computed from the dataflow"), "{text}");
    let record = fs::read_to_string(at.join("traffic.json")).unwrap();
    let record: serde_json::Value = serde_json::from_str(&record).unwrap();
    let trained = stdout(&backspike(
        at,
        &["train", "net.toml", "--limit", "64", "--epochs", "1", "--test-limit", "0"],
    ));
    let line = trained.lines().find(|line| line.starts_with("gradient ")).unwrap();
    let read: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    let accesses = record["accesses"].as_array().unwrap();
    let gradients = accesses.iter().filter(|access| access["memory"] == "gradient");
    assert_eq!(gradients.map(|access| access["read"].as_u64().unwrap()).sum::<u64>(), read);
}

#[test]
fn a_mesh_is_written_as_verilog() {
    let directory = workspace();
    let write = ["generate", "--preset", "nano", "--mesh", "2x2", "-o", "out", "--check"];
    // Nothing is there yet.
    assert!(failure(&backspike(directory.path(), &write)).contains("backspike_mesh.v"));
    stdout(&backspike(directory.path(), &write[..7]));
    stdout(&backspike(directory.path(), &write));
    let top = fs::read_to_string(directory.path().join("out/backspike_mesh.v")).unwrap();
    assert_eq!(top.matches("tile_f64 tile_").count(), 4);
}

#[test]
fn a_map_is_printed_drawn_and_recorded() {
    let directory = workspace();
    let at = directory.path();
    let map =
        ["map", "net.toml", "--preset", "nano", "--mesh", "2x2", "--limit", "64", "-o", "out"];
    let text = stdout(&backspike(at, &map));
    for part in ["layer 1 tiles", "one core: ", "zig-zag", "annealing", "hottest link"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let record: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(at.join("out/map.json")).unwrap()).unwrap();
    assert_eq!(record["placements"].as_array().unwrap().len(), 5);
    let picture = fs::read_to_string(at.join("out/map.svg")).unwrap();
    let cores = record["partition"]["cores"].as_array().unwrap().len();
    assert_eq!(picture.matches(" %</text>").count(), cores);
    // The same again, to the letter.
    assert_eq!(stdout(&backspike(at, &map)), text);
    assert_eq!(fs::read_to_string(at.join("out/map.svg")).unwrap(), picture);

    let large = fs::read_to_string(at.join("net.toml"))
        .unwrap()
        .replace("neurons = 12\n", "neurons = 400\n");
    fs::write(at.join("large.toml"), large).unwrap();
    let found =
        failure(&backspike(at, &["map", "large.toml", "--preset", "nano", "--mesh", "2x2"]));
    assert!(found.contains("use a configuration with weights = "), "{found}");
    let wrong = backspike(at, &["map", "net.toml", "--mesh", "9x9"]);
    let found = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(found.contains("use at most 63 cores"), "{found}");
}

#[test]
fn boards_and_bitstreams_that_do_not_fit_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let error = failure(&backspike(at, &["bitstream", "--board", "none"]));
    assert!(error.contains("There is no board \"none\": the boards are ulx3s, ecpix5, and the cards for Vivado litefury, nexus_k3p."), "{error}");
    let error = failure(&backspike(at, &["flash", "--board", "ulx3s"]));
    assert!(error.contains("make it with backspike bitstream --board ulx3s"), "{error}");
    // A bitstream for the other board: preamble, reset of the checksum, check of the part.
    let mut bits = vec![0xff, 0xff, 0xbd, 0xb3, 0xff, 0xff, 0xff, 0xff, 0x3b, 0, 0, 0, 0xe2];
    bits.extend([0, 0, 0, 0x81, 0x11, 0x30, 0x43]);
    fs::write(at.join("other.bit"), bits).unwrap();
    let error = failure(&backspike(at, &["flash", "--board", "ulx3s", "--bitstream", "other.bit"]));
    assert!(error.contains("IDCODE 0x81113043, and ULX3S 85F has 0x41113043"), "{error}");
}

#[test]
fn a_reader_that_has_seen_enough_costs_nothing() {
    let directory = tempfile::tempdir().unwrap();
    for arguments in [
        &["device", "selftest", "--preset", "nano"][..],
        &["info", "--preset", "nano"],
        &["--help"],
    ] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_backspike"))
            .current_dir(directory.path())
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!error.contains("panicked"), "{arguments:?}: {error}");
    }
}
