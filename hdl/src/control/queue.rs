use crate::prim::{Ram, Reg, module_name};
use rust_hdl::prelude::*;

/// The instruction queue of an engine: 64-bit instructions, first in, first out, held in a memory.
///
/// An instruction pushed in cycle `c` into an empty queue shows at the head in `c + 2`; after a pop the
/// next one shows a cycle later.
#[derive(LogicBlock)]
pub struct InstructionQueue {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    pub push_i: Signal<In, Bit>,
    pub data_i: Signal<In, Bits<64>>,
    pub full_o: Signal<Out, Bit>,
    pub pop_i: Signal<In, Bit>,
    pub head_o: Signal<Out, Bits<64>>,
    pub valid_o: Signal<Out, Bit>,
    slots: Ram<64>,
    write_at: Reg<Bits<20>>,
    read_at: Reg<Bits<20>>,
    count: Reg<Bits<20>>,
    valid: Reg<Bit>,
    next_read: Signal<Local, Bits<20>>,
    left: Signal<Local, Bits<20>>,
    last_slot: Constant<Bits<20>>,
    depth: Constant<Bits<20>>,
    _depth: usize,
}

impl InstructionQueue {
    /// A queue of `depth` instructions.
    pub fn new(depth: usize) -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            push_i: Default::default(),
            data_i: Default::default(),
            full_o: Default::default(),
            pop_i: Default::default(),
            head_o: Default::default(),
            valid_o: Default::default(),
            slots: Ram::new(depth),
            write_at: Default::default(),
            read_at: Default::default(),
            count: Default::default(),
            valid: Default::default(),
            next_read: Default::default(),
            left: Default::default(),
            last_slot: Constant::new((depth as u64 - 1).into()),
            depth: Constant::new((depth as u64).into()),
            _depth: depth,
        }
    }
}

impl Logic for InstructionQueue {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, write_at, read_at, count, valid);
        self.slots.clock.next = self.clock.val();
        self.full_o.next = self.count.q.val() == self.depth.val();
        self.head_o.next = self.slots.rdata_o.val();
        self.valid_o.next = self.valid.q.val();

        self.next_read.next = self.read_at.q.val();
        self.left.next = self.count.q.val();
        if self.pop_i.val() {
            self.left.next = self.count.q.val() - 1;
            self.next_read.next = self.read_at.q.val() + 1;
            if self.read_at.q.val() == self.last_slot.val() {
                self.next_read.next = bits::<20>(0);
            }
        }
        // What is written in this cycle cannot be read in it, so it does not count yet.
        self.valid.d.next = self.left.val().any();
        if self.pop_i.val() {
            self.read_at.d.next = self.next_read.val();
        }
        self.slots.raddr_i.next = self.next_read.val();
        // Once for each instruction: the memory holds the head while it waits.
        self.slots.ren_i.next = self.left.val().any() & (self.pop_i.val() | !self.valid.q.val());

        self.slots.waddr_i.next = self.write_at.q.val();
        self.slots.wdata_i.next = self.data_i.val();
        self.slots.wen_i.next = self.push_i.val();
        // Registers load only what changes, so that a queue at rest has no clock.
        if self.push_i.val() & !self.pop_i.val() {
            self.count.d.next = self.count.q.val() + 1;
        }
        if self.pop_i.val() & !self.push_i.val() {
            self.count.d.next = self.left.val();
        }
        if self.push_i.val() {
            self.write_at.d.next = self.write_at.q.val() + 1;
            if self.write_at.q.val() == self.last_slot.val() {
                self.write_at.d.next = bits::<20>(0);
            }
        }
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("instruction_queue", &[("d", self._depth)])
    }
}
