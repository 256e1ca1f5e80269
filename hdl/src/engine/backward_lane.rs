//! One backward lane: the error sums of one neuron of a tile, and its backward step.

use crate::neuron::{BACKWARD_NEURON_LATENCY, BackwardNeuron, ERROR_ROUNDER_LATENCY, ErrorRounder};
use crate::num::AlignError;
use crate::prim::{Pipe, Reg, described_module};
use rust_hdl::prelude::*;

/// Cycles from `step_valid_i` to `error_o`: alignment and selection of the error sum, recurrence, rounding.
pub const BACKWARD_LATENCY: usize = 2 + BACKWARD_NEURON_LATENCY + ERROR_ROUNDER_LATENCY;

/// Collects the four sums that `DotProduct` sends (`capture_i`: they are this lane's) while it works on those handed over before.
/// `handover_i` makes what it collected the sums of the following steps, and starts collecting from zero: a neuron without a visit
/// has no error.
///
/// A step may be given from the cycle of `handover_i` on, and must be given before that of the next. Steps descend, at least
/// [`NEURON_STEP_CYCLES`](crate::neuron::NEURON_STEP_CYCLES) apart; v is kept from block to block, `step_first_i` (the last step of the sample) makes it 0.
/// With `from_memory_i` the error of the step is the binary16 `error_i` instead of the sum.
/// The parameters hold from the first step of a tile to `BACKWARD_LATENCY` after its last.
#[derive(LogicBlock, Default)]
pub struct BackwardLane {
    pub clock: Signal<In, Clock>,
    /// Of the neuron and what is before and behind it: from `step_valid_i` to `BACKWARD_LATENCY` after it.
    pub step_clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    // From `DotProduct`: Q30 sums of steps 0..3.
    pub capture_i: Signal<In, Bit>,
    pub sum0_i: Signal<In, Bits<40>>,
    pub sum1_i: Signal<In, Bits<40>>,
    pub sum2_i: Signal<In, Bits<40>>,
    pub sum3_i: Signal<In, Bits<40>>,
    pub handover_i: Signal<In, Bit>,
    // The step and the lane's bits of the trace word.
    pub step_valid_i: Signal<In, Bit>,
    pub step_i: Signal<In, Bits<2>>,
    pub step_first_i: Signal<In, Bit>,
    pub from_memory_i: Signal<In, Bit>,
    pub error_i: Signal<In, Bits<16>>,
    pub spike_i: Signal<In, Bits<4>>,
    pub code0_i: Signal<In, Bits<4>>,
    pub code1_i: Signal<In, Bits<4>>,
    // The neuron, as in the descriptor. Reset: 0 none, 1 hard, 2 soft; gains and threshold shift in two's complement.
    pub leak_shift_i: Signal<In, Bits<5>>,
    pub leak_on_i: Signal<In, Bit>,
    pub reset_i: Signal<In, Bits<2>>,
    pub reset_before_leak_i: Signal<In, Bit>,
    pub readout_i: Signal<In, Bit>,
    pub input_shift_i: Signal<In, Bits<4>>,
    pub detach_reset_i: Signal<In, Bit>,
    pub gain1_i: Signal<In, Bits<4>>,
    pub gain2_i: Signal<In, Bits<4>>,
    pub gain3_i: Signal<In, Bits<4>>,
    pub theta_shift_i: Signal<In, Bits<4>>,
    pub error_max_exp_i: Signal<In, Bits<3>>,
    // Binary16; the flags are 0 without a step.
    pub error_o: Signal<Out, Bits<16>>,
    pub nonzero_o: Signal<Out, Bit>,
    pub saturated_o: Signal<Out, Bit>,

    collected: [Reg<Bits<40>>; 4],
    given: [Reg<Bits<40>>; 4],
    align: AlignError,
    valid1: Reg<Bit>,
    step1: Pipe<Bits<2>>,
    first1: Pipe<Bit>,
    from_memory1: Pipe<Bit>,
    spike1: Pipe<Bit>,
    code1: Pipe<Bits<2>>,
    valid2: Reg<Bit>,
    first2: Pipe<Bit>,
    spike2: Pipe<Bit>,
    code2: Pipe<Bits<2>>,
    e: Pipe<Bits<40>>,
    neuron: BackwardNeuron,
    rounder: ErrorRounder,
}

