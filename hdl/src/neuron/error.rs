//! From the backward membrane to the stored error: scaled, clipped, rounded once.

use crate::num::{Normalize, RoundEven};
use crate::prim::{Pipe, Reg, described_module};
use rust_hdl::prelude::*;

/// Cycles from `v_i` to `error_o`.
pub const ERROR_ROUNDER_LATENCY: usize = 5;

/// `error = binary16(clip(v >>> input_shift, +-2^error_max_exp))`, to nearest even; one a cycle.
#[derive(LogicBlock, Default)]
pub struct ErrorRounder {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    pub valid_i: Signal<In, Bit>,
    /// Q30.
    pub v_i: Signal<In, Bits<40>>,
    pub input_shift_i: Signal<In, Bits<4>>,
    pub error_max_exp_i: Signal<In, Bits<3>>,
    pub error_o: Signal<Out, Bits<16>>,
    /// `error_o` is valid and not zero.
    pub nonzero_o: Signal<Out, Bit>,
    /// `error_o` is valid and was clipped.
    pub saturated_o: Signal<Out, Bit>,

    folded: Signal<Local, Bits<40>>,
    shifted: Signal<Local, Bits<40>>,
    scaled: Pipe<Bits<40>>,
    magnitude: Pipe<Bits<40>>,
    limit: Signal<Local, Bits<40>>,
    normalize: Normalize,
    round: RoundEven,
    /// The sign is known with the magnitude, clipping a cycle later; the last stage of each is beside the rounded code.
    negative: [Pipe<Bit>; 4],
    beyond: [Pipe<Bit>; 3],
    valid: [Reg<Bit>; 5],
    code: Signal<Local, Bits<16>>,
}

impl Logic for ErrorRounder {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, scaled, magnitude);
        self.normalize.clock.next = self.clock.val();
        self.round.clock.next = self.clock.val();
        self.normalize.enable_i.next = self.valid[1].q.val() || self.valid[2].q.val();
        self.round.enable_i.next = self.valid[3].q.val();
        for i in 0..4 {
            self.negative[i].clock.next = self.clock.val();
        }
        for i in 0..3 {
            self.beyond[i].clock.next = self.clock.val();
        }
        for i in 0..5 {
            self.valid[i].clock.next = self.clock.val();
        }

        // The derivative of the scaled input: floored, as the input is.
        if self.v_i.val().get_bit(39) {
            self.folded.next = !self.v_i.val();
        } else {
            self.folded.next = self.v_i.val();
        }
        self.shifted.next = self.folded.val() >> self.input_shift_i.val();
        // The wide registers hold between steps, so that no clock need reach them.
        if self.valid_i.val() {
            if self.v_i.val().get_bit(39) {
                self.scaled.d.next = !self.shifted.val();
            } else {
                self.scaled.d.next = self.shifted.val();
            }
        }

        // -2^39 has a magnitude of 40 bits unsigned.
        if self.valid[0].q.val() {
            if self.scaled.q.val().get_bit(39) {
                self.magnitude.d.next = bits::<40>(0) - self.scaled.q.val();
            } else {
                self.magnitude.d.next = self.scaled.q.val();
            }
        }
        self.negative[0].d.next = self.scaled.q.val().get_bit(39);

        self.limit.next = bits::<40>(0x4000_0000) << self.error_max_exp_i.val();
        self.beyond[0].d.next = self.magnitude.q.val() > self.limit.val();
        // Up to the largest limit, 2^34, a magnitude has 35 bits; it goes to the top of 42. What is clipped may lose its top bits.
        // Shifts end at 18, where the significand is in units of 2^-24: 42 - 11 - 18 = 13 bits below it, of which 7 are padding
        // and 6 lead from 2^-30 to 2^-24.
        self.normalize.magnitude_i.next = bit_cast::<42, 40>(self.magnitude.q.val()) << 7;
        self.normalize.max_shift_i.next = bits::<5>(18);
        self.round.normal_i.next = self.normalize.normal_o.val();
        self.round.binade_i.next = self.normalize.binade_o.val();

        self.valid[0].d.next = self.valid_i.val();
        for i in 1..4 {
            self.negative[i].d.next = self.negative[i - 1].q.val();
        }
        for i in 1..3 {
            self.beyond[i].d.next = self.beyond[i - 1].q.val();
        }
        for i in 1..5 {
            self.valid[i].d.next = self.valid[i - 1].q.val();
        }
        // 2^x has the exponent field 15 + x. Below the limit no rounding exceeds it: it is a binary16 number itself.
        if self.beyond[2].q.val() {
            self.code.next =
                bits::<16>(0x3C00) + (bit_cast::<16, 3>(self.error_max_exp_i.val()) << 10);
        } else {
            self.code.next = self.round.code_o.val();
        }
        // Zero is +0.
        if self.negative[3].q.val() && (self.code.val() != bits::<16>(0)) {
            self.error_o.next = self.code.val() | bits::<16>(0x8000);
        } else {
            self.error_o.next = self.code.val();
        }
        self.nonzero_o.next = self.valid[4].q.val() && (self.code.val() != bits::<16>(0));
        self.saturated_o.next = self.valid[4].q.val() && self.beyond[2].q.val();
    }

    fn timing(&self) -> Vec<TimingInfo> {
        described_module(
            "error_rounder",
            &[],
            "Backward membrane to binary16 error: scaled, clipped, rounded to nearest even.",
        )
    }
}
