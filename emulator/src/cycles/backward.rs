//! BACKPROP and NEURON_BACK.

use super::{IN_FLIGHT, NEVER, STEP_CYCLES};
use backspike_arch::TIME_BLOCK;

/// Cycles from a marker of BP to the next: the steps of its word are through.
const MARKER_CYCLES: i64 = TIME_BLOCK as i64 * STEP_CYCLES;

/// Busy cycles of BACKPROP, word after word; of NEURON_BACK, if no word has a visit.
pub struct Backward {
    lanes_log2: i64,
    /// Events in a cycle: all of a row and tile, or one.
    at_once: bool,
    /// When the next trace word is issued.
    issue: i64,
    /// When the last end was accepted, and the last pair of the item before went, moved on to the test and left.
    end_accepted: i64,
    go: i64,
    moved: i64,
    leave: i64,
    /// Last event of the item in the expander.
    expander: i64,
    end_fired: i64,
    popped: [i64; IN_FLIGHT],
}

impl Backward {
    /// For a core of `lanes` lanes whose BP takes `backward_steps` steps of a row at once.
    pub fn new(lanes: usize, backward_steps: usize, blocks: usize) -> Self {
        Self {
            lanes_log2: lanes.ilog2().into(),
            at_once: backward_steps > 1,
            issue: blocks as i64 + 1,
            end_accepted: NEVER,
            go: NEVER,
            moved: NEVER,
            leave: NEVER,
            expander: NEVER,
            end_fired: NEVER,
            popped: [NEVER; IN_FLIGHT],
        }
    }

    /// A trace word of a block of `steps` steps. `windows` are the step masks of its lanes; `runs` the steps with errors of the slice's
    /// tiles, equal neighbours counted.
    pub fn word(&mut self, windows: &[u8], runs: &[(u8, u32)], steps: usize) {
        let taken = (self.issue + 1).max(self.end_accepted).max(self.popped[0] + 1);
        self.issue = taken;
        let available = match (runs, Word::of(windows, self.at_once)) {
            // Every visit has an event in every tile: nothing waits but for the expander.
            (&[(nonzero, tiles)], word) if word.visits > 0 && word.within(nonzero) => {
                self.busy_visits(taken + 1, word, tiles as usize)
            }
            _ => self.visits(taken + 1, windows, runs),
        };
        self.end_accepted = available.max(self.go);
        self.go = (self.end_accepted + 1).max(self.moved);
        self.moved = (self.go + 1).max(self.leave);
        self.leave = (self.moved + 1).max(self.expander);
        self.end_fired = (self.leave + 1).max(self.end_fired + MARKER_CYCLES);
        self.expander = self.end_fired;
        self.popped.rotate_left(1);
        self.popped[IN_FLIGHT - 1] =
            self.end_fired + 7 + self.lanes_log2 + (steps as i64 - 1) * STEP_CYCLES;
    }

    /// The visits of a word, the first available in cycle `available`; returns when its end is.
    fn visits(&mut self, mut available: i64, windows: &[u8], runs: &[(u8, u32)]) -> i64 {
        for &mask in windows.iter().filter(|mask| **mask != 0) {
            let accepted = available.max(self.go);
            available = accepted + 1;
            let mut go = (accepted + 1).max(self.moved);
            for &(nonzero, tiles) in runs {
                let events = cycles_of(mask & nonzero, self.at_once);
                let more = i64::from(tiles) - 1;
                // The first pair of the run, then the others, each as soon as the one before has left.
                self.go = go;
                self.moved = (go + 1).max(self.leave);
                self.leave = self.moved + 1;
                if events > 0 {
                    self.leave = self.leave.max(self.expander);
                }
                if more > 0 {
                    let step = events.max(1);
                    self.go = if more > 1 { self.leave + step * (more - 2) } else { self.moved };
                    self.moved = self.leave + step * (more - 1);
                    self.leave += step * more;
                }
                if events > 0 {
                    self.expander = self.leave + events;
                }
                go = (self.go + 1).max(self.moved);
            }
        }
        available
    }

    /// As [`Self::visits`] where each pair of a visit and one of `tiles` tiles has as many events as the visit: then each pair
    /// leaves with the last event of the one before.
    fn busy_visits(&mut self, available: i64, word: Word, tiles: usize) -> i64 {
        let accepted = available.max(self.go);
        let go = (accepted + 1).max(self.moved);
        let moved = (go + 1).max(self.leave);
        let first = (moved + 1).max(self.expander);
        // Events of the last three pairs, the last first.
        let [last, before, earlier] = [0, 1, 2].map(|back| word.last[back / tiles]);
        self.leave = first + tiles as i64 * word.events - last;
        self.expander = self.leave + last;
        let pairs = word.visits as usize * tiles;
        (self.go, self.moved) = match pairs {
            1 => (go, moved),
            2 => (moved, first),
            _ => (self.leave - before - earlier, self.leave - before),
        };
        // The end is available before the last pair goes.
        self.go
    }

    /// Busy cycles, once all words are through; the last is of a block of `steps` steps.
    pub const fn busy(&self, steps: usize) -> usize {
        (self.end_fired + self.lanes_log2 + (steps as i64 - 1) * STEP_CYCLES) as usize + 19
    }
}

/// Cycles of the events of a row and a tile in the steps of `mask`.
fn cycles_of(mask: u8, at_once: bool) -> i64 {
    let events = mask.count_ones();
    i64::from(if at_once { events.min(1) } else { events })
}

/// The visits of a trace word, counted.
#[derive(Clone, Copy, Default)]
struct Word {
    visits: u32,
    /// Cycles of the events of all visits.
    events: i64,
    /// And of the last three visits, the last first.
    last: [i64; 3],
    /// Steps that some visit has.
    steps: u8,
}

impl Word {
    fn of(windows: &[u8], at_once: bool) -> Self {
        const LOW_BITS: u64 = 0x0101_0101_0101_0101;
        // The events of the highest mask that is not zero, and the masks below.
        let highest = |bits: u64| {
            let shift = (63 - bits.leading_zeros()) & !7;
            (cycles_of((bits >> shift) as u8, at_once), bits & !(0xff << shift))
        };
        let mut word = Self::default();
        for part in windows.chunks(8) {
            let mut bytes = [0; 8];
            bytes[..part.len()].copy_from_slice(part);
            let bits = u64::from_le_bytes(bytes);
            if bits != 0 {
                let (mut last, mut found, mut rest) = ([0; 3], 0, bits);
                while found < last.len() && rest != 0 {
                    (last[found], rest) = highest(rest);
                    found += 1;
                }
                for (slot, earlier) in last[found..].iter_mut().zip(word.last) {
                    *slot = earlier;
                }
                word.last = last;
                let visits = (bits | bits >> 1 | bits >> 2 | bits >> 3) & LOW_BITS;
                word.visits += visits.count_ones();
                let events = if at_once { visits } else { bits };
                word.events += i64::from(events.count_ones());
                word.steps |= bytes.iter().fold(0, |steps, mask| steps | mask);
            }
        }
        word
    }

    /// Whether every event is in one of `steps`.
    const fn within(&self, steps: u8) -> bool {
        self.steps & !steps == 0
    }
}
