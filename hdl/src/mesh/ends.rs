//! The ends of the network: one item after the other on the side of a node, flits of one or two items on the side of a router.

use super::{Eject, Pack, Unpack};
use crate::prim::module_name;
use rust_hdl::prelude::*;

/// From the items of packets to flits: as they are, or in pairs where a flit has room for two.
#[derive(LogicBlock)]
pub struct ItemsToFlits<const F: usize> {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    pub valid_i: Signal<In, Bit>,
    pub ready_o: Signal<Out, Bit>,
    pub data_i: Signal<In, Bits<F>>,
    pub last_i: Signal<In, Bit>,
    pub valid_o: Signal<Out, Bit>,
    pub ready_i: Signal<In, Bit>,
    pub data_o: Signal<Out, Bits<F>>,
    pub last_o: Signal<Out, Bit>,
    pack: Vec<Pack<F>>,
    _narrow: usize,
    _wide: usize,
}

impl<const F: usize> Default for ItemsToFlits<F> {
    fn default() -> Self {
        let wide = usize::from(F == 64);
        Self {
            clock: Default::default(),
            reset: Default::default(),
            valid_i: Default::default(),
            ready_o: Default::default(),
            data_i: Default::default(),
            last_i: Default::default(),
            valid_o: Default::default(),
            ready_i: Default::default(),
            data_o: Default::default(),
            last_o: Default::default(),
            pack: (0..wide).map(|_| Pack::default()).collect(),
            _narrow: 1 - wide,
            _wide: wide,
        }
    }
}

impl<const F: usize> Logic for ItemsToFlits<F> {
    #[hdl_gen]
    fn update(&mut self) {
        for i in 0..self._wide {
            self.pack[i].clock.next = self.clock.val();
            self.pack[i].reset.next = self.reset.val();
            self.pack[i].valid_i.next = self.valid_i.val();
            self.pack[i].data_i.next = self.data_i.val();
            self.pack[i].last_i.next = self.last_i.val();
            self.ready_o.next = self.pack[i].ready_o.val();
            self.valid_o.next = self.pack[i].valid_o.val();
            self.data_o.next = self.pack[i].data_o.val();
            self.last_o.next = self.pack[i].last_o.val();
            self.pack[i].ready_i.next = self.ready_i.val();
        }
        for _i in 0..self._narrow {
            self.valid_o.next = self.valid_i.val();
            self.data_o.next = self.data_i.val();
            self.last_o.next = self.last_i.val();
            self.ready_o.next = self.ready_i.val();
        }
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("items_to_flits", &[("f", F)])
    }
}

/// From flits to the words of packets, each with its address; the last one to the host is a trailer.
#[derive(LogicBlock)]
pub struct FlitsToWords<const F: usize> {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    pub valid_i: Signal<In, Bit>,
    pub ready_o: Signal<Out, Bit>,
    pub data_i: Signal<In, Bits<F>>,
    pub last_i: Signal<In, Bit>,
    pub word_valid_o: Signal<Out, Bit>,
    pub word_ready_i: Signal<In, Bit>,
    pub addr_o: Signal<Out, Bits<32>>,
    pub data_o: Signal<Out, Bits<32>>,
    /// The packet ends with this word.
    pub word_last_o: Signal<Out, Bit>,
    // One of either.
    eject: Vec<Eject<F>>,
    unpack: Vec<Unpack<F>>,
    _narrow: usize,
    _wide: usize,
}

impl<const F: usize> Default for FlitsToWords<F> {
    fn default() -> Self {
        let wide = usize::from(F == 64);
        Self {
            clock: Default::default(),
            reset: Default::default(),
            valid_i: Default::default(),
            ready_o: Default::default(),
            data_i: Default::default(),
            last_i: Default::default(),
            word_valid_o: Default::default(),
            word_ready_i: Default::default(),
            addr_o: Default::default(),
            data_o: Default::default(),
            word_last_o: Default::default(),
            eject: (wide..1).map(|_| Eject::default()).collect(),
            unpack: (0..wide).map(|_| Unpack::default()).collect(),
            _narrow: 1 - wide,
            _wide: wide,
        }
    }
}

impl<const F: usize> Logic for FlitsToWords<F> {
    #[hdl_gen]
    fn update(&mut self) {
        for i in 0..self._narrow {
            self.eject[i].clock.next = self.clock.val();
            self.eject[i].reset.next = self.reset.val();
            self.eject[i].valid_i.next = self.valid_i.val();
            self.eject[i].data_i.next = self.data_i.val();
            self.eject[i].last_i.next = self.last_i.val();
            self.ready_o.next = self.eject[i].ready_o.val();
            self.word_valid_o.next = self.eject[i].word_valid_o.val();
            self.addr_o.next = self.eject[i].addr_o.val();
            self.data_o.next = self.eject[i].data_o.val();
            self.word_last_o.next = self.eject[i].word_last_o.val();
            self.eject[i].word_ready_i.next = self.word_ready_i.val();
        }
        for i in 0..self._wide {
            self.unpack[i].clock.next = self.clock.val();
            self.unpack[i].reset.next = self.reset.val();
            self.unpack[i].valid_i.next = self.valid_i.val();
            self.unpack[i].data_i.next = self.data_i.val();
            self.unpack[i].last_i.next = self.last_i.val();
            self.ready_o.next = self.unpack[i].ready_o.val();
            self.word_valid_o.next = self.unpack[i].word_valid_o.val();
            self.addr_o.next = self.unpack[i].addr_o.val();
            self.data_o.next = self.unpack[i].data_o.val();
            self.word_last_o.next = self.unpack[i].word_last_o.val();
            self.unpack[i].word_ready_i.next = self.word_ready_i.val();
        }
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("flits_to_words", &[("f", F)])
    }
}
