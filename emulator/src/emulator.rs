//! The emulator as a device.

use crate::execute::{COLUMNS, Executor, Tables, columns};
use crate::kernel::Simd;
use crate::port::{Memories, push_row};
use crate::queue::Queues;
use crate::tally::Tally;
use backspike_arch::{
    ArchConfig, ConfigError, Counter, Descriptor, Device, DeviceError, Engine, HostAddress,
    Instruction, IoDescriptor, PackedWord, PushWord, Region, Register, Status,
};
use std::collections::VecDeque;
use thiserror::Error;

/// Instructions that wait at most before they run, whether or not the host waits for a word.
const QUEUED: usize = 4096;

/// Why an emulator could not be made.
#[derive(Debug, Error)]
pub enum EmulatorError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("the emulator could not start: {0}")]
    Threads(String),
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
    pushed: VecDeque<PushWord>,
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
            pushed: VecDeque::new(),
            fault: None,
        })
    }

    fn write_word(&mut self, at: HostAddress, word: u32) -> Result<(), DeviceError> {
        let engine = match at.region {
            Region::Queue => Engine::from_code(at.sub / 2),
            Region::Descriptor => Engine::from_code((at.row >> 8) as u8),
            _ => {
                self.memories.write(at, word);
                return Ok(());
            }
        };
        // `check_write` accepts only the rows and subs that exist.
        let Some(engine) = engine else { return Ok(()) };
        if at.region == Region::Descriptor {
            let slice = &mut self.tables[engine as usize].get_mut(at.row as usize & 0xff);
            if let Some(column) =
                slice.as_mut().and_then(|slice| slice.get_mut(usize::from(at.sub)))
            {
                *column = word;
            }
            return Ok(());
        }
        if at.sub % 2 == 1 {
            self.imm[engine as usize] = word;
            return Ok(());
        }
        match Instruction::decode(engine, [word, self.imm[engine as usize]]) {
            Ok(instruction) => {
                self.queues.push(engine, instruction);
                if self.queues.len() >= QUEUED { self.run() } else { Ok(()) }
            }
            Err(_) => {
                let status = &mut self.status;
                match engine {
                    Engine::Fp => status.illegal_fp = true,
                    Engine::Bp => status.illegal_bp = true,
                    Engine::Wg => status.illegal_wg = true,
                    Engine::Io => status.illegal_io = true,
                }
                Ok(())
            }
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
                progress |= batch.progress;
                if engine == Engine::Io {
                    for instruction in batch.work {
                        self.push(instruction)?;
                    }
                } else {
                    let tallies =
                        self.executor.run(&mut self.memories, &self.tables, &batch.work)?;
                    for tally in &tallies {
                        self.tally.merge(tally);
                    }
                }
                self.queues.post(&batch.posts);
            }
        }
        Ok(())
    }

    /// PUSH.
    fn push(&mut self, instruction: Instruction) -> Result<(), String> {
        let Instruction::Push { slice, slot } = instruction else { return Ok(()) };
        let fail = |problem| format!("PUSH of slice {slice} cannot run: {problem}");
        let columns = columns(&self.tables, Engine::Io, slice.into()).map_err(fail)?;
        let d = IoDescriptor::decode(columns).map_err(|error| fail(error.to_string()))?;
        let config = &self.memories.config;
        let per_slot = d.region.slot_rows(config);
        let base = usize::from(slot) * per_slot + d.base as usize;
        let rows = d.region.rows(config);
        if !d.region.pushable() || base + d.rows as usize > rows {
            return Err(fail(format!(
                "{} rows from row {base} on are not in the {rows} rows that PUSH can read in the region {}",
                d.rows,
                d.region.name()
            )));
        }
        let mut words = Vec::new();
        for row in base..base + d.rows as usize {
            words.clear();
            if d.region == Region::Register {
                words.push(self.register(row));
            } else {
                self.memories.read_row(d.region, row, &mut words);
            }
            push_row(d.region, row, &words, &mut self.pushed);
            self.tally.add(Counter::IoWords, words.len());
        }
        if d.rows > 0
            && let Some(word) = self.pushed.back_mut()
        {
            word.last = true;
        }
        Ok(())
    }

    fn register(&self, index: usize) -> u32 {
        match Register::from_index(index) {
            Some(Register::Counter(counter)) => self.tally.register(counter),
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
        let mut at = at;
        for &word in data {
            self.write_word(at, word)?;
            at = at.next(&self.memories.config);
        }
        self.tally.add(Counter::HostWrites, data.len());
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
                let cycles = u64::from(self.tally.register(Counter::Cycles));
                let state = self.queues.state();
                DeviceError::Timeout { wanted: words, missing, cycles, state }
            });
        }
        out.extend(self.pushed.drain(..words));
        Ok(())
    }
}
