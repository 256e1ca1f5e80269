//! The gradients of small random networks against back-propagation through time in f64, within the derived bound.

mod bptt;
mod common;

use backspike_arch::{
    ArchConfig, Device, Engine, Instruction, Region,
    num::{BackwardParams, F16, NeuronParams, Optimizer, OptimizerParams, Reset},
};
use backspike_emulator::Emulator;
use backspike_tb::{
    lockstep::read_rows,
    network::{Layer, Network, Sample},
    program::{Placement, issue},
};
use rand::{Rng, seq::IndexedRandom};

const ONE: f64 = (1u32 << 24) as f64;

/// Networks a run compares; one whose membranes come too close to a decision is drawn again.
const NETWORKS: usize = 300;

fn layer(rng: &mut impl Rng, fan_in: usize, neurons: usize, readout: bool) -> Layer {
    let reset = *[Reset::None, Reset::Hard, Reset::Soft].choose(rng).unwrap();
    let leak = rng.random_bool(0.8).then(|| rng.random_range(1..=4));
    let input_shift = if rng.random_bool(0.3) { rng.random_range(1..=2) } else { 0 };
    let theta_shift: i8 = rng.random_range(-2..=0);
    let attached = reset == Reset::Soft && rng.random();
    let theta = if attached { 2f64.powi(theta_shift.into()) } else { rng.random_range(0.2..1.0) };
    let narrow = rng.random_range(0.1..0.4);
    let width = [narrow * 4.0, narrow * 2.0, narrow].map(|w| (w * ONE) as u32);
    let width = if rng.random() { width } else { [width[1], 0, 0] };
    let reset_before_leak = rng.random();
    let forward = NeuronParams {
        leak,
        reset,
        reset_before_leak,
        fire_ge: rng.random(),
        readout,
        input_shift,
        theta: (theta * ONE) as i32,
        width,
    };
    let backward = BackwardParams {
        leak,
        reset,
        reset_before_leak,
        readout,
        input_shift,
        detach_reset: !attached,
        gain: [-2, -1, 0],
        theta_shift,
        error_max_exp: 4,
    };
    let scale = 2.0 / (fan_in as f64).sqrt() * f64::from(1 << input_shift);
    let weights = (0..fan_in * neurons)
        .map(|_| F16::from_f64(rng.random_range(-0.4..0.6) * scale).canonical())
        .collect();
    let optimizer = OptimizerParams {
        kind: Optimizer::Sgd,
        gradient_shift: *[0, 0, 3].choose(rng).unwrap(),
        ..OptimizerParams::default()
    };
    let state = vec![F16::ZERO; fan_in * neurons];
    Layer { fan_in, neurons, forward, backward, optimizer, weights, state }
}

/// The same layer in real numbers.
fn exact(layer: &Layer) -> bptt::Layer {
    let (forward, backward) = (&layer.forward, &layer.backward);
    bptt::Layer {
        weight: layer
            .weights
            .chunks(layer.neurons)
            .map(|row| row.iter().map(|w| w.to_f64()).collect())
            .collect(),
        leak: forward.leak.map(|k| 2f64.powi(-i32::from(k))),
        hard: forward.reset == Reset::Hard,
        soft: forward.reset == Reset::Soft,
        reset_before_leak: forward.reset_before_leak,
        readout: forward.readout,
        input_scale: 2f64.powi(-i32::from(forward.input_shift)),
        detach_reset: backward.detach_reset,
        theta: f64::from(forward.theta) / ONE,
        width: forward.width.map(|w| f64::from(w) / ONE),
        gain: backward.gain.map(|g| 2f64.powi(g.into())),
    }
}

