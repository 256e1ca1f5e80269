//! A dense network on a core, laid out straight from the machine page: a second writer of the layout, independent of the
//! host's compiler.

use std::ops::Range;

use backspike_arch::{
    ArchConfig, BpDescriptor, Coordinates, Descriptor, Device, DeviceError, Engine, FpDescriptor,
    HostAddress, Instruction, IoDescriptor, NeuronWord, Region, Shape, TIME_BLOCK, WgDescriptor,
    device::write_descriptor, num::F16,
};

use crate::{
    lockstep::read_rows,
    network::{Layer, Network, Sample},
};

/// Where a population's words are, in tile-blocks within a slot.
#[derive(Clone, Copy, Debug)]
pub struct PopulationPlace {
    pub neurons: usize,
    pub tiles: usize,
    /// Spike, trace and nonzero words.
    pub plane_base: usize,
    /// Error tile-blocks; unused for the input.
    pub error_base: usize,
    /// Membrane tile-blocks; unused but for a readout.
    pub membrane_base: usize,
}

/// A network's place in the memories of one core.
#[derive(Clone, Debug)]
pub struct Placement {
    pub config: ArchConfig,
    pub steps: usize,
    pub blocks: usize,
    pub populations: Vec<PopulationPlace>,
    /// First weight row of each layer.
    pub weight_base: Vec<usize>,
    /// Rows of each layer: tiles x fan-in.
    pub weight_rows: Vec<usize>,
    /// Layers whose population is a readout.
    pub readout: Vec<bool>,
}

fn narrow<T: TryFrom<usize>>(value: usize) -> T {
    // Sizes of a placed network fit their fields: the configuration's own limits are smaller.
    T::try_from(value).unwrap_or_else(|_| panic!("{value} does not fit its field"))
}

/// Writes one instruction to a queue unchecked, unlike `arch`'s own: tests send what a queue must refuse too. With an immediate by row 0, else
/// by the queue's own row.
pub fn issue(
    device: &mut dyn Device,
    engine: Engine,
    instruction: Instruction,
) -> Result<(), DeviceError> {
    let [low, imm] = instruction.encode()?;
    if !matches!(instruction, Instruction::Update { .. }) {
        return device.write(HostAddress::queue_row(engine), &[low]);
    }
    device.write(HostAddress::queue_imm(engine), &[imm])?;
    device.write(HostAddress::queue(engine), &[low])
}

/// Writes a descriptor to its engine's table.
pub fn describe<D: Descriptor>(
    device: &mut dyn Device,
    slice: usize,
    descriptor: &D,
) -> Result<(), DeviceError> {
    write_descriptor(device, narrow(slice), descriptor)
}

impl Placement {
    /// Populations one after the other; `None` when a memory of `config` is too small.
    pub fn new(config: &ArchConfig, network: &Network) -> Option<Self> {
        let blocks = ArchConfig::blocks(network.steps);
        let (mut plane, mut error, mut membrane, mut row) = (0, 0, 0, 0);
        let mut populations = Vec::new();
        for index in 0..=network.layers.len() {
            let neurons = network.population(index);
            let tiles = config.tiles(neurons);
            populations.push(PopulationPlace {
                neurons,
                tiles,
                plane_base: plane,
                error_base: error,
                membrane_base: membrane,
            });
            plane += tiles * blocks;
            if index > 0 {
                error += tiles * blocks;
                if network.layers[index - 1].forward.readout {
                    membrane += tiles * blocks;
                }
            }
        }
        let (mut weight_base, mut weight_rows) = (Vec::new(), Vec::new());
        for layer in &network.layers {
            let rows = config.tiles(layer.neurons) * layer.fan_in;
            weight_base.push(row);
            weight_rows.push(rows);
            row += rows;
        }
        let fits = plane <= config.plane_words()
            && error <= config.error_blocks()
            && membrane <= config.membrane_blocks()
            && row <= config.weight_rows()
            // BP and WG share slice numbers with FP; one more of BP for NEURON_BACK.
            && network.layers.len() < config.slices;
        fits.then(|| Self {
            config: config.clone(),
            steps: network.steps,
            blocks,
            populations,
            weight_base,
            weight_rows,
            readout: network.layers.iter().map(|layer| layer.forward.readout).collect(),
        })
    }

    /// Layers of the network.
    pub fn layers(&self) -> usize {
        self.weight_base.len()
    }

