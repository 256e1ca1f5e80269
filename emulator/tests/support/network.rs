//! A random network, written down without regard to lanes, and its programs.

use backspike_arch::device::{issue, write_descriptor};
use backspike_arch::num::{BackwardParams, F16, NeuronParams, Optimizer, OptimizerParams, Reset};
use backspike_arch::{
    ArchConfig, BpDescriptor, Coordinates, Device, Engine, FpDescriptor, HostAddress, Instruction,
    IoDescriptor, NeuronWord, PushWord, Region, Register, Shape, TIME_BLOCK, WgDescriptor,
};
use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

/// Where numbers come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// As in training: weights of some tenths, errors of about one.
    Usual,
    /// Every finite pattern up to the largest weight and error.
    Full,
    /// The largest magnitudes only.
    Largest,
}

pub struct Layer {
    pub forward: NeuronParams,
    pub backward: BackwardParams,
    pub optimizer: OptimizerParams,
    pub coordinates: Coordinates,
    /// `[input][output]`.
    pub weights: Vec<F16>,
    pub state: Vec<F16>,
}

pub struct Network {
    pub seed: u64,
    pub steps: usize,
    /// Neurons of each population, the input first.
    pub sizes: Vec<usize>,
    pub layers: Vec<Layer>,
    pub range: Range,
}

/// A random pattern of magnitude at most `2^exponent`.
fn half(rng: &mut ChaCha8Rng, range: Range, exponent: u16) -> F16 {
    let largest = (15 + exponent) << 10;
    let magnitude = match range {
        Range::Full => rng.random_range(0..=largest),
        Range::Largest => rng.random_range(largest - 40..=largest),
        Range::Usual => F16::from_f64(rng.random_range(0.0..0.5)).0,
    };
    F16(magnitude | u16::from(rng.random_bool(0.4)) << 15).canonical()
}

fn neuron(rng: &mut ChaCha8Rng, readout: bool) -> (NeuronParams, BackwardParams) {
    let theta_shift = rng.random_range(-8..=6i8);
    let mut width: [u32; 3] = std::array::from_fn(|_| 1 << rng.random_range(18..28));
    width[rng.random_range(0..3)] *= u32::from(rng.random_bool(0.7));
    let forward = NeuronParams {
        leak: rng.random_bool(0.8).then(|| *[0, 1, 2, 5, 31].choose(rng).expect("a leak")),
        reset: *[Reset::None, Reset::Hard, Reset::Soft].choose(rng).expect("a reset"),
        reset_before_leak: rng.random(),
        fire_ge: rng.random(),
        readout,
        input_shift: *[0, 0, 1, 7, 15].choose(rng).expect("a shift"),
        theta: if rng.random_bool(0.9) {
            1 << (24 + i32::from(theta_shift)).min(30)
        } else {
            rng.random()
        },
        width,
    };
    let backward = BackwardParams {
        leak: forward.leak,
        reset: forward.reset,
        reset_before_leak: forward.reset_before_leak,
        readout,
        input_shift: forward.input_shift,
        detach_reset: rng.random(),
        gain: std::array::from_fn(|_| rng.random_range(-8..=7)),
        theta_shift,
        error_max_exp: 0,
    };
    (forward, backward)
}

impl Network {
    pub fn random(seed: u64, sizes: &[usize], steps: usize, range: Range) -> Self {
        let rng = &mut super::rng(seed);
        let last = sizes.len() - 2;
        let layers = sizes.windows(2).enumerate().map(|(l, size)| {
            let readout = l == last && rng.random_bool(0.6);
            let (forward, backward) = neuron(rng, readout);
            let count = size[0] * size[1];
            let weight_max_exp = rng.random_range(0..=3);
            Layer {
                forward,
                backward,
                optimizer: OptimizerParams {
                    kind: if rng.random() { Optimizer::Lion } else { Optimizer::Sgd },
                    // 15 often: the moment that decays least may saturate.
                    b1: rng.random_range(0..=30).min(15),
                    b2: rng.random_range(0..=30).min(15),
                    weight_max_exp,
                    gradient_shift: rng.random_range(0..=3),
                },
                // The largest coordinates wrap within the layer.
                coordinates: Coordinates {
                    in_base: *[0, 65530, rng.random()].choose(rng).expect("a base"),
                    out_base: *[0, 65530, rng.random()].choose(rng).expect("a base"),
                },
                weights: (0..count).map(|_| half(rng, range, 3)).collect(),
                state: (0..count).map(|_| half(rng, range, 16)).map(finite).collect(),
            }
        });
        let layers = layers.collect();
        Self { seed, steps, sizes: sizes.to_vec(), layers, range }
    }

