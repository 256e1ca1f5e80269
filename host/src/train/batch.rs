//! Batches of encoded samples, made ahead on another thread where there is one.

use crate::data::Split;
use crate::encode::Encoder;
use backspike_arch::device::{WordBuffer, WordMemory};
use backspike_arch::num::mix;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Encoded samples of one weight update (or of one stretch of an evaluation).
#[derive(Default)]
pub struct Batch {
    pub labels: Vec<u16>,
    words: Words,
    words_per_sample: usize,
}

/// Plane words in device layout, sample-major; a device that moves 64 bits at a time gets samples that begin with them.
enum Words {
    Own(Vec<u32>),
    /// In memory of the device.
    Shared(Box<dyn WordBuffer>),
}

impl Default for Words {
    fn default() -> Self {
        Self::Own(Vec::new())
    }
}

impl Words {
    fn get(&self) -> &[u32] {
        match self {
            Self::Own(words) => words,
            Self::Shared(words) => words,
        }
    }

    /// At least `count` words, in `memory` if there is room.
    fn at_least(&mut self, count: usize, memory: Option<&dyn WordMemory>) -> &mut [u32] {
        if self.get().len() < count {
            // What is there goes back first.
            *self = Self::default();
            *self = match memory.and_then(|memory| memory.take(count)) {
                Some(words) => Self::Shared(words),
                None => Self::Own(vec![0; count]),
            };
        }
        match self {
            Self::Own(words) => words,
            Self::Shared(words) => words,
        }
    }
}

/// From the words of one sample to those of the next.
fn stride(words: usize) -> usize {
    words.next_multiple_of(2)
}

impl Batch {
    /// Number of samples.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The plane words of sample `i`.
    pub fn sample(&self, i: usize) -> &[u32] {
        &self.words.get()[i * stride(self.words_per_sample)..][..self.words_per_sample]
    }
}

/// Which samples, in which order, with which noise.
pub struct Feed<'a> {
    pub split: &'a Split,
    pub sample_len: usize,
    pub encoder: &'a Encoder,
    /// Sample indices in order.
    pub order: &'a [u32],
    pub batch: usize,
    /// Decides the encoder's noise together with the sample's index.
    pub epoch: u32,
    /// Memory of the device that batches go to.
    pub memory: Option<&'a dyn WordMemory>,
}

impl Feed<'_> {
    /// Batches in all; the last one may be smaller.
    pub fn batches(&self) -> usize {
        self.order.len().div_ceil(self.batch)
    }

    fn fill(&self, index: usize, batch: &mut Batch) {
        let first = index * self.batch;
        let last = (first + self.batch).min(self.order.len());
        let words = self.encoder.shape().len();
        batch.words_per_sample = words;
        batch.labels.clear();
        let all = batch.words.at_least((last - first) * stride(words), self.memory);
        for (&sample, to) in self.order[first..last].iter().zip(all.chunks_exact_mut(stride(words)))
        {
            batch.labels.push(self.split.labels[sample as usize]);
            let features = self.split.sample(sample as usize, self.sample_len);
            self.encoder.encode(self.epoch, sample, features, &mut to[..words]);
        }
    }

    /// Runs `body` with a source of batches `first..`; with more than one thread they are encoded ahead on another one.
    pub fn run<R>(
        &self,
        threads: usize,
        first: usize,
        body: impl FnOnce(&mut dyn FnMut(Batch) -> Option<Batch>) -> R,
    ) -> R {
        let mut indices = first..self.batches();
        if threads < 2 {
            return body(&mut |mut used: Batch| {
                let index = indices.next()?;
                self.fill(index, &mut used);
                Some(used)
            });
        }
        std::thread::scope(|scope| {
            // Two batches ahead hide the encoder; used ones go back, so nothing is allocated in the steady state.
            let (full, filled): (SyncSender<Batch>, Receiver<Batch>) = sync_channel(2);
            let (empty, emptied) = sync_channel::<Batch>(8);
            scope.spawn(move || {
                for index in indices {
                    let mut batch = emptied.try_recv().unwrap_or_default();
                    self.fill(index, &mut batch);
                    // The body stopped early: nobody wants the rest.
                    if full.send(batch).is_err() {
                        return;
                    }
                }
            });
            // Both ends are dropped before the scope joins, so an encoder that still waits ends.
            let mut next = |used: Batch| {
                // A full return channel only means that this buffer is not needed.
                let _ = empty.try_send(used);
                filled.recv().ok()
            };
            let result = body(&mut next);
            drop(filled);
            result
        })
    }
}

/// The order of `samples` samples in an epoch: a seeded shuffle that depends on (seed, epoch) only.
pub fn shuffled(samples: usize, seed: u32, epoch: u32) -> Vec<u32> {
    let mut order: Vec<u32> = (0..samples as u32).collect();
    let key = mix(mix(seed ^ 0x5348_5546) ^ epoch); // "SHUF" keeps this stream apart from the others
    for i in (1..samples).rev() {
        let random = mix(key ^ mix(i as u32));
        let j = (u64::from(random) * (i as u64 + 1)) >> 32;
        order.swap(i, j as usize);
    }
    order
}
