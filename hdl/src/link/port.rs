use super::{
    FrameReceiver, FrameTransmitter, PushBuffer, UartReceiver, UartTransmitter, WriteBuffer,
};
use crate::prim::{Pipe, Reg, module_name};
use rust_hdl::prelude::*;

/// The serial link's end at the core (docs/architecture/link.md): bytes on two wires to host writes and pushed words, each delivered
/// once and in order whatever the wires lose. It has no timers: the host asks again when it waits in vain.
#[derive(LogicBlock)]
pub struct LinkPort {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    pub uart_rx_i: Signal<In, Bit>,
    pub uart_tx_o: Signal<Out, Bit>,
    /// A session is open; it changes with every frame taken; with every pushed word; a frame was bad since the session began.
    pub status_o: Signal<Out, Bits<4>>,
    // The core.
    pub core_reset_o: Signal<Out, Bit>,
    pub host_valid_o: Signal<Out, Bit>,
    pub host_ready_i: Signal<In, Bit>,
    pub host_addr_o: Signal<Out, Bits<32>>,
    pub host_data_o: Signal<Out, Bits<32>>,
    pub push_valid_i: Signal<In, Bit>,
    pub push_ready_o: Signal<Out, Bit>,
    pub push_addr_i: Signal<In, Bits<32>>,
    pub push_data_i: Signal<In, Bits<32>>,
    pub push_last_i: Signal<In, Bit>,
    uart_receiver: UartReceiver,
    uart_transmitter: UartTransmitter,
    frame_receiver: FrameReceiver,
    frame_transmitter: FrameTransmitter,
    write_buffer: WriteBuffer,
    push_buffer: PushBuffer,
    open: Reg<Bit>,
    session: Pipe<Bits<8>>,
    /// A frame to the host is due; it says that one of the host's was not taken.
    due: Reg<Bit>,
    refused: Reg<Bit>,
    rewind: Reg<Bit>,
    /// Cycles that the core stays in reset when a session begins.
    resetting: Reg<Bits<4>>,
    frames: Reg<Bit>,
    pushes: Reg<Bit>,
    bad: Reg<Bit>,
    hello: Signal<Local, Bit>,
    mine: Signal<Local, Bit>,
    keep: Signal<Local, Bit>,
    flags: Signal<Local, Bits<8>>,
    _baud: usize,
    _clock_mhz: usize,
}

impl LinkPort {
    /// A link of `baud` bits a second in a clock of `clock_mhz`.
    pub fn new(baud: usize, clock_mhz: usize) -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            uart_rx_i: Default::default(),
            uart_tx_o: Default::default(),
            status_o: Default::default(),
            core_reset_o: Default::default(),
            host_valid_o: Default::default(),
            host_ready_i: Default::default(),
            host_addr_o: Default::default(),
            host_data_o: Default::default(),
            push_valid_i: Default::default(),
            push_ready_o: Default::default(),
            push_addr_i: Default::default(),
            push_data_i: Default::default(),
            push_last_i: Default::default(),
            uart_receiver: UartReceiver::new(baud, clock_mhz),
            uart_transmitter: UartTransmitter::new(baud, clock_mhz),
            frame_receiver: Default::default(),
            frame_transmitter: Default::default(),
            write_buffer: Default::default(),
            push_buffer: Default::default(),
            open: Default::default(),
            session: Default::default(),
            due: Default::default(),
            refused: Default::default(),
            rewind: Default::default(),
            resetting: Default::default(),
            frames: Default::default(),
            pushes: Default::default(),
            bad: Default::default(),
            hello: Default::default(),
            mine: Default::default(),
            keep: Default::default(),
            flags: Default::default(),
            _baud: baud,
            _clock_mhz: clock_mhz,
        }
    }
}

