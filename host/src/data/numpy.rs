//! NumPy arrays: NPY files and the NPY members of an NPZ archive.

use super::arrays::{Features, Labels, Numbers};
use crate::reader::Problems;
use backspike_arch::num::F16;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

const MAGIC: &[u8] = b"\x93NUMPY";

/// An array in C order, samples first.
#[derive(Debug)]
pub(super) struct Array {
    source: String,
    shape: Vec<usize>,
    elements: Elements,
}

#[derive(Debug)]
enum Elements {
    Bytes(Vec<u8>),
    Integers(Vec<i64>),
    Floats(Vec<f32>),
}

impl Array {
    pub fn into_features(self) -> Result<Features, Problems> {
        if self.shape.len() < 2 {
            return Err(Problems::from(format!(
                "{} has the shape {:?}: features need two or more dimensions, samples first.",
                self.source, self.shape
            )));
        }
        let numbers = match self.elements {
            Elements::Bytes(bytes) => Numbers::Bytes(bytes),
            // Integers above 2^24 lose bits that eight-bit features would not have kept either.
            Elements::Integers(integers) => {
                Numbers::Floats(integers.into_iter().map(|x| x as f32).collect())
            }
            Elements::Floats(floats) => Numbers::Floats(floats),
        };
        Ok(Features { source: self.source, shape: self.shape, numbers })
    }

    pub fn into_labels(self) -> Result<Labels, Problems> {
        let values = match (self.shape.as_slice(), self.elements) {
            ([_] | [_, 1], Elements::Bytes(bytes)) => bytes.into_iter().map(i64::from).collect(),
            ([_] | [_, 1], Elements::Integers(integers)) => integers,
            (shape, elements) => {
                let kind =
                    if matches!(elements, Elements::Floats(_)) { "floats" } else { "integers" };
                return Err(Problems::from(format!(
                    "{} is an array of {kind} of shape {shape:?}: labels must be integers in one dimension.",
                    self.source
                )));
            }
        };
        Ok(Labels { source: self.source, values })
    }
}

/// Reads an NPY file.
pub(super) fn read_npy(path: &Path) -> Result<Array, Problems> {
    let source = path.display().to_string();
    let file = File::open(path)
        .map_err(|error| Problems::from(format!("{source} cannot be opened: {error}.")))?;
    read(BufReader::new(file), source)
}

/// An NPZ archive.
pub(super) struct Npz {
    source: String,
    archive: zip::ZipArchive<BufReader<File>>,
}

impl Npz {
    pub fn open(path: &Path) -> Result<Npz, Problems> {
        let source = path.display().to_string();
        let file = File::open(path)
            .map_err(|error| Problems::from(format!("{source} cannot be opened: {error}.")))?;
        let archive = zip::ZipArchive::new(BufReader::new(file))
            .map_err(|error| Problems::from(format!("{source} is not an NPZ archive: {error}.")))?;
        Ok(Npz { source, archive })
    }

    /// Names of the arrays.
    pub fn names(&self) -> Vec<String> {
        let names = self.archive.file_names().flatten();
        names.filter_map(|name| name.strip_suffix(".npy").map(str::to_string)).collect()
    }

    pub fn array(&mut self, name: &str) -> Result<Array, Problems> {
        let source = format!("{name} of {}", self.source);
        let member = self
            .archive
            .by_name(&format!("{name}.npy"))
            .map_err(|error| Problems::from(format!("{source} cannot be read: {error}.")))?;
        read(member, source)
    }
}

fn read(input: impl Read, source: String) -> Result<Array, Problems> {
    let (shape, elements) =
        parse(input).map_err(|problem| Problems::from(format!("{source} {problem}")))?;
    Ok(Array { source, shape, elements })
}

