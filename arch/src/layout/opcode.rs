//! Engines, their queues and the instructions.

use super::descriptor::{BpDescriptor, FpDescriptor, IoDescriptor, WgDescriptor};
use super::field::{LayoutError, PackedWord, code_enum, packed_word};
use crate::config::ArchConfig;
use std::ops::Range;
use thiserror::Error;

/// The most token counters, each of 8 bits, that a core may have: an instruction names one of so many.
pub const MAX_TOKENS: usize = 128;

code_enum! {
    /// The four engines, each with its own queue and descriptor table.
    pub enum Engine {
        #[default]
        Fp = 0, "forward propagation";
        Bp = 1, "back-propagation";
        Wg = 2, "weight gradient and optimizer";
        Io = 3, "pushes to the host and to other cores";
    }
}

impl Engine {
    /// The name in tables and messages.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Fp => "FP",
            Self::Bp => "BP",
            Self::Wg => "WG",
            Self::Io => "IO",
        }
    }

    /// Columns of its descriptor table.
    pub const fn columns(self) -> usize {
        match self {
            Self::Fp => FpDescriptor::COLUMN_COUNT,
            Self::Bp => BpDescriptor::COLUMN_COUNT,
            Self::Wg => WgDescriptor::COLUMN_COUNT,
            Self::Io => IoDescriptor::COLUMN_COUNT,
        }
    }
}

code_enum! {
    /// Operation codes.
    pub enum Op {
        #[default]
        Wait = 1, "wait until token counter `arg` > 0, then subtract one";
        Post = 2, "add one to token counter `arg` once all earlier work of this engine is in memory";
        Forward = 3, "spikes of a slice from its input spikes";
        NeuronBack = 4, "errors of an output population from the gradients the host wrote, in place";
        Backprop = 5, "errors of the input population from the errors of the slice";
        Accumulate = 6, "gradients of a slice from its input spikes and its errors";
        Update = 7, "optimizer over all rows of a slice; n = `arg[5:0]`, gs = `arg[11:6]`, key = `imm`";
        Clear = 8, "gradients and optimizer state of a slice to zero";
        Push = 9, "send a region of a memory to the host or to cores";
    }
}

impl Op {
    /// The mnemonic.
    pub const fn mnemonic(self) -> &'static str {
        match self {
            Self::Wait => "WAIT",
            Self::Post => "POST",
            Self::Forward => "FORWARD",
            Self::NeuronBack => "NEURON_BACK",
            Self::Backprop => "BACKPROP",
            Self::Accumulate => "ACCUMULATE",
            Self::Update => "UPDATE",
            Self::Clear => "CLEAR",
            Self::Push => "PUSH",
        }
    }

    /// The only queue that takes it; `None` for the operations of all queues.
    pub const fn engine(self) -> Option<Engine> {
        match self {
            Self::Wait | Self::Post => None,
            Self::Forward => Some(Engine::Fp),
            Self::NeuronBack | Self::Backprop => Some(Engine::Bp),
            Self::Accumulate | Self::Update | Self::Clear => Some(Engine::Wg),
            Self::Push => Some(Engine::Io),
        }
    }
}

packed_word! {
    /// The low word of an instruction.
    pub struct InstructionWord in instruction {
        /// operation (Op); 0 and 10..=15 are illegal
        op: u8 = 0, 4;
        /// descriptor in the engine's table
        slice: u8 = 4, 8;
        /// sample slot
        slot: u8 = 12, 8;
        /// argument: token, the further slots of ACCUMULATE, or the shifts of UPDATE
        arg: u16 = 20, 12;
    }
}

packed_word! {
    /// The argument of ACCUMULATE.
    pub struct AccumulateArg in accumulate_arg {
        /// slots beside the one named, which follow it; taken modulo `gradient_slots` of the configuration
        further: u8 = 0, 3;
    }
}

packed_word! {
    /// The argument of UPDATE.
    pub struct UpdateArg in update_arg {
        /// learning-rate shift n
        rate_shift: u8 = 0, 6;
        /// gradient scale shift gs
        scale_shift: u8 = 6, 6;
    }
}