impl Logic for LinkPort {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, open, session, due, refused, rewind, resetting, frames, pushes);
        dff_setup!(self, clock, bad);
        self.uart_receiver.clock.next = self.clock.val();
        self.uart_receiver.reset.next = self.reset.val();
        self.uart_transmitter.clock.next = self.clock.val();
        self.uart_transmitter.reset.next = self.reset.val();
        self.frame_receiver.clock.next = self.clock.val();
        self.frame_receiver.reset.next = self.reset.val();
        self.frame_transmitter.clock.next = self.clock.val();
        self.frame_transmitter.reset.next = self.reset.val();
        self.write_buffer.clock.next = self.clock.val();
        self.write_buffer.reset.next = self.reset.val();
        self.push_buffer.clock.next = self.clock.val();
        self.push_buffer.reset.next = self.reset.val();

        self.uart_receiver.rx_i.next = self.uart_rx_i.val();
        self.frame_receiver.data_i.next = self.uart_receiver.data_o.val();
        self.frame_receiver.valid_i.next = self.uart_receiver.valid_o.val();
        self.frame_receiver.error_i.next = self.uart_receiver.error_o.val();

        // Flags of the host: 0 begins a session, 1 asks for pushed words again.
        self.flags.next = self.frame_receiver.flags_o.val();
        self.hello.next = self.frame_receiver.end_o.val()
            & (self.frame_receiver.good_o.val() & self.flags.val().get_bit(0));
        self.mine.next = (self.frame_receiver.end_o.val() & self.frame_receiver.good_o.val())
            & (self.open.q.val() & (self.frame_receiver.session_o.val() == self.session.q.val()));
        self.keep.next = self.mine.val()
            & (self.frame_receiver.position_o.val() == self.write_buffer.accepted_o.val());
        self.write_buffer.clear_i.next = self.hello.val();
        self.write_buffer.word_valid_i.next = self.frame_receiver.word_valid_o.val();
        self.write_buffer.word_i.next = self.frame_receiver.word_o.val();
        self.write_buffer.end_i.next = self.frame_receiver.end_o.val();
        self.write_buffer.keep_i.next = self.keep.val();
        self.push_buffer.clear_i.next = self.hello.val();
        self.push_buffer.acknowledge_i.next = self.mine.val();
        self.push_buffer.acknowledged_i.next = self.frame_receiver.acknowledged_o.val();

        // A rewind waits for the frame that runs, and no frame begins before it.
        self.push_buffer.rewind_i.next = self.rewind.q.val() & self.frame_transmitter.idle_o.val();
        self.frame_transmitter.due_i.next = self.due.q.val() & !self.rewind.q.val();
        self.frame_transmitter.waiting_i.next = bits::<16>(0);
        if !self.rewind.q.val() {
            self.frame_transmitter.waiting_i.next = self.push_buffer.waiting_o.val();
        }
        self.frame_transmitter.abort_i.next = self.hello.val();
        self.frame_transmitter.word_i.next = self.push_buffer.word_o.val();
        self.frame_transmitter.header_i.next =
            ((bit_cast::<64, 16>(self.write_buffer.consumed_o.val()) << bits::<6>(48))
                | (bit_cast::<64, 16>(self.write_buffer.accepted_o.val()) << bits::<6>(32)))
                | (((bit_cast::<64, 16>(self.push_buffer.position_o.val()) << bits::<6>(16))
                    | (bit_cast::<64, 8>(self.session.q.val()) << bits::<6>(8)))
                    | bit_cast::<64, 1>(self.refused.q.val().into()));
        self.push_buffer.sent_i.next = self.frame_transmitter.sent_o.val();
        self.uart_transmitter.data_i.next = self.frame_transmitter.data_o.val();
        self.uart_transmitter.valid_i.next = self.frame_transmitter.valid_o.val();
        self.frame_transmitter.ready_i.next = self.uart_transmitter.ready_o.val();
        self.uart_tx_o.next = self.uart_transmitter.tx_o.val();

        if self.push_buffer.rewind_i.val() {
            self.rewind.d.next = false;
        }
        if self.frame_transmitter.begin_o.val() {
            self.due.d.next = false;
            self.refused.d.next = false;
        }
        if self.frame_receiver.end_o.val() {
            self.due.d.next = true;
            self.frames.d.next = !self.frames.q.val();
            if !self.keep.val() | self.write_buffer.overflow_o.val() {
                self.refused.d.next = true;
                self.bad.d.next = true;
            }
            if self.mine.val() & self.flags.val().get_bit(1) {
                self.rewind.d.next = true;
            }
        }
        if self.resetting.q.val().any() {
            self.resetting.d.next = self.resetting.q.val() - 1;
        }
        if self.hello.val() {
            self.open.d.next = true;
            self.session.d.next = self.frame_receiver.session_o.val();
            self.rewind.d.next = false;
            self.refused.d.next = false;
            self.bad.d.next = false;
            self.resetting.d.next = bits::<4>(15);
        }

        self.core_reset_o.next = self.reset.val() | self.resetting.q.val().any();
        self.host_valid_o.next = self.write_buffer.valid_o.val();
        self.write_buffer.ready_i.next = self.host_ready_i.val();
        self.host_addr_o.next = self.write_buffer.addr_o.val();
        self.host_data_o.next = self.write_buffer.data_o.val();
        // What the core of the session before still holds is not sent.
        self.push_buffer.valid_i.next = self.push_valid_i.val() & !self.resetting.q.val().any();
        self.push_ready_o.next = self.push_buffer.ready_o.val();
        self.push_buffer.addr_i.next = self.push_addr_i.val();
        self.push_buffer.data_i.next = self.push_data_i.val();
        self.push_buffer.last_i.next = self.push_last_i.val();
        if self.push_valid_i.val() & self.push_buffer.ready_o.val() {
            self.pushes.d.next = !self.pushes.q.val();
        }
        self.status_o.next = (bit_cast::<4, 1>(self.open.q.val().into())
            | (bit_cast::<4, 1>(self.frames.q.val().into()) << bits::<2>(1)))
            | ((bit_cast::<4, 1>(self.pushes.q.val().into()) << bits::<2>(2))
                | (bit_cast::<4, 1>(self.bad.q.val().into()) << bits::<2>(3)));
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("link_port", &[("baud", self._baud), ("mhz", self._clock_mhz)])
    }
}
