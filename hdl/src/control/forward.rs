use super::{Delay, Steps};
use crate::engine::{FORWARD_MEMBRANE_LATENCY, FORWARD_SPIKE_LATENCY, ForwardLane};
use crate::prim::{ClockGate, Pipe, Reg, module_name};
use crate::spike::{PlaneReader, VisitStage, Walker};
use backspike_arch::ArchConfig;
use backspike_arch::layout::fp;
use rust_hdl::prelude::*;

/// The FP engine: FORWARD of a slice in a slot, from spike plane words and weight rows to spike, trace
/// and membrane words. `P` = 4 bits a lane.
///
/// The end of a tile-block hands its sums to the neurons; their steps run beside the adds of the next. A tile-block costs its
/// events and its end, and no less than its steps.
#[derive(LogicBlock)]
pub struct ForwardEngine<const P: usize> {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    // Sequencer and descriptor.
    pub start_i: Signal<In, Bit>,
    pub busy_i: Signal<In, Bit>,
    pub slot_i: Signal<In, Bits<8>>,
    pub column_i: Vec<Signal<In, Bits<32>>>,
    pub done_o: Signal<Out, Bit>,
    // Spike and weight memories.
    pub plane_ren_o: Signal<Out, Bit>,
    pub plane_addr_o: Signal<Out, Bits<20>>,
    pub plane_i: Signal<In, Bits<P>>,
    pub weight_ren_o: Signal<Out, Bit>,
    pub weight_addr_o: Signal<Out, Bits<20>>,
    pub weight_i: Vec<Signal<In, Bits<16>>>,
    // Spike and trace words.
    pub plane_wen_o: Signal<Out, Bit>,
    pub plane_waddr_o: Signal<Out, Bits<20>>,
    pub spike_o: Signal<Out, Bits<P>>,
    pub code0_o: Signal<Out, Bits<P>>,
    pub code1_o: Signal<Out, Bits<P>>,
    // Membrane words, of readouts only.
    pub membrane_wen_o: Signal<Out, Bit>,
    pub membrane_waddr_o: Signal<Out, Bits<20>>,
    pub membrane_o: Vec<Signal<Out, Bits<32>>>,
    // Counters: events of this cycle; the others one cycle each.
    pub events_o: Signal<Out, Bits<6>>,
    pub zero_o: Signal<Out, Bit>,

    reader: PlaneReader,
    walker: Walker<P>,
    visit: VisitStage,
    lane: Vec<ForwardLane>,
    step_gate: ClockGate,
    steps: Steps,
    plane_late: Delay<21>,
    membrane_late: Delay<22>,
    open: Reg<Bit>,
    row: Pipe<Bits<20>>,
    offset: Pipe<Bits<20>>,
    tile_steps: Pipe<Bits<3>>,
    first: Pipe<Bit>,
    tail: Pipe<Bit>,
    // Of the tile-block whose steps run.
    step_offset: Pipe<Bits<20>>,
    step_tail: Pipe<Bit>,
    drain: Reg<Bits<4>>,
    add_valid: Reg<Bit>,
    neuron_valid: Reg<Bit>,
    mask: Pipe<Bits<4>>,
    neuron_step: Pipe<Bits<2>>,
    neuron_first: Pipe<Bit>,

