//! Training throughput of the emulator: synthetic batches through 784-512-10, as a host drives a device.
//!
//! ```text
//! cargo run --release -p backspike-emulator --example throughput -- [steps] [batch] [threads] [lanes] [slots]
//! ```
//!
//! Prints the mean and the best time of each phase: on a busy machine the latter tells what the emulator can do.

use backspike_arch::device::{issue, write_descriptor};
use backspike_arch::num::{F16, Optimizer, OptimizerParams, Reset, update_key};
use backspike_arch::{
    ArchConfig, BpDescriptor, Coordinates, Device, DeviceError, Engine, FpDescriptor, HostAddress,
    Instruction, IoDescriptor, NeuronWord, Region, Shape, WgDescriptor,
};
use backspike_emulator::Emulator;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::time::{Duration, Instant};

const SIZES: [usize; 3] = [784, 512, 10];
/// Share of set input spikes.
const INPUT_DENSITY: f64 = 0.13;

/// Tokens: FP to IO, BP to WG, WG to IO, WG to FP.
const FORWARDED: u8 = 0;
const BACKWARDED: u8 = 1;
const ACCUMULATED: u8 = 2;
const UPDATED: u8 = 3;

/// IO slices.
const MEMBRANES: u8 = 0;
const DONE: u8 = 1;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<usize>());
    let mut next = |default| arguments.next().unwrap_or(Ok(default));
    let (steps, batch, threads, lanes) = (next(4)?, next(128)?, next(1)?, next(16)?);
    let slots = next(16)?;
    let config =
        ArchConfig { slots, ..ArchConfig::preset("edge").ok_or("no preset")?.with_lanes(lanes) };
    let mut device = Emulator::new(&config, threads)?;
    let mut bench = Bench::new(&config, steps, batch);
    bench.load(&mut device)?;
    bench.batch(&mut device, 0)?;
    bench.spent = [Duration::ZERO; PHASES.len()];

    let start = Instant::now();
    let mut batches = 0;
    let mut best = [Duration::MAX; PHASES.len()];
    while start.elapsed() < Duration::from_secs(3) {
        batches += 1;
        bench.spent = [Duration::ZERO; PHASES.len()];
        bench.batch(&mut device, batches)?;
        for (best, spent) in best.iter_mut().zip(bench.spent) {
            *best = spent.min(*best);
        }
    }
    let per_sample = |time: Duration| time.as_secs_f64() * 1e6 / batch as f64;
    let mean = per_sample(start.elapsed()) / f64::from(batches);
    let total = per_sample(best.iter().sum());
    println!(
        "{SIZES:?}, {steps} steps, batch {batch}, {threads} threads, {lanes} lanes, {slots} slots: {:.0} samples/s; with the best time of each phase {:.0} samples/s, {total:.2} us a sample:",
        1e6 / mean,
        1e6 / total,
    );
    for (phase, best) in PHASES.iter().zip(best) {
        println!("  {phase:<22} {:6.2} us a sample", per_sample(best));
    }
    let hidden = bench.density(&mut device)?;
    println!(
        "  hidden spikes {:.0} %, surrogate window {:.0} %",
        100.0 * hidden.0,
        100.0 * hidden.1
    );
    Ok(())
}

const PHASES: [&str; 5] = ["host writes", "forward", "backward", "accumulate", "update"];

struct Bench {
    config: ArchConfig,
    steps: usize,
    batch: usize,
    /// Plane words of each sample's input.
    inputs: Vec<Vec<u32>>,
    /// Error words of each sample's output.
    errors: Vec<Vec<u32>>,
    spent: [Duration; PHASES.len()],
}

impl Bench {
    fn new(config: &ArchConfig, steps: usize, batch: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let blocks = ArchConfig::blocks(steps);
        let lanes = config.lanes;
        let inputs = (0..batch)
            .map(|_| {
                let tiles = config.tiles(SIZES[0]);
                let subs = Region::Spike.subs(config);
                let mut words = vec![0u32; blocks * tiles * subs];
                for t in 0..steps {
                    for j in (0..SIZES[0]).filter(|_| rng.random_bool(INPUT_DENSITY)) {
                        let word = (t / 4) * tiles + j / lanes;
                        let bit = (j % lanes) * 4 + t % 4;
                        words[word * subs + bit / 32] |= 1 << (bit % 32);
                    }
                }
                words
            })
            .collect();
        let errors = (0..batch)
            .map(|_| {
                let rows = blocks * config.tiles(SIZES[2]) * 4;
                let mut words = Vec::with_capacity(rows * lanes / 2);
                for row in 0..rows {
                    let tile = row / 4 % config.tiles(SIZES[2]);
                    let mut lane = |lane: usize| {
                        let valid = tile * lanes + lane < SIZES[2];
                        let error = if valid { rng.random_range(-1.0..1.0) } else { 0.0 };
                        u32::from(F16::from_f64(error).to_bits())
                    };
                    for pair in 0..lanes / 2 {
                        words.push(lane(2 * pair) | lane(2 * pair + 1) << 16);
                    }
                }
                words
            })
            .collect();
        let spent = [Duration::ZERO; PHASES.len()];
        Self { config: config.clone(), steps, batch, inputs, errors, spent }
    }

