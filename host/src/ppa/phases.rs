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

    /// One sample in a slot, FP and BP on their own.
    fn passes(
        &mut self,
        slot: usize,
        (input, label): (&[u32], u16),
        loss: &mut LossUnit,
        exponent: i32,
        [fp, bp, _]: &mut [Phase; 3],
    ) -> Result<(), DeviceError> {
        self.begin()?;
        self.core.forward(slot, input)?;
        self.core.post(Engine::Fp, token::FORWARD)?;
        self.end(token::FORWARD, fp)?;

        self.core.push_output(slot)?;
        let words = self.core.output_words();
        loss.evaluate(self.core.receive(words)?, label);

        self.begin()?;
        self.core.backward(slot, loss.errors(exponent))?;
        self.core.post(Engine::Bp, token::BACKWARD)?;
        self.end(token::BACKWARD, bp)
    }

    /// The gradients of the samples in the first `slots` slots.
    fn gradients(&mut self, slots: usize, wg: &mut Phase) -> Result<(), DeviceError> {
        self.begin()?;
        self.core.accumulate(0, slots)?;
        self.core.post(Engine::Wg, token::FREE)?;
        self.end(token::FREE, wg)
    }
}

/// What is trained at gate level.
pub struct Training<'a> {
    pub network: &'a Network,
    pub program: &'a Program,
    pub weights: &'a Weights,
    /// Whose encoder feeds the samples before those that count: their gradients differ from row to row.
    pub warm_up: &'a Network,
    pub data: &'a Dataset,
    /// Before those that count, and that count.
    pub samples: usize,
}

impl Training<'_> {
    /// Trains the samples and updates the weights once, phase by phase: FP, BP, WG, UPDATE, then idle. `heard` is told of every sample
    /// that counts.
    pub fn phases(&self, device: &GateDevice, mut heard: impl FnMut(usize)) -> Result<[Phase; 5]> {
        let Self { network, program, data, .. } = *self;
        let rule = ScaleRule::new(network, program.config.error_max_exp)?;
        let mut loss = LossUnit::new(network, &program.config);
        let mut core = Core::open(Box::new(device.clone()), program.clone())?;
        core.load(self.weights)?;
        let mut meter = Meter {
            core,
            device: device.clone(),
            counters: Counters::default(),
            activity: Activity::default(),
        };
        let named = |name| Phase { name, ..Phase::default() };
        let mut engines = Default::default();
        for (encoder, counts) in [(self.warm_up, false), (network, true)] {
            let batch = first_samples(encoder, program, data, self.samples)?;
            engines = ["FP", "BP", "WG"].map(named);
            let together = program.config.gradient_slots;
            for sample in 0..batch.len() {
                let of = (batch.sample(sample), batch.labels[sample]);
                let slot = sample % together;
                meter.passes(slot, of, &mut loss, rule.first().exponent, &mut engines)?;
                if slot + 1 == together || sample + 1 == batch.len() {
                    meter.gradients(slot + 1, &mut engines[2])?;
                }
                if counts {
                    heard(sample + 1);
                }
            }
        }
        let [fp, bp, wg] = engines;
        let [mut update, mut idle] = ["UPDATE", "idle"].map(named);
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
}
