//! The Verilated core as a [`Device`].

use std::{
    collections::VecDeque,
    ffi::c_void,
    ops::Range,
    path::PathBuf,
    time::{Duration, Instant},
};

use backspike_arch::{
    ArchConfig, Device, DeviceError, Engine, HostAddress, Instruction, PackedWord as _, PushWord,
    layout::Op,
};

use backspike_hdl::core::{CoreError, core_design};

use crate::{Build, BuildError, Library, Model, ModelError, Optimize};

const HOST_PORT: &str = include_str!("../cpp/core.cpp");

/// Writes kept back until a read or this many, so that the clock loop is entered rarely.
const WRITES_HELD: usize = 1 << 16;

/// Pushed words taken from the clock loop at a time.
const PUSHES_HELD: usize = 1 << 14;

/// Quiet cycles after which the engines are asked whether anything is still to come.
const GLANCE: u64 = 4096;

/// Waves of a run.
#[derive(Clone, Debug)]
pub struct Waves {
    /// The FST file.
    pub path: PathBuf,
    /// Cycles since power-on to record.
    pub window: Range<u64>,
}

/// How the core is built and driven.
#[derive(Clone, Debug)]
pub struct RtlOptions {
    /// Draws the bits of registers and memories at power-on, and the pauses.
    pub seed: u64,
    /// Share of cycles, in 1/256, in which no write is offered.
    pub write_pauses: u8,
    /// Share of cycles, in 1/256, in which no pushed word is accepted.
    pub push_pauses: u8,
    /// Cycles without a write taken or a word pushed before the core counts as hung.
    pub patience: u64,
    /// Records waves; builds a second, slower library.
    pub waves: Option<Waves>,
    /// Effort of the C++ compiler.
    pub optimize: Optimize,
}

impl Default for RtlOptions {
    fn default() -> Self {
        Self {
            seed: 0,
            write_pauses: 0,
            push_pauses: 0,
            // The longest quiet stretch of a sound program is a full queue of the largest layers.
            patience: 1 << 24,
            waves: None,
            optimize: Optimize::Full,
        }
    }
}

/// What an engine does between two cycles.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum EngineState {
    Idle,
    Runs(Op),
    /// The next instruction of its queue, not yet taken.
    At(Instruction),
}

impl EngineState {
    /// Keeps readable what [`engine_state`] reads.
    pub(crate) fn watch(build: Build) -> Build {
        let signals = ["busy_q", "op_q", "queue_valid_o", "queue_head_o"];
        signals.into_iter().fold(build, |build, name| build.watch("sequencer*", name))
    }

    /// Nothing happens here by itself.
    pub(crate) fn stands(self) -> bool {
        matches!(self, Self::Idle | Self::At(Instruction::Wait { .. }))
    }
}

/// What an engine of the core in instance `core` does; `None` when the model has no such engine.
pub(crate) fn engine_state(model: &Model, core: &str, engine: Engine) -> Option<EngineState> {
    let front = format!("{}_front", engine.label().to_lowercase());
    let scope = format!("{core}.{front}.sequencer");
    let peek = |name| model.peek(&scope, name);
    if peek("busy_q")? != 0 {
        return Op::from_code(peek("op_q")? as u8).map(EngineState::Runs);
    }
    if peek("queue_valid_o")? == 0 {
        return Some(EngineState::Idle);
    }
    let head = peek("queue_head_o")?;
    Instruction::decode(engine, [head as u32, (head >> 32) as u32]).ok().map(EngineState::At)
}

