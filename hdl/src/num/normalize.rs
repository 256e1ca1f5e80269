//! Moves the leading one of a magnitude to the top: the common half of every rounding to binary16.

use crate::prim::{Pipe, described_module};
use rust_hdl::prelude::*;

/// Shifts left until the leading one is bit 41, but by at most `max_shift_i`, which is where subnormal binary16 numbers begin:
/// the top 11 bits are then the significand and the 31 below are what is rounded away.
///
/// 42 bits: the widest magnitude, that of the weight sum of the optimizer (below 2^42 units of 2^-36). Others come shifted up to it.
#[derive(LogicBlock, Default)]
pub struct Normalize {
    pub clock: Signal<In, Clock>,
    /// Low: the registers hold.
    pub enable_i: Signal<In, Bit>,
    /// Two cycles before `normal_o`.
    pub magnitude_i: Signal<In, Bits<42>>,
    /// Constant while in use.
    pub max_shift_i: Signal<In, Bits<5>>,
    /// The shift, one cycle before `normal_o`.
    pub count_o: Signal<Out, Bits<5>>,
    pub normal_o: Signal<Out, Bits<42>>,
    /// `max_shift_i - shift`: the exponent field is this plus the hidden bit of the significand.
    pub binade_o: Signal<Out, Bits<5>>,
    top: Signal<Local, Bits<32>>,
    half16: Signal<Local, Bits<16>>,
    half8: Signal<Local, Bits<8>>,
    half4: Signal<Local, Bits<4>>,
    half2: Signal<Local, Bits<2>>,
    zeros16: Signal<Local, Bits<5>>,
    zeros8: Signal<Local, Bits<5>>,
    zeros4: Signal<Local, Bits<5>>,
    zeros2: Signal<Local, Bits<5>>,
    zeros1: Signal<Local, Bits<5>>,
    zeros: Signal<Local, Bits<5>>,
    magnitude: Pipe<Bits<42>>,
    count: Pipe<Bits<5>>,
    normal: Pipe<Bits<42>>,
    binade: Pipe<Bits<5>>,
}

impl Logic for Normalize {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, magnitude, count, normal, binade);
        // Leading zeros by halving. Shifts stop at 31, so the top 32 bits decide; all zero counts as 31.
        self.top.next = self.magnitude_i.val().get_bits::<32>(10);
        if self.top.val().get_bits::<16>(16) == bits::<16>(0) {
            self.zeros16.next = bits::<5>(16);
            self.half16.next = self.top.val().get_bits::<16>(0);
        } else {
            self.zeros16.next = bits::<5>(0);
            self.half16.next = self.top.val().get_bits::<16>(16);
        }
        if self.half16.val().get_bits::<8>(8) == bits::<8>(0) {
            self.zeros8.next = bits::<5>(8);
            self.half8.next = self.half16.val().get_bits::<8>(0);
        } else {
            self.zeros8.next = bits::<5>(0);
            self.half8.next = self.half16.val().get_bits::<8>(8);
        }
        if self.half8.val().get_bits::<4>(4) == bits::<4>(0) {
            self.zeros4.next = bits::<5>(4);
            self.half4.next = self.half8.val().get_bits::<4>(0);
        } else {
            self.zeros4.next = bits::<5>(0);
            self.half4.next = self.half8.val().get_bits::<4>(4);
        }
        if self.half4.val().get_bits::<2>(2) == bits::<2>(0) {
            self.zeros2.next = bits::<5>(2);
            self.half2.next = self.half4.val().get_bits::<2>(0);
        } else {
            self.zeros2.next = bits::<5>(0);
            self.half2.next = self.half4.val().get_bits::<2>(2);
        }
        if self.half2.val().get_bit(1) {
            self.zeros1.next = bits::<5>(0);
        } else {
            self.zeros1.next = bits::<5>(1);
        }
        self.zeros.next = (self.zeros16.val() | self.zeros8.val())
            | ((self.zeros4.val() | self.zeros2.val()) | self.zeros1.val());
        if self.zeros.val() > self.max_shift_i.val() {
            self.count.d.next = self.max_shift_i.val();
        } else {
            self.count.d.next = self.zeros.val();
        }
        self.magnitude.d.next = self.magnitude_i.val();
        self.normal.d.next = self.magnitude.q.val() << self.count.q.val();
        self.binade.d.next = self.max_shift_i.val() - self.count.q.val();
        if !self.enable_i.val() {
            self.magnitude.d.next = self.magnitude.q.val();
            self.count.d.next = self.count.q.val();
            self.normal.d.next = self.normal.q.val();
            self.binade.d.next = self.binade.q.val();
        }
        self.count_o.next = self.count.q.val();
        self.normal_o.next = self.normal.q.val();
        self.binade_o.next = self.binade.q.val();
    }

    fn timing(&self) -> Vec<TimingInfo> {
        described_module("normalize", &[], "Moves the leading one of a magnitude to the top.")
    }
}
