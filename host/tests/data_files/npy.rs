//! NPY and NPZ.

use super::{directory, problems, read};
use std::fs;
use std::io::Write;

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
