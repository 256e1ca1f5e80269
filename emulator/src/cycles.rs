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
    const fn new() -> Self {
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
            read: 1,
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
    let mut stream = Stream::new();
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
    let mut stream = Stream::new();
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

    /// A trace word of a block of `steps` steps. `visits` are its non-zero step masks; `runs` the steps with errors of the slice's
    /// tiles, equal neighbours counted.
    pub fn word(&mut self, visits: impl Iterator<Item = u8>, runs: &[(u8, u32)], steps: usize) {
        let taken = (self.issue + 1).max(self.end_accepted).max(self.popped[0] + 1);
        self.issue = taken;
        let mut available = taken + 1;
        for mask in visits {
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
        self.end_accepted = available.max(self.go);
        self.go = (self.end_accepted + 1).max(self.leave);
        self.leave = (self.go + 1).max(self.expander);
        self.end_fired = (self.leave + 1).max(self.end_fired + 5);
        self.expander = self.end_fired;
        self.popped.rotate_left(1);
        self.popped[IN_FLIGHT - 1] = self.end_fired + 5 + self.lanes_log2 + steps as i64;
    }

    /// Busy cycles, once all words are through; the last is of a block of `steps` steps.
    pub const fn busy(&self, steps: usize) -> usize {
        (self.end_fired + self.lanes_log2) as usize + steps + 15
    }
}