    /// A configuration of `lanes` that the network fits.
    pub fn config(&self, lanes: usize, slots: usize) -> ArchConfig {
        let config = ArchConfig {
            name: "random".into(),
            slots,
            gradient_slots: 1 << (self.seed % (u64::from(slots.ilog2()) + 1)),
            backward_steps: [1, 4][(self.seed / 7 % 2) as usize],
            slices: 8,
            queue_depth: 64,
            ..ArchConfig::tiny()
        };
        let padded: usize = self.sizes.iter().map(|size| size.next_multiple_of(32)).sum();
        let steps = ArchConfig::blocks(self.steps) * TIME_BLOCK;
        let weights: usize =
            self.sizes.windows(2).map(|size| size[0] * size[1].next_multiple_of(32)).sum();
        let capacity = (padded * steps).next_power_of_two().max(128);
        ArchConfig {
            lanes,
            weights: weights + 96,
            slot_neuron_steps: capacity,
            slot_error_steps: capacity,
            slot_membrane_steps: capacity,
            error_max_exp: (self.seed % 5) as usize,
            ..config
        }
    }
}

/// The number, or the largest finite one of its sign.
fn finite(m: F16) -> F16 {
    F16((m.0 & 0x7fff).min(F16::MAX.0) | m.0 & 0x8000).canonical()
}

/// Number of layers whose errors are propagated etc. follow from the sizes; this is where everything lies in a core.
pub struct Placement<'a> {
    pub network: &'a Network,
    pub config: ArchConfig,
    blocks: usize,
    /// First plane word, error block and membrane block of each population: each population has its own words everywhere.
    base: Vec<usize>,
    row: Vec<usize>,
}

impl<'a> Placement<'a> {
    pub fn new(network: &'a Network, config: &ArchConfig) -> Self {
        let blocks = ArchConfig::blocks(network.steps);
        let (mut base, mut row) = (vec![0], vec![1]); // row 0 belongs to nobody
        for size in &network.sizes {
            base.push(base[base.len() - 1] + config.tiles(*size) * blocks);
        }
        for size in network.sizes.windows(2) {
            row.push(row[row.len() - 1] + config.tiles(size[1]) * size[0]);
        }
        Self { network, config: config.clone(), blocks, base, row }
    }

    fn tiles(&self, population: usize) -> usize {
        self.config.tiles(self.network.sizes[population])
    }

    fn shape(&self, population: usize) -> Shape {
        let neurons = self.network.sizes[population];
        Shape {
            steps: self.network.steps as u8,
            blocks: self.blocks as u8,
            last_lanes: ((neurons - 1) % self.config.lanes + 1) as u8,
        }
    }

    /// Descriptors, weights and state.
    pub fn load(&self, device: &mut dyn Device) {
        for (l, layer) in self.network.layers.iter().enumerate() {
            let (fan_in, tiles) = (self.network.sizes[l] as u32, self.tiles(l + 1) as u32);
            let (weight_base, in_words) = (self.row[l] as u32, self.tiles(l) as u32);
            let (input, output) = (self.base[l] as u32, self.base[l + 1] as u32);
            let shape = self.shape(l + 1);
            let fp = FpDescriptor {
                weight_base,
                fan_in,
                tiles,
                in_words,
                shape,
                in_plane_base: input,
                out_plane_base: output,
                membrane_base: output,
                neuron: NeuronWord::new(&layer.forward, &layer.backward),
                theta: layer.forward.theta,
                width1: layer.forward.width[0],
                width2: layer.forward.width[1],
                width3: layer.forward.width[2],
            };
            // Slice l propagates through layer l; that of layer 0 is NEURON_BACK of the output.
            let last = self.network.layers.len();
            let target = if l == 0 { last } else { l };
            let below = &self.network.layers[target - 1];
            let bp = BpDescriptor {
                weight_base,
                fan_in,
                tiles,
                in_words: self.tiles(target) as u32,
                shape: self.shape(target),
                in_plane_base: self.base[target] as u32,
                out_plane_base: output,
                in_error_base: self.base[target] as u32,
                out_error_base: output,
                neuron: NeuronWord::new(&below.forward, &below.backward),
            };
            let wg = WgDescriptor {
                weight_base,
                fan_in,
                tiles,
                in_words,
                shape,
                in_plane_base: input,
                out_plane_base: output,
                error_base: output,
                optimizer: layer.optimizer.into(),
                coordinates: layer.coordinates,
            };
            write_descriptor(device, l as u8, &fp).expect("a descriptor");
            write_descriptor(device, l as u8, &bp).expect("a descriptor");
            write_descriptor(device, l as u8, &wg).expect("a descriptor");
            self.write_rows(device, Region::Weight, l, &layer.weights);
            self.write_rows(device, Region::State, l, &layer.state);
        }
    }

