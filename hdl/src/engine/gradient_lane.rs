//! One lane of the WG engine: the errors of tile-blocks held at the lane, added into a gradient.

use crate::prim::{Pipe, Reg, described_module};
use rust_hdl::prelude::*;

/// Cycles from `add_valid_i` to `gradient_o`.
pub const GRADIENT_LATENCY: usize = 2;

/// A *load* (`load_valid_i`, its slot's place, its step and the binary16 error in the same cycle) keeps the error of a step. An *add*
/// (`add_valid_i`, the steps of the visit for each slot and `gradient_i` in the same cycle) adds the kept errors of its steps to the
/// gradient. One add a cycle.
///
/// An add uses the loads of all earlier cycles, and no later ones.
#[derive(LogicBlock)]
pub struct GradientLane {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    pub load_valid_i: Signal<In, Bit>,
    /// Place of the slot in bits 4..2, step of the block below.
    pub load_at_i: Signal<In, Bits<5>>,
    pub error_i: Signal<In, Bits<16>>,
    /// LSB of the gradient: 2^(-18 + gradient_shift). Constant during a slice.
    pub gradient_shift_i: Signal<In, Bits<4>>,
    pub add_valid_i: Signal<In, Bit>,
    pub add_mask_i: Vec<Signal<In, Bits<4>>>,
    pub gradient_i: Signal<In, Bits<32>>,
    pub gradient_o: Signal<Out, Bits<32>>,

    load_valid: Reg<Bit>,
    load_at: Pipe<Bits<5>>,
    loads: Signal<Local, Bits<32>>,
    here: Signal<Local, Bit>,
    value: Pipe<Bits<16>>,
    exponent: Signal<Local, Bits<6>>,
    mantissa: Signal<Local, Bits<12>>,
    magnitude: Signal<Local, Bits<12>>,
    significand: Signal<Local, Bits<12>>,
    up: Signal<Local, Bits<6>>,
    position: Signal<Local, Bits<6>>,
    /// 45 bits: the signed 12-bit significand, up by at most 18 + 15.
    unplaced: Signal<Local, Bits<45>>,
    placed: Signal<Local, Bits<45>>,
    increment: Signal<Local, Bits<24>>,
    /// One per slot and step, 24 bits: an error of 30 bits, in units of 2^-24, less the 6 bits from 2^-24 to 2^-18.
    errors: Vec<Pipe<Bits<24>>>,
    add_valid: Reg<Bit>,
    add_mask: Vec<Pipe<Bits<4>>>,
    start: Pipe<Bits<32>>,
    error: Signal<Local, Bits<24>>,
    steps: Signal<Local, Bits<4>>,
    /// 26 bits: at most four errors of 24 are added for a slot.
    wide: [Signal<Local, Bits<26>>; 4],
    total: Signal<Local, Bits<26>>,
    addend: Signal<Local, Bits<32>>,
    addends: Signal<Local, Bits<32>>,
    /// 32 bits, wrapping; the compiler proves that they suffice.
    sum: Pipe<Bits<32>>,
    _slots: usize,
}

impl GradientLane {
    /// A lane that holds the errors of `slots` slots, 1 to 8.
    pub fn new(slots: usize) -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            load_valid_i: Default::default(),
            load_at_i: Default::default(),
            error_i: Default::default(),
            gradient_shift_i: Default::default(),
            add_valid_i: Default::default(),
            add_mask_i: (0..slots).map(|_| Default::default()).collect(),
            gradient_i: Default::default(),
            gradient_o: Default::default(),
            load_valid: Default::default(),
            load_at: Default::default(),
            loads: Default::default(),
            here: Default::default(),
            value: Default::default(),
            exponent: Default::default(),
            mantissa: Default::default(),
            magnitude: Default::default(),
            significand: Default::default(),
            up: Default::default(),
            position: Default::default(),
            unplaced: Default::default(),
            placed: Default::default(),
            increment: Default::default(),
            errors: (0..4 * slots).map(|_| Default::default()).collect(),
            add_valid: Default::default(),
            add_mask: (0..slots).map(|_| Default::default()).collect(),
            start: Default::default(),
            error: Default::default(),
            steps: Default::default(),
            wide: Default::default(),
            total: Default::default(),
            addend: Default::default(),
            addends: Default::default(),
            sum: Default::default(),
            _slots: slots,
        }
    }
}

