use crate::prim::{Pipe, Reg, module_name};
use rust_hdl::prelude::*;

/// Reads the input plane words of every tile-block of a slice, tile by tile, blocks ascending, for the
/// walker; FP and WG have one each.
///
/// It runs ahead of the engine: while the last visits of a tile-block are worked on, the words of the
/// next are on their way. What the engine must know of a tile-block waits in the `info` registers until
/// the engine takes it; the reader does not start a further tile-block before that.
///
/// A gated one reads tile-blocks of several neighbouring slots together: each word of the first slot is followed by the same word of
/// the others. Before them it reads their non-zero words, a cycle each; without a bit in any of them the
/// tile-blocks are skipped, otherwise each masks the plane words of its slot.
#[derive(LogicBlock)]
pub struct PlaneReader {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    // The slice: stable while it is walked. Bases include the slot.
    pub start_i: Signal<In, Bit>,
    pub weight_base_i: Signal<In, Bits<20>>,
    pub fan_in_i: Signal<In, Bits<20>>,
    pub tiles_i: Signal<In, Bits<20>>,
    pub in_words_i: Signal<In, Bits<20>>,
    pub steps_i: Signal<In, Bits<8>>,
    pub blocks_i: Signal<In, Bits<8>>,
    pub plane_base_i: Signal<In, Bits<20>>,
    pub gate_base_i: Signal<In, Bits<20>>,
    /// Slots that are read beside the first.
    pub further_i: Signal<In, Bits<3>>,
    /// High while a tile-block is still to be read, or a word waits for the walker.
    pub busy_o: Signal<Out, Bit>,
    /// One cycle for every tile-block skipped.
    pub skip_o: Signal<Out, Bit>,
    // The plane memory and the non-zero memory.
    pub plane_ren_o: Signal<Out, Bit>,
    pub plane_addr_o: Signal<Out, Bits<20>>,
    pub gate_ren_o: Signal<Out, Bit>,
    pub gate_addr_o: Signal<Out, Bits<20>>,
    pub gate_i: Signal<In, Bits<4>>,
    // To the walker, beside the plane memory's output.
    pub valid_o: Signal<Out, Bit>,
    pub last_o: Signal<Out, Bit>,
    /// Which of the slots the word is of, and whether it is the last of them.
    pub place_o: Signal<Out, Bits<3>>,
    pub final_o: Signal<Out, Bit>,
    pub index_o: Signal<Out, Bits<20>>,
    pub gate_o: Signal<Out, Bits<4>>,
    pub ready_i: Signal<In, Bit>,
    // The next tile-block: its first row, its offset q, its steps (1 to 4), whether it begins a tile
    // and whether the tile is the last of the slice.
    pub info_valid_o: Signal<Out, Bit>,
    pub info_row_o: Signal<Out, Bits<20>>,
    pub info_offset_o: Signal<Out, Bits<20>>,
    pub info_steps_o: Signal<Out, Bits<3>>,
    pub info_first_o: Signal<Out, Bit>,
    pub info_tail_o: Signal<Out, Bit>,
    pub info_take_i: Signal<In, Bit>,

    active: Reg<Bit>,
    gate_reading: Reg<Bit>,
    gate_testing: Reg<Bit>,
    word: Pipe<Bits<20>>,
    index: Pipe<Bits<20>>,
    plane_addr: Pipe<Bits<20>>,
    place: Reg<Bits<3>>,
    gate_place: Reg<Bits<3>>,
    block: Pipe<Bits<8>>,
    steps_left: Pipe<Bits<8>>,
    tile: Pipe<Bits<20>>,
    row: Pipe<Bits<20>>,
    offset: Pipe<Bits<20>>,
    /// Non-zero words of the tile-blocks whose words are read, one per slot, and of the next ones but for the last.
    gate: Vec<Pipe<Bits<4>>>,
    next_gate: Vec<Pipe<Bits<4>>>,
    out_valid: Reg<Bit>,
    out_last: Pipe<Bit>,
    out_place: Pipe<Bits<3>>,
    out_final: Pipe<Bit>,
    out_index: Pipe<Bits<20>>,
    info_valid: Reg<Bit>,
    info_row: Pipe<Bits<20>>,
    info_offset: Pipe<Bits<20>>,
    info_steps: Pipe<Bits<3>>,
    info_first: Pipe<Bit>,
    info_tail: Pipe<Bit>,

