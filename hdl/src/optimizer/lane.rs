//! One lane of the optimizer.

use super::moment::{MOMENT_LATENCY, MomentStep};
use super::weight::{WEIGHT_LATENCY, WeightStep};
use crate::prim::{Pipe, described_module};
use rust_hdl::prelude::*;

/// Cycles from weight, state, gradient and coordinates to `weight_o` and `state_o`.
pub const OPTIMIZER_LATENCY: usize = MOMENT_LATENCY + WEIGHT_LATENCY;

/// Weight, state, gradient and network coordinates of one weight in the same cycle, one weight a cycle; new weight and state
/// `OPTIMIZER_LATENCY` cycles later. The parameters hold from the first weight of an UPDATE to the last result.
#[derive(LogicBlock, Default)]
pub struct OptimizerLane {
    pub clock: Signal<In, Clock>,
    /// High in every cycle in which a weight comes or is on its way; low: the pipeline holds.
    pub enable_i: Signal<In, Bit>,
    // Binary16, binary16, LSB 2^-18.
    pub weight_i: Signal<In, Bits<16>>,
    pub state_i: Signal<In, Bits<16>>,
    pub gradient_i: Signal<In, Bits<32>>,
    pub in_i: Signal<In, Bits<16>>,
    pub out_i: Signal<In, Bits<16>>,
    // Slice and instruction. Kind: 1 SGD, 2 Lion; rate: the n, gradient scale: the gs of the machine page.
    pub key_i: Signal<In, Bits<32>>,
    pub kind_i: Signal<In, Bits<2>>,
    pub b1_i: Signal<In, Bits<4>>,
    pub b2_i: Signal<In, Bits<4>>,
    pub rate_i: Signal<In, Bits<6>>,
    pub gradient_scale_i: Signal<In, Bits<6>>,
    pub weight_max_exp_i: Signal<In, Bits<2>>,
    pub weight_o: Signal<Out, Bits<16>>,
    pub state_o: Signal<Out, Bits<16>>,

    lion: Signal<Local, Bit>,
    moment: MomentStep,
    weight: WeightStep,
    // Weight and coordinates wait for the moment, the moment for the weight.
    weights: [Pipe<Bits<16>>; MOMENT_LATENCY],
    inputs: [Pipe<Bits<16>>; MOMENT_LATENCY],
    outputs: [Pipe<Bits<16>>; MOMENT_LATENCY],
    states: [Pipe<Bits<16>>; WEIGHT_LATENCY],
}

impl Logic for OptimizerLane {
    #[hdl_gen]
    fn update(&mut self) {
        self.lion.next = self.kind_i.val() != bits::<2>(1);
        self.moment.clock.next = self.clock.val();
        self.moment.enable_i.next = self.enable_i.val();
        self.moment.state_i.next = self.state_i.val();
        self.moment.gradient_i.next = self.gradient_i.val();
        self.moment.lion_i.next = self.lion.val();
        self.moment.b1_i.next = self.b1_i.val();
        self.moment.b2_i.next = self.b2_i.val();
        self.moment.gradient_scale_i.next = self.gradient_scale_i.val();

        for i in 0..7 {
            self.weights[i].clock.next = self.clock.val();
            self.inputs[i].clock.next = self.clock.val();
            self.outputs[i].clock.next = self.clock.val();
        }
        self.weights[0].d.next = self.weight_i.val();
        self.inputs[0].d.next = self.in_i.val();
        self.outputs[0].d.next = self.out_i.val();
        for i in 1..7 {
            self.weights[i].d.next = self.weights[i - 1].q.val();
            self.inputs[i].d.next = self.inputs[i - 1].q.val();
            self.outputs[i].d.next = self.outputs[i - 1].q.val();
        }

        self.weight.clock.next = self.clock.val();
        self.weight.enable_i.next = self.enable_i.val();
        self.weight.weight_i.next = self.weights[6].q.val();
        self.weight.in_i.next = self.inputs[6].q.val();
        self.weight.out_i.next = self.outputs[6].q.val();
        self.weight.state_i.next = self.moment.state_o.val();
        self.weight.positive_i.next = self.moment.positive_o.val();
        self.weight.negative_i.next = self.moment.negative_o.val();
        self.weight.key_i.next = self.key_i.val();
        self.weight.lion_i.next = self.lion.val();
        self.weight.rate_i.next = self.rate_i.val();
        self.weight.weight_max_exp_i.next = self.weight_max_exp_i.val();
        self.weight_o.next = self.weight.weight_o.val();

        for i in 0..9 {
            self.states[i].clock.next = self.clock.val();
        }
        self.states[0].d.next = self.moment.state_o.val();
        for i in 1..9 {
            self.states[i].d.next = self.states[i - 1].q.val();
        }
        self.state_o.next = self.states[8].q.val();

        // Without a weight in the pipeline all registers hold, so that no clock need reach them.
        if !self.enable_i.val() {
            for i in 0..7 {
                self.weights[i].d.next = self.weights[i].q.val();
                self.inputs[i].d.next = self.inputs[i].q.val();
                self.outputs[i].d.next = self.outputs[i].q.val();
            }
            for i in 0..9 {
                self.states[i].d.next = self.states[i].q.val();
            }
        }
    }

    fn timing(&self) -> Vec<TimingInfo> {
        described_module(
            "optimizer_lane",
            &[],
            "Optimizer of one lane: one weight and its state a cycle.",
        )
    }
}