impl Logic for BackwardLane {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, step_clock, valid1, step1, first1, from_memory1, spike1, code1);
        dff_setup!(self, step_clock, valid2, first2, spike2, code2, e);
        for i in 0..4 {
            self.collected[i].clock.next = self.clock.val();
            self.given[i].clock.next = self.clock.val();
            if self.handover_i.val() {
                self.given[i].d.next = self.collected[i].q.val();
            } else {
                self.given[i].d.next = self.given[i].q.val();
            }
        }
        // Sums that arrive with the handover belong to the next tile-block.
        if self.capture_i.val() {
            self.collected[0].d.next = self.sum0_i.val();
            self.collected[1].d.next = self.sum1_i.val();
            self.collected[2].d.next = self.sum2_i.val();
            self.collected[3].d.next = self.sum3_i.val();
        } else if self.handover_i.val() {
            self.collected[0].d.next = bits::<40>(0);
            self.collected[1].d.next = bits::<40>(0);
            self.collected[2].d.next = bits::<40>(0);
            self.collected[3].d.next = bits::<40>(0);
        } else {
            self.collected[0].d.next = self.collected[0].q.val();
            self.collected[1].d.next = self.collected[1].q.val();
            self.collected[2].d.next = self.collected[2].q.val();
            self.collected[3].d.next = self.collected[3].q.val();
        }

        // The alignment keeps still while the error memory is read for dot products.
        self.align.clock.next = self.step_clock.val();
        self.align.enable_i.next = self.step_valid_i.val() & self.from_memory_i.val();
        self.align.value_i.next = self.error_i.val();
        self.valid1.d.next = self.step_valid_i.val();
        self.step1.d.next = self.step_i.val();
        self.first1.d.next = self.step_first_i.val();
        self.from_memory1.d.next = self.from_memory_i.val();
        self.spike1.d.next = self.spike_i.val().get_bit(self.step_i.val().index());
        if self.code1_i.val().get_bit(self.step_i.val().index()) {
            if self.code0_i.val().get_bit(self.step_i.val().index()) {
                self.code1.d.next = bits::<2>(3);
            } else {
                self.code1.d.next = bits::<2>(2);
            }
        } else if self.code0_i.val().get_bit(self.step_i.val().index()) {
            self.code1.d.next = bits::<2>(1);
        } else {
            self.code1.d.next = bits::<2>(0);
        }

        // What the neuron works with holds until its next step.
        self.valid2.d.next = self.valid1.q.val();
        if self.valid1.q.val() {
            self.first2.d.next = self.first1.q.val();
            self.spike2.d.next = self.spike1.q.val();
            self.code2.d.next = self.code1.q.val();
            // Q24 to Q30: up by 6, exact.
            if self.from_memory1.q.val() {
                if self.align.fixed_o.val().get_bit(29) {
                    self.e.d.next = (bit_cast::<40, 30>(self.align.fixed_o.val()) << 6)
                        | bits::<40>(0xF0_0000_0000_u64);
                } else {
                    self.e.d.next = bit_cast::<40, 30>(self.align.fixed_o.val()) << 6;
                }
            } else if self.step1.q.val() == bits::<2>(0) {
                self.e.d.next = self.given[0].q.val();
            } else if self.step1.q.val() == bits::<2>(1) {
                self.e.d.next = self.given[1].q.val();
            } else if self.step1.q.val() == bits::<2>(2) {
                self.e.d.next = self.given[2].q.val();
            } else {
                self.e.d.next = self.given[3].q.val();
            }
        }

        self.neuron.clock.next = self.step_clock.val();
        self.neuron.reset.next = self.reset.val();
        self.neuron.valid_i.next = self.valid2.q.val();
        self.neuron.first_i.next = self.first2.q.val();
        self.neuron.e_i.next = self.e.q.val();
        self.neuron.spike_i.next = self.spike2.q.val();
        self.neuron.code_i.next = self.code2.q.val();
        self.neuron.leak_shift_i.next = self.leak_shift_i.val();
        self.neuron.leak_on_i.next = self.leak_on_i.val();
        self.neuron.reset_i.next = self.reset_i.val();
        self.neuron.reset_before_leak_i.next = self.reset_before_leak_i.val();
        self.neuron.readout_i.next = self.readout_i.val();
        self.neuron.detach_reset_i.next = self.detach_reset_i.val();
        self.neuron.gain1_i.next = self.gain1_i.val();
        self.neuron.gain2_i.next = self.gain2_i.val();
        self.neuron.gain3_i.next = self.gain3_i.val();
        self.neuron.theta_shift_i.next = self.theta_shift_i.val();

        self.rounder.clock.next = self.step_clock.val();
        self.rounder.reset.next = self.reset.val();
        self.rounder.valid_i.next = self.neuron.valid_o.val();
        self.rounder.v_i.next = self.neuron.v_o.val();
        self.rounder.input_shift_i.next = self.input_shift_i.val();
        self.rounder.error_max_exp_i.next = self.error_max_exp_i.val();
        self.error_o.next = self.rounder.error_o.val();
        self.nonzero_o.next = self.rounder.nonzero_o.val();
        self.saturated_o.next = self.rounder.saturated_o.val();
    }

    fn timing(&self) -> Vec<TimingInfo> {
        described_module("backward_lane", &[], "Error sums of one neuron and its backward step.")
    }
}
