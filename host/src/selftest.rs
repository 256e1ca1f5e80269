//! Whether a device is a whole core: its memories keep what is written, its engines compute what the emulator does.

use backspike_arch::{
    ArchConfig, Device, DeviceError, Engine, HostAddress, Instruction, IoDescriptor,
    PackedWord as _, PushWord, Region, Register, Status, TIME_BLOCK, device::write_descriptor,
};
use backspike_emulator::Emulator;
use backspike_tb::network::{Limits, Network, Sample};
use backspike_tb::program::{Placement, issue};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A check and how it ended.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Check {
    pub name: String,
    /// Words compared.
    pub words: usize,
    /// What is wrong, if anything.
    pub problem: Option<String>,
}

/// Rows read at a time.
const ROWS: usize = 64;

/// Rows of a memory.
fn read(
    device: &mut dyn Device,
    region: Region,
    rows: std::ops::Range<usize>,
) -> Result<Vec<PushWord>, DeviceError> {
    let per_slot = region.slot_rows(device.config());
    // A memory without slots is one of slot 0.
    let slot = rows.start.checked_div(per_slot).unwrap_or(0);
    let base = rows.start - slot * per_slot;
    let push = IoDescriptor::to_host(region, base as u32, rows.len() as u32);
    write_descriptor(device, 0, &push)?;
    issue(device, Engine::Io, Instruction::Push { slice: 0, slot: slot as u8 })?;
    let mut words = Vec::new();
    device.receive(rows.len() * region.subs(device.config()), &mut words)?;
    Ok(words)
}

/// The registers before the counters, by name.
pub fn registers(device: &mut dyn Device) -> Result<Vec<(Register, u32)>, DeviceError> {
    let words = read(device, Region::Register, 0..Register::COUNT)?;
    Ok(Register::all().zip(words.into_iter().map(|word| word.data)).collect())
}

/// Why the device is not a core of its configuration.
pub fn identity(device: &mut dyn Device) -> Result<Check, DeviceError> {
    let registers = registers(device)?;
    let config = device.config().clone();
    let wrong: Vec<String> = registers
        .iter()
        .filter_map(|&(register, found)| {
            let wanted = register.identity(&config)?;
            (wanted != found).then(|| format!("{} is {found:#x}, not {wanted:#x}", register.name()))
        })
        .collect();
    let problem = (!wrong.is_empty()).then(|| wrong.join("; "));
    Ok(Check { name: format!("identity of {}", config.name), words: registers.len(), problem })
}

/// One element of a march test: which way it goes, which background it must find, and which it leaves.
struct March {
    upward: bool,
    finds: Option<usize>,
    leaves: Option<usize>,
}

const fn march(upward: bool, finds: Option<usize>, leaves: Option<usize>) -> March {
    March { upward, finds, leaves }
}

/// March C-: finds all stuck, transition, inversion, idempotent and state coupling faults and all faults of the address decoder (van de
/// Goor, "Using March Tests to Test SRAMs", IEEE Design & Test 10(1), 1993).
const MARCH_C: [March; 6] = [
    march(true, None, Some(0)),
    march(true, Some(0), Some(1)),
    march(true, Some(1), Some(0)),
    march(false, Some(0), Some(1)),
    march(false, Some(1), Some(0)),
    march(false, Some(0), None),
];

/// A march test of `region`, some rows at a time, with random words and their complement for 0 and 1: rows that are read and written
/// together differ, so that one in another's place shows too.
fn memory(
    device: &mut dyn Device,
    region: Region,
    rng: &mut ChaCha8Rng,
) -> Result<Check, DeviceError> {
    let config = device.config().clone();
    let (rows, subs) = (region.rows(&config), region.subs(&config));
    let mask = match region {
        // A plane word of few lanes has less than 32 bits.
        Region::Spike if config.plane_bits() < 32 => (1 << config.plane_bits()) - 1,
        Region::Nonzero => (1 << TIME_BLOCK) - 1,
        _ => u32::MAX,
    };
    let first: Vec<u32> = (0..rows * subs).map(|_| rng.random::<u32>() & mask).collect();
    let second: Vec<u32> = first.iter().map(|word| !word & mask).collect();
    let backgrounds = [first, second];
    let per_slot = region.slot_rows(&config);
    let step = if per_slot == 0 { ROWS } else { ROWS.min(per_slot) };
    let mut problem = None;
    let mut words = 0;
    for March { upward, finds, leaves } in MARCH_C {
        let groups = (0..rows).step_by(step);
        let groups: Vec<usize> = if upward { groups.collect() } else { groups.rev().collect() };
        for row in groups {
            let end = (row + step).min(rows);
            let range = row * subs..end * subs;
            if let Some(background) = finds {
                let got = read(device, region, row..end)?;
                words += got.len();
                let wanted = &backgrounds[background][range.clone()];
                let wrong = got.iter().zip(wanted).find(|(word, wanted)| word.data != **wanted);
                if let Some((word, wanted)) = wrong {
                    problem.get_or_insert_with(|| {
                        format!(
                            "row {}, word {}: {wanted:#010x} was written, {:#010x} came back",
                            word.addr.row, word.addr.sub, word.data
                        )
                    });
                }
            }
            if let Some(background) = leaves {
                let at = HostAddress::new(region, row as u32, 0);
                device.write(at, &backgrounds[background][range])?;
            }
        }
    }
    Ok(Check { name: format!("{} memory", region.name()), words, problem })
}

