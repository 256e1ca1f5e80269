use super::Delay;
use crate::optimizer::{OPTIMIZER_LATENCY, OptimizerLane};
use crate::prim::{Pipe, Reg, module_name};
use backspike_arch::layout::wg;
use rust_hdl::prelude::*;

/// The WG engine's UPDATE and CLEAR of a slice: one row a cycle through the optimizer. CLEAR takes the
/// same way with zeros for gradient and state, and leaves the weights.
#[derive(LogicBlock)]
pub struct UpdateEngine {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    // Sequencer and descriptor.
    pub start_i: Signal<In, Bit>,
    pub busy_i: Signal<In, Bit>,
    pub clear_i: Signal<In, Bit>,
    pub arg_i: Signal<In, Bits<12>>,
    pub imm_i: Signal<In, Bits<32>>,
    pub column_i: Vec<Signal<In, Bits<32>>>,
    pub done_o: Signal<Out, Bit>,
    // Weights, state and gradients: the same row of all three.
    pub ren_o: Signal<Out, Bit>,
    pub addr_o: Signal<Out, Bits<20>>,
    pub weight_i: Vec<Signal<In, Bits<16>>>,
    pub state_i: Vec<Signal<In, Bits<16>>>,
    pub gradient_i: Vec<Signal<In, Bits<32>>>,
    /// The row is written: state, a zero gradient, and with `weight_wen_o` the weights.
    pub wen_o: Signal<Out, Bit>,
    pub weight_wen_o: Signal<Out, Bit>,
    pub waddr_o: Signal<Out, Bits<20>>,
    pub weight_o: Vec<Signal<Out, Bits<16>>>,
    pub state_o: Vec<Signal<Out, Bits<16>>>,

    lane: Vec<OptimizerLane>,
    write_late: Delay<20>,
    active: Reg<Bit>,
    row: Pipe<Bits<20>>,
    source: Pipe<Bits<20>>,
    tile: Pipe<Bits<20>>,
    lane0: Pipe<Bits<16>>,
    in_at: Pipe<Bits<16>>,
    out_at: Pipe<Bits<16>>,
    drain: Reg<Bits<5>>,
    weight_base: Signal<Local, Bits<32>>,
    fan_in: Signal<Local, Bits<32>>,
    tiles: Signal<Local, Bits<32>>,
    optimizer_word: Signal<Local, Bits<32>>,
    coordinates_word: Signal<Local, Bits<32>>,
    here: Signal<Local, Bits<16>>,
    plane_lanes: Constant<Bits<16>>,
    drain_cycles: Constant<Bits<5>>,
    _lanes: usize,
}

impl UpdateEngine {
    /// An engine of `lanes` lanes.
    pub fn new(lanes: usize) -> Self {
        Self {
            weight_base: Default::default(),
            fan_in: Default::default(),
            tiles: Default::default(),
            clock: Default::default(),
            reset: Default::default(),
            start_i: Default::default(),
            busy_i: Default::default(),
            clear_i: Default::default(),
            arg_i: Default::default(),
            imm_i: Default::default(),
            column_i: (0..wg::COLUMNS).map(|_| Default::default()).collect(),
            done_o: Default::default(),
            ren_o: Default::default(),
            addr_o: Default::default(),
            weight_i: (0..lanes).map(|_| Default::default()).collect(),
            state_i: (0..lanes).map(|_| Default::default()).collect(),
            gradient_i: (0..lanes).map(|_| Default::default()).collect(),
            wen_o: Default::default(),
            weight_wen_o: Default::default(),
            waddr_o: Default::default(),
            weight_o: (0..lanes).map(|_| Default::default()).collect(),
            state_o: (0..lanes).map(|_| Default::default()).collect(),
            lane: (0..lanes).map(|_| Default::default()).collect(),
            write_late: Delay::new(1 + OPTIMIZER_LATENCY),
            active: Default::default(),
            row: Default::default(),
            source: Default::default(),
            tile: Default::default(),
            lane0: Default::default(),
            in_at: Default::default(),
            out_at: Default::default(),
            drain: Default::default(),
            optimizer_word: Default::default(),
            coordinates_word: Default::default(),
            here: Default::default(),
            plane_lanes: Constant::new((lanes as u64).into()),
            drain_cycles: Constant::new((OPTIMIZER_LATENCY as u64).into()),
            _lanes: lanes,
        }
    }
}

