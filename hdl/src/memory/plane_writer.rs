use crate::prim::{Pipe, module_name};
use rust_hdl::prelude::*;

/// The write port of a memory of plane words: an engine writes words, the host 32 bits at a time,
/// ascending, when the engine does not write. The host's last part of a word stores it. `P` = 4 bits a
/// lane.
#[derive(LogicBlock)]
pub struct PlaneWriter<const P: usize> {
    pub clock: Signal<In, Clock>,
    // Engine.
    pub wen_i: Signal<In, Bit>,
    pub waddr_i: Signal<In, Bits<20>>,
    pub wdata_i: Signal<In, Bits<P>>,
    // Host.
    pub host_valid_i: Signal<In, Bit>,
    pub host_row_i: Signal<In, Bits<20>>,
    pub host_sub_i: Signal<In, Bits<5>>,
    pub host_data_i: Signal<In, Bits<32>>,
    pub host_ready_o: Signal<Out, Bit>,
    // Memory.
    pub wen_o: Signal<Out, Bit>,
    pub waddr_o: Signal<Out, Bits<20>>,
    pub wdata_o: Signal<Out, Bits<P>>,
    /// The parts so far, the last one at the top.
    parts: Pipe<Bits<P>>,
    joined: Signal<Local, Bits<P>>,
    ready: Signal<Local, Bit>,
    last_sub: Constant<Bits<5>>,
    top: Constant<Bits<7>>,
}

impl<const P: usize> Default for PlaneWriter<P> {
    fn default() -> Self {
        Self {
            clock: Default::default(),
            wen_i: Default::default(),
            waddr_i: Default::default(),
            wdata_i: Default::default(),
            host_valid_i: Default::default(),
            host_row_i: Default::default(),
            host_sub_i: Default::default(),
            host_data_i: Default::default(),
            host_ready_o: Default::default(),
            wen_o: Default::default(),
            waddr_o: Default::default(),
            wdata_o: Default::default(),
            parts: Default::default(),
            joined: Default::default(),
            ready: Default::default(),
            last_sub: Constant::new((P.div_ceil(32) as u64 - 1).into()),
            top: Constant::new((P.max(32) as u64 - 32).into()),
        }
    }
}

impl<const P: usize> Logic for PlaneWriter<P> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, parts);
        self.joined.next = (self.parts.q.val() >> bits::<6>(32))
            | (bit_cast::<P, 32>(self.host_data_i.val()) << self.top.val());
        self.ready.next = !self.wen_i.val();
        self.host_ready_o.next = self.ready.val();
        if self.host_valid_i.val() & self.ready.val() {
            self.parts.d.next = self.joined.val();
        }
        self.wen_o.next = self.wen_i.val()
            | (self.host_valid_i.val() & (self.host_sub_i.val() == self.last_sub.val()));
        self.waddr_o.next = self.host_row_i.val();
        self.wdata_o.next = self.joined.val();
        if self.wen_i.val() {
            self.waddr_o.next = self.waddr_i.val();
            self.wdata_o.next = self.wdata_i.val();
        }
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("plane_writer", &[("p", P)])
    }
}
