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

    /// What the register holds: 32 bits, wrapped.
    pub const fn register(&self, counter: Counter) -> u32 {
        self.values[counter.index()] as u32
    }
}

/// How often each step mask of a block occurs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Masks {
    pub count: [u32; 16],
}

impl Masks {
    pub fn of(masks: &[u8]) -> Self {
        // Four histograms, so that equal neighbours do not wait for each other's increment.
        let mut counts = [[0u32; 16]; 4];
        let (quads, rest) = masks.as_chunks::<4>();
        for quad in quads {
            for (count, mask) in counts.iter_mut().zip(quad) {
                count[usize::from(mask & 15)] += 1;
            }
        }
        for mask in rest {
            counts[0][usize::from(mask & 15)] += 1;
        }
        Self { count: std::array::from_fn(|i| counts.iter().map(|count| count[i]).sum()) }
    }

    /// Neurons whose mask has a step in common with `steps`, and the number of common steps.
    pub fn common(&self, steps: u8) -> Common {
        let mut common = Common::default();
        for (mask, &count) in self.count.iter().enumerate() {
            let events = (mask as u8 & steps).count_ones();
            common.visits += if events > 0 { count as usize } else { 0 };
            common.events += (events * count) as usize;
        }
        common
    }
}

/// Visits and their events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Common {
    pub visits: usize,
    pub events: usize,
}

/// Words of `lanes` step masks that are all zero.
pub fn zero_words(masks: &[u8], lanes: usize) -> usize {
    masks.chunks_exact(lanes).filter(|word| word.iter().all(|&mask| mask == 0)).count()
}
