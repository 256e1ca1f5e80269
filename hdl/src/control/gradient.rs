use super::Delay;
use crate::engine::{GRADIENT_LATENCY, GradientLane};
use crate::prim::{Pipe, Reg, module_name};
use crate::spike::{PlaneReader, VisitStage, Walker};
use backspike_arch::ArchConfig;
use backspike_arch::layout::wg;
use rust_hdl::prelude::*;

/// The WG engine's ACCUMULATE of a slice in a slot, or in several that follow each other: from spike plane words and error tiles into
/// gradient rows. `P` = 4 bits a lane.
///
/// A row that several of the slots visit is read and written once for all of them.
///
/// Between two tile-blocks lie at least five cycles: one for the end of the first, four for each slot to load the errors of the
/// second. They also keep a row's read behind the write of the tile-block before.
#[derive(LogicBlock)]
pub struct GradientEngine<const P: usize> {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    // Sequencer and descriptor.
    pub start_i: Signal<In, Bit>,
    pub busy_i: Signal<In, Bit>,
    pub slot_i: Signal<In, Bits<8>>,
    /// Slots beside the first.
    pub further_i: Signal<In, Bits<3>>,
    pub column_i: Vec<Signal<In, Bits<32>>>,
    pub done_o: Signal<Out, Bit>,
    // Spike, non-zero, error and gradient memories.
    pub plane_ren_o: Signal<Out, Bit>,
    pub plane_addr_o: Signal<Out, Bits<20>>,
    pub plane_i: Signal<In, Bits<P>>,
    pub nonzero_ren_o: Signal<Out, Bit>,
    pub nonzero_addr_o: Signal<Out, Bits<20>>,
    pub nonzero_i: Signal<In, Bits<4>>,
    pub error_ren_o: Signal<Out, Bit>,
    pub error_addr_o: Signal<Out, Bits<20>>,
    pub error_i: Vec<Signal<In, Bits<16>>>,
    pub gradient_ren_o: Signal<Out, Bit>,
    pub gradient_addr_o: Signal<Out, Bits<20>>,
    pub gradient_i: Vec<Signal<In, Bits<32>>>,
    pub gradient_wen_o: Signal<Out, Bit>,
    pub gradient_waddr_o: Signal<Out, Bits<20>>,
    pub gradient_o: Vec<Signal<Out, Bits<32>>>,
    // Counters: events of this cycle; the others one cycle each.
    pub events_o: Signal<Out, Bits<6>>,
    pub zero_o: Signal<Out, Bit>,
    pub skip_o: Signal<Out, Bit>,

    reader: PlaneReader,
    walker: Walker<P>,
    visit: VisitStage,
    lane: Vec<GradientLane>,
    write_late: Delay<20>,
    open: Reg<Bit>,
    loading: Reg<Bits<5>>,
    row: Pipe<Bits<20>>,
    load_valid: Reg<Bit>,
    load_at: Pipe<Bits<5>>,
    add_valid: Reg<Bit>,
    mask: Vec<Pipe<Bits<4>>>,
    drain: Reg<Bits<3>>,

    weight_base: Signal<Local, Bits<32>>,
    fan_in: Signal<Local, Bits<32>>,
    tiles: Signal<Local, Bits<32>>,
    in_words: Signal<Local, Bits<32>>,
    in_plane_base: Signal<Local, Bits<32>>,
    out_plane_base: Signal<Local, Bits<32>>,
    error_base: Signal<Local, Bits<32>>,
    slot_planes: Signal<Local, Bits<20>>,
    slot_errors: Signal<Local, Bits<20>>,
    shape_word: Signal<Local, Bits<32>>,
    optimizer_word: Signal<Local, Bits<32>>,
    load: Signal<Local, Bit>,
    loads: Signal<Local, Bit>,
    take: Signal<Local, Bit>,
    row_addr: Signal<Local, Bits<20>>,
    idle: Signal<Local, Bit>,
    load_step: Signal<Local, Bits<2>>,
    load_place: Signal<Local, Bits<3>>,
    others: Constant<Bits<3>>,
    plane_shift: Constant<Bits<5>>,
    error_shift: Constant<Bits<5>>,
    drain_cycles: Constant<Bits<3>>,
    _lanes: usize,
    _slots: usize,
    _plane_bits: usize,
    _error_bits: usize,
}