/// One instruction: two words, low word first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Instruction {
    /// Wait until the counter is above zero, then subtract one.
    Wait {
        token: u8,
    },
    /// Add one to the counter once all earlier work of this engine is in memory.
    Post {
        token: u8,
    },
    Forward {
        slice: u8,
        slot: u8,
    },
    NeuronBack {
        slice: u8,
        slot: u8,
    },
    Backprop {
        slice: u8,
        slot: u8,
    },
    /// Of `slot` and the `further` slots that follow it.
    Accumulate {
        slice: u8,
        slot: u8,
        further: u8,
    },
    /// `rate_shift` is n, `scale_shift` is gs, `key` the step's key of the stochastic rounding.
    Update {
        slice: u8,
        rate_shift: u8,
        scale_shift: u8,
        key: u32,
    },
    Clear {
        slice: u8,
    },
    Push {
        slice: u8,
        slot: u8,
    },
}

/// Why a queue drops an instruction (and sets its sticky `illegal` bit).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum IllegalInstruction {
    #[error("the {} queue got the word {word:#010x}, whose operation code {code} is not an instruction", .engine.label())]
    UnknownOp { engine: Engine, word: u32, code: u8 },
    #[error("the {} queue got {}, which only the {} queue executes", .engine.label(), .op.mnemonic(), .owner.label())]
    WrongQueue { engine: Engine, op: Op, owner: Engine },
}

impl Instruction {
    /// The operation.
    pub const fn op(&self) -> Op {
        match self {
            Self::Wait { .. } => Op::Wait,
            Self::Post { .. } => Op::Post,
            Self::Forward { .. } => Op::Forward,
            Self::NeuronBack { .. } => Op::NeuronBack,
            Self::Backprop { .. } => Op::Backprop,
            Self::Accumulate { .. } => Op::Accumulate,
            Self::Update { .. } => Op::Update,
            Self::Clear { .. } => Op::Clear,
            Self::Push { .. } => Op::Push,
        }
    }

    /// The descriptor it uses; `None` for tokens.
    pub const fn slice(&self) -> Option<u8> {
        match *self {
            Self::Wait { .. } | Self::Post { .. } => None,
            Self::Forward { slice, .. }
            | Self::NeuronBack { slice, .. }
            | Self::Backprop { slice, .. }
            | Self::Accumulate { slice, .. }
            | Self::Update { slice, .. }
            | Self::Clear { slice }
            | Self::Push { slice, .. } => Some(slice),
        }
    }

    /// The sample slots it works on in a core of this configuration; `None` when it works on none.
    pub fn slots(&self, config: &ArchConfig) -> Option<Range<usize>> {
        let first = usize::from(self.slot()?);
        let further = match *self {
            Self::Accumulate { further, .. } => usize::from(further) % config.gradient_slots,
            _ => 0,
        };
        Some(first..first + further + 1)
    }

    /// The sample slot it works on, the first of several; `None` when it works on none.
    pub const fn slot(&self) -> Option<u8> {
        match *self {
            Self::Forward { slot, .. }
            | Self::NeuronBack { slot, .. }
            | Self::Backprop { slot, .. }
            | Self::Accumulate { slot, .. }
            | Self::Push { slot, .. } => Some(slot),
            _ => None,
        }
    }

    /// The token counter it waits for or adds to; `None` when it does neither.
    pub const fn token(&self) -> Option<u8> {
        match *self {
            Self::Wait { token } | Self::Post { token } => Some(token),
            _ => None,
        }
    }

