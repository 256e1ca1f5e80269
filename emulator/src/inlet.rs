//! From a core to its router: what `hdl/src/mesh/inject.rs` makes of the rows that a PUSH sends.

use crate::network::{Brings, Flit};
use backspike_arch::mesh::{flits_to_core, flits_to_host};
use std::collections::VecDeque;

/// A packet of up to 8 words that a core sends; `ends_row` if no more words of its row follow.
#[derive(Clone, Copy, Debug)]
pub struct Packet {
    pub nodes: u64,
    pub brings: Brings,
    pub words: usize,
    pub to_host: bool,
    pub ends_row: bool,
}

impl Packet {
    const fn flits(&self) -> usize {
        if self.to_host { flits_to_host(self.words) } else { flits_to_core(self.words) }
    }
}

/// The packets of a core on their way to its router.
#[derive(Debug, Default)]
pub struct Inlet {
    /// With the cycle in which each one's first word is offered.
    waiting: VecDeque<(i64, Packet)>,
    /// The first word of the next packet is held; its head may go from the cycle beside it on.
    held: Option<(i64, Packet)>,
    /// The packet whose flits go, and which is next.
    sending: Option<(usize, Packet)>,
    /// The cycle from which on a first word is taken if none is held.
    free: i64,
}

impl Inlet {
    pub fn push(&mut self, first: i64, packet: Packet) {
        self.waiting.push_back((first, packet));
    }

    /// Nothing is on its way.
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.held.is_none() && self.sending.is_none()
    }

    /// The flit that is offered in `cycle`.
    pub fn offers(&mut self, cycle: i64) -> Option<Flit> {
        if self.sending.is_none() {
            let (_, packet) = self.held.take_if(|(from, _)| *from <= cycle)?;
            self.sending = Some((0, packet));
        }
        let (place, packet) = self.sending?;
        let last = place + 1 == packet.flits();
        Some(Flit { nodes: packet.nodes, brings: packet.brings, place: place as u8, last })
    }

    /// The end of `cycle`, in which the router has `taken` what was offered or not: whether the last word of a row was taken from the PUSH.
    pub fn end_cycle(&mut self, cycle: i64, taken: bool) -> bool {
        let mut row_ends = false;
        let may_take = self.held.is_none() && self.free <= cycle;
        if taken && let Some((place, packet)) = &mut self.sending {
            // Head and address leave first, then a word for each that the PUSH gives next; after the last word the next may be taken.
            row_ends = packet.ends_row && packet.words > 1 && *place == packet.words;
            if *place == packet.words + 1 {
                self.free = cycle + 1;
            }
            *place += 1;
            if *place == packet.flits() {
                self.sending = None;
            }
        }
        if may_take
            && let Some((_, packet)) = self.waiting.pop_front_if(|(first, _)| *first <= cycle)
        {
            row_ends = packet.ends_row && packet.words == 1;
            self.held = Some((cycle + 1, packet));
            self.free = i64::MAX;
        }
        row_ends
    }
}
