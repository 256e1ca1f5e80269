use crate::prim::{ClockGate, RamTdp, module_name};
use rust_hdl::prelude::*;

/// The weight memory: rows of binary16, one dual-port memory per lane.
///
/// Port A: UPDATE writes, FP reads, the host writes when neither does. Port B: BP reads, UPDATE reads, a
/// push reads when neither does. UPDATE excludes FP and BP by tokens; the conflict outputs tell when a
/// program breaks this, and the loser's access is lost.
#[derive(LogicBlock)]
pub struct WeightMemory {
    pub clock: Signal<In, Clock>,
    // FP.
    pub forward_ren_i: Signal<In, Bit>,
    pub forward_addr_i: Signal<In, Bits<20>>,
    pub forward_o: Vec<Signal<Out, Bits<16>>>,
    // BP, UPDATE and push share the data of port B.
    pub backward_ren_i: Signal<In, Bit>,
    pub backward_addr_i: Signal<In, Bits<20>>,
    pub update_ren_i: Signal<In, Bit>,
    pub update_raddr_i: Signal<In, Bits<20>>,
    /// UPDATE reads a row or still needs the one on port B.
    pub update_hold_i: Signal<In, Bit>,
    pub push_ren_i: Signal<In, Bit>,
    pub push_addr_i: Signal<In, Bits<20>>,
    pub data_o: Vec<Signal<Out, Bits<16>>>,
    // UPDATE writes rows.
    pub update_wen_i: Signal<In, Bit>,
    pub update_waddr_i: Signal<In, Bits<20>>,
    pub update_i: Vec<Signal<In, Bits<16>>>,
    // Host: lanes 2 sub (low half) and 2 sub + 1.
    pub host_valid_i: Signal<In, Bit>,
    pub host_row_i: Signal<In, Bits<20>>,
    pub host_sub_i: Signal<In, Bits<5>>,
    pub host_data_i: Signal<In, Bits<32>>,
    pub host_ready_o: Signal<Out, Bit>,
    pub conflict_a_o: Signal<Out, Bit>,
    pub conflict_b_o: Signal<Out, Bit>,

    lane: Vec<RamTdp<16>>,
    gate: ClockGate,
    addr_a: Signal<Local, Bits<20>>,
    addr_b: Signal<Local, Bits<20>>,
    read_b: Signal<Local, Bit>,
    host_go: Signal<Local, Bit>,
    here: Signal<Local, Bits<5>>,
    mine: Signal<Local, Bit>,
    _lanes: usize,
    _rows: usize,
}

impl WeightMemory {
    /// A memory of `rows` rows of `lanes` lanes.
    pub fn new(lanes: usize, rows: usize) -> Self {
        Self {
            clock: Default::default(),
            forward_ren_i: Default::default(),
            forward_addr_i: Default::default(),
            forward_o: (0..lanes).map(|_| Default::default()).collect(),
            backward_ren_i: Default::default(),
            backward_addr_i: Default::default(),
            update_ren_i: Default::default(),
            update_raddr_i: Default::default(),
            update_hold_i: Default::default(),
            push_ren_i: Default::default(),
            push_addr_i: Default::default(),
            data_o: (0..lanes).map(|_| Default::default()).collect(),
            update_wen_i: Default::default(),
            update_waddr_i: Default::default(),
            update_i: (0..lanes).map(|_| Default::default()).collect(),
            host_valid_i: Default::default(),
            host_row_i: Default::default(),
            host_sub_i: Default::default(),
            host_data_i: Default::default(),
            host_ready_o: Default::default(),
            conflict_a_o: Default::default(),
            conflict_b_o: Default::default(),
            lane: (0..lanes).map(|_| RamTdp::new(rows)).collect(),
            gate: Default::default(),
            addr_a: Default::default(),
            addr_b: Default::default(),
            read_b: Default::default(),
            host_go: Default::default(),
            here: Default::default(),
            mine: Default::default(),
            _lanes: lanes,
            _rows: rows,
        }
    }
}

impl Logic for WeightMemory {
    #[hdl_gen]
    fn update(&mut self) {
        self.conflict_a_o.next = self.update_wen_i.val() & self.forward_ren_i.val();
        self.conflict_b_o.next = self.backward_ren_i.val() & self.update_hold_i.val();
        self.host_ready_o.next = !self.update_wen_i.val() & !self.forward_ren_i.val();
        self.host_go.next =
            self.host_valid_i.val() & (!self.update_wen_i.val() & !self.forward_ren_i.val());

        self.addr_a.next = self.host_row_i.val();
        if self.forward_ren_i.val() {
            self.addr_a.next = self.forward_addr_i.val();
        }
        if self.update_wen_i.val() {
            self.addr_a.next = self.update_waddr_i.val();
        }
        self.addr_b.next = self.push_addr_i.val();
        if self.update_ren_i.val() {
            self.addr_b.next = self.update_raddr_i.val();
        }
        if self.backward_ren_i.val() {
            self.addr_b.next = self.backward_addr_i.val();
        }
        self.read_b.next =
            self.backward_ren_i.val() | (self.update_ren_i.val() | self.push_ren_i.val());

        self.gate.clock.next = self.clock.val();
        self.gate.run_i.next = self.read_b.val()
            | (self.forward_ren_i.val() | (self.update_wen_i.val() | self.host_go.val()));
        for i in 0..self._lanes {
            self.here.next = i.to_bits();
            self.mine.next = self.host_go.val() & ((self.here.val() >> 1) == self.host_sub_i.val());
            self.lane[i].clock.next = self.gate.clock_o.val();
            self.lane[i].a_addr_i.next = self.addr_a.val();
            self.lane[i].a_en_i.next =
                self.forward_ren_i.val() | (self.update_wen_i.val() | self.mine.val());
            self.lane[i].a_we_i.next = self.update_wen_i.val() | self.mine.val();
            self.lane[i].a_wdata_i.next = self.host_data_i.val().get_bits::<16>(0);
            if self.here.val().get_bit(0) {
                self.lane[i].a_wdata_i.next = self.host_data_i.val().get_bits::<16>(16);
            }
            if self.update_wen_i.val() {
                self.lane[i].a_wdata_i.next = self.update_i[i].val();
            }
            self.forward_o[i].next = self.lane[i].a_rdata_o.val();
            self.lane[i].b_addr_i.next = self.addr_b.val();
            self.lane[i].b_en_i.next = self.read_b.val();
            self.lane[i].b_we_i.next = false;
            self.lane[i].b_wdata_i.next = bits::<16>(0);
            self.data_o[i].next = self.lane[i].b_rdata_o.val();
        }
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("weight_memory", &[("l", self._lanes), ("d", self._rows)])
    }
}
