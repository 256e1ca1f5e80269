//! `backspike train` on a mesh.

mod common;

use common::{SMALL, backspike, failure, for_digits, stdout};
use std::fs;

/// A directory with a network of two hidden layers for the 8 x 8 digits.
fn workspace() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let (before, hidden) = SMALL.split_once("[[layer]]").unwrap();
    let (hidden, after) = hidden.split_once("[[layer]]").unwrap();
    let layer = hidden.replace("neurons = 12", "neurons = 40");
    let text = for_digits(&format!("{before}[[layer]]{layer}[[layer]]{layer}[[layer]]{after}"));
    fs::write(directory.path().join("net.toml"), text).unwrap();
    directory
}

fn hash(text: &str) -> &str {
    let line = text.lines().find(|line| line.starts_with("weight hash")).unwrap();
    line.split_whitespace().last().unwrap()
}

#[test]
fn a_mesh_trains_as_a_core_does_and_goes_on_from_its_checkpoint() {
    let directory = workspace();
    let at = directory.path();
    let train = ["train", "net.toml", "--limit", "160", "--epochs", "2"];
    let with = |more: &[&str]| stdout(&backspike(at, &[&train[..], more].concat()));
    let alone = with(&["--checkpoint", "alone"]);
    let mesh = with(&["--preset", "mesh-4", "--checkpoint", "mesh", "--log", "mesh.jsonl"]);
    assert_eq!(hash(&mesh), hash(&alone));
    for part in ["of 2 x 2 cores", "busiest links", "layer 2 tiles 0..1"] {
        assert!(mesh.contains(part), "{part:?} is not in\n{mesh}");
    }
    let log = fs::read_to_string(at.join("mesh.jsonl")).unwrap();
    let records: Vec<serde_json::Value> =
        log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let record = records.iter().find(|record| record["kind"] == "mesh").unwrap();
    let cores = record["cores"].as_array().unwrap();
    assert!(cores.len() > 1 && cores.iter().all(|core| core["counters"]["fp_events"] != 0));
    assert!(record["links"].as_array().unwrap().len() > 4);

    // Cycles are shown where there is a clock.
    assert!(!mesh.contains("cycles; of the busiest core"), "{mesh}");
    let clocked = with(&["--preset", "mesh-4", "--clock", "--checkpoint", "clocked"]);
    assert_eq!(hash(&clocked), hash(&alone));
    assert!(clocked.contains("cycles; of the busiest core"), "{clocked}");

    // One epoch on a mesh, the other on one core, and the other way round.
    let mesh = ["--mesh", "3x1", "--preset", "mesh", "--checkpoint", "mixed"];
    let first = with(&[&mesh[..], &["--steps", "5"]].concat());
    assert_ne!(hash(&first), hash(&alone));
    assert_eq!(hash(&with(&["--resume", "--checkpoint", "mixed"])), hash(&alone));
    with(&["--steps", "3", "--checkpoint", "mixed"]);
    assert_eq!(hash(&with(&[&mesh[..], &["--resume"]].concat())), hash(&alone));

    let verified = with(&["--preset", "mesh-4", "--verify", "emulator", "--checkpoint", "twice"]);
    assert!(verified.contains(&format!("weight hash {} on both", hash(&alone))), "{verified}");
}

#[test]
fn what_a_mesh_cannot_be_is_a_sentence() {
    let directory = workspace();
    let at = directory.path();
    let failure = |more: &[&str]| {
        failure(&backspike(at, &[&["train", "net.toml", "--limit", "64"], more].concat()))
    };
    let tiny = failure(&["--preset", "tiny", "--mesh", "2x2"]);
    for part in ["token counters", "use a configuration with tokens = ", "queue_depth"] {
        assert!(tiny.contains(part), "{part:?} is not in\n{tiny}");
    }
    let wide = failure(&["--preset", "mesh-4", "--lanes", "32"]);
    assert!(wide.contains("use 4, 8 or 16 lanes on a mesh"), "{wide}");
    let board = failure(&["--preset", "mesh-4", "--device", "serial:/dev/null"]);
    assert!(board.contains("boards there have one core"), "{board}");
    let alone = failure(&["--preset", "tiny", "--clock"]);
    assert!(alone.contains("a core that stands alone has one"), "{alone}");
    let clock = failure(&["--preset", "mesh-4", "--device", "rtl", "--clock"]);
    assert!(clock.contains("RTL has a clock of its own"), "{clock}");
    let waves = failure(&["--preset", "mesh-4", "--device", "rtl", "--waves", "w.fst"]);
    assert!(waves.contains("leave it out with a mesh"), "{waves}");
}
