//! How long an instruction keeps its engine busy: the recurrences of `docs/architecture/cycles.md`.
//!
//! Cycles are counted from the start of the engine. All quantities are sums and maxima of earlier ones, so that a tile-block that
//! begins like an earlier one, shifted in time, ends like it: equal tiles are looked up, not simulated.

mod backward;

pub use backward::Backward;

use crate::kernel::walk::Kept;
use backspike_arch::TIME_BLOCK;

/// Before any cycle.
const NEVER: i64 = i64::MIN / 4;
/// Words prefetched by the walker and trace words in flight.
const IN_FLIGHT: usize = 4;

/// Cycles from one step of a neuron to the next.
const STEP_CYCLES: i64 = 3;

/// Cycles of UPDATE and CLEAR of `rows` rows that take `beats` cycles each.
pub const fn update(rows: usize, beats: usize) -> usize {
    rows * beats + 19
}

/// What a tile-block finds of the ones before, in cycles after the issue of its first word.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Entry {
    /// `reload` of the last kept words, oldest first.
    reload: [i64; IN_FLIGHT],
    accepted: i64,
    last: i64,
    /// The engine takes visits from this cycle on.
    open: i64,
    /// And the end from this one on.
    end_open: i64,
}

/// What it leaves, in the same cycles.
#[derive(Clone, Copy)]
struct Exit {
    reload: [i64; IN_FLIGHT],
    accepted: i64,
    /// Its last cycle before the lanes, the close.
    last: i64,
    /// Last visit; before any cycle if there is none.
    visit: i64,
    /// Issue and take of its last word.
    issue: i64,
    taken: i64,
}

impl Entry {
    /// The words of a tile-block, each read for `slots` slots, one after the other.
    fn run(self, words: &[Kept], slots: i64) -> Exit {
        let Self { mut reload, mut accepted, mut last, open, end_open } = self;
        let (mut visit, mut last_issue, mut taken) = (NEVER, 0, 0);
        for (index, word) in words.iter().enumerate() {
            let is_last = index + 1 == words.len();
            // A word is issued when the one before is taken; those that are dropped on the way wait for room like this one, and so do
            // those of the other slots.
            let before = (i64::from(word.gap) + 1) * slots - 1;
            let earliest = (taken + 1).max(reload[0] + 1);
            let issue = if before > 0 { earliest + before - 1 } else { taken };
            taken = earliest + before;
            let reloaded = (taken + 1).max(accepted);
            let accept = (reloaded + 1).max(last);
            let first = if index == 0 { (accept + 1).max(open) } else { accept + 1 };
            let end = i64::from(is_last);
            let items = i64::from(word.visits) + end;
            last = first + items - 1;
            accepted = if items == 1 { accept } else { last - 1 };
            if word.visits > 0 {
                visit = last - end;
            }
            if is_last {
                last = last.max(end_open);
            }
            reload.rotate_left(1);
            reload[IN_FLIGHT - 1] = reloaded;
            last_issue = issue;
        }
        Exit { reload, accepted, last, visit, issue: last_issue, taken }
    }
}

/// Reader, walker and visits of FP and WG, in cycles of the engine.
struct Stream {
    reload: [i64; IN_FLIGHT],
    accepted: i64,
    close: i64,
    visit: i64,
    issue: i64,
    taken: i64,
    /// When the engine took the last tile-block.
    took: i64,
    /// Runs of tile-blocks; those of the same kind are chained.
    runs: Vec<Run>,
    /// The last run of each kind.
    latest: Vec<Option<usize>>,
}

/// A tile-block that was simulated.
struct Run {
    entry: Entry,
    exit: Exit,
    /// An earlier run of the same kind.
    earlier: Option<usize>,
}

impl Stream {
    /// For tile-blocks of `kinds` kinds: those with the same words are of one kind.
    fn new(kinds: usize) -> Self {
        Self {
            reload: [NEVER; IN_FLIGHT],
            accepted: NEVER,
            close: NEVER,
            visit: NEVER,
            issue: NEVER,
            taken: NEVER,
            took: NEVER,
            runs: Vec::new(),
            latest: vec![None; kinds],
        }
    }

