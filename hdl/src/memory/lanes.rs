use crate::prim::{ClockGate, Ram, module_name};
use rust_hdl::prelude::*;

/// A memory of rows of `W` bits a lane: one memory per lane, written lane by lane, read row by row.
#[derive(LogicBlock)]
pub struct LaneMemory<const W: usize> {
    pub clock: Signal<In, Clock>,
    pub ren_i: Signal<In, Bit>,
    pub raddr_i: Signal<In, Bits<20>>,
    /// The row read last.
    pub data_o: Vec<Signal<Out, Bits<W>>>,
    pub wen_i: Vec<Signal<In, Bit>>,
    pub waddr_i: Signal<In, Bits<20>>,
    pub wdata_i: Vec<Signal<In, Bits<W>>>,
    lane: Vec<Ram<W>>,
    gate: ClockGate,
    used: Signal<Local, Bit>,
    _lanes: usize,
    _rows: usize,
}

impl<const W: usize> LaneMemory<W> {
    /// A memory of `rows` rows of `lanes` lanes.
    pub fn new(lanes: usize, rows: usize) -> Self {
        Self {
            clock: Default::default(),
            ren_i: Default::default(),
            raddr_i: Default::default(),
            data_o: (0..lanes).map(|_| Default::default()).collect(),
            wen_i: (0..lanes).map(|_| Default::default()).collect(),
            waddr_i: Default::default(),
            wdata_i: (0..lanes).map(|_| Default::default()).collect(),
            lane: (0..lanes).map(|_| Ram::new(rows)).collect(),
            gate: Default::default(),
            used: Default::default(),
            _lanes: lanes,
            _rows: rows,
        }
    }
}

impl<const W: usize> Logic for LaneMemory<W> {
    #[hdl_gen]
    fn update(&mut self) {
        self.used.next = self.ren_i.val();
        for i in 0..self._lanes {
            self.used.next = self.used.val() | self.wen_i[i].val();
        }
        self.gate.clock.next = self.clock.val();
        self.gate.run_i.next = self.used.val();
        for i in 0..self._lanes {
            self.lane[i].clock.next = self.gate.clock_o.val();
            self.lane[i].ren_i.next = self.ren_i.val();
            self.lane[i].raddr_i.next = self.raddr_i.val();
            self.data_o[i].next = self.lane[i].rdata_o.val();
            self.lane[i].wen_i.next = self.wen_i[i].val();
            self.lane[i].waddr_i.next = self.waddr_i.val();
            self.lane[i].wdata_i.next = self.wdata_i[i].val();
        }
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("lane_memory", &[("w", W), ("l", self._lanes), ("d", self._rows)])
    }
}
