//! Checkpoints: cut, damaged or foreign ones are refused, and a whole one is always left.

mod common;

use backspike::checkpoint::{Checkpoint, Store};
use backspike::network::Network;
use backspike::train::scale::Scale;
use backspike::train::{Position, Sums};
use backspike::weights::Weights;
use common::{SMALL, small};
use std::fs;

fn checkpoint(step: u64) -> Checkpoint {
    let network = small();
    let scale = Scale { exponent: -2, quiet: 5, interval: 64, lowered: 3, raised: 1 };
    // A loss that no short decimal holds.
    let sums = Sums { samples: 30, correct: 20, loss: 0.1 + 0.2 };
    Checkpoint {
        network: network.name.clone(),
        network_hash: network.hash(),
        samples: 64,
        position: Position { epoch: 1, batch: 2, step, scale, sums },
        weights: Weights::initial(&network),
    }
}

#[test]
fn round_trip() {
    let wanted = checkpoint(9);
    assert_eq!(Checkpoint::from_bytes(&wanted.to_bytes().unwrap()).unwrap(), wanted);
}

#[test]
fn cut_at_any_byte_is_refused_and_the_previous_one_loads() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::new(directory.path()).unwrap();
    store.save(&checkpoint(1)).unwrap();
    store.save(&checkpoint(2)).unwrap();
    assert_eq!(store.load().unwrap().0.position.step, 2);
    let bytes = fs::read(store.last()).unwrap();
    for length in 0..bytes.len() {
        let error = Checkpoint::from_bytes(&bytes[..length]).expect_err("it is cut");
        assert!(error.to_string().contains("use an older checkpoint"), "{length}: {error}");
        // The file system is slow: look at each length around the parts, and at some between.
        if length < 16 || length % 97 == 0 || length + 16 > bytes.len() {
            fs::write(store.last(), &bytes[..length]).unwrap();
            let (loaded, damaged) = store.load().unwrap();
            assert_eq!(loaded.position.step, 1, "cut at {length}");
            let damaged = damaged.expect("the cut file is reported").to_string();
            assert!(damaged.contains("last.safetensors is refused"), "{damaged}");
        }
    }
}

/// What a run that resumed from the previous checkpoint saves must not push that one out for the damaged one.
#[test]
fn saving_over_a_damaged_file_keeps_the_whole_one() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::new(directory.path()).unwrap();
    store.save(&checkpoint(1)).unwrap();
    store.save(&checkpoint(2)).unwrap();
    fs::write(store.last(), "cut").unwrap();
    store.save(&checkpoint(3)).unwrap();
    assert_eq!(Checkpoint::read(&store.last()).unwrap().position.step, 3);
    assert_eq!(Checkpoint::read(&store.previous()).unwrap().position.step, 1);
}

#[test]
fn any_changed_byte_is_refused() {
    let bytes = checkpoint(3).to_bytes().unwrap();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 0x10;
        assert!(Checkpoint::from_bytes(&changed).is_err(), "byte {at} of {}", bytes.len());
    }
}

#[test]
fn longer_files_are_refused() {
    let mut bytes = checkpoint(3).to_bytes().unwrap();
    bytes.push(0);
    assert!(Checkpoint::from_bytes(&bytes).is_err());
}

#[test]
fn both_damaged_names_both() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::new(directory.path()).unwrap();
    fs::write(store.last(), "x").unwrap();
    fs::write(store.previous(), "").unwrap();
    let error = store.load().unwrap_err().to_string();
    assert!(
        error.contains("last.safetensors") && error.contains("previous.safetensors"),
        "{error}"
    );
}

#[test]
fn no_temporary_file_is_left() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::new(directory.path()).unwrap();
    for step in 0..3 {
        store.save(&checkpoint(step)).unwrap();
    }
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
}

#[test]
fn other_networks_are_refused_by_name() {
    let checkpoint = checkpoint(1);
    checkpoint.check_resume(&small(), 64).unwrap();
    let larger = Network::from_toml(&SMALL.replace("neurons = 12", "neurons = 13")).unwrap();
    let error = checkpoint.check_resume(&larger, 64).unwrap_err().to_string();
    assert!(error.contains("layer0.weight of the checkpoint has the shape [16, 12], but network small needs [16, 13]"), "{error}");
    let other = Network::from_toml(&SMALL.replace("threshold = 0.5", "threshold = 0.25")).unwrap();
    let error = checkpoint.check_resume(&other, 63).unwrap_err().to_string();
    assert!(error.contains("another network file") && error.contains("on 64 samples"), "{error}");
    let longer = Network::from_toml(&SMALL.replace("epochs = 3", "epochs = 30")).unwrap();
    checkpoint.check_resume(&longer, 64).unwrap();
}

#[test]
fn bad_weights_are_named() {
    let mut weights = Weights::initial(&small());
    weights.check(3).unwrap();
    weights.layers[0].weight[12 * 5 + 7] = 0x7e00; // NaN
    weights.layers[1].weight[4 * 11 + 3] = 0xfc00; // minus infinity
    weights.layers[1].weight[4 * 11 + 2] = 0x4801; // 8.0078125
    weights.layers[1].state[2] = 0x7c00; // infinity
    let error = weights.check(3).unwrap_err();
    assert_eq!(
        error.sentences(),
        [
            "layer0.weight[5, 7] is NaN: weights must be finite and within +-8, the weight_max of the network file.",
            "layer1.weight[11, 2] is 8.0078125 (and 1 more): weights must be finite and within +-8, the weight_max of the network file.",
            "layer1.state[0, 2] is inf: optimizer state must be finite.",
        ]
    );
}