#[repr(C)]
#[derive(Clone, Copy)]
struct HostWrite {
    addr: u32,
    data: u32,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct HostPush {
    addr: u32,
    data: u32,
    last: u32,
}

#[repr(C)]
struct HostPauses {
    state: u64,
    write: u32,
    push: u32,
}

#[repr(C)]
#[derive(Default)]
struct HostRun {
    written: u64,
    pushed: u64,
    quiet: u64,
}

type ResetFunction = unsafe extern "C" fn(*mut c_void);
type RunFunction = unsafe extern "C" fn(
    *mut c_void,
    *mut HostPauses,
    *const HostWrite,
    u64,
    *mut HostPush,
    u64,
    u64,
    u64,
    *mut HostRun,
);

/// Why there is no Verilated core.
#[derive(Debug, thiserror::Error)]
pub enum RtlError {
    #[error(transparent)]
    Core(#[from] CoreError),
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// The build of a core's Verilog; every seed is an instance of the same library.
#[derive(Clone)]
pub struct RtlLibrary {
    config: ArchConfig,
    top: String,
    library: Library,
    reset: ResetFunction,
    run: RunFunction,
}

impl RtlLibrary {
    /// The core that the generator makes for `config`.
    pub fn new(config: &ArchConfig, waves: bool, optimize: Optimize) -> Result<Self, RtlError> {
        let design = core_design(config)?;
        Ok(Self::from_verilog(config, design.top(), &design.to_single_file(), waves, optimize)?)
    }

    /// A core from its Verilog text.
    pub fn from_verilog(
        config: &ArchConfig,
        top: &str,
        verilog: &str,
        waves: bool,
        optimize: Optimize,
    ) -> Result<Self, BuildError> {
        let build = Build::new(top, verilog).extension(HOST_PORT).trace(waves).optimize(optimize);
        let library = EngineState::watch(build).library()?;
        // SAFETY: the types are those of `cpp/core.cpp`; `Self` keeps the library alive.
        let (reset, run) = unsafe {
            (
                library.function::<ResetFunction>("bs_core_reset")?,
                library.function::<RunFunction>("bs_core_run")?,
            )
        };
        Ok(Self { config: config.clone(), top: top.to_owned(), library, reset, run })
    }

    /// A core after reset.
    pub fn device(&self, options: &RtlOptions) -> Result<RtlDevice, ModelError> {
        let mut model = self.library.instance(options.seed);
        if let Some(waves) = &options.waves {
            model.trace(&waves.path, waves.window.clone())?;
        }
        // SAFETY: the function belongs to the model's library.
        unsafe { (self.reset)(model.as_ptr()) };
        Ok(RtlDevice {
            library: self.clone(),
            model,
            pauses: HostPauses {
                // An xorshift state must not be 0.
                state: options.seed.wrapping_mul(2).wrapping_add(1),
                write: options.write_pauses.into(),
                push: options.push_pauses.into(),
            },
            patience: options.patience,
            writes: Vec::new(),
            arrived: VecDeque::new(),
            buffer: vec![HostPush::default(); PUSHES_HELD],
            running: Duration::ZERO,
        })
    }
}

/// A Verilated core. Its clock stands still between calls: time passes only while writes are taken or words awaited.
pub struct RtlDevice {
    library: RtlLibrary,
    model: Model,
    pauses: HostPauses,
    patience: u64,
    writes: Vec<HostWrite>,
    arrived: VecDeque<PushWord>,
    buffer: Vec<HostPush>,
    running: Duration,
}

impl RtlDevice {
    /// Builds (or finds in the cache) the core of `config` and resets it.
    pub fn new(config: &ArchConfig, options: &RtlOptions) -> Result<Self, RtlError> {
        let library = RtlLibrary::new(config, options.waves.is_some(), options.optimize)?;
        Ok(library.device(options)?)
    }

    /// Clock cycles since power-on.
    pub fn cycles(&self) -> u64 {
        self.model.cycles()
    }

    /// Simulated clock rate so far, in kHz; 0 before the first cycle.
    pub fn kilohertz(&self) -> f64 {
        let seconds = self.running.as_secs_f64();
        if seconds > 0.0 { self.cycles() as f64 / seconds / 1e3 } else { 0.0 }
    }

    /// Lets the core take every write so far, and run `cycles` further cycles.
    pub fn settle(&mut self, cycles: u64) -> Result<(), DeviceError> {
        self.run(0)?;
        self.model.tick(cycles);
        Ok(())
    }

    /// The Verilated model, for benches that look at its ports.
    pub fn model(&mut self) -> &mut Model {
        &mut self.model
    }

    /// Why nothing more will come after `run`, if that is so: the core is idle, or patience is at its end.
    fn stuck(&self, run: &HostRun, wanted: usize) -> Option<DeviceError> {
        let missing = wanted.saturating_sub(self.arrived.len());
        let waiting = self.writes.len() - run.written as usize;
        let states = Engine::ALL
            .iter()
            .map(|&engine| (engine, engine_state(&self.model, &self.library.top, engine)));
        if waiting == 0 && states.clone().all(|(_, state)| state == Some(EngineState::Idle)) {
            return Some(DeviceError::Idle { wanted, missing });
        }
        if run.quiet < self.patience {
            return None;
        }
        let mut state = format!("cycle {}, {waiting} writes not taken", self.cycles());
        for (engine, found) in states {
            let label = engine.label();
            state += &match found {
                None => String::new(),
                Some(EngineState::Idle) => format!(", {label} idle"),
                Some(EngineState::Runs(op)) => format!(", {label} runs {}", op.mnemonic()),
                Some(EngineState::At(Instruction::Wait { token })) => {
                    format!(", {label} waits for token {token}")
                }
                Some(EngineState::At(other)) => {
                    format!(", {label} is at {}", other.op().mnemonic())
                }
            };
        }
        Some(DeviceError::Timeout { wanted, missing, cycles: self.patience, state })
    }

    /// Runs the clock until all writes are taken and `wanted` words have arrived.
    fn run(&mut self, wanted: usize) -> Result<(), DeviceError> {
        let start = Instant::now();
        let mut run = HostRun::default();
        while (run.written as usize) < self.writes.len() || self.arrived.len() < wanted {
            run.pushed = 0;
            let missing = wanted.saturating_sub(self.arrived.len());
            let glance = (run.quiet + GLANCE).min(self.patience);
            // SAFETY: the pointers and lengths are those of live vectors; the function belongs to the model's library.
            unsafe {
                (self.library.run)(
                    self.model.as_ptr(),
                    &raw mut self.pauses,
                    self.writes.as_ptr(),
                    self.writes.len() as u64,
                    self.buffer.as_mut_ptr(),
                    self.buffer.len() as u64,
                    missing as u64,
                    glance,
                    &raw mut run,
                );
            }
            for push in &self.buffer[..run.pushed as usize] {
                let addr = HostAddress::decode(push.addr).map_err(|error| {
                    DeviceError::Failed(format!("it pushed from {:#010x}: {error}", push.addr))
                })?;
                self.arrived.push_back(PushWord { addr, data: push.data, last: push.last != 0 });
            }
            if run.quiet >= glance
                && let Some(error) = self.stuck(&run, wanted)
            {
                self.writes.clear();
                return Err(error);
            }
        }
        self.writes.clear();
        self.running += start.elapsed();
        Ok(())
    }
}

impl Device for RtlDevice {
    fn config(&self) -> &ArchConfig {
        &self.library.config
    }

    fn write(&mut self, at: HostAddress, data: &[u32]) -> Result<(), DeviceError> {
        at.check_write(data.len(), &self.library.config)?;
        let mut address = at;
        for &word in data {
            self.writes.push(HostWrite { addr: address.encode()?, data: word });
            address = address.next(&self.library.config);
        }
        if self.writes.len() >= WRITES_HELD { self.run(0) } else { Ok(()) }
    }

    fn receive(&mut self, words: usize, out: &mut Vec<PushWord>) -> Result<(), DeviceError> {
        self.run(words)?;
        out.extend(self.arrived.drain(..words));
        Ok(())
    }
}
