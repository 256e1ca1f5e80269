//! Sticky bits of the status register and tokens at their limits, RTL against emulator.

mod common;

use backspike_arch::{
    Device, Engine, HostAddress, Instruction, IoDescriptor, PackedWord as _, Region, Register,
    Status,
};
use backspike_emulator::Emulator;
use backspike_tb::{
    RtlOptions,
    lockstep::read_registers,
    network::{Limits, Network, Sample},
    program::{Placement, describe, issue},
};
use common::{library, rng, small};

fn placement() -> (Network, Placement) {
    let config = small(4);
    let rng = &mut rng(3);
    let limits = Limits { layers: 1, neurons: 33, steps: 4 };
    loop {
        let network = Network::random(rng, &config, &limits);
        if network.population(0) * network.population(1) > 300
            && let Some(placement) = Placement::new(&config, &network)
        {
            return (network, placement);
        }
    }
}

fn status(device: &mut dyn Device, placement: &Placement) -> u32 {
    read_registers(device, placement).unwrap()[Register::Status.index()]
}

/// Both devices; every test runs on the emulator, then on the RTL.
fn devices(seed: u64) -> [Box<dyn Device>; 2] {
    let config = small(4);
    let options = RtlOptions { seed, patience: 100_000, ..RtlOptions::default() };
    let rtl = library(&config).device(&options).unwrap();
    [Box::new(Emulator::new(&config, 1).unwrap()), Box::new(rtl)]
}

#[test]
fn illegal_instructions_are_dropped_and_told() {
    let (_, placement) = placement();
    for mut device in devices(1) {
        let device = device.as_mut();
        assert_eq!(status(device, &placement), 0);
        let mut expected = Status::default();
        // FORWARD on the WG queue, CLEAR on FP, code 0 on BP, code 15 on IO.
        let words = [
            (Engine::Wg, Instruction::Forward { slice: 0, slot: 0 }.encode().unwrap()[0]),
            (Engine::Fp, Instruction::Clear { slice: 0 }.encode().unwrap()[0]),
            (Engine::Bp, 0),
            (Engine::Io, 15),
        ];
        for (engine, word) in words {
            device.write(HostAddress::queue(engine), &[word]).unwrap();
            match engine {
                Engine::Fp => expected.illegal_fp = true,
                Engine::Bp => expected.illegal_bp = true,
                Engine::Wg => expected.illegal_wg = true,
                Engine::Io => expected.illegal_io = true,
            }
            // The instruction behind the dropped one still runs.
            issue(device, engine, Instruction::Post { token: 3 }).unwrap();
            issue(device, Engine::Io, Instruction::Wait { token: 3 }).unwrap();
            assert_eq!(status(device, &placement), expected.encode().unwrap());
        }
    }
}

#[test]
fn a_push_of_a_region_that_cannot_be_pushed_sends_nothing() {
    let (_, placement) = placement();
    for mut device in devices(2) {
        let device = device.as_mut();
        let descriptor = IoDescriptor::to_host(Region::Queue, 0, 3);
        describe(device, 1, &descriptor).unwrap();
        issue(device, Engine::Io, Instruction::Push { slice: 1, slot: 0 }).unwrap();
        let expected = Status { illegal_io: true, ..Status::default() };
        assert_eq!(status(device, &placement), expected.encode().unwrap());
    }
}

#[test]
fn tokens_count_to_255() {
    let (_, placement) = placement();
    for mut device in devices(3) {
        let device = device.as_mut();
        for _ in 0..255 {
            issue(device, Engine::Fp, Instruction::Post { token: 7 }).unwrap();
        }
        for _ in 0..255 {
            issue(device, Engine::Wg, Instruction::Wait { token: 7 }).unwrap();
        }
        issue(device, Engine::Wg, Instruction::Post { token: 0 }).unwrap();
        issue(device, Engine::Io, Instruction::Wait { token: 0 }).unwrap();
        assert_eq!(status(device, &placement), 0);
        // All are taken: a further WAIT waits.
        issue(device, Engine::Io, Instruction::Wait { token: 7 }).unwrap();
        assert!(read_registers(device, &placement).is_err());
    }
}

