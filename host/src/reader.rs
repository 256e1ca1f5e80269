//! Reads a TOML document key by key and collects every problem instead of stopping at the first.
//!
//! Each getter returns a usable value even after a problem, so that reading goes on; the caller asks
//! [`Problems::into_result`] at the end. [`Section::finish`] reports the keys nobody asked for.

use std::cell::RefCell;
use std::fmt;
use std::ops::RangeInclusive;

/// Sentences that each name a thing, its value and the remedy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(Vec<String>);

impl Problems {
    /// Adds one sentence.
    pub fn push(&mut self, sentence: impl Into<String>) {
        self.0.push(sentence.into());
    }

    /// All sentences, in the order in which they were found.
    pub fn sentences(&self) -> &[String] {
        &self.0
    }

    /// `value` if there was no problem.
    pub fn into_result<T>(self, value: T) -> Result<T, Problems> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl From<String> for Problems {
    fn from(sentence: String) -> Self {
        Problems(vec![sentence])
    }
}

impl FromIterator<String> for Problems {
    fn from_iter<I: IntoIterator<Item = String>>(sentences: I) -> Self {
        Problems(sentences.into_iter().collect())
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [one] => f.write_str(one),
            many => {
                write!(f, "{} problems:", many.len())?;
                many.iter().try_for_each(|sentence| write!(f, "\n  - {sentence}"))
            }
        }
    }
}

impl std::error::Error for Problems {}

/// One table of a document, with its path for the messages.
pub struct Section<'a> {
    path: String,
    table: &'a toml::Table,
    asked: Vec<&'static str>,
    problems: &'a RefCell<Problems>,
}

impl<'a> Section<'a> {
    /// The whole document.
    pub fn root(table: &'a toml::Table, problems: &'a RefCell<Problems>) -> Self {
        Section { path: String::new(), table, asked: Vec::new(), problems }
    }

