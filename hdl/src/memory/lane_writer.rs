use crate::prim::module_name;
use rust_hdl::prelude::*;

/// The write port of a memory of binary16 rows: an engine writes whole rows, the host two lanes a word,
/// when the engine does not write.
#[derive(LogicBlock)]
pub struct LaneWriter {
    // Engine.
    pub wen_i: Signal<In, Bit>,
    pub waddr_i: Signal<In, Bits<20>>,
    pub wdata_i: Vec<Signal<In, Bits<16>>>,
    // Host: lanes 2 sub (low half) and 2 sub + 1.
    pub host_valid_i: Signal<In, Bit>,
    pub host_row_i: Signal<In, Bits<20>>,
    pub host_sub_i: Signal<In, Bits<5>>,
    pub host_data_i: Signal<In, Bits<32>>,
    pub host_ready_o: Signal<Out, Bit>,
    // Memory.
    pub wen_o: Vec<Signal<Out, Bit>>,
    pub waddr_o: Signal<Out, Bits<20>>,
    pub wdata_o: Vec<Signal<Out, Bits<16>>>,
    here: Signal<Local, Bits<5>>,
    _lanes: usize,
}

impl LaneWriter {
    /// The write port of a memory of `lanes` lanes.
    pub fn new(lanes: usize) -> Self {
        Self {
            wen_i: Default::default(),
            waddr_i: Default::default(),
            wdata_i: (0..lanes).map(|_| Default::default()).collect(),
            host_valid_i: Default::default(),
            host_row_i: Default::default(),
            host_sub_i: Default::default(),
            host_data_i: Default::default(),
            host_ready_o: Default::default(),
            wen_o: (0..lanes).map(|_| Default::default()).collect(),
            waddr_o: Default::default(),
            wdata_o: (0..lanes).map(|_| Default::default()).collect(),
            here: Default::default(),
            _lanes: lanes,
        }
    }
}

impl Logic for LaneWriter {
    #[hdl_gen]
    fn update(&mut self) {
        self.host_ready_o.next = !self.wen_i.val();
        self.waddr_o.next = self.host_row_i.val();
        if self.wen_i.val() {
            self.waddr_o.next = self.waddr_i.val();
        }
        for i in 0..self._lanes {
            self.here.next = i.to_bits();
            self.wen_o[i].next = self.wen_i.val()
                | (self.host_valid_i.val() & ((self.here.val() >> 1) == self.host_sub_i.val()));
            self.wdata_o[i].next = self.host_data_i.val().get_bits::<16>(0);
            if self.here.val().get_bit(0) {
                self.wdata_o[i].next = self.host_data_i.val().get_bits::<16>(16);
            }
            if self.wen_i.val() {
                self.wdata_o[i].next = self.wdata_i[i].val();
            }
        }
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("lane_writer", &[("l", self._lanes)])
    }
}