    /// The BP slice of NEURON_BACK; BACKPROP of layer l uses slice l, FP and WG too.
    pub fn output_slice(&self) -> u8 {
        narrow(self.layers())
    }

    fn shape(&self, neurons: usize) -> Shape {
        let lanes = self.config.lanes;
        Shape {
            steps: narrow(self.steps),
            blocks: narrow(self.blocks),
            last_lanes: narrow((neurons - 1) % lanes + 1),
        }
    }

    /// Descriptors of FP, BP and WG, weights and state, and gradients set to zero by CLEAR (which also clears the state, so the
    /// state is written after it).
    pub fn load(&self, device: &mut dyn Device, network: &Network) -> Result<(), DeviceError> {
        for (l, layer) in network.layers.iter().enumerate() {
            describe(device, l, &self.forward_descriptor(l, layer))?;
            describe(device, l, &self.gradient_descriptor(l, layer))?;
            if l > 0 {
                describe(device, l, &self.backprop_descriptor(l, &network.layers[l - 1]))?;
            }
            self.write_rows(device, Region::Weight, l, layer, &layer.weights)?;
        }
        if let Some(last) = network.layers.last() {
            describe(device, self.layers(), &self.output_descriptor(last))?;
        }
        Ok(())
    }

    fn forward_descriptor(&self, l: usize, layer: &Layer) -> FpDescriptor {
        let [input, output] = [self.populations[l], self.populations[l + 1]];
        FpDescriptor {
            weight_base: narrow(self.weight_base[l]),
            fan_in: narrow(layer.fan_in),
            tiles: narrow(output.tiles),
            in_words: narrow(input.tiles),
            shape: self.shape(layer.neurons),
            in_plane_base: narrow(input.plane_base),
            out_plane_base: narrow(output.plane_base),
            membrane_base: narrow(output.membrane_base),
            neuron: NeuronWord::new(&layer.forward, &layer.backward),
            theta: layer.forward.theta,
            width1: layer.forward.width[0],
            width2: layer.forward.width[1],
            width3: layer.forward.width[2],
        }
    }

    /// From the errors of layer `l` to those of the population below, whose neuron `below` describes.
    fn backprop_descriptor(&self, l: usize, below: &Layer) -> BpDescriptor {
        let [input, output] = [self.populations[l], self.populations[l + 1]];
        BpDescriptor {
            weight_base: narrow(self.weight_base[l]),
            fan_in: narrow(input.neurons),
            tiles: narrow(output.tiles),
            in_words: narrow(input.tiles),
            shape: self.shape(output.neurons),
            in_plane_base: narrow(input.plane_base),
            out_plane_base: narrow(output.plane_base),
            in_error_base: narrow(input.error_base),
            out_error_base: narrow(output.error_base),
            neuron: NeuronWord::new(&below.forward, &below.backward),
        }
    }

    fn output_descriptor(&self, last: &Layer) -> BpDescriptor {
        let output = self.populations[self.layers()];
        BpDescriptor {
            fan_in: narrow(output.neurons),
            tiles: narrow(output.tiles),
            in_words: narrow(output.tiles),
            shape: self.shape(output.neurons),
            in_plane_base: narrow(output.plane_base),
            out_plane_base: narrow(output.plane_base),
            in_error_base: narrow(output.error_base),
            out_error_base: narrow(output.error_base),
            neuron: NeuronWord::new(&last.forward, &last.backward),
            ..BpDescriptor::default()
        }
    }

    fn gradient_descriptor(&self, l: usize, layer: &Layer) -> WgDescriptor {
        let [input, output] = [self.populations[l], self.populations[l + 1]];
        WgDescriptor {
            weight_base: narrow(self.weight_base[l]),
            fan_in: narrow(layer.fan_in),
            tiles: narrow(output.tiles),
            in_words: narrow(input.tiles),
            shape: self.shape(layer.neurons),
            in_plane_base: narrow(input.plane_base),
            out_plane_base: narrow(output.plane_base),
            error_base: narrow(output.error_base),
            optimizer: layer.optimizer.into(),
            coordinates: Coordinates { in_base: 3 * l as u16, out_base: 100 * l as u16 },
        }
    }

