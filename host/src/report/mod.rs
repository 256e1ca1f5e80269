//! What a run tells people and programs.

use anyhow::{Context, Result};
use std::path::Path;

mod log;
mod mesh;
mod summary;

pub use log::Log;
pub use mesh::{link_flits, mesh_record, mesh_report};
pub use summary::{Engines, summary};

/// Writes `text` to `path`, with the directories above it.
pub fn write_file(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("The directory {} cannot be made", folder.display()))?;
    }
    std::fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
}
