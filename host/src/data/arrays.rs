//! Arrays as read from a file, and the checks and scaling that make samples of them.

use super::{Dataset, Split};
use crate::reader::Problems;

/// Most problems of one kind that are listed one by one.
const LISTED: usize = 3;

/// Features of several samples.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Numbers {
    Bytes(Vec<u8>),
    Floats(Vec<f32>),
}

/// An array of samples with the name of its source: a file, or an array within one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Features {
    pub source: String,
    /// Samples first.
    pub shape: Vec<usize>,
    /// As many as the product of the shape.
    pub numbers: Numbers,
}

/// A vector of labels with the name of its source.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Labels {
    pub source: String,
    pub values: Vec<i64>,
}

/// Features with their labels.
pub(super) type Arrays = (Features, Labels);

impl Numbers {
    pub fn len(&self) -> usize {
        match self {
            Numbers::Bytes(bytes) => bytes.len(),
            Numbers::Floats(floats) => floats.len(),
        }
    }
}

/// Makes a data set of arrays that are split already, or lists all that is wrong with them.
pub(super) fn assemble(name: &str, train: Arrays, test: Arrays) -> Result<Dataset, Problems> {
    let mut problems = Problems::default();
    for (features, labels) in [&train, &test] {
        check(features, labels, &mut problems);
    }
    let shape = train.0.shape[1..].to_vec();
    if test.0.shape[1..] != shape {
        problems.push(format!(
            "{} has samples of shape {shape:?}, but {} of {:?}: training and test samples must have the same shape.",
            train.0.source,
            test.0.source,
            &test.0.shape[1..]
        ));
    }
    let highest = train.1.values.iter().copied().max().unwrap_or(0);
    if highest < 1 {
        problems.push(format!("{} has only one class: give at least two.", train.1.source));
    }
    let unknown = test.1.values.iter().enumerate().filter(|&(_, &label)| label > highest);
    list(&mut problems, unknown, |(i, label)| {
        format!(
            "Label {i} of {} is {label}, but the largest of {} is {highest}: a class without training samples cannot be tested.",
            test.1.source, train.1.source
        )
    });
    problems.into_result(())?;

    let range = range(&train.0.numbers);
    let split = |(features, labels): Arrays| Split {
        features: scale(features.numbers, range),
        labels: labels.values.into_iter().map(|label| label as u16).collect(),
    };
    Ok(Dataset {
        name: name.to_string(),
        shape,
        classes: highest as usize + 1,
        train: split(train),
        test: split(test),
    })
}

fn check(features: &Features, labels: &Labels, problems: &mut Problems) {
    let samples = features.shape[0];
    if features.numbers.len() == 0 {
        problems.push(format!(
            "{} has no samples: its shape is {:?}.",
            features.source, features.shape
        ));
    }
    if samples != labels.values.len() {
        problems.push(format!(
            "{} has {samples} samples, but {} has {} labels: give one label per sample.",
            features.source,
            labels.source,
            labels.values.len()
        ));
    }
    let allowed = 0..=i64::from(u16::MAX);
    let wrong = labels.values.iter().enumerate().filter(|(_, label)| !allowed.contains(label));
    list(problems, wrong, |(i, label)| {
        format!(
            "Label {i} of {} is {label}: a label must be an integer from 0 to {}.",
            labels.source,
            u16::MAX
        )
    });
    if let Numbers::Floats(floats) = &features.numbers {
        let sample_len = features.shape[1..].iter().product::<usize>().max(1);
        let wrong = floats.iter().enumerate().filter(|(_, x)| !x.is_finite());
        list(problems, wrong, |(i, x)| {
            format!(
                "Feature {} of sample {} of {} is {x}: replace it by a finite number or drop the sample.",
                i % sample_len,
                i / sample_len,
                features.source
            )
        });
    }
}

/// One sentence for each of the first wrong items, and one for the rest.
fn list<T>(
    problems: &mut Problems,
    mut wrong: impl Iterator<Item = T>,
    sentence: impl Fn(T) -> String,
) {
    wrong.by_ref().take(LISTED).for_each(|item| problems.push(sentence(item)));
    let more = wrong.count();
    if more > 0 {
        problems.push(format!("The same is wrong {more} more times."));
    }
}

/// What becomes 0 and what 255. Bytes are taken as they are, and so are floats in 0..=1.
fn range(numbers: &Numbers) -> (f32, f32) {
    match numbers {
        Numbers::Bytes(_) => (0.0, 255.0),
        Numbers::Floats(floats) => {
            let (low, high) =
                floats.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), &x| {
                    (low.min(x), high.max(x))
                });
            if low >= 0.0 && high <= 1.0 { (0.0, 1.0) } else { (low, high) }
        }
    }
}

fn scale(numbers: Numbers, (low, high): (f32, f32)) -> Vec<u8> {
    let (low, width) = (f64::from(low), f64::from(high) - f64::from(low));
    // All features equal: there is nothing to scale, and 0 spikes least.
    let gain = if width > 0.0 { 255.0 / width } else { 0.0 };
    // `as` saturates, which clamps test samples outside the range of the training samples.
    let one = |x: f64| ((x - low) * gain).round() as u8;
    match numbers {
        Numbers::Bytes(bytes) if (low, width) == (0.0, 255.0) => bytes,
        Numbers::Bytes(bytes) => bytes.into_iter().map(|x| one(x.into())).collect(),
        Numbers::Floats(floats) => floats.into_iter().map(|x| one(x.into())).collect(),
    }
}
