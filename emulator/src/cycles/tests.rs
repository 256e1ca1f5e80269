//! The short cuts against the recurrences as `docs/architecture/cycles.md` has them.

use super::*;
use crate::kernel::Simd;
use crate::kernel::walk;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn seeds() -> std::ops::Range<u64> {
    let seed = std::env::var("BACKSPIKE_SEED").ok().and_then(|seed| seed.parse().ok());
    let seeds = seed.map_or(0..60, |seed| seed..seed + 1);
    println!("seeds {seeds:?}");
    seeds
}

/// Step masks of a block of `words` words, of a random density.
fn masks(rng: &mut ChaCha8Rng, words: usize, lanes: usize) -> Vec<u8> {
    let density = *[0.0, 0.01, 0.1, 0.5, 1.0].choose(rng).expect("a density");
    (0..words * lanes)
        .map(|_| (0..4).fold(0, |mask, step| mask | u8::from(rng.random_bool(density)) << step))
        .collect()
}

fn kept(masks: &[u8], lanes: usize, steps: u8) -> Vec<Kept> {
    let mut out = Vec::new();
    walk::keep(Simd::detect(), masks, lanes, steps, &mut out);
    out
}

/// The stream of words, every time kept from the first word on; `m - 4` is an index.
#[derive(Default)]
struct Plain {
    reload: Vec<i64>,
    accepted: Vec<i64>,
    last: Vec<i64>,
    taken: i64,
    issued: i64,
    visit: i64,
}

impl Plain {
    fn tile_block(
        &mut self,
        (words, slots): (&[Kept], usize),
        first: i64,
        open: i64,
        end_open: i64,
    ) -> i64 {
        let mut next = first;
        for (index, word) in words.iter().enumerate() {
            let m = self.reload.len();
            let before = |times: &[i64], back: usize| {
                m.checked_sub(back).map_or(NEVER, |index| times[index])
            };
            let mut issue = next;
            let mut taken = (issue + 1).max(before(&self.reload, 4) + 1);
            for _ in 1..(word.gap as usize + 1) * slots {
                (issue, taken) = (taken, taken + 1);
            }
            let reload = (taken + 1).max(before(&self.accepted, 1));
            let accept = (reload + 1).max(before(&self.last, 1));
            let mut start = accept + 1;
            if index == 0 {
                start = start.max(open);
            }
            let is_last = index + 1 == words.len();
            let mut items = i64::from(word.visits);
            if items > 0 {
                self.visit = start + items - 1;
            }
            items += i64::from(is_last);
            let mut last = start + items - 1;
            self.accepted.push(if items == 1 { accept } else { last - 1 });
            if is_last {
                last = last.max(end_open);
            }
            self.reload.push(reload);
            self.last.push(last);
            (self.issued, self.taken, next) = (issue, taken, taken);
        }
        self.last[self.last.len() - 1]
    }
}

fn plain_forward(tiles: usize, steps: usize, words: &[Vec<Kept>]) -> usize {
    let mut plain = Plain::default();
    let (mut took, mut close, mut stepped, mut last) = (NEVER, NEVER, NEVER, 0);
    for tile in 0..tiles {
        for (block, words) in words.iter().enumerate() {
            let first = if tile + block == 0 { 1 } else { plain.taken.max(took) };
            took = close.max(first + 1);
            close = plain.tile_block((words, 1), first, took + 1, stepped);
            last = (steps - block * TIME_BLOCK).min(TIME_BLOCK) as i64;
            stepped = close + 3 * last;
        }
    }
    (close + 3 * (last - 1)) as usize + 13
}

fn plain_accumulate(
    tiles: usize,
    slots: usize,
    kinds: &[Vec<Option<usize>>],
    words: &[Vec<Kept>],
) -> usize {
    let mut plain = Plain { taken: NEVER, visit: NEVER, ..Plain::default() };
    let (mut took, mut close, mut read, mut done) = (NEVER, NEVER, 1, NEVER);
    for tile in 0..tiles {
        for block in kinds {
            let test = read + slots as i64;
            let Some(kind) = block[tile] else {
                read = test + 1;
                done = test + 1;
                continue;
            };
            let passed = test.max(plain.taken);
            let first = (passed + 1).max(took);
            let load = (first + 1).max(close + 1);
            let open = load + 4 * slots as i64;
            took = open - 1;
            close = plain.tile_block((&words[kind], slots), first, open, NEVER);
            read = plain.issued + 1;
            done = NEVER;
        }
    }
    done.max(close + 1).max(plain.visit + 3) as usize + 1
}