#[test]
fn tokens_and_nonzero_words_come_by_the_host_port() {
    let (_, placement) = placement();
    for mut device in devices(5) {
        let device = device.as_mut();
        let rows = Region::Nonzero.rows(device.config()) as u32;
        let words: Vec<u32> = (0..rows).map(|row| row.wrapping_mul(0x9e37_79b9) >> 28).collect();
        issue(device, Engine::Io, Instruction::Wait { token: 5 }).unwrap();
        issue(device, Engine::Io, Instruction::Wait { token: 6 }).unwrap();
        describe(device, 1, &IoDescriptor::to_host(Region::Nonzero, 0, rows)).unwrap();
        issue(device, Engine::Io, Instruction::Push { slice: 1, slot: 0 }).unwrap();
        device.write(HostAddress::new(Region::Nonzero, 0, 0), &words).unwrap();
        // Tokens 5 and 6.
        device.write(HostAddress::new(Region::Token, 5, 0), &[0, 9]).unwrap();
        // A core without a mesh sends what is for others to the host: the row is the one that it would have there.
        let elsewhere = IoDescriptor::to_nodes(Region::Nonzero, 2, 3, 1, 6);
        describe(device, 2, &elsewhere).unwrap();
        issue(device, Engine::Io, Instruction::Push { slice: 2, slot: 0 }).unwrap();
        describe(device, 3, &IoDescriptor::post(7, 1)).unwrap();
        issue(device, Engine::Io, Instruction::Push { slice: 3, slot: 0 }).unwrap();
        let mut pushed = Vec::new();
        device.receive(words.len() + 4, &mut pushed).unwrap();
        let (all, rest) = pushed.split_at(words.len());
        assert_eq!(all.iter().map(|word| word.data).collect::<Vec<_>>(), words);
        let rest: Vec<_> = rest.iter().map(|word| (word.addr, word.data, word.last)).collect();
        let at = |region, row| HostAddress::new(region, row, 0);
        let wanted = [
            (at(Region::Nonzero, 1), words[2], false),
            (at(Region::Nonzero, 2), words[3], false),
            (at(Region::Nonzero, 3), words[4], true),
            (at(Region::Token, 7), 0, true),
        ];
        assert_eq!(rest, wanted);
        assert_eq!(status(device, &placement), 0);
    }
}

/// The emulator runs such a program in an order of its own, so this is the RTL alone.
#[test]
fn updating_weights_that_are_being_read_is_a_conflict() {
    let (network, placement) = placement();
    let [_, mut device] = devices(4);
    let device = device.as_mut();
    placement.load(device, &network).unwrap();
    placement.clear(device, 0).unwrap();
    let sample = Sample {
        spikes: vec![true; network.population(0) * network.steps],
        errors: vec![backspike_arch::num::F16::ONE; network.population(1) * network.steps],
    };
    placement.write_spikes(device, 0, &sample).unwrap();
    issue(device, Engine::Wg, Instruction::Post { token: 0 }).unwrap();
    issue(device, Engine::Fp, Instruction::Wait { token: 0 }).unwrap();
    let update = Instruction::Update { slice: 0, rate_shift: 1, scale_shift: 0, key: 0 };
    for _ in 0..4 {
        issue(device, Engine::Fp, Instruction::Forward { slice: 0, slot: 0 }).unwrap();
        issue(device, Engine::Wg, update).unwrap();
    }
    for (engine, token) in [(Engine::Fp, 1), (Engine::Wg, 2)] {
        issue(device, engine, Instruction::Post { token }).unwrap();
        issue(device, Engine::Io, Instruction::Wait { token }).unwrap();
    }
    let expected = Status { conflict_a: true, ..Status::default() };
    assert_eq!(status(device, &placement), expected.encode().unwrap());
}