    weight_base: Signal<Local, Bits<32>>,
    fan_in: Signal<Local, Bits<32>>,
    tiles: Signal<Local, Bits<32>>,
    in_words: Signal<Local, Bits<32>>,
    in_plane_base: Signal<Local, Bits<32>>,
    out_plane_base: Signal<Local, Bits<32>>,
    membrane_base: Signal<Local, Bits<32>>,
    theta: Signal<Local, Bits<32>>,
    width1: Signal<Local, Bits<32>>,
    width2: Signal<Local, Bits<32>>,
    width3: Signal<Local, Bits<32>>,
    slot_planes: Signal<Local, Bits<20>>,
    slot_membranes: Signal<Local, Bits<20>>,
    neuron_word: Signal<Local, Bits<32>>,
    shape_word: Signal<Local, Bits<32>>,
    close: Signal<Local, Bit>,
    take: Signal<Local, Bit>,
    hold: Signal<Local, Bit>,
    now_offset: Signal<Local, Bits<20>>,
    now_tail: Signal<Local, Bit>,
    steps_less_one: Signal<Local, Bits<3>>,
    idle: Signal<Local, Bit>,
    here: Signal<Local, Bits<6>>,
    silent: Signal<Local, Bit>,
    nibble: Signal<Local, Bits<4>>,
    spikes: Signal<Local, Bits<P>>,
    codes0: Signal<Local, Bits<P>>,
    codes1: Signal<Local, Bits<P>>,
    plane_shift: Constant<Bits<5>>,
    membrane_shift: Constant<Bits<5>>,
    top: Constant<Bits<7>>,
    drain_cycles: Constant<Bits<4>>,
    _lanes: usize,
    _plane_bits: usize,
    _membrane_bits: usize,
}

impl<const P: usize> ForwardEngine<P> {
    /// The engine of a core with configuration `arch`, whose lanes are `P` / 4.
    pub fn new(arch: &ArchConfig) -> Self {
        let plane_bits = arch.plane_words().ilog2() as usize;
        let membrane_bits = arch.membrane_blocks().ilog2() as usize;
        Self {
            weight_base: Default::default(),
            fan_in: Default::default(),
            tiles: Default::default(),
            in_words: Default::default(),
            in_plane_base: Default::default(),
            out_plane_base: Default::default(),
            membrane_base: Default::default(),
            theta: Default::default(),
            width1: Default::default(),
            width2: Default::default(),
            width3: Default::default(),
            clock: Default::default(),
            reset: Default::default(),
            start_i: Default::default(),
            busy_i: Default::default(),
            slot_i: Default::default(),
            column_i: (0..fp::COLUMNS).map(|_| Default::default()).collect(),
            done_o: Default::default(),
            plane_ren_o: Default::default(),
            plane_addr_o: Default::default(),
            plane_i: Default::default(),
            weight_ren_o: Default::default(),
            weight_addr_o: Default::default(),
            weight_i: (0..P / 4).map(|_| Default::default()).collect(),
            plane_wen_o: Default::default(),
            plane_waddr_o: Default::default(),
            spike_o: Default::default(),
            code0_o: Default::default(),
            code1_o: Default::default(),
            membrane_wen_o: Default::default(),
            membrane_waddr_o: Default::default(),
            membrane_o: (0..P / 4).map(|_| Default::default()).collect(),
            events_o: Default::default(),
            zero_o: Default::default(),
            reader: PlaneReader::new(P / 4),
            walker: Walker::new(1),
            visit: VisitStage::new(1),
            lane: (0..P / 4).map(|_| Default::default()).collect(),
            step_gate: Default::default(),
            steps: Default::default(),
            // From the engine, a cycle before the lanes.
            plane_late: Delay::new(1 + FORWARD_SPIKE_LATENCY),
            membrane_late: Delay::new(1 + FORWARD_MEMBRANE_LATENCY),
            open: Default::default(),
            row: Default::default(),
            offset: Default::default(),
            tile_steps: Default::default(),
            first: Default::default(),
            tail: Default::default(),
            step_offset: Default::default(),
            step_tail: Default::default(),
            drain: Default::default(),
            add_valid: Default::default(),
            neuron_valid: Default::default(),
            mask: Default::default(),
            neuron_step: Default::default(),
            neuron_first: Default::default(),
            slot_planes: Default::default(),
            slot_membranes: Default::default(),
            neuron_word: Default::default(),
            shape_word: Default::default(),
            close: Default::default(),
            take: Default::default(),
            hold: Default::default(),
            now_offset: Default::default(),
            now_tail: Default::default(),
            steps_less_one: Default::default(),
            idle: Default::default(),
            here: Default::default(),
            silent: Default::default(),
            nibble: Default::default(),
            spikes: Default::default(),
            codes0: Default::default(),
            codes1: Default::default(),
            plane_shift: Constant::new((plane_bits as u64).into()),
            membrane_shift: Constant::new((membrane_bits as u64).into()),
            top: Constant::new((P as u64 - 4).into()),
            drain_cycles: Constant::new((FORWARD_SPIKE_LATENCY as u64).into()),
            _lanes: P / 4,
            _plane_bits: plane_bits,
            _membrane_bits: membrane_bits,
        }
    }
}

