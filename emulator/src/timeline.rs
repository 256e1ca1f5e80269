//! When things happen: queues, tokens and the host port at the granularity of instructions, as `docs/architecture/cycles.md` has it.
//!
//! The emulator executes first and learns afterwards when the hardware would have: the engines' instructions with their busy
//! cycles are laid along the clock, earliest first, a WAIT where its token is there. That is done no further than the host has
//! seen, as what it writes next may come in between. The host offers a word every cycle and takes every pushed word at once; its
//! clock stands still while it computes.

use backspike_arch::{Engine, MAX_TOKENS, Region};
use std::collections::VecDeque;

/// Busy times remembered per engine: more than a PUSH can lie behind.
const REMEMBERED: usize = 4096;

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
    Push(Push),
}

/// What a PUSH sends.
#[derive(Clone, Copy, Debug)]
pub struct Push {
    pub region: Region,
    pub rows: usize,
    pub subs: usize,
    /// The first row that is written where it goes.
    pub to: u32,
    /// The cores of a mesh that it goes to; none: the host.
    pub nodes: u64,
}

/// A row that a PUSH has sent.
#[derive(Clone, Copy, Debug)]
pub struct SentRow {
    pub push: Push,
    /// The cycle in which its first word is offered.
    pub first: i64,
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
    /// First and one past the last cycle of the latest busy times.
    busy: VecDeque<(i64, i64)>,
    /// IO: a PUSH whose rows are still to be read, from the cycle beside it on, if that is known.
    push: Option<(Push, Option<i64>)>,
    /// IO: cycles in which a word of a PUSH waited, and since when the words of the present row are offered.
    stalled: i64,
    offered: i64,
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
    /// Rows leave as packets: it is told when one has left.
    packets: bool,
    /// The cycle in which the host port takes the next word.
    now: i64,
    queues: [Queue; 4],
    /// When the tokens of each counter can be taken, in order, and when one was taken last.
    tokens: [VecDeque<i64>; MAX_TOKENS],
    taken: [i64; MAX_TOKENS],
    stalled: i64,
    /// When the host gets each pushed word that it has not taken.
    arrived: VecDeque<i64>,
}

impl Timeline {
    pub fn new(depth: usize) -> Self {
        Self {
            depth,
            packets: false,
            now: 0,
            queues: Default::default(),
            tokens: std::array::from_fn(|_| VecDeque::new()),
            taken: [-1; MAX_TOKENS],
            stalled: 0,
            arrived: VecDeque::new(),
        }
    }

    /// The clock of a core of a mesh, which is told when things arrive.
    pub fn of_mesh(depth: usize) -> Self {
        Self { packets: true, ..Self::new(depth) }
    }

    /// An instruction arrives in `cycle`.
    pub fn enqueue_at(&mut self, engine: Engine, cycle: i64) {
        self.queues[engine as usize].written.push_back(cycle);
    }

    /// A token arrives in `cycle`.
    pub fn post_at(&mut self, token: u8, cycle: i64) {
        self.tokens[usize::from(token)].push_back(cycle + 1);
    }

    /// The host wrote `words` words that are no instruction.
    pub fn write(&mut self, words: usize) {
        self.now += words as i64;
    }

    /// The host, or another core, wrote a token.
    pub fn post(&mut self, token: u8) {
        self.now += 1;
        self.tokens[usize::from(token)].push_back(self.now);
    }

