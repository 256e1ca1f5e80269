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
        self.sending.map(|(place, Sent { packet, .. })| packet.flit(place, 1))
    }

    /// The packet whose flits go.
    pub fn packet(&self) -> Option<Packet> {
        self.sending.map(|(_, Sent { packet, .. })| packet)
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
            if *place == packet.items() {
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

/// Two packets of a core, one that comes item by item and one that goes in flits of two: `hdl/src/mesh/pack.rs`.
#[derive(Debug, Default)]
pub struct Pack {
    /// Those that are there whole.
    whole: [Option<Packet>; 2],
    filling: usize,
    sending: usize,
    /// The item that the flit that shows begins with.
    shows: Option<usize>,
}

impl Pack {
    /// Nothing is on its way, but what comes.
    pub fn is_idle(&self) -> bool {
        self.whole.iter().all(Option::is_none)
    }

    /// It takes items.
    pub const fn is_ready(&self) -> bool {
        self.whole[self.filling].is_none()
    }

    /// The flit that is offered.
    pub fn offers(&self) -> Option<Flit> {
        Some(self.whole[self.sending]?.flit(self.shows?, 2))
    }

    /// The end of a cycle, in which the router has `taken` what was offered or not, and the last item of `came` has come.
    pub fn end_cycle(&mut self, taken: bool, came: Option<Packet>) {
        let begins = self.shows.is_none() && self.whole[self.sending].is_some();
        if let Some(flit) = self.offers().filter(|_| taken) {
            self.shows = (!flit.last).then_some(usize::from(flit.place + flit.items));
            if flit.last {
                self.whole[self.sending] = None;
                self.sending ^= 1;
            }
        }
        if begins {
            self.shows = Some(0);
        }
        if came.is_some() {
            self.whole[self.filling] = came;
            self.filling ^= 1;
        }
    }
}