#[test]
fn tile_blocks_that_begin_alike_end_alike() {
    for seed in seeds() {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let lanes = *[4, 8, 16, 32].choose(rng).expect("lanes");
        let (tiles, steps) = (rng.random_range(1..40), rng.random_range(1..14usize));
        let words = rng.random_range(1..30);
        let blocks: Vec<Vec<u8>> =
            (0..steps.div_ceil(TIME_BLOCK)).map(|_| masks(rng, words, lanes)).collect();

        let all: Vec<Vec<Kept>> = blocks.iter().map(|masks| kept(masks, lanes, 0xf)).collect();
        let expected = plain_forward(tiles, steps, &all);
        assert_eq!(forward(tiles, steps, &all), expected, "FORWARD, seed {seed}");

        // Three kinds of tile-blocks in each block, some without errors.
        let slots = rng.random_range(1..=8);
        let words: Vec<Vec<Kept>> = (blocks.iter())
            .flat_map(|masks| [0xf, rng.random_range(1..16), 1].map(|steps| (masks, steps)))
            .map(|(masks, steps)| kept(masks, lanes, steps))
            .collect();
        let choices: Vec<Option<usize>> =
            (0..3).map(|kind| rng.random_bool(0.7).then_some(kind)).collect();
        let kinds: Vec<Vec<Option<usize>>> = (0..blocks.len())
            .map(|block| {
                let kind = |choice: &Option<usize>| choice.map(|kind| 3 * block + kind);
                (0..tiles).map(|_| kind(choices.choose(rng).expect("a kind"))).collect()
            })
            .collect();
        let expected = plain_accumulate(tiles, slots, &kinds, &words);
        assert_eq!(accumulate(tiles, slots, &kinds, &words), expected, "ACCUMULATE, seed {seed}");
    }
}

#[test]
fn visits_counted_at_once_take_as_long() {
    for seed in seeds() {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let lanes = *[4, 8, 16, 32].choose(rng).expect("lanes");
        let (tiles, steps_at_once) =
            (rng.random_range(1..5u32), *[1, 4].choose(rng).expect("steps"));
        let words = masks(rng, 60, lanes);
        let mut at_once = Backward::new(lanes, steps_at_once, 3);
        let mut one_by_one = Backward::new(lanes, steps_at_once, 3);
        for windows in words.chunks(lanes) {
            let steps = rng.random_range(1..=4);
            at_once.word(windows, &[(0xf, tiles)], steps);
            // The same tiles in two runs, which are not counted at once.
            one_by_one.word(windows, &[(0xf, 1), (0xf, tiles - 1)][..tiles.min(2) as usize], steps);
            if tiles > 1 {
                assert_eq!(at_once.busy(steps), one_by_one.busy(steps), "seed {seed}");
            }
        }
        // A word takes its events, one by one or those of a row and tile at once, and its end, but at least 12 cycles.
        let mut empty = Backward::new(lanes, steps_at_once, 1);
        (0..10).for_each(|_| empty.word(&vec![0; lanes], &[(0xf, tiles)], 4));
        let before = empty.busy(4);
        empty.word(&vec![0; lanes], &[(0xf, tiles)], 4);
        assert_eq!(empty.busy(4), before + 12);
        empty.word(&vec![0xf; lanes], &[(0xf, tiles)], 4);
        let before = empty.busy(4);
        empty.word(&vec![0xf; lanes], &[(0xf, tiles)], 4);
        let events = 4 / steps_at_once * lanes * tiles as usize;
        assert_eq!(empty.busy(4), before + (events + 1).max(12), "seed {seed}");
    }
}
