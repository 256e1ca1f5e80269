//! Configurations from TOML.

use super::{ArchConfig, ConfigError};
use std::path::Path;

impl ArchConfig {
    /// Reads a configuration file and validates it.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let name = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Self::from_toml(&text).map_err(|error| ConfigError { name, ..error }),
            Err(error) => Err(ConfigError {
                name,
                problems: vec![format!("the file cannot be read: {error}")],
            }),
        }
    }

    /// Parses and validates a configuration. With `preset = "edge"` only the keys that differ are needed.
    /// All unknown, missing and ill-typed keys are listed at once; with none of those, all values out of range.
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        let failed = |problems| ConfigError { name: "from TOML".into(), problems };
        let table: toml::Table =
            text.parse().map_err(|error| failed(vec![format!("it is not TOML: {error}")]))?;
        let mut problems = Vec::new();
        let base = match table.get("preset") {
            None => None,
            Some(value) => {
                let preset = value.as_str().and_then(Self::preset);
                if preset.is_none() {
                    problems.push(format!(
                        "there is no preset {value}; there are {}",
                        Self::PRESETS.join(", ")
                    ));
                }
                preset
            }
        };
        let has_base = table.contains_key("preset");
        let mut config = base.unwrap_or_else(Self::nano);

        match table.get("name") {
            Some(value) => match value.as_str() {
                Some(name) => config.name = name.to_owned(),
                None => problems.push(format!("name is {value}, but must be a string")),
            },
            None if has_base => {}
            None => problems.push("name is missing; every configuration has a name".into()),
        }
        for key in Self::KEYS {
            match table.get(key.name) {
                Some(value) => match value.as_integer().and_then(|n| usize::try_from(n).ok()) {
                    Some(value) => {
                        config.set(key.name, value);
                    }
                    None => problems.push(format!(
                        "{} is {value}, but must be a whole number of 0 or more ({})",
                        key.name,
                        key.meaning.trim()
                    )),
                },
                None if has_base => {}
                None => problems.push(format!(
                    "{} is missing ({}); set it, or start from a preset with preset = \"edge\"",
                    key.name,
                    key.meaning.trim()
                )),
            }
        }
        // A preset with fewer lanes has fewer optimizers, unless it says how many.
        if !table.contains_key("optimizers") {
            config = config.with_lanes(config.lanes);
        }
        let known = |key: &str| {
            key == "preset" || key == "name" || Self::KEYS.iter().any(|known| known.name == key)
        };
        let unknown = table.keys().filter(|key| !known(key));
        problems.extend(unknown.map(|key| match nearest(key) {
            Some(near) => format!("there is no key {key}; did you mean {near}?"),
            None => format!("there is no key {key}; remove it"),
        }));
        if !problems.is_empty() {
            return Err(failed(problems));
        }
        config.validate()?;
        Ok(config)
    }

    /// The configuration as TOML, which [`from_toml`](Self::from_toml) reads back.
    pub fn to_toml(&self) -> String {
        let mut text = format!("name = {}\n", toml::Value::from(self.name.as_str()));
        for key in Self::KEYS {
            let value = self.get(key.name).unwrap_or(0);
            text.push_str(&format!("{} = {value} # {}\n", key.name, key.meaning.trim()));
        }
        text
    }
}

/// The known key closest to `key`, if a third of the letters at most differ.
fn nearest(key: &str) -> Option<&'static str> {
    let candidates = ArchConfig::KEYS.iter().map(|known| known.name).chain(["preset", "name"]);
    let (distance, name) = candidates.map(|known| (edit_distance(key, known), known)).min()?;
    (distance * 3 <= name.len()).then_some(name)
}

fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
