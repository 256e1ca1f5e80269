//! The IDX format of MNIST: a magic number with element type and dimensions, the sides as big-endian 32-bit numbers, the elements.

use super::arrays::{Features, Labels, Numbers};
use crate::reader::Problems;
use flate2::read::GzDecoder;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

/// Element type: unsigned byte.
const UNSIGNED_BYTE: u8 = 8;

/// `name` in `directory`, plain or compressed.
pub(super) fn find(directory: &Path, name: &str) -> Option<PathBuf> {
    [name.to_string(), format!("{name}.gz")]
        .iter()
        .map(|name| directory.join(name))
        .find(|path| path.is_file())
}

/// Reads images (or any array of samples of unsigned bytes); a name that ends in `.gz` is decompressed.
pub(super) fn features(path: &Path) -> Result<Features, Problems> {
    let (shape, bytes) = open(path).and_then(|input| read(input, 2..=255)).map_err(at(path))?;
    Ok(Features { source: path.display().to_string(), shape, numbers: Numbers::Bytes(bytes) })
}

/// Reads labels.
pub(super) fn labels(path: &Path) -> Result<Labels, Problems> {
    let (_, bytes) = open(path).and_then(|input| read(input, 1..=1)).map_err(at(path))?;
    Ok(Labels {
        source: path.display().to_string(),
        values: bytes.into_iter().map(i64::from).collect(),
    })
}

fn at(path: &Path) -> impl Fn(String) -> Problems {
    move |problem| Problems::from(format!("{} {problem}", path.display()))
}

fn open(path: &Path) -> Result<Box<dyn Read>, String> {
    let file = File::open(path).map_err(|error| format!("cannot be opened: {error}."))?;
    let file = BufReader::new(file);
    Ok(if path.extension().is_some_and(|e| e == "gz") {
        Box::new(GzDecoder::new(file))
    } else {
        Box::new(file)
    })
}

/// Shape and elements; the problem continues a sentence that begins with the name of the file.
pub(super) fn read(
    mut input: impl Read,
    dimensions: std::ops::RangeInclusive<u8>,
) -> Result<(Vec<usize>, Vec<u8>), String> {
    let truncated = |what: &'static str| {
        move |error: std::io::Error| format!("ends within its {what} ({error}): fetch it again.")
    };
    let mut magic = [0; 4];
    input.read_exact(&mut magic).map_err(truncated("magic number"))?;
    let [zero, zero_too, element, rank] = magic;
    if (zero, zero_too, element) != (0, 0, UNSIGNED_BYTE) || !dimensions.contains(&rank) {
        let sides = if *dimensions.end() == 1 {
            "1 dimension (labels)"
        } else {
            "2 or more dimensions (images)"
        };
        return Err(format!(
            "has the magic number {:#010x}: wanted an IDX file of unsigned bytes with {sides}, {:#010x}.",
            u32::from_be_bytes(magic),
            if *dimensions.end() == 1 { 0x801 } else { 0x803 }
        ));
    }
    let mut shape = Vec::new();
    for _ in 0..rank {
        let mut side = [0; 4];
        input.read_exact(&mut side).map_err(truncated("header"))?;
        shape.push(u32::from_be_bytes(side) as usize);
    }
    let too_large = || {
        format!("says it has the shape {shape:?}, which is larger than any memory: fetch it again.")
    };
    let size = shape
        .iter()
        .try_fold(1usize, |size, &side| size.checked_mul(side))
        .ok_or_else(too_large)?;
    // The file decides how much is read, not the header, which may be wrong.
    let mut bytes = Vec::new();
    let wanted = size as u64;
    input
        .by_ref()
        .take(wanted.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| format!("cannot be read to its end ({error}): fetch it again."))?;
    if bytes.len() as u64 != wanted {
        let found = if bytes.len() < size {
            format!("ends after {}", bytes.len())
        } else {
            "has more".to_string()
        };
        return Err(format!(
            "has the shape {shape:?}, that is {size} bytes, but {found}: fetch it again."
        ));
    }
    Ok((shape, bytes))
}
