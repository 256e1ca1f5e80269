//! The dot product of a weight row with the errors of one step of a tile.

use super::pair_sum::PairSum;
use super::product::{PRODUCT_LATENCY, Product};
use crate::prim::{Reg, described_module};
use rust_hdl::prelude::*;

/// Cycles from `valid_i` to `value_o`: the products, and one tree level a cycle.
pub(super) const fn tree_latency(lanes: usize) -> usize {
    PRODUCT_LATENCY + lanes.ilog2() as usize
}

/// One dot product a cycle of `lanes` binary16 weights and errors, each product floored on its own. What is not valid changes nothing.
#[derive(LogicBlock, Default)]
pub struct DotTree {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    pub valid_i: Signal<In, Bit>,
    pub weight_i: Vec<Signal<In, Bits<16>>>,
    pub error_i: Vec<Signal<In, Bits<16>>>,
    /// Q30.
    pub value_o: Signal<Out, Bits<50>>,

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
    // Stage 0 is beside the products' operands; a stage loads when something is there.
    valid: Vec<Reg<Bit>>,
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
    _stages: usize,
}

pub(super) fn filled<T: Default>(n: usize) -> Vec<T> {
    (0..n).map(|_| T::default()).collect()
}

impl DotTree {
    /// `lanes`: 4, 8, 16 or 32.
    pub fn new(lanes: usize) -> Self {
        let levels = lanes.ilog2() as usize;
        // The root loads with the last.
        let stages = levels + PRODUCT_LATENCY - 1;
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
            _lanes: lanes,
            _nodes1: nodes(1),
            _nodes2: nodes(2),
            _nodes3: nodes(3),
            _nodes4: nodes(4),
            _root2: root(2),
            _root3: root(3),
            _root4: root(4),
            _root5: root(5),
            _stages: stages,
            ..Self::default()
        }
    }
}

impl Logic for DotTree {
    #[hdl_gen]
    fn update(&mut self) {
        for i in 0..self._stages {
            self.valid[i].clock.next = self.clock.val();
        }
        self.valid[0].d.next = self.valid_i.val();
        for i in 1..self._stages {
            self.valid[i].d.next = self.valid[i - 1].q.val();
        }
        for i in 0..self._lanes {
            self.products[i].clock.next = self.clock.val();
            self.products[i].load_i.next = self.valid_i.val();
            self.products[i].enable_i.next = self.valid[0].q.val() || self.valid[1].q.val();
            self.products[i].weight_i.next = self.weight_i[i].val();
            self.products[i].error_i.next = self.error_i[i].val();
        }
        for i in 0..self._nodes1 {
            self.level1[i].clock.next = self.clock.val();
            self.level1[i].enable_i.next = self.valid[2].q.val();
            self.level1[i].a_i.next = self.products[2 * i].biased_o.val();
            self.level1[i].b_i.next = self.products[2 * i + 1].biased_o.val();
        }
        for i in 0..self._nodes2 {
            self.level2[i].clock.next = self.clock.val();
            self.level2[i].enable_i.next = self.valid[3].q.val();
            self.level2[i].a_i.next = self.level1[2 * i].sum_o.val();
            self.level2[i].b_i.next = self.level1[2 * i + 1].sum_o.val();
        }
        for i in 0..self._nodes3 {
            self.level3[i].clock.next = self.clock.val();
            self.level3[i].enable_i.next = self.valid[4].q.val();
            self.level3[i].a_i.next = self.level2[2 * i].sum_o.val();
            self.level3[i].b_i.next = self.level2[2 * i + 1].sum_o.val();
        }
        for i in 0..self._nodes4 {
            self.level4[i].clock.next = self.clock.val();
            self.level4[i].enable_i.next = self.valid[5].q.val();
            self.level4[i].a_i.next = self.level3[2 * i].sum_o.val();
            self.level4[i].b_i.next = self.level3[2 * i + 1].sum_o.val();
        }
        // Each product carries a bias of 2^39, the sum `lanes` of them.
        for i in 0..self._root2 {
            self.root2[i].clock.next = self.clock.val();
            self.root2[i].enable_i.next = self.valid[3].q.val();
            self.root2[i].a_i.next = self.level1[2 * i].sum_o.val();
            self.root2[i].b_i.next = self.level1[2 * i + 1].sum_o.val();
            self.root.next = self.root2[i].sum_o.val();
            self.bias.next = bits::<50>(0x200_0000_0000_u64);
        }
        for i in 0..self._root3 {
            self.root3[i].clock.next = self.clock.val();
            self.root3[i].enable_i.next = self.valid[4].q.val();
            self.root3[i].a_i.next = self.level2[2 * i].sum_o.val();
            self.root3[i].b_i.next = self.level2[2 * i + 1].sum_o.val();
            self.root.next = self.root3[i].sum_o.val();
            self.bias.next = bits::<50>(0x400_0000_0000_u64);
        }
        for i in 0..self._root4 {
            self.root4[i].clock.next = self.clock.val();
            self.root4[i].enable_i.next = self.valid[5].q.val();
            self.root4[i].a_i.next = self.level3[2 * i].sum_o.val();
            self.root4[i].b_i.next = self.level3[2 * i + 1].sum_o.val();
            self.root.next = self.root4[i].sum_o.val();
            self.bias.next = bits::<50>(0x800_0000_0000_u64);
        }
        for i in 0..self._root5 {
            self.root5[i].clock.next = self.clock.val();
            self.root5[i].enable_i.next = self.valid[6].q.val();
            self.root5[i].a_i.next = self.level4[2 * i].sum_o.val();
            self.root5[i].b_i.next = self.level4[2 * i + 1].sum_o.val();
            self.root.next = self.root5[i].sum_o.val();
            self.bias.next = bits::<50>(0x1000_0000_0000_u64);
        }
        self.value_o.next = bit_cast::<50, 45>(self.root.val()) - self.bias.val();
    }

    fn timing(&self) -> Vec<TimingInfo> {
        described_module(
            "dot_tree",
            &[("l", self._lanes)],
            "Dot product of a weight row and the errors of a step.",
        )
    }
}
