use crate::prim::{Pipe, Reg, module_name};
use rust_hdl::prelude::*;

/// A small first-in first-out buffer of `N`-bit words, held in registers.
///
/// A word pushed into an empty buffer shows at the output one cycle later. Pushing into a full buffer
/// and popping an empty one are the caller's errors: `full_o` and `valid_o` tell.
#[derive(LogicBlock)]
pub struct Fifo<const N: usize> {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    pub push_i: Signal<In, Bit>,
    pub data_i: Signal<In, Bits<N>>,
    pub full_o: Signal<Out, Bit>,
    pub pop_i: Signal<In, Bit>,
    pub data_o: Signal<Out, Bits<N>>,
    pub valid_o: Signal<Out, Bit>,
    write_at: Reg<Bits<3>>,
    read_at: Reg<Bits<3>>,
    count: Reg<Bits<4>>,
    slot: Vec<Pipe<Bits<N>>>,
    here: Signal<Local, Bits<3>>,
    last_slot: Constant<Bits<3>>,
    depth: Constant<Bits<4>>,
    _depth: usize,
}

impl<const N: usize> Fifo<N> {
    /// A buffer of `depth` words, 1 to 8.
    pub fn new(depth: usize) -> Self {
        assert!((1..=8).contains(&depth), "a register FIFO holds 1 to 8 words, not {depth}");
        Self {
            clock: Default::default(),
            reset: Default::default(),
            push_i: Default::default(),
            data_i: Default::default(),
            full_o: Default::default(),
            pop_i: Default::default(),
            data_o: Default::default(),
            valid_o: Default::default(),
            write_at: Default::default(),
            read_at: Default::default(),
            count: Default::default(),
            slot: (0..depth).map(|_| Default::default()).collect(),
            here: Default::default(),
            last_slot: Constant::new((depth as u64 - 1).into()),
            depth: Constant::new((depth as u64).into()),
            _depth: depth,
        }
    }
}

impl<const N: usize> Logic for Fifo<N> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, write_at, read_at, count);
        self.full_o.next = self.count.q.val() == self.depth.val();
        self.valid_o.next = self.count.q.val().any();
        self.data_o.next = bits::<N>(0);
        for i in 0..self._depth {
            self.slot[i].clock.next = self.clock.val();
            self.slot[i].d.next = self.slot[i].q.val();
            self.here.next = i.to_bits();
            if self.push_i.val() & (self.write_at.q.val() == self.here.val()) {
                self.slot[i].d.next = self.data_i.val();
            }
            if self.read_at.q.val() == self.here.val() {
                self.data_o.next = self.slot[i].q.val();
            }
        }
        if self.push_i.val() {
            self.write_at.d.next = self.write_at.q.val() + 1;
            if self.write_at.q.val() == self.last_slot.val() {
                self.write_at.d.next = bits::<3>(0);
            }
        }
        if self.pop_i.val() {
            self.read_at.d.next = self.read_at.q.val() + 1;
            if self.read_at.q.val() == self.last_slot.val() {
                self.read_at.d.next = bits::<3>(0);
            }
        }
        if self.push_i.val() & !self.pop_i.val() {
            self.count.d.next = self.count.q.val() + 1;
        }
        if !self.push_i.val() & self.pop_i.val() {
            self.count.d.next = self.count.q.val() - 1;
        }
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("fifo", &[("w", N), ("d", self._depth)])
    }
}
