//! The datapath of the BP engine: the dot product of a weight row with an error tile, summed per neuron and step.

use super::pair_sum::PairSum;
use super::product::{PRODUCT_LATENCY, Product};
use super::visit_sums::VisitSums;
use crate::prim::{Pipe, Reg, described_module};
use rust_hdl::prelude::*;

/// Cycles from `marker_i` to `handover_o`: the products, one tree level a cycle, and the two cycles of the last sums to their lane.
pub const fn handover_latency(lanes: usize) -> usize {
    PRODUCT_LATENCY + lanes.ilog2() as usize + 2
}

/// One *event* a cycle: the `lanes` weights of a row, the errors of a tile and step, the step within the block, the index of the
/// visit's neuron in its tile, and whether the event is the first of the visit. An event of the next visit may follow directly.
///
/// `marker_i` ends a tile-block, alone or with the first event of the next: `handover_latency` cycles later `handover_o` tells
/// the backward lanes, which by then have collected the sums, to take them over.
///
/// The sums go to all lanes; `capture_o` names the one that takes them.
#[derive(LogicBlock, Default)]
pub struct DotProduct {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    pub weight_i: Vec<Signal<In, Bits<16>>>,
    pub error_i: Vec<Signal<In, Bits<16>>>,
    pub event_valid_i: Signal<In, Bit>,
    pub event_step_i: Signal<In, Bits<2>>,
    pub event_first_i: Signal<In, Bit>,
    pub event_lane_i: Signal<In, Bits<5>>,
    pub marker_i: Signal<In, Bit>,
    // To every backward lane: one hot bit per lane, sums Q30 of steps 0..3.
    pub capture_o: Signal<Out, Bits<32>>,
    pub sum0_o: Signal<Out, Bits<40>>,
    pub sum1_o: Signal<Out, Bits<40>>,
    pub sum2_o: Signal<Out, Bits<40>>,
    pub sum3_o: Signal<Out, Bits<40>>,
    pub handover_o: Signal<Out, Bit>,

    products: Vec<Product>,
    // The adder tree, one level a cycle and one bit wider a level; `lanes` of 4 have their root at level 2, 32 at level 5.
    level1: Vec<PairSum<40, 41>>,
    level2: Vec<PairSum<41, 42>>,
    level3: Vec<PairSum<42, 43>>,
    level4: Vec<PairSum<43, 44>>,
    // One of these exists. 45 bits: 32 numbers of 40 bits.
    root2: Vec<PairSum<41, 45>>,
    root3: Vec<PairSum<42, 45>>,
    root4: Vec<PairSum<43, 45>>,
    root5: Vec<PairSum<44, 45>>,
    root: Signal<Local, Bits<45>>,
    bias: Signal<Local, Bits<50>>,
    sums: VisitSums,
    // The event travels beside products and tree; stage 0 is beside the products' first half, and a stage of the tree loads
    // when its event is there.
    valid: Vec<Reg<Bit>>,
    marker: Vec<Reg<Bit>>,
    first: Vec<Pipe<Bit>>,
    step: Vec<Pipe<Bits<2>>>,
    lane: Vec<Pipe<Bits<5>>>,
    _lanes: usize,
    _nodes1: usize,
    _nodes2: usize,
    _nodes3: usize,
    _nodes4: usize,
    // One for the level that is the root, zero for the others.
    _root2: usize,
    _root3: usize,
    _root4: usize,
    _root5: usize,
    _last: usize,
    _stages: usize,
}

fn filled<T: Default>(n: usize) -> Vec<T> {
    (0..n).map(|_| T::default()).collect()
}

impl DotProduct {
    /// `lanes`: 4, 8, 16 or 32.
    pub fn new(lanes: usize) -> Self {
        let levels = lanes.ilog2() as usize;
        let stages = PRODUCT_LATENCY + levels;
        let nodes = |level| if level < levels { lanes >> level } else { 0 };
        let root = |level| usize::from(level == levels);
        Self {
            weight_i: filled(lanes),
            error_i: filled(lanes),
            products: filled(lanes),
            level1: filled(nodes(1)),
            level2: filled(nodes(2)),
            level3: filled(nodes(3)),
            level4: filled(nodes(4)),
            root2: filled(root(2)),
            root3: filled(root(3)),
            root4: filled(root(4)),
            root5: filled(root(5)),
            valid: filled(stages),
            marker: filled(stages),
            first: filled(stages),
            step: filled(stages),
            lane: filled(stages),
            _lanes: lanes,
            _nodes1: nodes(1),
            _nodes2: nodes(2),
            _nodes3: nodes(3),
            _nodes4: nodes(4),
            _root2: root(2),
            _root3: root(3),
            _root4: root(4),
            _root5: root(5),
            _last: stages - 1,
            _stages: stages,
            ..Self::default()
        }
    }
}