    /// Tiles of each population, then the first plane word of each and the error tile-blocks of the last two.
    fn tiles(&self) -> [u32; 3] {
        SIZES.map(|size| self.config.tiles(size) as u32)
    }

    fn blocks(&self) -> u32 {
        ArchConfig::blocks(self.steps) as u32
    }

    fn plane_base(&self, population: usize) -> u32 {
        self.tiles()[..population].iter().sum::<u32>() * self.blocks()
    }

    fn error_base(&self, population: usize) -> u32 {
        self.tiles()[1..population].iter().sum::<u32>() * self.blocks()
    }

    fn shape(&self, neurons: usize) -> Shape {
        Shape {
            steps: self.steps as u8,
            blocks: self.blocks() as u8,
            last_lanes: ((neurons - 1) % self.config.lanes + 1) as u8,
        }
    }

    fn load(&self, device: &mut Emulator) -> Result<(), DeviceError> {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let tiles = self.tiles();
        let mut weight_base = 0;
        let neuron = |readout| NeuronWord {
            leak_k: 1,
            leak_on: true,
            reset: Reset::Hard,
            fire_ge: true,
            readout,
            detach_reset: true,
            ..Default::default()
        };
        for layer in 0..2 {
            let (fan_in, fan_out) = (SIZES[layer], SIZES[layer + 1]);
            let common = (weight_base, fan_in as u32, tiles[layer + 1], tiles[layer]);
            let readout = layer == 1;
            write_descriptor(
                device,
                layer as u8,
                &FpDescriptor {
                    weight_base: common.0,
                    fan_in: common.1,
                    tiles: common.2,
                    in_words: common.3,
                    shape: self.shape(fan_out),
                    in_plane_base: self.plane_base(layer),
                    out_plane_base: self.plane_base(layer + 1),
                    membrane_base: 0,
                    neuron: neuron(readout),
                    theta: 1 << 24,
                    width1: 1 << 23,
                    width2: 0,
                    width3: 0,
                },
            )?;
            // Slice 0: NEURON_BACK of the output; slice 1: BACKPROP from the output to the hidden population.
            let target = if layer == 0 { 2 } else { 1 };
            write_descriptor(
                device,
                layer as u8,
                &BpDescriptor {
                    weight_base: common.0,
                    fan_in: if layer == 0 { SIZES[2] } else { SIZES[1] } as u32,
                    tiles: tiles[2],
                    in_words: tiles[target],
                    shape: self.shape(SIZES[target]),
                    in_plane_base: self.plane_base(target),
                    out_plane_base: self.plane_base(2),
                    in_error_base: self.error_base(target),
                    out_error_base: self.error_base(2),
                    neuron: neuron(target == 2),
                },
            )?;
            write_descriptor(
                device,
                layer as u8,
                &WgDescriptor {
                    weight_base: common.0,
                    fan_in: common.1,
                    tiles: common.2,
                    in_words: common.3,
                    shape: self.shape(fan_out),
                    in_plane_base: self.plane_base(layer),
                    out_plane_base: self.plane_base(layer + 1),
                    error_base: self.error_base(layer + 1),
                    optimizer: OptimizerParams {
                        kind: Optimizer::Lion,
                        b1: 3,
                        b2: 6,
                        weight_max_exp: 3,
                        gradient_shift: 0,
                    }
                    .into(),
                    coordinates: Coordinates::default(),
                },
            )?;
            let scale = if layer == 0 { 0.2 } else { 0.05 };
            let mut words = Vec::new();
            for tile in 0..tiles[layer + 1] as usize {
                for _ in 0..fan_in {
                    let mut lane = |lane: usize| {
                        let valid = tile * self.config.lanes + lane < fan_out;
                        let weight = rng.random_range(-scale..scale) + 0.003;
                        u32::from(F16::from_f64(if valid { weight } else { 0.0 }).to_bits())
                    };
                    for pair in 0..self.config.lanes / 2 {
                        words.push(lane(2 * pair) | lane(2 * pair + 1) << 16);
                    }
                }
            }
            device.write(HostAddress::new(Region::Weight, weight_base, 0), &words)?;
            weight_base += tiles[layer + 1] * fan_in as u32;
        }
        let membranes = IoDescriptor::to_host(Region::Membrane, 0, tiles[2] * self.blocks() * 4);
        write_descriptor(device, MEMBRANES, &membranes)?;
        write_descriptor(device, DONE, &IoDescriptor::to_host(Region::Register, 0, 1))
    }

