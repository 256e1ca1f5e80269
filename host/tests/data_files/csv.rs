//! CSV.

use super::{directory, problems, read};
use backspike::data::{OpenOptions, open};

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
