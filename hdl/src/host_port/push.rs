use crate::prim::{Pipe, Reg, module_name};
use backspike_arch::layout::io;
use backspike_arch::{ArchConfig, Region, TIME_BLOCK};
use rust_hdl::prelude::*;

/// PUSH: reads rows of a memory and sends them to the host, or to cores, in words of 32 bits; or posts tokens there.
///
/// A row takes a cycle to read (more while the memory's owner is busy), one to catch, and one for each word
/// the host takes. `P` = 4 bits a lane.
#[derive(LogicBlock)]
pub struct PushEngine<const P: usize> {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    // Sequencer and descriptor.
    pub start_i: Signal<In, Bit>,
    pub busy_i: Signal<In, Bit>,
    pub slot_i: Signal<In, Bits<8>>,
    pub column_i: Vec<Signal<In, Bits<32>>>,
    pub done_o: Signal<Out, Bit>,
    /// One cycle for a PUSH of a region that cannot be pushed; it sends nothing.
    pub illegal_o: Signal<Out, Bit>,
    // Memories: `read_o` is one-hot over regions, and the row is read if the region's bit of `free_i` is set.
    pub read_o: Signal<Out, Bits<16>>,
    pub row_o: Signal<Out, Bits<20>>,
    pub free_i: Signal<In, Bits<16>>,
    pub weight_i: Vec<Signal<In, Bits<16>>>,
    pub state_i: Vec<Signal<In, Bits<16>>>,
    pub gradient_i: Vec<Signal<In, Bits<32>>>,
    pub error_i: Vec<Signal<In, Bits<16>>>,
    pub membrane_i: Vec<Signal<In, Bits<32>>>,
    pub spike_i: Signal<In, Bits<P>>,
    pub trace_spike_i: Signal<In, Bits<P>>,
    pub trace_code0_i: Signal<In, Bits<P>>,
    pub trace_code1_i: Signal<In, Bits<P>>,
    pub nonzero_i: Signal<In, Bits<4>>,
    pub register_i: Signal<In, Bits<32>>,
    // Host.
    pub valid_o: Signal<Out, Bit>,
    pub ready_i: Signal<In, Bit>,
    pub addr_o: Signal<Out, Bits<32>>,
    pub data_o: Signal<Out, Bits<32>>,
    pub last_o: Signal<Out, Bit>,
    /// The cores it goes to, one bit each; none: the host.
    pub nodes_o: Signal<Out, Bits<64>>,
    // Counters: one cycle each.
    pub word_o: Signal<Out, Bit>,
    pub stalled_o: Signal<Out, Bit>,

    active: Reg<Bit>,
    caught: Reg<Bit>,
    sending: Reg<Bit>,
    row: Pipe<Bits<20>>,
    to: Pipe<Bits<20>>,
    rows_left: Pipe<Bits<20>>,
    sub: Pipe<Bits<7>>,
    plane_sub: Pipe<Bits<2>>,
    plane0: Pipe<Bits<P>>,
    plane1: Pipe<Bits<P>>,
    plane2: Pipe<Bits<P>>,
    lane: Vec<Pipe<Bits<32>>>,
    region_column: Signal<Local, Bits<32>>,
    base_column: Signal<Local, Bits<32>>,
    rows_column: Signal<Local, Bits<32>>,
    to_column: Signal<Local, Bits<32>>,
    nodes_low: Signal<Local, Bits<32>>,
    nodes_high: Signal<Local, Bits<32>>,
    region: Signal<Local, Bits<4>>,
    slot_base: Signal<Local, Bits<20>>,
    frees: Signal<Local, Bits<16>>,
    pushes: Signal<Local, Bits<16>>,
    halves: Signal<Local, Bit>,
    planes: Signal<Local, Bit>,
    last_sub: Signal<Local, Bits<7>>,
    half: Signal<Local, Bits<16>>,
    low: Signal<Local, Bits<16>>,
    high: Signal<Local, Bits<16>>,
    full: Signal<Local, Bits<32>>,
    here: Signal<Local, Bits<7>>,
    want: Signal<Local, Bit>,
    send: Signal<Local, Bit>,
    /// The next plane of the row follows.
    turn: Signal<Local, Bit>,
    row_done: Signal<Local, Bit>,
    plane_shift: Constant<Bits<5>>,
    error_shift: Constant<Bits<5>>,
    membrane_shift: Constant<Bits<5>>,
    half_last: Constant<Bits<7>>,
    lane_last: Constant<Bits<7>>,
    plane_last: Constant<Bits<7>>,
    trace_last: Constant<Bits<7>>,
    plane_last_sub: Constant<Bits<2>>,
    pushable: Constant<Bits<16>>,
    _lanes: usize,
    _plane_bits: usize,
    _error_bits: usize,
    _membrane_bits: usize,
}

