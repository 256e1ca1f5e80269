//! What the Verilated core says when a program asks for words that will never come.

mod common;

use backspike_arch::{Device, Engine, Instruction};
use backspike_tb::{RtlOptions, program::issue};
use common::{library, small};

#[test]
fn a_core_with_nothing_to_do_is_idle() {
    let library = library(&small(4));
    let mut device = library.device(&RtlOptions::default()).unwrap();
    issue(&mut device, Engine::Fp, Instruction::Post { token: 1 }).unwrap();
    let error = device.receive(3, &mut Vec::new()).unwrap_err().to_string();
    assert_eq!(
        error,
        "the device is idle, but 3 of 3 words are still awaited: the program pushes less than the host reads"
    );
    assert!(
        device.cycles() < 10_000,
        "the error came at once, not after {} cycles",
        device.cycles()
    );
}

#[test]
fn a_missing_post_is_named() {
    let library = library(&small(4));
    let options = RtlOptions { patience: 10_000, ..RtlOptions::default() };
    let mut device = library.device(&options).unwrap();
    issue(&mut device, Engine::Bp, Instruction::Wait { token: 5 }).unwrap();
    issue(&mut device, Engine::Io, Instruction::Wait { token: 2 }).unwrap();
    let error = device.receive(1, &mut Vec::new()).unwrap_err().to_string();
    assert!(
        error.contains("no progress for 10000 cycles while 1 of 1 words were awaited"),
        "{error}"
    );
    assert!(
        error.contains(
            "0 writes not taken, FP idle, BP waits for token 5, WG idle, IO waits for token 2"
        ),
        "{error}"
    );
}
