use crate::prim::{Pipe, Reg, module_name};
use backspike_arch::layout::{RECORD_CORES, record};
use backspike_arch::mesh::PACKET_WORDS;
use rust_hdl::prelude::*;

const _: () =
    assert!(record::words::BITS == 24 && record::last_sub::OFFSET == 24, "taken apart here");
const _: () = assert!(RECORD_CORES == 1 << 63 && PACKET_WORDS == 8, "known here");

/// Packets to writes of the core. A packet is records: a beat with the address of the first word, the number of words and the words of a
/// row; then the words, two a beat. A record that the end of its packet cuts is over. A beat with bit 63 where a record could begin says which
/// cores the records after it go to.
#[derive(LogicBlock, Default)]
pub struct Records {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    pub valid_i: Signal<In, Bit>,
    pub data_i: Signal<In, Bits<64>>,
    pub last_i: Signal<In, Bit>,
    pub ready_o: Signal<Out, Bit>,
    // The core.
    pub host_valid_o: Signal<Out, Bit>,
    pub host_ready_i: Signal<In, Bit>,
    pub host_addr_o: Signal<Out, Bits<32>>,
    pub host_data_o: Signal<Out, Bits<32>>,
    /// The next word does not follow this one in a row's group of 8: a packet of the mesh ends.
    pub host_last_o: Signal<Out, Bit>,
    /// The cores that the words go to.
    pub nodes_o: Signal<Out, Bits<64>>,
    nodes: Reg<Bits<63>>,
    left: Reg<Bits<24>>,
    /// The high word of the beat comes next.
    high: Reg<Bit>,
    /// Region and row, 27 bits, with the sub below them.
    address: Pipe<Bits<32>>,
    last_sub: Pipe<Bits<5>>,
    writing: Signal<Local, Bit>,
    one: Signal<Local, Bit>,
    take: Signal<Local, Bit>,
    next_row: Signal<Local, Bits<32>>,
}

impl Logic for Records {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, nodes, left, high, address, last_sub);
        self.nodes_o.next = bit_cast::<64, 63>(self.nodes.q.val());
        self.writing.next = self.left.q.val().any();
        self.one.next = self.left.q.val() == bits::<24>(1);
        self.host_valid_o.next = self.valid_i.val() & self.writing.val();
        self.host_addr_o.next = self.address.q.val();
        self.host_data_o.next = self.data_i.val().get_bits::<32>(0);
        if self.high.q.val() {
            self.host_data_o.next = self.data_i.val().get_bits::<32>(32);
        }
        // A header is taken at once, a beat with its second word or with the record's last.
        self.take.next = self.valid_i.val()
            & (!self.writing.val()
                | (self.host_ready_i.val() & (self.high.q.val() | self.one.val())));
        self.ready_o.next =
            !self.writing.val() | (self.host_ready_i.val() & (self.high.q.val() | self.one.val()));
        self.host_last_o.next = self.one.val()
            | (self.high.q.val() & self.last_i.val())
            | (self.address.q.val().get_bits::<5>(0) == self.last_sub.q.val())
            | (self.address.q.val().get_bits::<3>(0) == bits::<3>(7));
        // A row is 32 addresses, whatever its words.
        self.next_row.next = ((self.address.q.val() >> bits::<3>(5)) + 1) << bits::<3>(5);
        if self.valid_i.val() & self.writing.val() & self.host_ready_i.val() {
            self.left.d.next = self.left.q.val() - 1;
            self.high.d.next = !self.high.q.val() & !self.one.val();
            self.address.d.next = self.address.q.val() + 1;
            if self.address.q.val().get_bits::<5>(0) == self.last_sub.q.val() {
                self.address.d.next = self.next_row.val();
            }
        }
        if self.valid_i.val() & !self.writing.val() & self.data_i.val().get_bit(63) {
            self.nodes.d.next = self.data_i.val().get_bits::<63>(0);
        } else if self.valid_i.val() & !self.writing.val() {
            self.address.d.next = self.data_i.val().get_bits::<32>(0);
            self.left.d.next = self.data_i.val().get_bits::<24>(32);
            self.last_sub.d.next = self.data_i.val().get_bits::<5>(56);
        }
        if self.take.val() & self.last_i.val() {
            self.left.d.next = bits::<24>(0);
            self.high.d.next = false;
        }
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("records", &[])
    }
}
