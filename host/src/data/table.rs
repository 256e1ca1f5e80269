//! CSV: one sample a line, the label in the last column or in a named one.

use super::arrays::{Arrays, Features, Labels, Numbers};
use crate::reader::Problems;
use std::path::Path;

/// Most wrong fields that are listed one by one.
const LISTED: usize = 8;

/// Reads a table. The first line is a header if one of its fields is not a number; `label` names a column of the header.
pub(super) fn read(path: &Path, label: Option<&str>) -> Result<Arrays, Problems> {
    let source = path.display().to_string();
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_path(path)
        .map_err(|error| Problems::from(format!("{source} cannot be opened: {error}.")))?;
    let mut records = reader.records().peekable();
    let mut header: Option<Vec<String>> = None;
    if let Some(Ok(first)) = records.peek()
        && first.iter().any(|field| field.parse::<f64>().is_err())
    {
        header = Some(first.iter().map(str::to_string).collect());
        records.next();
    }
    let label_column = match (label, &header) {
        (None, _) => None,
        (Some(label), Some(names)) => {
            Some(names.iter().position(|name| name == label).ok_or_else(|| {
                Problems::from(format!(
                    "{source} has no column {label:?}: its columns are {}.",
                    names.join(", ")
                ))
            })?)
        }
        (Some(label), None) => {
            return Err(Problems::from(format!(
                "{source} has no header line to find the label column {label:?} in: add one, or put the label last."
            )));
        }
    };

    let mut problems = Vec::new();
    let mut width = header.as_ref().map(Vec::len);
    let (mut floats, mut labels) = (Vec::new(), Vec::new());
    for record in records {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                problems.push(format!("{source} cannot be read: {error}."));
                break;
            }
        };
        let line = record.position().map_or(0, csv::Position::line);
        let width = *width.get_or_insert(record.len());
        if record.len() != width || width < 2 {
            let wanted = if width < 2 { "at least 2".to_string() } else { width.to_string() };
            problems.push(format!(
                "Line {line} of {source} has {} fields instead of {wanted}.",
                record.len()
            ));
            continue;
        }
        let label_column = label_column.unwrap_or(width - 1);
        for (column, field) in record.iter().enumerate() {
            let is_label = column == label_column;
            match field.parse::<f64>() {
                // Any integer up to 2^53 is exact; the range is checked with the labels of all formats.
                Ok(x) if is_label && x.fract() == 0.0 && x.abs() < 9e15 => labels.push(x as i64),
                Ok(x) if !is_label => floats.push(x as f32),
                _ => {
                    let wanted = if is_label { "an integer class label" } else { "a number" };
                    problems.push(format!(
                        "Field {} of line {line} of {source} is {field:?} instead of {wanted}.",
                        column + 1
                    ));
                }
            }
        }
    }
    if problems.len() > LISTED {
        let more = problems.len() - LISTED;
        problems.truncate(LISTED);
        problems.push(format!("{source} has {more} more problems of this kind."));
    }
    problems.into_iter().collect::<Problems>().into_result(())?;
    let shape = vec![labels.len(), width.unwrap_or(1).saturating_sub(1)];
    Ok((
        Features { source: source.clone(), shape, numbers: Numbers::Floats(floats) },
        Labels { source: format!("the label column of {source}"), values: labels },
    ))
}
