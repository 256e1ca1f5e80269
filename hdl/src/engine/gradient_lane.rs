//! One lane of the WG engine: the errors of a tile-block held at the lane, added into a gradient.

use crate::num::AlignError;
use crate::prim::{Pipe, Reg, described_module};
use rust_hdl::prelude::*;

/// Cycles from `add_valid_i` to `gradient_o`.
pub const GRADIENT_LATENCY: usize = 2;

/// A *load* (`load_valid_i`, its step and the binary16 error in the same cycle) keeps the error of a step. An *add* (`add_valid_i`, the steps
/// of the visit and `gradient_i` in the same cycle) adds the kept errors of its steps to the gradient. One add a cycle.
///
/// An add uses the loads of all earlier cycles, and no later ones.
#[derive(LogicBlock, Default)]
pub struct GradientLane {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    pub load_valid_i: Signal<In, Bit>,
    pub load_step_i: Signal<In, Bits<2>>,
    pub error_i: Signal<In, Bits<16>>,
    /// LSB of the gradient: 2^(-18 + gradient_shift). Constant during a slice.
    pub gradient_shift_i: Signal<In, Bits<4>>,
    pub add_valid_i: Signal<In, Bit>,
    pub add_mask_i: Signal<In, Bits<4>>,
    pub gradient_i: Signal<In, Bits<32>>,
    pub gradient_o: Signal<Out, Bits<32>>,

    align: AlignError,
    load_valid: Reg<Bit>,
    load_step: Pipe<Bits<2>>,
    loads: Signal<Local, Bits<4>>,
    floored: Signal<Local, Bits<24>>,
    folded: Signal<Local, Bits<24>>,
    shifted: Signal<Local, Bits<24>>,
    increment: Signal<Local, Bits<24>>,
    /// One per step, 24 bits: a 30-bit aligned error less the 6 bits from 2^-24 to 2^-18.
    errors: [Pipe<Bits<24>>; 4],
    add_valid: Reg<Bit>,
    add_mask: Pipe<Bits<4>>,
    start: Pipe<Bits<32>>,
    error: Signal<Local, Bits<24>>,
    /// 26 bits: at most four errors of 24 are added.
    wide: [Signal<Local, Bits<26>>; 4],
    total: Signal<Local, Bits<26>>,
    addend: Signal<Local, Bits<32>>,
    /// 32 bits, wrapping; the compiler proves that they suffice.
    sum: Pipe<Bits<32>>,
}

impl Logic for GradientLane {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, load_valid, load_step, add_valid, add_mask, start, sum);
        self.align.clock.next = self.clock.val();
        self.align.enable_i.next = self.load_valid_i.val();
        self.align.value_i.next = self.error_i.val();
        self.load_valid.d.next = self.load_valid_i.val();
        self.load_step.d.next = self.load_step_i.val();

        // error >>> (6 + gradient_shift), floored once although in two parts: dropping six bits, then a run-time shift.
        self.floored.next = self.align.fixed_o.val().get_bits::<24>(6);
        if self.floored.val().get_bit(23) {
            self.folded.next = !self.floored.val();
        } else {
            self.folded.next = self.floored.val();
        }
        self.shifted.next = self.folded.val() >> self.gradient_shift_i.val();
        if self.floored.val().get_bit(23) {
            self.increment.next = !self.shifted.val();
        } else {
            self.increment.next = self.shifted.val();
        }
        if self.load_valid.q.val() {
            self.loads.next = bits::<4>(1) << self.load_step.q.val();
        } else {
            self.loads.next = bits::<4>(0);
        }
        for i in 0..4 {
            self.errors[i].clock.next = self.clock.val();
            if self.loads.val().get_bit(i) {
                self.errors[i].d.next = self.increment.val();
            } else {
                self.errors[i].d.next = self.errors[i].q.val();
            }
        }

        self.add_valid.d.next = self.add_valid_i.val();
        if self.add_valid_i.val() {
            self.add_mask.d.next = self.add_mask_i.val();
            self.start.d.next = self.gradient_i.val();
        }
        for i in 0..4 {
            self.error.next = self.errors[i].q.val();
            self.wide[i].next = bits::<26>(0);
            if self.add_mask.q.val().get_bit(i) {
                self.wide[i].next = bit_cast::<26, 24>(self.error.val());
                if self.error.val().get_bit(23) {
                    self.wide[i].next =
                        bit_cast::<26, 24>(self.error.val()) | bits::<26>(0x300_0000);
                }
            }
        }
        self.total.next =
            (self.wide[0].val() + self.wide[1].val()) + (self.wide[2].val() + self.wide[3].val());
        if self.total.val().get_bit(25) {
            self.addend.next = bit_cast::<32, 26>(self.total.val()) | bits::<32>(0xFC00_0000_u64);
        } else {
            self.addend.next = bit_cast::<32, 26>(self.total.val());
        }
        if self.add_valid.q.val() {
            self.sum.d.next = self.start.q.val() + self.addend.val();
        }
        self.gradient_o.next = self.sum.q.val();
    }

    fn timing(&self) -> Vec<TimingInfo> {
        described_module(
            "gradient_lane",
            &[],
            "Errors of a tile-block, added into a running gradient.",
        )
    }
}
