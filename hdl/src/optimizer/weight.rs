//! The second half of an update: the step and the stochastic write-back of the weight.

use crate::num::{AlignFull, AlignWeight, Mix, Normalize};
use crate::prim::{Pipe, described_module};
use rust_hdl::prelude::*;

/// Cycles from the inputs to `weight_o`.
pub const WEIGHT_LATENCY: usize = 9;

/// `w' = clamp(stochastic(w - delta))`, in units of 2^-36.
///
/// | cycle | what |
/// |---|---|
/// | 0 | moment to fixed point |
/// | 1 | shift by the rate |
/// | 2 | delta; weight to fixed point |
/// | 3 | weight less delta; hash 1 |
/// | 4 | sign and magnitude; hash 2 |
/// | 5 | leading zeros; hash 3 |
/// | 6 | normalise magnitude and random bits |
/// | 7 | add them |
/// | 8 | clamp |
#[derive(LogicBlock, Default)]
pub struct WeightStep {
    pub clock: Signal<In, Clock>,
    /// Low: the registers hold.
    pub enable_i: Signal<In, Bit>,
    pub weight_i: Signal<In, Bits<16>>,
    // From `MomentStep`.
    pub state_i: Signal<In, Bits<16>>,
    pub positive_i: Signal<In, Bit>,
    pub negative_i: Signal<In, Bit>,
    // Network coordinates of the weight.
    pub in_i: Signal<In, Bits<16>>,
    pub out_i: Signal<In, Bits<16>>,
    // Constant during an UPDATE.
    pub key_i: Signal<In, Bits<32>>,
    pub lion_i: Signal<In, Bit>,
    pub rate_i: Signal<In, Bits<6>>,
    pub weight_max_exp_i: Signal<In, Bits<2>>,
    pub weight_o: Signal<Out, Bits<16>>,

    // Cycle 0.
    align_state: AlignFull,
    weight1: Pipe<Bits<16>>,
    positive1: Pipe<Bit>,
    negative1: Pipe<Bit>,
    // Cycle 1.
    lion_step: Pipe<Bits<43>>,
    state_wide: Signal<Local, Bits<54>>,
    state_folded: Signal<Local, Bits<54>>,
    state_shifted: Pipe<Bits<54>>,
    weight2: Pipe<Bits<16>>,
    positive2: Pipe<Bit>,
    negative2: Pipe<Bit>,
    state_negative2: Pipe<Bit>,
    // Cycle 2.
    align_weight: AlignWeight,
    sgd_beyond: Signal<Local, Bits<13>>,
    delta: Pipe<Bits<43>>,
    // Cycle 3.
    weight_wide: Signal<Local, Bits<43>>,
    sum: Pipe<Bits<43>>,
    // Cycle 4.
    magnitude_wide: Signal<Local, Bits<43>>,
    magnitude: Pipe<Bits<42>>,
    /// From cycle 5 to 8.
    negative: [Pipe<Bit>; 4],
    // Cycles 5 and 6.
    normalize: Normalize,
    inputs: [Pipe<Bits<16>>; 3],
    outputs: [Pipe<Bits<16>>; 3],
    mix: Mix,
    random: Pipe<Bits<31>>,
    random_up: Signal<Local, Bits<32>>,
    // Cycle 7.
    head: Signal<Local, Bits<16>>,
    total: Signal<Local, Bits<47>>,
    code: Pipe<Bits<16>>,
    // Cycle 8.
    limit: Signal<Local, Bits<16>>,
    clamped: Signal<Local, Bits<16>>,
    weight: Pipe<Bits<16>>,
}

