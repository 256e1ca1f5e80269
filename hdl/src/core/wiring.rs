use super::Core;
use crate::prim::module_name;
use backspike_arch::layout::Counter;
use rust_hdl::prelude::*;

// The kernel numbers the counters in their order.
const _: () = assert!(Counter::Cycles as usize == 0);
const _: () = assert!(Counter::FpBusy as usize == 1);
const _: () = assert!(Counter::FpWait as usize == 2);
const _: () = assert!(Counter::FpEvents as usize == 3);
const _: () = assert!(Counter::FpVisits as usize == 4);
const _: () = assert!(Counter::FpWords as usize == 5);
const _: () = assert!(Counter::FpZeroWords as usize == 6);
const _: () = assert!(Counter::FpTileBlocks as usize == 7);
const _: () = assert!(Counter::FpMembraneWords as usize == 8);
const _: () = assert!(Counter::BpBusy as usize == 9);
const _: () = assert!(Counter::BpWait as usize == 10);
const _: () = assert!(Counter::BpEvents as usize == 11);
const _: () = assert!(Counter::BpVisits as usize == 12);
const _: () = assert!(Counter::BpWords as usize == 13);
const _: () = assert!(Counter::BpErrorReads as usize == 14);
const _: () = assert!(Counter::BpErrorWrites as usize == 15);
const _: () = assert!(Counter::BpSaturations as usize == 16);
const _: () = assert!(Counter::BpSkipped as usize == 17);
const _: () = assert!(Counter::WgBusy as usize == 18);
const _: () = assert!(Counter::WgWait as usize == 19);
const _: () = assert!(Counter::WgEvents as usize == 20);
const _: () = assert!(Counter::WgVisits as usize == 21);
const _: () = assert!(Counter::WgWords as usize == 22);
const _: () = assert!(Counter::WgZeroWords as usize == 23);
const _: () = assert!(Counter::WgErrorReads as usize == 24);
const _: () = assert!(Counter::WgSkipped as usize == 25);
const _: () = assert!(Counter::WgUpdateBusy as usize == 26);
const _: () = assert!(Counter::WgUpdateRows as usize == 27);
const _: () = assert!(Counter::IoWait as usize == 28);
const _: () = assert!(Counter::IoWords as usize == 29);
const _: () = assert!(Counter::IoStalled as usize == 30);
const _: () = assert!(Counter::HostWrites as usize == 31);
const _: () = assert!(Counter::HostStalled as usize == 32);

