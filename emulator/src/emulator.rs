//! The emulator as a device.

use crate::execute::{COLUMNS, Executor, Tables, columns};
use crate::kernel::Simd;
use crate::port::{Memories, push_row};
use crate::queue::Queues;
use crate::tally::Tally;
use crate::timeline::{Event, Push, Timeline};
use backspike_arch::{
    ArchConfig, ConfigError, Counter, Descriptor, Device, DeviceError, Engine, HostAddress,
    Instruction, IoDescriptor, PackedWord, PushWord, Region, Register, Status,
};
use std::collections::VecDeque;
use thiserror::Error;

/// Why an emulator could not be made.
#[derive(Debug, Error)]
pub enum EmulatorError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("the emulator could not start: {0}")]
    Threads(String),
}

/// Rows that a core sends to others.
pub struct Outgoing {
    /// The cores, one bit each.
    pub nodes: u64,
    /// Where the first word is written.
    pub at: HostAddress,
    pub words: Vec<u32>,
}

/// A core in software.
pub struct Emulator {
    memories: Memories,
    tables: Tables,
    /// High words held for the next instruction of each queue.
    imm: [u32; 4],
    queues: Queues,
    executor: Executor,
    tally: Tally,
    status: Status,
    timeline: Timeline,
    pushed: VecDeque<PushWord>,
    /// What goes to other cores, in order; `None` for a core without a mesh, which sends it to the host.
    outgoing: Option<Vec<Outgoing>>,
    /// On a mesh with a clock: what was executed since it was last asked.
    executed: Option<Vec<(Engine, Event)>>,
    /// What a program did that the machine leaves undefined; nothing runs after it.
    fault: Option<String>,
}

impl Emulator {
    /// A core with zeroed memories, on `threads` threads. Results do not depend on the number of threads.
    pub fn new(config: &ArchConfig, threads: usize) -> Result<Self, EmulatorError> {
        Self::with_simd(config, threads, Simd::detect())
    }

    /// As [`Self::new`], with other vector instructions than the best ones. Results do not depend on them either.
    pub fn with_simd(
        config: &ArchConfig,
        threads: usize,
        simd: Simd,
    ) -> Result<Self, EmulatorError> {
        config.validate()?;
        Ok(Self {
            memories: Memories::new(config),
            tables: std::array::from_fn(|_| vec![[0; COLUMNS]; config.slices]),
            imm: [0; 4],
            queues: Queues::default(),
            executor: Executor::new(simd, threads).map_err(EmulatorError::Threads)?,
            tally: Tally::default(),
            status: Status::default(),
            timeline: Timeline::new(config.queue_depth),
            pushed: VecDeque::new(),
            outgoing: None,
            executed: None,
            fault: None,
        })
    }

    /// Makes it a core of a mesh.
    pub(crate) fn join_mesh(&mut self) {
        self.outgoing = Some(Vec::new());
    }

    /// Runs until every queue is empty or waits; `true` when something was executed.
    pub(crate) fn advance(&mut self) -> Result<bool, DeviceError> {
        let before = self.queues.len();
        self.run()?;
        Ok(self.queues.len() < before)
    }