/// One bit per region that PUSH may send.
fn pushable() -> u64 {
    let regions = Region::ALL.iter().filter(|region| region.pushable());
    regions.fold(0, |mask, region| mask | 1 << region.code())
}

impl<const P: usize> PushEngine<P> {
    /// The engine of a core with configuration `arch`, whose lanes are `P` / 4.
    pub fn new(arch: &ArchConfig) -> Self {
        let plane_bits = arch.plane_words().ilog2() as usize;
        // Errors and membranes have a row per step.
        let error_bits = (arch.error_blocks() * TIME_BLOCK).ilog2() as usize;
        let membrane_bits = (arch.membrane_blocks() * TIME_BLOCK).ilog2() as usize;
        Self {
            clock: Default::default(),
            reset: Default::default(),
            start_i: Default::default(),
            busy_i: Default::default(),
            slot_i: Default::default(),
            column_i: (0..io::COLUMNS).map(|_| Default::default()).collect(),
            done_o: Default::default(),
            illegal_o: Default::default(),
            read_o: Default::default(),
            row_o: Default::default(),
            free_i: Default::default(),
            weight_i: (0..P / 4).map(|_| Default::default()).collect(),
            state_i: (0..P / 4).map(|_| Default::default()).collect(),
            gradient_i: (0..P / 4).map(|_| Default::default()).collect(),
            error_i: (0..P / 4).map(|_| Default::default()).collect(),
            membrane_i: (0..P / 4).map(|_| Default::default()).collect(),
            spike_i: Default::default(),
            trace_spike_i: Default::default(),
            trace_code0_i: Default::default(),
            trace_code1_i: Default::default(),
            nonzero_i: Default::default(),
            register_i: Default::default(),
            valid_o: Default::default(),
            ready_i: Default::default(),
            addr_o: Default::default(),
            data_o: Default::default(),
            last_o: Default::default(),
            nodes_o: Default::default(),
            word_o: Default::default(),
            stalled_o: Default::default(),
            active: Default::default(),
            caught: Default::default(),
            sending: Default::default(),
            row: Default::default(),
            to: Default::default(),
            rows_left: Default::default(),
            sub: Default::default(),
            plane_sub: Default::default(),
            plane0: Default::default(),
            plane1: Default::default(),
            plane2: Default::default(),
            lane: (0..P / 4).map(|_| Default::default()).collect(),
            region_column: Default::default(),
            base_column: Default::default(),
            rows_column: Default::default(),
            to_column: Default::default(),
            nodes_low: Default::default(),
            nodes_high: Default::default(),
            region: Default::default(),
            slot_base: Default::default(),
            frees: Default::default(),
            pushes: Default::default(),
            halves: Default::default(),
            planes: Default::default(),
            last_sub: Default::default(),
            half: Default::default(),
            low: Default::default(),
            high: Default::default(),
            full: Default::default(),
            here: Default::default(),
            want: Default::default(),
            send: Default::default(),
            turn: Default::default(),
            row_done: Default::default(),
            plane_shift: Constant::new((plane_bits as u64).into()),
            error_shift: Constant::new((error_bits as u64).into()),
            membrane_shift: Constant::new((membrane_bits as u64).into()),
            half_last: Constant::new((P as u64 / 8 - 1).into()),
            lane_last: Constant::new((P as u64 / 4 - 1).into()),
            plane_last: Constant::new((P.div_ceil(32) as u64 - 1).into()),
            trace_last: Constant::new((3 * P.div_ceil(32) as u64 - 1).into()),
            plane_last_sub: Constant::new((P.div_ceil(32) as u64 - 1).into()),
            pushable: Constant::new(pushable().into()),
            _lanes: P / 4,
            _plane_bits: plane_bits,
            _error_bits: error_bits,
            _membrane_bits: membrane_bits,
        }
    }
}