/// What an engine does for the sample in slot 0, and what it leaves.
struct Phase {
    name: &'static str,
    engine: Engine,
    instructions: Vec<Instruction>,
    regions: &'static [Region],
}

fn phases(placement: &Placement) -> Vec<Phase> {
    let layers = placement.layers() as u8;
    let slot = 0;
    let forward = (0..layers).map(|slice| Instruction::Forward { slice, slot });
    let back = std::iter::once(Instruction::NeuronBack { slice: placement.output_slice(), slot });
    let backprop = (1..layers).rev().map(|slice| Instruction::Backprop { slice, slot });
    let accumulate = (0..layers).map(|slice| Instruction::Accumulate { slice, slot });
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
            instructions: back.chain(backprop).collect(),
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
        for &region in phase.regions {
            let rows = placement.rows(region, l, 0);
            words.extend(
                read(device, region, rows)?
                    .into_iter()
                    .filter(|word| placement.has_step(region, l, word.addr.row as usize)),
            );
        }
        // Of the membranes only readouts have any.
        if phase.engine == Engine::Fp && placement.readout[l] {
            let rows = placement.rows(Region::Membrane, l, 0);
            words.extend(
                read(device, Region::Membrane, rows)?
                    .into_iter()
                    .filter(|word| placement.has_step(Region::Membrane, l, word.addr.row as usize)),
            );
        }
    }
    Ok(words)
}

/// Trains one step of a random network, phase by phase, beside the emulator.
fn engines(device: &mut dyn Device, rng: &mut ChaCha8Rng) -> Result<Vec<Check>, DeviceError> {
    let config = device.config().clone();
    let mut emulator = Emulator::new(&config, 1)
        .map_err(|error| DeviceError::Failed(format!("the emulator cannot be made: {error}")))?;
    let mut limits = Limits { layers: 3, neurons: 60, steps: 8 };
    let (network, placement) = loop {
        let network = Network::random(rng, &config, &limits);
        match Placement::new(&config, &network) {
            Some(placement) => break (network, placement),
            None => limits.neurons = (limits.neurons * 3 / 4).max(1),
        }
    };
    let sample = Sample::random(rng, &network, config.error_max_exp as u8);
    let mut both: [&mut dyn Device; 2] = [device, &mut emulator];
    for device in &mut both {
        let device = &mut **device;
        placement.load(device, &network)?;
        for (l, layer) in network.layers.iter().enumerate() {
            placement.clear(device, l)?;
            issue(device, Engine::Wg, Instruction::Post { token: 7 })?;
            issue(device, Engine::Io, Instruction::Wait { token: 7 })?;
            read(device, Region::Register, 0..1)?;
            placement.write_rows(device, Region::State, l, layer, &layer.state)?;
        }
        placement.write_spikes(device, 0, &sample)?;
        placement.write_errors(device, 0, &sample)?;
    }
    let mut checks = Vec::new();
    for phase in phases(&placement) {
        let [got, expected] = &mut both;
        let got = run(&mut **got, &placement, &phase)?;
        let expected = run(&mut **expected, &placement, &phase)?;
        let wrong = got.iter().zip(&expected).find(|(got, expected)| got != expected);
        let problem = wrong.map(|(got, expected)| {
            let at = got.addr;
            let name =
                placement.name(at.region, at.row as usize, at.sub.into(), got.data ^ expected.data);
            format!(
                "{} of {name}: {:#x}, but the emulator has {:#x}",
                at.region.name(),
                got.data,
                expected.data
            )
        });
        checks.push(Check { name: phase.name.into(), words: got.len(), problem });
    }
    Ok(checks)
}

