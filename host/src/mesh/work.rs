//! What a layer costs, measured.

use crate::compiler::{compile, roomy};
use crate::core::{Core, token};
use crate::data::Dataset;
use crate::device::emulator;
use crate::network::Network;
use crate::train::loss::LossUnit;
use crate::train::scale::ScaleRule;
use crate::train::{epoch_on_emulator, first_samples};
use anyhow::{Context, Result};
use backspike_arch::{ArchConfig, Counter, Counters, DeviceError, Engine, Instruction};
use serde::Serialize;

/// The work of a layer, a sample.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayerWork {
    pub fan_in: usize,
    pub neurons: usize,
    pub tiles: usize,
    /// Cycles of FP, BP and WG. BP's are those of BACKPROP into the layer, and NEURON_BACK of the last.
    pub forward: f64,
    pub backward: f64,
    pub gradient: f64,
}

/// A core whose instructions are counted one by one.
struct Meter {
    core: Core,
    counters: Counters,
}

impl Meter {
    /// Runs `instruction` to its end and returns what it moved.
    fn run(&mut self, engine: Engine, instruction: Instruction) -> Result<Counters, DeviceError> {
        self.core.issue(engine, instruction)?;
        self.core.post(engine, token::SETTLED)?;
        self.core.settle()?;
        let now = self.core.read_counters()?;
        let moved = now.since(&self.counters);
        self.counters = now;
        Ok(moved)
    }
}

/// Trains `network` on `data` for an epoch on one emulated core of `config` with all the memory it needs, then counts the first
/// `samples` samples layer by layer.
///
/// # Errors
///
/// When no single core could name that much memory, or there are no samples.
pub fn measure(
    network: &Network,
    config: &ArchConfig,
    data: &Dataset,
    samples: usize,
) -> Result<Vec<LayerWork>> {
    let config = roomy(network, config);
    config
        .validate()
        .context("The work of the layers is measured on one core that holds them all")?;
    let program = compile(network, &config)?;
    let (_, weights) = epoch_on_emulator(network, &program, data)?;
    let batch = first_samples(network, &program, data, samples)?;
    let exponent = ScaleRule::new(network, config.error_max_exp)?.first().exponent;
    let mut loss = LossUnit::new(network, &config);
    let mut core = Core::open(emulator(&config, 1)?, program.clone())?;
    core.load(&weights)?;
    let counters = core.read_counters()?;
    let mut meter = Meter { core, counters };
    let mut work: Vec<LayerWork> = (program.slices.iter())
        .map(|slice| LayerWork {
            fan_in: slice.fan_in,
            neurons: slice.neurons,
            tiles: slice.tiles,
            forward: 0.0,
            backward: 0.0,
            gradient: 0.0,
        })
        .collect();
    let share = 1.0 / batch.len() as f64;
    let last = work.len() - 1;
    for sample in 0..batch.len() {
        meter.core.write_input(0, batch.sample(sample))?;
        for (l, layer) in work.iter_mut().enumerate() {
            let forward = Instruction::Forward { slice: l as u8, slot: 0 };
            let moved = meter.run(Engine::Fp, forward)?;
            layer.forward += share * f64::from(moved[Counter::FpBusy]);
        }
        meter.core.push_output(0)?;
        let words = meter.core.output_words();
        loss.evaluate(meter.core.receive(words)?, batch.labels[sample]);
        meter.core.write_errors(0, loss.errors(exponent))?;
        let moved = meter.run(Engine::Bp, Instruction::NeuronBack { slice: 0, slot: 0 })?;
        work[last].backward += share * f64::from(moved[Counter::BpBusy]);
        for (l, layer) in work[..last].iter_mut().enumerate().rev() {
            let back = Instruction::Backprop { slice: l as u8 + 1, slot: 0 };
            let moved = meter.run(Engine::Bp, back)?;
            layer.backward += share * f64::from(moved[Counter::BpBusy]);
        }
        for (l, layer) in work.iter_mut().enumerate() {
            let accumulate = Instruction::Accumulate { slice: l as u8, slot: 0, further: 0 };
            let moved = meter.run(Engine::Wg, accumulate)?;
            layer.gradient += share * f64::from(moved[Counter::WgBusy]);
        }
    }
    Ok(work)
}
