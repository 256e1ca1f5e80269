//! Presets, TOML, validation and the hash.

use backspike_arch::ArchConfig;
use std::collections::HashSet;

#[test]
fn presets_are_valid_with_any_lanes() {
    for name in ArchConfig::PRESETS {
        let preset = ArchConfig::preset(name).expect("a preset");
        assert_eq!(preset.name, *name);
        for lanes in [4, 8, 16, 32] {
            let config = preset.with_lanes(lanes);
            config.validate().unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(config.weight_rows() * lanes, preset.weights);
            assert_eq!(config.plane_words() * config.plane_bits(), preset.slot_neuron_steps);
        }
    }
    assert!(ArchConfig::preset("huge").is_none());
}

/// The network the edge preset is sized for: 784-512-10 at 16 steps, outputs padded to a full tile.
#[test]
fn edge_holds_mnist_with_any_lanes() {
    for lanes in [4, 8, 16, 32] {
        let config = ArchConfig::edge().with_lanes(lanes);
        let (hidden, output) = (config.tiles(512), config.tiles(10));
        assert!(hidden * 784 + output * 512 <= config.weight_rows(), "{lanes} lanes: weights");
        let blocks = ArchConfig::blocks(16);
        let words = (config.tiles(784) + hidden + output) * blocks;
        assert!(words <= config.plane_words(), "{lanes} lanes: {words} plane words");
        assert!((hidden + output) * blocks <= config.error_blocks(), "{lanes} lanes: errors");
        assert!(output * blocks <= config.membrane_blocks(), "{lanes} lanes: membranes");
    }
}

#[test]
fn toml_round_trips_and_overrides_presets() {
    for name in ArchConfig::PRESETS {
        let config = ArchConfig::preset(name).expect("a preset");
        assert_eq!(ArchConfig::from_toml(&config.to_toml()), Ok(config));
    }
    let config = ArchConfig::from_toml("preset = \"edge\"\nlanes = 8\n").expect("valid");
    assert_eq!(config, ArchConfig::edge().with_lanes(8));
}

#[test]
fn all_bad_keys_are_listed_at_once() {
    let text = "name = 3\nlane = 4\nslots = \"two\"\nweights = -1\ncolour = 7\nslices = 1.5\n";
    let error = ArchConfig::from_toml(text).expect_err("many problems");
    let all = error.to_string();
    for sentence in [
        "name is 3, but must be a string",
        "there is no key lane; did you mean lanes?",
        "there is no key colour; remove it",
        "slots is \"two\", but must be a whole number of 0 or more (samples in flight, a power of two)",
        "weights is -1, but must be a whole number",
        "slices is 1.5, but must be a whole number",
        "lanes is missing (weights processed per cycle: 4, 8, 16 or 32); set it, or start from a preset",
        "max_steps is missing",
    ] {
        assert!(all.contains(sentence), "{sentence:?} is not in:\n{all}");
    }
    // name, lane, colour, three ill-typed, and the seventeen of twenty keys that are missing
    assert_eq!(error.problems.len(), 23, "{all}");

    let error = ArchConfig::from_toml("preset = \"big\"\n").expect_err("no such preset");
    assert_eq!(
        error.problems,
        ["there is no preset \"big\"; there are nano, tiny, digits, edge, mesh"]
    );
    let error = ArchConfig::from_toml("lanes = = 4").expect_err("not TOML");
    assert!(error.to_string().contains("it is not TOML"), "{error}");
}

