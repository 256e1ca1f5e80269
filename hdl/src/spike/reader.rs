use crate::prim::{Pipe, Reg, module_name};
use rust_hdl::prelude::*;

/// Reads the input plane words of every tile-block of a slice, tile by tile, blocks ascending, for the
/// walker; FP and WG have one each.
///
/// It runs ahead of the engine: while the last visits of a tile-block are worked on, the words of the
/// next are on their way. What the engine must know of a tile-block waits in the `info` registers until
/// the engine takes it; the reader does not start a further tile-block before that.
///
/// With `gated`, the non-zero word of each tile-block is read first; without a bit in it the
/// tile-block is skipped, otherwise it masks every plane word. This costs two cycles a tile-block.
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
    block: Pipe<Bits<8>>,
    steps_left: Pipe<Bits<8>>,
    tile: Pipe<Bits<20>>,
    row: Pipe<Bits<20>>,
    offset: Pipe<Bits<20>>,
    gate: Pipe<Bits<4>>,
    out_valid: Reg<Bit>,
    out_last: Pipe<Bit>,
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
    last_word: Signal<Local, Bit>,
    last_block: Signal<Local, Bit>,
    last_tile: Signal<Local, Bit>,
    leave: Signal<Local, Bit>,
    steps: Signal<Local, Bits<3>>,
    gated: Constant<Bit>,
    lanes: Constant<Bits<20>>,
    _lanes: usize,
    _gated: bool,
}

impl PlaneReader {
    /// A reader for plane words of `lanes` lanes; `gated` as WG needs it.
    pub fn new(lanes: usize, gated: bool) -> Self {
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
            busy_o: Default::default(),
            skip_o: Default::default(),
            plane_ren_o: Default::default(),
            plane_addr_o: Default::default(),
            gate_ren_o: Default::default(),
            gate_addr_o: Default::default(),
            gate_i: Default::default(),
            valid_o: Default::default(),
            last_o: Default::default(),
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
            block: Default::default(),
            steps_left: Default::default(),
            tile: Default::default(),
            row: Default::default(),
            offset: Default::default(),
            gate: Default::default(),
            out_valid: Default::default(),
            out_last: Default::default(),
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
            last_word: Default::default(),
            last_block: Default::default(),
            last_tile: Default::default(),
            leave: Default::default(),
            steps: Default::default(),
            gated: Constant::new(gated),
            lanes: Constant::new((lanes as u64).into()),
            _lanes: lanes,
            _gated: gated,
        }
    }
}

impl Logic for PlaneReader {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, active, gate_reading, gate_testing, word, index, plane_addr);
        dff_setup!(self, clock, block, steps_left, tile, row, offset, gate);
        dff_setup!(self, clock, out_valid, out_last, out_index, info_valid);
        dff_setup!(self, clock, info_row, info_offset, info_steps, info_first, info_tail);

        self.steps.next = bits::<3>(4);
        if self.steps_left.q.val() < bits::<8>(4) {
            self.steps.next = self.steps_left.q.val().get_bits::<3>(0);
        }
        self.last_word.next = (self.word.q.val() + 1) == self.in_words_i.val();
        self.last_block.next = (self.block.q.val() + 1) == self.blocks_i.val();
        self.last_tile.next = (self.tile.q.val() + 1) == self.tiles_i.val();

        // The word at the memory's output leaves, or there is none.
        self.advance.next = !self.out_valid.q.val() | self.ready_i.val();
        self.issue.next = self.active.q.val()
            & !self.gate_reading.q.val()
            & !self.gate_testing.q.val()
            & self.advance.val()
            & (self.word.q.val().any() | !self.info_valid.q.val() | self.info_take_i.val());
        self.skip.next = self.active.q.val() & self.gate_testing.q.val() & !self.gate_i.val().any();
        self.leave.next = self.skip.val() | (self.issue.val() & self.last_word.val());

        self.busy_o.next = self.active.q.val() | self.out_valid.q.val();
        self.skip_o.next = self.skip.val();
        self.plane_ren_o.next = self.issue.val();
        self.plane_addr_o.next = self.plane_addr.q.val();
        self.gate_ren_o.next = self.active.q.val() & self.gate_reading.q.val();
        self.gate_addr_o.next = self.gate_base_i.val() + self.offset.q.val();
        self.valid_o.next = self.out_valid.q.val();
        self.last_o.next = self.out_last.q.val();
        self.index_o.next = self.out_index.q.val();
        self.gate_o.next = self.gate.q.val();
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
            self.out_index.d.next = self.index.q.val();
            self.word.d.next = self.word.q.val() + 1;
            self.index.d.next = self.index.q.val() + self.lanes.val();
            self.plane_addr.d.next = self.plane_addr.q.val() + 1;
            if !self.word.q.val().any() {
                self.info_valid.d.next = true;
                self.info_row.d.next = self.row.q.val();
                self.info_offset.d.next = self.offset.q.val();
                self.info_steps.d.next = self.steps.val();
                self.info_first.d.next = !self.block.q.val().any();
                self.info_tail.d.next = self.last_tile.val();
            }
        }
        if self.gate_reading.q.val() {
            self.gate_reading.d.next = false;
            self.gate_testing.d.next = true;
        }
        if self.gate_testing.q.val() & self.gate_i.val().any() & self.advance.val() {
            // The word before this tile-block still needs the old gate until it leaves.
            self.gate.d.next = self.gate_i.val();
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
            self.gate.d.next = bits::<4>(15);
        }
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("plane_reader", &[("l", self._lanes), ("gated", usize::from(self._gated))])
    }
}
