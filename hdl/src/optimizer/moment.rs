//! The first half of an update: gradient into moment, and for Lion the direction of the step.

use crate::num::{AlignFull, Normalize, RoundEven};
use crate::prim::{Pipe, described_module};
use rust_hdl::prelude::*;

/// Cycles from `state_i`, `gradient_i` to `state_o`, `positive_o`, `negative_o`.
pub const MOMENT_LATENCY: usize = 7;

/// `m' = m - (m >>> b) + (g >>> s)` as binary16, to nearest even, and the sign of Lion's interpolation.
///
/// | cycle | what |
/// |---|---|
/// | 0 | m to fixed point, shift amounts |
/// | 1 | shifts |
/// | 2 | sums |
/// | 3 | sign and magnitude |
/// | 4, 5 | normalise |
/// | 6 | round |
#[derive(LogicBlock, Default)]
pub struct MomentStep {
    pub clock: Signal<In, Clock>,
    /// Low: the registers hold.
    pub enable_i: Signal<In, Bit>,
    pub state_i: Signal<In, Bits<16>>,
    pub gradient_i: Signal<In, Bits<32>>,
    // Constant during an UPDATE. Lion, otherwise SGD.
    pub lion_i: Signal<In, Bit>,
    pub b1_i: Signal<In, Bits<4>>,
    pub b2_i: Signal<In, Bits<4>>,
    pub gradient_scale_i: Signal<In, Bits<6>>,
    pub state_o: Signal<Out, Bits<16>>,
    // The sign of c; neither: c = 0.
    pub positive_o: Signal<Out, Bit>,
    pub negative_o: Signal<Out, Bit>,

    // Cycle 0.
    align: AlignFull,
    gradient: Pipe<Bits<32>>,
    blend_shift: Pipe<Bits<7>>,
    moment_decay: Pipe<Bits<4>>,
    moment_shift: Pipe<Bits<7>>,
    // Cycle 1.
    state_folded: Signal<Local, Bits<42>>,
    blend_leak_shifted: Signal<Local, Bits<42>>,
    moment_leak_shifted: Signal<Local, Bits<42>>,
    gradient_wide: Signal<Local, Bits<38>>,
    gradient_folded: Signal<Local, Bits<38>>,
    blend_gradient_shifted: Signal<Local, Bits<38>>,
    moment_gradient_shifted: Signal<Local, Bits<38>>,
    state2: Pipe<Bits<42>>,
    blend_leak: Pipe<Bits<42>>,
    moment_leak: Pipe<Bits<42>>,
    blend_gradient: Pipe<Bits<38>>,
    moment_gradient: Pipe<Bits<38>>,
    // Cycle 2.
    state_wide: Signal<Local, Bits<43>>,
    blend_leak_wide: Signal<Local, Bits<43>>,
    moment_leak_wide: Signal<Local, Bits<43>>,
    blend_gradient_wide: Signal<Local, Bits<43>>,
    moment_gradient_wide: Signal<Local, Bits<43>>,
    blend: Pipe<Bits<43>>,
    moment: Pipe<Bits<43>>,
    // Cycle 3 and on.
    magnitude: Signal<Local, Bits<43>>,
    magnitude4: Pipe<Bits<42>>,
    normalize: Normalize,
    round: RoundEven,
    /// From cycle 4 to 7, as the two below.
    state_negative: [Pipe<Bit>; 4],
    negative: [Pipe<Bit>; 4],
    positive: [Pipe<Bit>; 4],
    code: Signal<Local, Bits<16>>,
}

