//! One lane of the FP engine: aligned weights summed per step of the time block, and the neuron behind the sums.

use crate::neuron::{FORWARD_NEURON_MEMBRANE_LATENCY, FORWARD_NEURON_SPIKE_LATENCY, ForwardNeuron};
use crate::num::AlignWeight;
use crate::prim::{Pipe, Reg, described_module};
use rust_hdl::prelude::*;

/// Cycles from `neuron_valid_i` to `membrane_o` of that step.
pub const FORWARD_MEMBRANE_LATENCY: usize = 2 + FORWARD_NEURON_MEMBRANE_LATENCY;
/// Cycles from `neuron_valid_i` to the bits of that step in `spike_o`, `code0_o` and `code1_o`.
pub const FORWARD_SPIKE_LATENCY: usize = 2 + FORWARD_NEURON_SPIKE_LATENCY;

/// An *add* (`add_valid_i`, the binary16 weight and the steps of the visit in the same cycle) adds a weight to the accumulators of all its
/// steps. A *neuron step* (`neuron_valid_i`) runs the neuron on the sum of a step. Step 0 of a block first takes over all four sums and
/// clears the accumulators, so that the adds of the next tile-block go on beside the steps of this one:
///
/// - it takes in the adds of all earlier cycles; adds of later cycles belong to the next tile-block, and none may come with it;
/// - the steps of a block ascend from step 0, at least [`NEURON_STEP_CYCLES`](crate::neuron::NEURON_STEP_CYCLES) apart.
///
/// Step 0 clears the four bits of the outputs: bits of steps that do not run are 0.
/// `membrane_o` holds until the next step; spike and codes until the next block.
/// The parameters hold from the first neuron step of a tile to `FORWARD_SPIKE_LATENCY` after its last.
#[derive(LogicBlock, Default)]
pub struct ForwardLane {
    pub clock: Signal<In, Clock>,
    /// Of the neuron: from the cycle after `neuron_valid_i` to `FORWARD_SPIKE_LATENCY` less one after it.
    pub step_clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    // Visit: the binary16 weight out of the memory and its steps.
    pub add_valid_i: Signal<In, Bit>,
    pub add_mask_i: Signal<In, Bits<4>>,
    pub weight_i: Signal<In, Bits<16>>,
    // Neuron step; first: t = 0.
    pub neuron_valid_i: Signal<In, Bit>,
    pub neuron_step_i: Signal<In, Bits<2>>,
    pub neuron_first_i: Signal<In, Bit>,
    /// The lane holds a neuron of this tile.
    pub lane_active_i: Signal<In, Bit>,
    // The neuron, as in the descriptor. Reset: 0 none, 1 hard, 2 soft; threshold Q24 signed, widths Q24 unsigned.
    pub leak_shift_i: Signal<In, Bits<5>>,
    pub leak_on_i: Signal<In, Bit>,
    pub reset_i: Signal<In, Bits<2>>,
    pub reset_before_leak_i: Signal<In, Bit>,
    pub fire_ge_i: Signal<In, Bit>,
    pub readout_i: Signal<In, Bit>,
    pub input_shift_i: Signal<In, Bits<4>>,
    pub theta_i: Signal<In, Bits<32>>,
    pub width1_i: Signal<In, Bits<32>>,
    pub width2_i: Signal<In, Bits<32>>,
    pub width3_i: Signal<In, Bits<32>>,
    // Bit t mod 4; membrane Q24 signed.
    pub spike_o: Signal<Out, Bits<4>>,
    pub code0_o: Signal<Out, Bits<4>>,
    pub code1_o: Signal<Out, Bits<4>>,
    pub membrane_o: Signal<Out, Bits<32>>,

    align: AlignWeight,
    unit: ForwardNeuron,
    add_valid: Reg<Bit>,
    add_mask: Pipe<Bits<4>>,
    neuron_valid: Reg<Bit>,
    neuron_step: Pipe<Bits<2>>,
    neuron_first: Pipe<Bit>,
    late_valid: Reg<Bit>,
    late_step: Pipe<Bits<2>>,
    late_first: Pipe<Bit>,
    added: Signal<Local, Bits<40>>,
    adds: Signal<Local, Bits<4>>,
    take_over: Signal<Local, Bit>,
    addend: [Signal<Local, Bits<40>>; 4],
    /// One per step, 40 bits: a 28-bit magnitude times a fan-in, which the configuration check bounds.
    accumulators: [Reg<Bits<40>>; 4],
    taken: [Pipe<Bits<40>>; 4],
}