    pub fn write_rows(&self, device: &mut dyn Device, region: Region, l: usize, values: &[F16]) {
        let outputs = self.network.sizes[l + 1];
        let mut words = Vec::new();
        for tile in 0..self.tiles(l + 1) {
            for j in 0..self.network.sizes[l] {
                let value = |o: usize| match o {
                    o if o < outputs => u32::from(values[j * outputs + o].0),
                    _ => 0,
                };
                let first = tile * self.config.lanes;
                words.extend(
                    (0..self.config.lanes / 2)
                        .map(|sub| value(first + 2 * sub) | value(first + 2 * sub + 1) << 16),
                );
            }
        }
        let at = HostAddress::new(region, self.row[l] as u32, 0);
        device.write(at, &words).expect("rows");
    }

    /// Random input spikes and output errors of one sample.
    pub fn write_sample(&self, device: &mut dyn Device, slot: usize, rng: &mut ChaCha8Rng) {
        let (steps, lanes) = (self.network.steps, self.config.lanes);
        let density = *[0.0, 0.02, 0.2, 0.9].choose(rng).expect("a density");
        let spikes: Vec<bool> =
            (0..steps * self.network.sizes[0]).map(|_| rng.random_bool(density)).collect();
        let subs = Region::Spike.subs(&self.config);
        let mut words = vec![0u32; self.blocks * self.tiles(0) * subs];
        for (at, _) in spikes.iter().enumerate().filter(|(_, spike)| **spike) {
            let (t, j) = (at / self.network.sizes[0], at % self.network.sizes[0]);
            let word = t / TIME_BLOCK * self.tiles(0) + j / lanes;
            let bit = j % lanes * TIME_BLOCK + t % TIME_BLOCK;
            words[word * subs + bit / 32] |= 1 << (bit % 32);
        }
        let row = self.config.plane_row(slot, self.base[0]);
        device.write(HostAddress::new(Region::Spike, row as u32, 0), &words).expect("spikes");

        let last = self.network.layers.len();
        let outputs = self.network.sizes[last];
        let silent = rng.random_bool(0.1);
        let errors: Vec<F16> = (0..steps * outputs)
            .map(|_| {
                let error = half(rng, self.network.range, 4);
                if silent || rng.random_bool(0.3) { F16::ZERO } else { error }
            })
            .collect();
        let mut words = Vec::new();
        for block in 0..self.blocks {
            for tile in 0..self.tiles(last) {
                for t in block * TIME_BLOCK..(block + 1) * TIME_BLOCK {
                    let value = |lane: usize| match tile * lanes + lane {
                        o if o < outputs && t < steps => u32::from(errors[t * outputs + o].0),
                        _ => 0,
                    };
                    words.extend((0..lanes / 2).map(|s| value(2 * s) | value(2 * s + 1) << 16));
                }
            }
        }
        let row = self.config.error_row(slot, self.base[last], 0);
        device.write(HostAddress::new(Region::Error, row as u32, 0), &words).expect("errors");
    }

