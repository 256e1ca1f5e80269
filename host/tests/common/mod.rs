//! A small network and small data for the tests of the host.
#![allow(dead_code)] // each test binary uses its own part

use backspike::data::{Dataset, Split};
use backspike::network::Network;

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
