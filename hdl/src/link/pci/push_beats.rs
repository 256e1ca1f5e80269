use crate::prim::{Reg, module_name};
use backspike_arch::layout::push_trailer;
use rust_hdl::prelude::*;

/// What a core that stands alone pushes, as beats for the host: a word with its address, and after the last word of a PUSH a trailer.
#[derive(LogicBlock)]
pub struct PushBeats {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    pub push_valid_i: Signal<In, Bit>,
    pub push_ready_o: Signal<Out, Bit>,
    pub push_addr_i: Signal<In, Bits<32>>,
    pub push_data_i: Signal<In, Bits<32>>,
    pub push_last_i: Signal<In, Bit>,
    pub valid_o: Signal<Out, Bit>,
    pub ready_i: Signal<In, Bit>,
    pub data_o: Signal<Out, Bits<64>>,
    pub last_o: Signal<Out, Bit>,
    /// The trailer comes next.
    ended: Reg<Bit>,
    trailer: Constant<Bits<64>>,
}

impl Default for PushBeats {
    fn default() -> Self {
        let trailer = 1_u64 << push_trailer::trailer::OFFSET | 1 << push_trailer::ended::OFFSET;
        Self {
            clock: Default::default(),
            reset: Default::default(),
            push_valid_i: Default::default(),
            push_ready_o: Default::default(),
            push_addr_i: Default::default(),
            push_data_i: Default::default(),
            push_last_i: Default::default(),
            valid_o: Default::default(),
            ready_i: Default::default(),
            data_o: Default::default(),
            last_o: Default::default(),
            ended: Default::default(),
            trailer: Constant::new(trailer.into()),
        }
    }
}

impl Logic for PushBeats {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, ended);
        self.valid_o.next = self.push_valid_i.val() | self.ended.q.val();
        self.push_ready_o.next = self.ready_i.val() & !self.ended.q.val();
        self.data_o.next = (bit_cast::<64, 32>(self.push_data_i.val()) << bits::<6>(32))
            | bit_cast::<64, 32>(self.push_addr_i.val());
        self.last_o.next = self.ended.q.val();
        if self.ended.q.val() {
            self.data_o.next = self.trailer.val();
        }
        if self.ready_i.val() {
            self.ended.d.next =
                self.push_valid_i.val() & self.push_last_i.val() & !self.ended.q.val();
        }
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("push_beats", &[])
    }
}
