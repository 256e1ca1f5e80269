//! What a simulation counts.

use crate::memory::{Sram, SramUse};

/// What was counted.
#[derive(Clone, Debug, Default)]
pub struct Activity {
    pub cycles: u64,
    /// Of every net.
    pub toggles: Vec<u64>,
    /// Half cycles in which each net was 1; clocks, which are 1 for half a cycle, make it halves.
    pub high: Vec<u64>,
    pub memories: Vec<(String, Sram, SramUse)>,
}

impl Activity {
    /// What was counted since `earlier`.
    pub fn since(&self, earlier: &Self) -> Self {
        let differences =
            |a: &[u64], b: &[u64]| a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<_>>();
        let memories =
            self.memories.iter().zip(&earlier.memories).map(|((name, sram, a), (.., b))| {
                let used = SramUse { reads: a.reads - b.reads, writes: a.writes - b.writes };
                (name.clone(), *sram, used)
            });
        Self {
            cycles: self.cycles - earlier.cycles,
            toggles: differences(&self.toggles, &earlier.toggles),
            high: differences(&self.high, &earlier.high),
            memories: memories.collect(),
        }
    }

    /// Adds what was counted in another stretch of the same netlist.
    pub fn add(&mut self, other: &Self) {
        if self.toggles.is_empty() {
            *self = other.clone();
            return;
        }
        self.cycles += other.cycles;
        self.toggles.iter_mut().zip(&other.toggles).for_each(|(a, b)| *a += b);
        self.high.iter_mut().zip(&other.high).for_each(|(a, b)| *a += b);
        for ((.., a), (.., b)) in self.memories.iter_mut().zip(&other.memories) {
            a.reads += b.reads;
            a.writes += b.writes;
        }
    }
}