    /// Writes `values[j * neurons + o]` as rows of `region`, lanes beyond the layer as zeros.
    pub fn write_rows(
        &self,
        device: &mut dyn Device,
        region: Region,
        l: usize,
        layer: &Layer,
        values: &[F16],
    ) -> Result<(), DeviceError> {
        let lanes = self.config.lanes;
        let mut words = Vec::new();
        for tile in 0..self.populations[l + 1].tiles {
            for j in 0..layer.fan_in {
                let value = |lane: usize| match tile * lanes + lane {
                    o if o < layer.neurons => u32::from(values[j * layer.neurons + o].to_bits()),
                    _ => 0,
                };
                words.extend((0..lanes / 2).map(|sub| value(2 * sub) | value(2 * sub + 1) << 16));
            }
        }
        device.write(HostAddress::new(region, narrow(self.weight_base[l]), 0), &words)
    }

    /// The binary16 words of layer `l` in `region` (weight or state) as `values[j * neurons + o]`.
    pub fn read_layer(
        &self,
        device: &mut dyn Device,
        region: Region,
        l: usize,
    ) -> Result<Vec<F16>, DeviceError> {
        let (lanes, fan_in) = (self.config.lanes, self.populations[l].neurons);
        let neurons = self.populations[l + 1].neurons;
        let mut values = vec![F16::ZERO; fan_in * neurons];
        let rows = self.rows(region, l, 0);
        let first = rows.start;
        for word in read_rows(device, self, region, rows)? {
            let row = word.addr.row as usize - first;
            for half in 0..2 {
                let o = row / fan_in * lanes + 2 * usize::from(word.addr.sub) + half;
                if o < neurons {
                    values[row % fan_in * neurons + o] =
                        F16::from_bits((word.data >> (16 * half)) as u16);
                }
            }
        }
        Ok(values)
    }

    /// Writes the input spikes of `sample` to `slot`.
    pub fn write_spikes(
        &self,
        device: &mut dyn Device,
        slot: usize,
        sample: &Sample,
    ) -> Result<(), DeviceError> {
        let (lanes, place) = (self.config.lanes, self.populations[0]);
        let subs = Region::Spike.subs(&self.config);
        let mut words = vec![0u32; self.blocks * place.tiles * subs];
        for (at, _) in sample.spikes.iter().enumerate().filter(|(_, spike)| **spike) {
            let (t, j) = (at / place.neurons, at % place.neurons);
            let word = t / TIME_BLOCK * place.tiles + j / lanes;
            let bit = j % lanes * TIME_BLOCK + t % TIME_BLOCK;
            words[word * subs + bit / 32] |= 1 << (bit % 32);
        }
        let row = self.config.plane_row(slot, place.plane_base);
        device.write(HostAddress::new(Region::Spike, narrow(row), 0), &words)
    }

    /// Writes the output errors of `sample` to `slot`, every step of every block.
    pub fn write_errors(
        &self,
        device: &mut dyn Device,
        slot: usize,
        sample: &Sample,
    ) -> Result<(), DeviceError> {
        let (lanes, place) = (self.config.lanes, self.populations[self.layers()]);
        let mut words = Vec::new();
        for block in 0..self.blocks {
            for tile in 0..place.tiles {
                for t in block * TIME_BLOCK..(block + 1) * TIME_BLOCK {
                    let value = |lane: usize| match tile * lanes + lane {
                        o if o < place.neurons && t < self.steps => {
                            u32::from(sample.errors[t * place.neurons + o].to_bits())
                        }
                        _ => 0,
                    };
                    words.extend(
                        (0..lanes / 2).map(|sub| value(2 * sub) | value(2 * sub + 1) << 16),
                    );
                }
            }
        }
        let row = self.config.error_row(slot, place.error_base, 0);
        device.write(HostAddress::new(Region::Error, narrow(row), 0), &words)
    }

    /// The IO descriptor and slot that push absolute rows of a region.
    pub fn push(&self, region: Region, rows: Range<usize>) -> (IoDescriptor, u8) {
        let per_slot = region.slot_rows(&self.config);
        let (slot, base) = match per_slot {
            0 => (0, rows.start),
            _ => (rows.start / per_slot, rows.start % per_slot),
        };
        let descriptor = IoDescriptor::to_host(region, narrow(base), narrow(rows.len()));
        (descriptor, narrow(slot))
    }

    /// Sets gradients and state of layer `l` to zero.
    pub fn clear(&self, device: &mut dyn Device, l: usize) -> Result<(), DeviceError> {
        issue(device, Engine::Wg, Instruction::Clear { slice: narrow(l) })
    }
}
