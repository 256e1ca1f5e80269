//! Counting.

use backspike_arch::Counter;

/// One amount per counter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    values: [u64; Counter::COUNT],
}

impl Default for Tally {
    fn default() -> Self {
        Self { values: [0; Counter::COUNT] }
    }
}

impl Tally {
    pub fn add(&mut self, counter: Counter, amount: usize) {
        self.values[counter.index()] += amount as u64;
    }

    pub fn merge(&mut self, other: &Self) {
        for (value, other) in self.values.iter_mut().zip(other.values) {
            *value += other;
        }
    }

    pub const fn get(&self, counter: Counter) -> usize {
        self.values[counter.index()] as usize
    }

    /// What the register holds: 32 bits, wrapped.
    pub const fn register(&self, counter: Counter) -> u32 {
        self.values[counter.index()] as u32
    }
}

/// Visits and their events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Common {
    pub visits: usize,
    pub events: usize,
}

/// Each step mask that occurs in the nonzero words of a block, and how often it does.
pub fn occurring(nonzero: &[u8]) -> impl Iterator<Item = (u8, usize)> + use<> {
    let mut counts = [0usize; 16];
    for &steps in nonzero {
        counts[usize::from(steps & 15)] += 1;
    }
    let counts = counts.into_iter().enumerate();
    counts.filter(|(_, count)| *count > 0).map(|(steps, count)| (steps as u8, count))
}
