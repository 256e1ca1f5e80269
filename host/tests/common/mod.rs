//! A small network and small data for the tests of the host.
#![allow(dead_code)] // each test binary uses its own part

use backspike::data::{Dataset, Split};
use backspike::network::Network;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::path::Path;
use std::process::{Command, Output};

/// 16 inputs, 12 hidden neurons, 4 outputs: fits every preset.
pub const SMALL: &str = r#"
name = "small"
steps = 6

[input]
shape = [4, 4]
encoder = { kind = "rate" }

[[layer]]
kind = "dense"
neurons = 12
[layer.neuron]
kind = "spiking"
leak = 2
reset = "soft"
reset_order = "after_leak"
fires_at = ">"
detach_reset = false
input_scale = 1.0
threshold = 0.5
surrogate = { kind = "levels", widths = [1.0, 0.25], gains = [0.5, 1.0] }

[[layer]]
kind = "dense"
neurons = 4
neuron = { kind = "readout", leak = 3, input_scale = 0.5 }

[training]
epochs = 3
batch = 10
seed = 7
loss = "cross_entropy"
optimizer = { kind = "lion", b1 = 3, b2 = 5 }
learning_rate = { shift = 8, schedule = "cosine", last_shift = 11 }
loss_scale = { start = 1, interval = 3 }
"#;

pub fn small() -> Network {
    Network::from_toml(SMALL).unwrap()
}

/// Four classes: one bright quadrant of a 4 x 4 image each, over a faint pattern that depends on the sample.
pub fn quadrants(train: usize, test: usize) -> Dataset {
    let split = |samples: usize, salt: usize| {
        let mut split = Split::default();
        for i in 0..samples {
            let class = (i * 7 + salt) % 4;
            split.labels.push(class as u16);
            for pixel in 0..16 {
                let quadrant = pixel / 8 * 2 + pixel % 4 / 2;
                let noise = (i * 31 + pixel * 17 + salt * 5) % 64;
                split.features.push(if quadrant == class { 180 + noise } else { noise } as u8);
            }
        }
        split
    };
    Dataset {
        name: "quadrants".into(),
        shape: vec![4, 4],
        classes: 4,
        train: split(train, 1),
        test: split(test, 2),
    }
}

/// `small` with hidden layers of these sizes.
pub fn layered(neurons: &[usize]) -> Network {
    let mut network = small();
    let hidden = network.layers[0].clone();
    let readout = network.layers[1].clone();
    network.layers = neurons
        .iter()
        .map(|&neurons| {
            let mut layer = hidden.clone();
            layer.neurons = neurons;
            layer
        })
        .collect();
    network.layers.push(readout);
    network
}

/// A generator that prints its seed; BACKSPIKE_SEED sets it, and `salt` keeps the tests apart.
pub fn generator(salt: u64) -> ChaCha8Rng {
    let seed = std::env::var("BACKSPIKE_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    println!("BACKSPIKE_SEED={seed}");
    ChaCha8Rng::seed_from_u64(seed ^ salt << 32)
}

/// `text`, a variant of [`SMALL`], for the 8 x 8 digits.
pub fn for_digits(text: &str) -> String {
    text.replace("shape = [4, 4]", "shape = [8, 8]")
        .replace("neurons = 4\n", "neurons = 10\n")
        .replace("batch = 10", "batch = 32")
        .replace("name = \"small\"", "name = \"small\"\ndata = \"digits\"")
}

/// Runs the command in `directory`.
pub fn backspike(directory: &Path, arguments: &[&str]) -> Output {
    let command = env!("CARGO_BIN_EXE_backspike");
    Command::new(command).current_dir(directory).args(arguments).output().unwrap()
}

/// What a command that must succeed printed.
pub fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The complaint of a command that must fail.
pub fn failure(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8_lossy(&output.stderr).into_owned()
}
