//! Descriptors of all engines for a mapped network.

use super::{Population, Slice};
use crate::network::{Loss, Network, Neuron, Readout};
use backspike_arch::num::{BackwardParams, NeuronParams, Optimizer, OptimizerParams, Reset};
use backspike_arch::{
    ArchConfig, BpDescriptor, Coordinates, FpDescriptor, IoDescriptor, NeuronWord, Region,
    Register, Shape, TIME_BLOCK, WgDescriptor,
};

/// IO slice: what the loss reads of a slot (membranes or spikes of the output).
pub const IO_OUTPUT: u8 = 0;
/// IO slice: one word that tells the host that a slot is free.
pub const IO_SLOT_FREE: u8 = 1;
/// IO slice: status and all counters.
pub const IO_COUNTERS: u8 = 2;
/// IO slice that the host rewrites to read weights and optimizer state.
pub const IO_SCRATCH: u8 = 3;

/// The tables of the four engines. FP and WG slice `l` is layer `l`; BP slice 0 is NEURON_BACK of the output, BP slice `l` BACKPROP through layer `l`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Descriptors {
    pub fp: Vec<FpDescriptor>,
    pub bp: Vec<BpDescriptor>,
    pub wg: Vec<WgDescriptor>,
    pub io: Vec<IoDescriptor>,
}

/// Where a slice of a layer and its data lie on a core.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub layer: usize,
    pub fan_in: usize,
    /// Of the slice; the first of them is the layer's `first_neuron`.
    pub neurons: usize,
    pub first_neuron: usize,
    pub weight_base: usize,
    /// Tiles and first plane word of the layer's whole input.
    pub in_tiles: usize,
    pub in_plane_base: usize,
    /// First plane word and error tile-block of the slice's own output.
    pub plane_base: usize,
    pub error_base: usize,
}

/// Where BACKPROP finds weights and errors of the whole layer above: rows of as many inputs as the slice below has neurons.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Above {
    pub neurons: usize,
    pub weight_base: usize,
    pub plane_base: usize,
    pub error_base: usize,
}

impl Place {
    /// The slice as the one above another: that of a whole layer.
    fn above(&self) -> Above {
        Above {
            neurons: self.neurons,
            weight_base: self.weight_base,
            plane_base: self.plane_base,
            error_base: self.error_base,
        }
    }
}

fn shape(network: &Network, config: &ArchConfig, neurons: usize) -> Shape {
    let steps = network.steps as usize;
    Shape {
        steps: steps as u8,
        blocks: ArchConfig::blocks(steps) as u8,
        last_lanes: (neurons - (config.tiles(neurons) - 1) * config.lanes) as u8,
    }
}

/// FORWARD of a slice.
pub(crate) fn forward(network: &Network, config: &ArchConfig, place: &Place) -> FpDescriptor {
    let (forward, neuron) = neuron_params(&network.layers[place.layer].neuron, config);
    FpDescriptor {
        weight_base: place.weight_base as u32,
        fan_in: place.fan_in as u32,
        tiles: config.tiles(place.neurons) as u32,
        in_words: place.in_tiles as u32,
        shape: shape(network, config, place.neurons),
        in_plane_base: place.in_plane_base as u32,
        out_plane_base: place.plane_base as u32,
        membrane_base: 0,
        neuron,
        theta: forward.theta,
        width1: forward.width[0],
        width2: forward.width[1],
        width3: forward.width[2],
    }
}

/// ACCUMULATE, UPDATE and CLEAR of a slice.
pub(crate) fn gradient(
    network: &Network,
    config: &ArchConfig,
    place: &Place,
    gradient_shift: u8,
) -> WgDescriptor {
    let training = &network.training;
    let optimizer = OptimizerParams {
        kind: training.optimizer,
        b1: training.b1,
        b2: if training.optimizer == Optimizer::Lion { training.b2 } else { 0 },
        weight_max_exp: training.weight_max_exp,
        gradient_shift,
    };
    WgDescriptor {
        weight_base: place.weight_base as u32,
        fan_in: place.fan_in as u32,
        tiles: config.tiles(place.neurons) as u32,
        in_words: place.in_tiles as u32,
        shape: shape(network, config, place.neurons),
        in_plane_base: place.in_plane_base as u32,
        out_plane_base: place.plane_base as u32,
        error_base: place.error_base as u32,
        optimizer: optimizer.into(),
        coordinates: Coordinates { in_base: 0, out_base: place.first_neuron as u16 },
    }
}

/// BACKPROP from the layer above into a slice.
pub(crate) fn backprop(
    network: &Network,
    config: &ArchConfig,
    target: &Place,
    above: &Above,
) -> BpDescriptor {
    BpDescriptor {
        weight_base: above.weight_base as u32,
        fan_in: target.neurons as u32,
        tiles: config.tiles(above.neurons) as u32,
        in_words: config.tiles(target.neurons) as u32,
        shape: shape(network, config, above.neurons),
        in_plane_base: target.plane_base as u32,
        out_plane_base: above.plane_base as u32,
        in_error_base: target.error_base as u32,
        out_error_base: above.error_base as u32,
        neuron: neuron_params(&network.layers[target.layer].neuron, config).1,
    }
}

