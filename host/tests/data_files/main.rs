//! Data sets from files, and the sentences for all that can be wrong with them.

mod built_in;
mod csv;
mod idx;
mod npy;

use backspike::data::{Dataset, OpenOptions, open};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

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