impl<const P: usize> Logic for Core<P> {
    #[hdl_gen]
    fn update(&mut self) {
        self.host_port.clock.next = self.clock.val();
        self.host_port.reset.next = self.reset.val();
        self.tokens.clock.next = self.clock.val();
        self.tokens.reset.next = self.reset.val();
        self.registers.clock.next = self.clock.val();
        self.registers.reset.next = self.reset.val();
        self.fp_gate.clock.next = self.clock.val();
        self.fp_gate.run_i.next = self.fp_front.busy_o.val() | self.reset.val();
        self.bp_gate.clock.next = self.clock.val();
        self.bp_gate.run_i.next = self.bp_front.busy_o.val() | self.reset.val();
        self.wg_gate.clock.next = self.clock.val();
        self.update_gate.clock.next = self.clock.val();
        self.fp.clock.next = self.fp_gate.clock_o.val();
        self.fp.reset.next = self.reset.val();
        self.bp.clock.next = self.bp_gate.clock_o.val();
        self.bp.reset.next = self.reset.val();
        self.wg.clock.next = self.wg_gate.clock_o.val();
        self.wg.reset.next = self.reset.val();
        self.update_engine.clock.next = self.update_gate.clock_o.val();
        self.update_engine.reset.next = self.reset.val();
        self.push_engine.clock.next = self.clock.val();
        self.push_engine.reset.next = self.reset.val();
        self.weight.clock.next = self.clock.val();
        self.state.clock.next = self.clock.val();
        self.gradient.clock.next = self.clock.val();
        self.spike_writer.clock.next = self.clock.val();
        self.spike_fp.clock.next = self.clock.val();
        self.spike_wg.clock.next = self.clock.val();
        self.trace_spike.clock.next = self.clock.val();
        self.trace_code0.clock.next = self.clock.val();
        self.trace_code1.clock.next = self.clock.val();
        self.nonzero_bp.clock.next = self.clock.val();
        self.nonzero_wg.clock.next = self.clock.val();
        self.error_bp.clock.next = self.clock.val();
        self.error_wg.clock.next = self.clock.val();
        self.membrane.clock.next = self.clock.val();

        // Host to queues, tables and memories.
        self.host_port.valid_i.next = self.host_valid_i.val();
        self.host_port.addr_i.next = self.host_addr_i.val();
        self.host_port.data_i.next = self.host_data_i.val();
        self.host_ready_o.next = self.host_port.ready_o.val();
        self.host_port.weight_ready_i.next = self.weight.host_ready_o.val();
        self.host_port.state_ready_i.next = self.state_writer.host_ready_o.val();
        self.host_port.spike_ready_i.next = self.spike_writer.host_ready_o.val();
        self.host_port.error_ready_i.next = self.error_writer.host_ready_o.val();
        self.host_port.nonzero_ready_i.next = !self.bp.nonzero_wen_o.val();
        self.host_port.queue_full_i.next = (bit_cast::<4, 1>(self.fp_front.full_o.val().into())
            | (bit_cast::<4, 1>(self.bp_front.full_o.val().into()) << 1))
            | ((bit_cast::<4, 1>(self.wg_front.full_o.val().into()) << 2)
                | (bit_cast::<4, 1>(self.io_front.full_o.val().into()) << 3));
        self.tokens.token4_i.next = self.host_port.row_o.val().get_bits::<7>(0);
        self.fp_front.clock.next = self.clock.val();
        self.fp_front.reset.next = self.reset.val();
        self.fp_front.push_i.next = self.host_port.queue_push_o.val().get_bit(0);
        self.fp_front.low_i.next = self.host_data_i.val();
        self.fp_front.imm_i.next = self.host_port.queue_imm_o.val();
        self.fp_front.table_write_i.next = self.host_port.table_write_o.val().get_bit(0);
        self.fp_front.row_i.next = self.host_port.row_o.val();
        self.fp_front.sub_i.next = self.host_port.sub_o.val();
        self.fp_front.grant_i.next = self.tokens.grant_o.val().get_bit(0);
        self.tokens.token0_i.next = self.fp_front.token_o.val();
        self.bp_front.clock.next = self.clock.val();
        self.bp_front.reset.next = self.reset.val();
        self.bp_front.push_i.next = self.host_port.queue_push_o.val().get_bit(1);
        self.bp_front.low_i.next = self.host_data_i.val();
        self.bp_front.imm_i.next = self.host_port.queue_imm_o.val();
        self.bp_front.table_write_i.next = self.host_port.table_write_o.val().get_bit(1);
        self.bp_front.row_i.next = self.host_port.row_o.val();
        self.bp_front.sub_i.next = self.host_port.sub_o.val();
        self.bp_front.grant_i.next = self.tokens.grant_o.val().get_bit(1);
        self.tokens.token1_i.next = self.bp_front.token_o.val();
        self.wg_front.clock.next = self.clock.val();
        self.wg_front.reset.next = self.reset.val();
        self.wg_front.push_i.next = self.host_port.queue_push_o.val().get_bit(2);
        self.wg_front.low_i.next = self.host_data_i.val();
        self.wg_front.imm_i.next = self.host_port.queue_imm_o.val();
        self.wg_front.table_write_i.next = self.host_port.table_write_o.val().get_bit(2);
        self.wg_front.row_i.next = self.host_port.row_o.val();
        self.wg_front.sub_i.next = self.host_port.sub_o.val();
        self.wg_front.grant_i.next = self.tokens.grant_o.val().get_bit(2);
        self.tokens.token2_i.next = self.wg_front.token_o.val();
        self.io_front.clock.next = self.clock.val();
        self.io_front.reset.next = self.reset.val();
        self.io_front.push_i.next = self.host_port.queue_push_o.val().get_bit(3);
        self.io_front.low_i.next = self.host_data_i.val();
        self.io_front.imm_i.next = self.host_port.queue_imm_o.val();
        self.io_front.table_write_i.next = self.host_port.table_write_o.val().get_bit(3);
        self.io_front.row_i.next = self.host_port.row_o.val();
        self.io_front.sub_i.next = self.host_port.sub_o.val();
        self.io_front.grant_i.next = self.tokens.grant_o.val().get_bit(3);
        self.tokens.token3_i.next = self.io_front.token_o.val();
        self.tokens.post_i.next = ((bit_cast::<5, 1>(self.fp_front.post_o.val().into())
            | (bit_cast::<5, 1>(self.bp_front.post_o.val().into()) << 1))
            | ((bit_cast::<5, 1>(self.wg_front.post_o.val().into()) << 2)
                | (bit_cast::<5, 1>(self.io_front.post_o.val().into()) << 3)))
            | (bit_cast::<5, 1>(self.host_port.token_post_o.val().into()) << 4);
        self.tokens.take_i.next = (bit_cast::<4, 1>(self.fp_front.take_o.val().into())
            | (bit_cast::<4, 1>(self.bp_front.take_o.val().into()) << 1))
            | ((bit_cast::<4, 1>(self.wg_front.take_o.val().into()) << 2)
                | (bit_cast::<4, 1>(self.io_front.take_o.val().into()) << 3));

        // Queues to engines. ACCUMULATE, UPDATE and CLEAR share a queue.
        self.accumulate.next = self.wg_front.op_o.val() == self.op_accumulate.val();
        self.wg_accumulates.next = self.wg_front.busy_o.val() & self.accumulate.val();
        self.wg_updates.next = self.wg_front.busy_o.val() & !self.accumulate.val();
        self.wg_gate.run_i.next = self.wg_accumulates.val() | self.reset.val();
        self.update_gate.run_i.next = self.wg_updates.val() | self.reset.val();
        self.fp.start_i.next = self.fp_front.start_o.val();
        self.fp.busy_i.next = self.fp_front.busy_o.val();
        self.fp.slot_i.next = self.fp_front.slot_o.val();
        self.fp_front.done_i.next = self.fp.done_o.val();
        self.bp.start_i.next = self.bp_front.start_o.val();
        self.bp.busy_i.next = self.bp_front.busy_o.val();
        self.bp.backprop_i.next = self.bp_front.op_o.val() == self.op_backprop.val();
        self.bp.slot_i.next = self.bp_front.slot_o.val();
        self.bp_front.done_i.next = self.bp.done_o.val();
        self.wg.start_i.next = self.wg_front.start_o.val() & self.accumulate.val();
        self.wg.busy_i.next = self.wg_accumulates.val();
        self.wg.slot_i.next = self.wg_front.slot_o.val();
        self.wg.further_i.next = self.wg_front.arg_o.val().get_bits::<3>(0);
        self.update_engine.start_i.next = self.wg_front.start_o.val() & !self.accumulate.val();
        self.update_engine.busy_i.next = self.wg_updates.val();
        self.update_engine.clear_i.next = self.wg_front.op_o.val() == self.op_clear.val();
        self.update_engine.arg_i.next = self.wg_front.arg_o.val();
        self.update_engine.imm_i.next = self.wg_front.imm_o.val();
        self.wg_front.done_i.next = self.wg.done_o.val() | self.update_engine.done_o.val();
        self.push_engine.start_i.next = self.io_front.start_o.val();
        self.push_engine.busy_i.next = self.io_front.busy_o.val();
        self.push_engine.slot_i.next = self.io_front.slot_o.val();
        self.io_front.done_i.next = self.push_engine.done_o.val();
        for i in 0..self._fp_columns {
            self.fp.column_i[i].next = self.fp_front.column_o[i].val();
        }
        for i in 0..self._bp_columns {
            self.bp.column_i[i].next = self.bp_front.column_o[i].val();
        }
        for i in 0..self._wg_columns {
            self.wg.column_i[i].next = self.wg_front.column_o[i].val();
            self.update_engine.column_i[i].next = self.wg_front.column_o[i].val();
        }
        for i in 0..self._io_columns {
            self.push_engine.column_i[i].next = self.io_front.column_o[i].val();
        }

        // What pushes may read in this cycle; one bit per region. 0xe00: membranes and registers, which only pushes read, and tokens,
        // of which there is nothing to read. 0x020, 0x080, 0x100: spikes, non-zero words and errors, whose copy is WG's, when WG reads
        // none. The rest when its owner runs nothing: 0x018, state and gradients, WG; 0x004, weights, whose port B serves BP and WG;
        // 0x040, traces, BP.
        self.reads.next = self.push_engine.read_o.val();
        self.free.next = bits::<16>(0xe00);
        if !self.wg.plane_ren_o.val() {
            self.free.next = self.free.val() | bits::<16>(0x020);
        }
        if !self.wg.nonzero_ren_o.val() {
            self.free.next = self.free.val() | bits::<16>(0x080);
        }
        if !self.wg.error_ren_o.val() {
            self.free.next = self.free.val() | bits::<16>(0x100);
        }
        if !self.wg_front.busy_o.val() {
            self.free.next = self.free.val() | bits::<16>(0x018);
            if !self.bp_front.busy_o.val() {
                self.free.next = self.free.val() | bits::<16>(0x004);
            }
        }
        if !self.bp_front.busy_o.val() {
            self.free.next = self.free.val() | bits::<16>(0x040);
        }
        self.push_engine.free_i.next = self.free.val();
        self.push_engine.spike_i.next = self.spike_wg.rdata_o.val();
        self.push_engine.trace_spike_i.next = self.trace_spike.rdata_o.val();
        self.push_engine.trace_code0_i.next = self.trace_code0.rdata_o.val();
        self.push_engine.trace_code1_i.next = self.trace_code1.rdata_o.val();
        self.push_engine.nonzero_i.next = self.nonzero_wg.rdata_o.val();
        self.push_engine.register_i.next = self.registers.data_o.val();
        self.push_valid_o.next = self.push_engine.valid_o.val();
        self.push_engine.ready_i.next = self.push_ready_i.val();
        self.push_addr_o.next = self.push_engine.addr_o.val();
        self.push_data_o.next = self.push_engine.data_o.val();
        self.push_last_o.next = self.push_engine.last_o.val();
        self.push_nodes_o.next = self.push_engine.nodes_o.val();

        // Rows of weights, state and gradients.
        self.weight.forward_ren_i.next = self.fp.weight_ren_o.val();
        self.weight.forward_addr_i.next = self.fp.weight_addr_o.val();
        self.weight.backward_ren_i.next = self.bp.weight_ren_o.val();
        self.weight.backward_addr_i.next = self.bp.weight_addr_o.val();
        self.weight.update_ren_i.next = self.update_engine.ren_o.val();
        self.weight.update_hold_i.next = self.update_engine.hold_o.val();
        self.weight.update_raddr_i.next = self.update_engine.addr_o.val();
        self.weight.push_ren_i.next = self.reads.val().get_bit(2);
        self.weight.push_addr_i.next = self.push_engine.row_o.val();
        self.weight.update_wen_i.next = self.update_engine.weight_wen_o.val();
        self.weight.update_waddr_i.next = self.update_engine.waddr_o.val();
        self.weight.host_valid_i.next = self.host_port.weight_valid_o.val();
        self.weight.host_row_i.next = self.host_port.row_o.val();
        self.weight.host_sub_i.next = self.host_port.sub_o.val();
        self.weight.host_data_i.next = self.host_data_i.val();
        self.state_writer.wen_i.next = self.update_engine.wen_o.val();
        self.state_writer.waddr_i.next = self.update_engine.waddr_o.val();
        self.state_writer.host_valid_i.next = self.host_port.state_valid_o.val();
        self.state_writer.host_row_i.next = self.host_port.row_o.val();
        self.state_writer.host_sub_i.next = self.host_port.sub_o.val();
        self.state_writer.host_data_i.next = self.host_data_i.val();
        self.state.waddr_i.next = self.state_writer.waddr_o.val();
        self.state.ren_i.next = self.update_engine.ren_o.val() | self.reads.val().get_bit(3);
        self.state.raddr_i.next = self.push_engine.row_o.val();
        self.gradient.ren_i.next = self.wg.gradient_ren_o.val()
            | (self.update_engine.ren_o.val() | self.reads.val().get_bit(4));
        self.gradient.raddr_i.next = self.push_engine.row_o.val();
        self.gradient.waddr_i.next = self.update_engine.waddr_o.val();
        if self.wg_updates.val() {
            self.state.raddr_i.next = self.update_engine.addr_o.val();
            self.gradient.raddr_i.next = self.update_engine.addr_o.val();
        }
        if self.wg_accumulates.val() {
            self.gradient.raddr_i.next = self.wg.gradient_addr_o.val();
            self.gradient.waddr_i.next = self.wg.gradient_waddr_o.val();
        }
        for i in 0..self._lanes {
            self.fp.weight_i[i].next = self.weight.forward_o[i].val();
            self.bp.weight_i[i].next = self.weight.data_o[i].val();
            self.update_engine.weight_i[i].next = self.weight.data_o[i].val();
            self.push_engine.weight_i[i].next = self.weight.data_o[i].val();
            self.weight.update_i[i].next = self.update_engine.weight_o[i].val();
            self.state_writer.wdata_i[i].next = self.update_engine.state_o[i].val();
            self.state.wen_i[i].next = self.state_writer.wen_o[i].val();
            self.state.wdata_i[i].next = self.state_writer.wdata_o[i].val();
            self.update_engine.state_i[i].next = self.state.data_o[i].val();
            self.push_engine.state_i[i].next = self.state.data_o[i].val();
            self.gradient.wen_i[i].next =
                self.wg.gradient_wen_o.val() | self.update_engine.wen_o.val();
            self.gradient.wdata_i[i].next = bits::<32>(0);
            if self.wg_accumulates.val() {
                self.gradient.wdata_i[i].next = self.wg.gradient_o[i].val();
            }
            self.wg.gradient_i[i].next = self.gradient.data_o[i].val();
            self.update_engine.gradient_i[i].next = self.gradient.data_o[i].val();
            self.push_engine.gradient_i[i].next = self.gradient.data_o[i].val();
        }

        // Spike and trace words.
        self.spike_writer.wen_i.next = self.fp.plane_wen_o.val();
        self.spike_writer.waddr_i.next = self.fp.plane_waddr_o.val();
        self.spike_writer.wdata_i.next = self.fp.spike_o.val();
        self.spike_writer.host_valid_i.next = self.host_port.spike_valid_o.val();
        self.spike_writer.host_row_i.next = self.host_port.row_o.val();
        self.spike_writer.host_sub_i.next = self.host_port.sub_o.val();
        self.spike_writer.host_data_i.next = self.host_data_i.val();
        self.spike_fp.ren_i.next = self.fp.plane_ren_o.val();
        self.spike_fp.raddr_i.next = self.fp.plane_addr_o.val();
        self.fp.plane_i.next = self.spike_fp.rdata_o.val();
        self.spike_fp.wen_i.next = self.spike_writer.wen_o.val();
        self.spike_fp.waddr_i.next = self.spike_writer.waddr_o.val();
        self.spike_fp.wdata_i.next = self.spike_writer.wdata_o.val();
        self.spike_wg.ren_i.next = self.wg.plane_ren_o.val() | self.reads.val().get_bit(5);
        self.spike_wg.raddr_i.next = self.push_engine.row_o.val();
        self.nonzero_wg.ren_i.next = self.wg.nonzero_ren_o.val() | self.reads.val().get_bit(7);
        self.nonzero_wg.raddr_i.next = self.push_engine.row_o.val();
        self.error_wg.ren_i.next = self.wg.error_ren_o.val() | self.reads.val().get_bit(8);
        self.error_wg.raddr_i.next = self.push_engine.row_o.val();
        if self.wg.plane_ren_o.val() {
            self.spike_wg.raddr_i.next = self.wg.plane_addr_o.val();
        }
        if self.wg.nonzero_ren_o.val() {
            self.nonzero_wg.raddr_i.next = self.wg.nonzero_addr_o.val();
        }
        if self.wg.error_ren_o.val() {
            self.error_wg.raddr_i.next = self.wg.error_addr_o.val();
        }
        // WG waits with a word of spikes, and with a non-zero word, until the walker takes it; errors it uses in the next cycle.
        self.spike_kept.clock.next = self.clock.val();
        self.spike_kept.reset.next = self.reset.val();
        self.spike_kept.read_i.next = self.wg.plane_ren_o.val();
        self.spike_kept.other_i.next = self.reads.val().get_bit(5);
        self.spike_kept.data_i.next = self.spike_wg.rdata_o.val();
        self.wg.plane_i.next = self.spike_kept.word_o.val();
        self.nonzero_kept.clock.next = self.clock.val();
        self.nonzero_kept.reset.next = self.reset.val();
        self.nonzero_kept.read_i.next = self.wg.nonzero_ren_o.val();
        self.nonzero_kept.other_i.next = self.reads.val().get_bit(7);
        self.nonzero_kept.data_i.next = self.nonzero_wg.rdata_o.val();
        self.spike_wg.wen_i.next = self.spike_writer.wen_o.val();
        self.spike_wg.waddr_i.next = self.spike_writer.waddr_o.val();
        self.spike_wg.wdata_i.next = self.spike_writer.wdata_o.val();
        self.trace_spike.ren_i.next = self.bp.trace_ren_o.val() | self.reads.val().get_bit(6);
        self.trace_spike.raddr_i.next = self.push_engine.row_o.val();
        if self.bp_front.busy_o.val() {
            self.trace_spike.raddr_i.next = self.bp.trace_addr_o.val();
        }
        self.trace_spike.wen_i.next = self.fp.plane_wen_o.val();
        self.trace_spike.waddr_i.next = self.fp.plane_waddr_o.val();
        self.trace_spike.wdata_i.next = self.fp.spike_o.val();
        self.bp.spike_i.next = self.trace_spike.rdata_o.val();
        self.trace_code0.ren_i.next = self.bp.trace_ren_o.val() | self.reads.val().get_bit(6);
        self.trace_code0.raddr_i.next = self.push_engine.row_o.val();
        if self.bp_front.busy_o.val() {
            self.trace_code0.raddr_i.next = self.bp.trace_addr_o.val();
        }
        self.trace_code0.wen_i.next = self.fp.plane_wen_o.val();
        self.trace_code0.waddr_i.next = self.fp.plane_waddr_o.val();
        self.trace_code0.wdata_i.next = self.fp.code0_o.val();
        self.bp.code0_i.next = self.trace_code0.rdata_o.val();
        self.trace_code1.ren_i.next = self.bp.trace_ren_o.val() | self.reads.val().get_bit(6);
        self.trace_code1.raddr_i.next = self.push_engine.row_o.val();
        if self.bp_front.busy_o.val() {
            self.trace_code1.raddr_i.next = self.bp.trace_addr_o.val();
        }
        self.trace_code1.wen_i.next = self.fp.plane_wen_o.val();
        self.trace_code1.waddr_i.next = self.fp.plane_waddr_o.val();
        self.trace_code1.wdata_i.next = self.fp.code1_o.val();
        self.bp.code1_i.next = self.trace_code1.rdata_o.val();

        // Errors, non-zero words and membranes.
        self.error_writer.wen_i.next = self.bp.error_wen_o.val();
        self.error_writer.waddr_i.next = self.bp.error_waddr_o.val();
        self.error_writer.host_valid_i.next = self.host_port.error_valid_o.val();
        self.error_writer.host_row_i.next = self.host_port.row_o.val();
        self.error_writer.host_sub_i.next = self.host_port.sub_o.val();
        self.error_writer.host_data_i.next = self.host_data_i.val();
        self.error_bp.ren_i.next = self.bp.error_ren_o.val();
        self.error_bp.raddr_i.next = self.bp.error_addr_o.val();
        self.error_bp.waddr_i.next = self.error_writer.waddr_o.val();
        self.error_wg.waddr_i.next = self.error_writer.waddr_o.val();
        self.membrane.ren_i.next = self.reads.val().get_bit(9);
        self.membrane.raddr_i.next = self.push_engine.row_o.val();
        self.membrane.waddr_i.next = self.fp.membrane_waddr_o.val();
        for i in 0..self._lanes {
            self.error_writer.wdata_i[i].next = self.bp.error_o[i].val();
            self.error_bp.wen_i[i].next = self.error_writer.wen_o[i].val();
            self.error_bp.wdata_i[i].next = self.error_writer.wdata_o[i].val();
            self.error_wg.wen_i[i].next = self.error_writer.wen_o[i].val();
            self.error_wg.wdata_i[i].next = self.error_writer.wdata_o[i].val();
            self.bp.error0_i[i].next = self.error_bp.data0_o[i].val();
            self.wg.error_i[i].next = self.error_wg.data_o[i].val();
            self.push_engine.error_i[i].next = self.error_wg.data_o[i].val();
            self.membrane.wen_i[i].next = self.fp.membrane_wen_o.val();
            self.membrane.wdata_i[i].next = self.fp.membrane_o[i].val();
            self.push_engine.membrane_i[i].next = self.membrane.data_o[i].val();
        }
        for i in 0..self._more {
            self.bp.error1_i[i].next = self.error_bp.data1_o[i].val();
            self.bp.error2_i[i].next = self.error_bp.data2_o[i].val();
            self.bp.error3_i[i].next = self.error_bp.data3_o[i].val();
        }
        self.nonzero_bp.ren_i.next = self.bp.nonzero_ren_o.val();
        self.nonzero_bp.raddr_i.next = self.bp.nonzero_addr_o.val();
        self.nonzero_wen.next = self.bp.nonzero_wen_o.val() | self.host_port.nonzero_valid_o.val();
        self.nonzero_waddr.next = self.host_port.row_o.val();
        self.nonzero_word.next = self.host_data_i.val().get_bits::<4>(0);
        if self.bp.nonzero_wen_o.val() {
            self.nonzero_waddr.next = self.bp.nonzero_waddr_o.val();
            self.nonzero_word.next = self.bp.nonzero_o.val();
        }
        self.nonzero_bp.wen_i.next = self.nonzero_wen.val();
        self.nonzero_bp.waddr_i.next = self.nonzero_waddr.val();
        self.nonzero_bp.wdata_i.next = self.nonzero_word.val();
        self.nonzero_wg.wen_i.next = self.nonzero_wen.val();
        self.nonzero_wg.waddr_i.next = self.nonzero_waddr.val();
        self.nonzero_wg.wdata_i.next = self.nonzero_word.val();
        self.bp.nonzero_i.next = self.nonzero_bp.rdata_o.val();
        self.wg.nonzero_i.next = self.nonzero_kept.word_o.val();

        // Registers.
        self.registers.ren_i.next = self.reads.val().get_bit(10);
        self.registers.index_i.next = self.push_engine.row_o.val();
        self.registers.status_i.next = (bit_cast::<8, 1>(self.weight.conflict_a_o.val().into())
            | (bit_cast::<8, 1>(self.weight.conflict_b_o.val().into()) << 1))
            | ((bit_cast::<8, 1>(self.fp_front.illegal_o.val().into()) << 4)
                | (bit_cast::<8, 1>(self.bp_front.illegal_o.val().into()) << 5))
            | ((bit_cast::<8, 1>(self.wg_front.illegal_o.val().into()) << 6)
                | (bit_cast::<8, 1>(self.io_front.illegal_o.val().into()) << 7))
            | (bit_cast::<8, 1>(self.push_engine.illegal_o.val().into()) << 7);
        self.registers.count_i[0].next = bits::<6>(1);
        self.registers.count_i[1].next = bit_cast::<6, 1>(self.fp_front.busy_o.val().into());
        self.registers.count_i[2].next = bit_cast::<6, 1>(self.fp_front.wait_o.val().into());
        self.registers.count_i[3].next = self.fp.events_o.val();
        self.registers.count_i[4].next = bit_cast::<6, 1>(self.fp.weight_ren_o.val().into());
        self.registers.count_i[5].next = bit_cast::<6, 1>(self.fp.plane_ren_o.val().into());
        self.registers.count_i[6].next = bit_cast::<6, 1>(self.fp.zero_o.val().into());
        self.registers.count_i[7].next = bit_cast::<6, 1>(self.fp.plane_wen_o.val().into());
        self.registers.count_i[8].next = bit_cast::<6, 1>(self.fp.membrane_wen_o.val().into());
        self.registers.count_i[9].next = bit_cast::<6, 1>(self.bp_front.busy_o.val().into());
        self.registers.count_i[10].next = bit_cast::<6, 1>(self.bp_front.wait_o.val().into());
        self.registers.count_i[11].next = self.bp.events_o.val();
        self.registers.count_i[12].next = bit_cast::<6, 1>(self.bp.weight_ren_o.val().into());
        self.registers.count_i[13].next = bit_cast::<6, 1>(self.bp.trace_ren_o.val().into());
        self.registers.count_i[14].next = self.bp.error_reads_o.val();
        self.registers.count_i[15].next = bit_cast::<6, 1>(self.bp.error_wen_o.val().into());
        self.registers.count_i[16].next = self.bp.saturations_o.val();
        self.registers.count_i[17].next = bit_cast::<6, 1>(self.bp.skip_o.val().into());
        self.registers.count_i[18].next = bit_cast::<6, 1>(self.wg_accumulates.val().into());
        self.registers.count_i[19].next = bit_cast::<6, 1>(self.wg_front.wait_o.val().into());
        self.registers.count_i[20].next = self.wg.events_o.val();
        self.registers.count_i[21].next = bit_cast::<6, 1>(self.wg.gradient_ren_o.val().into());
        self.registers.count_i[22].next = bit_cast::<6, 1>(self.wg.plane_ren_o.val().into());
        self.registers.count_i[23].next = bit_cast::<6, 1>(self.wg.zero_o.val().into());
        self.registers.count_i[24].next = bit_cast::<6, 1>(self.wg.error_ren_o.val().into());
        self.registers.count_i[25].next = bit_cast::<6, 1>(self.wg.skip_o.val().into());
        self.registers.count_i[26].next = bit_cast::<6, 1>(self.wg_updates.val().into());
        self.registers.count_i[27].next = bit_cast::<6, 1>(self.update_engine.wen_o.val().into());
        self.registers.count_i[28].next = bit_cast::<6, 1>(self.io_front.wait_o.val().into());
        self.registers.count_i[29].next = bit_cast::<6, 1>(self.push_engine.word_o.val().into());
        self.registers.count_i[30].next = bit_cast::<6, 1>(self.push_engine.stalled_o.val().into());
        self.registers.count_i[31].next = bit_cast::<6, 1>(self.host_port.write_o.val().into());
        self.registers.count_i[32].next = bit_cast::<6, 1>(self.host_port.stalled_o.val().into());
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name(super::TOP, &[])
    }
}