impl Logic for UpdateEngine {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, active, row, source, tile, lane0, in_at, out_at, drain);
        // Columns of the descriptor, in the order of `super::layout`.
        self.weight_base.next = self.column_i[0].val();
        self.fan_in.next = self.column_i[1].val();
        self.tiles.next = self.column_i[2].val();
        self.optimizer_word.next = self.column_i[8].val();
        self.coordinates_word.next = self.column_i[9].val();
        self.write_late.clock.next = self.clock.val();
        self.write_late.reset.next = self.reset.val();

        self.ren_o.next = self.active.q.val() & !self.clear_i.val();
        self.addr_o.next = self.row.q.val();
        // Network coordinates of the row that the memories deliver in the next cycle.
        self.in_at.d.next =
            self.source.q.val().get_bits::<16>(0) + self.coordinates_word.val().get_bits::<16>(0);
        self.out_at.d.next = self.lane0.q.val();
        if self.active.q.val() {
            self.row.d.next = self.row.q.val() + 1;
            self.source.d.next = self.source.q.val() + 1;
            if (self.source.q.val() + 1) == bit_cast::<20, 32>(self.fan_in.val()) {
                self.source.d.next = bits::<20>(0);
                self.tile.d.next = self.tile.q.val() + 1;
                self.lane0.d.next = self.lane0.q.val() + self.plane_lanes.val();
                if (self.tile.q.val() + 1) == bit_cast::<20, 32>(self.tiles.val()) {
                    self.active.d.next = false;
                }
            }
        }
        self.write_late.valid_i.next = self.active.q.val();
        self.write_late.data_i.next = self.row.q.val();
        self.wen_o.next = self.write_late.valid_o.val();
        self.weight_wen_o.next = self.write_late.valid_o.val() & !self.clear_i.val();
        self.waddr_o.next = self.write_late.data_o.val();
        if self.start_i.val() {
            self.active.d.next = true;
            self.row.d.next = bit_cast::<20, 32>(self.weight_base.val());
            self.source.d.next = bits::<20>(0);
            self.tile.d.next = bits::<20>(0);
            self.lane0.d.next = self.coordinates_word.val().get_bits::<16>(16);
        }

        for i in 0..self._lanes {
            self.here.next = i.to_bits();
            self.lane[i].clock.next = self.clock.val();
            self.lane[i].weight_i.next = self.weight_i[i].val();
            self.lane[i].state_i.next = self.state_i[i].val();
            self.lane[i].gradient_i.next = self.gradient_i[i].val();
            self.lane[i].in_i.next = self.in_at.q.val();
            self.lane[i].out_i.next = self.out_at.q.val() + self.here.val();
            self.lane[i].key_i.next = self.imm_i.val();
            self.lane[i].kind_i.next = self.optimizer_word.val().get_bits::<2>(0);
            self.lane[i].b1_i.next = self.optimizer_word.val().get_bits::<4>(2);
            self.lane[i].b2_i.next = self.optimizer_word.val().get_bits::<4>(6);
            self.lane[i].rate_i.next = self.arg_i.val().get_bits::<6>(0);
            self.lane[i].gradient_scale_i.next = self.arg_i.val().get_bits::<6>(6);
            self.lane[i].weight_max_exp_i.next = self.optimizer_word.val().get_bits::<2>(10);
            self.weight_o[i].next = self.lane[i].weight_o.val();
            self.state_o[i].next = bits::<16>(0);
            if !self.clear_i.val() {
                self.state_o[i].next = self.lane[i].state_o.val();
            }
        }

        if self.active.q.val() {
            self.drain.d.next = self.drain_cycles.val();
        } else if self.drain.q.val().any() {
            self.drain.d.next = self.drain.q.val() - 1;
        }
        self.done_o.next = self.busy_i.val()
            & ((!self.start_i.val() & !self.active.q.val()) & !self.drain.q.val().any());
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("update_engine", &[("l", self._lanes)])
    }
}