#[test]
fn all_bad_values_are_listed_at_once() {
    let text = "preset = \"tiny\"\nname = \"My core\"\nlanes = 6\noptimizers = 3\nslots = 3\ngradient_slots = 4\nbackward_steps = 2\nweights = 100\nslot_error_steps = 64\n\
                slices = 256\nqueue_depth = 0\nmax_fan_in = 65536\nmax_steps = 256\nweight_max_exp = 4\nerror_max_exp = 70\nbaud = 20_000_000\n";
    let error = ArchConfig::from_toml(text).expect_err("many problems");
    for sentence in [
        "name is \"My core\", but it becomes part of file and module names",
        "lanes is 6, but must be 4, 8, 16 or 32",
        "optimizers is 3, but must be a power of two of at most 6, the lanes that share them",
        "slots is 3, but must be a power of two in 1..=64",
        "gradient_slots is 4, but there are 3 slots: use at most as many",
        "backward_steps is 2, but must be 1 or 4",
        "weights is 100, but must be a multiple of 32",
        "slot_error_steps is 64, but must be a power of two of at least 128",
        "slices is 256, but must be in 1..=255",
        "queue_depth is 0, but must be a power of two in 2..=1024",
        "max_fan_in is 65536, but must be in 1..=65535",
        "max_steps is 256, but must be in 1..=255",
        "weight_max_exp is 4, but must be in 0..=3",
        "error_max_exp is 70, but must be in 0..=4",
        "baud is 20000000, but a clock of 100 MHz samples at most 12500000 bits a second",
    ] {
        let found = error.problems.iter().any(|problem| problem.starts_with(sentence));
        assert!(found, "{sentence:?} is not in:\n{error}");
    }
    assert_eq!(error.problems.len(), 15, "{error}");
}

#[test]
fn memories_beyond_the_address_are_refused() {
    let mut config = ArchConfig::edge();
    config.weights = (1 << 24) + 32;
    config.slots = 64;
    config.slot_error_steps = 1 << 20;
    let error = config.validate().expect_err("too large");
    assert_eq!(
        error.problems,
        [
            "weights is 16777248, which is 1048578 rows of 16 lanes, but an address has 1048576 rows: use at most 16777216 weights, or more lanes",
            "slot_error_steps is 1048576, which is 4194304 rows in 64 slots of 16 lanes, but an address has 1048576 rows: lower slot_error_steps or slots",
        ]
    );
    // Extreme values must be refused, not overflow.
    for key in ArchConfig::KEYS {
        for value in [0, usize::MAX] {
            let mut config = ArchConfig::edge();
            assert!(config.set(key.name, value));
            let refused = config.validate().is_err();
            assert_eq!(refused, !(value == 0 && key.name.ends_with("_exp")), "{}", key.name);
        }
    }
}

#[test]
fn widths_that_could_overflow_are_refused() {
    let mut config = ArchConfig::edge();
    config.max_fan_in = 4096;
    config.max_fan_out = 4096;
    let error = config.validate().expect_err("one too many");
    assert_eq!(
        error.problems,
        [
            "the largest layer (max_fan_in, max_fan_out, max_steps): the FP accumulator could overflow: fan-in 4096 x weight_max 8 in Q24 needs 41 bits, but 40 are built; a fan-in of at most 4095 would fit, or weight_max_exp = 2 (weight_max 4)",
            "the largest layer (max_fan_in, max_fan_out, max_steps): the BP accumulator could overflow: 4096 neurons x weight_max 8 x error_max 16 in Q30 needs 51 bits, but 50 are built; at most 4095 neurons would fit, or weight_max_exp = 2 (weight_max 4)",
        ]
    );
    config.weight_max_exp = 2;
    assert_eq!(config.validate(), Ok(()));
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let missing = folder.path().join("core.toml");
    let error = ArchConfig::load(&missing).expect_err("missing").to_string();
    assert!(error.contains("core.toml") && error.contains("cannot be read"), "{error}");
    std::fs::write(&missing, ArchConfig::nano().to_toml()).expect("written");
    assert_eq!(ArchConfig::load(&missing), Ok(ArchConfig::nano()));
    std::fs::write(&missing, [0xff, 0xfe]).expect("written");
    assert!(ArchConfig::load(&missing).is_err());
}

#[test]
fn the_hash_is_stable_and_tells_cores_apart() {
    // A core in the field reports this number: it changes only with the layout version or the list of keys.
    assert_eq!(ArchConfig::edge().config_hash(), EDGE_HASH);
    let edge = ArchConfig::edge();
    let mut hashes = HashSet::from([edge.config_hash()]);
    for key in ArchConfig::KEYS {
        let mut config = edge.clone();
        config.set(key.name, edge.get(key.name).expect("a key") + 1);
        let outside = ArchConfig::OUTSIDE.contains(&key.name);
        assert_eq!(hashes.insert(config.config_hash()), !outside, "{}", key.name);
    }
    let renamed = ArchConfig { name: "other".into(), ..edge.clone() };
    assert_eq!(renamed.config_hash(), edge.config_hash());
}

const EDGE_HASH: u64 = 0x2159_b188_62cd_bc63;
