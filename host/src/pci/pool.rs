//! Buffers in memory that a device reads by itself, for those who fill them elsewhere.

use super::memory::DmaMemory;
use backspike_arch::device::{WordBuffer, WordMemory};
use std::ops::{Deref, DerefMut, Range};
use std::sync::{Arc, Mutex, PoisonError};

/// A part of the memory that a device shares, given out in buffers. It outlives the device: what is filled then goes nowhere.
#[derive(Clone)]
pub struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    memory: Arc<DmaMemory>,
    /// Bytes that nobody has, in order, neighbours joined.
    free: Mutex<Vec<Range<usize>>>,
}

impl Pool {
    /// The bytes `part` of `memory`, multiples of 8, which nothing else may use.
    pub fn new(memory: Arc<DmaMemory>, part: Range<usize>) -> Self {
        Self { shared: Arc::new(Shared { memory, free: Mutex::new(vec![part]) }) }
    }

    fn buffer(&self, words: usize) -> Option<Words> {
        let bytes = bytes_of(words);
        let mut free = self.shared.free.lock().unwrap_or_else(PoisonError::into_inner);
        let found = free.iter_mut().find(|range| range.len() >= bytes && bytes > 0)?;
        let at = found.start;
        found.start += bytes;
        free.retain(|range| !range.is_empty());
        Some(Words { shared: Arc::clone(&self.shared), at, words })
    }
}

impl Shared {
    fn give_back(&self, range: Range<usize>) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let place = free.partition_point(|other| other.start < range.start);
        free.insert(place, range);
        free.dedup_by(|next, range| {
            let joined = range.end == next.start;
            if joined {
                range.end = next.end;
            }
            joined
        });
    }
}

/// Bytes of a pool that a buffer takes: whole beats.
const fn bytes_of(words: usize) -> usize {
    (4 * words).next_multiple_of(8)
}

/// A buffer of a pool.
struct Words {
    shared: Arc<Shared>,
    at: usize,
    words: usize,
}

impl Deref for Words {
    type Target = [u32];

    fn deref(&self) -> &[u32] {
        // SAFETY: the range is in bounds, aligned, and this buffer's alone until it is dropped; a device only reads it.
        unsafe {
            std::slice::from_raw_parts(
                self.shared.memory.as_mut_ptr().add(self.at).cast(),
                self.words,
            )
        }
    }
}

impl DerefMut for Words {
    fn deref_mut(&mut self) -> &mut [u32] {
        // SAFETY: as above.
        unsafe {
            std::slice::from_raw_parts_mut(
                self.shared.memory.as_mut_ptr().add(self.at).cast(),
                self.words,
            )
        }
    }
}

impl Drop for Words {
    fn drop(&mut self) {
        self.shared.give_back(self.at..self.at + bytes_of(self.words));
    }
}

impl WordBuffer for Words {}

impl WordMemory for Pool {
    fn take(&self, words: usize) -> Option<Box<dyn WordBuffer>> {
        self.buffer(words).map(|words| Box::new(words) as Box<dyn WordBuffer>)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_do_not_overlap_and_come_back_whole() {
        let memory = Arc::new(DmaMemory::new(0, 4096).unwrap());
        let pool = Pool::new(memory, 64..4096);
        let mut some: Vec<Words> = (1..=20).map(|words| pool.buffer(words).unwrap()).collect();
        for (i, words) in some.iter_mut().enumerate() {
            words.fill(i as u32);
        }
        for (i, words) in some.iter().enumerate() {
            assert!(words.iter().all(|word| *word == i as u32) && words.len() == i + 1);
        }
        // Not in the order in which they were taken.
        let (odd, even): (Vec<_>, Vec<_>) =
            some.into_iter().enumerate().partition(|(i, _)| i % 2 == 1);
        drop(odd);
        assert!(pool.buffer(1000).is_none());
        drop(even);
        assert_eq!(pool.shared.free.lock().unwrap().as_slice(), std::slice::from_ref(&(64..4096)));
        assert_eq!(pool.buffer(1008).unwrap().len(), 1008);
        assert!(pool.buffer(0).is_none());
    }
}
