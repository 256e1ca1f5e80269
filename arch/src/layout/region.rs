//! Memory regions as the host addresses them.

use super::field::{LayoutError, code_enum, packed_word};
use super::opcode::Engine;
use super::register::Register;
use crate::config::{ArchConfig, TIME_BLOCK};

code_enum! {
    /// What a host address names.
    pub enum Region {
        #[default]
        Queue = 0, "instruction queues: in row 0, sub 2q + 1 holds imm, sub 2q is the low word and enqueues; in row q + 1, every sub enqueues";
        Descriptor = 1, "slice descriptors: row = q << 8 | slice, sub = column";
        Weight = 2, "weights, binary16: lanes 2 sub (low half) and 2 sub + 1";
        State = 3, "optimizer state, binary16, as weight";
        Gradient = 4, "gradients, signed 32 bit: sub = lane";
        Spike = 5, "spike plane words: bits 32 sub + 31 .. 32 sub";
        Trace = 6, "spikes, then surrogate code bit 0, then bit 1, each as spike";
        Nonzero = 7, "which steps of a tile-block have a non-zero error, one bit each";
        Error = 8, "errors, binary16, as weight; row = tile-block * 4 + step in the block";
        Membrane = 9, "membranes of readouts, Q24, signed 32 bit: sub = lane; rows as error";
        Register = 10, "registers: row = register index";
        Token = 11, "token counters: a word of any value, written at row n, posts token n";
    }
}

impl Region {
    /// The host may write it.
    pub const fn writable(self) -> bool {
        matches!(
            self,
            Self::Queue
                | Self::Descriptor
                | Self::Weight
                | Self::State
                | Self::Spike
                | Self::Nonzero
                | Self::Error
                | Self::Token
        )
    }

    /// PUSH may send it.
    pub const fn pushable(self) -> bool {
        !matches!(self, Self::Queue | Self::Descriptor)
    }

    /// Its rows belong to sample slots: row = slot * [`slot_rows`](Self::slot_rows) + row in the slot.
    pub const fn per_slot(self) -> bool {
        matches!(self, Self::Spike | Self::Trace | Self::Nonzero | Self::Error | Self::Membrane)
    }

    /// 32-bit words of one row.
    pub fn subs(self, config: &ArchConfig) -> usize {
        let plane = config.plane_bits().div_ceil(32);
        match self {
            Self::Queue => 2 * Engine::ALL.len(),
            Self::Descriptor => super::FpDescriptor::COLUMN_COUNT,
            Self::Weight | Self::State | Self::Error => config.lanes / 2,
            Self::Gradient | Self::Membrane => config.lanes,
            Self::Spike => plane,
            Self::Trace => 3 * plane,
            Self::Nonzero | Self::Register | Self::Token => 1,
        }
    }

    /// Rows of a slot; 0 for regions that are not [`per_slot`](Self::per_slot).
    pub fn slot_rows(self, config: &ArchConfig) -> usize {
        match self {
            Self::Spike | Self::Trace | Self::Nonzero => config.plane_words(),
            Self::Error => config.error_blocks() * TIME_BLOCK,
            Self::Membrane => config.membrane_blocks() * TIME_BLOCK,
            _ => 0,
        }
    }

    /// Rows that can be addressed. The rows of `Descriptor` are `q << 8 | slice`, so they have gaps.
    pub fn rows(self, config: &ArchConfig) -> usize {
        match self {
            Self::Queue => 1 + Engine::ALL.len(),
            Self::Descriptor => ((Engine::ALL.len() - 1) << 8) + config.slices,
            Self::Weight | Self::State | Self::Gradient => config.weight_rows(),
            Self::Register => Register::COUNT,
            Self::Token => config.tokens,
            _ => config.slots * self.slot_rows(config),
        }
    }
}