impl Logic for GradientLane {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, load_valid, load_at, value, add_valid, start, sum);
        self.load_valid.d.next = self.load_valid_i.val();
        self.load_at.d.next = self.load_at_i.val();
        if self.load_valid_i.val() {
            self.value.d.next = self.error_i.val();
        }

        // The significand in units of 2^-24 is up by the exponent field less one, 0 for subnormals and the smallest binade; clipped
        // at 18 (error 16), which valid errors never exceed.
        self.exponent.next = bit_cast::<6, 5>(self.value.q.val().get_bits::<5>(10));
        self.mantissa.next = bit_cast::<12, 10>(self.value.q.val().get_bits::<10>(0));
        if self.exponent.val() == bits::<6>(0) {
            self.magnitude.next = self.mantissa.val();
            self.up.next = bits::<6>(0);
        } else {
            self.magnitude.next = self.mantissa.val() | bits::<12>(0x400);
            if self.exponent.val() > bits::<6>(19) {
                self.up.next = bits::<6>(18);
            } else {
                self.up.next = self.exponent.val() - bits::<6>(1);
            }
        }
        if self.value.q.val().get_bit(15) {
            self.significand.next = bits::<12>(0) - self.magnitude.val();
        } else {
            self.significand.next = self.magnitude.val();
        }
        if self.significand.val().get_bit(11) {
            self.unplaced.next =
                bit_cast::<45, 12>(self.significand.val()) | bits::<45>(0x1FFF_FFFF_F000_u64);
        } else {
            self.unplaced.next = bit_cast::<45, 12>(self.significand.val());
        }
        // To units of 2^(-18 + gradient_shift): down by 6 + gradient_shift, as up by 15 - gradient_shift, exactly, and down by 21:
        // dropping the low bits of the two's complement is the floor toward minus infinity.
        self.position.next =
            self.up.val() + (bits::<6>(15) - bit_cast::<6, 4>(self.gradient_shift_i.val()));
        self.placed.next = self.unplaced.val() << self.position.val();
        self.increment.next = self.placed.val().get_bits::<24>(21);
        if self.load_valid.q.val() {
            self.loads.next = bits::<32>(1) << self.load_at.q.val();
        } else {
            self.loads.next = bits::<32>(0);
        }
        self.add_valid.d.next = self.add_valid_i.val();
        if self.add_valid_i.val() {
            self.start.d.next = self.gradient_i.val();
        }
        self.addends.next = bits::<32>(0);
        for s in 0..self._slots {
            self.add_mask[s].clock.next = self.clock.val();
            self.add_mask[s].d.next = self.add_mask[s].q.val();
            if self.add_valid_i.val() {
                self.add_mask[s].d.next = self.add_mask_i[s].val();
            }
            self.steps.next = self.add_mask[s].q.val();
            for i in 0..4 {
                self.errors[4 * s + i].clock.next = self.clock.val();
                self.error.next = self.errors[4 * s + i].q.val();
                self.here.next = self.loads.val().get_bit(4 * s + i);
                if self.here.val() {
                    self.errors[4 * s + i].d.next = self.increment.val();
                } else {
                    self.errors[4 * s + i].d.next = self.error.val();
                }
                self.wide[i].next = bits::<26>(0);
                if self.steps.val().get_bit(i) {
                    self.wide[i].next = bit_cast::<26, 24>(self.error.val());
                    if self.error.val().get_bit(23) {
                        self.wide[i].next =
                            bit_cast::<26, 24>(self.error.val()) | bits::<26>(0x300_0000);
                    }
                }
            }
            self.total.next = (self.wide[0].val() + self.wide[1].val())
                + (self.wide[2].val() + self.wide[3].val());
            if self.total.val().get_bit(25) {
                self.addend.next =
                    bit_cast::<32, 26>(self.total.val()) | bits::<32>(0xFC00_0000_u64);
            } else {
                self.addend.next = bit_cast::<32, 26>(self.total.val());
            }
            self.addends.next = self.addends.val() + self.addend.val();
        }
        if self.add_valid.q.val() {
            self.sum.d.next = self.start.q.val() + self.addends.val();
        }
        self.gradient_o.next = self.sum.q.val();
    }

    fn timing(&self) -> Vec<TimingInfo> {
        described_module(
            "gradient_lane",
            &[("slots", self._slots)],
            "Errors of tile-blocks, added into a running gradient.",
        )
    }
}
