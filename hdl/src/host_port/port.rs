use crate::prim::{Reg, module_name};
use rust_hdl::prelude::*;

/// Decodes the host's writes and holds them back while their target is not ready. A word for a region
/// that cannot be written is taken and lost.
#[derive(LogicBlock, Default)]
pub struct HostPort {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    // Host: `region[31:28] row[24:5] sub[4:0]`.
    pub valid_i: Signal<In, Bit>,
    pub addr_i: Signal<In, Bits<32>>,
    pub data_i: Signal<In, Bits<32>>,
    pub ready_o: Signal<Out, Bit>,
    // Queues, one bit per engine: FP 0, BP 1, WG 2, IO 3. An instruction is the held immediate and the word. In row 0 subs name
    // the queue and which of the two; each further row is a queue's, and takes words alone.
    pub queue_push_o: Signal<Out, Bits<4>>,
    pub queue_full_i: Signal<In, Bits<4>>,
    pub queue_imm_o: Signal<Out, Bits<32>>,
    /// Descriptor tables, one bit per engine.
    pub table_write_o: Signal<Out, Bits<4>>,
    // Memories.
    pub row_o: Signal<Out, Bits<20>>,
    pub sub_o: Signal<Out, Bits<5>>,
    pub weight_valid_o: Signal<Out, Bit>,
    pub weight_ready_i: Signal<In, Bit>,
    pub state_valid_o: Signal<Out, Bit>,
    pub state_ready_i: Signal<In, Bit>,
    pub spike_valid_o: Signal<Out, Bit>,
    pub spike_ready_i: Signal<In, Bit>,
    pub error_valid_o: Signal<Out, Bit>,
    pub error_ready_i: Signal<In, Bit>,
    pub nonzero_valid_o: Signal<Out, Bit>,
    pub nonzero_ready_i: Signal<In, Bit>,
    /// Posts the token whose number the row is.
    pub token_post_o: Signal<Out, Bit>,
    // Counters: one cycle each.
    pub write_o: Signal<Out, Bit>,
    pub stalled_o: Signal<Out, Bit>,

    imm0: Reg<Bits<32>>,
    imm1: Reg<Bits<32>>,
    imm2: Reg<Bits<32>>,
    imm3: Reg<Bits<32>>,
    region: Signal<Local, Bits<4>>,
    row: Signal<Local, Bits<20>>,
    sub: Signal<Local, Bits<5>>,
    queue: Signal<Local, Bits<2>>,
    imm: Signal<Local, Bit>,
    engine: Signal<Local, Bits<2>>,
    fulls: Signal<Local, Bits<4>>,
    ready: Signal<Local, Bit>,
}

impl Logic for HostPort {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, imm0, imm1, imm2, imm3);
        self.region.next = self.addr_i.val().get_bits::<4>(28);
        self.row.next = self.addr_i.val().get_bits::<20>(5);
        self.sub.next = self.addr_i.val().get_bits::<5>(0);
        self.queue.next = self.sub.val().get_bits::<2>(1);
        self.imm.next = self.sub.val().get_bit(0);
        if self.row.val().any() {
            // Rows 1 to 4: two bits hold their differences from 1.
            self.queue.next = self.row.val().get_bits::<2>(0) - 1;
            self.imm.next = false;
        }
        self.engine.next = self.row.val().get_bits::<2>(8);
        self.fulls.next = self.queue_full_i.val() >> self.queue.val();
        self.row_o.next = self.row.val();
        self.sub_o.next = self.sub.val();

        self.ready.next = true;
        self.queue_push_o.next = bits::<4>(0);
        self.table_write_o.next = bits::<4>(0);
        self.weight_valid_o.next = false;
        self.state_valid_o.next = false;
        self.spike_valid_o.next = false;
        self.error_valid_o.next = false;
        self.nonzero_valid_o.next = false;
        if self.region.val() == bits::<4>(0) {
            if self.imm.val() {
                if self.valid_i.val() & (self.queue.val() == bits::<2>(0)) {
                    self.imm0.d.next = self.data_i.val();
                }
                if self.valid_i.val() & (self.queue.val() == bits::<2>(1)) {
                    self.imm1.d.next = self.data_i.val();
                }
                if self.valid_i.val() & (self.queue.val() == bits::<2>(2)) {
                    self.imm2.d.next = self.data_i.val();
                }
                if self.valid_i.val() & (self.queue.val() == bits::<2>(3)) {
                    self.imm3.d.next = self.data_i.val();
                }
            } else {
                self.ready.next = !self.fulls.val().get_bit(0);
                if self.valid_i.val() & !self.fulls.val().get_bit(0) {
                    self.queue_push_o.next = bits::<4>(1) << self.queue.val();
                }
            }
        }
        if self.valid_i.val() & (self.region.val() == bits::<4>(1)) {
            self.table_write_o.next = bits::<4>(1) << self.engine.val();
        }
        if self.region.val() == bits::<4>(2) {
            self.ready.next = self.weight_ready_i.val();
            self.weight_valid_o.next = self.valid_i.val();
        }
        if self.region.val() == bits::<4>(3) {
            self.ready.next = self.state_ready_i.val();
            self.state_valid_o.next = self.valid_i.val();
        }
        if self.region.val() == bits::<4>(5) {
            self.ready.next = self.spike_ready_i.val();
            self.spike_valid_o.next = self.valid_i.val();
        }
        if self.region.val() == bits::<4>(8) {
            self.ready.next = self.error_ready_i.val();
            self.error_valid_o.next = self.valid_i.val();
        }
        if self.region.val() == bits::<4>(7) {
            self.ready.next = self.nonzero_ready_i.val();
            self.nonzero_valid_o.next = self.valid_i.val();
        }
        self.token_post_o.next = self.valid_i.val() & (self.region.val() == bits::<4>(11));

        self.queue_imm_o.next = self.imm0.q.val();
        if self.queue.val() == bits::<2>(1) {
            self.queue_imm_o.next = self.imm1.q.val();
        }
        if self.queue.val() == bits::<2>(2) {
            self.queue_imm_o.next = self.imm2.q.val();
        }
        if self.queue.val() == bits::<2>(3) {
            self.queue_imm_o.next = self.imm3.q.val();
        }
        self.ready_o.next = self.ready.val();
        self.write_o.next = self.valid_i.val() & self.ready.val();
        self.stalled_o.next = self.valid_i.val() & !self.ready.val();
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("host_port", &[])
    }
}
