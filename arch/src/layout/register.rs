//! The registers, read by PUSH of the register region.

use super::counter::Counter;
use crate::config::ArchConfig;

/// First register of a core: `BKSP` in ASCII.
pub const MAGIC: u32 = 0x424b_5350;

/// Changes whenever a layout of this module changes its meaning; a host refuses any other.
pub const LAYOUT_VERSION: u32 = 2;

/// Hardware version: major, minor and patch, 8 bits each.
pub const VERSION: u32 = decimal(env!("CARGO_PKG_VERSION_MAJOR")) << 16
    | decimal(env!("CARGO_PKG_VERSION_MINOR")) << 8
    | decimal(env!("CARGO_PKG_VERSION_PATCH"));

/// Register of the first counter; counter `i` is register `COUNTER_BASE + i`.
pub const COUNTER_BASE: usize = 8;

const fn decimal(text: &str) -> u32 {
    let digits = text.as_bytes();
    let mut value = 0;
    let mut i = 0;
    while i < digits.len() {
        value = value * 10 + (digits[i] - b'0') as u32;
        i += 1;
    }
    value
}

/// One register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Register {
    Magic,
    Version,
    LayoutVersion,
    ConfigHashLow,
    ConfigHashHigh,
    Lanes,
    Slots,
    Status,
    Counter(Counter),
}

impl Register {
    /// Registers of a core.
    pub const COUNT: usize = COUNTER_BASE + Counter::COUNT;

    const FIXED: [Self; COUNTER_BASE] = [
        Self::Magic,
        Self::Version,
        Self::LayoutVersion,
        Self::ConfigHashLow,
        Self::ConfigHashHigh,
        Self::Lanes,
        Self::Slots,
        Self::Status,
    ];

    /// All registers, by index.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::FIXED.into_iter().chain(Counter::ALL.iter().map(|&counter| Self::Counter(counter)))
    }

    /// Its index: the row of the register region.
    pub fn index(self) -> usize {
        match self {
            Self::Counter(counter) => COUNTER_BASE + counter.index(),
            Self::Magic => 0,
            Self::Version => 1,
            Self::LayoutVersion => 2,
            Self::ConfigHashLow => 3,
            Self::ConfigHashHigh => 4,
            Self::Lanes => 5,
            Self::Slots => 6,
            Self::Status => 7,
        }
    }

    /// The register of an index.
    pub fn from_index(index: usize) -> Option<Self> {
        Self::all().nth(index)
    }

    /// Its name in tables and the C header.
    pub fn name(self) -> String {
        match self {
            Self::Magic => "magic".into(),
            Self::Version => "version".into(),
            Self::LayoutVersion => "layout_version".into(),
            Self::ConfigHashLow => "config_hash_low".into(),
            Self::ConfigHashHigh => "config_hash_high".into(),
            Self::Lanes => "lanes".into(),
            Self::Slots => "slots".into(),
            Self::Status => "status".into(),
            Self::Counter(counter) => counter.key(),
        }
    }

    /// What it holds, a phrase.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Magic => "0x424b5350, `BKSP` in ASCII",
            Self::Version => "version of the hardware: major [23:16], minor [15:8], patch [7:0]",
            Self::LayoutVersion => "version of the layouts on this page",
            Self::ConfigHashLow => "configuration hash, bits 31..0",
            Self::ConfigHashHigh => "configuration hash, bits 63..32",
            Self::Lanes => "lanes of the core",
            Self::Slots => "sample slots",
            Self::Status => "sticky bits",
            Self::Counter(counter) => counter.meaning(),
        }
    }

    /// The value of an identity register; `None` for status and counters, which change.
    pub fn identity(self, config: &ArchConfig) -> Option<u32> {
        let hash = config.config_hash();
        match self {
            Self::Magic => Some(MAGIC),
            Self::Version => Some(VERSION),
            Self::LayoutVersion => Some(LAYOUT_VERSION),
            Self::ConfigHashLow => Some(hash as u32),
            Self::ConfigHashHigh => Some((hash >> 32) as u32),
            Self::Lanes => Some(config.lanes as u32),
            Self::Slots => Some(config.slots as u32),
            Self::Status | Self::Counter(_) => None,
        }
    }
}
