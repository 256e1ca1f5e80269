use super::{FlitsToWords, Inject, ItemsToFlits};
use crate::core::Core;
use crate::prim::module_name;
use backspike_arch::ArchConfig;
use rust_hdl::prelude::*;

/// A core with its two ends of the mesh. `F` bits a flit, `P` = 4 bits a lane. All outputs depend on registers alone.
#[derive(LogicBlock)]
pub struct Tile<const F: usize, const P: usize> {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    /// The core's node, and the host's bit.
    pub node_i: Signal<In, Bits<32>>,
    pub host_i: Signal<In, Bits<F>>,
    pub valid_i: Signal<In, Bit>,
    pub ready_o: Signal<Out, Bit>,
    pub data_i: Signal<In, Bits<F>>,
    pub last_i: Signal<In, Bit>,
    pub valid_o: Signal<Out, Bit>,
    pub ready_i: Signal<In, Bit>,
    pub data_o: Signal<Out, Bits<F>>,
    pub last_o: Signal<Out, Bit>,
    core: Core<P>,
    arrivals: FlitsToWords<F>,
    inject: Inject<F>,
    departures: ItemsToFlits<F>,
}

impl<const F: usize, const P: usize> Tile<F, P> {
    /// The core with configuration `arch`, whose lanes are `P` / 4.
    pub fn new(arch: &ArchConfig) -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            node_i: Default::default(),
            host_i: Default::default(),
            valid_i: Default::default(),
            ready_o: Default::default(),
            data_i: Default::default(),
            last_i: Default::default(),
            valid_o: Default::default(),
            ready_i: Default::default(),
            data_o: Default::default(),
            last_o: Default::default(),
            core: Core::new(arch),
            arrivals: Default::default(),
            inject: Default::default(),
            departures: Default::default(),
        }
    }
}

impl<const F: usize, const P: usize> Logic for Tile<F, P> {
    #[hdl_gen]
    fn update(&mut self) {
        self.core.clock.next = self.clock.val();
        self.core.reset.next = self.reset.val();
        self.arrivals.clock.next = self.clock.val();
        self.arrivals.reset.next = self.reset.val();
        self.inject.clock.next = self.clock.val();
        self.inject.reset.next = self.reset.val();
        self.departures.clock.next = self.clock.val();
        self.departures.reset.next = self.reset.val();

        self.arrivals.valid_i.next = self.valid_i.val();
        self.ready_o.next = self.arrivals.ready_o.val();
        self.arrivals.data_i.next = self.data_i.val();
        self.arrivals.last_i.next = self.last_i.val();
        self.core.host_valid_i.next = self.arrivals.word_valid_o.val();
        self.core.host_addr_i.next = self.arrivals.addr_o.val();
        self.core.host_data_i.next = self.arrivals.data_o.val();
        self.arrivals.word_ready_i.next = self.core.host_ready_o.val();

        self.inject.node_i.next = self.node_i.val();
        self.inject.host_i.next = self.host_i.val();
        self.inject.push_valid_i.next = self.core.push_valid_o.val();
        self.inject.push_addr_i.next = self.core.push_addr_o.val();
        self.inject.push_data_i.next = self.core.push_data_o.val();
        self.inject.push_last_i.next = self.core.push_last_o.val();
        self.inject.push_nodes_i.next = self.core.push_nodes_o.val();
        self.core.push_ready_i.next = self.inject.push_ready_o.val();
        self.departures.valid_i.next = self.inject.valid_o.val();
        self.departures.data_i.next = self.inject.data_o.val();
        self.departures.last_i.next = self.inject.last_o.val();
        self.inject.ready_i.next = self.departures.ready_o.val();
        self.valid_o.next = self.departures.valid_o.val();
        self.data_o.next = self.departures.data_o.val();
        self.last_o.next = self.departures.last_o.val();
        self.departures.ready_i.next = self.ready_i.val();
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("tile", &[("f", F)])
    }
}
