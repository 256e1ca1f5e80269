//! The weight sums of two time steps, for one adder.

use crate::prim::{Pipe, Reg, described_module};
use rust_hdl::prelude::*;

/// The weights of visits are added to one of three accumulators: of those that have the first step only, the second only, and both. So a visit
/// adds once, and the sum of a step is `alone_o + both_o`.
///
/// An *add* names its steps (`add_steps_i`, one at least, else nothing happens); its weight follows a cycle later (`fixed_i`). In a cycle
/// of `take_over_i` no weight may follow: what was added leaves, `alone_o` and `both_o` from the next cycle to the next take-over, and
/// the accumulators begin anew.
#[derive(LogicBlock, Default)]
pub struct StepPair {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    pub add_valid_i: Signal<In, Bit>,
    pub add_steps_i: Signal<In, Bits<2>>,
    /// Q24 signed.
    pub fixed_i: Signal<In, Bits<29>>,
    pub take_over_i: Signal<In, Bit>,
    /// Which step `alone_o` is of.
    pub second_i: Signal<In, Bit>,
    pub alone_o: Signal<Out, Bits<40>>,
    pub both_o: Signal<Out, Bits<40>>,

    adds: Reg<Bit>,
    /// Of the last add.
    steps: Pipe<Bits<2>>,
    addend: Signal<Local, Bits<29>>,
    low: Signal<Local, Bits<29>>,
    high: Signal<Local, Bits<11>>,
    /// 30 bits: two of 29 and their carry.
    low_sum: Signal<Local, Bits<30>>,
    up: Signal<Local, Bit>,
    down: Signal<Local, Bit>,
    carried: Signal<Local, Bits<11>>,
    high_sum: Signal<Local, Bits<11>>,
    loads: Signal<Local, Bits<4>>,
    /// First step only, second only, both. 40 bits: a 28-bit magnitude times a fan-in, which the configuration check bounds. The lower 29
    /// are as wide as a weight; the upper 11 change, and have a clock, only when those overflow.
    lows: [Reg<Bits<29>>; 3],
    highs: [Reg<Bits<11>>; 3],
    taken_lows: [Pipe<Bits<29>>; 3],
    taken_highs: [Pipe<Bits<11>>; 3],
    alone_low: Signal<Local, Bits<29>>,
    alone_high: Signal<Local, Bits<11>>,
    both_low: Signal<Local, Bits<29>>,
    both_high: Signal<Local, Bits<11>>,
}

impl Logic for StepPair {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, adds, steps);
        self.adds.d.next = self.add_valid_i.val() && self.add_steps_i.val().any();
        if self.add_valid_i.val() && self.add_steps_i.val().any() {
            self.steps.d.next = self.add_steps_i.val();
        }

        // Without an add the adder keeps still: so do its accumulator and its addend.
        self.addend.next = bits::<29>(0);
        self.loads.next = bits::<4>(0);
        if self.adds.q.val() {
            self.addend.next = self.fixed_i.val();
            self.loads.next = bits::<4>(1) << self.steps.q.val();
        }
        if self.steps.q.val() == bits::<2>(1) {
            self.low.next = self.lows[0].q.val();
            self.high.next = self.highs[0].q.val();
        } else if self.steps.q.val() == bits::<2>(2) {
            self.low.next = self.lows[1].q.val();
            self.high.next = self.highs[1].q.val();
        } else {
            self.low.next = self.lows[2].q.val();
            self.high.next = self.highs[2].q.val();
        }
        self.low_sum.next =
            bit_cast::<30, 29>(self.low.val()) + bit_cast::<30, 29>(self.addend.val());
        // A negative addend read as a natural number is 2^29 too large: the upper bits take the carry less its sign.
        self.up.next = self.low_sum.val().get_bit(29) && !self.addend.val().get_bit(28);
        self.down.next = !self.low_sum.val().get_bit(29) && self.addend.val().get_bit(28);
        self.carried.next = bits::<11>(0);
        if self.down.val() {
            self.carried.next = bits::<11>(0x7FF);
        } else if self.up.val() {
            self.carried.next = bits::<11>(1);
        }
        self.high_sum.next = self.high.val() + self.carried.val();
        for i in 0..3 {
            self.lows[i].clock.next = self.clock.val();
            self.highs[i].clock.next = self.clock.val();
            self.taken_lows[i].clock.next = self.clock.val();
            self.taken_highs[i].clock.next = self.clock.val();
            self.lows[i].d.next = self.lows[i].q.val();
            self.highs[i].d.next = self.highs[i].q.val();
            self.taken_lows[i].d.next = self.taken_lows[i].q.val();
            self.taken_highs[i].d.next = self.taken_highs[i].q.val();
            if self.take_over_i.val() {
                self.lows[i].d.next = bits::<29>(0);
                self.highs[i].d.next = bits::<11>(0);
                self.taken_lows[i].d.next = self.lows[i].q.val();
                self.taken_highs[i].d.next = self.highs[i].q.val();
            } else if self.loads.val().get_bit(i + 1) {
                self.lows[i].d.next = self.low_sum.val().get_bits::<29>(0);
                if self.up.val() || self.down.val() {
                    self.highs[i].d.next = self.high_sum.val();
                }
            }
        }

        if self.second_i.val() {
            self.alone_low.next = self.taken_lows[1].q.val();
            self.alone_high.next = self.taken_highs[1].q.val();
        } else {
            self.alone_low.next = self.taken_lows[0].q.val();
            self.alone_high.next = self.taken_highs[0].q.val();
        }
        self.both_low.next = self.taken_lows[2].q.val();
        self.both_high.next = self.taken_highs[2].q.val();
        self.alone_o.next = (bit_cast::<40, 11>(self.alone_high.val()) << 29)
            | bit_cast::<40, 29>(self.alone_low.val());
        self.both_o.next = (bit_cast::<40, 11>(self.both_high.val()) << 29)
            | bit_cast::<40, 29>(self.both_low.val());
    }

    fn timing(&self) -> Vec<TimingInfo> {
        described_module("step_pair", &[], "Weight sums of two time steps.")
    }
}