    /// A tile-block of `kind` with `words` for each of `slots` slots, its first word issued at `first`, the engine open for visits from
    /// `open` on and for the end from `end_open` on.
    fn tile_block(
        &mut self,
        kind: usize,
        (words, slots): (&[Kept], usize),
        first: i64,
        open: i64,
        end_open: i64,
    ) -> Begin {
        // Times so early that they hold nothing back count as the latest such time, so that more tile-blocks begin alike.
        let entry = Entry {
            reload: self.reload.map(|reload| (reload - first).max(0)),
            accepted: (self.accepted - first).max(2),
            last: (self.close - first).max(3),
            open: (open - first).max(4),
            end_open: (end_open - first).max(4),
        };
        let latest = &mut self.latest[kind];
        let mut known = *latest;
        while let Some(run) = known.map(|index| &self.runs[index])
            && run.entry != entry
        {
            known = run.earlier;
        }
        let index = known.unwrap_or_else(|| {
            self.runs.push(Run { entry, exit: entry.run(words, slots as i64), earlier: *latest });
            *latest = Some(self.runs.len() - 1);
            self.runs.len() - 1
        });
        let exit = self.runs[index].exit;
        self.reload = exit.reload.map(|reload| reload + first);
        self.accepted = exit.accepted + first;
        self.close = exit.last + first;
        if exit.visit > NEVER {
            self.visit = exit.visit + first;
        }
        self.issue = exit.issue + first;
        self.taken = exit.taken + first;
        Begin { run: index, took: self.took - first, first }
    }

    /// All times `by` cycles later.
    fn shift(&mut self, by: i64) {
        let times = [
            &mut self.accepted,
            &mut self.close,
            &mut self.visit,
            &mut self.issue,
            &mut self.taken,
            &mut self.took,
        ];
        for time in times.into_iter().chain(&mut self.reload) {
            *time += by;
        }
    }
}

/// How a tile-block began: what follows is the same, later, if the tile-blocks after it are.
#[derive(Clone, Copy)]
struct Begin {
    run: usize,
    took: i64,
    first: i64,
}

impl Begin {
    /// Cycles from `earlier` to this, if both began alike.
    fn period(&self, earlier: Option<Self>) -> Option<i64> {
        let earlier = earlier?;
        let alike = self.run == earlier.run && self.took == earlier.took;
        alike.then_some(self.first - earlier.first)
    }
}

/// Busy cycles of FORWARD: `words[block]` are the kept words of each block, the same for all `tiles`.
pub fn forward(tiles: usize, steps: usize, words: &[Vec<Kept>]) -> usize {
    let mut stream = Stream::new(words.len());
    let (mut earlier, mut stepped) = (None, NEVER);
    for tile in 0..tiles {
        let mut begin = None;
        for (block, words) in words.iter().enumerate() {
            let first = stream.taken.max(stream.took).max(1);
            stream.took = stream.close.max(first + 1);
            let this = stream.tile_block(block, (words, 1), first, stream.took + 1, stepped);
            let steps = (steps - block * TIME_BLOCK).min(TIME_BLOCK) as i64;
            stepped = stream.close + steps * STEP_CYCLES;
            begin = begin.or(Some(this));
        }
        if let Some(period) = begin.and_then(|begin| begin.period(earlier)) {
            stream.shift(period * (tiles - 1 - tile) as i64);
            break;
        }
        earlier = begin;
    }
    let last = (steps - (words.len() - 1) * TIME_BLOCK) as i64;
    (stream.close + (last - 1) * STEP_CYCLES + 13) as usize
}

/// Busy cycles of ACCUMULATE for `slots` slots. `kinds[block][tile]` tells which of `words` are the kept ones of the tile-block; without
/// errors it has none.
pub fn accumulate(
    tiles: usize,
    slots: usize,
    kinds: &[Vec<Option<usize>>],
    words: &[Vec<Kept>],
) -> usize {
    let mut stream = Stream::new(words.len());
    let slot_cycles = slots as i64;
    // When the next non-zero word is read, and when the last one was tested if its tile-block was skipped.
    let (mut read, mut skipped) = (1, NEVER);
    let pattern = |tile: usize| kinds.iter().map(move |block| block[tile]);
    let (mut tile, mut earlier) = (0, None);
    while tile < tiles {
        let mut begin = None;
        for kind in pattern(tile) {
            let Some(kind) = kind else {
                skipped = read + slot_cycles;
                read = skipped + 1;
                continue;
            };
            let passed = (read + slot_cycles).max(stream.taken);
            let first = (passed + 1).max(stream.took);
            let load = (first + 1).max(stream.close + 1);
            let open = load + 4 * slot_cycles;
            stream.took = open - 1;
            let this = stream.tile_block(kind, (&words[kind], slots), first, open, NEVER);
            begin = begin.or(Some(this));
            read = stream.issue + 1;
            skipped = NEVER;
        }
        let equal = (tile + 1..tiles).take_while(|&next| pattern(next).eq(pattern(tile))).count();
        match begin.and_then(|begin| begin.period(earlier)) {
            // The tiles before, this one and those that follow are equal, and nothing is left to settle.
            Some(period) if equal > 0 && tile > 0 && pattern(tile - 1).eq(pattern(tile)) => {
                let later = period * equal as i64;
                stream.shift(later);
                read += later;
                skipped = if skipped > NEVER { skipped + later } else { NEVER };
                tile += equal;
            }
            _ => {}
        }
        earlier = begin;
        tile += 1;
    }
    (stream.close + 1).max(stream.visit + 3).max(skipped + 1) as usize + 1
}

#[cfg(test)]
mod tests;
