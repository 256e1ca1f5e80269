//! The memory map of a network, and everything that keeps one off a core.

mod common;

use backspike::compiler::{Program, compile, fitting_preset};
use backspike::network::Network;
use backspike_arch::ArchConfig;
use common::{SMALL, small};

fn problems(network: &Network, config: &ArchConfig) -> Vec<String> {
    compile(network, config).expect_err("it should not fit").sentences().to_vec()
}

#[test]
fn map_of_a_small_network() {
    // 4 lanes: 16, 12 and 4 neurons are 4, 3 and 1 tiles; 6 steps are 2 blocks.
    let program: Program = compile(&small(), &ArchConfig::nano()).unwrap();
    let planes: Vec<usize> = program.populations.iter().map(|p| p.plane_base).collect();
    assert_eq!(planes, [0, 8, 14]);
    let errors: Vec<usize> = program.populations.iter().map(|p| p.error_base).collect();
    assert_eq!(errors, [0, 0, 6]);
    let rows: Vec<usize> = program.slices.iter().map(|s| s.weight_base).collect();
    assert_eq!(rows, [0, 48]);

    let fp = &program.descriptors.fp[0];
    assert_eq!((fp.fan_in, fp.tiles, fp.in_words), (16, 3, 4));
    assert_eq!((fp.in_plane_base, fp.out_plane_base), (0, 8));
    assert_eq!((fp.shape.steps, fp.shape.blocks, fp.shape.last_lanes), (6, 2, 4));
    assert_eq!((fp.theta, fp.width1, fp.width2, fp.width3), (1 << 23, 1 << 24, 1 << 22, 0));
    assert_eq!((fp.neuron.gain1, fp.neuron.gain2, fp.neuron.theta_shift), (-1, 0, -1));
    assert!(!fp.neuron.readout && !fp.neuron.fire_ge && !fp.neuron.reset_before_leak);

    // NEURON_BACK of the output, then BACKPROP through layer 1 into the hidden neurons.
    let [output, hidden] = program.descriptors.bp.as_slice() else { panic!("two BP slices") };
    assert!(output.neuron.readout && !hidden.neuron.readout);
    assert_eq!((output.in_words, output.in_plane_base, output.in_error_base), (1, 14, 6));
    assert_eq!((hidden.weight_base, hidden.fan_in, hidden.tiles, hidden.in_words), (48, 12, 1, 3));
    assert_eq!((hidden.in_plane_base, hidden.out_plane_base), (8, 14));
    assert_eq!((hidden.in_error_base, hidden.out_error_base), (0, 6));

    let wg = &program.descriptors.wg[1];
    assert_eq!(
        (wg.weight_base, wg.in_plane_base, wg.out_plane_base, wg.error_base),
        (48, 8, 14, 6)
    );
    assert_eq!(program.descriptors.io[0].rows, 8);
}

#[test]
fn every_limit_is_listed_with_its_remedy() {
    let text = SMALL
        .replace("steps = 6", "steps = 40")
        .replace("neurons = 12", "neurons = 300")
        .replace("reset = \"soft\"", "reset = \"hard\"");
    let network = Network::from_toml(&text).unwrap();
    let found = problems(&network, &ArchConfig::nano());
    let all = found.join("\n");
    for part in [
        "needs 6000 of weights, 4976 more than the 1024 of configuration nano: use a configuration with weights = 6016 or more.",
        "spikes and traces of a slot",
        "slot_neuron_steps = 16384 or more",
        "errors of a slot",
        "time steps, 24 more than the 16",
        "max_fan_out",
        "max_fan_in",
        "set detach_reset = true, or reset = \"soft\".",
    ] {
        assert!(all.contains(part), "{part:?} is not in\n{all}");
    }
    // What the sentences advise does fit.
    let larger = ArchConfig {
        weights: 6016,
        slot_neuron_steps: 1 << 14,
        slot_error_steps: 1 << 14,
        max_steps: 40,
        max_fan_in: 300,
        max_fan_out: 300,
        ..ArchConfig::nano()
    };
    let network = Network::from_toml(&text.replace("\"hard\"", "\"soft\"")).unwrap();
    compile(&network, &larger).unwrap();
}

#[test]
fn attached_reset_needs_a_power_of_two() {
    let network = Network::from_toml(&SMALL.replace("threshold = 0.5", "threshold = 0.7")).unwrap();
    let found = problems(&network, &ArchConfig::nano());
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("layer[0].neuron.threshold is 0.7"), "{found:?}");
}

#[test]
fn gradients_must_not_overflow() {
    let text = SMALL.replace("[training]", "[training]\ngradient_shift = 0");
    let network = Network::from_toml(&text.replace("batch = 10", "batch = 1000")).unwrap();
    let found = problems(&network, &ArchConfig::nano());
    assert!(found[0].contains("gradient_shift >= 4 would fit"), "{found:?}");
    let automatic = Network::from_toml(&SMALL.replace("batch = 10", "batch = 1000")).unwrap();
    assert_eq!(compile(&automatic, &ArchConfig::nano()).unwrap().gradient_shift, 4);
}

#[test]
fn smallest_preset_is_chosen() {
    assert_eq!(fitting_preset(&small(), None).unwrap().name, "nano");
    let larger = Network::from_toml(&SMALL.replace("neurons = 12", "neurons = 200")).unwrap();
    assert_eq!(fitting_preset(&larger, None).unwrap().name, "tiny");
    let huge = Network::from_toml(&SMALL.replace("neurons = 12", "neurons = 60000")).unwrap();
    let found = fitting_preset(&huge, None).unwrap_err();
    assert!(found.to_string().contains("edge"), "{found}");
}