/// NEURON_BACK of a slice of the output.
pub(crate) fn neuron_back(network: &Network, config: &ArchConfig, place: &Place) -> BpDescriptor {
    BpDescriptor { fan_in: place.fan_in as u32, ..backprop(network, config, place, &place.above()) }
}

pub(super) fn build(
    network: &Network,
    config: &ArchConfig,
    populations: &[Population],
    slices: &[Slice],
    blocks: usize,
    gradient_shift: u8,
) -> Descriptors {
    let mut tables = Descriptors::default();
    let last = slices.len() - 1;
    let places: Vec<Place> = (slices.iter().enumerate())
        .map(|(layer, slice)| Place {
            layer,
            fan_in: slice.fan_in,
            neurons: slice.neurons,
            first_neuron: 0,
            weight_base: slice.weight_base,
            in_tiles: populations[layer].tiles,
            in_plane_base: populations[layer].plane_base,
            plane_base: populations[layer + 1].plane_base,
            error_base: populations[layer + 1].error_base,
        })
        .collect();
    tables.bp.push(neuron_back(network, config, &places[last]));
    for (layer, place) in places.iter().enumerate() {
        tables.fp.push(forward(network, config, place));
        tables.wg.push(gradient(network, config, place, gradient_shift));
        if layer > 0 {
            tables.bp.push(backprop(network, config, &places[layer - 1], &place.above()));
        }
    }
    tables.io = fixed_pushes();
    let output = &populations[last + 1];
    tables.io[usize::from(IO_OUTPUT)] =
        output_push(network, output.tiles, output.plane_base, blocks);
    tables
}

/// The first IO slices of every core, but for the output, of which not every core of a mesh has a part.
pub(crate) fn fixed_pushes() -> Vec<IoDescriptor> {
    let register = |register: Register, rows: usize| {
        IoDescriptor::to_host(Region::Register, register.index() as u32, rows as u32)
    };
    let counters = Register::COUNT - Register::Status.index();
    vec![
        register(Register::Magic, 1),
        register(Register::Magic, 1),
        register(Register::Status, counters),
        register(Register::Magic, 1),
    ]
}

/// What the loss needs of the output: membranes of all steps, of the last block, or the spikes.
pub(crate) fn output_push(
    network: &Network,
    tiles: usize,
    plane_base: usize,
    blocks: usize,
) -> IoDescriptor {
    let rows_per_block = tiles * TIME_BLOCK;
    let (region, base, rows) = match network.training.loss {
        Loss::CrossEntropy(Readout::Mean) => (Region::Membrane, 0, blocks * rows_per_block),
        Loss::CrossEntropy(Readout::Last) => {
            (Region::Membrane, (blocks - 1) * rows_per_block, rows_per_block)
        }
        Loss::MseRate => (Region::Spike, plane_base, blocks * tiles),
    };
    IoDescriptor::to_host(region, base as u32, rows as u32)
}

/// LSB 2^-24 of a threshold or width; the network file bounds them to 64.
fn q24(x: f64) -> i32 {
    (x * 2f64.powi(24)).round() as i32
}

fn neuron_params(neuron: &Neuron, config: &ArchConfig) -> (NeuronParams, NeuronWord) {
    let mut forward = NeuronParams {
        leak: neuron.leak,
        input_shift: neuron.input_shift,
        reset: Reset::None,
        readout: neuron.spiking.is_none(),
        ..Default::default()
    };
    let mut backward = BackwardParams {
        leak: neuron.leak,
        reset: Reset::None,
        reset_before_leak: false,
        readout: forward.readout,
        input_shift: neuron.input_shift,
        detach_reset: true,
        gain: [0; 3],
        theta_shift: 0,
        error_max_exp: config.error_max_exp as u8,
    };
    if let Some(spiking) = &neuron.spiking {
        forward.reset = spiking.reset;
        forward.reset_before_leak = spiking.reset_before_leak;
        forward.fire_ge = spiking.fire_ge;
        forward.theta = q24(spiking.threshold);
        for (to, width) in forward.width.iter_mut().zip(&spiking.widths) {
            *to = q24(*width) as u32;
        }
        backward.reset = spiking.reset;
        backward.reset_before_leak = spiking.reset_before_leak;
        backward.detach_reset = spiking.detach_reset;
        for (to, gain) in backward.gain.iter_mut().zip(&spiking.gains) {
            *to = *gain as i8;
        }
        backward.theta_shift = theta_shift(spiking.threshold).unwrap_or(0);
    }
    (forward, NeuronWord::new(&forward, &backward))
}

/// The exponent of a threshold that is a power of two the backward neuron can multiply by.
pub(super) fn theta_shift(threshold: f64) -> Option<i8> {
    crate::reader::exponent(threshold).filter(|e| (-8..=7).contains(e)).map(|e| e as i8)
}
