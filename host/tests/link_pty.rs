//! The command on a board that is none: a pseudo-terminal with the UART pins of a board top behind it, driven bit by bit.

mod common;

use backspike_arch::ArchConfig;
use backspike_firmware::{Board, SIMULATION_PLL, board_design};
use backspike_tb::{Build, Optimize, PtyBridge, Uart};
use common::SMALL;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Eight cycles a bit.
fn config() -> ArchConfig {
    ArchConfig { name: "bench".into(), baud: 12_500_000, ..ArchConfig::nano() }
}

/// A board that power comes to, with memories and registers of `seed`. Nothing but its own loop ends its reset.
fn board(seed: u64) -> PtyBridge {
    let board = Board::find("ulx3s").unwrap();
    let design = board_design(board, &config()).unwrap();
    let text = design.to_single_file() + SIMULATION_PLL;
    let library = Build::new(design.top(), text).clock(board.clock.0).optimize(Optimize::Full);
    let library = library.library().unwrap_or_else(|error| panic!("{error}"));
    let mut model = library.instance(seed);
    let uart = Uart::new(&mut model, board.uart.0, board.uart.1, 8.0).unwrap();
    model.set("btn_pwr_n", 1);
    PtyBridge::new(model, uart).unwrap()
}

fn backspike(directory: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_backspike"));
    let output = command.current_dir(directory).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_board_is_tested_and_trains_to_the_emulators_weights() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    fs::write(at.join("core.toml"), config().to_toml()).unwrap();
    let text = SMALL
        .replace("shape = [4, 4]", "shape = [8, 8]")
        .replace("neurons = 4\n", "neurons = 10\n")
        .replace("batch = 10", "batch = 8")
        .replace("name = \"small\"", "name = \"small\"\ndata = \"digits\"");
    fs::write(at.join("net.toml"), text).unwrap();

    let bridge = board(1);
    let port = format!("serial:{}", bridge.path());
    let on_board = ["--device", &port, "--config", "core.toml"];
    let info = backspike(at, &[&["device", "info"], &on_board[..]].concat());
    assert!(info.contains("4 lanes") && info.contains(bridge.path()), "{info}");
    let tested = backspike(at, &[&["device", "selftest"], &on_board[..]].concat());
    for part in ["Weight memory", "FP: forward pass", "BP: errors", "WG: update", "status"] {
        let line = tested.lines().find(|line| line.contains(part));
        assert!(line.is_some_and(|line| line.ends_with("good")), "{part}: {tested}");
    }

    let train = |device: &[&str]| {
        let common = ["train", "net.toml", "--limit", "16", "--epochs", "1", "--test-limit", "2"];
        backspike(at, &[&common, device].concat())
    };
    let hash = |text: &str| text.split("weight hash ").nth(1).unwrap()[..16].to_string();
    let trained = train(&[&on_board[..], &["--verify", "emulator"]].concat());
    assert!(trained.contains("verified"), "{trained}");
    assert_eq!(hash(&trained), hash(&train(&["--config", "core.toml"])));
}

#[test]
fn a_port_that_is_not_there_is_a_sentence() {
    let output = Command::new(env!("CARGO_BIN_EXE_backspike"))
        .args(["device", "info", "--device", "serial:/dev/no-such-port"])
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(error.contains("The serial port /dev/no-such-port cannot be opened"), "{error}");
    assert!(error.contains("plug the board in"), "{error}");
}
