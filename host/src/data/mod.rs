//! Data sets: 8-bit features and class labels.

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
}
