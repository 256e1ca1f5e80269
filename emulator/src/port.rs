//! The host port: words the host writes to memories, and words PUSH reads from them.

use crate::memory::slot::{pack, unpack};
use crate::memory::{HalfMemory, Slot, Weights};
use backspike_arch::{ArchConfig, HostAddress, PushWord, Region};

/// All memories of a core.
pub struct Memories {
    pub config: ArchConfig,
    pub weights: Weights,
    pub slots: Vec<Slot>,
}

impl Memories {
    pub fn new(config: &ArchConfig) -> Self {
        Self {
            config: config.clone(),
            weights: Weights::new(config.weight_rows(), config.lanes),
            slots: (0..config.slots).map(|_| Slot::new(config)).collect(),
        }
    }

    /// Writes `words`, whole rows of a memory that the host may write; the address is one that `check_write` accepts.
    pub fn write(&mut self, at: HostAddress, words: &[u32]) {
        let subs = at.region.subs(&self.config);
        for (row, words) in words.chunks_exact(subs).enumerate() {
            self.write_row(at.region, at.row as usize + row, words);
        }
    }

    fn write_row(&mut self, region: Region, row: usize, words: &[u32]) {
        let lanes = self.config.lanes;
        match region {
            Region::Weight | Region::State => {
                let memory = half_memory(region);
                for (sub, &word) in words.iter().enumerate() {
                    self.weights.set_pair(memory, row, sub, word);
                }
            }
            Region::Spike => {
                let (slot, row) = self.slot_row(region, row);
                let masks = &mut self.slots[slot].spikes[row * lanes..][..lanes];
                for (masks, &word) in masks.chunks_mut(8).zip(words) {
                    unpack(word, masks);
                }
            }
            Region::Error => {
                let (slot, row) = self.slot_row(region, row);
                let errors = &mut self.slots[slot].errors[row * lanes..][..lanes];
                for (pair, word) in errors.chunks_exact_mut(2).zip(words) {
                    pair.copy_from_slice(&[*word as u16, (word >> 16) as u16]);
                }
            }
            Region::Nonzero => {
                let (slot, row) = self.slot_row(region, row);
                self.slots[slot].nonzero[row] = (words[0] & 15) as u8;
            }
            // Queues and descriptors are not memories, and `check_write` refuses the rest.
            _ => {}
        }
    }

    /// The slot of a row, and its row there.
    fn slot_row(&self, region: Region, row: usize) -> (usize, usize) {
        let rows = region.slot_rows(&self.config);
        (row / rows, row % rows)
    }

    /// Appends the words of a row of a memory. `row` is in the memory.
    pub fn read_row(&self, region: Region, row: usize, words: &mut Vec<u32>) {
        let lanes = self.config.lanes;
        match region {
            Region::Weight | Region::State => {
                let memory =
                    if region == Region::Weight { HalfMemory::Weight } else { HalfMemory::State };
                words.extend((0..lanes / 2).map(|sub| self.weights.pair(memory, row, sub)));
            }
            Region::Gradient => {
                words.extend((0..lanes).map(|lane| self.weights.gradient(row, lane) as u32));
            }
            Region::Queue | Region::Descriptor | Region::Register => {}
            Region::Token => words.push(0),
            _ => {
                let (slot, row) = self.slot_row(region, row);
                read_slot_row(&self.slots[slot], region, row, lanes, words);
            }
        }
    }
}

fn half_memory(region: Region) -> HalfMemory {
    if region == Region::State { HalfMemory::State } else { HalfMemory::Weight }
}

fn read_slot_row(slot: &Slot, region: Region, row: usize, lanes: usize, words: &mut Vec<u32>) {
    let range = row * lanes..(row + 1) * lanes;
    let mut planes = |planes: &[u8]| words.extend(planes[range.clone()].chunks(8).map(pack));
    match region {
        Region::Spike => planes(&slot.spikes),
        Region::Trace => {
            planes(&slot.trace.spikes);
            planes(&slot.trace.code0);
            planes(&slot.trace.code1);
        }
        Region::Nonzero => words.push(slot.nonzero[row].into()),
        Region::Error => words.extend(
            slot.errors[range].chunks(2).map(|pair| u32::from(pair[0]) | u32::from(pair[1]) << 16),
        ),
        _ => words.extend(slot.membranes[range].iter().map(|u| *u as u32)),
    }
}

/// Appends the words of one row as they are pushed, none of them marked as the last.
pub fn push_row(region: Region, row: usize, words: &[u32], out: &mut impl Extend<PushWord>) {
    out.extend(words.iter().enumerate().map(|(sub, &data)| PushWord {
        addr: HostAddress::new(region, row as u32, sub as u8),
        data,
        last: false,
    }));
}
