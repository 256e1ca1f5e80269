//! Whole batches with overlapping engines: RTL and emulator give the same words and counters, and weights do not depend on lanes.

mod common;

use backspike_arch::{ArchConfig, Counter, Device, DeviceError, Region, num::F16};
use backspike_emulator::Emulator;
use backspike_tb::{
    RtlOptions,
    batch::{Step, settle, train_batch},
    lockstep::{compare_registers, counters, read_registers},
    network::{Limits, Network, Sample},
    program::Placement,
};
use common::{library, rng, seeds, small};
use rand::Rng;

const STEPS: [Step; 2] = [
    Step { rate_shift: 6, scale_shift: 4, key: 0x1234_5678 },
    Step { rate_shift: 7, scale_shift: 2, key: 0x9abc_def0 },
];

/// What a run leaves: pushed words, registers, then weights and state of each layer in network order.
struct Outcome {
    pushed: Vec<backspike_arch::PushWord>,
    registers: Vec<u32>,
    layers: Vec<Vec<F16>>,
}

fn run(
    device: &mut dyn Device,
    network: &Network,
    placement: &Placement,
    batches: &[Vec<Sample>],
) -> Result<Outcome, DeviceError> {
    placement.load(device, network)?;
    for (l, layer) in network.layers.iter().enumerate() {
        placement.clear(device, l)?;
        settle(device, placement)?;
        placement.write_rows(device, Region::State, l, layer, &layer.state)?;
    }
    let mut pushed = Vec::new();
    for (samples, step) in batches.iter().zip(STEPS) {
        pushed.extend(train_batch(device, placement, samples, step)?);
    }
    settle(device, placement)?;
    let registers = read_registers(device, placement)?;
    let mut layers = Vec::new();
    for l in 0..placement.layers() {
        layers.push(placement.read_layer(device, Region::Weight, l)?);
        layers.push(placement.read_layer(device, Region::State, l)?);
    }
    Ok(Outcome { pushed, registers, layers })
}

/// The emulator's clock runs as the core's, when the host never pauses: within 2 % and 32 cycles, since a row pushed just before an
/// engine begins, not just after, comes earlier by an instruction of the engine.
fn check_wall(expected: &[u32], got: &[u32]) {
    let [expected, got] = [expected, got].map(|registers| counters(registers)[Counter::Cycles]);
    let limit = got / 50 + 32;
    assert!(expected.abs_diff(got) <= limit, "{expected} cycles expected, {got} counted");
}

fn task(seed: u64, config: &ArchConfig) -> (Network, Vec<Vec<Sample>>) {
    let rng = &mut rng(seed);
    let limits = Limits { layers: 3, neurons: 33, steps: 6 };
    let network = loop {
        let network = Network::random(rng, config, &limits);
        // It must fit with any number of lanes: 32 pads most.
        if Placement::new(&small(32), &network).is_some() {
            break network;
        }
    };
    let mut batch = || {
        let count = rng.random_range(1..=7);
        (0..count).map(|_| Sample::random(rng, &network, config.error_max_exp as u8)).collect()
    };
    let batches = vec![batch(), batch()];
    (network, batches)
}

#[test]
fn overlapping_engines_agree_with_the_emulator_and_lanes_change_nothing() {
    let libraries = [4, 8, 16, 32].map(|lanes| library(&small(lanes)));
    for seed in seeds(6) {
        let (network, batches) = task(seed, &small(8));
        let mut first: Option<Vec<Vec<F16>>> = None;
        for (library, lanes) in libraries.iter().zip([4, 8, 16, 32]) {
            let config = small(lanes);
            let placement = Placement::new(&config, &network).unwrap();
            let options = RtlOptions {
                seed,
                write_pauses: [0, 80, 200][seed as usize % 3],
                push_pauses: [0, 200, 80][seed as usize % 3],
                patience: 500_000,
                ..RtlOptions::default()
            };
            let mut rtl = library.device(&options).unwrap();
            let mut emulator = Emulator::new(&config, 1).unwrap();
            let expected = run(&mut emulator, &network, &placement, &batches).unwrap();
            let got = run(&mut rtl, &network, &placement, &batches)
                .unwrap_or_else(|error| panic!("seed {seed}, {lanes} lanes: {error}"));
            assert_eq!(
                expected.layers, got.layers,
                "seed {seed}, {lanes} lanes: weights and state"
            );
            assert_eq!(
                expected.pushed.len(),
                got.pushed.len(),
                "seed {seed}, {lanes} lanes: pushed words"
            );
            for (expected, got) in expected.pushed.iter().zip(&got.pushed) {
                // Rows of steps beyond the last are never written.
                if placement.is_written(got.addr) {
                    assert_eq!(expected, got, "seed {seed}, {lanes} lanes");
                }
            }
            let difference =
                compare_registers(&expected.registers, &got.registers, &Default::default());
            assert_eq!(difference, None, "seed {seed}, {lanes} lanes");
            if options.write_pauses == 0 && options.push_pauses == 0 {
                check_wall(&expected.registers, &got.registers);
            }
            let weights = got.layers;
            assert_eq!(
                first.get_or_insert_with(|| weights.clone()),
                &weights,
                "lanes changed a weight"
            );
        }
    }
}
