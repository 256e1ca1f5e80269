//! The accumulators of the BP engine: the error sums of one neuron, handed on when the next neuron's visit begins.

use crate::prim::{Pipe, Reg, described_module};
use rust_hdl::prelude::*;

/// Sums dot products per step of the time block. When the first of a visit arrive, or a marker, the sums of the visit before leave
/// as `sum*_o`, one cycle later, with the neuron's lane as one hot bit in `capture_o`. `handover_o` follows the marker by two
/// cycles, when the last of those sums is at its lane. A marker acts before what arrives in the same cycle.
#[derive(LogicBlock, Default)]
pub struct VisitSums {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    /// One bit for each step with a dot product.
    pub mask_i: Signal<In, Bits<4>>,
    pub first_i: Signal<In, Bit>,
    pub lane_i: Signal<In, Bits<5>>,
    pub marker_i: Signal<In, Bit>,
    /// Q30.
    pub value_i: [Signal<In, Bits<50>>; 4],
    pub capture_o: Signal<Out, Bits<32>>,
    pub sum0_o: Signal<Out, Bits<40>>,
    pub sum1_o: Signal<Out, Bits<40>>,
    pub sum2_o: Signal<Out, Bits<40>>,
    pub sum3_o: Signal<Out, Bits<40>>,
    pub handover_o: Signal<Out, Bit>,

    starts: Signal<Local, Bit>,
    retires: Signal<Local, Bit>,
    /// A visit has begun and its sums have not left.
    pending: Reg<Bit>,
    lane: Pipe<Bits<5>>,
    /// One per step, 50 bits Q30: 40-bit products, 2^10 of them at least; the configuration check bounds the fan-out.
    accumulators: [Pipe<Bits<50>>; 4],
    bases: [Signal<Local, Bits<50>>; 4],
    highs: [Signal<Local, Bits<11>>; 4],
    sums: [Pipe<Bits<40>>; 4],
    capture: Reg<Bits<32>>,
    marked: Reg<Bit>,
    handover: Reg<Bit>,
}

impl Logic for VisitSums {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, pending, lane, capture, marked, handover);
        self.starts.next = self.mask_i.val().any() && self.first_i.val();
        self.retires.next = (self.starts.val() || self.marker_i.val()) && self.pending.q.val();
        if self.starts.val() {
            self.pending.d.next = true;
            self.lane.d.next = self.lane_i.val();
        } else if self.marker_i.val() {
            self.pending.d.next = false;
        }
        if self.retires.val() {
            self.capture.d.next = bits::<32>(1) << self.lane.q.val();
        } else {
            self.capture.d.next = bits::<32>(0);
        }
        self.marked.d.next = self.marker_i.val();
        self.handover.d.next = self.marked.q.val();

        for i in 0..4 {
            self.accumulators[i].clock.next = self.clock.val();
            self.sums[i].clock.next = self.clock.val();
            if self.starts.val() {
                self.bases[i].next = bits::<50>(0);
            } else {
                self.bases[i].next = self.accumulators[i].q.val();
            }
            if self.mask_i.val().get_bit(i) {
                self.accumulators[i].d.next = self.bases[i].val() + self.value_i[i].val();
            } else {
                self.accumulators[i].d.next = self.bases[i].val();
            }
            // Once per neuron and step: in range when bits 49..39 are all the sign.
            self.highs[i].next = self.accumulators[i].q.val().get_bits::<11>(39);
            if !self.retires.val() {
                self.sums[i].d.next = self.sums[i].q.val();
            } else if self.accumulators[i].q.val().get_bit(49) && !self.highs[i].val().all() {
                self.sums[i].d.next = bits::<40>(0x80_0000_0000_u64);
            } else if !self.accumulators[i].q.val().get_bit(49) && self.highs[i].val().any() {
                self.sums[i].d.next = bits::<40>(0x7F_FFFF_FFFF_u64);
            } else {
                self.sums[i].d.next = self.accumulators[i].q.val().get_bits::<40>(0);
            }
        }
        self.capture_o.next = self.capture.q.val();
        self.sum0_o.next = self.sums[0].q.val();
        self.sum1_o.next = self.sums[1].q.val();
        self.sum2_o.next = self.sums[2].q.val();
        self.sum3_o.next = self.sums[3].q.val();
        self.handover_o.next = self.handover.q.val();
    }

    fn timing(&self) -> Vec<TimingInfo> {
        described_module("visit_sums", &[], "Error sums of one neuron per time step.")
    }
}
