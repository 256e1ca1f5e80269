//! The digits that come with the program, and the split into training and test.

use backspike::data::{Dataset, OpenOptions, Split, open, stratified};

#[test]
fn digits_are_built_in() {
    let digits = open("digits", &OpenOptions::default()).unwrap();
    assert_eq!(
        (digits.name.as_str(), digits.shape.as_slice(), digits.classes),
        ("digits", [8, 8].as_slice(), 10)
    );
    assert_eq!(digits.train.len() + digits.test.len(), 1_797);
    assert_eq!(digits.train.features.len(), digits.train.len() * 64);
    let mut counts = [0; 10];
    digits
        .train
        .labels
        .iter()
        .chain(&digits.test.labels)
        .for_each(|&label| counts[usize::from(label)] += 1);
    assert_eq!(
        counts,
        [178, 182, 177, 183, 181, 182, 181, 179, 174, 180],
        "the classes of the UCI test part"
    );
    let sum = |split: &Split| split.features.iter().map(|&x| u64::from(x)).sum::<u64>();
    let mean = (sum(&digits.train) + sum(&digits.test)) as f64 / (1_797.0 * 64.0 * 255.0);
    assert!((mean * 16.0 - 4.884).abs() < 0.01, "the mean pixel is 4.884 of 16: {}", mean * 16.0);
    assert!(digits.train.features.contains(&255), "the brightest pixel is 255");
    assert_eq!(digits, Dataset::digits(), "always the same split");
}

#[test]
fn a_stratified_split_is_fair_and_reproducible() {
    let labels: Vec<i64> = (0..1_000)
        .map(|i| {
            if i % 10 == 0 {
                1
            } else if i == 5 {
                2
            } else {
                0
            }
        })
        .collect();
    let (train, test) = stratified(&labels, 0.2, 7);
    assert_eq!(train.len() + test.len(), 1_000);
    let count = |indices: &[usize], class| indices.iter().filter(|&&i| labels[i] == class).count();
    assert_eq!(
        [0, 1, 2].map(|class| count(&test, class)),
        [180, 20, 0],
        "a single sample stays in the training set"
    );
    assert!(train.is_sorted() && test.is_sorted());
    assert!(test.iter().all(|i| !train.contains(i)));
    assert_eq!(stratified(&labels, 0.2, 7), (train, test.clone()));
    let (_, other) = stratified(&labels, 0.2, 8);
    assert!(test.iter().filter(|i| other.contains(i)).count() < 80, "another seed, another split");
}
