use super::InstructionQueue;
use crate::prim::{ClockGate, Pipe, Reg, module_name};
use backspike_arch::layout::Op;
use rust_hdl::prelude::*;

/// Takes the instructions of one engine in order, one at a time: waits for tokens, posts them, and
/// starts the engine.
///
/// An engine instruction at the head in cycle `c` reads the descriptor in `c` and starts the engine in
/// `c + 1`; `busy_o` is high from then to the engine's `done_i`, which comes when all of its writes are in
/// memory. The head may be taken in the cycle after `done_i`. WAIT and POST take one cycle each, WAIT
/// more while its counter is 0.
#[derive(LogicBlock)]
pub struct Sequencer {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    // From the host port.
    pub push_i: Signal<In, Bit>,
    pub push_data_i: Signal<In, Bits<64>>,
    pub full_o: Signal<Out, Bit>,
    // Tokens.
    pub post_o: Signal<Out, Bit>,
    pub take_o: Signal<Out, Bit>,
    pub token_o: Signal<Out, Bits<7>>,
    pub grant_i: Signal<In, Bit>,
    // Descriptor table.
    pub slice_o: Signal<Out, Bits<8>>,
    pub slice_ren_o: Signal<Out, Bit>,
    // Engine. Operation, slot, argument and immediate are stable from `start_o` to `done_i`.
    pub start_o: Signal<Out, Bit>,
    pub busy_o: Signal<Out, Bit>,
    pub done_i: Signal<In, Bit>,
    pub op_o: Signal<Out, Bits<4>>,
    pub slot_o: Signal<Out, Bits<8>>,
    pub arg_o: Signal<Out, Bits<12>>,
    pub imm_o: Signal<Out, Bits<32>>,
    /// In WAIT.
    pub wait_o: Signal<Out, Bit>,
    /// One cycle for every instruction dropped because it is not one of this engine's.
    pub illegal_o: Signal<Out, Bit>,

    queue: InstructionQueue,
    busy: Reg<Bit>,
    start: Reg<Bit>,
    gate: ClockGate,
    op: Pipe<Bits<4>>,
    slot: Pipe<Bits<8>>,
    arg: Pipe<Bits<12>>,
    imm: Pipe<Bits<32>>,
    head: Signal<Local, Bits<64>>,
    head_op: Signal<Local, Bits<4>>,
    ready: Signal<Local, Bit>,
    waits: Signal<Local, Bit>,
    posts: Signal<Local, Bit>,
    works: Signal<Local, Bit>,
    mine: Signal<Local, Bits<16>>,
    ops: Constant<Bits<16>>,
    op_wait: Constant<Bits<4>>,
    op_post: Constant<Bits<4>>,
    _depth: usize,
    _ops: usize,
}

impl Sequencer {
    /// A sequencer with a queue of `depth` instructions for an engine with the operations `ops`.
    pub fn new(depth: usize, ops: &[u8]) -> Self {
        let ops = ops.iter().fold(0, |mask, op| mask | 1 << op);
        Self {
            clock: Default::default(),
            reset: Default::default(),
            push_i: Default::default(),
            push_data_i: Default::default(),
            full_o: Default::default(),
            post_o: Default::default(),
            take_o: Default::default(),
            token_o: Default::default(),
            grant_i: Default::default(),
            slice_o: Default::default(),
            slice_ren_o: Default::default(),
            start_o: Default::default(),
            busy_o: Default::default(),
            done_i: Default::default(),
            op_o: Default::default(),
            slot_o: Default::default(),
            arg_o: Default::default(),
            imm_o: Default::default(),
            wait_o: Default::default(),
            illegal_o: Default::default(),
            queue: InstructionQueue::new(depth),
            gate: Default::default(),
            busy: Default::default(),
            start: Default::default(),
            op: Default::default(),
            slot: Default::default(),
            arg: Default::default(),
            imm: Default::default(),
            head: Default::default(),
            head_op: Default::default(),
            ready: Default::default(),
            waits: Default::default(),
            posts: Default::default(),
            works: Default::default(),
            mine: Default::default(),
            ops: Constant::new(ops.into()),
            op_wait: Constant::new((Op::Wait as u64).into()),
            op_post: Constant::new((Op::Post as u64).into()),
            _depth: depth,
            _ops: ops as usize,
        }
    }
}

impl Logic for Sequencer {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, busy, start);
        // The clock of what the engine's instruction is.
        self.gate.clock.next = self.clock.val();
        self.op.clock.next = self.gate.clock_o.val();
        self.slot.clock.next = self.gate.clock_o.val();
        self.arg.clock.next = self.gate.clock_o.val();
        self.imm.clock.next = self.gate.clock_o.val();
        self.op.d.next = self.op.q.val();
        self.slot.d.next = self.slot.q.val();
        self.arg.d.next = self.arg.q.val();
        self.imm.d.next = self.imm.q.val();
        self.queue.clock.next = self.clock.val();
        self.queue.reset.next = self.reset.val();
        self.queue.push_i.next = self.push_i.val();
        self.queue.data_i.next = self.push_data_i.val();
        self.full_o.next = self.queue.full_o.val();

        self.head.next = self.queue.head_o.val();
        self.head_op.next = self.head.val().get_bits::<4>(0);
        self.ready.next = self.queue.valid_o.val() & !self.busy.q.val();
        self.waits.next = self.ready.val() & (self.head_op.val() == self.op_wait.val());
        self.posts.next = self.ready.val() & (self.head_op.val() == self.op_post.val());
        self.mine.next = self.ops.val() >> self.head_op.val();
        self.works.next = self.ready.val() & self.mine.val().get_bit(0);

        self.take_o.next = self.waits.val();
        self.post_o.next = self.posts.val();
        self.token_o.next = self.head.val().get_bits::<7>(20);
        self.wait_o.next = self.waits.val();
        self.illegal_o.next =
            self.ready.val() & !(self.waits.val() | (self.posts.val() | self.works.val()));
        self.queue.pop_i.next = self.ready.val() & (!self.waits.val() | self.grant_i.val());

        self.slice_o.next = self.head.val().get_bits::<8>(4);
        self.slice_ren_o.next = self.works.val();
        self.start.d.next = self.works.val();
        self.gate.run_i.next = self.works.val();
        if self.works.val() {
            self.busy.d.next = true;
            self.op.d.next = self.head_op.val();
            self.slot.d.next = self.head.val().get_bits::<8>(12);
            self.arg.d.next = self.head.val().get_bits::<12>(20);
            self.imm.d.next = self.head.val().get_bits::<32>(32);
        }
        if self.busy.q.val() & self.done_i.val() {
            self.busy.d.next = false;
        }
        self.start_o.next = self.start.q.val();
        self.busy_o.next = self.busy.q.val();
        self.op_o.next = self.op.q.val();
        self.slot_o.next = self.slot.q.val();
        self.arg_o.next = self.arg.q.val();
        self.imm_o.next = self.imm.q.val();
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("sequencer", &[("d", self._depth), ("ops", self._ops)])
    }
}