impl<const P: usize> Logic for PushEngine<P> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, active, caught, sending, row, to, rows_left, sub, plane_sub);
        dff_setup!(self, clock, plane0, plane1, plane2);
        self.region_column.next = self.column_i[0].val();
        self.base_column.next = self.column_i[1].val();
        self.rows_column.next = self.column_i[2].val();
        self.to_column.next = self.column_i[3].val();
        self.nodes_low.next = self.column_i[4].val();
        self.nodes_high.next = self.column_i[5].val();
        self.nodes_o.next = (bit_cast::<64, 32>(self.nodes_high.val()) << 32)
            | bit_cast::<64, 32>(self.nodes_low.val());
        self.region.next = self.region_column.val().get_bits::<4>(0);
        self.frees.next = self.free_i.val() >> self.region.val();
        self.pushes.next = self.pushable.val() >> self.region.val();

        // Rows of slot memories begin at the slot; the sub of the last word of a row.
        self.slot_base.next = bits::<20>(0);
        self.last_sub.next = bits::<7>(0);
        self.halves.next = false;
        self.planes.next = false;
        if (self.region.val() == bits::<4>(2)) | (self.region.val() == bits::<4>(3)) {
            self.halves.next = true;
            self.last_sub.next = self.half_last.val();
        }
        if self.region.val() == bits::<4>(4) {
            self.last_sub.next = self.lane_last.val();
        }
        if self.region.val() == bits::<4>(5) {
            self.planes.next = true;
            self.last_sub.next = self.plane_last.val();
            self.slot_base.next = bit_cast::<20, 8>(self.slot_i.val()) << self.plane_shift.val();
        }
        if self.region.val() == bits::<4>(6) {
            self.planes.next = true;
            self.last_sub.next = self.trace_last.val();
            self.slot_base.next = bit_cast::<20, 8>(self.slot_i.val()) << self.plane_shift.val();
        }
        if self.region.val() == bits::<4>(7) {
            self.slot_base.next = bit_cast::<20, 8>(self.slot_i.val()) << self.plane_shift.val();
        }
        if self.region.val() == bits::<4>(8) {
            self.halves.next = true;
            self.last_sub.next = self.half_last.val();
            self.slot_base.next = bit_cast::<20, 8>(self.slot_i.val()) << self.error_shift.val();
        }
        if self.region.val() == bits::<4>(9) {
            self.last_sub.next = self.lane_last.val();
            self.slot_base.next = bit_cast::<20, 8>(self.slot_i.val()) << self.membrane_shift.val();
        }

        self.want.next = self.active.q.val() & (!self.caught.q.val() & !self.sending.q.val());
        self.read_o.next = bits::<16>(0);
        if self.want.val() & self.frees.val().get_bit(0) {
            self.read_o.next = bits::<16>(1) << self.region.val();
            self.caught.d.next = true;
        }
        self.row_o.next = self.row.q.val();
        self.send.next = self.sending.q.val() & self.ready_i.val();
        self.row_done.next = self.send.val() & (self.sub.q.val() == self.last_sub.val());

        self.low.next = bits::<16>(0);
        self.high.next = bits::<16>(0);
        self.full.next = bits::<32>(0);
        for i in 0..self._lanes {
            self.here.next = i.to_bits();
            self.lane[i].clock.next = self.clock.val();
            self.lane[i].d.next = self.lane[i].q.val();
            if self.here.val() == self.sub.q.val() {
                self.full.next = self.lane[i].q.val();
            }
            if (self.here.val() >> 1) == self.sub.q.val() {
                if self.here.val().get_bit(0) {
                    self.high.next = self.lane[i].q.val().get_bits::<16>(0);
                } else {
                    self.low.next = self.lane[i].q.val().get_bits::<16>(0);
                }
            }
            self.half.next = self.weight_i[i].val();
            if self.region.val() == bits::<4>(3) {
                self.half.next = self.state_i[i].val();
            }
            if self.region.val() == bits::<4>(8) {
                self.half.next = self.error_i[i].val();
            }
            if self.caught.q.val() {
                self.lane[i].d.next = bit_cast::<32, 16>(self.half.val());
                if self.region.val() == bits::<4>(4) {
                    self.lane[i].d.next = self.gradient_i[i].val();
                }
                if self.region.val() == bits::<4>(9) {
                    self.lane[i].d.next = self.membrane_i[i].val();
                }
            }
        }

        // Non-zero words, registers and posts are single words: lane 0 holds them.
        if self.caught.q.val() & (self.region.val() == bits::<4>(11)) {
            self.lane[0].d.next = bits::<32>(0);
        }
        if self.caught.q.val() & (self.region.val() == bits::<4>(7)) {
            self.lane[0].d.next = bit_cast::<32, 4>(self.nonzero_i.val());
        }
        if self.caught.q.val() & (self.region.val() == bits::<4>(10)) {
            self.lane[0].d.next = self.register_i.val();
        }
        self.data_o.next = self.full.val();
        if self.halves.val() {
            self.data_o.next =
                bit_cast::<32, 16>(self.low.val()) | (bit_cast::<32, 16>(self.high.val()) << 16);
        }
        if self.planes.val() {
            self.data_o.next = self.plane0.q.val().get_bits::<32>(0);
        }
        self.valid_o.next = self.sending.q.val();
        self.addr_o.next = (bit_cast::<32, 4>(self.region.val()) << 28)
            | ((bit_cast::<32, 20>(self.to.q.val()) << 5)
                | bit_cast::<32, 5>(self.sub.q.val().get_bits::<5>(0)));
        self.last_o.next =
            (self.sub.q.val() == self.last_sub.val()) & (self.rows_left.q.val() == bits::<20>(1));
        self.word_o.next = self.send.val();
        self.stalled_o.next = self.sending.q.val() & !self.ready_i.val();

        if self.caught.q.val() {
            self.caught.d.next = false;
            self.sending.d.next = true;
            self.sub.d.next = bits::<7>(0);
            self.plane_sub.d.next = bits::<2>(0);
            self.plane0.d.next = self.trace_spike_i.val();
            if self.region.val() == bits::<4>(5) {
                self.plane0.d.next = self.spike_i.val();
            }
            self.plane2.d.next = self.trace_code1_i.val();
        }
        self.turn.next = self.send.val() & (self.plane_sub.q.val() == self.plane_last_sub.val());
        if self.send.val() {
            self.sub.d.next = self.sub.q.val() + 1;
            self.plane_sub.d.next = self.plane_sub.q.val() + 1;
            self.plane0.d.next = self.plane0.q.val() >> bits::<6>(32);
            if self.turn.val() {
                self.plane_sub.d.next = bits::<2>(0);
                self.plane0.d.next = self.plane1.q.val();
            }
        }
        if self.caught.q.val() | self.turn.val() {
            self.plane1.d.next = self.plane2.q.val();
            if self.caught.q.val() {
                self.plane1.d.next = self.trace_code0_i.val();
            }
        }
        if self.row_done.val() {
            self.sending.d.next = false;
            self.row.d.next = self.row.q.val() + 1;
            self.to.d.next = self.to.q.val() + 1;
            self.rows_left.d.next = self.rows_left.q.val() - 1;
            if self.rows_left.q.val() == bits::<20>(1) {
                self.active.d.next = false;
            }
        }
        self.illegal_o.next = self.start_i.val() & !self.pushes.val().get_bit(0);
        if self.start_i.val() {
            self.active.d.next = self.pushes.val().get_bit(0) & self.rows_column.val().any();
            self.row.d.next = self.slot_base.val() + bit_cast::<20, 32>(self.base_column.val());
            self.to.d.next = self.slot_base.val() + bit_cast::<20, 32>(self.to_column.val());
            self.rows_left.d.next = bit_cast::<20, 32>(self.rows_column.val());
        }
        self.done_o.next = self.busy_i.val()
            & (!self.start_i.val() & (!self.active.q.val() & !self.sending.q.val()));
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name(
            "push_engine",
            &[
                ("p", P),
                ("planes", self._plane_bits),
                ("errors", self._error_bits),
                ("membranes", self._membrane_bits),
            ],
        )
    }
}
