//! The configuration of a core: what is fixed when its Verilog is generated.

mod parse;
mod presets;
mod validate;

use crate::layout::LAYOUT_VERSION;
use serde::Serialize;
use thiserror::Error;

/// Time steps that share one read of a row: B of the machine page.
pub const TIME_BLOCK: usize = 4;

/// Everything wrong with a configuration, one sentence each.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the configuration {name} is not usable:\n{}", .problems.iter().map(|p| format!("  - {p}")).collect::<Vec<_>>().join("\n"))]
pub struct ConfigError {
    /// The configuration's name, or where it came from.
    pub name: String,
    pub problems: Vec<String>,
}

/// One numeric key of the configuration.
#[derive(Clone, Copy, Debug)]
pub struct ConfigKey {
    pub name: &'static str,
    pub meaning: &'static str,
}

macro_rules! arch_config {
    ($($(#[doc = $doc:literal])+ $field:ident,)+) => {
        /// The configuration of a core. Capacities are in weights and in neurons x time steps, so they stay when `lanes` changes.
        #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
        pub struct ArchConfig {
            /// Name of the configuration; not part of the hash.
            pub name: String,
            $($(#[doc = $doc])+ pub $field: usize,)+
        }

        impl ArchConfig {
            /// The numeric keys of a configuration file, in order.
            pub const KEYS: &'static [ConfigKey] = &[
                $(ConfigKey { name: stringify!($field), meaning: concat!($($doc),+) },)+
            ];

            /// The value of a key.
            pub fn get(&self, key: &str) -> Option<usize> {
                match key {
                    $(stringify!($field) => Some(self.$field),)+
                    _ => None,
                }
            }

            /// Sets a key; `false` when there is none of that name.
            pub fn set(&mut self, key: &str, value: usize) -> bool {
                match key {
                    $(stringify!($field) => self.$field = value,)+
                    _ => return false,
                }
                true
            }
        }
    };
}

arch_config! {
    /// weights processed per cycle: 4, 8, 16 or 32
    lanes,
    /// weights that UPDATE steps per cycle, a power of two up to `lanes`
    optimizers,
    /// samples in flight, a power of two
    slots,
    /// slots that one visit of ACCUMULATE serves, a power of two up to 8 and `slots`: a gradient is read and written once for all of them
    gradient_slots,
    /// steps of a row that BP takes at once, 1 or 4: the multipliers of a lane
    backward_steps,
    /// weights of the core, padded tiles included
    weights,
    /// spike capacity of a slot in neurons x time steps, a power of two
    slot_neuron_steps,
    /// error capacity of a slot in neurons x time steps, a power of two
    slot_error_steps,
    /// readout membrane capacity of a slot in neurons x time steps, a power of two
    slot_membrane_steps,
    /// descriptors per engine
    slices,
    /// instructions per queue, a power of two
    queue_depth,
    /// token counters, a power of two
    tokens,
    /// largest fan-in of a neuron
    max_fan_in,
    /// largest number of neurons of a slice
    max_fan_out,
    /// most time steps of a sample
    max_steps,
    /// weight_max = 2^weight_max_exp
    weight_max_exp,
    /// error_max = 2^error_max_exp
    error_max_exp,
    /// clock of the core, MHz: what timing reports aim at and the serial link divides; not part of the hash
    clock_mhz,
    /// bits a second on the serial link, at most an eighth of the clock; not part of the hash
    baud,
    /// bursts that the PCI function may have on their way, as many reads and as many writes, 1 to 8: with 8 of the longest they hide 448 cycles of latency; not part of the hash
    outstanding,
}

impl ArchConfig {
    /// Keys that leave the core as it is: not part of the hash.
    pub const OUTSIDE: &'static [&'static str] = &["clock_mhz", "baud", "outstanding"];

    /// Rows of the weight, state and gradient memories.
    pub const fn weight_rows(&self) -> usize {
        self.weights / self.lanes
    }

    /// Bits of a plane word: lanes x [`TIME_BLOCK`].
    pub const fn plane_bits(&self) -> usize {
        self.lanes * TIME_BLOCK
    }

    /// Plane words of a slot.
    pub const fn plane_words(&self) -> usize {
        self.slot_neuron_steps / self.plane_bits()
    }

    /// Error tile-blocks of a slot, [`TIME_BLOCK`] rows each.
    pub const fn error_blocks(&self) -> usize {
        self.slot_error_steps / self.plane_bits()
    }

    /// Membrane tile-blocks of a slot, [`TIME_BLOCK`] rows each.
    pub const fn membrane_blocks(&self) -> usize {
        self.slot_membrane_steps / self.plane_bits()
    }

    /// Row of plane word `offset` of a slot.
    pub const fn plane_row(&self, slot: usize, offset: usize) -> usize {
        slot * self.plane_words() + offset
    }

    /// Row of step `step` (within its block) of error tile-block `offset` of a slot.
    pub const fn error_row(&self, slot: usize, offset: usize, step: usize) -> usize {
        (slot * self.error_blocks() + offset) * TIME_BLOCK + step
    }

    /// Row of step `step` (within its block) of membrane tile-block `offset` of a slot.
    pub const fn membrane_row(&self, slot: usize, offset: usize, step: usize) -> usize {
        (slot * self.membrane_blocks() + offset) * TIME_BLOCK + step
    }

    /// Tiles of a population.
    pub const fn tiles(&self, neurons: usize) -> usize {
        neurons.div_ceil(self.lanes)
    }

    /// Time blocks of a sample.
    pub const fn blocks(steps: usize) -> usize {
        steps.div_ceil(TIME_BLOCK)
    }

    /// Largest magnitude of a weight.
    pub fn weight_max(&self) -> f64 {
        f64::from(1u32 << self.weight_max_exp)
    }

    /// Largest magnitude of an error.
    pub fn error_max(&self) -> f64 {
        f64::from(1u32 << self.error_max_exp)
    }

    /// Cycles that UPDATE spends on a row.
    pub const fn update_beats(&self) -> usize {
        self.lanes / self.optimizers
    }

    /// The same capacities with other lanes; no more optimizers than lanes.
    pub fn with_lanes(&self, lanes: usize) -> Self {
        Self { lanes, optimizers: self.optimizers.min(lanes), ..self.clone() }
    }

    /// 64 bits that differ between configurations whose cores differ: the host compares them with the core's registers.
    pub fn config_hash(&self) -> u64 {
        let mut text = format!("backspike layout {LAYOUT_VERSION}\n");
        for key in Self::KEYS.iter().filter(|key| !Self::OUTSIDE.contains(&key.name)) {
            let value = self.get(key.name).unwrap_or(0);
            text.push_str(&format!("{}={value}\n", key.name));
        }
        let hash = blake3::hash(text.as_bytes());
        let mut low = [0; 8];
        low.copy_from_slice(&hash.as_bytes()[..8]);
        u64::from_le_bytes(low)
    }
}
