use super::Delay;
use crate::optimizer::{OPTIMIZER_LATENCY, OptimizerLane};
use crate::prim::{Pipe, Reg, module_name};
use backspike_arch::layout::wg;
use rust_hdl::prelude::*;

/// Cycles from a beat to its results: the memories' read, the register behind them, the optimizers.
const UPDATE_LATENCY: usize = 2 + OPTIMIZER_LATENCY;

/// The WG engine's UPDATE and CLEAR of a slice: every row through the optimizers, in as many beats as lanes share one. CLEAR takes
/// the same way with zeros for gradient and state, and leaves the weights.
///
/// A row is read in its first beat, and the memories hold it; beat `k` steps lanes `k O` to `k O + O - 1` of `O` optimizers. What they
/// return is kept until the last beat's comes, so that rows are written whole.
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
    /// A row is read or still needed.
    pub hold_o: Signal<Out, Bit>,
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

    optimizer: Vec<OptimizerLane>,
    write_late: Delay<20>,
    // 5 bits: beats and lanes are at most 32.
    beat_late: Delay<5>,
    beat: Pipe<Bits<5>>,
    beat_read: Pipe<Bits<5>>,
    beat_in: Pipe<Bits<5>>,
    kept_weight: Vec<Pipe<Bits<16>>>,
    kept_state: Vec<Pipe<Bits<16>>>,
    active: Reg<Bit>,
    row: Pipe<Bits<20>>,
    source: Pipe<Bits<20>>,
    tile: Pipe<Bits<20>>,
    lane0: Pipe<Bits<16>>,
    in_read: Pipe<Bits<16>>,
    out_read: Pipe<Bits<16>>,
    in_at: Pipe<Bits<16>>,
    out_at: Pipe<Bits<16>>,
    drain: Reg<Bits<5>>,
    /// Weights are on their way through the optimizers.
    running: Reg<Bit>,
    weight_base: Signal<Local, Bits<32>>,
    fan_in: Signal<Local, Bits<32>>,
    tiles: Signal<Local, Bits<32>>,
    optimizer_word: Signal<Local, Bits<32>>,
    coordinates_word: Signal<Local, Bits<32>>,
    last: Signal<Local, Bit>,
    now: Signal<Local, Bits<5>>,
    unit: Signal<Local, Bits<5>>,
    /// That each optimizer has in this beat.
    lane: Vec<Signal<Local, Bits<5>>>,
    /// What the memories give goes through a register before it is aligned, for the FPGA's clock.
    weight_in: Vec<Pipe<Bits<16>>>,
    state_in: Vec<Pipe<Bits<16>>>,
    gradient_in: Vec<Pipe<Bits<32>>>,
    plane_lanes: Constant<Bits<16>>,
    drain_cycles: Constant<Bits<5>>,
    last_beat: Constant<Bits<5>>,
    /// Lane = beat << `beat_shift` | optimizer.
    beat_shift: Constant<Bits<3>>,
    _lanes: usize,
    _optimizers: usize,
    /// One more, for a loop of one turn: indices may be computed from loop variables only.
    _optimizers_end: usize,
    _beats: usize,
    _last: usize,
}

