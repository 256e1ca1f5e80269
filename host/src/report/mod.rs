//! What a run tells people and programs.

use anyhow::{Context, Result};
use std::path::Path;

mod log;
mod summary;

pub use log::Log;
pub use summary::{Engines, summary};

/// Writes a report to `path`, with the folders above it.
pub fn write_file(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("The folder {} cannot be made", folder.display()))?;
    }
    std::fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
}
