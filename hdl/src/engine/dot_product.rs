//! The datapath of the BP engine: the dot products of a weight row with the errors of a tile, summed per neuron and step.

use super::dot_tree::{DotTree, filled, tree_latency};
use super::visit_sums::VisitSums;
use crate::prim::{Pipe, Reg, described_module};
use rust_hdl::prelude::*;

/// Cycles from `marker_i` to `handover_o`: the products, one tree level a cycle, and the two cycles of the last sums to their lane.
pub const fn handover_latency(lanes: usize) -> usize {
    tree_latency(lanes) + 2
}

/// The events of a row and a tile, all in a cycle or one a cycle: the `lanes` weights of the row, the errors of the tile in these steps, the steps
/// within the block, the index of the visit's neuron in its tile, and whether they are the first of the visit. The next visit may follow directly.
///
/// `marker_i` ends a tile-block, alone or with the first events of the next: `handover_latency` cycles later `handover_o` tells
/// the backward lanes, which by then have collected the sums, to take them over.
///
/// The sums go to all lanes; `capture_o` names the one that takes them.
#[derive(LogicBlock, Default)]
pub struct DotProduct {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    pub weight_i: Vec<Signal<In, Bits<16>>>,
    /// Of step 0; or, with an event a cycle, of its step.
    pub error0_i: Vec<Signal<In, Bits<16>>>,
    pub error1_i: Vec<Signal<In, Bits<16>>>,
    pub error2_i: Vec<Signal<In, Bits<16>>>,
    pub error3_i: Vec<Signal<In, Bits<16>>>,
    /// One bit for the step of each event.
    pub mask_i: Signal<In, Bits<4>>,
    pub first_i: Signal<In, Bit>,
    pub lane_i: Signal<In, Bits<5>>,
    pub marker_i: Signal<In, Bit>,
    // To every backward lane: one hot bit per lane, sums Q30 of steps 0..3.
    pub capture_o: Signal<Out, Bits<32>>,
    pub sum0_o: Signal<Out, Bits<40>>,
    pub sum1_o: Signal<Out, Bits<40>>,
    pub sum2_o: Signal<Out, Bits<40>>,
    pub sum3_o: Signal<Out, Bits<40>>,
    pub handover_o: Signal<Out, Bit>,

    /// One for each step of the block, or one.
    tree: Vec<DotTree>,
    sums: VisitSums,
    // What travels beside the trees; stage 0 is beside the products' operands.
    mask: Vec<Reg<Bits<4>>>,
    marker: Vec<Reg<Bit>>,
    first: Vec<Pipe<Bit>>,
    lane: Vec<Pipe<Bits<5>>>,
    _lanes: usize,
    /// Lanes of the trees beside the first.
    _more: usize,
    /// The trees, if there is one for each step.
    _each: usize,
    _trees: usize,
    _last: usize,
    _stages: usize,
}

impl DotProduct {
    /// `lanes`: 4, 8, 16 or 32; `steps`: events in a cycle, 1 or 4.
    pub fn new(lanes: usize, steps: usize) -> Self {
        let stages = tree_latency(lanes);
        let all = steps > 1;
        let more = if all { lanes } else { 0 };
        Self {
            weight_i: filled(lanes),
            error0_i: filled(lanes),
            error1_i: filled(more),
            error2_i: filled(more),
            error3_i: filled(more),
            tree: (0..steps).map(|_| DotTree::new(lanes)).collect(),
            mask: filled(stages),
            marker: filled(stages),
            first: filled(stages),
            lane: filled(stages),
            _lanes: lanes,
            _more: more,
            _each: if all { steps } else { 0 },
            _trees: steps,
            _last: stages - 1,
            _stages: stages,
            ..Self::default()
        }
    }
}

impl Logic for DotProduct {
    #[hdl_gen]
    fn update(&mut self) {
        for s in 0..self._trees {
            self.tree[s].clock.next = self.clock.val();
            self.tree[s].reset.next = self.reset.val();
            self.tree[s].valid_i.next = self.mask_i.val().any();
            for i in 0..self._lanes {
                self.tree[s].weight_i[i].next = self.weight_i[i].val();
            }
        }
        for s in 0..self._each {
            self.tree[s].valid_i.next = self.mask_i.val().get_bit(s);
        }
        for i in 0..self._lanes {
            self.tree[0].error_i[i].next = self.error0_i[i].val();
        }
        for i in 0..self._more {
            self.tree[1].error_i[i].next = self.error1_i[i].val();
            self.tree[2].error_i[i].next = self.error2_i[i].val();
            self.tree[3].error_i[i].next = self.error3_i[i].val();
        }

        for i in 0..self._stages {
            self.mask[i].clock.next = self.clock.val();
            self.marker[i].clock.next = self.clock.val();
            self.first[i].clock.next = self.clock.val();
            self.lane[i].clock.next = self.clock.val();
        }
        self.mask[0].d.next = self.mask_i.val();
        self.marker[0].d.next = self.marker_i.val();
        self.first[0].d.next = self.first_i.val();
        self.lane[0].d.next = self.lane_i.val();
        for i in 1..self._stages {
            self.mask[i].d.next = self.mask[i - 1].q.val();
            self.marker[i].d.next = self.marker[i - 1].q.val();
            self.first[i].d.next = self.first[i - 1].q.val();
            self.lane[i].d.next = self.lane[i - 1].q.val();
        }
        for i in self._last..self._stages {
            self.sums.mask_i.next = self.mask[i].q.val();
            self.sums.marker_i.next = self.marker[i].q.val();
            self.sums.first_i.next = self.first[i].q.val();
            self.sums.lane_i.next = self.lane[i].q.val();
        }

        self.sums.clock.next = self.clock.val();
        self.sums.reset.next = self.reset.val();
        for s in 0..4 {
            self.sums.value_i[s].next = self.tree[0].value_o.val();
        }
        for s in 0..self._each {
            self.sums.value_i[s].next = self.tree[s].value_o.val();
        }
        self.capture_o.next = self.sums.capture_o.val();
        self.sum0_o.next = self.sums.sum0_o.val();
        self.sum1_o.next = self.sums.sum1_o.val();
        self.sum2_o.next = self.sums.sum2_o.val();
        self.sum3_o.next = self.sums.sum3_o.val();
        self.handover_o.next = self.sums.handover_o.val();
    }

    fn timing(&self) -> Vec<TimingInfo> {
        described_module(
            "dot_product",
            &[("l", self._lanes), ("steps", self._trees)],
            "Dot products of a weight row and the errors of a tile, summed per neuron and time step.",
        )
    }
}
