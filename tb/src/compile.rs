//! C++ of a Verilated model to a shared library: the compiler is called directly, a few processes at a time.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::Mutex,
};

use crate::{cache, toolchain::Toolchain};

/// Name of the library in its cache folder.
pub const LIBRARY: &str = "libmodel.so";
/// The header that Verilator's files begin with; old versions have none.
const HEADER: &str = "Vmodel__pch.h";
/// From how many files on it is compiled once for all of them. It declares every signal: that of a netlist takes longer to read than
/// most files that include it, that of a small model does not.
const SHARED_BY: usize = 8;

/// The compiler or the file system failed.
#[derive(Debug)]
pub enum Failure {
    Io(io::Error),
    Compiler(Output),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Verilator's run-time objects, compiled once per toolchain and shared by all models.
pub struct Runtime {
    objects: Vec<PathBuf>,
}

/// What the bits of a library depend on besides its sources: tools, flags of this file, and the processor (`-march=native`).
pub fn fingerprint(tools: &Toolchain) -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let flags = cpu.lines().find(|line| line.starts_with("flags")).unwrap_or_default();
    format!(
        "{}|{}|{}|{}|{flags}|{}",
        tools.version,
        tools.root.display(),
        tools.compiler,
        tools.compiler_version,
        include_str!("compile.rs")
    )
}

fn base(tools: &Toolchain, trace: bool) -> Command {
    let include = tools.root.join("include");
    let trace = u8::from(trace);
    let mut command = Command::new(&tools.compiler);
    command
        .args(["-std=c++17", "-fPIC", "-march=native", "-pthread", "-faligned-new", "-w"])
        // Models of one process must not share the run-time's inline and template statics.
        .args(["-fvisibility=hidden", "-fno-strict-aliasing"])
        .args(["-DVERILATOR=1", "-DVL_TIME_CONTEXT=1", "-DVL_THREADED=1", "-DVM_COVERAGE=0"])
        .args(["-DVM_SC=0", "-DVM_TRACE_VCD=0", "-DVM_TRACE_SAIF=0"])
        .arg(format!("-DVM_TRACE={trace}"))
        .arg(format!("-DVM_TRACE_FST={trace}"))
        .arg("-I")
        .arg(&include)
        .arg("-I")
        .arg(include.join("vltstd"));
    if is_gcc(tools) {
        command.arg("-fno-gnu-unique");
    }
    command
}

fn is_gcc(tools: &Toolchain) -> bool {
    tools.compiler_version.contains("Free Software") || tools.compiler_version.starts_with("g++")
}

impl Runtime {
    /// The run-time objects for models with or without tracing.
    pub fn build(root: &Path, tools: &Toolchain, trace: bool) -> Result<Self, Failure> {
        let mut sources = vec!["verilated.cpp", "verilated_threads.cpp"];
        if trace {
            sources.push("verilated_fst_c.cpp");
        }
        let key = cache::key([fingerprint(tools).as_bytes(), &[u8::from(trace)]]);
        let folder = cache::folder(&root.join("runtime"), &key, |folder| {
            let commands = sources
                .iter()
                .map(|source| {
                    let mut command = base(tools, trace);
                    command.args(["-O2", "-c"]).arg(tools.root.join("include").join(source));
                    command.arg("-o").arg(folder.join(source).with_extension("o"));
                    command
                })
                .collect();
            run_all(commands, 2)
        })?;
        Ok(Self {
            objects: sources.iter().map(|source| folder.join(source).with_extension("o")).collect(),
        })
    }
}

/// Compiles every C++ file of `folder` and links `libmodel.so` there.
pub fn model(
    tools: &Toolchain,
    folder: &Path,
    flags: &[String],
    fast: &str,
    trace: bool,
    runtime: &Runtime,
    jobs: usize,
) -> Result<(), Failure> {
    let mut sources: Vec<(u64, PathBuf)> = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.path().extension().is_some_and(|extension| extension == "cpp") {
            sources.push((entry.metadata()?.len(), entry.path()));
        }
    }
    // Largest first, so that no long compilation starts last.
    sources.sort_by(|a, b| b.cmp(a));
    // Verilator names files that run only at start or while tracing; optimising them costs time and gains nothing.
    let level = |source: &Path| {
        let name = source.file_name().unwrap_or_default().to_string_lossy();
        if name.contains("__Slow") || name.contains("__Trace") { "-O0" } else { fast }
    };
    let compile = |level: &str| {
        let mut command = base(tools, trace);
        command.args(flags).arg(level).arg("-I").arg(folder);
        command
    };

    // GCC takes from a folder of this name what was compiled with the flags of the file at hand.
    let header = folder.join(HEADER);
    let headers = header.with_extension("h.gch");
    let mut commands = Vec::new();
    for wanted in BTreeSet::from(["-O0", fast]) {
        let files = sources.iter().filter(|(_, source)| level(source) == wanted).count();
        if is_gcc(tools) && files >= SHARED_BY && header.exists() {
            fs::create_dir_all(&headers)?;
            let mut command = compile(wanted);
            command.args(["-x", "c++-header", "-c"]).arg(&header);
            command.arg("-o").arg(headers.join(wanted));
            commands.push(command);
        }
    }
    run_all(commands, jobs)?;

    let mut objects = Vec::new();
    let mut commands = Vec::new();
    for (_, source) in &sources {
        let object = source.with_extension("o");
        let mut command = compile(level(source));
        command.arg("-c").arg(source).arg("-o").arg(&object);
        objects.push(object);
        commands.push(command);
    }
    run_all(commands, jobs)?;

    let mut link = Command::new(&tools.compiler);
    link.args(["-shared", "-pthread", "-Wl,-Bsymbolic", "-Wl,--no-undefined", "-o"])
        .arg(folder.join(LIBRARY))
        .args(&objects)
        .args(&runtime.objects);
    if trace {
        link.arg("-lz");
        // Older versions bring their own LZ4, newer ones link the system's.
        if !tools.root.join("include/gtkwave/lz4.c").exists() {
            link.arg("-llz4");
        }
    }
    run_all(vec![link], 1)?;
    for (source, object) in sources.iter().map(|(_, source)| source).zip(&objects) {
        fs::remove_file(object)?;
        fs::remove_file(source)?;
    }
    if headers.exists() {
        fs::remove_dir_all(&headers)?;
    }
    Ok(())
}

/// Runs all commands, `jobs` at a time; the first failure ends it.
fn run_all(commands: Vec<Command>, jobs: usize) -> Result<(), Failure> {
    let jobs = jobs.min(commands.len());
    let queue = Mutex::new(commands.into_iter());
    let failure = Mutex::new(None);
    let next = || queue.lock().ok().and_then(|mut queue| queue.next());
    let report = |found: Failure| {
        if let Ok(mut failure) = failure.lock() {
            failure.get_or_insert(found);
        }
    };
    let failed = || failure.lock().is_ok_and(|failure| failure.is_some());
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while !failed() {
                    let Some(mut command) = next() else { break };
                    match command.output() {
                        Ok(output) if output.status.success() => {}
                        Ok(output) => report(Failure::Compiler(output)),
                        Err(error) => report(Failure::Io(error)),
                    }
                }
            });
        }
    });
    failure.into_inner().ok().flatten().map_or(Ok(()), Err)
}
