//! Bytes on a wire: 8 data bits, no parity, one stop bit, least significant bit first.

use crate::prim::{Pipe, Reg, module_name};
use rust_hdl::prelude::*;

/// Bits of the phase that counts bit times; a bit is 2^20 units.
const PHASE_BITS: u32 = 20;

/// Units of phase in a clock cycle for `baud` bits a second, rounded to nearest. Every bit edge is within a cycle of
/// its time, and the rate within 2^-21 of a bit a cycle: 0.003 % at the slowest legal rate.
fn units_per_cycle(baud: usize, clock_mhz: usize) -> u64 {
    let clock_hz = clock_mhz as u64 * 1_000_000;
    (((baud as u64) << PHASE_BITS) + clock_hz / 2) / clock_hz
}

/// Receives bytes.
///
/// The line passes two registers, since it belongs to another clock, and the majority of three samples, so that a glitch of a cycle
/// is no bit. A start edge sets the phase to half a bit: bits are sampled in their middle. With ten bits a byte, sender and receiver
/// may differ by nearly 5 %.
#[derive(LogicBlock)]
pub struct UartReceiver {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    pub rx_i: Signal<In, Bit>,
    pub data_o: Signal<Out, Bits<8>>,
    /// One cycle for every byte.
    pub valid_o: Signal<Out, Bit>,
    /// One cycle for every byte without its stop bit.
    pub error_o: Signal<Out, Bit>,
    // High for a low line, so that reset leaves it idle.
    synchroniser: [Reg<Bit>; 2],
    samples: [Reg<Bit>; 2],
    low: Signal<Local, Bit>,
    busy: Reg<Bit>,
    /// 0: start, 1 to 8: data, 9: stop.
    count: Pipe<Bits<4>>,
    phase: Pipe<Bits<20>>,
    next_phase: Signal<Local, Bits<21>>,
    shift: Pipe<Bits<8>>,
    step: Constant<Bits<21>>,
    _baud: usize,
    _clock_mhz: usize,
}

impl UartReceiver {
    /// A receiver of `baud` bits a second in a clock of `clock_mhz`.
    pub fn new(baud: usize, clock_mhz: usize) -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            rx_i: Default::default(),
            data_o: Default::default(),
            valid_o: Default::default(),
            error_o: Default::default(),
            synchroniser: Default::default(),
            samples: Default::default(),
            low: Default::default(),
            busy: Default::default(),
            count: Default::default(),
            phase: Default::default(),
            next_phase: Default::default(),
            shift: Default::default(),
            step: Constant::new(units_per_cycle(baud, clock_mhz).into()),
            _baud: baud,
            _clock_mhz: clock_mhz,
        }
    }
}

impl Logic for UartReceiver {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, busy, count, phase, shift);
        for i in 0..2 {
            self.synchroniser[i].clock.next = self.clock.val();
            self.samples[i].clock.next = self.clock.val();
        }
        self.synchroniser[0].d.next = !self.rx_i.val();
        self.synchroniser[1].d.next = self.synchroniser[0].q.val();
        self.samples[0].d.next = self.synchroniser[1].q.val();
        self.samples[1].d.next = self.samples[0].q.val();
        self.low.next = (self.synchroniser[1].q.val() & self.samples[0].q.val())
            | (self.samples[1].q.val() & (self.synchroniser[1].q.val() | self.samples[0].q.val()));

        // Bit 20 is the end of a bit time.
        self.next_phase.next = bit_cast::<21, 20>(self.phase.q.val()) + self.step.val();
        self.phase.d.next = self.next_phase.val().get_bits::<20>(0);
        self.valid_o.next = false;
        self.error_o.next = false;
        self.data_o.next = self.shift.q.val();
        if !self.busy.q.val() {
            self.phase.d.next = bits::<20>(0x8_0000);
            self.count.d.next = bits::<4>(0);
            self.busy.d.next = self.low.val();
        } else if self.next_phase.val().get_bit(20) {
            self.count.d.next = self.count.q.val() + 1;
            if self.count.q.val() == bits::<4>(0) {
                self.busy.d.next = self.low.val();
            } else if self.count.q.val() == bits::<4>(9) {
                self.busy.d.next = false;
                self.valid_o.next = !self.low.val();
                self.error_o.next = self.low.val();
            } else {
                self.shift.d.next = self.shift.q.val() >> bits::<3>(1);
                if !self.low.val() {
                    self.shift.d.next = (self.shift.q.val() >> bits::<3>(1)) | bits::<8>(0x80);
                }
            }
        }
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("uart_receiver", &[("baud", self._baud), ("mhz", self._clock_mhz)])
    }
}

/// Sends bytes.
#[derive(LogicBlock)]
pub struct UartTransmitter {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    pub data_i: Signal<In, Bits<8>>,
    pub valid_i: Signal<In, Bit>,
    pub ready_o: Signal<Out, Bit>,
    pub tx_o: Signal<Out, Bit>,
    /// High for a low line, so that reset leaves it idle.
    low: Reg<Bit>,
    /// Bits to go, the one on the line included: at most 10.
    left: Reg<Bits<4>>,
    phase: Pipe<Bits<20>>,
    next_phase: Signal<Local, Bits<21>>,
    shift: Pipe<Bits<9>>,
    step: Constant<Bits<21>>,
    _baud: usize,
    _clock_mhz: usize,
}

impl UartTransmitter {
    /// A transmitter of `baud` bits a second in a clock of `clock_mhz`.
    pub fn new(baud: usize, clock_mhz: usize) -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            data_i: Default::default(),
            valid_i: Default::default(),
            ready_o: Default::default(),
            tx_o: Default::default(),
            low: Default::default(),
            left: Default::default(),
            phase: Default::default(),
            next_phase: Default::default(),
            shift: Default::default(),
            step: Constant::new(units_per_cycle(baud, clock_mhz).into()),
            _baud: baud,
            _clock_mhz: clock_mhz,
        }
    }
}

impl Logic for UartTransmitter {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, low, left, phase, shift);
        self.next_phase.next = bit_cast::<21, 20>(self.phase.q.val()) + self.step.val();
        self.phase.d.next = self.next_phase.val().get_bits::<20>(0);
        self.ready_o.next = !self.left.q.val().any();
        if !self.left.q.val().any() {
            self.phase.d.next = bits::<20>(0);
            if self.valid_i.val() {
                // The start bit now, then eight of data and the stop bit.
                self.low.d.next = true;
                self.left.d.next = bits::<4>(10);
                self.shift.d.next = bit_cast::<9, 8>(self.data_i.val()) | bits::<9>(0x100);
            }
        } else if self.next_phase.val().get_bit(20) {
            self.left.d.next = self.left.q.val() - 1;
            self.low.d.next = !self.shift.q.val().get_bit(0);
            self.shift.d.next = (self.shift.q.val() >> bits::<4>(1)) | bits::<9>(0x100);
        }
        self.tx_o.next = !self.low.q.val();
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("uart_transmitter", &[("baud", self._baud), ("mhz", self._clock_mhz)])
    }
}