    /// What it has sent to other cores since it was last asked.
    pub(crate) fn take_outgoing(&mut self) -> Vec<Outgoing> {
        self.outgoing.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Lets it remember what it executes.
    pub(crate) fn remember(&mut self) {
        self.executed = Some(Vec::new());
    }

    /// What it has executed since it was last asked.
    pub(crate) fn take_executed(&mut self) -> Vec<(Engine, Event)> {
        self.executed.as_mut().map(std::mem::take).unwrap_or_default()
    }

    fn lay(&mut self, engine: Engine, event: Event) {
        self.timeline.execute(engine, event);
        if let Some(executed) = &mut self.executed {
            executed.push((engine, event));
        }
    }

    /// Pushed words that the host has not received.
    pub(crate) fn waiting(&self) -> usize {
        self.pushed.len()
    }

    /// Takes all words that it has pushed.
    pub(crate) fn take_pushed(&mut self) -> impl Iterator<Item = PushWord> {
        self.timeline.receive(self.pushed.len());
        std::mem::take(&mut self.pushed).into_iter()
    }

    /// Whether the queue of an engine takes `count` further instructions.
    pub(crate) fn has_room(&mut self, engine: Engine, count: usize) -> bool {
        self.timeline.has_room(engine, count)
    }

    /// Posts tokens `first` and those that follow it.
    fn write_tokens(&mut self, first: u32, count: usize) {
        for token in first..first + count as u32 {
            // `check_write` accepts only tokens that exist.
            self.timeline.post(token as u8);
            self.queues.add(token as u8);
        }
    }

    /// Writes a word that is not of a memory.
    fn write_word(&mut self, at: HostAddress, word: u32) -> Result<(), DeviceError> {
        let queue = match at.region {
            Region::Queue => at.queue_of(),
            _ => Engine::from_code((at.row >> 8) as u8).map(|engine| (engine, false)),
        };
        // `check_write` accepts only the rows and subs that exist.
        let Some((engine, is_imm)) = queue else { return Ok(()) };
        if at.region == Region::Descriptor {
            self.timeline.write(1);
            let slice = &mut self.tables[engine as usize].get_mut(at.row as usize & 0xff);
            if let Some(column) =
                slice.as_mut().and_then(|slice| slice.get_mut(usize::from(at.sub)))
            {
                *column = word;
            }
            return Ok(());
        }
        if is_imm {
            self.timeline.write(1);
            self.imm[engine as usize] = word;
            return Ok(());
        }
        match Instruction::decode(engine, [word, self.imm[engine as usize]]) {
            Ok(instruction) => {
                let tokens = self.memories.config.tokens as u8;
                let instruction = match instruction {
                    Instruction::Wait { token } => Instruction::Wait { token: token % tokens },
                    Instruction::Post { token } => Instruction::Post { token: token % tokens },
                    other => other,
                };
                self.enqueue(engine, instruction)
            }
            Err(_) => {
                self.timeline.write(1);
                self.set_illegal(engine);
                Ok(())
            }
        }
    }

    fn enqueue(&mut self, engine: Engine, instruction: Instruction) -> Result<(), DeviceError> {
        if !self.timeline.has_room(engine, 1) {
            self.run()?;
            if !self.timeline.has_room(engine, 1) {
                // The hardware would not take another word, ever.
                let state = format!(
                    "the {} queue is full with {} instructions; {}",
                    engine.label(),
                    self.memories.config.queue_depth,
                    self.queues.state()
                );
                let cycles = self.timeline.now().unsigned_abs();
                return Err(DeviceError::Timeout { wanted: 0, missing: 0, cycles, state });
            }
        }
        self.timeline.enqueue(engine);
        self.queues.push(engine, instruction);
        Ok(())
    }

    fn set_illegal(&mut self, engine: Engine) {
        let status = &mut self.status;
        match engine {
            Engine::Fp => status.illegal_fp = true,
            Engine::Bp => status.illegal_bp = true,
            Engine::Wg => status.illegal_wg = true,
            Engine::Io => status.illegal_io = true,
        }
    }

    /// Runs until every queue is empty or waits.
    fn run(&mut self) -> Result<(), DeviceError> {
        if let Some(fault) = &self.fault {
            return Err(DeviceError::Failed(fault.clone()));
        }
        let result = self.run_queues();
        if let Err(fault) = &result {
            self.fault = Some(fault.clone());
        }
        result.map_err(DeviceError::Failed)
    }

    fn run_queues(&mut self) -> Result<(), String> {
        let mut progress = true;
        while progress {
            progress = false;
            for &engine in Engine::ALL {
                let batch = self.queues.take(engine);
                progress |= !batch.is_empty();
                if engine == Engine::Io {
                    self.run_pushes(&batch)?;
                } else {
                    self.run_engine(engine, &batch)?;
                }
                self.queues.post(&batch);
            }
        }
        Ok(())
    }

    /// Executes a batch of FP, BP or WG.
    fn run_engine(&mut self, engine: Engine, batch: &[Instruction]) -> Result<(), String> {
        let works = batch.iter().filter(|instruction| instruction.slice().is_some());
        let work: Vec<Instruction> = works.copied().collect();
        let tallies = self.executor.run(&mut self.memories, &self.tables, &work)?;
        let mut busy = tallies.iter().map(|tally| {
            let counters =
                [Counter::FpBusy, Counter::BpBusy, Counter::WgBusy, Counter::WgUpdateBusy];
            counters.iter().map(|&counter| tally.get(counter)).sum()
        });
        for instruction in batch {
            let event = match *instruction {
                Instruction::Wait { token } => Event::Wait { token },
                Instruction::Post { token } => Event::Post { token },
                _ => Event::Busy { cycles: busy.next().unwrap_or(0) },
            };
            self.lay(engine, event);
        }
        for tally in &tallies {
            self.tally.merge(tally);
        }
        Ok(())
    }

    fn run_pushes(&mut self, batch: &[Instruction]) -> Result<(), String> {
        for instruction in batch {
            let event = match *instruction {
                Instruction::Wait { token } => Event::Wait { token },
                Instruction::Post { token } => Event::Post { token },
                _ => self.push(*instruction)?,
            };
            self.lay(Engine::Io, event);
        }
        Ok(())
    }

    /// PUSH.
    fn push(&mut self, instruction: Instruction) -> Result<Event, String> {
        let (slice, slot) = match instruction {
            Instruction::Push { slice, slot } => (slice, usize::from(slot)),
            other => return Err(format!("{} came to the IO queue", other.op().mnemonic())),
        };
        let fail = |problem| format!("PUSH of slice {slice} cannot run: {problem}");
        let columns = columns(&self.tables, Engine::Io, slice.into()).map_err(fail)?;
        let d = match IoDescriptor::decode(columns) {
            Ok(d) if d.region.pushable() => d,
            // The hardware sends nothing, and says so in the status register.
            _ => {
                self.set_illegal(Engine::Io);
                return Ok(Event::Busy { cycles: 2 });
            }
        };
        let config = &self.memories.config;
        let slot_rows = d.region.slot_rows(config);
        let base = if d.region.per_slot() { slot * slot_rows } else { 0 } + d.base as usize;
        let (count, rows) = (d.rows as usize, d.region.rows(config));
        if base + count > rows || (d.region.per_slot() && slot >= config.slots) {
            return Err(fail(format!(
                "{count} rows from row {base} on are not in the {rows} rows of the region {}",
                d.region.name()
            )));
        }
        let to = if d.region.per_slot() { slot * slot_rows } else { 0 } + d.to as usize;
        let leaves = d.nodes() != 0 && self.outgoing.is_some();
        if leaves && to + count > rows {
            return Err(fail(format!(
                "{count} rows to row {to} on are not in the {rows} rows of the region {}",
                d.region.name()
            )));
        }
        let subs = d.region.subs(config);
        // What waits have taken so far shows only on the clock.
        let read = if d.region == Region::Register { self.timeline.register_read() } else { 0 };
        let mut words = Vec::with_capacity(subs);
        for row in 0..count {
            words.clear();
            if d.region == Region::Register {
                // Three cycles a row: read, caught, sent.
                words.push(self.register(base + row, read + 3 * row as i64));
            } else {
                self.memories.read_row(d.region, base + row, &mut words);
            }
            self.tally.add(Counter::IoWords, words.len());
            match &mut self.outgoing {
                Some(outgoing) if leaves => outgoing.push(Outgoing {
                    nodes: d.nodes(),
                    at: HostAddress::new(d.region, (to + row) as u32, 0),
                    words: words.clone(),
                }),
                _ => push_row(d.region, to + row, &words, &mut self.pushed),
            }
        }
        if count > 0
            && !leaves
            && let Some(word) = self.pushed.back_mut()
        {
            word.last = true;
        }
        let nodes = if leaves { d.nodes() } else { 0 };
        let push = Push { region: d.region, rows: count, subs, to: to as u32, nodes };
        Ok(Event::Push(push))
    }

    /// A register as it is read in cycle `now`.
    fn register(&self, index: usize, now: i64) -> u32 {
        let wait = |engine| self.timeline.wait(engine, self.queues.waits(engine), now);
        match Register::from_index(index) {
            Some(Register::Counter(counter)) => match counter {
                Counter::Cycles => now as u32,
                Counter::FpWait => wait(Engine::Fp),
                Counter::BpWait => wait(Engine::Bp),
                Counter::WgWait => wait(Engine::Wg),
                Counter::IoWait => wait(Engine::Io),
                Counter::HostStalled => self.timeline.stalled(),
                _ => self.tally.register(counter),
            },
            // Every bit of the status word is one that fits.
            Some(Register::Status) => self.status.encode().unwrap_or(0),
            Some(register) => register.identity(&self.memories.config).unwrap_or(0),
            None => 0,
        }
    }
}

impl Device for Emulator {
    fn config(&self) -> &ArchConfig {
        &self.memories.config
    }