impl<const P: usize> GradientEngine<P> {
    /// The engine of a core with configuration `arch`, whose lanes are `P` / 4.
    pub fn new(arch: &ArchConfig) -> Self {
        let slots = arch.gradient_slots;
        let plane_bits = arch.plane_words().ilog2() as usize;
        let error_bits = arch.error_blocks().ilog2() as usize;
        Self {
            weight_base: Default::default(),
            fan_in: Default::default(),
            tiles: Default::default(),
            in_words: Default::default(),
            in_plane_base: Default::default(),
            out_plane_base: Default::default(),
            error_base: Default::default(),
            clock: Default::default(),
            reset: Default::default(),
            start_i: Default::default(),
            busy_i: Default::default(),
            slot_i: Default::default(),
            further_i: Default::default(),
            column_i: (0..wg::COLUMNS).map(|_| Default::default()).collect(),
            done_o: Default::default(),
            plane_ren_o: Default::default(),
            plane_addr_o: Default::default(),
            plane_i: Default::default(),
            nonzero_ren_o: Default::default(),
            nonzero_addr_o: Default::default(),
            nonzero_i: Default::default(),
            error_ren_o: Default::default(),
            error_addr_o: Default::default(),
            error_i: (0..P / 4).map(|_| Default::default()).collect(),
            gradient_ren_o: Default::default(),
            gradient_addr_o: Default::default(),
            gradient_i: (0..P / 4).map(|_| Default::default()).collect(),
            gradient_wen_o: Default::default(),
            gradient_waddr_o: Default::default(),
            gradient_o: (0..P / 4).map(|_| Default::default()).collect(),
            events_o: Default::default(),
            zero_o: Default::default(),
            skip_o: Default::default(),
            reader: PlaneReader::gated(P / 4, slots, plane_bits),
            walker: Walker::new(slots),
            visit: VisitStage::new(slots),
            lane: (0..P / 4).map(|_| GradientLane::new(slots)).collect(),
            write_late: Delay::new(1 + GRADIENT_LATENCY),
            open: Default::default(),
            loading: Default::default(),
            row: Default::default(),
            load_valid: Default::default(),
            load_at: Default::default(),
            add_valid: Default::default(),
            mask: (0..slots).map(|_| Default::default()).collect(),
            drain: Default::default(),
            slot_planes: Default::default(),
            slot_errors: Default::default(),
            shape_word: Default::default(),
            optimizer_word: Default::default(),
            load: Default::default(),
            loads: Default::default(),
            take: Default::default(),
            row_addr: Default::default(),
            idle: Default::default(),
            load_step: Default::default(),
            load_place: Default::default(),
            others: Constant::new((slots as u64 - 1).into()),
            plane_shift: Constant::new((plane_bits as u64).into()),
            error_shift: Constant::new((error_bits as u64).into()),
            drain_cycles: Constant::new((GRADIENT_LATENCY as u64).into()),
            _lanes: P / 4,
            _slots: slots,
            _plane_bits: plane_bits,
            _error_bits: error_bits,
        }
    }
}

