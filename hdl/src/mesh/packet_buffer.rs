use crate::prim::{Ram, Reg, module_name};
use rust_hdl::prelude::*;

/// The flits that wait at an input of a router, first in, first out. A packet that goes on by several ports is read several times:
/// with `keep_i` its last flit is followed by its first again, and its flits keep their places until they are read without.
///
/// A flit shows at the output two cycles after it was taken; then one a cycle. A kept packet is no longer than the buffer.
#[derive(LogicBlock)]
pub struct PacketBuffer<const F: usize> {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    pub valid_i: Signal<In, Bit>,
    pub ready_o: Signal<Out, Bit>,
    pub data_i: Signal<In, Bits<F>>,
    pub last_i: Signal<In, Bit>,
    pub valid_o: Signal<Out, Bit>,
    pub data_o: Signal<Out, Bits<F>>,
    pub last_o: Signal<Out, Bit>,
    /// The flit is read in this cycle.
    pub take_i: Signal<In, Bit>,
    /// The packet is read once more.
    pub keep_i: Signal<In, Bit>,
    /// Flits that have a place.
    pub held_o: Signal<Out, Bits<8>>,

    flits: Ram<F>,
    lasts: Ram<1>,
    // 8 bits, wrapping: differences up to the largest depth, 64, are exact.
    write_at: Reg<Bits<8>>,
    read_at: Reg<Bits<8>>,
    /// The oldest place in use.
    oldest: Reg<Bits<8>>,
    valid: Reg<Bit>,
    held: Signal<Local, Bits<8>>,
    ready: Signal<Local, Bit>,
    push: Signal<Local, Bit>,
    next_read: Signal<Local, Bits<8>>,
    left: Signal<Local, Bit>,
    read: Signal<Local, Bit>,
    depth: Constant<Bits<8>>,
    _depth: usize,
}

impl<const F: usize> PacketBuffer<F> {
    /// A buffer of `depth` flits, a power of two.
    pub fn new(depth: usize) -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            valid_i: Default::default(),
            ready_o: Default::default(),
            data_i: Default::default(),
            last_i: Default::default(),
            valid_o: Default::default(),
            data_o: Default::default(),
            last_o: Default::default(),
            take_i: Default::default(),
            keep_i: Default::default(),
            held_o: Default::default(),
            flits: Ram::new(depth),
            lasts: Ram::new(depth),
            write_at: Default::default(),
            read_at: Default::default(),
            oldest: Default::default(),
            valid: Default::default(),
            held: Default::default(),
            ready: Default::default(),
            push: Default::default(),
            next_read: Default::default(),
            left: Default::default(),
            read: Default::default(),
            depth: Constant::new((depth as u64).into()),
            _depth: depth,
        }
    }
}

impl<const F: usize> Logic for PacketBuffer<F> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, write_at, read_at, oldest, valid);
        self.flits.clock.next = self.clock.val();
        self.lasts.clock.next = self.clock.val();

        self.held.next = self.write_at.q.val() - self.oldest.q.val();
        self.held_o.next = self.held.val();
        self.ready.next = self.held.val() != self.depth.val();
        self.ready_o.next = self.ready.val();
        self.push.next = self.valid_i.val() & self.ready.val();
        self.flits.waddr_i.next = bit_cast::<20, 8>(self.write_at.q.val());
        self.flits.wdata_i.next = self.data_i.val();
        self.flits.wen_i.next = self.push.val();
        self.lasts.waddr_i.next = bit_cast::<20, 8>(self.write_at.q.val());
        self.lasts.wdata_i.next = bit_cast::<1, 1>(self.last_i.val().into());
        self.lasts.wen_i.next = self.push.val();
        if self.push.val() {
            self.write_at.d.next = self.write_at.q.val() + 1;
        }

        self.valid_o.next = self.valid.q.val();
        self.data_o.next = self.flits.rdata_o.val();
        self.last_o.next = self.lasts.rdata_o.val().get_bit(0);
        self.next_read.next = self.read_at.q.val();
        if self.take_i.val() {
            self.next_read.next = self.read_at.q.val() + 1;
            if self.keep_i.val() & self.lasts.rdata_o.val().get_bit(0) {
                self.next_read.next = self.oldest.q.val();
            }
            if !self.keep_i.val() {
                self.oldest.d.next = self.read_at.q.val() + 1;
            }
        }
        self.read_at.d.next = self.next_read.val();
        // What is written in this cycle cannot be read in it, so it does not count yet.
        self.left.next = self.write_at.q.val() != self.next_read.val();
        self.valid.d.next = self.left.val();
        self.read.next = self.left.val() & (self.take_i.val() | !self.valid.q.val());
        self.flits.raddr_i.next = bit_cast::<20, 8>(self.next_read.val());
        self.flits.ren_i.next = self.read.val();
        self.lasts.raddr_i.next = bit_cast::<20, 8>(self.next_read.val());
        self.lasts.ren_i.next = self.read.val();
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("packet_buffer", &[("f", F), ("d", self._depth)])
    }
}
