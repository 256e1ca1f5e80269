//! One lane of the FP engine: aligned weights summed per step of the time block, and the neuron behind the sums.

use super::step_pair::StepPair;
use crate::neuron::{FORWARD_NEURON_MEMBRANE_LATENCY, FORWARD_NEURON_SPIKE_LATENCY, ForwardNeuron};
use crate::num::AlignWeight;
use crate::prim::{Pipe, Reg, described_module};
use rust_hdl::prelude::*;

/// Cycles from `neuron_valid_i` to `membrane_o` of that step.
pub const FORWARD_MEMBRANE_LATENCY: usize = 4 + FORWARD_NEURON_MEMBRANE_LATENCY;
/// Cycles from `neuron_valid_i` to the bits of that step in `spike_o`, `code0_o` and `code1_o`.
pub const FORWARD_SPIKE_LATENCY: usize = 4 + FORWARD_NEURON_SPIKE_LATENCY;

/// An *add* (`add_valid_i`, the binary16 weight and the steps of the visit in the same cycle) adds a weight to the sums of all its
/// steps, at most once in each pair of them. A *neuron step* (`neuron_valid_i`) runs the neuron on the sum of a step. Step 0 of a block
/// first takes over all sums and begins new ones, so that the adds of the next tile-block go on beside the steps of this one:
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

    /// The way out of a weight memory is long enough: its weight goes to a register before it is aligned.
    weight: Pipe<Bits<16>>,
    adds: Reg<Bit>,
    add_mask: Pipe<Bits<4>>,
    arrived_valid: Reg<Bit>,
    arrived_step: Pipe<Bits<2>>,
    arrived_first: Pipe<Bit>,
    align: AlignWeight,
    unit: ForwardNeuron,
    // Steps 0 and 1, steps 2 and 3.
    early: StepPair,
    late: StepPair,
    neuron_valid: Reg<Bit>,
    neuron_step: Pipe<Bits<2>>,
    neuron_first: Pipe<Bit>,
    taken_valid: Reg<Bit>,
    taken_step: Pipe<Bits<2>>,
    taken_first: Pipe<Bit>,
    sum_valid: Reg<Bit>,
    sum_step: Pipe<Bits<2>>,
    sum_first: Pipe<Bit>,
    take_over: Signal<Local, Bit>,
    alone: Signal<Local, Bits<40>>,
    both: Signal<Local, Bits<40>>,
    sum: Pipe<Bits<40>>,
}

impl Logic for ForwardLane {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, weight, adds, add_mask, arrived_valid, arrived_step, arrived_first);
        dff_setup!(self, clock, neuron_valid, neuron_step, neuron_first, taken_valid, taken_step);
        dff_setup!(self, clock, taken_first, sum_valid, sum_step, sum_first, sum);
        self.adds.d.next = self.add_valid_i.val();
        if self.add_valid_i.val() {
            self.weight.d.next = self.weight_i.val();
            self.add_mask.d.next = self.add_mask_i.val();
        }
        self.align.clock.next = self.clock.val();
        self.align.enable_i.next = self.adds.q.val();
        self.align.value_i.next = self.weight.q.val();
        self.arrived_valid.d.next = self.neuron_valid_i.val();
        self.arrived_step.d.next = self.neuron_step_i.val();
        self.arrived_first.d.next = self.neuron_first_i.val();
        self.neuron_valid.d.next = self.arrived_valid.q.val();
        self.neuron_step.d.next = self.arrived_step.q.val();
        self.neuron_first.d.next = self.arrived_first.q.val();
        self.take_over.next =
            self.neuron_valid.q.val() && (self.neuron_step.q.val() == bits::<2>(0));
        // Beside the alignment, which takes a cycle.
        self.early.clock.next = self.clock.val();
        self.early.reset.next = self.reset.val();
        self.early.add_valid_i.next = self.adds.q.val();
        self.early.add_steps_i.next = self.add_mask.q.val().get_bits::<2>(0);
        self.early.fixed_i.next = self.align.fixed_o.val();
        self.early.take_over_i.next = self.take_over.val();
        self.early.second_i.next = self.taken_step.q.val().get_bit(0);
        self.late.clock.next = self.clock.val();
        self.late.reset.next = self.reset.val();
        self.late.add_valid_i.next = self.adds.q.val();
        self.late.add_steps_i.next = self.add_mask.q.val().get_bits::<2>(2);
        self.late.fixed_i.next = self.align.fixed_o.val();
        self.late.take_over_i.next = self.take_over.val();
        self.late.second_i.next = self.taken_step.q.val().get_bit(0);

        // The sum of a step: the visits that had it alone of its pair, and those that had both.
        self.taken_valid.d.next = self.neuron_valid.q.val();
        self.taken_step.d.next = self.neuron_step.q.val();
        self.taken_first.d.next = self.neuron_first.q.val();
        if self.taken_step.q.val().get_bit(1) {
            self.alone.next = self.late.alone_o.val();
            self.both.next = self.late.both_o.val();
        } else {
            self.alone.next = self.early.alone_o.val();
            self.both.next = self.early.both_o.val();
        }
        if self.taken_valid.q.val() {
            self.sum.d.next = self.alone.val() + self.both.val();
        }
        self.sum_valid.d.next = self.taken_valid.q.val();
        self.sum_step.d.next = self.taken_step.q.val();
        self.sum_first.d.next = self.taken_first.q.val();

        self.unit.clock.next = self.step_clock.val();
        self.unit.reset.next = self.reset.val();
        self.unit.valid_i.next = self.sum_valid.q.val();
        self.unit.step_i.next = self.sum_step.q.val();
        self.unit.first_i.next = self.sum_first.q.val();
        self.unit.sum_i.next = self.sum.q.val();
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
