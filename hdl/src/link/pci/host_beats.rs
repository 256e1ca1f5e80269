use crate::prim::module_name;
use backspike_arch::layout::push_trailer;
use rust_hdl::prelude::*;

const _: () = assert!(
    push_trailer::core::OFFSET == 0
        && push_trailer::core::BITS == 6
        && push_trailer::ended::OFFSET == 26
        && push_trailer::trailer::OFFSET == 27,
    "put together here"
);

/// Words that cores send to the host, as beats: each word with its address, then the trailer of the packet, which says whose they are.
#[derive(LogicBlock, Default)]
pub struct HostBeats {
    pub addr_i: Signal<In, Bits<32>>,
    pub data_i: Signal<In, Bits<32>>,
    /// The word is a trailer.
    pub last_i: Signal<In, Bit>,
    pub data_o: Signal<Out, Bits<64>>,
    /// The PUSH has ended with this beat.
    pub last_o: Signal<Out, Bit>,
    ended: Signal<Local, Bit>,
    trailer: Signal<Local, Bits<32>>,
}

impl Logic for HostBeats {
    #[hdl_gen]
    fn update(&mut self) {
        // The item has the core in its low bits and the end in bit 31.
        self.ended.next = self.last_i.val() & self.data_i.val().get_bit(31);
        self.last_o.next = self.ended.val();
        self.trailer.next = bits::<32>(0x0800_0000)
            | (bit_cast::<32, 1>(self.ended.val().into()) << bits::<5>(26))
            | bit_cast::<32, 6>(self.data_i.val().get_bits::<6>(0));
        self.data_o.next = (bit_cast::<64, 32>(self.data_i.val()) << bits::<6>(32))
            | bit_cast::<64, 32>(self.addr_i.val());
        if self.last_i.val() {
            self.data_o.next = bit_cast::<64, 32>(self.trailer.val());
        }
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("host_beats", &[])
    }
}