    /// The full name of a key of this section, as the messages print it.
    pub fn name(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_string() } else { format!("{}.{key}", self.path) }
    }

    /// Notes a problem.
    pub fn problem(&self, sentence: impl Into<String>) {
        self.problems.borrow_mut().push(sentence);
    }

    /// Whether the document has this key.
    pub fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// The raw value of a key, marked as known.
    pub fn value(&mut self, key: &'static str) -> Option<&'a toml::Value> {
        self.asked.push(key);
        self.table.get(key)
    }

    fn required(&mut self, key: &'static str, wanted: &str) -> Option<&'a toml::Value> {
        let value = self.value(key);
        if value.is_none() {
            self.problem(format!("{} is missing: give {wanted}.", self.name(key)));
        }
        value
    }

    fn wrong(&self, key: &str, value: &toml::Value, wanted: &str) {
        self.problem(format!("{} is {value}: it must be {wanted}.", self.name(key)));
    }

    /// An integer within `range`; without a default the key is required.
    pub fn integer(
        &mut self,
        key: &'static str,
        range: RangeInclusive<i64>,
        default: Option<i64>,
    ) -> i64 {
        let wanted = format!("an integer from {} to {}", range.start(), range.end());
        let fallback = default.unwrap_or(*range.start());
        if default.is_some() && !self.has(key) {
            self.asked.push(key);
            return fallback;
        }
        match self.required(key, &wanted) {
            Some(toml::Value::Integer(i)) if range.contains(i) => *i,
            Some(other) => {
                self.wrong(key, other, &wanted);
                fallback
            }
            None => fallback,
        }
    }

    /// A finite number within `range` (an integer is taken too); without a default the key is required.
    pub fn number(
        &mut self,
        key: &'static str,
        range: RangeInclusive<f64>,
        default: Option<f64>,
    ) -> f64 {
        let wanted = format!("a number from {} to {}", show(*range.start()), show(*range.end()));
        let fallback = default.unwrap_or(*range.start());
        if default.is_some() && !self.has(key) {
            self.asked.push(key);
            return fallback;
        }
        let Some(value) = self.required(key, &wanted) else { return fallback };
        match as_number(value) {
            Some(x) if range.contains(&x) => x,
            _ => {
                self.wrong(key, value, &wanted);
                fallback
            }
        }
    }

    /// A power of two, as its exponent within `range`; without a default the key is required.
    pub fn power_of_two(
        &mut self,
        key: &'static str,
        range: RangeInclusive<i32>,
        default: Option<i32>,
    ) -> i32 {
        let wanted = powers(&range);
        let fallback = default.unwrap_or(*range.start());
        if default.is_some() && !self.has(key) {
            self.asked.push(key);
            return fallback;
        }
        let Some(value) = self.required(key, &wanted) else { return fallback };
        match as_number(value).and_then(exponent) {
            Some(e) if range.contains(&e) => e,
            _ => {
                self.wrong(key, value, &wanted);
                fallback
            }
        }
    }

    /// A list of powers of two, as exponents.
    pub fn powers_of_two(&mut self, key: &'static str, range: RangeInclusive<i32>) -> Vec<i32> {
        let wanted = format!("a list, each {}", powers(&range));
        let numbers = self.list(key, &wanted);
        let exponents: Option<Vec<i32>> =
            numbers.iter().map(|x| exponent(*x).filter(|e| range.contains(e))).collect();
        exponents.unwrap_or_else(|| {
            self.problem(format!("{} is {numbers:?}: it must be {wanted}.", self.name(key)));
            Vec::new()
        })
    }

    /// A list of numbers within `range`.
    pub fn numbers(&mut self, key: &'static str, range: RangeInclusive<f64>) -> Vec<f64> {
        let wanted =
            format!("a list of numbers from {} to {}", show(*range.start()), show(*range.end()));
        let numbers = self.list(key, &wanted);
        if numbers.iter().any(|x| !range.contains(x)) {
            self.problem(format!("{} is {numbers:?}: it must be {wanted}.", self.name(key)));
        }
        numbers.into_iter().filter(|x| range.contains(x)).collect()
    }

    /// A list of integers within `range`.
    pub fn integers(&mut self, key: &'static str, range: RangeInclusive<i64>) -> Vec<i64> {
        let wanted = format!("a list of integers from {} to {}", range.start(), range.end());
        let Some(value) = self.required(key, &wanted) else { return Vec::new() };
        let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
        let good: Option<Vec<i64>> =
            items.iter().map(|item| item.as_integer().filter(|i| range.contains(i))).collect();
        match good {
            Some(good) if value.is_array() => good,
            _ => {
                self.wrong(key, value, &wanted);
                Vec::new()
            }
        }
    }

    fn list(&mut self, key: &'static str, wanted: &str) -> Vec<f64> {
        let Some(value) = self.required(key, wanted) else { return Vec::new() };
        let numbers: Option<Vec<f64>> =
            value.as_array().and_then(|items| items.iter().map(as_number).collect());
        numbers.unwrap_or_else(|| {
            self.wrong(key, value, wanted);
            Vec::new()
        })
    }

    /// One of the named options; without a default the key is required.
    pub fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        options: &[(&str, T)],
        default: Option<T>,
    ) -> T {
        let names: Vec<String> = options.iter().map(|(name, _)| format!("{name:?}")).collect();
        let wanted = names.join(" or ");
        let fallback = default.unwrap_or(options[0].1);
        if default.is_some() && !self.has(key) {
            self.asked.push(key);
            return fallback;
        }
        let Some(value) = self.required(key, &wanted) else { return fallback };
        match options.iter().find(|(name, _)| value.as_str() == Some(name)) {
            Some((_, option)) => *option,
            None => {
                self.wrong(key, value, &wanted);
                fallback
            }
        }
    }

    /// `true` or `false`; without a default the key is required.
    pub fn boolean(&mut self, key: &'static str, default: Option<bool>) -> bool {
        if let (Some(default), false) = (default, self.has(key)) {
            self.asked.push(key);
            return default;
        }
        match self.required(key, "true or false") {
            Some(toml::Value::Boolean(b)) => *b,
            Some(other) => {
                self.wrong(key, other, "true or false");
                false
            }
            None => false,
        }
    }

    /// A text that is not empty.
    pub fn text(&mut self, key: &'static str) -> String {
        match self.required(key, "a text") {
            Some(toml::Value::String(text)) if !text.is_empty() => text.clone(),
            Some(other) => {
                self.wrong(key, other, "a text that is not empty");
                String::new()
            }
            None => String::new(),
        }
    }

    /// A sub-table, if the document has it.
    pub fn optional_section(&mut self, key: &'static str) -> Option<Section<'a>> {
        let path = self.name(key);
        match self.value(key)? {
            toml::Value::Table(table) => {
                Some(Section { path, table, asked: Vec::new(), problems: self.problems })
            }
            other => {
                self.wrong(key, other, "a table");
                None
            }
        }
    }

    /// A sub-table that must be there.
    pub fn section(&mut self, key: &'static str) -> Option<Section<'a>> {
        if !self.has(key) {
            self.required(key, "the table");
        }
        self.optional_section(key)
    }

    /// An array of tables, `[[key]]`, of at least one.
    pub fn sections(&mut self, key: &'static str) -> Vec<Section<'a>> {
        let wanted = format!("at least one [[{}]] table", self.name(key));
        let Some(value) = self.required(key, &wanted) else { return Vec::new() };
        let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
        let tables: Option<Vec<&toml::Table>> = items.iter().map(toml::Value::as_table).collect();
        match tables {
            Some(tables) if !tables.is_empty() => tables
                .into_iter()
                .enumerate()
                .map(|(i, table)| Section {
                    path: self.name(&format!("{key}[{i}]")),
                    table,
                    asked: Vec::new(),
                    problems: self.problems,
                })
                .collect(),
            _ => {
                self.wrong(key, value, &wanted);
                Vec::new()
            }
        }
    }

    /// Reports every key of the document that no getter asked for.
    pub fn finish(self) {
        for key in self.table.keys().filter(|key| !self.asked.contains(&key.as_str())) {
            let near = self
                .asked
                .iter()
                .map(|known| (distance(known, key), known))
                .min()
                .filter(|(distance, _)| *distance <= 2 && *distance < key.len());
            let remedy = match near {
                Some((_, known)) => format!("did you mean {known:?}?"),
                None => format!("remove it; the keys here are {}.", self.asked.join(", ")),
            };
            self.problem(format!("{} is not a known key: {remedy}", self.name(key)));
        }
    }
}

fn as_number(value: &toml::Value) -> Option<f64> {
    match value {
        toml::Value::Integer(i) => Some(*i as f64),
        toml::Value::Float(x) if x.is_finite() => Some(*x),
        _ => None,
    }
}

/// `e` when `x` is exactly 2^e, within +-64.
pub fn exponent(x: f64) -> Option<i32> {
    (-64..=64).find(|e| 2f64.powi(*e) == x)
}

/// Small powers of two as powers: their decimals are long.
fn show(x: f64) -> String {
    match exponent(x) {
        Some(e) if e < -4 => format!("2^{e}"),
        _ => x.to_string(),
    }
}

fn powers(range: &RangeInclusive<i32>) -> String {
    format!(
        "a power of two from {} to {}",
        show(2f64.powi(*range.start())),
        show(2f64.powi(*range.end()))
    )
}

/// Edit distance of two short keys.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let best = (diagonal + usize::from(x != y)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], best);
        }
    }
    row[b.len()]
}
