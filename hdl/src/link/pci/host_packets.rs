use crate::prim::{Reg, module_name};
use backspike_arch::MeshConfig;
use rust_hdl::prelude::*;

/// What the host writes, as packets of the mesh: head, address, words. The end of a packet comes with its last word.
#[derive(LogicBlock)]
pub struct HostPackets<const F: usize> {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    pub host_valid_i: Signal<In, Bit>,
    pub host_ready_o: Signal<Out, Bit>,
    pub host_addr_i: Signal<In, Bits<32>>,
    pub host_data_i: Signal<In, Bits<32>>,
    pub host_last_i: Signal<In, Bit>,
    /// The cores it goes to. A packet to none is dropped by the first router; bits that are no core's do not count.
    pub nodes_i: Signal<In, Bits<64>>,
    pub valid_o: Signal<Out, Bit>,
    pub ready_i: Signal<In, Bit>,
    pub data_o: Signal<Out, Bits<F>>,
    pub last_o: Signal<Out, Bit>,
    /// Head, address, words: 0, 1, 2.
    place: Reg<Bits<2>>,
    at_words: Signal<Local, Bit>,
    cores: Constant<Bits<F>>,
}

impl<const F: usize> HostPackets<F> {
    /// Packets to the cores of `mesh`.
    pub fn new(mesh: &MeshConfig) -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            host_valid_i: Default::default(),
            host_ready_o: Default::default(),
            host_addr_i: Default::default(),
            host_data_i: Default::default(),
            host_last_i: Default::default(),
            nodes_i: Default::default(),
            valid_o: Default::default(),
            ready_i: Default::default(),
            data_o: Default::default(),
            last_o: Default::default(),
            place: Default::default(),
            at_words: Default::default(),
            cores: Constant::new(((1_u64 << mesh.cores()) - 1).into()),
        }
    }
}

impl<const F: usize> Logic for HostPackets<F> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, place);
        self.at_words.next = self.place.q.val() == bits::<2>(2);
        self.valid_o.next = self.host_valid_i.val();
        self.host_ready_o.next = self.ready_i.val() & self.at_words.val();
        self.data_o.next = self.nodes_i.val().get_bits::<F>(0) & self.cores.val();
        if self.place.q.val() == bits::<2>(1) {
            self.data_o.next = bit_cast::<F, 32>(self.host_addr_i.val());
        }
        if self.at_words.val() {
            self.data_o.next = bit_cast::<F, 32>(self.host_data_i.val());
        }
        self.last_o.next = self.at_words.val() & self.host_last_i.val();
        if self.host_valid_i.val() & self.ready_i.val() {
            if !self.at_words.val() {
                self.place.d.next = self.place.q.val() + 1;
            } else if self.host_last_i.val() {
                self.place.d.next = bits::<2>(0);
            }
        }
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("host_packets", &[("f", F)])
    }
}
