//! The far end of a UART, bit by bit, on two pins of a model.

use crate::{Model, ModelError, Port};
use std::collections::VecDeque;

/// Bits of a byte on the wire: start, eight of data, stop.
const FRAME_BITS: u32 = 10;

/// What is on a wire in one direction: the bits left and when the next begins.
#[derive(Clone, Copy)]
struct Moving {
    bits: u32,
    left: u32,
    /// Cycle of the next edge (sending) or sample (receiving).
    at: f64,
}

/// A UART that talks to the pins of a model, 8 data bits, no parity, one stop bit.
pub struct Uart {
    rx: Port,
    tx: Port,
    cycles_per_bit: f64,
    now: u64,
    sending: Option<Moving>,
    receiving: Option<Moving>,
    queue: VecDeque<u8>,
    received: VecDeque<u8>,
    broken: u64,
}

impl Uart {
    /// A UART on the model's input `rx` and output `tx`, whose bits last `cycles_per_bit` cycles of the model's clock.
    pub fn new(
        model: &mut Model,
        rx: &str,
        tx: &str,
        cycles_per_bit: f64,
    ) -> Result<Self, ModelError> {
        let library = model.library();
        let (rx, tx) = (library.port(rx)?, library.port(tx)?);
        model.write(rx, 1);
        Ok(Self {
            rx,
            tx,
            cycles_per_bit,
            now: 0,
            sending: None,
            receiving: None,
            queue: VecDeque::new(),
            received: VecDeque::new(),
            broken: 0,
        })
    }

    /// Bytes to send.
    pub fn queue(&mut self) -> &mut VecDeque<u8> {
        &mut self.queue
    }

    /// Bytes that came.
    pub fn received(&mut self) -> &mut VecDeque<u8> {
        &mut self.received
    }

    /// Bytes that came without a stop bit.
    pub fn broken(&self) -> u64 {
        self.broken
    }

    /// One cycle of the model's clock.
    pub fn tick(&mut self, model: &mut Model) {
        self.drive(model);
        model.tick(1);
        self.now += 1;
        self.sample(model.read(self.tx) != 0);
    }

    fn drive(&mut self, model: &mut Model) {
        let now = self.now as f64;
        if self.sending.is_none_or(|moving| moving.left == 0 && moving.at <= now) {
            self.sending = self.queue.pop_front().map(|byte| Moving {
                bits: u32::from(byte) << 1 | 1 << (FRAME_BITS - 1),
                left: FRAME_BITS,
                // Back to back, bytes keep the time between two cycles.
                at: self
                    .sending
                    .map_or(now, |last| if now - last.at < 1.0 { last.at } else { now }),
            });
        }
        if let Some(moving) = &mut self.sending
            && moving.left > 0
            && moving.at <= now
        {
            model.write(self.rx, u64::from(moving.bits & 1));
            moving.bits >>= 1;
            moving.left -= 1;
            moving.at += self.cycles_per_bit;
        }
    }

    fn sample(&mut self, high: bool) {
        let now = self.now as f64;
        match &mut self.receiving {
            None if !high => {
                let at = now + self.cycles_per_bit / 2.0;
                self.receiving = Some(Moving { bits: 0, left: FRAME_BITS, at });
            }
            Some(moving) if moving.at <= now => {
                moving.bits = moving.bits >> 1 | u32::from(high) << (FRAME_BITS - 1);
                moving.left -= 1;
                moving.at += self.cycles_per_bit;
                if moving.left == 0 {
                    if high && moving.bits & 1 == 0 {
                        self.received.push_back((moving.bits >> 1) as u8);
                    } else {
                        self.broken += 1;
                    }
                    self.receiving = None;
                }
            }
            _ => {}
        }
    }
}