impl Logic for WeightStep {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, weight1, positive1, negative1, delta, sum, magnitude, random);
        dff_setup!(self, clock, lion_step, state_shifted, weight2, positive2, negative2);
        dff_setup!(self, clock, state_negative2, code, weight);
        self.align_state.clock.next = self.clock.val();
        self.align_state.enable_i.next = self.enable_i.val();
        self.align_weight.clock.next = self.clock.val();
        self.align_weight.enable_i.next = self.enable_i.val();
        self.normalize.clock.next = self.clock.val();
        self.normalize.enable_i.next = self.enable_i.val();
        self.mix.clock.next = self.clock.val();
        self.mix.enable_i.next = self.enable_i.val();

        // Cycle 0.
        self.align_state.value_i.next = self.state_i.val();
        self.weight1.d.next = self.weight_i.val();
        self.positive1.d.next = self.positive_i.val();
        self.negative1.d.next = self.negative_i.val();

        // Cycle 1. Lion: 2^-rate in units of 2^-36 with the sign of c; rates beyond 36 are zero.
        self.lion_step.d.next = bits::<43>(0x10_0000_0000_u64) >> self.rate_i.val();
        // SGD: the moment as stored, Q24 to units of 2^-36 (42 + 12 bits), floored once by the shift.
        self.state_wide.next = bit_cast::<54, 42>(self.align_state.fixed_o.val()) << 12;
        if self.state_wide.val().get_bit(53) {
            self.state_folded.next = !self.state_wide.val();
        } else {
            self.state_folded.next = self.state_wide.val();
        }
        self.state_shifted.d.next = self.state_folded.val() >> self.rate_i.val();
        self.weight2.d.next = self.weight1.q.val();
        self.positive2.d.next = self.positive1.q.val();
        self.negative2.d.next = self.negative1.q.val();
        self.state_negative2.d.next = self.state_wide.val().get_bit(53);

        // Cycle 2. Folded, a step below -2^41 or from 2^41 on has bits above bit 40; both clamp to +-2^41, which has 43 bits.
        self.align_weight.value_i.next = self.weight2.q.val();
        self.sgd_beyond.next = self.state_shifted.q.val().get_bits::<13>(41);
        if self.lion_i.val() {
            if self.positive2.q.val() {
                self.delta.d.next = self.lion_step.q.val();
            } else if self.negative2.q.val() {
                self.delta.d.next = bits::<43>(0) - self.lion_step.q.val();
            } else {
                self.delta.d.next = bits::<43>(0);
            }
        } else if self.state_negative2.q.val() {
            if self.sgd_beyond.val().any() {
                self.delta.d.next = bits::<43>(0x600_0000_0000_u64);
            } else {
                self.delta.d.next = !self.state_shifted.q.val().get_bits::<43>(0);
            }
        } else if self.sgd_beyond.val().any() {
            self.delta.d.next = bits::<43>(0x200_0000_0000_u64);
        } else {
            self.delta.d.next = self.state_shifted.q.val().get_bits::<43>(0);
        }

        // Cycle 3. Q24 to units of 2^-36: a weight is below 2^41, so the sum is below 2^42 and signed has 43 bits.
        if self.align_weight.fixed_o.val().get_bit(28) {
            self.weight_wide.next = (bit_cast::<43, 29>(self.align_weight.fixed_o.val()) << 12)
                | bits::<43>(0x600_0000_0000_u64);
        } else {
            self.weight_wide.next = bit_cast::<43, 29>(self.align_weight.fixed_o.val()) << 12;
        }
        self.sum.d.next = self.weight_wide.val() - self.delta.q.val();

        // Cycle 4.
        if self.sum.q.val().get_bit(42) {
            self.magnitude_wide.next = bits::<43>(0) - self.sum.q.val();
        } else {
            self.magnitude_wide.next = self.sum.q.val();
        }
        self.magnitude.d.next = self.magnitude_wide.val().get_bits::<42>(0);
        for i in 0..4 {
            self.negative[i].clock.next = self.clock.val();
        }
        self.negative[0].d.next = self.sum.q.val().get_bit(42);
        for i in 1..4 {
            self.negative[i].d.next = self.negative[i - 1].q.val();
        }

        // Cycles 5 and 6. The subnormal ulp 2^-24 is 2^12 units: at least 12 of the 31 bits below the significand are dropped,
        // so shifts end at 19.
        self.normalize.magnitude_i.next = self.magnitude.q.val();
        self.normalize.max_shift_i.next = bits::<5>(19);
        for i in 0..3 {
            self.inputs[i].clock.next = self.clock.val();
            self.outputs[i].clock.next = self.clock.val();
        }
        self.inputs[0].d.next = self.in_i.val();
        self.outputs[0].d.next = self.out_i.val();
        for i in 1..3 {
            self.inputs[i].d.next = self.inputs[i - 1].q.val();
            self.outputs[i].d.next = self.outputs[i - 1].q.val();
        }
        self.mix.key_i.next = self.key_i.val()
            ^ ((bit_cast::<32, 16>(self.inputs[2].q.val()) << 16)
                | bit_cast::<32, 16>(self.outputs[2].q.val()));
        // As many random bits as are dropped, aligned with them: those shifted beyond bit 30 do not count.
        self.random_up.next = self.mix.hash_o.val() << self.normalize.count_o.val();
        self.random.d.next = self.random_up.val().get_bits::<31>(0);

        // Cycle 7. A carry out of the dropped bits rounds away from zero; a carry into the next binade is exact. The hidden bit of
        // the significand adds one to the exponent field.
        self.head.next = (bit_cast::<16, 5>(self.normalize.binade_o.val()) << 10)
            + bit_cast::<16, 11>(self.normalize.normal_o.val().get_bits::<11>(31));
        self.total.next = ((bit_cast::<47, 16>(self.head.val()) << 31)
            | bit_cast::<47, 31>(self.normalize.normal_o.val().get_bits::<31>(0)))
            + bit_cast::<47, 31>(self.random.q.val());
        self.code.d.next = self.total.val().get_bits::<16>(31);

        // Cycle 8. Codes are ordered as magnitudes; 2^x has the exponent field 15 + x. Zero is +0.
        self.limit.next =
            bits::<16>(0x3C00) + (bit_cast::<16, 2>(self.weight_max_exp_i.val()) << 10);
        if self.code.q.val() > self.limit.val() {
            self.clamped.next = self.limit.val();
        } else {
            self.clamped.next = self.code.q.val();
        }
        if self.negative[3].q.val() && (self.clamped.val() != bits::<16>(0)) {
            self.weight.d.next = self.clamped.val() | bits::<16>(0x8000);
        } else {
            self.weight.d.next = self.clamped.val();
        }
        self.weight_o.next = self.weight.q.val();

        // Without a weight in the pipeline all registers hold, so that no clock need reach them.
        if !self.enable_i.val() {
            self.weight1.d.next = self.weight1.q.val();
            self.positive1.d.next = self.positive1.q.val();
            self.negative1.d.next = self.negative1.q.val();
            self.delta.d.next = self.delta.q.val();
            self.sum.d.next = self.sum.q.val();
            self.magnitude.d.next = self.magnitude.q.val();
            self.random.d.next = self.random.q.val();
            self.lion_step.d.next = self.lion_step.q.val();
            self.state_shifted.d.next = self.state_shifted.q.val();
            self.weight2.d.next = self.weight2.q.val();
            self.positive2.d.next = self.positive2.q.val();
            self.negative2.d.next = self.negative2.q.val();
            self.state_negative2.d.next = self.state_negative2.q.val();
            self.code.d.next = self.code.q.val();
            self.weight.d.next = self.weight.q.val();
            for i in 0..4 {
                self.negative[i].d.next = self.negative[i].q.val();
            }
            for i in 0..3 {
                self.inputs[i].d.next = self.inputs[i].q.val();
                self.outputs[i].d.next = self.outputs[i].q.val();
            }
        }
    }

    fn timing(&self) -> Vec<TimingInfo> {
        described_module(
            "weight_step",
            &[],
            "One weight less its step, rounded stochastically and clipped.",
        )
    }
}
