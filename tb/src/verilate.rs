//! Verilog text to a cached shared library.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Output,
};

use backspike_hdl::prim::CLOCK_GATES;

use crate::{
    cache,
    compile::{self, Runtime},
    model::{Library, ModelError},
    toolchain::{Toolchain, ToolchainError},
};

const SHIM: &str = include_str!("../cpp/shim.cpp");

/// How long the compiler may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Optimize {
    /// `-O0`: netlists of cells, large and run for a moment.
    Not,
    /// `-O1`: short tests, where building takes longer than running.
    Quick,
    /// `-O3 -march=native`.
    #[default]
    Full,
}

/// What to build: Verilog text, the name of its top module, options.
#[derive(Clone, Debug)]
pub struct Build {
    verilog: String,
    top: String,
    clock: String,
    trace: bool,
    random_start: bool,
    threads: u32,
    optimize: Optimize,
    extension: &'static str,
    watched: Vec<(String, String)>,
    jobs: usize,
}

/// Why a model could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error(transparent)]
    Toolchain(#[from] ToolchainError),
    #[error("Verilator refuses module `{top}`. The full log is in {log}. It says:\n{lines}")]
    Verilate { top: String, lines: String, log: PathBuf },
    #[error(
        "The C++ model of module `{top}` does not compile. The full log is in {log}. It says:\n{lines}"
    )]
    Compile { top: String, lines: String, log: PathBuf },
    #[error(
        "The model cache {cache} cannot be used: {source}. Set BACKSPIKE_CACHE to a folder that can be written."
    )]
    Cache { cache: PathBuf, source: io::Error },
    #[error(transparent)]
    Model(#[from] ModelError),
}

impl From<io::Error> for BuildError {
    fn from(source: io::Error) -> Self {
        Self::Cache { cache: cache::root(), source }
    }
}

impl Build {
    /// `verilog` holds module `top` and every module below it. The clock is the port `clock` (a model without it is combinational).
    pub fn new(top: impl Into<String>, verilog: impl Into<String>) -> Self {
        Self {
            verilog: verilog.into(),
            top: top.into(),
            clock: "clock".into(),
            trace: false,
            random_start: true,
            threads: 1,
            optimize: Optimize::Full,
            extension: "",
            watched: Vec::new(),
            jobs: 2,
        }
    }

    /// Name of the clock port.
    #[must_use]
    pub fn clock(mut self, name: impl Into<String>) -> Self {
        self.clock = name.into();
        self
    }

    /// Whether [`crate::Model::trace`] can write waves. A traced model is a separate, slower library.
    #[must_use]
    pub fn trace(mut self, trace: bool) -> Self {
        self.trace = trace;
        self
    }

    /// Whether registers and memories without a reset value start with random bits of the instance's seed (the default), or with zeros.
    #[must_use]
    pub fn random_start(mut self, random: bool) -> Self {
        self.random_start = random;
        self
    }

    /// Threads of one instance. More than one is slower whenever the machine is busy; run one instance per thread instead.
    #[must_use]
    pub fn threads(mut self, threads: u32) -> Self {
        self.threads = threads.max(1);
        self
    }

    /// Effort of the C++ compiler.
    #[must_use]
    pub fn optimize(mut self, optimize: Optimize) -> Self {
        self.optimize = optimize;
        self
    }

    /// C++ text compiled after the generic shim in the same unit: entry points that know this model's ports.
    #[must_use]
    pub fn extension(mut self, text: &'static str) -> Self {
        self.extension = text;
        self
    }

    /// Lets [`crate::Model::peek`] read the signal `name` in every module that matches `module` (`*` stands for any text).
    #[must_use]
    pub fn watch(mut self, module: impl Into<String>, name: impl Into<String>) -> Self {
        self.watched.push((module.into(), name.into()));
        self
    }

    /// Compiler processes at a time.
    #[must_use]
    pub fn jobs(mut self, jobs: usize) -> Self {
        self.jobs = jobs.max(1);
        self
    }

    /// The library of this build, from the cache if it was built before.
    pub fn library(&self) -> Result<Library, BuildError> {
        let tools = Toolchain::find()?;
        Ok(Library::open(&self.library_with(tools)?, &self.top, self.random_start)?)
    }

