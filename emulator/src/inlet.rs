//! From a core to its router: what `hdl/src/mesh/inject.rs` makes of the rows that a PUSH sends.

use crate::network::{Flit, Packet};
use std::collections::VecDeque;

/// A packet that a core sends; `ends_row` if no more words of its row follow.
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    pub packet: Packet,
    pub ends_row: bool,
}

/// The packets of a core on their way to its router.
#[derive(Debug, Default)]
pub struct Inlet {
    /// With the cycle in which each one's first word is offered.
    waiting: VecDeque<(i64, Sent)>,
    /// The first word of the next packet is held; its head may go from the cycle beside it on.
    held: Option<(i64, Sent)>,
    /// The packet whose flits go, and which is next.
    sending: Option<(usize, Sent)>,
    /// The cycle from which on a first word is taken if none is held.
    free: i64,
}

impl Inlet {
    /// The first word of a packet is offered in cycle `first`.
    pub fn push(&mut self, first: i64, sent: Sent) {
        self.waiting.push_back((first, sent));
    }

    /// Nothing is on its way.
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.held.is_none() && self.sending.is_none()
    }

    /// The flit that is offered in `cycle`.
    pub fn offers(&mut self, cycle: i64) -> Option<Flit> {
        if self.sending.is_none() {
            let (_, sent) = self.held.take_if(|(from, _)| *from <= cycle)?;
            self.sending = Some((0, sent));
        }
        self.sending.map(|(place, Sent { packet, .. })| packet.flit(place))
    }

    /// The end of `cycle`, in which the router has `taken` what was offered or not: whether the last word of a row was taken from the PUSH.
    pub fn end_cycle(&mut self, cycle: i64, taken: bool) -> bool {
        let mut row_ends = false;
        let may_take = self.held.is_none() && self.free <= cycle;
        if taken && let Some((place, Sent { packet, ends_row })) = &mut self.sending {
            // Head and address leave first, then a word for each that the PUSH gives next; after the last word the next may be taken.
            row_ends = *ends_row && packet.words > 1 && *place == packet.words;
            if *place == packet.words + 1 {
                self.free = cycle + 1;
            }
            *place += 1;
            if *place == packet.flits() {
                self.sending = None;
            }
        }
        if may_take && let Some((_, sent)) = self.waiting.pop_front_if(|(first, _)| *first <= cycle)
        {
            row_ends = sent.ends_row && sent.packet.words == 1;
            self.held = Some((cycle + 1, sent));
            self.free = i64::MAX;
        }
        row_ends
    }
}