impl UpdateEngine {
    /// An engine of `lanes` lanes and `optimizers` of them at a time; both are powers of two.
    pub fn new(lanes: usize, optimizers: usize) -> Self {
        let beats = lanes / optimizers;
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
            hold_o: Default::default(),
            addr_o: Default::default(),
            weight_i: (0..lanes).map(|_| Default::default()).collect(),
            state_i: (0..lanes).map(|_| Default::default()).collect(),
            gradient_i: (0..lanes).map(|_| Default::default()).collect(),
            wen_o: Default::default(),
            weight_wen_o: Default::default(),
            waddr_o: Default::default(),
            weight_o: (0..lanes).map(|_| Default::default()).collect(),
            state_o: (0..lanes).map(|_| Default::default()).collect(),
            optimizer: (0..optimizers).map(|_| Default::default()).collect(),
            write_late: Delay::new(UPDATE_LATENCY),
            beat_late: Delay::new(UPDATE_LATENCY),
            beat: Default::default(),
            beat_read: Default::default(),
            beat_in: Default::default(),
            kept_weight: (0..lanes - optimizers).map(|_| Default::default()).collect(),
            kept_state: (0..lanes - optimizers).map(|_| Default::default()).collect(),
            active: Default::default(),
            row: Default::default(),
            source: Default::default(),
            tile: Default::default(),
            lane0: Default::default(),
            in_read: Default::default(),
            out_read: Default::default(),
            in_at: Default::default(),
            out_at: Default::default(),
            drain: Default::default(),
            running: Default::default(),
            optimizer_word: Default::default(),
            coordinates_word: Default::default(),
            last: Default::default(),
            now: Default::default(),
            unit: Default::default(),
            lane: (0..optimizers).map(|_| Default::default()).collect(),
            weight_in: (0..optimizers).map(|_| Default::default()).collect(),
            state_in: (0..optimizers).map(|_| Default::default()).collect(),
            gradient_in: (0..optimizers).map(|_| Default::default()).collect(),
            plane_lanes: Constant::new((lanes as u64).into()),
            drain_cycles: Constant::new((UPDATE_LATENCY as u64 - 1).into()),
            last_beat: Constant::new(((beats - 1) as u64).into()),
            beat_shift: Constant::new(u64::from(optimizers.ilog2()).into()),
            _lanes: lanes,
            _optimizers: optimizers,
            _optimizers_end: optimizers + 1,
            _beats: beats,
            _last: beats - 1,
        }
    }
}

