//! Training on the gate-level core, one phase at a time.

use crate::compiler::Program;
use crate::core::{Core, token};
use crate::data::Dataset;
use crate::network::Network;
use crate::train::loss::LossUnit;
use crate::train::scale::ScaleRule;
use crate::train::{Totals, first_samples};
use crate::weights::Weights;
use anyhow::Result;
use backspike_arch::{Counters, DeviceError, Engine};
use backspike_asic::{Activity, GateDevice};

/// What happened in all stretches of one phase.
#[derive(Clone, Default)]
pub struct Phase {
    pub name: &'static str,
    pub activity: Activity,
    pub totals: Totals,
}

/// Cycles of the idle phase.
const IDLE: u64 = 1000;

/// A core whose phases are told apart.
struct Meter {
    core: Core,
    device: GateDevice,
    counters: Counters,
    activity: Activity,
}

impl Meter {
    fn begin(&mut self) -> Result<(), DeviceError> {
        self.counters = self.core.read_counters()?;
        self.activity = self.device.activity();
        Ok(())
    }

    /// Waits for `token` and adds what happened since [`begin`](Self::begin).
    fn end(&mut self, token: u8, phase: &mut Phase) -> Result<(), DeviceError> {
        self.core.wait(Engine::Io, token)?;
        self.core.push_slot_free()?;
        self.core.receive(1)?;
        phase.activity.add(&self.device.activity().since(&self.activity));
        phase.totals.add(&self.core.read_counters()?.since(&self.counters));
        Ok(())
    }
}

/// Trains `samples` samples and updates the weights once, phase by phase: FP, BP, WG, UPDATE, then idle. `heard` is told of every sample.
pub fn phases(
    network: &Network,
    program: &Program,
    data: &Dataset,
    weights: &Weights,
    device: &GateDevice,
    samples: usize,
    mut heard: impl FnMut(usize),
) -> Result<[Phase; 5]> {
    let batch = first_samples(network, program, data, samples)?;
    let rule = ScaleRule::new(network, program.config.error_max_exp)?;
    let mut loss = LossUnit::new(network, &program.config);
    let mut core = Core::open(Box::new(device.clone()), program.clone())?;
    core.load(weights)?;
    let mut meter = Meter {
        core,
        device: device.clone(),
        counters: Counters::default(),
        activity: Activity::default(),
    };
    let named = |name| Phase { name, ..Phase::default() };
    let [mut fp, mut bp, mut wg, mut update, mut idle] =
        ["FP", "BP", "WG", "UPDATE", "idle"].map(named);
    for sample in 0..batch.len() {
        meter.begin()?;
        meter.core.forward(0, batch.sample(sample))?;
        meter.core.post(Engine::Fp, token::FORWARD)?;
        meter.end(token::FORWARD, &mut fp)?;

        meter.core.push_output(0)?;
        let words = meter.core.output_words();
        loss.evaluate(meter.core.receive(words)?, batch.labels[sample]);

        meter.begin()?;
        meter.core.backward(0, loss.errors(rule.first().exponent))?;
        meter.core.post(Engine::Bp, token::BACKWARD)?;
        meter.end(token::BACKWARD, &mut bp)?;

        meter.begin()?;
        meter.core.accumulate(0)?;
        meter.core.post(Engine::Wg, token::FREE)?;
        meter.end(token::FREE, &mut wg)?;
        heard(sample + 1);
    }
    meter.begin()?;
    let scale = rule.first();
    for layer in 0..network.layers.len() {
        let rate = rule.rate_shift(network.training.learning_rate.shift);
        meter.core.update(layer, rate, rule.scale_shift(&scale), network.training.seed)?;
    }
    meter.core.post(Engine::Wg, token::UPDATED)?;
    meter.end(token::UPDATED, &mut update)?;

    meter.begin()?;
    device.rest(IDLE)?;
    idle.activity = device.activity().since(&meter.activity);
    Ok([fp, bp, wg, update, idle])
}