impl<const P: usize> Logic for ForwardEngine<P> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, open, row, offset, tile_steps, first, tail, drain);
        dff_setup!(self, clock, step_offset, step_tail);
        dff_setup!(self, clock, add_valid, mask, neuron_valid, neuron_step, neuron_first);
        // Columns of the descriptor, in the order of `super::layout`.
        self.weight_base.next = self.column_i[0].val();
        self.fan_in.next = self.column_i[1].val();
        self.tiles.next = self.column_i[2].val();
        self.in_words.next = self.column_i[3].val();
        self.shape_word.next = self.column_i[4].val();
        self.in_plane_base.next = self.column_i[5].val();
        self.out_plane_base.next = self.column_i[6].val();
        self.membrane_base.next = self.column_i[7].val();
        self.neuron_word.next = self.column_i[8].val();
        self.theta.next = self.column_i[9].val();
        self.width1.next = self.column_i[10].val();
        self.width2.next = self.column_i[11].val();
        self.width3.next = self.column_i[12].val();
        self.reader.clock.next = self.clock.val();
        self.reader.reset.next = self.reset.val();
        self.walker.clock.next = self.clock.val();
        self.walker.reset.next = self.reset.val();
        self.visit.clock.next = self.clock.val();
        self.visit.reset.next = self.reset.val();
        self.steps.clock.next = self.clock.val();
        self.steps.reset.next = self.reset.val();
        self.plane_late.clock.next = self.clock.val();
        self.plane_late.reset.next = self.reset.val();
        self.membrane_late.clock.next = self.clock.val();
        self.membrane_late.reset.next = self.reset.val();
        self.slot_planes.next = bit_cast::<20, 8>(self.slot_i.val()) << self.plane_shift.val();
        self.slot_membranes.next =
            bit_cast::<20, 8>(self.slot_i.val()) << self.membrane_shift.val();

        // Words of the slice to items.
        self.reader.start_i.next = self.start_i.val();
        self.reader.weight_base_i.next = bit_cast::<20, 32>(self.weight_base.val());
        self.reader.fan_in_i.next = bit_cast::<20, 32>(self.fan_in.val());
        self.reader.tiles_i.next = bit_cast::<20, 32>(self.tiles.val());
        self.reader.in_words_i.next = bit_cast::<20, 32>(self.in_words.val());
        self.reader.steps_i.next = self.shape_word.val().get_bits::<8>(0);
        self.reader.blocks_i.next = self.shape_word.val().get_bits::<8>(8);
        self.reader.plane_base_i.next =
            self.slot_planes.val() + bit_cast::<20, 32>(self.in_plane_base.val());
        self.reader.gate_base_i.next = bits::<20>(0);
        self.reader.further_i.next = bits::<3>(0);
        self.reader.gate_i.next = bits::<4>(15);
        self.plane_ren_o.next = self.reader.plane_ren_o.val();
        self.plane_addr_o.next = self.reader.plane_addr_o.val();
        self.walker.valid_i.next = self.reader.valid_o.val();
        self.walker.plane_i.next = self.plane_i.val();
        self.walker.gate_i.next = self.reader.gate_o.val();
        self.walker.place_i.next = self.reader.place_o.val();
        self.walker.final_i.next = self.reader.final_o.val();
        self.walker.index_i.next = self.reader.index_o.val();
        self.walker.last_i.next = self.reader.last_o.val();
        self.reader.ready_i.next = self.walker.ready_o.val();
        self.zero_o.next = self.walker.zero_o.val();

        // Items to lanes. The end waits until the steps of the tile-block before are through.
        self.hold.next = !self.open.q.val() | (self.visit.at_end_o.val() & self.steps.busy_o.val());
        self.close.next = self.visit.end_o.val();
        self.take.next = self.reader.info_valid_o.val() & (!self.open.q.val() | self.close.val());
        self.visit.item_valid_i.next = self.walker.item_valid_o.val();
        self.visit.item_end_i.next = self.walker.item_end_o.val();
        self.visit.item_index_i.next = self.walker.item_index_o.val();
        self.visit.item_mask_i[0].next = self.walker.item_mask_o[0].val();
        self.walker.item_ready_i.next = self.visit.item_ready_o.val();
        self.visit.hold_i.next = self.hold.val();
        self.reader.info_take_i.next = self.take.val();
        if self.close.val() {
            self.open.d.next = false;
        }
        if self.take.val() {
            self.open.d.next = true;
            self.row.d.next = self.reader.info_row_o.val();
            self.offset.d.next = self.reader.info_offset_o.val();
            self.tile_steps.d.next = self.reader.info_steps_o.val();
            self.first.d.next = self.reader.info_first_o.val();
            self.tail.d.next = self.reader.info_tail_o.val();
        }

        // A visit reads its row; with it, a cycle later, it reaches the lanes.
        self.events_o.next = self.visit.events_o.val();
        if self.visit.visit_o.val() {
            self.mask.d.next = self.visit.mask_o[0].val();
        }
        self.weight_ren_o.next = self.visit.visit_o.val();
        self.weight_addr_o.next = self.row.q.val() + self.visit.index_o.val();
        self.add_valid.d.next = self.visit.visit_o.val();

        // The steps of a tile-block from its end on.
        self.steps_less_one.next = self.tile_steps.q.val() - 1;
        self.steps.start_i.next = self.close.val();
        self.steps.more_i.next = self.steps_less_one.val().get_bits::<2>(0);
        self.now_offset.next = self.step_offset.q.val();
        self.now_tail.next = self.step_tail.q.val();
        if self.close.val() {
            self.now_offset.next = self.offset.q.val();
            self.now_tail.next = self.tail.q.val();
        }
        self.step_offset.d.next = self.now_offset.val();
        self.step_tail.d.next = self.now_tail.val();
        self.neuron_valid.d.next = self.steps.now_o.val();
        self.neuron_step.d.next = self.steps.index_o.val();
        self.neuron_first.d.next = self.close.val() & self.first.q.val();

        self.plane_late.valid_i.next = self.steps.now_o.val() & !self.steps.left_o.val().any();
        self.plane_late.data_i.next = (bit_cast::<21, 20>(self.now_offset.val()) << 1)
            | bit_cast::<21, 1>(self.now_tail.val().into());
        self.membrane_late.valid_i.next =
            self.steps.now_o.val() & self.neuron_word.val().get_bit(10);
        self.membrane_late.data_i.next = (bit_cast::<22, 20>(self.now_offset.val()) << 2)
            | bit_cast::<22, 2>(self.steps.index_o.val());

        self.spikes.next = bits::<P>(0);
        self.codes0.next = bits::<P>(0);
        self.codes1.next = bits::<P>(0);
        for i in 0..self._lanes {
            self.lane[i].clock.next = self.clock.val();
            self.lane[i].step_clock.next = self.step_gate.clock_o.val();
            self.lane[i].reset.next = self.reset.val();
            self.lane[i].add_valid_i.next = self.add_valid.q.val();
            self.lane[i].add_mask_i.next = self.mask.q.val();
            self.lane[i].weight_i.next = self.weight_i[i].val();
            self.lane[i].neuron_valid_i.next = self.neuron_valid.q.val();
            self.lane[i].neuron_step_i.next = self.neuron_step.q.val();
            self.lane[i].neuron_first_i.next = self.neuron_first.q.val();
            self.lane[i].lane_active_i.next = true;
            self.lane[i].leak_shift_i.next = self.neuron_word.val().get_bits::<5>(0);
            self.lane[i].leak_on_i.next = self.neuron_word.val().get_bit(5);
            self.lane[i].reset_i.next = self.neuron_word.val().get_bits::<2>(6);
            self.lane[i].reset_before_leak_i.next = self.neuron_word.val().get_bit(8);
            self.lane[i].fire_ge_i.next = self.neuron_word.val().get_bit(9);
            self.lane[i].readout_i.next = self.neuron_word.val().get_bit(10);
            self.lane[i].input_shift_i.next = self.neuron_word.val().get_bits::<4>(11);
            self.lane[i].theta_i.next = self.theta.val();
            self.lane[i].width1_i.next = self.width1.val();
            self.lane[i].width2_i.next = self.width2.val();
            self.lane[i].width3_i.next = self.width3.val();
            self.membrane_o[i].next = self.lane[i].membrane_o.val();

            // Lanes beyond the population's last neuron stay silent.
            self.here.next = i.to_bits();
            self.silent.next = self.plane_late.data_o.val().get_bit(0)
                & (self.here.val() >= self.shape_word.val().get_bits::<6>(16));
            self.nibble.next = bits::<4>(0);
            if !self.silent.val() {
                self.nibble.next = self.lane[i].spike_o.val();
            }
            self.spikes.next =
                (self.spikes.val() >> 4) | (bit_cast::<P, 4>(self.nibble.val()) << self.top.val());
            self.nibble.next = bits::<4>(0);
            if !self.silent.val() {
                self.nibble.next = self.lane[i].code0_o.val();
            }
            self.codes0.next =
                (self.codes0.val() >> 4) | (bit_cast::<P, 4>(self.nibble.val()) << self.top.val());
            self.nibble.next = bits::<4>(0);
            if !self.silent.val() {
                self.nibble.next = self.lane[i].code1_o.val();
            }
            self.codes1.next =
                (self.codes1.val() >> 4) | (bit_cast::<P, 4>(self.nibble.val()) << self.top.val());
        }
        self.plane_wen_o.next = self.plane_late.valid_o.val();
        self.plane_waddr_o.next = (self.slot_planes.val()
            + bit_cast::<20, 32>(self.out_plane_base.val()))
            + self.plane_late.data_o.val().get_bits::<20>(1);
        self.spike_o.next = self.spikes.val();
        self.code0_o.next = self.codes0.val();
        self.code1_o.next = self.codes1.val();
        self.membrane_wen_o.next = self.membrane_late.valid_o.val();
        self.membrane_waddr_o.next =
            ((self.slot_membranes.val() + bit_cast::<20, 32>(self.membrane_base.val())) << 2)
                + self.membrane_late.data_o.val().get_bits::<20>(0);

        // The last spike word is written `FORWARD_SPIKE_LATENCY` after the lanes got the last step.
        self.idle.next = !self.reader.busy_o.val()
            & ((!self.reader.info_valid_o.val() & !self.open.q.val()) & !self.steps.more_o.val());
        if self.steps.now_o.val() {
            self.drain.d.next = self.drain_cycles.val();
        } else if self.drain.q.val().any() {
            self.drain.d.next = self.drain.q.val() - 1;
        }
        self.step_gate.clock.next = self.clock.val();
        self.step_gate.run_i.next = self.drain.q.val().any() | self.reset.val();
        self.done_o.next = self.busy_i.val()
            & ((!self.start_i.val() & self.idle.val()) & !self.drain.q.val().any());
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name(
            "forward_engine",
            &[("p", P), ("planes", self._plane_bits), ("membranes", self._membrane_bits)],
        )
    }
}