impl Logic for DotProduct {
    #[hdl_gen]
    fn update(&mut self) {
        for i in 0..self._lanes {
            self.products[i].clock.next = self.clock.val();
            self.products[i].enable_i.next = self.event_valid_i.val() || self.valid[0].q.val();
            self.products[i].weight_i.next = self.weight_i[i].val();
            self.products[i].error_i.next = self.error_i[i].val();
        }
        for i in 0..self._nodes1 {
            self.level1[i].clock.next = self.clock.val();
            self.level1[i].enable_i.next = self.valid[1].q.val();
            self.level1[i].a_i.next = self.products[2 * i].biased_o.val();
            self.level1[i].b_i.next = self.products[2 * i + 1].biased_o.val();
        }
        for i in 0..self._nodes2 {
            self.level2[i].clock.next = self.clock.val();
            self.level2[i].enable_i.next = self.valid[2].q.val();
            self.level2[i].a_i.next = self.level1[2 * i].sum_o.val();
            self.level2[i].b_i.next = self.level1[2 * i + 1].sum_o.val();
        }
        for i in 0..self._nodes3 {
            self.level3[i].clock.next = self.clock.val();
            self.level3[i].enable_i.next = self.valid[3].q.val();
            self.level3[i].a_i.next = self.level2[2 * i].sum_o.val();
            self.level3[i].b_i.next = self.level2[2 * i + 1].sum_o.val();
        }
        for i in 0..self._nodes4 {
            self.level4[i].clock.next = self.clock.val();
            self.level4[i].enable_i.next = self.valid[4].q.val();
            self.level4[i].a_i.next = self.level3[2 * i].sum_o.val();
            self.level4[i].b_i.next = self.level3[2 * i + 1].sum_o.val();
        }
        // Each product carries a bias of 2^39, the sum `lanes` of them.
        for i in 0..self._root2 {
            self.root2[i].clock.next = self.clock.val();
            self.root2[i].enable_i.next = self.valid[2].q.val();
            self.root2[i].a_i.next = self.level1[2 * i].sum_o.val();
            self.root2[i].b_i.next = self.level1[2 * i + 1].sum_o.val();
            self.root.next = self.root2[i].sum_o.val();
            self.bias.next = bits::<50>(0x200_0000_0000_u64);
        }
        for i in 0..self._root3 {
            self.root3[i].clock.next = self.clock.val();
            self.root3[i].enable_i.next = self.valid[3].q.val();
            self.root3[i].a_i.next = self.level2[2 * i].sum_o.val();
            self.root3[i].b_i.next = self.level2[2 * i + 1].sum_o.val();
            self.root.next = self.root3[i].sum_o.val();
            self.bias.next = bits::<50>(0x400_0000_0000_u64);
        }
        for i in 0..self._root4 {
            self.root4[i].clock.next = self.clock.val();
            self.root4[i].enable_i.next = self.valid[4].q.val();
            self.root4[i].a_i.next = self.level3[2 * i].sum_o.val();
            self.root4[i].b_i.next = self.level3[2 * i + 1].sum_o.val();
            self.root.next = self.root4[i].sum_o.val();
            self.bias.next = bits::<50>(0x800_0000_0000_u64);
        }
        for i in 0..self._root5 {
            self.root5[i].clock.next = self.clock.val();
            self.root5[i].enable_i.next = self.valid[5].q.val();
            self.root5[i].a_i.next = self.level4[2 * i].sum_o.val();
            self.root5[i].b_i.next = self.level4[2 * i + 1].sum_o.val();
            self.root.next = self.root5[i].sum_o.val();
            self.bias.next = bits::<50>(0x1000_0000_0000_u64);
        }
        self.sums.value_i.next = bit_cast::<50, 45>(self.root.val()) - self.bias.val();

        for i in 0..self._stages {
            self.valid[i].clock.next = self.clock.val();
            self.marker[i].clock.next = self.clock.val();
            self.first[i].clock.next = self.clock.val();
            self.step[i].clock.next = self.clock.val();
            self.lane[i].clock.next = self.clock.val();
        }
        self.valid[0].d.next = self.event_valid_i.val();
        self.marker[0].d.next = self.marker_i.val();
        self.first[0].d.next = self.event_first_i.val();
        self.step[0].d.next = self.event_step_i.val();
        self.lane[0].d.next = self.event_lane_i.val();
        for i in 1..self._stages {
            self.valid[i].d.next = self.valid[i - 1].q.val();
            self.marker[i].d.next = self.marker[i - 1].q.val();
            self.first[i].d.next = self.first[i - 1].q.val();
            self.step[i].d.next = self.step[i - 1].q.val();
            self.lane[i].d.next = self.lane[i - 1].q.val();
        }
        for i in self._last..self._stages {
            self.sums.valid_i.next = self.valid[i].q.val();
            self.sums.marker_i.next = self.marker[i].q.val();
            self.sums.first_i.next = self.first[i].q.val();
            self.sums.step_i.next = self.step[i].q.val();
            self.sums.lane_i.next = self.lane[i].q.val();
        }

        self.sums.clock.next = self.clock.val();
        self.sums.reset.next = self.reset.val();
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
            &[("l", self._lanes)],
            "Dot product of a weight row and an error tile, summed per neuron and time step.",
        )
    }
}