    /// One batch: groups of as many samples as there are slots, then the update.
    fn batch(&mut self, device: &mut Emulator, number: u32) -> Result<(), DeviceError> {
        let membrane_words = Region::Membrane.subs(&self.config)
            * self.tiles()[2] as usize
            * self.blocks() as usize
            * 4;
        let mut words = Vec::new();
        let (in_base, error_base) = (self.plane_base(0), self.error_base(2));
        let slots = self.config.slots;
        let mut first = 0;
        while first < self.batch {
            let count = slots.min(self.batch - first);
            let mut last = Instant::now();
            let mut lap = |spent: &mut Duration| {
                *spent += last.elapsed();
                last = Instant::now();
            };
            for slot in 0..count {
                let row = self.config.plane_row(slot, in_base as usize) as u32;
                device
                    .write(HostAddress::new(Region::Spike, row, 0), &self.inputs[first + slot])?;
                let slot = slot as u8;
                issue(device, Engine::Fp, Instruction::Forward { slice: 0, slot })?;
                issue(device, Engine::Fp, Instruction::Forward { slice: 1, slot })?;
                issue(device, Engine::Fp, Instruction::Post { token: FORWARDED })?;
                issue(device, Engine::Io, Instruction::Wait { token: FORWARDED })?;
                issue(device, Engine::Io, Instruction::Push { slice: MEMBRANES, slot })?;
            }
            lap(&mut self.spent[0]);
            device.receive(membrane_words * count, &mut words)?;
            lap(&mut self.spent[1]);
            for slot in 0..count {
                let row = self.config.error_row(slot, error_base as usize, 0) as u32;
                device
                    .write(HostAddress::new(Region::Error, row, 0), &self.errors[first + slot])?;
                let slot = slot as u8;
                issue(device, Engine::Bp, Instruction::NeuronBack { slice: 0, slot })?;
                issue(device, Engine::Bp, Instruction::Backprop { slice: 1, slot })?;
                issue(device, Engine::Bp, Instruction::Post { token: BACKWARDED })?;
                issue(device, Engine::Io, Instruction::Wait { token: BACKWARDED })?;
            }
            issue(device, Engine::Io, Instruction::Push { slice: DONE, slot: 0 })?;
            lap(&mut self.spent[0]);
            device.receive(1, &mut words)?;
            lap(&mut self.spent[2]);
            for slot in 0..count {
                let slot = slot as u8;
                issue(device, Engine::Wg, Instruction::Accumulate { slice: 0, slot, further: 0 })?;
                issue(device, Engine::Wg, Instruction::Accumulate { slice: 1, slot, further: 0 })?;
            }
            issue(device, Engine::Wg, Instruction::Post { token: ACCUMULATED })?;
            issue(device, Engine::Io, Instruction::Wait { token: ACCUMULATED })?;
            issue(device, Engine::Io, Instruction::Push { slice: DONE, slot: 0 })?;
            lap(&mut self.spent[0]);
            device.receive(1, &mut words)?;
            lap(&mut self.spent[3]);
            words.clear();
            first += count;
        }
        let start = Instant::now();
        for slice in 0..2 {
            let key = update_key(1, number, slice.into());
            issue(
                device,
                Engine::Wg,
                Instruction::Update { slice, rate_shift: 24, scale_shift: 4, key },
            )?;
        }
        issue(device, Engine::Wg, Instruction::Post { token: UPDATED })?;
        issue(device, Engine::Io, Instruction::Wait { token: UPDATED })?;
        issue(device, Engine::Io, Instruction::Push { slice: DONE, slot: 0 })?;
        device.receive(1, &mut words)?;
        self.spent[4] += start.elapsed();
        Ok(())
    }

    /// Share of spikes and of neurons inside the surrogate window, in the hidden population of slot 0.
    fn density(&self, device: &mut Emulator) -> Result<(f64, f64), DeviceError> {
        let rows = self.tiles()[1] * self.blocks();
        let base = self.plane_base(1);
        write_descriptor(device, 2, &IoDescriptor::to_host(Region::Trace, base, rows))?;
        issue(device, Engine::Io, Instruction::Push { slice: 2, slot: 0 })?;
        let mut words = Vec::new();
        let subs = Region::Trace.subs(&self.config);
        device.receive(rows as usize * subs, &mut words)?;
        let mut ones = [0u32; 3];
        for word in &words {
            ones[usize::from(word.addr.sub) / (subs / 3)] += word.data.count_ones();
        }
        let cells = (SIZES[1] * self.steps) as f64;
        Ok((f64::from(ones[0]) / cells, f64::from(ones[1] + ones[2]) / cells))
    }
}