/// Forward, backward and gradients of one sample on the device; `[layer][fan-in][neuron]`, in LSBs.
fn machine(
    device: &mut dyn Device,
    placement: &Placement,
    network: &Network,
    sample: &Sample,
) -> Vec<Vec<Vec<i32>>> {
    let slices = 0..network.layers.len() as u8;
    placement.load(device, network).unwrap();
    placement.write_spikes(device, 0, sample).unwrap();
    placement.write_errors(device, 0, sample).unwrap();
    for slice in slices.clone() {
        issue(device, Engine::Wg, Instruction::Clear { slice }).unwrap();
        issue(device, Engine::Fp, Instruction::Forward { slice, slot: 0 }).unwrap();
    }
    issue(device, Engine::Fp, Instruction::Post { token: 0 }).unwrap();
    issue(device, Engine::Bp, Instruction::Wait { token: 0 }).unwrap();
    let slice = placement.output_slice();
    issue(device, Engine::Bp, Instruction::NeuronBack { slice, slot: 0 }).unwrap();
    for slice in slices.clone().skip(1).rev() {
        issue(device, Engine::Bp, Instruction::Backprop { slice, slot: 0 }).unwrap();
    }
    issue(device, Engine::Bp, Instruction::Post { token: 1 }).unwrap();
    issue(device, Engine::Wg, Instruction::Wait { token: 1 }).unwrap();
    for slice in slices {
        issue(device, Engine::Wg, Instruction::Accumulate { slice, slot: 0, further: 0 }).unwrap();
    }
    issue(device, Engine::Wg, Instruction::Post { token: 2 }).unwrap();
    issue(device, Engine::Io, Instruction::Wait { token: 2 }).unwrap();

    let lanes = placement.config.lanes;
    let gradients = network.layers.iter().enumerate().map(|(l, layer)| {
        let rows = placement.rows(Region::Gradient, l, 0);
        let words = read_rows(device, placement, Region::Gradient, rows).unwrap();
        let at = |j: usize, o: usize| (o / lanes * layer.fan_in + j) * lanes + o % lanes;
        let row = |j| (0..layer.neurons).map(|o| words[at(j, o)].data as i32).collect();
        (0..layer.fan_in).map(row).collect()
    });
    gradients.collect()
}

#[test]
fn gradients_are_within_the_bound_of_f64_bptt() {
    let mut rng = common::rng(common::seeds(1)[0]);
    let config = ArchConfig::tiny();
    let (mut compared, mut redrawn, mut moved, mut closest) = (0, 0, 0u64, 0f64);
    while compared < NETWORKS {
        let sizes: Vec<usize> =
            (0..rng.random_range(2..=4)).map(|_| rng.random_range(1..=12)).collect();
        let layers: Vec<Layer> = (1..sizes.len())
            .map(|l| {
                let readout = l + 1 == sizes.len() && rng.random();
                layer(&mut rng, sizes[l - 1], sizes[l], readout)
            })
            .collect();
        let network = Network { steps: rng.random_range(1..=9), layers };
        let outputs = sizes[sizes.len() - 1];
        let sample = Sample {
            spikes: (0..sizes[0] * network.steps).map(|_| rng.random_bool(0.5)).collect(),
            errors: (0..outputs * network.steps)
                .map(|_| F16::from_f64(rng.random_range(-1.0..1.0)).canonical())
                .collect(),
        };
        let shift = network.layers[0].optimizer.gradient_shift;
        let mut network = network;
        network.layers.iter_mut().for_each(|layer| layer.optimizer.gradient_shift = shift);
        let lsb = 2f64.powi(i32::from(shift) - 18);

        let reference: Vec<bptt::Layer> = network.layers.iter().map(exact).collect();
        let input: Vec<Vec<bool>> = sample.spikes.chunks(sizes[0]).map(<[_]>::to_vec).collect();
        let errors: Vec<Vec<f64>> = sample
            .errors
            .chunks(outputs)
            .map(|step| step.iter().map(|d| d.to_f64()).collect())
            .collect();
        let Some(expected) = bptt::run(&reference, &input, &errors, lsb) else {
            redrawn += 1;
            assert!(redrawn < NETWORKS, "{redrawn} networks were too close to a decision");
            continue;
        };
        let placement = Placement::new(&config, &network).expect("the network fits");
        let mut device = Emulator::new(&config, 1).expect("the configuration is valid");
        let got = machine(&mut device, &placement, &network, &sample);
        for (l, layer) in expected.iter().enumerate() {
            for (j, row) in layer.iter().enumerate() {
                for (o, near) in row.iter().enumerate() {
                    let value = f64::from(got[l][j][o]) * lsb;
                    let distance = (value - near.value).abs();
                    assert!(
                        distance <= near.r,
                        "layer {l}, input {j}, neuron {o} of {network:?}: {value} is {distance:e} from {}, bound {:e}",
                        near.value,
                        near.r
                    );
                    if near.r > 0.0 {
                        closest = closest.max(distance / near.r);
                    }
                    moved += u64::from(got[l][j][o] != 0);
                }
            }
        }
        compared += 1;
    }
    println!(
        "{compared} networks compared, {redrawn} drawn again, {moved} gradients not zero, largest distance {closest:.3} of its bound"
    );
    // The bound must not be loose to the point of meaning nothing, nor the gradients all zero.
    assert!(moved > 1000 && closest > 0.2, "{moved} gradients, {closest} of the bound");
}
