use super::LaneMemory;
use crate::prim::module_name;
use backspike_arch::TIME_BLOCK;
use rust_hdl::prelude::*;

/// Errors for BP: rows of binary16, the row of a tile and step of a block being four times the tile's address and the step. In one memory,
/// or in one for each step, so that a tile is read in all its steps at once.
#[derive(LogicBlock)]
pub struct StepMemory {
    pub clock: Signal<In, Clock>,
    /// One bit a step.
    pub ren_i: Signal<In, Bits<4>>,
    /// Row; of the tile, whatever the step, if there is a memory for each step.
    pub raddr_i: Signal<In, Bits<20>>,
    // What was read last of each memory.
    pub data0_o: Vec<Signal<Out, Bits<16>>>,
    pub data1_o: Vec<Signal<Out, Bits<16>>>,
    pub data2_o: Vec<Signal<Out, Bits<16>>>,
    pub data3_o: Vec<Signal<Out, Bits<16>>>,
    pub wen_i: Vec<Signal<In, Bit>>,
    pub waddr_i: Signal<In, Bits<20>>,
    pub wdata_i: Vec<Signal<In, Bits<16>>>,
    bank: Vec<LaneMemory<16>>,
    here: Signal<Local, Bits<2>>,
    writes: Signal<Local, Bit>,
    place: Constant<Bits<2>>,
    shift: Constant<Bits<5>>,
    _lanes: usize,
    /// Lanes beyond the first step's memory.
    _more: usize,
    _banks: usize,
    /// The memories, if there is one for each step.
    _each: usize,
    _tiles: usize,
}

impl StepMemory {
    /// `tiles` tiles of `lanes` lanes in `banks` memories, 1 or 4.
    pub fn new(lanes: usize, tiles: usize, banks: usize) -> Self {
        let more = if banks > 1 { lanes } else { 0 };
        Self {
            clock: Default::default(),
            ren_i: Default::default(),
            raddr_i: Default::default(),
            data0_o: (0..lanes).map(|_| Default::default()).collect(),
            data1_o: (0..more).map(|_| Default::default()).collect(),
            data2_o: (0..more).map(|_| Default::default()).collect(),
            data3_o: (0..more).map(|_| Default::default()).collect(),
            wen_i: (0..lanes).map(|_| Default::default()).collect(),
            waddr_i: Default::default(),
            wdata_i: (0..lanes).map(|_| Default::default()).collect(),
            bank: (0..banks).map(|_| LaneMemory::new(lanes, tiles * TIME_BLOCK / banks)).collect(),
            here: Default::default(),
            writes: Default::default(),
            place: Constant::new((banks as u64 - 1).into()),
            shift: Constant::new(u64::from(banks.ilog2()).into()),
            _lanes: lanes,
            _more: more,
            _banks: banks,
            _each: if banks > 1 { banks } else { 0 },
            _tiles: tiles,
        }
    }
}

impl Logic for StepMemory {
    #[hdl_gen]
    fn update(&mut self) {
        for s in 0..self._banks {
            self.bank[s].clock.next = self.clock.val();
            self.bank[s].ren_i.next = self.ren_i.val().any();
            self.bank[s].raddr_i.next = self.raddr_i.val() >> self.shift.val();
            self.bank[s].waddr_i.next = self.waddr_i.val() >> self.shift.val();
            self.here.next = s.to_bits();
            self.writes.next =
                (self.waddr_i.val().get_bits::<2>(0) & self.place.val()) == self.here.val();
            for i in 0..self._lanes {
                self.bank[s].wen_i[i].next = self.wen_i[i].val() & self.writes.val();
                self.bank[s].wdata_i[i].next = self.wdata_i[i].val();
            }
        }
        for s in 0..self._each {
            self.bank[s].ren_i.next = self.ren_i.val().get_bit(s);
        }
        for i in 0..self._lanes {
            self.data0_o[i].next = self.bank[0].data_o[i].val();
        }
        for i in 0..self._more {
            self.data1_o[i].next = self.bank[1].data_o[i].val();
            self.data2_o[i].next = self.bank[2].data_o[i].val();
            self.data3_o[i].next = self.bank[3].data_o[i].val();
        }
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name(
            "step_memory",
            &[("l", self._lanes), ("d", self._tiles), ("banks", self._banks)],
        )
    }
}
