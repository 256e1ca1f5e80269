//! Finds out what a source is and reads it.

use super::arrays::{Arrays, assemble};
use super::fetch::{self, Named};
use super::numpy::{Npz, read_npy};
use super::split::split;
use super::{Dataset, idx, table};
use crate::reader::Problems;
use std::path::Path;

/// What the data themselves do not say.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenOptions {
    /// CSV: name of the label column; without it, the last.
    pub label: Option<String>,
    /// Share of the samples of each class for the test, above 0 and below 1, where the source is not split already.
    pub test_fraction: f64,
    /// Seed of that split.
    pub seed: u32,
}

impl Default for OpenOptions {
    fn default() -> Self {
        OpenOptions { label: None, test_fraction: 0.2, seed: 1 }
    }
}

/// Training and, if the source has them, test samples.
type Found = (Arrays, Option<Arrays>);

/// Opens a data set by name (`digits`, `mnist`, `fashion-mnist`) or path; see the [module](super) for the kinds of files.
pub fn open(source: &str, options: &OpenOptions) -> Result<Dataset, Problems> {
    if !(options.test_fraction > 0.0 && options.test_fraction < 1.0) {
        return Err(Problems::from(format!(
            "The test fraction is {}: it must be above 0 and below 1.",
            options.test_fraction
        )));
    }
    if source == "digits" {
        return Ok(Dataset::digits());
    }
    let named = Named::from_name(source);
    let cached;
    let path = match named {
        Some(named) => {
            cached = fetch::cached(named)?;
            cached.as_path()
        }
        None => Path::new(source),
    };
    let (train, test) = read(path, options)?;
    let (train, test) = match test {
        Some(test) => (train, test),
        None => split(train, options.test_fraction, options.seed)?,
    };
    let name = match (named, path.file_stem()) {
        (Some(named), _) => named.name().to_string(),
        (None, Some(stem)) => stem.to_string_lossy().into_owned(),
        (None, None) => source.to_string(),
    };
    assemble(&name, train, test)
}

fn read(path: &Path, options: &OpenOptions) -> Result<Found, Problems> {
    if path.is_dir() {
        return directory(path, options);
    }
    if !path.exists() {
        return Err(Problems::from(format!(
            "There is no data set {:?}: give digits, mnist, fashion-mnist, or the path of a file or directory.",
            path.display().to_string()
        )));
    }
    let extension = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
    match extension.as_deref() {
        Some("npz") => npz(path),
        Some("csv") => Ok((table::read(path, options.label.as_deref())?, None)),
        _ => Err(Problems::from(format!(
            "{} is not a file the data can be read from: give an .npz or .csv file, or the directory of IDX or .npy files.",
            path.display()
        ))),
    }
}

fn directory(path: &Path, options: &OpenOptions) -> Result<Found, Problems> {
    let idx_pair = |purpose: &str| {
        let images = idx::find(path, &format!("{purpose}-images-idx3-ubyte"))?;
        Some((images, idx::find(path, &format!("{purpose}-labels-idx1-ubyte"))))
    };
    let read_idx = |purpose: &str| {
        let (images, labels) = idx_pair(purpose)?;
        let labels = labels.map_or_else(
            || {
                let missing = format!("{}/{purpose}-labels-idx1-ubyte is missing.", path.display());
                Err(Problems::from(missing))
            },
            |labels| idx::labels(&labels),
        );
        Some(both(idx::features(&images), labels))
    };
    let read_npy = |x: &str, y: &str| {
        let (x, y) = (path.join(format!("{x}.npy")), path.join(format!("{y}.npy")));
        x.is_file().then(|| {
            both(
                read_npy(&x).and_then(|array| array.into_features()),
                read_npy(&y).and_then(|array| array.into_labels()),
            )
        })
    };
    let read_csv = |name: &str| {
        let path = path.join(name);
        path.is_file().then(|| table::read(&path, options.label.as_deref()))
    };
    if let Some(train) = read_idx("train") {
        return halves(train, read_idx("t10k").or_else(|| read_idx("test")));
    }
    if let Some(train) = read_npy("x_train", "y_train").or_else(|| read_npy("x", "y")) {
        return halves(train, read_npy("x_test", "y_test"));
    }
    if let Some(train) = read_csv("train.csv") {
        return halves(train, read_csv("test.csv"));
    }
    Err(Problems::from(format!(
        "{} has no data: wanted train-images-idx3-ubyte (or .gz), x_train.npy, x.npy or train.csv.",
        path.display()
    )))
}

fn npz(path: &Path) -> Result<Found, Problems> {
    let mut archive = Npz::open(path)?;
    let names = archive.names();
    let has = |name: &str| names.iter().any(|n| n == name);
    let mut pair = |x: &str, y: &str| {
        both(
            archive.array(x).and_then(|array| array.into_features()),
            archive.array(y).and_then(|array| array.into_labels()),
        )
    };
    if has("x_train") {
        let test = has("x_test").then(|| pair("x_test", "y_test"));
        return halves(pair("x_train", "y_train"), test);
    }
    if has("x") {
        return halves(pair("x", "y"), None);
    }
    Err(Problems::from(format!(
        "{} has the arrays {}: name them x_train, y_train, x_test, y_test, or x and y.",
        path.display(),
        names.join(", ")
    )))
}

/// Both results, or the problems of both.
fn both<A, B>(a: Result<A, Problems>, b: Result<B, Problems>) -> Result<(A, B), Problems> {
    match (a, b) {
        (Ok(a), Ok(b)) => Ok((a, b)),
        (a, b) => Err([a.err(), b.err()]
            .into_iter()
            .flatten()
            .flat_map(|problems| problems.sentences().to_vec())
            .collect()),
    }
}

fn halves(
    train: Result<Arrays, Problems>,
    test: Option<Result<Arrays, Problems>>,
) -> Result<Found, Problems> {
    both(train, test.transpose())
}
