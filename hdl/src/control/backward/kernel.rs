use super::BackwardEngine;
use crate::prim::module_name;
use rust_hdl::prelude::*;

impl<const P: usize> Logic for BackwardEngine<P> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, event_lane, event_source, event_fresh, gap, dot_mask, dot_marker);
        dff_setup!(self, clock, dot_first, dot_lane, step_valid);
        dff_setup!(self, clock, step, step_first, nonzero, words, drain);
        // Columns of the descriptor, in the order of `super::layout`.
        self.weight_base.next = self.column_i[0].val();
        self.fan_in.next = self.column_i[1].val();
        self.tiles.next = self.column_i[2].val();
        self.in_words.next = self.column_i[3].val();
        self.shape_word.next = self.column_i[4].val();
        self.in_plane_base.next = self.column_i[5].val();
        self.out_plane_base.next = self.column_i[6].val();
        self.in_error_base.next = self.column_i[7].val();
        self.out_error_base.next = self.column_i[8].val();
        self.neuron_word.next = self.column_i[9].val();
        self.reader.clock.next = self.clock.val();
        self.reader.reset.next = self.reset.val();
        self.walker.clock.next = self.clock.val();
        self.walker.reset.next = self.reset.val();
        self.tile_loop.clock.next = self.clock.val();
        self.tile_loop.reset.next = self.reset.val();
        self.expander.clock.next = self.clock.val();
        self.expander.reset.next = self.reset.val();
        self.dot.clock.next = self.clock.val();
        self.dot.reset.next = self.reset.val();
        self.steps.clock.next = self.clock.val();
        self.steps.reset.next = self.reset.val();
        self.written_late.clock.next = self.clock.val();
        self.written_late.reset.next = self.reset.val();
        self.slot_planes.next = bit_cast::<20, 8>(self.slot_i.val()) << self.plane_shift.val();
        self.slot_errors.next = bit_cast::<20, 8>(self.slot_i.val()) << self.error_shift.val();
        self.target_planes.next =
            self.slot_planes.val() + bit_cast::<20, 32>(self.in_plane_base.val());
        self.target_errors.next =
            self.slot_errors.val() + bit_cast::<20, 32>(self.in_error_base.val());

        // Trace words to visits, visits to tiles, tiles to events.
        self.reader.start_i.next = self.start_i.val();
        self.reader.targets_i.next = bit_cast::<20, 32>(self.in_words.val());
        self.reader.sources_i.next = bit_cast::<20, 32>(self.tiles.val());
        self.reader.steps_i.next = self.shape_word.val().get_bits::<8>(0);
        self.reader.blocks_i.next = self.shape_word.val().get_bits::<8>(8);
        self.reader.plane_base_i.next = self.target_planes.val();
        self.reader.ready_i.next = self.walker.ready_o.val();
        self.trace_ren_o.next = self.reader.ren_o.val();
        self.trace_addr_o.next = self.reader.addr_o.val();
        self.walker.visits_i.next = self.backprop_i.val();
        self.walker.valid_i.next = self.reader.valid_o.val();
        self.walker.spike_i.next = self.spike_i.val();
        self.walker.code0_i.next = self.code0_i.val();
        self.walker.code1_i.next = self.code1_i.val();
        self.walker.target_i.next = self.reader.target_o.val();
        self.walker.source_i.next = self.reader.source_o.val();
        self.walker.index_i.next = self.reader.index_o.val();
        self.walker.steps_i.next = self.reader.steps_o.val();
        self.walker.newest_i.next = self.reader.newest_o.val();
        self.walker.item_ready_i.next = self.tile_loop.visit_ready_o.val();
        self.tile_loop.tiles_i.next = bit_cast::<20, 32>(self.tiles.val());
        self.tile_loop.fan_in_i.next = bit_cast::<20, 32>(self.fan_in.val());
        self.tile_loop.weight_base_i.next = bit_cast::<20, 32>(self.weight_base.val());
        self.tile_loop.gate_base_i.next =
            self.slot_planes.val() + bit_cast::<20, 32>(self.out_plane_base.val());
        self.tile_loop.visit_valid_i.next = self.walker.item_valid_o.val();
        self.tile_loop.visit_end_i.next = self.walker.item_end_o.val();
        self.tile_loop.visit_lane_i.next = self.walker.item_lane_o.val();
        self.tile_loop.visit_index_i.next = self.walker.item_index_o.val();
        self.tile_loop.visit_mask_i.next = self.walker.item_mask_o.val();
        self.tile_loop.visit_source_i.next = self.walker.item_source_o.val();
        self.tile_loop.gate_i.next = self.nonzero_i.val();
        self.nonzero_ren_o.next = self.tile_loop.gate_ren_o.val();
        self.nonzero_addr_o.next = self.tile_loop.gate_addr_o.val();
        self.skip_o.next = self.tile_loop.skip_o.val();
        self.expander.item_valid_i.next = self.tile_loop.item_valid_o.val();
        self.expander.item_end_i.next = self.tile_loop.item_end_o.val();
        self.expander.item_index_i.next = self.tile_loop.item_row_o.val();
        self.expander.item_mask_i.next = self.tile_loop.item_mask_o.val();
        self.tile_loop.item_ready_i.next = self.expander.item_ready_o.val();
        if self.expander.item_ready_o.val() {
            self.event_lane.d.next = self.tile_loop.item_lane_o.val();
            self.event_source.d.next = self.tile_loop.item_source_o.val();
            self.event_fresh.d.next = self.tile_loop.item_fresh_o.val();
        }

        // Events read weights and errors; with them, a cycle later, they reach the dot products.
        self.expander.hold_i.next = self.expander.end_o.val() & self.gap.q.val().any();
        self.fire.next =
            self.expander.valid_o.val() & !(self.expander.end_o.val() & self.gap.q.val().any());
        self.event_now.next = self.fire.val() & !self.expander.end_o.val();
        self.mask.next = bits::<4>(0);
        if self.event_now.val() {
            self.mask.next = self.expander.mask_o.val();
        }
        self.events.next = (bit_cast::<6, 1>(self.mask.val().get_bits::<1>(0))
            + bit_cast::<6, 1>(self.mask.val().get_bits::<1>(1)))
            + (bit_cast::<6, 1>(self.mask.val().get_bits::<1>(2))
                + bit_cast::<6, 1>(self.mask.val().get_bits::<1>(3)));
        self.events_o.next = self.events.val();
        if self.gap.q.val().any() {
            self.gap.d.next = self.gap.q.val() - 1;
        }
        if self.fire.val() & self.expander.end_o.val() {
            self.gap.d.next = self.marker_gap.val();
        }
        self.weight_ren_o.next = self.event_now.val() & self.expander.first_o.val();
        self.weight_addr_o.next = self.expander.index_o.val();
        self.dot_mask.d.next = self.mask.val();
        self.dot_marker.d.next = self.fire.val() & self.expander.end_o.val();
        self.dot_first.d.next = self.expander.first_o.val() & self.event_fresh.q.val();
        self.dot_lane.d.next = self.event_lane.q.val();
        self.dot.mask_i.next = self.dot_mask.q.val();
        self.dot.marker_i.next = self.dot_marker.q.val();
        self.dot.first_i.next = self.dot_first.q.val();
        self.dot.lane_i.next = self.dot_lane.q.val();

        // The steps of the oldest word in flight, descending from the cycle of its handover: the step is the number that follow.
        self.top_step.next = self.walker.steps_o.val() - 1;
        self.steps.start_i.next = self.dot.handover_o.val();
        self.steps.more_i.next = self.top_step.val().get_bits::<2>(0);
        self.step_valid.d.next = self.steps.now_o.val();
        self.step.d.next = self.steps.left_o.val();
        self.step_first.d.next = self.dot.handover_o.val() & self.walker.newest_o.val();
        self.last_step.next = self.step_valid.q.val() & !self.step.q.val().any();
        self.walker.pop_i.next = self.last_step.val();
        self.error_ren_o.next = self.mask.val();
        self.error_reads_o.next = self.events.val();
        self.error_addr_o.next = (((self.slot_errors.val()
            + bit_cast::<20, 32>(self.out_error_base.val()))
            + self.event_source.q.val())
            << 2)
            | bit_cast::<20, 2>(self.expander.step_o.val());
        if !self.backprop_i.val() {
            self.error_ren_o.next =
                bit_cast::<4, 1>(self.steps.now_o.val().into()) << self.steps.left_o.val();
            self.error_reads_o.next = bit_cast::<6, 1>(self.steps.now_o.val().into());
            self.error_addr_o.next = ((self.target_errors.val() + self.walker.target_o.val()) << 2)
                | bit_cast::<20, 2>(self.steps.left_o.val());
        }

        // The lanes' clock, from the first of their steps until the last has left them.
        if self.step_valid.q.val() {
            self.drain.d.next = self.drain_cycles.val();
        } else if self.drain.q.val().any() {
            self.drain.d.next = self.drain.q.val() - 1;
        }
        self.step_gate.clock.next = self.clock.val();
        self.step_gate.run_i.next =
            (self.step_valid.q.val() | self.drain.q.val().any()) | self.reset.val();

        self.nonzero_any.next = false;
        self.saturations.next = bits::<6>(0);
        for i in 0..self._lanes {
            self.dot.weight_i[i].next = self.weight_i[i].val();
            self.dot.error0_i[i].next = self.error0_i[i].val();
            self.lane[i].clock.next = self.clock.val();
            self.lane[i].step_clock.next = self.step_gate.clock_o.val();
            self.lane[i].reset.next = self.reset.val();
            self.lane[i].capture_i.next = self.dot.capture_o.val().get_bit(i);
            self.lane[i].sum0_i.next = self.dot.sum0_o.val();
            self.lane[i].sum1_i.next = self.dot.sum1_o.val();
            self.lane[i].sum2_i.next = self.dot.sum2_o.val();
            self.lane[i].sum3_i.next = self.dot.sum3_o.val();
            self.lane[i].handover_i.next = self.dot.handover_o.val();
            self.lane[i].step_valid_i.next = self.step_valid.q.val();
            self.lane[i].step_i.next = self.step.q.val();
            self.lane[i].step_first_i.next = self.step_first.q.val();
            self.lane[i].from_memory_i.next = !self.backprop_i.val();
            self.lane[i].error_i.next = self.error0_i[i].val();
            self.lane[i].spike_i.next = self.walker.spike_o.val().get_bits::<4>(i * 4);
            self.lane[i].code0_i.next = self.walker.code0_o.val().get_bits::<4>(i * 4);
            self.lane[i].code1_i.next = self.walker.code1_o.val().get_bits::<4>(i * 4);
            self.lane[i].leak_shift_i.next = self.neuron_word.val().get_bits::<5>(0);
            self.lane[i].leak_on_i.next = self.neuron_word.val().get_bit(5);
            self.lane[i].reset_i.next = self.neuron_word.val().get_bits::<2>(6);
            self.lane[i].reset_before_leak_i.next = self.neuron_word.val().get_bit(8);
            self.lane[i].readout_i.next = self.neuron_word.val().get_bit(10);
            self.lane[i].input_shift_i.next = self.neuron_word.val().get_bits::<4>(11);
            self.lane[i].detach_reset_i.next = self.neuron_word.val().get_bit(15);
            self.lane[i].gain1_i.next = self.neuron_word.val().get_bits::<4>(16);
            self.lane[i].gain2_i.next = self.neuron_word.val().get_bits::<4>(20);
            self.lane[i].gain3_i.next = self.neuron_word.val().get_bits::<4>(24);
            self.lane[i].theta_shift_i.next = self.neuron_word.val().get_bits::<4>(28);
            self.lane[i].error_max_exp_i.next = self.error_max_exp.val();
            self.error_o[i].next = self.lane[i].error_o.val();
            self.nonzero_any.next = self.nonzero_any.val() | self.lane[i].nonzero_o.val();
            self.saturated.next = self.lane[i].saturated_o.val();
            self.saturations.next =
                self.saturations.val() + bit_cast::<6, 1>(self.saturated.val().into());
        }
        self.saturations_o.next = self.saturations.val();
        // Of NEURON_BACK one step's errors are read, of its memory.
        for i in 0..self._more {
            self.dot.error1_i[i].next = self.error1_i[i].val();
            self.dot.error2_i[i].next = self.error2_i[i].val();
            self.dot.error3_i[i].next = self.error3_i[i].val();
            self.stored.next = self.error0_i[i].val();
            if self.step.q.val() == bits::<2>(1) {
                self.stored.next = self.error1_i[i].val();
            }
            if self.step.q.val() == bits::<2>(2) {
                self.stored.next = self.error2_i[i].val();
            }
            if self.step.q.val() == bits::<2>(3) {
                self.stored.next = self.error3_i[i].val();
            }
            self.lane[i].error_i.next = self.stored.val();
        }

        // Errors step by step, the non-zero word with step 0.
        self.written_late.valid_i.next = self.step_valid.q.val();
        self.written_late.data_i.next = (bit_cast::<22, 20>(self.walker.target_o.val()) << 2)
            | bit_cast::<22, 2>(self.step.q.val());
        self.error_wen_o.next = self.written_late.valid_o.val();
        self.error_waddr_o.next =
            (self.target_errors.val() << 2) + self.written_late.data_o.val().get_bits::<20>(0);
        self.nonzero_word.next = self.nonzero.q.val()
            | (bit_cast::<4, 1>(self.nonzero_any.val().into())
                << self.written_late.data_o.val().get_bits::<2>(0));
        self.written.next = self.written_late.valid_o.val()
            & !self.written_late.data_o.val().get_bits::<2>(0).any();
        if self.written_late.valid_o.val() {
            self.nonzero.d.next = self.nonzero_word.val();
        }
        if self.written.val() {
            self.nonzero.d.next = bits::<4>(0);
        }
        self.nonzero_wen_o.next = self.written.val();
        self.nonzero_waddr_o.next =
            self.target_planes.val() + self.written_late.data_o.val().get_bits::<20>(2);
        self.nonzero_o.next = self.nonzero_word.val();

        // Words between the walker and their non-zero word.
        self.taken.next = self.reader.valid_o.val() & self.walker.ready_o.val();
        if self.taken.val() & !self.written.val() {
            self.words.d.next = self.words.q.val() + 1;
        }
        if !self.taken.val() & self.written.val() {
            self.words.d.next = self.words.q.val() - 1;
        }
        self.done_o.next = self.busy_i.val()
            & (!self.start_i.val() & (!self.reader.busy_o.val() & !self.words.q.val().any()));
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name(
            "backward_engine",
            &[
                ("p", P),
                ("planes", self._plane_bits),
                ("errors", self._error_bits),
                ("max", self._error_max_exp),
                ("steps", self._steps),
            ],
        )
    }
}
