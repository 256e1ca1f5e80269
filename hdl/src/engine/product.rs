//! The one multiplication of the machine: a binary16 weight times a binary16 error.

use crate::prim::{Pipe, described_module};
use rust_hdl::prelude::*;

/// Cycles from `weight_i`, `error_i` to `biased_o`.
pub const PRODUCT_LATENCY: usize = 3;

/// `floor(weight * error)` to LSB 2^-30, plus 2^39.
///
/// The magnitude of a product is below 2^22 * 2^17 = 2^39, so a signed one has 40 bits, and the bias makes it a natural number:
/// sums then widen by zeros, and one subtraction at the root of the adder tree removes all biases.
///
/// The operands go to registers first: the way out of their memories is long enough, and what else is read there does not reach the multiplier.
#[derive(LogicBlock, Default)]
pub struct Product {
    pub clock: Signal<In, Clock>,
    /// Low: the operands hold.
    pub load_i: Signal<In, Bit>,
    /// Low: the registers behind them hold.
    pub enable_i: Signal<In, Bit>,
    pub weight_i: Signal<In, Bits<16>>,
    pub error_i: Signal<In, Bits<16>>,
    pub biased_o: Signal<Out, Bits<40>>,
    weight: Pipe<Bits<16>>,
    error: Pipe<Bits<16>>,
    weight_field: Signal<Local, Bits<6>>,
    weight_exponent: Signal<Local, Bits<6>>,
    weight_significand: Signal<Local, Bits<16>>,
    error_field: Signal<Local, Bits<6>>,
    error_exponent: Signal<Local, Bits<6>>,
    error_significand: Signal<Local, Bits<16>>,
    full: Signal<Local, Bits<32>>,
    magnitude: Pipe<Bits<22>>,
    negative: Pipe<Bit>,
    up: Pipe<Bits<6>>,
    exact: Signal<Local, Bits<23>>,
    wide: Signal<Local, Bits<58>>,
    shifted: Signal<Local, Bits<58>>,
    biased: Pipe<Bits<40>>,
}

impl Logic for Product {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, weight, error, magnitude, negative, up, biased);
        if self.load_i.val() {
            self.weight.d.next = self.weight_i.val();
            self.error.d.next = self.error_i.val();
        }
        // Exponent fields less one, so that 0 stands for subnormals and the smallest binade. Clipped at 18 (weight 8) and 19
        // (error 16), which valid operands never exceed.
        self.weight_field.next = bit_cast::<6, 5>(self.weight.q.val().get_bits::<5>(10));
        if self.weight_field.val() == bits::<6>(0) {
            self.weight_exponent.next = bits::<6>(0);
            self.weight_significand.next =
                bit_cast::<16, 10>(self.weight.q.val().get_bits::<10>(0));
        } else {
            if self.weight_field.val() > bits::<6>(18) {
                self.weight_exponent.next = bits::<6>(17);
            } else {
                self.weight_exponent.next = self.weight_field.val() - bits::<6>(1);
            }
            self.weight_significand.next =
                bit_cast::<16, 10>(self.weight.q.val().get_bits::<10>(0)) | bits::<16>(0x400);
        }
        self.error_field.next = bit_cast::<6, 5>(self.error.q.val().get_bits::<5>(10));
        if self.error_field.val() == bits::<6>(0) {
            self.error_exponent.next = bits::<6>(0);
            self.error_significand.next = bit_cast::<16, 10>(self.error.q.val().get_bits::<10>(0));
        } else {
            if self.error_field.val() > bits::<6>(19) {
                self.error_exponent.next = bits::<6>(18);
            } else {
                self.error_exponent.next = self.error_field.val() - bits::<6>(1);
            }
            self.error_significand.next =
                bit_cast::<16, 10>(self.error.q.val().get_bits::<10>(0)) | bits::<16>(0x400);
        }
        // 11 by 11 bits.
        self.full.next = self.weight_significand.val() * self.error_significand.val();
        self.magnitude.d.next = self.full.val().get_bits::<22>(0);
        self.negative.d.next = self.weight.q.val().get_bit(15) != self.error.q.val().get_bit(15);
        // At most 17 + 18 = 35.
        self.up.d.next = self.weight_exponent.val() + self.error_exponent.val();

        // weight * error = product * 2^(up - 18) units of 2^-30. Up first, exactly (23 + 35 bits), then down by 18: dropping the
        // low bits of the two's complement is the floor toward minus infinity.
        if self.negative.q.val() {
            self.exact.next = bits::<23>(0) - bit_cast::<23, 22>(self.magnitude.q.val());
        } else {
            self.exact.next = bit_cast::<23, 22>(self.magnitude.q.val());
        }
        if self.exact.val().get_bit(22) {
            self.wide.next =
                bit_cast::<58, 23>(self.exact.val()) | bits::<58>(0x3FF_FFFF_FF80_0000_u64);
        } else {
            self.wide.next = bit_cast::<58, 23>(self.exact.val());
        }
        self.shifted.next = self.wide.val() << self.up.q.val();
        // Adding 2^39 flips the sign bit.
        self.biased.d.next = self.shifted.val().get_bits::<40>(18) ^ bits::<40>(0x80_0000_0000_u64);
        if !self.enable_i.val() {
            self.magnitude.d.next = self.magnitude.q.val();
            self.negative.d.next = self.negative.q.val();
            self.up.d.next = self.up.q.val();
            self.biased.d.next = self.biased.q.val();
        }
        self.biased_o.next = self.biased.q.val();
    }

    fn timing(&self) -> Vec<TimingInfo> {
        described_module(
            "product",
            &[],
            "Product of a binary16 weight and error, floored to LSB 2^-30, plus 2^39.",
        )
    }
}
