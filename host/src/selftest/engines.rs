//! Engines against the emulator.

use super::{Check, read};
use backspike_arch::{ArchConfig, Device, DeviceError, Engine, Instruction, PushWord, Region};
use backspike_emulator::Emulator;
use backspike_tb::network::{Limits, Network, Sample};
use backspike_tb::program::{Placement, issue};
use rand_chacha::ChaCha8Rng;

/// The emulator that a device is held against.
pub fn emulator(config: &ArchConfig) -> Result<Emulator, DeviceError> {
    Emulator::new(config, 1)
        .map_err(|error| DeviceError::Failed(format!("the emulator cannot be made: {error}")))
}

/// What an engine does for the samples in the first slots, as many as WG takes at once, and what it leaves.
struct Phase {
    name: &'static str,
    engine: Engine,
    instructions: Vec<Instruction>,
    regions: &'static [Region],
}

fn phases(placement: &Placement) -> Vec<Phase> {
    let layers = placement.layers() as u8;
    let slots = 0..placement.config.gradient_slots as u8;
    let forward = slots
        .clone()
        .flat_map(|slot| (0..layers).map(move |slice| Instruction::Forward { slice, slot }));
    let output = placement.output_slice();
    let back = slots.clone().flat_map(|slot| {
        let backprop = (1..layers).rev().map(move |slice| Instruction::Backprop { slice, slot });
        std::iter::once(Instruction::NeuronBack { slice: output, slot }).chain(backprop)
    });
    let further = slots.end - 1;
    let accumulate = (0..layers).map(|slice| Instruction::Accumulate { slice, slot: 0, further });
    let update = (0..layers).map(|slice| Instruction::Update {
        slice,
        rate_shift: 6,
        scale_shift: 4,
        key: 0x5eed + u32::from(slice),
    });
    vec![
        Phase {
            name: "FP: forward pass",
            engine: Engine::Fp,
            instructions: forward.collect(),
            regions: &[Region::Spike, Region::Trace],
        },
        Phase {
            name: "BP: errors",
            engine: Engine::Bp,
            instructions: back.collect(),
            regions: &[Region::Nonzero, Region::Error],
        },
        Phase {
            name: "WG: gradients",
            engine: Engine::Wg,
            instructions: accumulate.collect(),
            regions: &[Region::Gradient],
        },
        Phase {
            name: "WG: update",
            engine: Engine::Wg,
            instructions: update.collect(),
            regions: &[Region::Weight, Region::State, Region::Gradient],
        },
    ]
}

/// What a phase leaves on a device.
fn run(
    device: &mut dyn Device,
    placement: &Placement,
    phase: &Phase,
) -> Result<Vec<PushWord>, DeviceError> {
    for &instruction in &phase.instructions {
        issue(device, phase.engine, instruction)?;
    }
    issue(device, phase.engine, Instruction::Post { token: 7 })?;
    issue(device, Engine::Io, Instruction::Wait { token: 7 })?;
    let mut words = Vec::new();
    for l in 0..placement.layers() {
        // Of the membranes only readouts have any.
        let readout = phase.engine == Engine::Fp && placement.readout[l];
        let regions = phase.regions.iter().chain(readout.then_some(&Region::Membrane));
        for &region in regions {
            let slots = if region.per_slot() { placement.config.gradient_slots } else { 1 };
            for slot in 0..slots {
                words.extend(
                    read(device, region, placement.rows(region, l, slot))?
                        .into_iter()
                        .filter(|word| placement.has_step(region, l, word.addr.row as usize)),
                );
            }
        }
    }
    Ok(words)
}

/// The first word of a device that is not the emulator's.
pub fn difference(
    placement: &Placement,
    got: &[PushWord],
    expected: &[PushWord],
) -> Option<String> {
    let (got, expected) = got.iter().zip(expected).find(|(got, expected)| got != expected)?;
    let at = got.addr;
    let differing = got.data ^ expected.data;
    let name = placement.name(at.region, at.row as usize, at.sub.into(), differing);
    Some(format!(
        "{} of {name}: {:#x}, but the emulator has {:#x}",
        at.region.name(),
        got.data,
        expected.data
    ))
}

/// An engine has done all that was asked of it before, and so has the device.
pub fn settle(device: &mut dyn Device, engine: Engine) -> Result<(), DeviceError> {
    issue(device, engine, Instruction::Post { token: 7 })?;
    issue(device, Engine::Io, Instruction::Wait { token: 7 })?;
    read(device, Region::Register, 0..1).map(|_| ())
}

/// Trains one step of a random network, phase by phase, beside the emulator.
pub fn engines(device: &mut dyn Device, rng: &mut ChaCha8Rng) -> Result<Vec<Check>, DeviceError> {
    let config = device.config().clone();
    let mut emulator = emulator(&config)?;
    let mut limits = Limits { layers: 3, neurons: 60, steps: 8 };
    let (network, placement) = loop {
        let network = Network::random(rng, &config, &limits);
        match Placement::new(&config, &network) {
            Some(placement) => break (network, placement),
            None => limits.neurons = (limits.neurons * 3 / 4).max(1),
        }
    };
    let samples: Vec<Sample> = (0..config.gradient_slots)
        .map(|_| Sample::random(rng, &network, config.error_max_exp as u8))
        .collect();
    let mut both: [&mut dyn Device; 2] = [device, &mut emulator];
    for device in &mut both {
        let device = &mut **device;
        placement.load(device, &network)?;
        for (l, layer) in network.layers.iter().enumerate() {
            placement.clear(device, l)?;
            settle(device, Engine::Wg)?;
            placement.write_rows(device, Region::State, l, layer, &layer.state)?;
        }
        for (slot, sample) in samples.iter().enumerate() {
            placement.write_spikes(device, slot, sample)?;
            placement.write_errors(device, slot, sample)?;
        }
    }
    let mut checks = Vec::new();
    for phase in phases(&placement) {
        let [got, expected] = &mut both;
        let got = run(&mut **got, &placement, &phase)?;
        let expected = run(&mut **expected, &placement, &phase)?;
        let problem = difference(&placement, &got, &expected);
        checks.push(Check { name: phase.name.into(), words: got.len(), problem });
    }
    Ok(checks)
}
