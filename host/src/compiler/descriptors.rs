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

pub(super) fn build(
    network: &Network,
    config: &ArchConfig,
    populations: &[Population],
    slices: &[Slice],
    blocks: usize,
    gradient_shift: u8,
) -> Descriptors {
    let mut tables = Descriptors::default();
    let training = &network.training;
    let last = slices.len() - 1;
    for (l, slice) in slices.iter().enumerate() {
        let (input, output) = (&populations[l], &populations[l + 1]);
        let neuron = &network.layers[l].neuron;
        let (forward, word) = neuron_params(neuron, config);
        let shape = Shape {
            steps: network.steps as u8,
            blocks: blocks as u8,
            last_lanes: (slice.neurons - (slice.tiles - 1) * config.lanes) as u8,
        };
        tables.fp.push(FpDescriptor {
            weight_base: slice.weight_base as u32,
            fan_in: slice.fan_in as u32,
            tiles: slice.tiles as u32,
            in_words: input.tiles as u32,
            shape,
            in_plane_base: input.plane_base as u32,
            out_plane_base: output.plane_base as u32,
            membrane_base: 0,
            neuron: word,
            theta: forward.theta,
            width1: forward.width[0],
            width2: forward.width[1],
            width3: forward.width[2],
        });
        let weights = BpDescriptor {
            weight_base: slice.weight_base as u32,
            fan_in: slice.fan_in as u32,
            tiles: slice.tiles as u32,
            in_words: input.tiles as u32,
            shape,
            in_plane_base: input.plane_base as u32,
            out_plane_base: output.plane_base as u32,
            in_error_base: input.error_base as u32,
            out_error_base: output.error_base as u32,
            neuron: word,
        };
        if l > 0 {
            let (_, target) = neuron_params(&network.layers[l - 1].neuron, config);
            tables.bp.push(BpDescriptor { neuron: target, ..weights });
        }
        if l == last {
            let target = BpDescriptor {
                in_words: output.tiles as u32,
                in_plane_base: output.plane_base as u32,
                in_error_base: output.error_base as u32,
                ..weights
            };
            tables.bp.insert(0, target);
        }
        let optimizer = OptimizerParams {
            kind: training.optimizer,
            b1: training.b1,
            b2: if training.optimizer == Optimizer::Lion { training.b2 } else { 0 },
            weight_max_exp: training.weight_max_exp,
            gradient_shift,
        };
        tables.wg.push(WgDescriptor {
            weight_base: slice.weight_base as u32,
            fan_in: slice.fan_in as u32,
            tiles: slice.tiles as u32,
            in_words: input.tiles as u32,
            shape,
            in_plane_base: input.plane_base as u32,
            out_plane_base: output.plane_base as u32,
            error_base: output.error_base as u32,
            optimizer: optimizer.into(),
            coordinates: Coordinates { in_base: 0, out_base: 0 },
        });
    }
    let register = |register: Register, rows: usize| IoDescriptor {
        region: Region::Register,
        base: register.index() as u32,
        rows: rows as u32,
    };
    let counters = Register::COUNT - Register::Status.index();
    tables.io = vec![
        output_push(network, &populations[last + 1], blocks),
        register(Register::Magic, 1),
        register(Register::Status, counters),
        register(Register::Magic, 1),
    ];
    tables
}

/// What the loss needs of the output: membranes of all steps, of the last block, or the spikes.
fn output_push(network: &Network, output: &Population, blocks: usize) -> IoDescriptor {
    let (tiles, rows_per_block) = (output.tiles, output.tiles * TIME_BLOCK);
    let (region, base, rows) = match network.training.loss {
        Loss::CrossEntropy(Readout::Mean) => (Region::Membrane, 0, blocks * rows_per_block),
        Loss::CrossEntropy(Readout::Last) => {
            (Region::Membrane, (blocks - 1) * rows_per_block, rows_per_block)
        }
        Loss::MseRate => (Region::Spike, output.plane_base, blocks * tiles),
    };
    IoDescriptor { region, base: base as u32, rows: rows as u32 }
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