impl Logic for UpdateEngine {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, active, row, source, tile, lane0, in_at, out_at, drain);
        dff_setup!(self, clock, running, beat, beat_read, beat_in, in_read, out_read);
        // Columns of the descriptor, in the order of `super::layout`.
        self.weight_base.next = self.column_i[0].val();
        self.fan_in.next = self.column_i[1].val();
        self.tiles.next = self.column_i[2].val();
        self.optimizer_word.next = self.column_i[8].val();
        self.coordinates_word.next = self.column_i[9].val();
        self.write_late.clock.next = self.clock.val();
        self.write_late.reset.next = self.reset.val();
        self.beat_late.clock.next = self.clock.val();
        self.beat_late.reset.next = self.reset.val();

        self.last.next = self.beat.q.val() == self.last_beat.val();
        self.hold_o.next = self.active.q.val() & !self.clear_i.val();
        self.ren_o.next =
            (self.active.q.val() & !self.clear_i.val()) & (self.beat.q.val() == bits::<5>(0));
        self.addr_o.next = self.row.q.val();
        // Network coordinates of the row that the memories deliver in the next cycle.
        self.in_read.d.next =
            self.source.q.val().get_bits::<16>(0) + self.coordinates_word.val().get_bits::<16>(0);
        self.out_read.d.next = self.lane0.q.val();
        self.beat_read.d.next = self.beat.q.val();
        self.in_at.d.next = self.in_read.q.val();
        self.out_at.d.next = self.out_read.q.val();
        self.beat_in.d.next = self.beat_read.q.val();
        if self.active.q.val() {
            self.beat.d.next = self.beat.q.val() + 1;
        }
        if self.active.q.val() & self.last.val() {
            self.beat.d.next = bits::<5>(0);
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
        self.write_late.valid_i.next = self.active.q.val() & self.last.val();
        self.write_late.data_i.next = self.row.q.val();
        self.beat_late.valid_i.next = self.active.q.val();
        self.beat_late.data_i.next = self.beat.q.val();
        self.wen_o.next = self.write_late.valid_o.val();
        self.weight_wen_o.next = self.write_late.valid_o.val() & !self.clear_i.val();
        self.waddr_o.next = self.write_late.data_o.val();
        if self.start_i.val() {
            self.active.d.next = true;
            self.beat.d.next = bits::<5>(0);
            self.row.d.next = bit_cast::<20, 32>(self.weight_base.val());
            self.source.d.next = bits::<20>(0);
            self.tile.d.next = bits::<20>(0);
            self.lane0.d.next = self.coordinates_word.val().get_bits::<16>(16);
        }

        for o in self._optimizers..self._optimizers_end {
            for j in 0..self._optimizers {
                self.unit.next = j.to_bits();
                self.weight_in[j].clock.next = self.clock.val();
                self.state_in[j].clock.next = self.clock.val();
                self.gradient_in[j].clock.next = self.clock.val();
                self.weight_in[j].d.next = self.weight_in[j].q.val();
                self.state_in[j].d.next = self.state_in[j].q.val();
                self.gradient_in[j].d.next = self.gradient_in[j].q.val();
                for k in 0..self._beats {
                    self.now.next = k.to_bits();
                    if self.running.q.val() & (self.beat_read.q.val() == self.now.val()) {
                        self.weight_in[j].d.next = self.weight_i[k * o + j].val();
                        self.state_in[j].d.next = self.state_i[k * o + j].val();
                        self.gradient_in[j].d.next = self.gradient_i[k * o + j].val();
                    }
                }
                self.lane[j].next =
                    (self.beat_in.q.val() << self.beat_shift.val()) | self.unit.val();
                self.optimizer[j].clock.next = self.clock.val();
                self.optimizer[j].enable_i.next = self.running.q.val();
                self.optimizer[j].weight_i.next = self.weight_in[j].q.val();
                self.optimizer[j].state_i.next = self.state_in[j].q.val();
                self.optimizer[j].gradient_i.next = self.gradient_in[j].q.val();
                self.optimizer[j].in_i.next = self.in_at.q.val();
                self.optimizer[j].out_i.next =
                    self.out_at.q.val() + self.lane[j].val().get_bits::<16>(0);
                self.optimizer[j].key_i.next = self.imm_i.val();
                self.optimizer[j].kind_i.next = self.optimizer_word.val().get_bits::<2>(0);
                self.optimizer[j].b1_i.next = self.optimizer_word.val().get_bits::<4>(2);
                self.optimizer[j].b2_i.next = self.optimizer_word.val().get_bits::<4>(6);
                self.optimizer[j].rate_i.next = self.arg_i.val().get_bits::<6>(0);
                self.optimizer[j].gradient_scale_i.next = self.arg_i.val().get_bits::<6>(6);
                self.optimizer[j].weight_max_exp_i.next =
                    self.optimizer_word.val().get_bits::<2>(10);
                for k in 0..self._last {
                    self.now.next = k.to_bits();
                    self.kept_weight[k * o + j].clock.next = self.clock.val();
                    self.kept_state[k * o + j].clock.next = self.clock.val();
                    self.kept_weight[k * o + j].d.next = self.kept_weight[k * o + j].q.val();
                    self.kept_state[k * o + j].d.next = self.kept_state[k * o + j].q.val();
                    if self.beat_late.data_o.val() == self.now.val() {
                        self.kept_weight[k * o + j].d.next = self.optimizer[j].weight_o.val();
                        self.kept_state[k * o + j].d.next = self.optimizer[j].state_o.val();
                    }
                    self.weight_o[k * o + j].next = self.kept_weight[k * o + j].q.val();
                    self.state_o[k * o + j].next = self.kept_state[k * o + j].q.val();
                }
                for k in self._last..self._beats {
                    self.weight_o[k * o + j].next = self.optimizer[j].weight_o.val();
                    self.state_o[k * o + j].next = self.optimizer[j].state_o.val();
                }
            }
        }
        if self.clear_i.val() {
            for i in 0..self._lanes {
                self.state_o[i].next = bits::<16>(0);
            }
        }

        // From the cycle in which the first row leaves the memories to that in which the last results leave the optimizers.
        self.running.d.next = self.active.q.val() | self.drain.q.val().any();
        if self.active.q.val() {
            self.drain.d.next = self.drain_cycles.val();
        } else if self.drain.q.val().any() {
            self.drain.d.next = self.drain.q.val() - 1;
        }
        self.done_o.next = self.busy_i.val()
            & ((!self.start_i.val() & !self.active.q.val()) & !self.drain.q.val().any());
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("update_engine", &[("l", self._lanes), ("o", self._optimizers)])
    }
}