    advance: Signal<Local, Bit>,
    issue: Signal<Local, Bit>,
    skip: Signal<Local, Bit>,
    further: Signal<Local, Bits<3>>,
    final_place: Signal<Local, Bit>,
    final_gate: Signal<Local, Bit>,
    caught: Signal<Local, Bits<3>>,
    catches: Signal<Local, Bit>,
    here: Signal<Local, Bits<3>>,
    now_gate: Signal<Local, Bits<4>>,
    any: Signal<Local, Bit>,
    pass: Signal<Local, Bit>,
    last_word: Signal<Local, Bit>,
    last_block: Signal<Local, Bit>,
    last_tile: Signal<Local, Bit>,
    leave: Signal<Local, Bit>,
    steps: Signal<Local, Bits<3>>,
    gated: Constant<Bit>,
    lanes: Constant<Bits<20>>,
    others: Constant<Bits<3>>,
    plane_shift: Constant<Bits<5>>,
    _lanes: usize,
    _gated: bool,
    _slots: usize,
    _others: usize,
    _plane_bits: usize,
}

impl PlaneReader {
    /// The reader of FP, for plane words of `lanes` lanes.
    pub fn new(lanes: usize) -> Self {
        Self::build(lanes, false, 1, 0)
    }

    /// The reader of WG, of up to `slots` slots at once (a power of two up to 8) of 2^`plane_bits` words each.
    pub fn gated(lanes: usize, slots: usize, plane_bits: usize) -> Self {
        Self::build(lanes, true, slots, plane_bits)
    }

    fn build(lanes: usize, gated: bool, slots: usize, plane_bits: usize) -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            start_i: Default::default(),
            weight_base_i: Default::default(),
            fan_in_i: Default::default(),
            tiles_i: Default::default(),
            in_words_i: Default::default(),
            steps_i: Default::default(),
            blocks_i: Default::default(),
            plane_base_i: Default::default(),
            gate_base_i: Default::default(),
            further_i: Default::default(),
            busy_o: Default::default(),
            skip_o: Default::default(),
            plane_ren_o: Default::default(),
            plane_addr_o: Default::default(),
            gate_ren_o: Default::default(),
            gate_addr_o: Default::default(),
            gate_i: Default::default(),
            valid_o: Default::default(),
            last_o: Default::default(),
            place_o: Default::default(),
            final_o: Default::default(),
            index_o: Default::default(),
            gate_o: Default::default(),
            ready_i: Default::default(),
            info_valid_o: Default::default(),
            info_row_o: Default::default(),
            info_offset_o: Default::default(),
            info_steps_o: Default::default(),
            info_first_o: Default::default(),
            info_tail_o: Default::default(),
            info_take_i: Default::default(),
            active: Default::default(),
            gate_reading: Default::default(),
            gate_testing: Default::default(),
            word: Default::default(),
            index: Default::default(),
            plane_addr: Default::default(),
            place: Default::default(),
            gate_place: Default::default(),
            block: Default::default(),
            steps_left: Default::default(),
            tile: Default::default(),
            row: Default::default(),
            offset: Default::default(),
            gate: (0..slots).map(|_| Default::default()).collect(),
            next_gate: (1..slots).map(|_| Default::default()).collect(),
            out_valid: Default::default(),
            out_last: Default::default(),
            out_place: Default::default(),
            out_final: Default::default(),
            out_index: Default::default(),
            info_valid: Default::default(),
            info_row: Default::default(),
            info_offset: Default::default(),
            info_steps: Default::default(),
            info_first: Default::default(),
            info_tail: Default::default(),
            advance: Default::default(),
            issue: Default::default(),
            skip: Default::default(),
            further: Default::default(),
            final_place: Default::default(),
            final_gate: Default::default(),
            caught: Default::default(),
            catches: Default::default(),
            here: Default::default(),
            now_gate: Default::default(),
            any: Default::default(),
            pass: Default::default(),
            last_word: Default::default(),
            last_block: Default::default(),
            last_tile: Default::default(),
            leave: Default::default(),
            steps: Default::default(),
            gated: Constant::new(gated),
            lanes: Constant::new((lanes as u64).into()),
            others: Constant::new((slots as u64 - 1).into()),
            plane_shift: Constant::new((plane_bits as u64).into()),
            _lanes: lanes,
            _gated: gated,
            _slots: slots,
            _others: slots - 1,
            _plane_bits: plane_bits,
        }
    }
}

