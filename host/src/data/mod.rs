//! Data sets: 8-bit features and class labels, from files, from registries, or built in.
//!
//! | source | how |
//! |---|---|
//! | `digits` | built in: 1,797 images of 8 x 8 |
//! | `mnist`, `fashion-mnist` | fetched once into the cache, see [`fetch`] |
//! | a directory | IDX (`train-images-idx3-ubyte` ...), NPY (`x_train.npy` ...) or CSV (`train.csv`, `test.csv`) |
//! | a file | NPZ (`x_train`, `y_train`, `x_test`, `y_test`, or `x`, `y`) or CSV |
//!
//! Unsigned bytes are features as they are. All other numbers are scaled: what lies in 0..=1 by 255, anything else so that the
//! smallest feature of the training samples becomes 0 and the largest 255; test samples are scaled alike and clamped.

pub mod fetch;

mod arrays;
mod digits;
mod idx;
mod numpy;
mod open;
mod split;
mod table;

pub use open::{OpenOptions, open};
pub use split::stratified;

/// Samples of one purpose, sample-major.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// `len() * sample_len` features, 0..=255.
    pub features: Vec<u8>,
    /// One class per sample.
    pub labels: Vec<u16>,
}

impl Split {
    /// Number of samples.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The features of sample `i`.
    pub fn sample(&self, i: usize, sample_len: usize) -> &[u8] {
        &self.features[i * sample_len..][..sample_len]
    }

    /// Keeps the first `samples` samples, or all if there are no more.
    pub fn truncate(&mut self, samples: usize, sample_len: usize) {
        self.labels.truncate(samples);
        self.features.truncate(self.len() * sample_len);
    }
}

/// A data set with its split into training and test samples.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dataset {
    pub name: String,
    /// Shape of one sample, for example `[28, 28]`.
    pub shape: Vec<usize>,
    pub classes: usize,
    pub train: Split,
    pub test: Split,
}

impl Dataset {
    /// Features of one sample.
    pub fn sample_len(&self) -> usize {
        self.shape.iter().product()
    }

    /// The built-in digits: 1,797 images of 8 x 8 in 10 classes, one fifth of each class for the test.
    pub fn digits() -> Dataset {
        digits::digits()
    }

    /// BLAKE3 over shapes, features and labels, 64 hexadecimal digits: the same data give the same hash whatever file they came from.
    pub fn content_hash(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        let mut number = |n: usize| {
            hasher.update(&(n as u64).to_le_bytes());
        };
        number(self.shape.len());
        self.shape.iter().for_each(|&side| number(side));
        number(self.classes);
        for split in [&self.train, &self.test] {
            hasher.update(&(split.len() as u64).to_le_bytes());
            hasher.update(&split.features);
            split.labels.iter().for_each(|label| {
                hasher.update(&label.to_le_bytes());
            });
        }
        hasher.finalize().to_hex().to_string()
    }
}