    /// Whether the queue of an engine has room for `count` instructions after what was executed; lays along the clock what is needed to
    /// know. If not, the next [`Self::enqueue`] must wait for more to be executed.
    pub fn has_room(&mut self, engine: Engine, count: usize) -> bool {
        let most = self.depth.saturating_sub(count);
        while self.queues[engine as usize].written.len() > most && self.step().is_some() {}
        self.queues[engine as usize].written.len() <= most
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

    /// The cycle of an engine's next event, if it is known.
    fn time(&self, index: usize) -> Option<i64> {
        let queue = &self.queues[index];
        if let Some((push, read)) = queue.push {
            return Some(self.readable(push.region, read?));
        }
        let (event, head) = (queue.executed.front()?, queue.head()?);
        match *event {
            // A counter gives one token a cycle.
            Event::Wait { token } => {
                let there = *self.tokens[usize::from(token)].front()?;
                Some(head.max(there).max(self.taken[usize::from(token)] + 1))
            }
            _ => Some(head),
        }
    }

    /// The earliest event of all engines; of several, that of the lowest engine.
    pub fn earliest(&self) -> Option<(i64, usize)> {
        (0..self.queues.len()).filter_map(|index| Some((self.time(index)?, index))).min()
    }

    /// Lays the earliest event along the clock; `None` when none is known, and otherwise the row that was sent, if it was one.
    pub fn step(&mut self) -> Option<Option<SentRow>> {
        let (time, index) = self.earliest()?;
        if let Some((push, read)) = &mut self.queues[index].push {
            // Read, caught, then sent.
            let row = SentRow { push: *push, first: time + 2 };
            *read = None;
            push.rows -= 1;
            push.to += 1;
            self.queues[index].offered = row.first;
            if !self.packets {
                let subs = row.push.subs as i64;
                if row.push.nodes == 0 {
                    self.arrived.extend((0..subs).map(|sub| row.first + sub));
                }
                self.row_sent(row.first + subs - 1);
            }
            return Some(Some(row));
        }
        let depth = self.depth;
        let queue = &mut self.queues[index];
        let (&event, head) = (queue.executed.front()?, queue.head()?);
        queue.pop(time, depth);
        queue.free = time + 1;
        match event {
            Event::Wait { token } => {
                queue.wait += time - head + 1;
                self.tokens[usize::from(token)].pop_front();
                self.taken[usize::from(token)] = time;
            }
            Event::Post { token } => self.tokens[usize::from(token)].push_back(time + 1),
            Event::Busy { cycles } => {
                queue.free = time + 1 + cycles as i64;
                queue.busy.push_back((time + 1, queue.free));
                if queue.busy.len() > REMEMBERED {
                    queue.busy.pop_front();
                }
            }
            Event::Push(push) => {
                queue.free = time + 3;
                queue.push = (push.rows > 0).then_some((push, Some(time + 2)));
            }
        }
        Some(None)
    }

    /// The last word of the row that the PUSH has read was taken in `cycle`.
    pub fn row_sent(&mut self, cycle: i64) {
        let queue = &mut self.queues[Engine::Io as usize];
        let Some((push, read)) = &mut queue.push else { return };
        queue.stalled += cycle + 1 - queue.offered - push.subs as i64;
        if push.rows > 0 {
            *read = Some(cycle + 1);
        } else {
            queue.push = None;
            queue.free = cycle + 2;
        }
    }

    /// The first cycle from `cycle` on in which the owners of a region run no instruction, as far as is known.
    fn readable(&self, region: Region, mut cycle: i64) -> i64 {
        let owners: &[Engine] = match region {
            Region::State | Region::Gradient => &[Engine::Wg],
            Region::Weight => &[Engine::Bp, Engine::Wg],
            Region::Trace => &[Engine::Bp],
            // Of ACCUMULATE's reads a PUSH waits for the few that meet its own.
            _ => &[],
        };
        let busy = |cycle: i64| {
            owners.iter().find_map(|&engine| {
                let busy = &self.queues[engine as usize].busy;
                let next = busy.get(busy.partition_point(|&(_, end)| end <= cycle))?;
                (next.0 <= cycle).then_some(next.1)
            })
        };
        while let Some(end) = busy(cycle) {
            cycle = end;
        }
        cycle
    }

    /// The host took the next `words` pushed words, and goes on after the last.
    pub fn receive(&mut self, words: usize) {
        while self.arrived.len() < words && self.step().is_some() {}
        let count = words.min(self.arrived.len());
        if let Some(last) = self.arrived.drain(..count).next_back() {
            self.now = self.now.max(last + 1);
        }
    }

    /// The cycle in which the next PUSH, of registers, begins to read; everything before it is laid along the clock.
    pub fn register_read(&mut self) -> i64 {
        let io = Engine::Io as usize;
        while (self.queues[io].push.is_some() || !self.queues[io].executed.is_empty())
            && self.step().is_some()
        {}
        let read = self.queues[io].head().unwrap_or(self.now) + 2;
        while self.earliest().is_some_and(|(time, _)| time < read) && self.step().is_some() {}
        read
    }

    /// Cycles an engine spent in WAIT up to cycle `now`; `stuck` if its next instruction is a WAIT that is not executed.
    pub fn wait(&self, engine: Engine, stuck: bool, now: i64) -> u32 {
        let queue = &self.queues[engine as usize];
        let waits = match queue.executed.front() {
            Some(event) => matches!(event, Event::Wait { .. }),
            None => stuck,
        };
        let current = queue.head().filter(|_| waits).map_or(0, |head| (now - head).max(0));
        (queue.wait + current) as u32
    }

    /// Cycles in which a word of a PUSH waited.
    pub const fn push_stalled(&self) -> u32 {
        self.queues[Engine::Io as usize].stalled as u32
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