/// Rows that a core sends in [`all_to_all`], at most.
const SENT: usize = 4;

/// On a mesh: every core sends rows of its weight memory to every core, itself among them, all at once; each must hold the rows of all.
pub fn all_to_all(cores: &mut [Box<dyn Device>], seed: u64) -> Result<Check, DeviceError> {
    let name = "mesh, all to all".to_owned();
    let Some(config) = cores.first().map(|core| core.config().clone()) else {
        return Ok(Check { name, words: 0, problem: Some("there is no core".into()) });
    };
    let rng = &mut ChaCha8Rng::seed_from_u64(seed);
    let (count, region) = (cores.len(), Region::Weight);
    let subs = region.subs(&config);
    // The first rows are the core's own, then come those of each core.
    let rows = (region.rows(&config) / (count + 1)).min(SENT);
    let own: Vec<Vec<u32>> =
        (0..count).map(|_| (0..rows * subs).map(|_| rng.random()).collect()).collect();
    for (core, own) in cores.iter_mut().zip(&own) {
        core.write(HostAddress::new(region, 0, 0), own)?;
        core.write(HostAddress::new(region, rows as u32, 0), &vec![0; count * rows * subs])?;
        // What others send must not come before these.
        read(core.as_mut(), region, 0..1)?;
    }
    let all = (1_u64 << count) - 1;
    // With fewer tokens than cores some share one: it counts.
    let token = |from: usize| (from % config.tokens) as u8;
    for (from, core) in cores.iter_mut().enumerate() {
        let to = (rows * (from + 1)) as u32;
        let push = IoDescriptor::to_nodes(region, 0, rows as u32, to, all);
        // Slice 0 is that of reads.
        write_descriptor(core.as_mut(), 1, &push)?;
        write_descriptor(core.as_mut(), 2, &IoDescriptor::post(token(from), all))?;
    }
    for core in cores.iter_mut() {
        for slice in [1, 2] {
            issue(core.as_mut(), Engine::Io, Instruction::Push { slice, slot: 0 })?;
        }
    }
    let expected: Vec<u32> = own.concat();
    let (mut words, mut problem) = (0, None);
    for (to, core) in cores.iter_mut().enumerate() {
        for from in 0..count {
            issue(core.as_mut(), Engine::Io, Instruction::Wait { token: token(from) })?;
            // A queue that is full would keep the token from the core that waits for it.
            read(core.as_mut(), Region::Register, 0..1)?;
        }
        let got = read(core.as_mut(), region, rows..rows * (count + 1))?;
        words += got.len();
        let wrong = got.iter().zip(&expected).position(|(got, wanted)| got.data != *wanted);
        if let Some(at) = wrong {
            problem.get_or_insert_with(|| {
                format!(
                    "core {} sent {:#010x}, core {to} holds {:#010x}",
                    at / (rows * subs),
                    expected[at],
                    got[at].data
                )
            });
        }
    }
    Ok(Check { name, words, problem })
}

/// All checks; `watch` is told each as it ends. `seed` draws patterns and networks.
pub fn selftest(
    device: &mut dyn Device,
    seed: u64,
    mut watch: impl FnMut(&Check),
) -> Result<Vec<Check>, DeviceError> {
    let rng = &mut ChaCha8Rng::seed_from_u64(seed);
    let mut checks = Vec::new();
    let mut done = |check: Check| {
        watch(&check);
        checks.push(check);
    };
    let check = identity(device)?;
    let strange = check.problem.is_some();
    done(check);
    // Nothing can be said about a core whose memories have other sizes.
    if !strange {
        for region in [Region::Weight, Region::State, Region::Spike, Region::Error, Region::Nonzero]
        {
            done(memory(device, region, rng)?);
        }
        for _ in 0..4 {
            engines(device, rng)?.into_iter().for_each(&mut done);
        }
        let status =
            read(device, Region::Register, Register::Status.index()..Register::Status.index() + 1)?;
        let problems = Status::decode(status[0].data)?.problems();
        let problem = (!problems.is_empty()).then(|| problems.join("; "));
        done(Check { name: "status".into(), words: 1, problem });
    }
    Ok(checks)
}

/// The configuration as an owner sees it: what fits a line.
pub fn describe(config: &ArchConfig) -> String {
    format!(
        "{}: {} lanes, {} optimizers, {} weights, {} slots, {} MHz",
        config.name,
        config.lanes,
        config.optimizers,
        config.weights,
        config.slots,
        config.clock_mhz
    )
}