impl Logic for ForwardLane {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, add_valid, add_mask, neuron_valid, neuron_step, neuron_first);
        dff_setup!(self, clock, late_valid, late_step, late_first);
        // Beside the alignment, which takes a cycle.
        self.align.clock.next = self.clock.val();
        self.align.enable_i.next = self.add_valid_i.val();
        self.align.value_i.next = self.weight_i.val();
        self.add_valid.d.next = self.add_valid_i.val();
        if self.add_valid_i.val() {
            self.add_mask.d.next = self.add_mask_i.val();
        }
        self.neuron_valid.d.next = self.neuron_valid_i.val();
        self.neuron_step.d.next = self.neuron_step_i.val();
        self.neuron_first.d.next = self.neuron_first_i.val();

        if self.align.fixed_o.val().get_bit(28) {
            self.added.next =
                bit_cast::<40, 29>(self.align.fixed_o.val()) | bits::<40>(0xFF_E000_0000_u64);
        } else {
            self.added.next = bit_cast::<40, 29>(self.align.fixed_o.val());
        }
        self.adds.next = bits::<4>(0);
        if self.add_valid.q.val() {
            self.adds.next = self.add_mask.q.val();
        }
        self.take_over.next =
            self.neuron_valid.q.val() && (self.neuron_step.q.val() == bits::<2>(0));
        for i in 0..4 {
            self.accumulators[i].clock.next = self.clock.val();
            self.taken[i].clock.next = self.clock.val();
            // An adder whose step is not of the visit keeps still.
            self.addend[i].next = bits::<40>(0);
            if self.adds.val().get_bit(i) {
                self.addend[i].next = self.added.val();
            }
            if self.take_over.val() {
                self.accumulators[i].d.next = bits::<40>(0);
            } else if self.adds.val().get_bit(i) {
                self.accumulators[i].d.next = self.accumulators[i].q.val() + self.addend[i].val();
            } else {
                self.accumulators[i].d.next = self.accumulators[i].q.val();
            }
            if self.take_over.val() {
                self.taken[i].d.next = self.accumulators[i].q.val();
            } else {
                self.taken[i].d.next = self.taken[i].q.val();
            }
        }
        self.late_valid.d.next = self.neuron_valid.q.val();
        self.late_step.d.next = self.neuron_step.q.val();
        self.late_first.d.next = self.neuron_first.q.val();

        self.unit.clock.next = self.step_clock.val();
        self.unit.reset.next = self.reset.val();
        self.unit.valid_i.next = self.late_valid.q.val();
        self.unit.step_i.next = self.late_step.q.val();
        self.unit.first_i.next = self.late_first.q.val();
        if self.late_step.q.val() == bits::<2>(0) {
            self.unit.sum_i.next = self.taken[0].q.val();
        } else if self.late_step.q.val() == bits::<2>(1) {
            self.unit.sum_i.next = self.taken[1].q.val();
        } else if self.late_step.q.val() == bits::<2>(2) {
            self.unit.sum_i.next = self.taken[2].q.val();
        } else {
            self.unit.sum_i.next = self.taken[3].q.val();
        }
        self.unit.active_i.next = self.lane_active_i.val();
        self.unit.leak_shift_i.next = self.leak_shift_i.val();
        self.unit.leak_on_i.next = self.leak_on_i.val();
        self.unit.reset_i.next = self.reset_i.val();
        self.unit.reset_before_leak_i.next = self.reset_before_leak_i.val();
        self.unit.fire_ge_i.next = self.fire_ge_i.val();
        self.unit.readout_i.next = self.readout_i.val();
        self.unit.input_shift_i.next = self.input_shift_i.val();
        self.unit.theta_i.next = self.theta_i.val();
        self.unit.width1_i.next = self.width1_i.val();
        self.unit.width2_i.next = self.width2_i.val();
        self.unit.width3_i.next = self.width3_i.val();
        self.spike_o.next = self.unit.spike_o.val();
        self.code0_o.next = self.unit.code0_o.val();
        self.code1_o.next = self.unit.code1_o.val();
        self.membrane_o.next = self.unit.membrane_o.val();
    }

    fn timing(&self) -> Vec<TimingInfo> {
        described_module(
            "forward_lane",
            &[],
            "Weight sums per time step and the neuron behind them.",
        )
    }
}