/// Shape and elements; the problem continues a sentence that begins with the name of the array.
fn parse(mut input: impl Read) -> Result<(Vec<usize>, Elements), String> {
    let truncated =
        |error: std::io::Error| format!("ends within its header ({error}): write it again.");
    let mut start = [0; 8];
    input.read_exact(&mut start).map_err(truncated)?;
    if !start.starts_with(MAGIC) {
        return Err("is not an NPY array: its magic string is missing.".to_string());
    }
    let mut length = [0; 4];
    // Version 1 has a 16-bit length, versions 2 and 3 one of 32 bits.
    input
        .read_exact(if start[6] == 1 { &mut length[..2] } else { &mut length })
        .map_err(truncated)?;
    let length = u32::from_le_bytes(length);
    let mut header = Vec::new();
    input.by_ref().take(length.into()).read_to_end(&mut header).map_err(truncated)?;
    let header = String::from_utf8_lossy(&header);
    let unreadable = || format!("has a header that cannot be understood: {header:?}.");
    let kind =
        value(&header, "descr").ok_or_else(unreadable)?.trim_matches(['\'', '"']).to_string();
    if value(&header, "fortran_order").ok_or_else(unreadable)? != "False" {
        return Err("is in Fortran order: save it with numpy.ascontiguousarray.".to_string());
    }
    let shape = value(&header, "shape").and_then(sides).ok_or_else(unreadable)?;
    let (element_size, decode) = decoder(&kind).ok_or_else(|| {
        format!("has the element type {kind:?}: use uint8, float16, float32, float64 or integers, little-endian.")
    })?;
    let size =
        shape.iter().try_fold(element_size, |size, &side| size.checked_mul(side)).ok_or_else(
            || format!("says it has the shape {shape:?}, which is larger than any memory."),
        )?;
    // The file decides how much is read, not the header, which may be wrong.
    let mut bytes = Vec::new();
    input
        .take((size as u64).saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| format!("cannot be read to its end: {error}."))?;
    if bytes.len() != size {
        let found = if bytes.len() < size {
            format!("ends after {}", bytes.len())
        } else {
            "has more".to_string()
        };
        return Err(format!(
            "has the shape {shape:?} of {kind:?}, that is {size} bytes, but {found}: write it again."
        ));
    }
    Ok((shape, decode(bytes)))
}

/// The text of a value in the Python dictionary of the header.
fn value<'a>(header: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = header.split_once(&format!("'{key}':"))?;
    let rest = rest.trim_start();
    // A tuple ends with its parenthesis, anything else before the next comma.
    let end = if rest.starts_with('(') { rest.find(')')? + 1 } else { rest.find([',', '}'])? };
    Some(rest[..end].trim())
}

/// `(3, 4)`, `(3,)` or `()`.
fn sides(tuple: &str) -> Option<Vec<usize>> {
    let inside = tuple.strip_prefix('(')?.strip_suffix(')')?;
    inside
        .split(',')
        .map(str::trim)
        .filter(|side| !side.is_empty())
        .map(|side| side.parse().ok())
        .collect()
}

type Decode = fn(Vec<u8>) -> Elements;

/// Bytes of an element of this NumPy type, and what turns the bytes into elements.
fn decoder(kind: &str) -> Option<(usize, Decode)> {
    macro_rules! integers {
        ($ty:ty) => {
            (size_of::<$ty>(), |bytes| {
                Elements::Integers(numbers(&bytes, |b| <$ty>::from_le_bytes(b) as i64))
            })
        };
    }
    Some(match kind {
        "|u1" | "|b1" => (1, Elements::Bytes),
        "|i1" => integers!(i8),
        "<i2" => integers!(i16),
        "<i4" => integers!(i32),
        "<i8" => integers!(i64),
        "<u2" => integers!(u16),
        "<u4" => integers!(u32),
        "<f2" => {
            (2, |bytes| Elements::Floats(numbers(&bytes, |b| F16(u16::from_le_bytes(b)).to_f32())))
        }
        "<f4" => (4, |bytes| Elements::Floats(numbers(&bytes, f32::from_le_bytes))),
        "<f8" => (8, |bytes| Elements::Floats(numbers(&bytes, |b| f64::from_le_bytes(b) as f32))),
        _ => return None,
    })
}

fn numbers<const N: usize, T>(bytes: &[u8], number: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks::<N>().0.iter().map(|&bytes| number(bytes)).collect()
}
