use crate::prim::{Pipe, Reg, module_name};
use rust_hdl::prelude::*;

/// Reads the trace words of a population for BP: tile by tile, blocks descending.
///
/// It first steps up to the last block (one cycle a block), since offsets come from adding only.
#[derive(LogicBlock)]
pub struct TraceReader {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    // The work: stable while it is walked. `targets` are the tiles of the population whose errors
    // are made, `sources` those of the slice whose errors are read.
    pub start_i: Signal<In, Bit>,
    pub targets_i: Signal<In, Bits<20>>,
    pub sources_i: Signal<In, Bits<20>>,
    pub steps_i: Signal<In, Bits<8>>,
    pub blocks_i: Signal<In, Bits<8>>,
    pub plane_base_i: Signal<In, Bits<20>>,
    pub busy_o: Signal<Out, Bit>,
    // The trace memory.
    pub ren_o: Signal<Out, Bit>,
    pub addr_o: Signal<Out, Bits<20>>,
    // To the walker, beside the memory's output: the tile-block's offset in the target and (for
    // its tile 0) in the source population, the fan-in index of lane 0, the steps (1 to 4), and whether
    // it is the last block of the sample.
    pub valid_o: Signal<Out, Bit>,
    pub target_o: Signal<Out, Bits<20>>,
    pub source_o: Signal<Out, Bits<20>>,
    pub index_o: Signal<Out, Bits<20>>,
    pub steps_o: Signal<Out, Bits<3>>,
    pub newest_o: Signal<Out, Bit>,
    pub ready_i: Signal<In, Bit>,

    active: Reg<Bit>,
    climbing: Reg<Bit>,
    block: Pipe<Bits<8>>,
    tile: Pipe<Bits<20>>,
    index: Pipe<Bits<20>>,
    target: Pipe<Bits<20>>,
    source: Pipe<Bits<20>>,
    top_target: Pipe<Bits<20>>,
    top_source: Pipe<Bits<20>>,
    top_steps: Pipe<Bits<8>>,
    out_valid: Reg<Bit>,
    out_target: Pipe<Bits<20>>,
    out_source: Pipe<Bits<20>>,
    out_index: Pipe<Bits<20>>,
    out_steps: Pipe<Bits<3>>,
    out_newest: Pipe<Bit>,
    advance: Signal<Local, Bit>,
    issue: Signal<Local, Bit>,
    newest: Signal<Local, Bit>,
    lanes: Constant<Bits<20>>,
    _lanes: usize,
}

impl TraceReader {
    /// A reader for trace words of `lanes` lanes.
    pub fn new(lanes: usize) -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            start_i: Default::default(),
            targets_i: Default::default(),
            sources_i: Default::default(),
            steps_i: Default::default(),
            blocks_i: Default::default(),
            plane_base_i: Default::default(),
            busy_o: Default::default(),
            ren_o: Default::default(),
            addr_o: Default::default(),
            valid_o: Default::default(),
            target_o: Default::default(),
            source_o: Default::default(),
            index_o: Default::default(),
            steps_o: Default::default(),
            newest_o: Default::default(),
            ready_i: Default::default(),
            active: Default::default(),
            climbing: Default::default(),
            block: Default::default(),
            tile: Default::default(),
            index: Default::default(),
            target: Default::default(),
            source: Default::default(),
            top_target: Default::default(),
            top_source: Default::default(),
            top_steps: Default::default(),
            out_valid: Default::default(),
            out_target: Default::default(),
            out_source: Default::default(),
            out_index: Default::default(),
            out_steps: Default::default(),
            out_newest: Default::default(),
            advance: Default::default(),
            issue: Default::default(),
            newest: Default::default(),
            lanes: Constant::new((lanes as u64).into()),
            _lanes: lanes,
        }
    }
}

impl Logic for TraceReader {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, active, climbing, block, tile, index, target, source);
        dff_setup!(self, clock, top_target, top_source, top_steps);
        dff_setup!(
            self, clock, out_valid, out_target, out_source, out_index, out_steps, out_newest
        );

        self.newest.next = (self.block.q.val() + 1) == self.blocks_i.val();
        self.advance.next = !self.out_valid.q.val() | self.ready_i.val();
        self.issue.next = self.active.q.val() & !self.climbing.q.val() & self.advance.val();
        self.busy_o.next = self.active.q.val() | self.out_valid.q.val();
        self.ren_o.next = self.issue.val();
        self.addr_o.next = self.plane_base_i.val() + self.target.q.val();
        self.valid_o.next = self.out_valid.q.val();
        self.target_o.next = self.out_target.q.val();
        self.source_o.next = self.out_source.q.val();
        self.index_o.next = self.out_index.q.val();
        self.steps_o.next = self.out_steps.q.val();
        self.newest_o.next = self.out_newest.q.val();

        if self.climbing.q.val() {
            self.top_target.d.next = self.target.q.val();
            self.top_source.d.next = self.source.q.val();
            if self.newest.val() {
                self.climbing.d.next = false;
            } else {
                self.block.d.next = self.block.q.val() + 1;
                self.target.d.next = self.target.q.val() + self.targets_i.val();
                self.source.d.next = self.source.q.val() + self.sources_i.val();
                self.top_steps.d.next = self.top_steps.q.val() - 4;
            }
        }
        if self.advance.val() {
            self.out_valid.d.next = self.issue.val();
        }
        if self.issue.val() {
            self.out_target.d.next = self.target.q.val();
            self.out_source.d.next = self.source.q.val();
            self.out_index.d.next = self.index.q.val();
            self.out_newest.d.next = self.newest.val();
            self.out_steps.d.next = bits::<3>(4);
            if self.newest.val() {
                self.out_steps.d.next = self.top_steps.q.val().get_bits::<3>(0);
            }
            self.block.d.next = self.block.q.val() - 1;
            self.target.d.next = self.target.q.val() - self.targets_i.val();
            self.source.d.next = self.source.q.val() - self.sources_i.val();
            if !self.block.q.val().any() {
                self.block.d.next = self.blocks_i.val() - 1;
                self.target.d.next = self.top_target.q.val() + 1;
                self.top_target.d.next = self.top_target.q.val() + 1;
                self.source.d.next = self.top_source.q.val();
                self.index.d.next = self.index.q.val() + self.lanes.val();
                self.tile.d.next = self.tile.q.val() + 1;
                if (self.tile.q.val() + 1) == self.targets_i.val() {
                    self.active.d.next = false;
                }
            }
        }
        if self.start_i.val() {
            self.active.d.next = true;
            self.climbing.d.next = true;
            self.block.d.next = bits::<8>(0);
            self.tile.d.next = bits::<20>(0);
            self.index.d.next = bits::<20>(0);
            self.target.d.next = bits::<20>(0);
            self.source.d.next = bits::<20>(0);
            self.top_steps.d.next = self.steps_i.val();
        }
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("trace_reader", &[("l", self._lanes)])
    }
}
