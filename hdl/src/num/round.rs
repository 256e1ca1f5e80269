//! The rounding of a normalised magnitude to binary16, to nearest even.

use crate::prim::{Pipe, described_module};
use rust_hdl::prelude::*;

/// The binary16 code (without sign) nearest to what `Normalize` delivers, one cycle later.
///
/// `code_o` has 16 bits where a magnitude has 15: values beyond the largest finite number go on counting, and the parent saturates.
#[derive(LogicBlock, Default)]
pub struct RoundEven {
    pub clock: Signal<In, Clock>,
    /// Low: the registers hold.
    pub enable_i: Signal<In, Bit>,
    pub normal_i: Signal<In, Bits<42>>,
    pub binade_i: Signal<In, Bits<5>>,
    pub code_o: Signal<Out, Bits<16>>,
    significand: Signal<Local, Bits<16>>,
    exponent: Signal<Local, Bits<16>>,
    above_half: Signal<Local, Bit>,
    up: Signal<Local, Bits<16>>,
    code: Pipe<Bits<16>>,
}

impl Logic for RoundEven {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, code);
        self.significand.next = bit_cast::<16, 11>(self.normal_i.val().get_bits::<11>(31));
        self.exponent.next = bit_cast::<16, 5>(self.binade_i.val()) << 10;
        // Bit 30 is half an ulp. At exactly half the bits below are zero, and an odd significand goes up to the even one.
        self.above_half.next = (self.normal_i.val().get_bits::<30>(0) != bits::<30>(0))
            || self.normal_i.val().get_bit(31);
        if self.normal_i.val().get_bit(30) && self.above_half.val() {
            self.up.next = bits::<16>(1);
        } else {
            self.up.next = bits::<16>(0);
        }
        // The hidden bit of the significand adds one to the exponent field, and so does a carry into the next binade.
        if self.enable_i.val() {
            self.code.d.next = (self.exponent.val() + self.significand.val()) + self.up.val();
        }
        self.code_o.next = self.code.q.val();
    }

    fn timing(&self) -> Vec<TimingInfo> {
        described_module(
            "round_even",
            &[],
            "Rounds a normalised magnitude to binary16, to nearest even.",
        )
    }
}