impl Logic for MomentStep {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, gradient, blend_shift, moment_decay, moment_shift, state2);
        dff_setup!(self, clock, blend_leak, moment_leak, blend_gradient, moment_gradient);
        dff_setup!(self, clock, blend, moment, magnitude4);
        self.align.clock.next = self.clock.val();
        self.align.enable_i.next = self.enable_i.val();
        self.normalize.clock.next = self.clock.val();
        self.normalize.enable_i.next = self.enable_i.val();
        self.round.clock.next = self.clock.val();
        self.round.enable_i.next = self.enable_i.val();

        // Cycle 0. Lion blends with b1 and keeps with b2; SGD keeps with b1 and does not scale the gradient by it.
        self.align.value_i.next = self.state_i.val();
        self.gradient.d.next = self.gradient_i.val();
        // At most 63 + 15: beyond the 38 bits of the gradient only its sign is left.
        self.blend_shift.d.next =
            bit_cast::<7, 6>(self.gradient_scale_i.val()) + bit_cast::<7, 4>(self.b1_i.val());
        if self.lion_i.val() {
            self.moment_decay.d.next = self.b2_i.val();
            self.moment_shift.d.next =
                bit_cast::<7, 6>(self.gradient_scale_i.val()) + bit_cast::<7, 4>(self.b2_i.val());
        } else {
            self.moment_decay.d.next = self.b1_i.val();
            self.moment_shift.d.next = bit_cast::<7, 6>(self.gradient_scale_i.val());
        }

        // Cycle 1. Every >>> floors: negative numbers are complemented around an unsigned shift.
        if self.align.fixed_o.val().get_bit(41) {
            self.state_folded.next = !self.align.fixed_o.val();
        } else {
            self.state_folded.next = self.align.fixed_o.val();
        }
        self.blend_leak_shifted.next = self.state_folded.val() >> self.b1_i.val();
        self.moment_leak_shifted.next = self.state_folded.val() >> self.moment_decay.q.val();
        if self.align.fixed_o.val().get_bit(41) {
            self.blend_leak.d.next = !self.blend_leak_shifted.val();
            self.moment_leak.d.next = !self.moment_leak_shifted.val();
        } else {
            self.blend_leak.d.next = self.blend_leak_shifted.val();
            self.moment_leak.d.next = self.moment_leak_shifted.val();
        }
        self.state2.d.next = self.align.fixed_o.val();
        // LSB 2^-18 to 2^-24: 32 + 6 bits.
        self.gradient_wide.next = bit_cast::<38, 32>(self.gradient.q.val()) << 6;
        if self.gradient_wide.val().get_bit(37) {
            self.gradient_folded.next = !self.gradient_wide.val();
        } else {
            self.gradient_folded.next = self.gradient_wide.val();
        }
        self.blend_gradient_shifted.next = self.gradient_folded.val() >> self.blend_shift.q.val();
        self.moment_gradient_shifted.next = self.gradient_folded.val() >> self.moment_shift.q.val();
        if self.gradient_wide.val().get_bit(37) {
            self.blend_gradient.d.next = !self.blend_gradient_shifted.val();
            self.moment_gradient.d.next = !self.moment_gradient_shifted.val();
        } else {
            self.blend_gradient.d.next = self.blend_gradient_shifted.val();
            self.moment_gradient.d.next = self.moment_gradient_shifted.val();
        }

        // Cycle 2. m less its decay is between 0 and m, 42 bits; the gradient's 38 bits make it 43.
        if self.state2.q.val().get_bit(41) {
            self.state_wide.next =
                bit_cast::<43, 42>(self.state2.q.val()) | bits::<43>(0x400_0000_0000_u64);
        } else {
            self.state_wide.next = bit_cast::<43, 42>(self.state2.q.val());
        }
        if self.blend_leak.q.val().get_bit(41) {
            self.blend_leak_wide.next =
                bit_cast::<43, 42>(self.blend_leak.q.val()) | bits::<43>(0x400_0000_0000_u64);
        } else {
            self.blend_leak_wide.next = bit_cast::<43, 42>(self.blend_leak.q.val());
        }
        if self.moment_leak.q.val().get_bit(41) {
            self.moment_leak_wide.next =
                bit_cast::<43, 42>(self.moment_leak.q.val()) | bits::<43>(0x400_0000_0000_u64);
        } else {
            self.moment_leak_wide.next = bit_cast::<43, 42>(self.moment_leak.q.val());
        }
        if self.blend_gradient.q.val().get_bit(37) {
            self.blend_gradient_wide.next =
                bit_cast::<43, 38>(self.blend_gradient.q.val()) | bits::<43>(0x7C0_0000_0000_u64);
        } else {
            self.blend_gradient_wide.next = bit_cast::<43, 38>(self.blend_gradient.q.val());
        }
        if self.moment_gradient.q.val().get_bit(37) {
            self.moment_gradient_wide.next =
                bit_cast::<43, 38>(self.moment_gradient.q.val()) | bits::<43>(0x7C0_0000_0000_u64);
        } else {
            self.moment_gradient_wide.next = bit_cast::<43, 38>(self.moment_gradient.q.val());
        }
        self.blend.d.next =
            (self.state_wide.val() - self.blend_leak_wide.val()) + self.blend_gradient_wide.val();
        self.moment.d.next =
            (self.state_wide.val() - self.moment_leak_wide.val()) + self.moment_gradient_wide.val();

        // Cycle 3. The magnitude is below 2^41 + 2^37.
        if self.moment.q.val().get_bit(42) {
            self.magnitude.next = bits::<43>(0) - self.moment.q.val();
        } else {
            self.magnitude.next = self.moment.q.val();
        }
        self.magnitude4.d.next = self.magnitude.val().get_bits::<42>(0);
        for i in 0..4 {
            self.state_negative[i].clock.next = self.clock.val();
            self.negative[i].clock.next = self.clock.val();
            self.positive[i].clock.next = self.clock.val();
        }
        self.state_negative[0].d.next = self.moment.q.val().get_bit(42);
        self.negative[0].d.next = self.blend.q.val().get_bit(42);
        self.positive[0].d.next =
            !self.blend.q.val().get_bit(42) && (self.blend.q.val() != bits::<43>(0));
        for i in 1..4 {
            self.state_negative[i].d.next = self.state_negative[i - 1].q.val();
            self.negative[i].d.next = self.negative[i - 1].q.val();
            self.positive[i].d.next = self.positive[i - 1].q.val();
        }

        // Cycles 4 to 6. In units of 2^-24, the subnormal ulp, nothing is below a significand of 11 bits: shifts up to 42 - 11.
        self.normalize.magnitude_i.next = self.magnitude4.q.val();
        self.normalize.max_shift_i.next = bits::<5>(31);
        self.round.normal_i.next = self.normalize.normal_o.val();
        self.round.binade_i.next = self.normalize.binade_o.val();

        // Saturated at 65504, code 0x7BFF; zero is +0.
        if self.round.code_o.val() > bits::<16>(0x7BFF) {
            self.code.next = bits::<16>(0x7BFF);
        } else {
            self.code.next = self.round.code_o.val();
        }
        if self.state_negative[3].q.val() && (self.code.val() != bits::<16>(0)) {
            self.state_o.next = self.code.val() | bits::<16>(0x8000);
        } else {
            self.state_o.next = self.code.val();
        }
        self.negative_o.next = self.negative[3].q.val();
        self.positive_o.next = self.positive[3].q.val();

        // Without a weight in the pipeline all registers hold, so that no clock need reach them.
        if !self.enable_i.val() {
            self.gradient.d.next = self.gradient.q.val();
            self.blend_shift.d.next = self.blend_shift.q.val();
            self.moment_decay.d.next = self.moment_decay.q.val();
            self.moment_shift.d.next = self.moment_shift.q.val();
            self.state2.d.next = self.state2.q.val();
            self.blend_leak.d.next = self.blend_leak.q.val();
            self.moment_leak.d.next = self.moment_leak.q.val();
            self.blend_gradient.d.next = self.blend_gradient.q.val();
            self.moment_gradient.d.next = self.moment_gradient.q.val();
            self.blend.d.next = self.blend.q.val();
            self.moment.d.next = self.moment.q.val();
            self.magnitude4.d.next = self.magnitude4.q.val();
            for i in 0..4 {
                self.state_negative[i].d.next = self.state_negative[i].q.val();
                self.negative[i].d.next = self.negative[i].q.val();
                self.positive[i].d.next = self.positive[i].q.val();
            }
        }
    }

    fn timing(&self) -> Vec<TimingInfo> {
        described_module(
            "moment_step",
            &[],
            "Optimizer state of one weight: gradient into moment, rounded to nearest even.",
        )
    }
}