impl<const P: usize> Logic for GradientEngine<P> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, open, loading, row, load_valid, load_at, add_valid, drain);
        // Columns of the descriptor, in the order of `super::layout`.
        self.weight_base.next = self.column_i[0].val();
        self.fan_in.next = self.column_i[1].val();
        self.tiles.next = self.column_i[2].val();
        self.in_words.next = self.column_i[3].val();
        self.shape_word.next = self.column_i[4].val();
        self.in_plane_base.next = self.column_i[5].val();
        self.out_plane_base.next = self.column_i[6].val();
        self.error_base.next = self.column_i[7].val();
        self.optimizer_word.next = self.column_i[8].val();
        self.reader.clock.next = self.clock.val();
        self.reader.reset.next = self.reset.val();
        self.walker.clock.next = self.clock.val();
        self.walker.reset.next = self.reset.val();
        self.visit.clock.next = self.clock.val();
        self.visit.reset.next = self.reset.val();
        self.write_late.clock.next = self.clock.val();
        self.write_late.reset.next = self.reset.val();
        self.slot_planes.next = bit_cast::<20, 8>(self.slot_i.val()) << self.plane_shift.val();
        self.slot_errors.next = bit_cast::<20, 8>(self.slot_i.val()) << self.error_shift.val();

        // Words of the slice to items, masked by the non-zero errors.
        self.reader.start_i.next = self.start_i.val();
        self.reader.weight_base_i.next = bit_cast::<20, 32>(self.weight_base.val());
        self.reader.fan_in_i.next = bit_cast::<20, 32>(self.fan_in.val());
        self.reader.tiles_i.next = bit_cast::<20, 32>(self.tiles.val());
        self.reader.in_words_i.next = bit_cast::<20, 32>(self.in_words.val());
        self.reader.steps_i.next = self.shape_word.val().get_bits::<8>(0);
        self.reader.blocks_i.next = self.shape_word.val().get_bits::<8>(8);
        self.reader.plane_base_i.next =
            self.slot_planes.val() + bit_cast::<20, 32>(self.in_plane_base.val());
        self.reader.gate_base_i.next =
            self.slot_planes.val() + bit_cast::<20, 32>(self.out_plane_base.val());
        self.reader.further_i.next = self.further_i.val();
        self.reader.gate_i.next = self.nonzero_i.val();
        self.nonzero_ren_o.next = self.reader.gate_ren_o.val();
        self.nonzero_addr_o.next = self.reader.gate_addr_o.val();
        self.plane_ren_o.next = self.reader.plane_ren_o.val();
        self.plane_addr_o.next = self.reader.plane_addr_o.val();
        self.walker.valid_i.next = self.reader.valid_o.val();
        self.walker.plane_i.next = self.plane_i.val();
        self.walker.gate_i.next = self.reader.gate_o.val();
        self.walker.index_i.next = self.reader.index_o.val();
        self.walker.last_i.next = self.reader.last_o.val();
        self.walker.place_i.next = self.reader.place_o.val();
        self.walker.final_i.next = self.reader.final_o.val();
        self.reader.ready_i.next = self.walker.ready_o.val();
        self.zero_o.next = self.walker.zero_o.val();
        self.skip_o.next = self.reader.skip_o.val();
        self.visit.item_valid_i.next = self.walker.item_valid_o.val();
        self.visit.item_end_i.next = self.walker.item_end_o.val();
        self.visit.item_index_i.next = self.walker.item_index_o.val();
        self.walker.item_ready_i.next = self.visit.item_ready_o.val();

        // The errors of the next tile-block of each slot, then the visits. The four cycles of a slot pass also when the block
        // has fewer steps.
        self.load.next = self.reader.info_valid_o.val() & !self.open.q.val();
        self.load_step.next = self.loading.q.val().get_bits::<2>(0);
        self.load_place.next = self.loading.q.val().get_bits::<3>(2);
        self.loads.next = self.load.val()
            & (bit_cast::<3, 2>(self.load_step.val()) < self.reader.info_steps_o.val());
        self.error_ren_o.next = self.loads.val();
        self.error_addr_o.next = ((((self.slot_errors.val()
            + (bit_cast::<20, 3>(self.load_place.val()) << self.error_shift.val()))
            + bit_cast::<20, 32>(self.error_base.val()))
            + self.reader.info_offset_o.val())
            << 2)
            | bit_cast::<20, 2>(self.load_step.val());
        self.load_valid.d.next = self.loads.val();
        self.load_at.d.next = self.loading.q.val();
        self.take.next = self.load.val()
            & (self.load_step.val() == bits::<2>(3))
            & (self.load_place.val() == (self.further_i.val() & self.others.val()));
        self.reader.info_take_i.next = self.take.val();
        if self.load.val() {
            self.loading.d.next = self.loading.q.val() + 1;
        }
        if self.take.val() {
            self.loading.d.next = bits::<5>(0);
        }
        self.visit.hold_i.next = !self.open.q.val();
        if self.visit.end_o.val() {
            self.open.d.next = false;
        }
        if self.take.val() {
            self.open.d.next = true;
            self.row.d.next = self.reader.info_row_o.val();
        }

        // A visit reads its row; with it, a cycle later, it reaches the lanes, and is written back.
        self.events_o.next = self.visit.events_o.val();
        for s in 0..self._slots {
            self.visit.item_mask_i[s].next = self.walker.item_mask_o[s].val();
            self.mask[s].clock.next = self.clock.val();
            self.mask[s].d.next = self.mask[s].q.val();
            if self.visit.visit_o.val() {
                self.mask[s].d.next = self.visit.mask_o[s].val();
            }
        }
        self.row_addr.next = self.row.q.val() + self.visit.index_o.val();
        self.gradient_ren_o.next = self.visit.visit_o.val();
        self.gradient_addr_o.next = self.row_addr.val();
        self.add_valid.d.next = self.visit.visit_o.val();
        self.write_late.valid_i.next = self.visit.visit_o.val();
        self.write_late.data_i.next = self.row_addr.val();
        for i in 0..self._lanes {
            self.lane[i].clock.next = self.clock.val();
            self.lane[i].reset.next = self.reset.val();
            self.lane[i].load_valid_i.next = self.load_valid.q.val();
            self.lane[i].load_at_i.next = self.load_at.q.val();
            self.lane[i].error_i.next = self.error_i[i].val();
            self.lane[i].gradient_shift_i.next = self.optimizer_word.val().get_bits::<4>(12);
            self.lane[i].add_valid_i.next = self.add_valid.q.val();
            for s in 0..self._slots {
                self.lane[i].add_mask_i[s].next = self.mask[s].q.val();
            }
            self.lane[i].gradient_i.next = self.gradient_i[i].val();
            self.gradient_o[i].next = self.lane[i].gradient_o.val();
        }
        self.gradient_wen_o.next = self.write_late.valid_o.val();
        self.gradient_waddr_o.next = self.write_late.data_o.val();

        // The last row is written `GRADIENT_LATENCY` after the lanes got its visit.
        if self.visit.visit_o.val() {
            self.drain.d.next = self.drain_cycles.val();
        } else if self.drain.q.val().any() {
            self.drain.d.next = self.drain.q.val() - 1;
        }
        self.idle.next =
            !self.reader.busy_o.val() & (!self.reader.info_valid_o.val() & !self.open.q.val());
        self.done_o.next = self.busy_i.val()
            & ((!self.start_i.val() & self.idle.val()) & !self.drain.q.val().any());
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name(
            "gradient_engine",
            &[
                ("p", P),
                ("planes", self._plane_bits),
                ("errors", self._error_bits),
                ("slots", self._slots),
            ],
        )
    }
}
