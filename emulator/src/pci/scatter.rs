//! Packets into the buffers of the ring to the host.

use super::function::bursts;
use backspike_arch::HostMemory;
use backspike_arch::layout::TransferOutcome;
use std::collections::VecDeque;

/// What is on its way to the host: packets, and the buffer that is being filled.
#[derive(Default)]
pub struct Scatter {
    /// Of the last packet, the end may be still to come.
    packets: VecDeque<Packet>,
    buffer: Option<Buffer>,
}

#[derive(Default)]
struct Packet {
    bytes: Vec<u8>,
    /// Bytes that buffers have taken.
    taken: usize,
    ended: bool,
}

struct Buffer {
    at: u64,
    room: usize,
    bytes: Vec<u8>,
}

/// A buffer that ended.
pub struct Filled {
    pub bytes: u32,
    pub outcome: TransferOutcome,
    pub end: bool,
    pub beats: usize,
}

impl Scatter {
    /// Takes bytes of a packet; `end`: its last ones.
    pub fn push(&mut self, bytes: &[u8], end: bool) {
        if self.packets.back().is_none_or(|packet| packet.ended) {
            self.packets.push_back(Packet::default());
        }
        if let Some(packet) = self.packets.back_mut() {
            packet.bytes.extend_from_slice(bytes);
            packet.ended = end;
        }
    }

    /// There is something to send.
    pub fn has_packets(&self) -> bool {
        !self.packets.is_empty()
    }

    /// A buffer is being filled.
    pub fn has_buffer(&self) -> bool {
        self.buffer.is_some()
    }

    /// Offers the next buffer.
    pub fn begin(&mut self, at: u64, room: usize) {
        self.buffer = Some(Buffer { at, room, bytes: Vec::new() });
    }

    /// Fills the buffer from the packet at hand; written when it is full or the packet ends.
    pub fn fill(&mut self, memory: &dyn HostMemory) -> Option<Filled> {
        let buffer = self.buffer.as_mut()?;
        let packet = self.packets.front_mut()?;
        let left = &packet.bytes[packet.taken..];
        let count = left.len().min(buffer.room - buffer.bytes.len());
        buffer.bytes.extend_from_slice(&left[..count]);
        packet.taken += count;
        let empty = packet.taken == packet.bytes.len();
        let end = packet.ended && empty;
        if empty {
            self.packets.pop_front();
        }
        if !end && buffer.bytes.len() < buffer.room {
            return None;
        }
        let Buffer { at, bytes, .. } = self.buffer.take()?;
        let mut good = true;
        let mut beats = 0;
        for burst in bursts(at, bytes.len()) {
            beats += burst.beats;
            good &= memory.write(at + burst.bytes.start as u64, &bytes[burst.bytes]);
        }
        Some(if good {
            Filled { bytes: bytes.len() as u32, outcome: TransferOutcome::Done, end, beats }
        } else {
            Filled { bytes: 0, outcome: TransferOutcome::WriteFailed, end: false, beats }
        })
    }
}
