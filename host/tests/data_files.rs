//! Data sets from files, and the sentences for all that can be wrong with them.

use backspike::data::{Dataset, OpenOptions, Split, open, stratified};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs;
use std::io::Write;
use std::path::Path;
use tempfile::TempDir;

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

fn npy(kind: &str, shape: &str, bytes: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n");
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.as_bytes());
    file.extend(bytes);
    file
}

fn bytes<const N: usize, T: Copy>(numbers: &[T], to: fn(T) -> [u8; N]) -> Vec<u8> {
    numbers.iter().flat_map(|&x| to(x)).collect()
}

/// A directory with these files.
fn directory(files: &[(&str, Vec<u8>)]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, content) in files {
        fs::write(directory.path().join(name), content).unwrap();
    }
    directory
}

fn read(path: &Path) -> Result<Dataset, Vec<String>> {
    open(path.to_str().unwrap(), &OpenOptions::default())
        .map_err(|problems| problems.sentences().to_vec())
}

/// The problems of a directory, with its name cut out.
fn problems(files: &[(&str, Vec<u8>)], name: &str) -> Vec<String> {
    let directory = directory(files);
    let path =
        if name.is_empty() { directory.path().to_path_buf() } else { directory.path().join(name) };
    let prefix = format!("{}/", directory.path().display());
    read(&path).unwrap_err().into_iter().map(|sentence| sentence.replace(&prefix, "")).collect()
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

#[test]
fn npy_of_every_type() {
    let values = [0u8, 1, 2, 3, 4, 8];
    let integers: Vec<i64> = values.iter().map(|&x| x.into()).collect();
    // 0, 1, 2, 3, 4, 8 as binary16.
    let halves = [0x0000u16, 0x3c00, 0x4000, 0x4200, 0x4400, 0x4800];
    let scaled: Vec<u8> =
        values.iter().map(|&x| (f64::from(x) * 255.0 / 8.0).round() as u8).collect();
    for (kind, content, expected) in [
        ("|u1", values.to_vec(), values.to_vec()),
        ("<i8", bytes(&integers, i64::to_le_bytes), scaled.clone()),
        ("<i4", integers.iter().flat_map(|&x| (x as i32).to_le_bytes()).collect(), scaled.clone()),
        ("<u2", integers.iter().flat_map(|&x| (x as u16).to_le_bytes()).collect(), scaled.clone()),
        ("<f2", bytes(&halves, u16::to_le_bytes), scaled.clone()),
        ("<f4", integers.iter().flat_map(|&x| (x as f32).to_le_bytes()).collect(), scaled.clone()),
        ("<f8", integers.iter().flat_map(|&x| (x as f64).to_le_bytes()).collect(), scaled),
    ] {
        let data = directory(&[
            ("x_train.npy", npy(kind, "(2, 3)", &content)),
            ("y_train.npy", npy("<i8", "(2,)", &bytes(&[1i64, 0], i64::to_le_bytes))),
            ("x_test.npy", npy("|u1", "(1, 3)", &[0, 2, 200])),
            ("y_test.npy", npy("|u1", "(1, 1)", &[1])),
        ]);
        let data = read(data.path()).unwrap();
        assert_eq!(data.train.features, expected, "{kind}");
        assert_eq!((data.train.labels, data.shape), (vec![1, 0], vec![3]));
        let test = if kind == "|u1" { [0, 2, 200] } else { [0, 64, 255] };
        assert_eq!(data.test.features, test, "test samples are scaled alike and clamped, {kind}");
    }
}

#[test]
fn floats_are_scaled_by_the_training_samples() {
    let floats = |x: &[f32]| npy("<f4", &format!("({}, 1)", x.len()), &bytes(x, f32::to_le_bytes));
    for (name, train, test, expected_train, expected_test) in [
        ("0..=1 as it is", [0.2f32, 0.4, 0.2, 1.0], [0.0f32, 1.5], [51, 102, 51, 255], [0, 255]),
        ("another range", [-1.0, 0.0, 1.0, 3.0], [-9.0, 9.0], [0, 64, 128, 255], [0, 255]),
        ("a single value", [7.0; 4], [1.0, 9.0], [0; 4], [0; 2]),
    ] {
        let data = directory(&[
            ("x_train.npy", floats(&train)),
            ("y_train.npy", npy("|u1", "(4,)", &[0, 1, 0, 1])),
            ("x_test.npy", floats(&test)),
            ("y_test.npy", npy("|u1", "(2,)", &[0, 1])),
        ]);
        let data = read(data.path()).unwrap();
        assert_eq!(data.train.features, expected_train, "{name}");
        assert_eq!(data.test.features, expected_test, "{name}");
    }
}

#[test]
fn npz_archives() {
    let write = |arrays: &[(&str, Vec<u8>)], compression| {
        let directory = tempfile::tempdir().unwrap();
        let mut archive =
            zip::ZipWriter::new(fs::File::create(directory.path().join("set.npz")).unwrap());
        for (name, content) in arrays {
            let options = zip::write::SimpleFileOptions::default().compression_method(compression);
            archive.start_file(format!("{name}.npy"), options).unwrap();
            archive.write_all(content).unwrap();
        }
        archive.finish().unwrap();
        directory
    };
    let x = npy("|u1", "(4, 2)", &[1, 2, 3, 4, 5, 6, 7, 8]);
    let y = npy("<i8", "(4,)", &bytes(&[0i64, 1, 0, 1], i64::to_le_bytes));
    for compression in [zip::CompressionMethod::Stored, zip::CompressionMethod::Deflated] {
        let directory = write(
            &[
                ("x_train", x.clone()),
                ("y_train", y.clone()),
                ("x_test", x.clone()),
                ("y_test", y.clone()),
            ],
            compression,
        );
        let data = read(&directory.path().join("set.npz")).unwrap();
        assert_eq!((data.name.as_str(), data.train.len(), data.test.len()), ("set", 4, 4));
        assert_eq!(data.train.features, [1, 2, 3, 4, 5, 6, 7, 8]);
    }
    let directory = write(&[("x", x.clone()), ("y", y)], zip::CompressionMethod::Deflated);
    let data = read(&directory.path().join("set.npz")).unwrap();
    assert_eq!((data.train.len(), data.test.len()), (2, 2));

    let stored = zip::CompressionMethod::Stored;
    let directory = write(&[("images", x.clone()), ("targets", x.clone())], stored);
    let problem = read(&directory.path().join("set.npz")).unwrap_err();
    assert!(
        problem[0].contains("name them x_train, y_train, x_test, y_test, or x and y"),
        "{problem:?}"
    );
    let directory = write(&[("x", x)], stored);
    let problem = read(&directory.path().join("set.npz")).unwrap_err();
    assert!(
        problem[0].starts_with("y of ") && problem[0].contains("cannot be read"),
        "{problem:?}"
    );
    assert!(
        problems(&[("set.npz", b"PK no archive".to_vec())], "set.npz")[0]
            .contains("is not an NPZ archive")
    );
}

#[test]
fn npy_sentences() {
    let labels = || ("y.npy", npy("|u1", "(2,)", &[0, 1]));
    let x = |content: Vec<u8>| problems(&[("x.npy", content), labels()], "");
    let nan = bytes(&[1.0f32, f32::NAN, f32::INFINITY, 2.0], f32::to_le_bytes);
    let with_nan = [
        ("x_train.npy", npy("<f4", "(2, 2)", &nan)),
        ("y_train.npy", npy("<i4", "(2,)", &bytes(&[-1i32, 70_000], i32::to_le_bytes))),
        ("x_test.npy", npy("|u1", "(1, 2)", &[1, 2])),
        ("y_test.npy", npy("|u1", "(2,)", &[1, 0])),
    ];
    assert_eq!(
        problems(&with_nan, ""),
        [
            "Label 0 of y_train.npy is -1: a label must be an integer from 0 to 65535.",
            "Label 1 of y_train.npy is 70000: a label must be an integer from 0 to 65535.",
            "Feature 1 of sample 0 of x_train.npy is NaN: replace it by a finite number or drop the sample.",
            "Feature 0 of sample 1 of x_train.npy is inf: replace it by a finite number or drop the sample.",
            "x_test.npy has 1 samples, but y_test.npy has 2 labels: give one label per sample.",
        ]
    );
    let many = [
        ("x_train.npy", npy("<f4", "(2, 50)", &bytes(&[f32::NAN; 100], f32::to_le_bytes))),
        ("y_train.npy", npy("|u1", "(2,)", &[0, 1])),
        ("x_test.npy", npy("|u1", "(1, 50)", &[1; 50])),
        ("y_test.npy", npy("|u1", "(1,)", &[1])),
    ];
    let found = problems(&many, "");
    assert_eq!((found.len(), found[3].as_str()), (4, "The same is wrong 97 more times."));

    assert_eq!(
        x(b"\x93NUMPX..........".to_vec())[0],
        "x.npy is not an NPY array: its magic string is missing."
    );
    assert!(x(npy(">f4", "(2, 1)", &[0; 8]))[0].contains("element type \">f4\": use uint8"));
    assert!(x(npy("|O", "(2, 1)", &[0; 8]))[0].contains("element type \"|O\""));
    assert!(x(npy("<f4", "(2, 2)", &[0; 15]))[0].contains("that is 16 bytes, but ends after 15"));
    assert!(x(npy("<f4", "(2, 2)", &[0; 17]))[0].contains("but has more"));
    assert!(x(npy("<f4", "(2,)", &[0; 8]))[0].contains("features need two or more dimensions"));
    assert!(
        x(npy("<f4", "(99999999999999999999, 2)", &[0; 8]))[0]
            .contains("header that cannot be understood")
    );
    assert!(
        x(npy("<f4", "(9999999999999999999, 2)", &[0; 8]))[0].contains("larger than any memory")
    );
    let fortran =
        String::from_utf8_lossy(&npy("|u1", "(2, 1)", b"ab")[8..]).replace("False", "True ");
    let fortran = [b"\x93NUMPY\x01\x00".as_slice(), fortran.as_bytes()].concat();
    assert!(x(fortran)[0].contains("numpy.ascontiguousarray"));
    let whole = npy("<f4", "(2, 2)", &[0; 16]);
    for length in 0..whole.len() {
        assert_eq!(x(whole[..length].to_vec()).len(), 1, "cut at {length}");
    }
    let floats = [("x.npy", npy("|u1", "(2, 1)", &[1, 2])), ("y.npy", npy("<f4", "(2,)", &[0; 8]))];
    assert!(problems(&floats, "")[0].contains("labels must be integers in one dimension"));
    assert!(
        problems(&[("x.npy", npy("|u1", "(2, 1)", &[1, 2]))], "")[0]
            .contains("y.npy cannot be opened")
    );
    let three = [("x.npy", npy("|u1", "(3, 1)", &[1, 2, 3])), labels()];
    assert!(problems(&three, "")[0].contains("x.npy has 3 samples and y.npy 2 labels"));
}

#[test]
fn csv_with_and_without_header() {
    let plain = b"0, 16, 0\n8,4,1\n16,0,0\n0,0,1\n".to_vec();
    let named = b"class,a,b\n0,0,16\n1,8,4\n0,16,0\n1,0,0\n".to_vec();
    let directory = directory(&[("plain.csv", plain), ("named.csv", named)]);
    let a = read(&directory.path().join("plain.csv")).unwrap();
    let options = OpenOptions { label: Some("class".to_string()), ..OpenOptions::default() };
    let b = open(directory.path().join("named.csv").to_str().unwrap(), &options).unwrap();
    assert_eq!((&a.train, &a.test, a.classes), (&b.train, &b.test, 2));
    assert_eq!((a.train.len(), a.test.len(), a.shape), (2, 2, vec![2]));
}

#[test]
fn csv_sentences() {
    let csv = |content: &str| problems(&[("set.csv", content.as_bytes().to_vec())], "set.csv");
    assert_eq!(
        csv("1,2,0\n1,two,1\n1,2\n1,2,1.5\n1,NaN,1\n"),
        [
            "Field 2 of line 2 of set.csv is \"two\" instead of a number.",
            "Line 3 of set.csv has 2 fields instead of 3.",
            "Field 3 of line 4 of set.csv is \"1.5\" instead of an integer class label.",
        ]
    );
    assert!(
        csv("1,2,0\n1,NaN,1\n1,2,0\n3,4,1\n")
            .iter()
            .any(|p| p.contains("is NaN: replace it by a finite number"))
    );
    assert_eq!(
        csv(&format!("1,0\n{}", "x,0\n".repeat(20))).last().unwrap(),
        "set.csv has 12 more problems of this kind."
    );
    assert!(csv("")[0].contains("has 0 samples"));
    assert!(csv("a,b\n")[0].contains("has 0 samples"));
    assert!(csv("1\n2\n")[0].contains("has 1 fields instead of at least 2"));
    let label = |content: &str| {
        let directory = directory(&[("set.csv", content.as_bytes().to_vec())]);
        let options = OpenOptions { label: Some("kind".to_string()), ..OpenOptions::default() };
        open(directory.path().join("set.csv").to_str().unwrap(), &options).unwrap_err().to_string()
    };
    assert!(label("a,b\n1,2\n").ends_with("has no column \"kind\": its columns are a, b."));
    assert!(label("1,2\n").contains("has no header line"));
}

#[test]
fn sources_that_do_not_exist() {
    let text = |source: &str| open(source, &OpenOptions::default()).unwrap_err().to_string();
    assert_eq!(
        text("cifar"),
        "There is no data set \"cifar\": give digits, mnist, fashion-mnist, or the path of a file or directory."
    );
    assert!(problems(&[("a.txt", vec![])], "a.txt")[0].contains("give an .npz or .csv file"));
    assert!(problems(&[], "")[0].contains("has no data: wanted train-images-idx3-ubyte"));
    for test_fraction in [0.0, 1.0, -1.0, f64::NAN] {
        let options = OpenOptions { test_fraction, ..OpenOptions::default() };
        assert!(
            open("digits", &options)
                .unwrap_err()
                .to_string()
                .contains("must be above 0 and below 1")
        );
    }
}

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
