//! The built-in data set: the test part of the UCI optical recognition of handwritten digits, see `host/data/README.md`.

use super::arrays::{Features, Labels, Numbers, assemble};
use super::split::split;
use super::{Dataset, idx};
use flate2::read::GzDecoder;

const IMAGES: &[u8] = include_bytes!("../../data/digits-images-idx3-ubyte.gz");
const LABELS: &[u8] = include_bytes!("../../data/digits-labels-idx1-ubyte.gz");

/// One fifth of each class is for the test, always the same.
const TEST_FRACTION: f64 = 0.2;
const SPLIT_SEED: u32 = 1;
/// Pixels count the set points of a 4 x 4 square.
const BRIGHTEST: f32 = 16.0;

pub(super) fn digits() -> Dataset {
    let source = "the built-in digits".to_string();
    let (shape, pixels) =
        idx::read(GzDecoder::new(IMAGES), 3..=3).expect("the images are part of the program");
    let (_, labels) =
        idx::read(GzDecoder::new(LABELS), 1..=1).expect("the labels are part of the program");
    let numbers = Numbers::Floats(pixels.into_iter().map(|x| f32::from(x) / BRIGHTEST).collect());
    let arrays = (
        Features { source: source.clone(), shape, numbers },
        Labels { source, values: labels.into_iter().map(i64::from).collect() },
    );
    split(arrays, TEST_FRACTION, SPLIT_SEED)
        .and_then(|(train, test)| assemble("digits", train, test))
        .expect("the built-in digits are well-formed")
}
