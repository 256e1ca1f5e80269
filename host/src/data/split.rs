//! A split into training and test samples that every class shares in.

use super::arrays::{Arrays, Features, Labels, Numbers};
use crate::reader::Problems;
use backspike_arch::num::mix;
use std::collections::BTreeMap;

/// Chooses test samples: of each class the fraction `test`, rounded, at random by `seed`, but always one and never all of a class with
/// two or more. Returns the indices of training and test samples, ascending.
pub fn stratified(labels: &[i64], test: f64, seed: u32) -> (Vec<usize>, Vec<usize>) {
    let mut classes: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
    for (i, &label) in labels.iter().enumerate() {
        classes.entry(label).or_default().push(i);
    }
    let mut is_test = vec![false; labels.len()];
    for mut members in classes.into_values() {
        let wanted = (members.len() as f64 * test).round() as usize;
        let count = wanted.max(1).min(members.len() - 1);
        // Sorting by a hash is a shuffle; the index decides between equal hashes.
        members.sort_by_key(|&i| (mix(mix(seed) ^ i as u32), i));
        members[..count].iter().for_each(|&i| is_test[i] = true);
    }
    (0..labels.len()).partition(|&i| !is_test[i])
}

/// Splits arrays by [`stratified`].
pub(super) fn split(arrays: Arrays, test: f64, seed: u32) -> Result<(Arrays, Arrays), Problems> {
    let (features, labels) = arrays;
    let samples = features.shape[0];
    if samples != labels.values.len() || samples < 2 {
        return Err(Problems::from(format!(
            "{} has {samples} samples and {} {} labels: to split them, give two or more samples with one label each.",
            features.source,
            labels.source,
            labels.values.len()
        )));
    }
    let (train, test) = stratified(&labels.values, test, seed);
    Ok((select(&features, &labels, &train), select(&features, &labels, &test)))
}

fn select(features: &Features, labels: &Labels, indices: &[usize]) -> Arrays {
    let sample_len = features.shape[1..].iter().product();
    let numbers = match &features.numbers {
        Numbers::Bytes(bytes) => Numbers::Bytes(gather(bytes, sample_len, indices)),
        Numbers::Floats(floats) => Numbers::Floats(gather(floats, sample_len, indices)),
    };
    let mut shape = features.shape.clone();
    shape[0] = indices.len();
    let values = indices.iter().map(|&i| labels.values[i]).collect();
    (
        Features { source: features.source.clone(), shape, numbers },
        Labels { source: labels.source.clone(), values },
    )
}

fn gather<T: Copy>(items: &[T], sample_len: usize, indices: &[usize]) -> Vec<T> {
    indices.iter().flat_map(|&i| &items[i * sample_len..][..sample_len]).copied().collect()
}
