//! Binary16 to fixed point with LSB 2^-24: `significand * 2^(e' - 1)`, where the exponent field e is read as e' = 1 for
//! subnormals. The sign is applied to the 12-bit significand before the shift: a short carry chain, the same value.

use crate::prim::{Pipe, described_module};
use rust_hdl::prelude::*;

/// Cycles from `value_i` to `fixed_o`.
pub const ALIGN_LATENCY: usize = 1;

/// A weight as a multiple of 2^-24: exact up to abs(w) <= 8, whose exponent field is 18. 29 bits: the signed 12-bit significand,
/// up by at most 17.
#[derive(LogicBlock, Default)]
pub struct AlignWeight {
    pub clock: Signal<In, Clock>,
    /// Low: the registers hold.
    pub enable_i: Signal<In, Bit>,
    pub value_i: Signal<In, Bits<16>>,
    pub fixed_o: Signal<Out, Bits<29>>,
    exponent: Signal<Local, Bits<5>>,
    mantissa: Signal<Local, Bits<12>>,
    magnitude: Signal<Local, Bits<12>>,
    significand: Signal<Local, Bits<12>>,
    shift: Signal<Local, Bits<5>>,
    wide: Signal<Local, Bits<29>>,
    fixed: Pipe<Bits<29>>,
}

impl Logic for AlignWeight {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, fixed);
        self.exponent.next = self.value_i.val().get_bits::<5>(10);
        self.mantissa.next = bit_cast::<12, 10>(self.value_i.val().get_bits::<10>(0));
        if self.exponent.val() == bits::<5>(0) {
            self.magnitude.next = self.mantissa.val();
            self.shift.next = bits::<5>(0);
        } else {
            self.magnitude.next = self.mantissa.val() | bits::<12>(0x400);
            if self.exponent.val() > bits::<5>(18) {
                self.shift.next = bits::<5>(17);
            } else {
                self.shift.next = self.exponent.val() - bits::<5>(1);
            }
        }
        if self.value_i.val().get_bit(15) {
            self.significand.next = bits::<12>(0) - self.magnitude.val();
        } else {
            self.significand.next = self.magnitude.val();
        }
        if self.significand.val().get_bit(11) {
            self.wide.next = bit_cast::<29, 12>(self.significand.val()) | bits::<29>(0x1FFFF000);
        } else {
            self.wide.next = bit_cast::<29, 12>(self.significand.val());
        }
        if self.enable_i.val() {
            self.fixed.d.next = self.wide.val() << self.shift.val();
        }
        self.fixed_o.next = self.fixed.q.val();
    }

    fn timing(&self) -> Vec<TimingInfo> {
        described_module("align_weight", &[], "A binary16 weight as a multiple of 2^-24.")
    }
}

/// An error as a multiple of 2^-24: exact up to abs(d) <= 16, whose exponent field is 19. 30 bits: the signed 12-bit significand,
/// up by at most 18. The register is before the alignment: the way out of an error memory is long enough.
#[derive(LogicBlock, Default)]
pub struct AlignError {
    pub clock: Signal<In, Clock>,
    /// Low: the register holds.
    pub enable_i: Signal<In, Bit>,
    pub value_i: Signal<In, Bits<16>>,
    pub fixed_o: Signal<Out, Bits<30>>,
    value: Pipe<Bits<16>>,
    exponent: Signal<Local, Bits<5>>,
    mantissa: Signal<Local, Bits<12>>,
    magnitude: Signal<Local, Bits<12>>,
    significand: Signal<Local, Bits<12>>,
    shift: Signal<Local, Bits<5>>,
    wide: Signal<Local, Bits<30>>,
}

impl Logic for AlignError {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, value);
        if self.enable_i.val() {
            self.value.d.next = self.value_i.val();
        }
        self.exponent.next = self.value.q.val().get_bits::<5>(10);
        self.mantissa.next = bit_cast::<12, 10>(self.value.q.val().get_bits::<10>(0));
        if self.exponent.val() == bits::<5>(0) {
            self.magnitude.next = self.mantissa.val();
            self.shift.next = bits::<5>(0);
        } else {
            self.magnitude.next = self.mantissa.val() | bits::<12>(0x400);
            if self.exponent.val() > bits::<5>(19) {
                self.shift.next = bits::<5>(18);
            } else {
                self.shift.next = self.exponent.val() - bits::<5>(1);
            }
        }
        if self.value.q.val().get_bit(15) {
            self.significand.next = bits::<12>(0) - self.magnitude.val();
        } else {
            self.significand.next = self.magnitude.val();
        }
        if self.significand.val().get_bit(11) {
            self.wide.next = bit_cast::<30, 12>(self.significand.val()) | bits::<30>(0x3FFFF000);
        } else {
            self.wide.next = bit_cast::<30, 12>(self.significand.val());
        }
        self.fixed_o.next = self.wide.val() << self.shift.val();
    }

    fn timing(&self) -> Vec<TimingInfo> {
        described_module("align_error", &[], "A binary16 error as a multiple of 2^-24.")
    }
}

/// Any finite binary16 as a multiple of 2^-24. 42 bits: the signed 12-bit significand, up by at most 30 (an infinity or NaN is
/// read as a number of exponent field 31).
#[derive(LogicBlock, Default)]
pub struct AlignFull {
    pub clock: Signal<In, Clock>,
    /// Low: the registers hold.
    pub enable_i: Signal<In, Bit>,
    pub value_i: Signal<In, Bits<16>>,
    pub fixed_o: Signal<Out, Bits<42>>,
    exponent: Signal<Local, Bits<5>>,
    mantissa: Signal<Local, Bits<12>>,
    magnitude: Signal<Local, Bits<12>>,
    significand: Signal<Local, Bits<12>>,
    shift: Signal<Local, Bits<5>>,
    wide: Signal<Local, Bits<42>>,
    fixed: Pipe<Bits<42>>,
}

impl Logic for AlignFull {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, fixed);
        self.exponent.next = self.value_i.val().get_bits::<5>(10);
        self.mantissa.next = bit_cast::<12, 10>(self.value_i.val().get_bits::<10>(0));
        if self.exponent.val() == bits::<5>(0) {
            self.magnitude.next = self.mantissa.val();
            self.shift.next = bits::<5>(0);
        } else {
            self.magnitude.next = self.mantissa.val() | bits::<12>(0x400);
            self.shift.next = self.exponent.val() - bits::<5>(1);
        }
        if self.value_i.val().get_bit(15) {
            self.significand.next = bits::<12>(0) - self.magnitude.val();
        } else {
            self.significand.next = self.magnitude.val();
        }
        if self.significand.val().get_bit(11) {
            self.wide.next =
                bit_cast::<42, 12>(self.significand.val()) | bits::<42>(0x3FF_FFFF_F000_u64);
        } else {
            self.wide.next = bit_cast::<42, 12>(self.significand.val());
        }
        if self.enable_i.val() {
            self.fixed.d.next = self.wide.val() << self.shift.val();
        }
        self.fixed_o.next = self.fixed.q.val();
    }

    fn timing(&self) -> Vec<TimingInfo> {
        described_module("align_full", &[], "A binary16 number as a multiple of 2^-24.")
    }
}
