//! How long an instruction keeps its engine busy: the recurrences of `docs/architecture/cycles.md`.
//!
//! Cycles are counted from the start of the engine. Quantities of time are sums and maxima of earlier ones, so that a state that
//! repeats with all its times shifted repeats forever: equal tiles are counted, not simulated.

use crate::kernel::walk::Kept;
use backspike_arch::TIME_BLOCK;

/// Before any cycle.
const NEVER: i64 = i64::MIN / 4;
/// Words prefetched by the walker and trace words in flight.
const IN_FLIGHT: usize = 4;

/// Cycles of UPDATE and CLEAR of `rows` rows.
pub const fn update(rows: usize) -> usize {
    rows + 17
}

/// Reader, walker and expander of FP and WG.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stream {
    /// When the next word is issued, unless its tile-block holds it back.
    issue: i64,
    /// When the last word was taken.
    taken: i64,
    /// `reload` of the last kept words, oldest first.
    reload: [i64; IN_FLIGHT],
    accepted: i64,
    last: i64,
    took: i64,
    close: i64,
    /// Last event that is not an end.
    event: i64,
    /// When the last word was issued.
    last_issue: i64,
    /// WG: when the next non-zero word is read, and when the last one was tested if its tile-block was skipped.
    read: i64,
    skipped: i64,
}

impl Stream {
    /// `read`: when the first non-zero word is read.
    const fn new(read: i64) -> Self {
        Self {
            issue: 1,
            taken: NEVER,
            reload: [NEVER; IN_FLIGHT],
            accepted: NEVER,
            last: NEVER,
            took: NEVER,
            close: NEVER,
            event: NEVER,
            last_issue: NEVER,
            read,
            skipped: NEVER,
        }
    }

    /// All times `by` cycles later.
    fn shift(&mut self, by: i64) {
        let times = [
            &mut self.issue,
            &mut self.taken,
            &mut self.accepted,
            &mut self.last,
            &mut self.took,
            &mut self.close,
            &mut self.event,
            &mut self.last_issue,
            &mut self.read,
            &mut self.skipped,
        ];
        let times = times.into_iter().chain(&mut self.reload);
        for time in times.filter(|time| **time > NEVER / 2) {
            *time += by;
        }
    }

    /// This state with time 0 at the last close.
    fn relative(&self) -> Self {
        let mut relative = *self;
        relative.shift(-self.close);
        relative
    }

    /// The words of a tile-block, the first issued at `first`; the engine is open for events from `open` on, and the end takes
    /// `end` cycles.
    fn tile_block(&mut self, words: &[Kept], first: i64, open: i64, end: i64) {
        self.issue = first;
        for (index, word) in words.iter().enumerate() {
            let is_last = index + 1 == words.len();
            let issue = self.issue + i64::from(word.gap);
            let taken = (issue + 1).max(self.reload[0] + 1);
            let reload = (taken + 1).max(self.accepted);
            let accept = (reload + 1).max(self.last);
            let start = if index == 0 { (accept + 1).max(open) } else { accept + 1 };
            let end = if is_last { end } else { 0 };
            let (cycles, items) = (i64::from(word.events) + end, word.visits + u32::from(is_last));
            let last = start + cycles - 1;
            let last_item = if is_last { end } else { i64::from(word.last) };
            self.accepted = if items == 1 { accept } else { last - last_item };
            self.last = last;
            if word.events > 0 {
                self.event = last - end;
            }
            self.reload.rotate_left(1);
            self.reload[IN_FLIGHT - 1] = reload;
            (self.last_issue, self.issue, self.taken) = (issue, taken, taken);
        }
        self.close = self.last;
    }

    /// Runs `tile` for `count` equal tiles.
    fn repeat(&mut self, count: usize, mut tile: impl FnMut(&mut Self)) {
        let mut before = None;
        for done in 1..=count {
            let close = self.close;
            tile(self);
            let relative = self.relative();
            if before == Some(relative) {
                self.shift((self.close - close) * (count - done) as i64);
                return;
            }
            before = Some(relative);
        }
    }
}

/// Busy cycles of FORWARD: `words[block]` are the kept words of each block, the same for all `tiles`.
pub fn forward(tiles: usize, steps: usize, words: &[Vec<Kept>]) -> usize {
    let mut stream = Stream::new(NEVER);
    stream.repeat(tiles, |stream| {
        for (block, words) in words.iter().enumerate() {
            let first = stream.issue.max(stream.took);
            stream.took = stream.close.max(first + 1);
            let end = (steps - block * TIME_BLOCK).min(TIME_BLOCK);
            stream.tile_block(words, first, stream.took + 1, end as i64);
        }
    });
    (stream.close + 8) as usize
}

