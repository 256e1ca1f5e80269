//! When things happen: queues, tokens and the host port at the granularity of instructions, as `docs/architecture/cycles.md` has it.
//!
//! The emulator executes first and learns afterwards when the hardware would have: each engine's instructions with their busy
//! cycles are laid along the clock, a WAIT where its token is there. The host offers a word every cycle and takes every pushed word at
//! once; its clock stands still while it computes.

use crate::cycles;
use backspike_arch::{Engine, Region, TOKENS};
use std::collections::VecDeque;

/// Cycles from the write of an instruction to its show at the head of an empty queue.
const TO_HEAD: i64 = 2;

/// What an instruction is for the clock.
#[derive(Clone, Copy, Debug)]
pub enum Event {
    Wait {
        token: u8,
    },
    Post {
        token: u8,
    },
    /// An engine's work.
    Busy {
        cycles: usize,
    },
    Push {
        region: Region,
        rows: usize,
        subs: usize,
    },
}

/// One engine's queue on the clock.
#[derive(Clone, Debug, Default)]
struct Queue {
    /// When each instruction that is not executed yet, or not laid along the clock, was written.
    written: VecDeque<i64>,
    /// Executed instructions that are not laid along the clock yet.
    executed: VecDeque<Event>,
    /// When the last instructions were taken off the queue, at most its depth.
    popped: VecDeque<i64>,
    /// When the next instruction may be taken at the earliest.
    free: i64,
    wait: i64,
}

impl Queue {
    /// When the next instruction is at the head and the engine free for it.
    fn head(&self) -> Option<i64> {
        let written = self.written.front()?;
        let after = self.popped.back().map_or(0, |popped| popped + 1);
        Some((written + TO_HEAD).max(after).max(self.free))
    }

    fn pop(&mut self, cycle: i64, depth: usize) {
        self.written.pop_front();
        self.executed.pop_front();
        self.popped.push_back(cycle);
        if self.popped.len() > depth {
            self.popped.pop_front();
        }
    }
}

/// The clock of a core and its host.
pub struct Timeline {
    depth: usize,
    /// The cycle in which the host port takes the next word.
    now: i64,
    queues: [Queue; 4],
    /// When the tokens of each counter can be taken, in order, and when one was taken last.
    tokens: [VecDeque<i64>; TOKENS],
    taken: [i64; TOKENS],
    stalled: i64,
}

impl Timeline {
    pub fn new(depth: usize) -> Self {
        Self {
            depth,
            now: 0,
            queues: Default::default(),
            tokens: Default::default(),
            taken: [-1; TOKENS],
            stalled: 0,
        }
    }

    /// The host wrote `words` words that are no instruction.
    pub fn write(&mut self, words: usize) {
        self.now += words as i64;
    }

    /// Whether the queue of an engine may be full: then everything executed must be laid along the clock before the next
    /// [`Self::enqueue`].
    pub fn may_be_full(&self, engine: Engine) -> bool {
        self.queues[engine as usize].written.len() >= self.depth
    }

    /// The host wrote an instruction; it waited while the queue was full.
    pub fn enqueue(&mut self, engine: Engine) {
        let queue = &mut self.queues[engine as usize];
        let waiting = queue.written.len();
        // The instruction that must have left is `depth` before this one.
        let left = (waiting < self.depth).then(|| self.depth - waiting - 1);
        let left = left.and_then(|after| queue.popped.iter().rev().nth(after));
        let taken = left.map_or(self.now, |popped| self.now.max(popped + 1));
        self.stalled += taken - self.now;
        queue.written.push_back(taken);
        self.now = taken + 1;
    }

    /// An engine executed its next instruction.
    pub fn execute(&mut self, engine: Engine, event: Event) {
        self.queues[engine as usize].executed.push_back(event);
    }

    /// Lays what was executed along the clock; `arrived` gets the cycle of each pushed word.
    pub fn advance(&mut self, arrived: &mut VecDeque<i64>) {
        let mut progress = true;
        while progress {
            progress = false;
            for index in 0..self.queues.len() {
                while self.step(index, arrived) {
                    progress = true;
                }
            }
        }
    }

    fn step(&mut self, index: usize, arrived: &mut VecDeque<i64>) -> bool {
        let queue = &self.queues[index];
        let (Some(&event), Some(head)) = (queue.executed.front(), queue.head()) else {
            return false;
        };
        let mut popped = head;
        let mut free = head + 1;
        match event {
            Event::Wait { token } => {
                let token = usize::from(token);
                let Some(there) = self.tokens[token].pop_front() else { return false };
                // A counter gives one token a cycle.
                popped = head.max(there).max(self.taken[token] + 1);
                self.taken[token] = popped;
                self.queues[index].wait += popped - head + 1;
                free = popped + 1;
            }
            Event::Post { token } => {
                let tokens = &mut self.tokens[usize::from(token)];
                let at = tokens.partition_point(|&there| there <= head + 1);
                tokens.insert(at, head + 1);
            }
            Event::Busy { cycles } => free = head + 1 + cycles as i64,
            Event::Push { region, rows, subs } => {
                let start = (head + 1).max(self.readable(region) - 1);
                for row in 0..rows {
                    // Read, caught, then sent.
                    let first = start + 3 + (row * (subs + 2)) as i64;
                    arrived.extend((0..subs).map(|sub| first + sub as i64));
                }
                free = start + cycles::push(rows, subs) as i64;
            }
        }
        let depth = self.depth;
        let queue = &mut self.queues[index];
        queue.pop(popped, depth);
        queue.free = free;
        true
    }

    /// The first cycle in which nobody else reads a region, as far as is known.
    fn readable(&self, region: Region) -> i64 {
        let free = |engine: Engine| self.queues[engine as usize].free;
        match region {
            Region::Membrane | Region::Register => 0,
            Region::Trace => free(Engine::Bp),
            Region::Weight => free(Engine::Bp).max(free(Engine::Wg)),
            _ => free(Engine::Wg),
        }
    }

    /// The host took a word that arrived in cycle `arrived`, and goes on after that.
    pub fn receive(&mut self, arrived: i64) {
        self.now = self.now.max(arrived + 1);
    }

    /// The cycle in which the next PUSH reads row `row` of the registers.
    pub fn register_read(&self, row: usize) -> i64 {
        let head = self.queues[Engine::Io as usize].head().unwrap_or(self.now);
        head + 2 + 3 * row as i64
    }

    /// Cycles an engine spent in WAIT up to cycle `now`, the WAIT it is in included if `waiting`.
    pub fn wait(&self, engine: Engine, waiting: bool, now: i64) -> u32 {
        let queue = &self.queues[engine as usize];
        let current = queue.head().filter(|_| waiting).map_or(0, |head| (now - head).max(0));
        (queue.wait + current) as u32
    }

    /// Cycles in which a word of the host waited.
    pub const fn stalled(&self) -> u32 {
        self.stalled as u32
    }

    /// The cycle in which the host port takes the next word.
    pub const fn now(&self) -> i64 {
        self.now
    }
}
