use crate::prim::{Pipe, Reg, module_name};
use rust_hdl::prelude::*;

/// A valid bit and `N` bits of data beside it, `cycles` cycles late.
#[derive(LogicBlock)]
pub struct Delay<const N: usize> {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    pub valid_i: Signal<In, Bit>,
    pub data_i: Signal<In, Bits<N>>,
    pub valid_o: Signal<Out, Bit>,
    pub data_o: Signal<Out, Bits<N>>,
    valid: Vec<Reg<Bit>>,
    data: Vec<Pipe<Bits<N>>>,
    carry_valid: Signal<Local, Bit>,
    carry_data: Signal<Local, Bits<N>>,
    _cycles: usize,
}

impl<const N: usize> Delay<N> {
    /// A delay of `cycles` cycles.
    pub fn new(cycles: usize) -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            valid_i: Default::default(),
            data_i: Default::default(),
            valid_o: Default::default(),
            data_o: Default::default(),
            valid: (0..cycles).map(|_| Default::default()).collect(),
            data: (0..cycles).map(|_| Default::default()).collect(),
            carry_valid: Default::default(),
            carry_data: Default::default(),
            _cycles: cycles,
        }
    }
}

impl<const N: usize> Logic for Delay<N> {
    #[hdl_gen]
    fn update(&mut self) {
        self.carry_valid.next = self.valid_i.val();
        self.carry_data.next = self.data_i.val();
        for i in 0..self._cycles {
            self.valid[i].clock.next = self.clock.val();
            self.valid[i].d.next = self.carry_valid.val();
            self.data[i].clock.next = self.clock.val();
            // Data that nothing guards stay: no clock need reach them.
            if self.carry_valid.val() {
                self.data[i].d.next = self.carry_data.val();
            } else {
                self.data[i].d.next = self.data[i].q.val();
            }
            self.carry_valid.next = self.valid[i].q.val();
            self.carry_data.next = self.data[i].q.val();
        }
        self.valid_o.next = self.carry_valid.val();
        self.data_o.next = self.carry_data.val();
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("delay", &[("w", N), ("n", self._cycles)])
    }
}
