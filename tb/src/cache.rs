//! Folders built once, keyed by content. A folder is built under a temporary name and renamed when complete, so that no reader
//! ever sees half of one; a lock file makes parallel builders of the same key wait instead of building twice.

use std::{
    env,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

/// `BACKSPIKE_CACHE`, else `~/.cache/backspike`, else a folder of the system's temporary folder.
pub fn root() -> PathBuf {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("BACKSPIKE_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|folder| folder.join("backspike")))
        .or_else(|| set("HOME").map(|folder| folder.join(".cache/backspike")))
        .unwrap_or_else(|| env::temp_dir().join("backspike"))
}

/// The folder of `key` under `parent`, built by `build` in a temporary folder if it does not exist.
pub fn folder<E: From<io::Error>>(
    parent: &Path,
    key: &str,
    build: impl FnOnce(&Path) -> Result<(), E>,
) -> Result<PathBuf, E> {
    let done = parent.join(key);
    if done.is_dir() {
        return Ok(done);
    }
    fs::create_dir_all(parent)?;
    let lock = File::create(parent.join(format!("{key}.lock")))?;
    lock.lock()?;
    if done.is_dir() {
        return Ok(done);
    }
    let temporary = tempfile::Builder::new().prefix(".building-").tempdir_in(parent)?;
    build(temporary.path())?;
    match fs::rename(temporary.path(), &done) {
        Ok(()) => {
            // The folder has moved: nothing is left to delete under its temporary name.
            let _ = temporary.keep();
            Ok(done)
        }
        // A builder without a common lock (a shared network folder, say) may have been first.
        Err(_) if done.is_dir() => Ok(done),
        Err(error) => Err(error.into()),
    }
}

/// A key over `parts`; the length of each part takes part, so that moving a border changes the key.
pub fn key<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    // 128 bits: no collision to fear, and short enough for a folder name.
    hasher.finalize().to_hex()[..32].to_owned()
}