    /// `Ok` when `engine` of a core of this configuration executes it, else every reason why not. The hardware checks the queue only:
    /// a slice or slot beyond the built ones reads whatever its memories return.
    pub fn check(&self, engine: Engine, config: &ArchConfig) -> Result<(), LayoutError> {
        let name = self.op().mnemonic();
        let mut problems = Vec::new();
        if let Some(owner) = self.op().engine()
            && owner != engine
        {
            problems.push(format!(
                "{name} belongs to the {} queue, not to {}",
                owner.label(),
                engine.label()
            ));
        }
        let parts = [
            ("slice", self.slice(), config.slices),
            ("slot", self.slot(), config.slots),
            ("token", self.token(), config.tokens),
        ];
        for (what, index, built) in parts {
            if let Some(index) = index.filter(|&index| usize::from(index) >= built) {
                problems.push(format!(
                    "{name} names {what} {index}, but {} has {built}: use 0..={}",
                    config.name,
                    built.saturating_sub(1)
                ));
            }
        }
        if let Self::Accumulate { slot, further, .. } = *self {
            if usize::from(further) >= config.gradient_slots {
                problems.push(format!(
                    "{name} names slot {slot} and {further} more, but {} takes {} at once: name at most {} more",
                    config.name,
                    config.gradient_slots,
                    config.gradient_slots.saturating_sub(1)
                ));
            }
            let last = usize::from(slot) + usize::from(further);
            if usize::from(slot) < config.slots && last >= config.slots {
                problems.push(format!(
                    "{name} names slots {slot} to {last}, but {} has {}: name a lower slot, or fewer more",
                    config.name, config.slots
                ));
            }
        }
        LayoutError::check(problems)
    }

    /// `[low, high]`, or what does not fit.
    pub fn encode(&self) -> Result<[u32; 2], LayoutError> {
        let op = self.op();
        let mut word = InstructionWord {
            op: op.code(),
            slice: self.slice().unwrap_or(0),
            slot: self.slot().unwrap_or(0),
            arg: 0,
        };
        let mut imm = 0;
        match *self {
            Self::Wait { token } | Self::Post { token } => {
                if usize::from(token) >= MAX_TOKENS {
                    return Err(LayoutError::one(format!(
                        "{} names token {token}, but there are {MAX_TOKENS} at most: use 0..={}",
                        op.mnemonic(),
                        MAX_TOKENS - 1
                    )));
                }
                word.arg = u16::from(token);
            }
            Self::Accumulate { further, .. } => {
                word.arg = AccumulateArg { further }.encode()? as u16;
            }
            Self::Update { rate_shift, scale_shift, key, .. } => {
                word.arg = UpdateArg { rate_shift, scale_shift }.encode()? as u16;
                imm = key;
            }
            _ => {}
        }
        Ok([word.encode()?, imm])
    }

    /// What `engine` does with `[low, high]`. Fields that an operation does not use are ignored, a token is taken modulo [`MAX_TOKENS`], and by
    /// the core modulo the counters it has; so are the further slots of ACCUMULATE.
    pub fn decode(engine: Engine, words: [u32; 2]) -> Result<Self, IllegalInstruction> {
        let [low, imm] = words;
        let field = |index: usize| InstructionWord::FIELDS[index].extract(low) as u32;
        let (code, slice, slot, arg) = (field(0) as u8, field(1) as u8, field(2) as u8, field(3));
        let op =
            Op::from_code(code).ok_or(IllegalInstruction::UnknownOp { engine, word: low, code })?;
        if let Some(owner) = op.engine()
            && owner != engine
        {
            return Err(IllegalInstruction::WrongQueue { engine, op, owner });
        }
        let token = (arg as usize % MAX_TOKENS) as u8;
        Ok(match op {
            Op::Wait => Self::Wait { token },
            Op::Post => Self::Post { token },
            Op::Forward => Self::Forward { slice, slot },
            Op::NeuronBack => Self::NeuronBack { slice, slot },
            Op::Backprop => Self::Backprop { slice, slot },
            Op::Accumulate => {
                let further = AccumulateArg::FIELDS[0].extract(arg) as u8;
                Self::Accumulate { slice, slot, further }
            }
            Op::Update => {
                let shift = |index: usize| UpdateArg::FIELDS[index].extract(arg) as u8;
                Self::Update { slice, rate_shift: shift(0), scale_shift: shift(1), key: imm }
            }
            Op::Clear => Self::Clear { slice },
            Op::Push => Self::Push { slice, slot },
        })
    }
}
