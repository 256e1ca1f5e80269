//! A node of the adder tree.

use crate::prim::{Pipe, described_module};
use rust_hdl::prelude::*;

/// `sum_o = a_i + b_i` of one cycle ago, natural numbers of `N` bits, the sum of `M` > `N` bits.
#[derive(LogicBlock, Default)]
pub struct PairSum<const N: usize, const M: usize> {
    pub clock: Signal<In, Clock>,
    /// Low: the registers hold.
    pub enable_i: Signal<In, Bit>,
    pub a_i: Signal<In, Bits<N>>,
    pub b_i: Signal<In, Bits<N>>,
    pub sum_o: Signal<Out, Bits<M>>,
    sum: Pipe<Bits<M>>,
}

impl<const N: usize, const M: usize> Logic for PairSum<N, M> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, sum);
        if self.enable_i.val() {
            self.sum.d.next = bit_cast::<M, N>(self.a_i.val()) + bit_cast::<M, N>(self.b_i.val());
        }
        self.sum_o.next = self.sum.q.val();
    }

    fn timing(&self) -> Vec<TimingInfo> {
        described_module("pair_sum", &[("n", N), ("m", M)], "A node of an adder tree.")
    }
}
