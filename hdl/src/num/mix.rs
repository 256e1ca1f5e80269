//! The coordinate hash behind the stochastic rounding.

use crate::prim::{Pipe, described_module};
use rust_hdl::prelude::*;

/// Cycles from `key_i` to `hash_o`.
pub const MIX_LATENCY: usize = 3;

/// Thomas Wang's 32-bit integer hash in three stages of one addition each (the last of three terms).
#[derive(LogicBlock, Default)]
pub struct Mix {
    pub clock: Signal<In, Clock>,
    /// Low: the registers hold.
    pub enable_i: Signal<In, Bit>,
    pub key_i: Signal<In, Bits<32>>,
    pub hash_o: Signal<Out, Bits<32>>,
    sum1: Signal<Local, Bits<32>>,
    sum2: Signal<Local, Bits<32>>,
    sum3: Signal<Local, Bits<32>>,
    mixed1: Pipe<Bits<32>>,
    mixed2: Pipe<Bits<32>>,
    mixed3: Pipe<Bits<32>>,
}

impl Logic for Mix {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, mixed1, mixed2, mixed3);
        self.sum1.next = (!self.key_i.val()) + (self.key_i.val() << 15);
        self.mixed1.d.next = self.sum1.val() ^ (self.sum1.val() >> 12);
        self.sum2.next = self.mixed1.q.val() + (self.mixed1.q.val() << 2);
        self.mixed2.d.next = self.sum2.val() ^ (self.sum2.val() >> 4);
        self.sum3.next =
            (self.mixed2.q.val() + (self.mixed2.q.val() << 3)) + (self.mixed2.q.val() << 11);
        self.mixed3.d.next = self.sum3.val() ^ (self.sum3.val() >> 16);
        if !self.enable_i.val() {
            self.mixed1.d.next = self.mixed1.q.val();
            self.mixed2.d.next = self.mixed2.q.val();
            self.mixed3.d.next = self.mixed3.q.val();
        }
        self.hash_o.next = self.mixed3.q.val();
    }

    fn timing(&self) -> Vec<TimingInfo> {
        described_module("mix", &[], "Thomas Wang's 32-bit integer hash.")
    }
}