packed_word! {
    /// A host address: bits 27..25 are zero.
    pub struct HostAddress in address {
        /// 32-bit word in the row
        sub: u8 = 0, 5;
        /// row of the memory
        row: u32 = 5, 20;
        /// region
        region: Region = 28, 4;
    }
}

impl HostAddress {
    /// The address of word `sub` of `row`.
    pub const fn new(region: Region, row: u32, sub: u8) -> Self {
        Self { sub, row, region }
    }

    /// Where an instruction's low word goes; the word before it is [`queue_imm`](Self::queue_imm).
    pub const fn queue(engine: Engine) -> Self {
        Self::new(Region::Queue, 0, 2 * engine as u8)
    }

    /// Where an instruction's high word goes.
    pub const fn queue_imm(engine: Engine) -> Self {
        Self::new(Region::Queue, 0, 2 * engine as u8 + 1)
    }

    /// Where up to 8 low words go, an instruction each, in one write.
    pub const fn queue_row(engine: Engine) -> Self {
        Self::new(Region::Queue, 1 + engine as u32, 0)
    }

    /// The queue that a word at this address of [`Region::Queue`] goes to, and whether it is an immediate; `None` where there is no queue.
    pub fn queue_of(self) -> Option<(Engine, bool)> {
        match self.row.checked_sub(1) {
            None => Engine::from_code(self.sub / 2).map(|engine| (engine, self.sub % 2 == 1)),
            Some(row) => Engine::from_code(row as u8).map(|engine| (engine, false)),
        }
    }

    /// Column 0 of a descriptor.
    pub const fn descriptor(engine: Engine, slice: u8) -> Self {
        Self::new(Region::Descriptor, (engine as u32) << 8 | slice as u32, 0)
    }

    /// A register.
    pub const fn register(index: u32) -> Self {
        Self::new(Region::Register, index, 0)
    }

    /// The address of the next word: the next sub of the row, then the next row.
    pub fn next(self, config: &ArchConfig) -> Self {
        if usize::from(self.sub) + 1 < self.region.subs(config) {
            Self { sub: self.sub + 1, ..self }
        } else {
            Self { sub: 0, row: self.row + 1, ..self }
        }
    }

    /// `Ok` when the host may write `words` words from here on, else every reason why not. Memories take whole rows: their last word
    /// stores the row.
    pub fn check_write(self, words: usize, config: &ArchConfig) -> Result<(), LayoutError> {
        let name = self.region.name();
        let (subs, rows) = (self.region.subs(config), self.region.rows(config));
        let (row, sub) = (self.row as usize, usize::from(self.sub));
        let mut problems = Vec::new();
        if !self.region.writable() {
            problems.push(format!("the region {name} cannot be written by the host"));
        }
        if self.region == Region::Descriptor {
            let engine = u8::try_from(row >> 8).ok().and_then(Engine::from_code);
            let columns = engine.map_or(0, Engine::columns);
            if columns == 0 || row & 0xff >= config.slices || sub + words > columns {
                problems.push(format!(
                    "descriptor row {row} (engine {}, slice {}) from column {sub} does not hold {words} words: an engine has {} slices, and {}",
                    row >> 8,
                    row & 0xff,
                    config.slices,
                    Engine::ALL
                        .iter()
                        .map(|engine| format!("{} {} columns", engine.label(), engine.columns()))
                        .collect::<Vec<_>>()
                        .join(", ")
                ));
            }
            return LayoutError::check(problems);
        }
        if self.region != Region::Queue && (sub != 0 || !words.is_multiple_of(subs)) {
            problems.push(format!(
                "{words} words from word {sub} of a row are not whole rows of {name}, which have {subs} words: write whole rows"
            ));
        }
        if row * subs + sub + words > rows * subs {
            problems.push(format!(
                "{words} words from row {row} word {sub} reach beyond the {rows} rows of {name}: write fewer, or use a larger configuration"
            ));
        }
        LayoutError::check(problems)
    }
}