    /// The folder with the library of this build, built with `tools`.
    pub fn library_with(&self, tools: &Toolchain) -> Result<PathBuf, BuildError> {
        let options = format!(
            "{:?}",
            (
                &self.clock,
                self.trace,
                self.random_start,
                self.threads,
                self.optimize,
                &self.watched
            )
        );
        let key = cache::key([
            self.verilog.as_bytes(),
            self.top.as_bytes(),
            options.as_bytes(),
            self.extension.as_bytes(),
            SHIM.as_bytes(),
            compile::fingerprint(tools).as_bytes(),
        ]);
        let root = cache::root();
        let runtime = Runtime::build(&root, tools, self.trace)
            .map_err(|failure| self.failure(&root, "runtime", failure))?;
        cache::folder(&root.join("verilated"), &format!("{}-{key}", self.top), |folder| {
            self.verilate(tools, &root, folder, &key)?;
            self.compile(tools, &root, folder, &key, &runtime)
        })
    }

    fn verilate(
        &self,
        tools: &Toolchain,
        root: &Path,
        folder: &Path,
        key: &str,
    ) -> Result<(), BuildError> {
        let source = folder.join("model.v");
        fs::write(&source, &self.verilog)?;
        let watch = folder.join("watch.vlt");
        fs::write(&watch, watch_list(&self.watched))?;
        let unknown = if self.random_start { "unique" } else { "fast" };
        let mut command = tools.verilator_command();
        command
            .args(["--cc", "--prefix", "Vmodel", "--no-timing", "--no-assert", "-O3", "-Wno-fatal"])
            .arg(format!("-D{CLOCK_GATES}"))
            .args(["--x-assign", unknown, "--x-initial", unknown])
            .args(["--top-module", &self.top, "--threads", &self.threads.to_string()])
            .arg("--Mdir")
            .arg(folder)
            .arg(&watch)
            .arg(&source);
        if self.trace {
            command.arg("--trace-fst");
        }
        let output = command.output()?;
        if !output.status.success() {
            let (lines, log) = save_log(root, key, &output)?;
            return Err(BuildError::Verilate { top: self.top.clone(), lines, log });
        }
        fs::write(folder.join("verilator.log"), &output.stderr)?;
        let header = fs::read_to_string(folder.join("Vmodel.h"))?;
        fs::write(folder.join("ports.inc"), port_table(&header))?;
        fs::write(folder.join("clocks.inc"), clock_table(&header, &self.clock))?;
        fs::write(folder.join("extension.inc"), self.extension)?;
        fs::write(folder.join("shim.cpp"), SHIM)?;
        Ok(())
    }

    fn compile(
        &self,
        tools: &Toolchain,
        root: &Path,
        folder: &Path,
        key: &str,
        runtime: &Runtime,
    ) -> Result<(), BuildError> {
        let flags = [
            format!("-DBS_TRACE={}", u8::from(self.trace)),
            format!("-DBS_THREADS={}", self.threads),
        ];
        let fast = match self.optimize {
            Optimize::Not => "-O0",
            Optimize::Quick => "-O1",
            Optimize::Full => "-O3",
        };
        compile::model(tools, folder, &flags, fast, self.trace, runtime, self.jobs)
            .map_err(|failure| self.failure(root, key, failure))
    }

    fn failure(&self, root: &Path, key: &str, failure: compile::Failure) -> BuildError {
        match failure {
            compile::Failure::Io(error) => error.into(),
            compile::Failure::Compiler(output) => match save_log(root, key, &output) {
                Ok((lines, log)) => BuildError::Compile { top: self.top.clone(), lines, log },
                Err(error) => error.into(),
            },
        }
    }
}

/// Keeps the full output of a failed tool and picks the lines that say why.
fn save_log(root: &Path, key: &str, output: &Output) -> io::Result<(String, PathBuf)> {
    const SHOWN: usize = 20;
    let folder = root.join("failed");
    fs::create_dir_all(&folder)?;
    let log = folder.join(format!("{key}.log"));
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    fs::write(&log, &text)?;
    let is_reason = |line: &&str| {
        line.contains("%Error") || line.contains("error:") || line.contains("undefined")
    };
    let mut lines: Vec<&str> = text.lines().filter(is_reason).take(SHOWN).collect();
    if lines.is_empty() {
        lines = text.lines().rev().take(SHOWN).collect();
        lines.reverse();
    }
    Ok((lines.join("\n"), log))
}

