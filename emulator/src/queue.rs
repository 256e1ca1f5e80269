//! The four instruction queues and the tokens between them.

use backspike_arch::{Engine, Instruction, MAX_TOKENS};
use std::collections::VecDeque;

/// Queues and token counters.
pub struct Queues {
    queues: [VecDeque<Instruction>; 4],
    tokens: [u32; MAX_TOKENS],
}

impl Default for Queues {
    fn default() -> Self {
        Self { queues: Default::default(), tokens: [0; MAX_TOKENS] }
    }
}

impl Queues {
    pub fn push(&mut self, engine: Engine, instruction: Instruction) {
        self.queues[engine as usize].push_back(instruction);
    }

    /// Instructions in all queues.
    pub fn len(&self) -> usize {
        self.queues.iter().map(VecDeque::len).sum()
    }

    /// Takes what an engine can do now: everything up to the first WAIT without a token. The tokens of a POST are there after
    /// [`Self::post`].
    pub fn take(&mut self, engine: Engine) -> Vec<Instruction> {
        let queue = &mut self.queues[engine as usize];
        let mut batch = Vec::new();
        while let Some(&instruction) = queue.front() {
            if let Instruction::Wait { token } = instruction {
                let count = &mut self.tokens[usize::from(token)];
                if *count == 0 {
                    break;
                }
                *count -= 1;
            }
            queue.pop_front();
            batch.push(instruction);
        }
        batch
    }

    /// Whether an engine's next instruction is a WAIT without a token.
    pub fn waits(&self, engine: Engine) -> bool {
        matches!(self.queues[engine as usize].front(), Some(Instruction::Wait { .. }))
    }

    /// Adds the tokens that the POSTs of an executed batch give.
    pub fn post(&mut self, batch: &[Instruction]) {
        for instruction in batch {
            if let Instruction::Post { token } = instruction {
                self.add(*token);
            }
        }
    }

    /// Adds a token.
    pub fn add(&mut self, token: u8) {
        self.tokens[usize::from(token)] += 1;
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
