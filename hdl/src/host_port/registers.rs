use crate::prim::{Pipe, Reg, module_name};
use backspike_arch::layout::{COUNTER_BASE, Counter};
use backspike_arch::{ArchConfig, Register};
use rust_hdl::prelude::*;

/// The register of the sticky bits; those before it tell who the core is, those after it count.
const STATUS: usize = 7;
const _: () = assert!(COUNTER_BASE == STATUS + 1);

/// The registers: identity, sticky status bits, counters. Reading is like that of a memory: the value
/// shows a cycle after `ren_i` and holds.
#[derive(LogicBlock)]
pub struct Registers {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    /// What to add to each counter in this cycle, 0 to 63.
    pub count_i: Vec<Signal<In, Bits<6>>>,
    /// Status bits to set.
    pub status_i: Signal<In, Bits<8>>,
    pub ren_i: Signal<In, Bit>,
    pub index_i: Signal<In, Bits<20>>,
    pub data_o: Signal<Out, Bits<32>>,
    identity: Vec<Constant<Bits<32>>>,
    status: Reg<Bits<8>>,
    counter: Vec<Reg<Bits<32>>>,
    data: Pipe<Bits<32>>,
    value: Signal<Local, Bits<32>>,
    counter_index: Signal<Local, Bits<20>>,
    here: Signal<Local, Bits<20>>,
    amount: Signal<Local, Bits<6>>,
    status_index: Constant<Bits<20>>,
    counter_base: Constant<Bits<20>>,
    _identity: usize,
    _counters: usize,
}

fn identity(arch: &ArchConfig) -> Vec<u32> {
    Register::all().map_while(|register| register.identity(arch)).collect()
}

impl Registers {
    /// The registers of a core with configuration `arch`.
    pub fn new(arch: &ArchConfig) -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            count_i: (0..Counter::COUNT).map(|_| Default::default()).collect(),
            status_i: Default::default(),
            ren_i: Default::default(),
            index_i: Default::default(),
            data_o: Default::default(),
            identity: identity(arch)
                .into_iter()
                .map(|word| Constant::new(u64::from(word).into()))
                .collect(),
            status: Default::default(),
            counter: (0..Counter::COUNT).map(|_| Default::default()).collect(),
            data: Default::default(),
            value: Default::default(),
            counter_index: Default::default(),
            here: Default::default(),
            amount: Default::default(),
            status_index: Constant::new((STATUS as u64).into()),
            counter_base: Constant::new((COUNTER_BASE as u64).into()),
            _identity: STATUS,
            _counters: Counter::COUNT,
        }
    }
}

impl Logic for Registers {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, status, data);
        self.status.d.next = self.status.q.val() | self.status_i.val();
        self.value.next = bits::<32>(0);
        for i in 0..self._identity {
            self.here.next = i.to_bits();
            if self.index_i.val() == self.here.val() {
                self.value.next = self.identity[i].val();
            }
        }
        if self.index_i.val() == self.status_index.val() {
            self.value.next = bit_cast::<32, 8>(self.status.q.val());
        }
        self.counter_index.next = self.index_i.val() - self.counter_base.val();
        for i in 0..self._counters {
            self.here.next = i.to_bits();
            if self.counter_index.val() == self.here.val() {
                self.value.next = self.counter[i].q.val();
            }
            self.amount.next = self.count_i[i].val();
            self.counter[i].clock.next = self.clock.val();
            // A counter that does not count needs no clock.
            if self.amount.val().any() {
                self.counter[i].d.next =
                    self.counter[i].q.val() + bit_cast::<32, 6>(self.amount.val());
            } else {
                self.counter[i].d.next = self.counter[i].q.val();
            }
        }
        if self.ren_i.val() {
            self.data.d.next = self.value.val();
        }
        self.data_o.next = self.data.q.val();
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("registers", &[])
    }
}