    /// Trains one batch of `samples` samples, slot after slot; every engine waits for what it needs by tokens.
    pub fn train(&self, device: &mut dyn Device, samples: usize, rng: &mut ChaCha8Rng) {
        let layers = self.network.layers.len() as u8;
        let go = |device: &mut dyn Device, engine, instruction| {
            issue(device, engine, instruction).expect("an instruction");
        };
        let slots = self.config.slots;
        for first in (0..samples).step_by(slots) {
            let count = slots.min(samples - first);
            for slot in 0..count {
                self.write_sample(device, slot, rng);
                let slot = slot as u8;
                for slice in 0..layers {
                    go(device, Engine::Fp, Instruction::Forward { slice, slot });
                }
                go(device, Engine::Fp, Instruction::Post { token: 0 });
                go(device, Engine::Bp, Instruction::Wait { token: 0 });
                go(device, Engine::Bp, Instruction::NeuronBack { slice: 0, slot });
                for slice in (1..layers).rev() {
                    go(device, Engine::Bp, Instruction::Backprop { slice, slot });
                }
                go(device, Engine::Bp, Instruction::Post { token: 1 });
                go(device, Engine::Wg, Instruction::Wait { token: 1 });
                // The last slot of those taken at once has them all.
                let further = slot % self.config.gradient_slots as u8;
                if usize::from(further) + 1 == self.config.gradient_slots
                    || usize::from(slot) + 1 == count
                {
                    let slot = slot - further;
                    for slice in 0..layers {
                        let accumulate = Instruction::Accumulate { slice, slot, further };
                        go(device, Engine::Wg, accumulate);
                    }
                }
            }
            self.finish(device);
        }
        for slice in 0..layers {
            let (rate_shift, scale_shift) = (rng.random_range(0..64), rng.random_range(0..64));
            // Mostly shifts that let gradients and steps through.
            let rate_shift = if rng.random_bool(0.8) { rate_shift % 16 } else { rate_shift };
            let scale_shift = if rng.random_bool(0.8) { scale_shift % 8 } else { scale_shift };
            let key = rng.random();
            let update = Instruction::Update { slice, rate_shift, scale_shift, key };
            go(device, Engine::Wg, update);
        }
        self.finish(device);
    }

    /// Waits for the end of WG's work.
    fn finish(&self, device: &mut dyn Device) {
        issue(device, Engine::Wg, Instruction::Post { token: 2 }).expect("an instruction");
        issue(device, Engine::Io, Instruction::Wait { token: 2 }).expect("an instruction");
        self.read(device, Region::Register, 1);
    }

    /// The first `rows` rows of a region.
    pub fn read(&self, device: &mut dyn Device, region: Region, rows: usize) -> Vec<PushWord> {
        // The largest descriptors first: a slot memory is pushed as the rows that follow slot 0.
        let descriptor = IoDescriptor::to_host(region, 0, rows as u32);
        write_descriptor(device, 7, &descriptor).expect("a descriptor");
        issue(device, Engine::Io, Instruction::Push { slice: 7, slot: 0 }).expect("an instruction");
        let mut words = Vec::new();
        device.receive(rows * region.subs(&self.config), &mut words).expect("words");
        words
    }

    /// Every memory, then every register.
    pub fn read_all(&self, device: &mut dyn Device) -> Vec<(Region, Vec<PushWord>)> {
        let regions = Region::ALL.iter().filter(|region| region.pushable());
        let mut all = Vec::new();
        for &region in regions {
            let rows = match region {
                Region::Register => Register::COUNT,
                _ => region.rows(&self.config),
            };
            all.push((region, self.read(device, region, rows)));
        }
        all
    }

    /// The weights of each layer, `[input][output]`, whatever the lanes.
    pub fn weights(&self, device: &mut dyn Device) -> Vec<Vec<F16>> {
        let rows = self.read(device, Region::Weight, Region::Weight.rows(&self.config));
        let subs = Region::Weight.subs(&self.config);
        let lanes = self.config.lanes;
        self.network
            .sizes
            .windows(2)
            .enumerate()
            .map(|(l, size)| {
                let at = |index: usize| {
                    let (j, o) = (index / size[1], index % size[1]);
                    let row = self.row[l] + o / lanes * size[0] + j;
                    let word = rows[row * subs + o % lanes / 2].data;
                    F16((word >> (16 * (o % 2))) as u16)
                };
                (0..size[0] * size[1]).map(at).collect()
            })
            .collect()
    }
}