/// Busy cycles of ACCUMULATE. `nonzero[block * tiles + tile]` are the steps with errors, `words(block, steps)` the kept words for
/// them.
pub fn accumulate<'a>(
    tiles: usize,
    nonzero: &[&[u8]],
    words: impl Fn(usize, u8) -> &'a [Kept],
) -> usize {
    let mut stream = Stream::new(1);
    let pattern = |tile: usize| nonzero.iter().map(move |block| block[tile]);
    let mut tile = 0;
    while tile < tiles {
        let equal = (tile..tiles).take_while(|&other| pattern(other).eq(pattern(tile))).count();
        let one = |stream: &mut Stream| {
            for (block, steps) in pattern(tile).enumerate() {
                if steps == 0 {
                    stream.skipped = stream.read + 1;
                    stream.read += 2;
                } else {
                    let passed = (stream.read + 1).max(stream.taken);
                    let first = (passed + 1).max(stream.took);
                    let load = (first + 1).max(stream.close + 1);
                    stream.took = load + 3;
                    stream.tile_block(words(block, steps), first, load + 4, 1);
                    stream.read = stream.last_issue + 1;
                    stream.skipped = NEVER;
                }
            }
        };
        if pattern(tile).all(|steps| steps == 0) {
            // Nothing closes, so there is no state to compare: only the tests go on.
            (0..equal).for_each(|_| one(&mut stream));
        } else {
            stream.repeat(equal, one);
        }
        tile += equal;
    }
    (stream.close + 1).max(stream.event + 3).max(stream.skipped + 1) as usize + 1
}

/// Busy cycles of BACKPROP, word after word; of NEURON_BACK, if no word has a visit.
pub struct Backward {
    lanes_log2: i64,
    /// When the next trace word is issued.
    issue: i64,
    /// When the last end was accepted, and the last pair of the item before left and went.
    end_accepted: i64,
    go: i64,
    leave: i64,
    /// Last event of the item in the expander.
    expander: i64,
    end_fired: i64,
    popped: [i64; IN_FLIGHT],
}

impl Backward {
    pub fn new(lanes: usize, blocks: usize) -> Self {
        Self {
            lanes_log2: lanes.ilog2().into(),
            issue: blocks as i64 + 1,
            end_accepted: NEVER,
            go: NEVER,
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
        let available = match (runs, Word::of(windows)) {
            // Every visit has an event in every tile: nothing waits but for the expander.
            (&[(nonzero, tiles)], word) if word.visits > 0 && word.within(nonzero) => {
                self.busy_visits(taken + 1, word, tiles.into())
            }
            _ => self.visits(taken + 1, windows, runs),
        };
        self.end_accepted = available.max(self.go);
        self.go = (self.end_accepted + 1).max(self.leave);
        self.leave = (self.go + 1).max(self.expander);
        self.end_fired = (self.leave + 1).max(self.end_fired + 5);
        self.expander = self.end_fired;
        self.popped.rotate_left(1);
        self.popped[IN_FLIGHT - 1] = self.end_fired + 5 + self.lanes_log2 + steps as i64;
    }

    /// The visits of a word, the first available in cycle `available`; returns when its end is.
    fn visits(&mut self, mut available: i64, windows: &[u8], runs: &[(u8, u32)]) -> i64 {
        for &mask in windows.iter().filter(|mask| **mask != 0) {
            let accepted = available.max(self.go);
            available = accepted + 1;
            let mut go = (accepted + 1).max(self.leave);
            for &(nonzero, tiles) in runs {
                let events = i64::from((mask & nonzero).count_ones());
                let more = i64::from(tiles) - 1;
                // The first pair of the run, then the others, each as soon as the one before has left.
                if events == 0 {
                    self.leave = go + 1 + more;
                    self.go = go + more;
                } else {
                    let first = (go + 1).max(self.expander);
                    self.leave = first + events * more;
                    self.go = if more > 0 { self.leave - events } else { go };
                    self.expander = self.leave + events;
                }
                go = self.leave;
            }
        }
        available
    }

    /// As [`Self::visits`] where each pair of a visit and one of `tiles` tiles has as many events as the visit: then each pair
    /// leaves with the last event of the one before.
    fn busy_visits(&mut self, available: i64, word: Word, tiles: i64) -> i64 {
        let accepted = available.max(self.go);
        let go = (accepted + 1).max(self.leave);
        let first = (go + 1).max(self.expander);
        self.leave = first + tiles * word.events - word.last;
        self.expander = self.leave + word.last;
        self.go = if tiles > 1 {
            self.leave - word.last
        } else if word.visits > 1 {
            self.leave - word.before_last
        } else {
            go
        };
        // The end is available before the last pair goes.
        self.go
    }

    /// Busy cycles, once all words are through; the last is of a block of `steps` steps.
    pub const fn busy(&self, steps: usize) -> usize {
        (self.end_fired + self.lanes_log2) as usize + steps + 15
    }
}

/// The visits of a trace word, counted.
#[derive(Clone, Copy, Default)]
struct Word {
    visits: u32,
    events: i64,
    /// Events of the last visit and of the one before.
    last: i64,
    before_last: i64,
    /// Steps that some visit has.
    steps: u8,
}

impl Word {
    fn of(windows: &[u8]) -> Self {
        const LOW_BITS: u64 = 0x0101_0101_0101_0101;
        // The events of the highest mask that is not zero, and the masks below.
        let highest = |bits: u64| {
            let shift = (63 - bits.leading_zeros()) & !7;
            (i64::from((bits >> shift).count_ones()), bits & !(0xff << shift))
        };
        let mut word = Self::default();
        for part in windows.chunks(8) {
            let mut bytes = [0; 8];
            bytes[..part.len()].copy_from_slice(part);
            let bits = u64::from_le_bytes(bytes);
            if bits != 0 {
                let (last, below) = highest(bits);
                word.before_last = if below == 0 { word.last } else { highest(below).0 };
                word.last = last;
                word.events += i64::from(bits.count_ones());
                let visits = (bits | bits >> 1 | bits >> 2 | bits >> 3) & LOW_BITS;
                word.visits += visits.count_ones();
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