    fn write(&mut self, at: HostAddress, data: &[u32]) -> Result<(), DeviceError> {
        at.check_write(data.len(), &self.memories.config)?;
        self.tally.add(Counter::HostWrites, data.len());
        if at.region == Region::Token {
            self.write_tokens(at.row, data.len());
            return Ok(());
        }
        if !matches!(at.region, Region::Queue | Region::Descriptor) {
            self.timeline.write(data.len());
            self.memories.write(at, data);
            return Ok(());
        }
        let mut at = at;
        for &word in data {
            self.write_word(at, word)?;
            at = at.next(&self.memories.config);
        }
        Ok(())
    }

    fn receive(&mut self, words: usize, out: &mut Vec<PushWord>) -> Result<(), DeviceError> {
        if self.pushed.len() < words {
            self.run()?;
        }
        if self.pushed.len() < words {
            let missing = words - self.pushed.len();
            return Err(if self.queues.len() == 0 {
                DeviceError::Idle { wanted: words, missing }
            } else {
                let cycles = self.timeline.now().unsigned_abs();
                let state = self.queues.state();
                DeviceError::Timeout { wanted: words, missing, cycles, state }
            });
        }
        out.extend(self.pushed.drain(..words));
        self.timeline.receive(words);
        Ok(())
    }
}