struct PortLine {
    member: String,
    name: String,
    width: u32,
    input: bool,
}

/// The ports that Verilator's header declares: lines such as `VL_IN8(&clock,0,0);` or `VL_OUTW(&sum_o,95,0,3);`.
fn ports(header: &str) -> impl Iterator<Item = PortLine> + '_ {
    header.lines().filter_map(|line| {
        let line = line.trim();
        let (kind, rest) = line.split_once("(&")?;
        let input = kind.starts_with("VL_IN") && !kind.starts_with("VL_INOUT");
        if !input && !kind.starts_with("VL_OUT") {
            return None;
        }
        let mut fields = rest.trim_end_matches(");").split(',');
        let member = fields.next()?.to_owned();
        let high: u32 = fields.next()?.parse().ok()?;
        let low: u32 = fields.next()?.parse().ok()?;
        Some(PortLine { name: verilog_name(&member), member, width: high - low + 1, input })
    })
}

/// Undoes Verilator's encoding of characters that C++ names cannot hold: `__024` is `$`.
fn verilog_name(member: &str) -> String {
    let mut name = String::new();
    let mut rest = member;
    while let Some(at) = rest.find("__0") {
        let code = rest.get(at + 3..at + 5).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        name.push_str(&rest[..at]);
        match code {
            Some(code) => {
                name.push(char::from(code));
                rest = &rest[at + 5..];
            }
            None => {
                name.push_str("__0");
                rest = &rest[at + 3..];
            }
        }
    }
    name + rest
}

/// Verilator's control file that keeps the watched signals readable.
fn watch_list(watched: &[(String, String)]) -> String {
    let lines = watched
        .iter()
        .map(|(module, name)| format!("public_flat_rd -module \"{module}\" -var \"{name}\"\n"));
    lines.fold("`verilator_config\n".to_owned(), |text, line| text + &line)
}

fn port_table(header: &str) -> String {
    ports(header)
        .map(|port| {
            format!(
                "BS_PORT({}, \"{}\", {}, {})\n",
                port.member,
                port.name,
                port.width,
                u8::from(port.input)
            )
        })
        .collect()
}

/// The clock `name`, and the clocks that a block behind a gate has beside it: they run all the time here.
fn clock_table(header: &str, name: &str) -> String {
    let is_clock = |port: &PortLine| {
        port.input && port.width == 1 && (port.name == name || port.name.ends_with("_clock"))
    };
    ports(header).filter(is_clock).map(|port| format!("BS_CLOCK({})\n", port.member)).collect()
}

/// Messages of `verilator --lint-only -Wall` on `verilog`, one string each; none for a clean text.
pub fn lint(top: &str, verilog: &str) -> Result<Vec<String>, BuildError> {
    let tools = Toolchain::find()?;
    let folder = tempfile::tempdir()?;
    let source = folder.path().join("model.v");
    fs::write(&source, verilog)?;
    let output = tools
        .verilator_command()
        .arg(format!("-D{CLOCK_GATES}"))
        .args(["--lint-only", "-Wall", "-Wno-fatal", "--no-timing", "--top-module", top])
        // The text is one file of many modules; its name is no module's name.
        .arg("-Wno-DECLFILENAME")
        .arg(&source)
        .output()?;
    let prefix = format!("{}/", folder.path().display());
    let mut messages: Vec<String> = Vec::new();
    for line in String::from_utf8_lossy(&output.stderr).replace(&prefix, "").lines() {
        match messages.last_mut() {
            Some(last) if !line.starts_with('%') => {
                last.push('\n');
                last.push_str(line);
            }
            _ => messages.push(line.to_owned()),
        }
    }
    Ok(messages)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_read_from_the_header() {
        let header = "    VL_IN8(&clock,0,0);\n    VL_OUTW(&sum_o,95,0,3);\n    VL_IN64(&x__024y,39,0);\n    int other;\n";
        let found: Vec<_> = ports(header).map(|port| (port.name, port.width, port.input)).collect();
        assert_eq!(
            found,
            [("clock".into(), 1, true), ("sum_o".into(), 96, false), ("x$y".into(), 40, true)]
        );
    }
}
