//! IDX, as MNIST comes.

use super::{directory, problems, read};
use backspike::data::Split;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;

fn idx(shape: &[u32], bytes: &[u8]) -> Vec<u8> {
    let mut file = vec![0, 0, 8, shape.len() as u8];
    shape.iter().for_each(|side| file.extend(side.to_be_bytes()));
    file.extend(bytes);
    file
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn mnist_like() -> [(&'static str, Vec<u8>); 4] {
    [
        ("train-images-idx3-ubyte", idx(&[3, 2, 2], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 255])),
        ("train-labels-idx1-ubyte", idx(&[3], &[0, 1, 2])),
        ("t10k-images-idx3-ubyte", idx(&[1, 2, 2], &[9, 9, 9, 9])),
        ("t10k-labels-idx1-ubyte", idx(&[1], &[1])),
    ]
}

#[test]
fn idx_files_plain_and_compressed_are_the_same() {
    let plain = directory(&mnist_like());
    let plain = read(plain.path()).unwrap();
    assert_eq!(
        (plain.shape.as_slice(), plain.classes, plain.sample_len()),
        ([2, 2].as_slice(), 3, 4)
    );
    assert_eq!(plain.train.sample(2, 4), [8, 9, 10, 255], "bytes are taken as they are");
    assert_eq!(plain.test, Split { features: vec![9; 4], labels: vec![1] });
    let names = [
        "train-images-idx3-ubyte.gz",
        "train-labels-idx1-ubyte.gz",
        "t10k-images-idx3-ubyte.gz",
        "t10k-labels-idx1-ubyte.gz",
    ];
    let files: Vec<_> = names
        .iter()
        .zip(mnist_like())
        .map(|(name, (_, content))| (*name, gzip(&content)))
        .collect();
    let compressed = directory(&files);
    let compressed = read(compressed.path()).unwrap();
    assert_eq!(compressed.train, plain.train);
    assert_eq!(compressed.content_hash(), plain.content_hash());
    let mut other = plain.clone();
    other.test.labels[0] = 2;
    assert_ne!(other.content_hash(), plain.content_hash());
}

#[test]
fn an_idx_file_cut_at_any_byte_is_refused() {
    for which in 0..2 {
        let whole = mnist_like()[which].1.len();
        for length in 0..whole {
            let mut files = mnist_like();
            files[which].1.truncate(length);
            let problems = problems(&files, "");
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert!(
                problems[0].starts_with(files[which].0) && problems[0].contains(" ends "),
                "{}",
                problems[0]
            );
        }
        let mut files = mnist_like();
        files[which].1.push(0);
        assert!(problems(&files, "")[0].contains("but has more"));
    }
    let mut files = mnist_like().to_vec();
    let compressed = gzip(&files[0].1);
    files[0] = ("train-images-idx3-ubyte.gz", compressed[..compressed.len() / 2].to_vec());
    let problems = problems(&files, "");
    assert!(problems[0].starts_with("train-images-idx3-ubyte.gz"), "{problems:?}");
}

#[test]
fn idx_sentences() {
    let with = |which: usize, content: Vec<u8>| {
        let mut files = mnist_like();
        files[which].1 = content;
        problems(&files, "")
    };
    assert_eq!(
        with(0, mnist_like()[1].1.clone()),
        [
            "train-images-idx3-ubyte has the magic number 0x00000801: wanted an IDX file of unsigned bytes with 2 or more \
          dimensions (images), 0x00000803."
        ]
    );
    assert_eq!(
        with(1, mnist_like()[0].1.clone()),
        [
            "train-labels-idx1-ubyte has the magic number 0x00000803: wanted an IDX file of unsigned bytes with 1 dimension \
          (labels), 0x00000801."
        ]
    );
    assert_eq!(
        with(0, idx(&[3, 2, 2], &[0; 10])),
        [
            "train-images-idx3-ubyte has the shape [3, 2, 2], that is 12 bytes, but ends after 10: fetch it again."
        ]
    );
    assert_eq!(
        with(1, idx(&[2], &[0, 1])),
        [
            "train-images-idx3-ubyte has 3 samples, but train-labels-idx1-ubyte has 2 labels: give one label per sample."
        ]
    );
    assert_eq!(
        with(2, idx(&[1, 2, 3], &[0; 6])),
        [
            "train-images-idx3-ubyte has samples of shape [2, 2], but t10k-images-idx3-ubyte of [2, 3]: training and test \
          samples must have the same shape."
        ]
    );
    assert_eq!(
        with(3, idx(&[1], &[7])),
        [
            "Label 0 of t10k-labels-idx1-ubyte is 7, but the largest of train-labels-idx1-ubyte is 2: a class without training \
          samples cannot be tested."
        ]
    );
    assert_eq!(
        with(1, idx(&[3], &[0; 3])),
        [
            "train-labels-idx1-ubyte has only one class: give at least two.",
            "Label 0 of t10k-labels-idx1-ubyte is 1, but the largest of train-labels-idx1-ubyte is 0: a class without training \
          samples cannot be tested."
        ]
    );
    assert!(with(0, idx(&[u32::MAX; 4], &[]))[0].contains("larger than any memory"));
    assert!(with(0, idx(&[u32::MAX, 1, 1], &[0]))[0].contains("but ends after 1"));
    assert_eq!(
        with(2, idx(&[0, 2, 2], &[]))[0],
        "t10k-images-idx3-ubyte has no samples: its shape is [0, 2, 2]."
    );
    let mut files = mnist_like().to_vec();
    files.remove(1);
    assert!(problems(&files, "")[0].ends_with("train-labels-idx1-ubyte is missing."));
    let both = [("train-images-idx3-ubyte", vec![1]), ("train-labels-idx1-ubyte", vec![2])];
    assert_eq!(problems(&both, "").len(), 2, "the problems of both files at once");
}
