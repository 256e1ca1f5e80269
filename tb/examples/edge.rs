//! Speed of the Verilated `edge` core, and what its counters say, on a network of the size of MNIST: 784-512-10, T = 4, spikes of
//! the densities seen there. Arguments: number of samples (default 32), number of lanes (default 16).

use std::time::Instant;

use backspike_arch::{
    ArchConfig, Counter, Device,
    num::{BackwardParams, F16, NeuronParams, Optimizer, OptimizerParams, Reset},
};
use backspike_tb::{
    RtlDevice, RtlOptions,
    batch::{Step, settle, train_batch},
    lockstep::{counters, read_registers},
    network::{Layer, Network, Sample},
    program::Placement,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const ONE: f64 = (1u32 << 24) as f64;

fn layer(rng: &mut ChaCha8Rng, fan_in: usize, neurons: usize, readout: bool) -> Layer {
    let scale = 1.0 / (fan_in as f64).sqrt();
    let weights = (0..fan_in * neurons)
        .map(|_| F16::from_f64(rng.random_range(-1.0..1.2) * scale * 1.7))
        .collect();
    let leak = Some(1);
    Layer {
        fan_in,
        neurons,
        forward: NeuronParams {
            leak,
            reset: Reset::Hard,
            reset_before_leak: false,
            fire_ge: true,
            readout,
            input_shift: 0,
            theta: ONE as i32,
            // A rectangular window of the width in which a trained network has 10 to 20 % of its neurons.
            width: [(0.25 * ONE) as u32, 0, 0],
        },
        backward: BackwardParams {
            leak,
            reset: Reset::Hard,
            reset_before_leak: false,
            readout,
            input_shift: 0,
            detach_reset: true,
            gain: [0; 3],
            theta_shift: 0,
            error_max_exp: 4,
        },
        optimizer: OptimizerParams {
            kind: Optimizer::Lion,
            b1: 3,
            b2: 6,
            weight_max_exp: 3,
            gradient_shift: 0,
        },
        weights,
        state: vec![F16::ZERO; fan_in * neurons],
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<usize>());
    let samples = arguments.next().transpose()?.unwrap_or(32);
    let lanes = arguments.next().transpose()?.unwrap_or(16);
    let config = ArchConfig::edge().with_lanes(lanes);
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let network = Network {
        steps: 4,
        layers: vec![layer(&mut rng, 784, 512, false), layer(&mut rng, 512, 10, true)],
    };
    let placement = Placement::new(&config, &network).ok_or("the network does not fit")?;
    let batch: Vec<Sample> = (0..samples)
        .map(|_| Sample {
            spikes: (0..784 * 4).map(|_| rng.random_bool(0.13)).collect(),
            errors: (0..40).map(|_| F16::from_f64(rng.random_range(-0.5..0.5))).collect(),
        })
        .collect();

    let start = Instant::now();
    let mut device = RtlDevice::new(&config, &RtlOptions::default())?;
    println!("built or found in {:.1} s", start.elapsed().as_secs_f64());
    placement.load(&mut device, &network)?;
    for l in 0..placement.layers() {
        placement.clear(&mut device, l)?;
    }
    settle(&mut device, &placement)?;
    let before = counters(&read_registers(&mut device, &placement)?);
    let step = Step { rate_shift: 10, scale_shift: 4, key: 1 };
    train_batch(&mut device, &placement, &batch, step)?;
    settle(&mut device, &placement)?;
    let spent = counters(&read_registers(&mut device, &placement)?).since(&before);

    for &counter in Counter::ALL {
        println!("{:<16} {:>10}", counter.key(), spent[counter]);
    }
    let engines = [
        ("FP", Counter::FpEvents, Counter::FpBusy),
        ("BP", Counter::BpEvents, Counter::BpBusy),
        ("WG", Counter::WgEvents, Counter::WgBusy),
    ];
    for (name, events, busy) in engines {
        let efficiency = f64::from(spent[events]) / f64::from(spent[busy]);
        println!("{name}: {efficiency:.3} events per busy cycle");
    }
    let wg = spent[Counter::WgBusy] + spent[Counter::WgUpdateBusy];
    let busiest = spent[Counter::FpBusy].max(spent[Counter::BpBusy]).max(wg);
    println!("wall / busiest: {:.3}", f64::from(spent[Counter::Cycles]) / f64::from(busiest));
    println!("{:.1} kHz, {} lanes", device.kilohertz(), device.config().lanes);
    Ok(())
}