impl Logic for PlaneReader {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, active, gate_reading, gate_testing, word, index, plane_addr);
        dff_setup!(self, clock, place, gate_place, block, steps_left, tile, row, offset);
        dff_setup!(self, clock, out_valid, out_last, out_place, out_final, out_index, info_valid);
        dff_setup!(self, clock, info_row, info_offset, info_steps, info_first, info_tail);

        self.steps.next = bits::<3>(4);
        if self.steps_left.q.val() < bits::<8>(4) {
            self.steps.next = self.steps_left.q.val().get_bits::<3>(0);
        }
        self.further.next = self.further_i.val() & self.others.val();
        self.final_place.next = self.place.q.val() == self.further.val();
        self.final_gate.next = self.gate_place.q.val() == self.further.val();
        self.last_word.next = (self.word.q.val() + 1) == self.in_words_i.val();
        self.last_block.next = (self.block.q.val() + 1) == self.blocks_i.val();
        self.last_tile.next = (self.tile.q.val() + 1) == self.tiles_i.val();

        // The word at the memory's output leaves, or there is none.
        self.advance.next = !self.out_valid.q.val() | self.ready_i.val();
        self.issue.next = self.active.q.val()
            & !self.gate_reading.q.val()
            & !self.gate_testing.q.val()
            & self.advance.val()
            & (self.word.q.val().any()
                | self.place.q.val().any()
                | !self.info_valid.q.val()
                | self.info_take_i.val());
        // The non-zero word of the last slot is at its memory's output when those before it have been caught.
        self.any.next = self.gate_i.val().any();
        for s in 0..self._others {
            self.here.next = s.to_bits();
            if self.here.val() < self.further.val() {
                self.any.next = self.any.val() | self.next_gate[s].q.val().any();
            }
        }
        self.skip.next = self.active.q.val() & self.gate_testing.q.val() & !self.any.val();
        self.pass.next = self.gate_testing.q.val() & self.any.val() & self.advance.val();
        self.leave.next =
            self.skip.val() | (self.issue.val() & self.last_word.val() & self.final_place.val());

        self.busy_o.next = self.active.q.val() | self.out_valid.q.val();
        self.skip_o.next = self.skip.val();
        self.plane_ren_o.next = self.issue.val();
        self.plane_addr_o.next = self.plane_addr.q.val()
            + (bit_cast::<20, 3>(self.place.q.val()) << self.plane_shift.val());
        self.gate_ren_o.next = self.active.q.val() & self.gate_reading.q.val();
        self.gate_addr_o.next = (self.gate_base_i.val() + self.offset.q.val())
            + (bit_cast::<20, 3>(self.gate_place.q.val()) << self.plane_shift.val());
        self.valid_o.next = self.out_valid.q.val();
        self.last_o.next = self.out_last.q.val();
        self.index_o.next = self.out_index.q.val();
        self.place_o.next = self.out_place.q.val();
        self.final_o.next = self.out_final.q.val();
        self.now_gate.next = self.gate[0].q.val();
        for s in 0..self._slots {
            self.here.next = s.to_bits();
            if self.here.val() == self.out_place.q.val() {
                self.now_gate.next = self.gate[s].q.val();
            }
        }
        self.gate_o.next = self.now_gate.val();
        self.info_valid_o.next = self.info_valid.q.val();
        self.info_row_o.next = self.info_row.q.val();
        self.info_offset_o.next = self.info_offset.q.val();
        self.info_steps_o.next = self.info_steps.q.val();
        self.info_first_o.next = self.info_first.q.val();
        self.info_tail_o.next = self.info_tail.q.val();

        if self.info_take_i.val() {
            self.info_valid.d.next = false;
        }
        if self.advance.val() {
            self.out_valid.d.next = self.issue.val();
        }
        if self.issue.val() {
            self.out_last.d.next = self.last_word.val();
            self.out_place.d.next = self.place.q.val();
            self.out_final.d.next = self.final_place.val();
            self.out_index.d.next = self.index.q.val();
            self.place.d.next = (self.place.q.val() + 1) & self.others.val();
            if self.final_place.val() {
                self.place.d.next = bits::<3>(0);
                self.word.d.next = self.word.q.val() + 1;
                self.index.d.next = self.index.q.val() + self.lanes.val();
                self.plane_addr.d.next = self.plane_addr.q.val() + 1;
            }
            if !self.word.q.val().any() & !self.place.q.val().any() {
                self.info_valid.d.next = true;
                self.info_row.d.next = self.row.q.val();
                self.info_offset.d.next = self.offset.q.val();
                self.info_steps.d.next = self.steps.val();
                self.info_first.d.next = !self.block.q.val().any();
                self.info_tail.d.next = self.last_tile.val();
            }
        }
        if self.gate_reading.q.val() {
            self.gate_place.d.next = (self.gate_place.q.val() + 1) & self.others.val();
            if self.final_gate.val() {
                self.gate_place.d.next = bits::<3>(0);
                self.gate_reading.d.next = false;
                self.gate_testing.d.next = true;
            }
        }
        if self.pass.val() {
            self.gate_testing.d.next = false;
        }
        if self.skip.val() {
            self.plane_addr.d.next = self.plane_addr.q.val() + self.in_words_i.val();
            self.gate_testing.d.next = false;
        }
        if self.leave.val() {
            self.gate_reading.d.next = self.gated.val();
            self.word.d.next = bits::<20>(0);
            self.index.d.next = bits::<20>(0);
            self.block.d.next = self.block.q.val() + 1;
            self.steps_left.d.next = self.steps_left.q.val() - 4;
            self.offset.d.next = self.offset.q.val() + self.tiles_i.val();
            if self.last_block.val() {
                self.block.d.next = bits::<8>(0);
                self.steps_left.d.next = self.steps_i.val();
                self.plane_addr.d.next = self.plane_base_i.val();
                self.tile.d.next = self.tile.q.val() + 1;
                self.offset.d.next = self.tile.q.val() + 1;
                self.row.d.next = self.row.q.val() + self.fan_in_i.val();
                if self.last_tile.val() {
                    self.active.d.next = false;
                    self.gate_reading.d.next = false;
                }
            }
        }
        if self.start_i.val() {
            self.active.d.next = true;
            self.gate_reading.d.next = self.gated.val();
            self.word.d.next = bits::<20>(0);
            self.index.d.next = bits::<20>(0);
            self.plane_addr.d.next = self.plane_base_i.val();
            self.block.d.next = bits::<8>(0);
            self.steps_left.d.next = self.steps_i.val();
            self.tile.d.next = bits::<20>(0);
            self.row.d.next = self.weight_base_i.val();
            self.offset.d.next = bits::<20>(0);
        }

        // A non-zero word is at its memory's output in the cycle in which that of the next slot is read.
        self.caught.next = self.gate_place.q.val() - 1;
        self.catches.next = self.gate_reading.q.val() & self.gate_place.q.val().any();
        for s in 0..self._others {
            self.next_gate[s].clock.next = self.clock.val();
            self.next_gate[s].d.next = self.next_gate[s].q.val();
            self.here.next = s.to_bits();
            if self.catches.val() & (self.here.val() == self.caught.val()) {
                self.next_gate[s].d.next = self.gate_i.val();
            }
        }
        // The words before these tile-blocks still need the old gates until they leave.
        for s in 0..self._slots {
            self.gate[s].clock.next = self.clock.val();
            self.gate[s].d.next = self.gate[s].q.val();
            if self.start_i.val() {
                self.gate[s].d.next = bits::<4>(15);
            } else if self.pass.val() {
                self.gate[s].d.next = self.gate_i.val();
            }
        }
        for s in 0..self._others {
            self.here.next = s.to_bits();
            if self.pass.val() & (self.here.val() < self.further.val()) {
                self.gate[s].d.next = self.next_gate[s].q.val();
            }
        }
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name(
            "plane_reader",
            &[
                ("l", self._lanes),
                ("gated", usize::from(self._gated)),
                ("slots", self._slots),
                ("planes", self._plane_bits),
            ],
        )
    }
}
