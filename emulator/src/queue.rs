//! The four instruction queues and the tokens between them.

use backspike_arch::{Engine, Instruction, TOKENS};
use std::collections::VecDeque;

/// Queues and token counters.
#[derive(Default)]
pub struct Queues {
    queues: [VecDeque<Instruction>; 4],
    tokens: [u32; TOKENS],
}

/// Work of one engine that no WAIT holds back, and the tokens it posts.
pub struct Batch {
    pub work: Vec<Instruction>,
    pub posts: Vec<u8>,
    /// Something was taken off the queue, be it only a WAIT.
    pub progress: bool,
}

impl Queues {
    pub fn push(&mut self, engine: Engine, instruction: Instruction) {
        self.queues[engine as usize].push_back(instruction);
    }

    /// Instructions in all queues.
    pub fn len(&self) -> usize {
        self.queues.iter().map(VecDeque::len).sum()
    }

    /// Takes what an engine can do now: everything up to the first WAIT without a token.
    pub fn take(&mut self, engine: Engine) -> Batch {
        let queue = &mut self.queues[engine as usize];
        let mut batch = Batch { work: Vec::new(), posts: Vec::new(), progress: false };
        while let Some(&instruction) = queue.front() {
            match instruction {
                Instruction::Wait { token } => {
                    let count = &mut self.tokens[usize::from(token)];
                    if *count == 0 {
                        break;
                    }
                    *count -= 1;
                }
                Instruction::Post { token } => batch.posts.push(token),
                work => batch.work.push(work),
            }
            queue.pop_front();
            batch.progress = true;
        }
        batch
    }

    /// Adds the tokens of finished work.
    pub fn post(&mut self, tokens: &[u8]) {
        for &token in tokens {
            self.tokens[usize::from(token)] += 1;
        }
    }

    /// What every engine is doing, for a device that makes no progress.
    pub fn state(&self) -> String {
        let states = Engine::ALL.iter().map(|&engine| {
            let label = engine.label();
            match self.queues[engine as usize].front() {
                Some(Instruction::Wait { token }) => {
                    format!(
                        "{label} waits for token {token} before {} more instructions",
                        self.queues[engine as usize].len() - 1
                    )
                }
                Some(next) => format!("{label} is about to execute {}", next.op().mnemonic()),
                None => format!("{label} is idle"),
            }
        });
        states.collect::<Vec<_>>().join(", ")
    }
}
