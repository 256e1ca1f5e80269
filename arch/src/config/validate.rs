//! What a usable configuration is.

use super::{ArchConfig, ConfigError, TIME_BLOCK};
use crate::layout::MAX_TOKENS;
use crate::proof::prove_config;

/// Rows that an address can name.
const MAX_ROWS: usize = 1 << crate::layout::address::row::BITS;

impl ArchConfig {
    /// `Ok`, or everything wrong with the configuration.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let mut problems = Vec::new();
        self.check_name(&mut problems);
        self.check_ranges(&mut problems);
        self.check_capacities(&mut problems);
        // The proof needs the ranges to hold: 2^weight_max_exp of a wild exponent is no number.
        if problems.is_empty()
            && let Err(error) = prove_config(self)
        {
            problems.extend(error.violations);
        }
        if problems.is_empty() {
            Ok(())
        } else {
            Err(ConfigError { name: self.name.clone(), problems })
        }
    }

    fn check_name(&self, problems: &mut Vec<String>) {
        let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let starts = self.name.starts_with(|c: char| c.is_ascii_lowercase());
        if !starts || !self.name.chars().all(legal) || self.name.len() > 32 {
            problems.push(format!(
                "name is {:?}, but it becomes part of file and module names: use a lower-case letter, then up to 31 of a-z, 0-9 and _",
                self.name
            ));
        }
    }

    fn check_ranges(&self, problems: &mut Vec<String>) {
        if !matches!(self.lanes, 4 | 8 | 16 | 32) {
            problems.push(format!("lanes is {}, but must be 4, 8, 16 or 32", self.lanes));
        }
        if !self.optimizers.is_power_of_two() || self.optimizers > self.lanes {
            problems.push(format!(
                "optimizers is {}, but must be a power of two of at most {}, the lanes that share them",
                self.optimizers, self.lanes
            ));
        }
        if self.gradient_slots > self.slots {
            problems.push(format!(
                "gradient_slots is {}, but there are {} slots: use at most as many",
                self.gradient_slots, self.slots
            ));
        }
        if !matches!(self.backward_steps, 1 | TIME_BLOCK) {
            problems.push(format!(
                "backward_steps is {}, but must be 1 or {TIME_BLOCK}",
                self.backward_steps
            ));
        }
        let ranges = [
            ("slots", 1, 64, true),
            ("gradient_slots", 1, 8, true),
            ("slices", 1, 255, false),
            ("queue_depth", 2, 1024, true),
            ("tokens", 8, MAX_TOKENS, true),
            ("max_fan_in", 1, 65535, false),
            ("max_fan_out", 1, 65535, false),
            ("max_steps", 1, 255, false),
            ("weight_max_exp", 0, 3, false),
            ("error_max_exp", 0, 4, false),
            ("clock_mhz", 1, 5000, false),
            ("baud", 9600, 25_000_000, false),
            ("outstanding", 1, 8, false),
        ];
        if self.baud.saturating_mul(8) > self.clock_mhz.saturating_mul(1_000_000) {
            problems.push(format!(
                "baud is {}, but a clock of {} MHz samples at most {} bits a second: lower baud, or raise clock_mhz",
                self.baud,
                self.clock_mhz,
                self.clock_mhz.saturating_mul(125_000)
            ));
        }
        for (key, min, max, power_of_two) in ranges {
            let value = self.get(key).unwrap_or(0);
            if value < min || value > max || (power_of_two && !value.is_power_of_two()) {
                let kind = if power_of_two { "a power of two in " } else { "in " };
                problems.push(format!("{key} is {value}, but must be {kind}{min}..={max}"));
            }
        }
    }

    fn check_capacities(&self, problems: &mut Vec<String>) {
        let lanes = self.lanes.clamp(4, 32);
        if self.weights == 0 || !self.weights.is_multiple_of(32) {
            problems.push(format!(
                "weights is {}, but must be a multiple of 32, so that it fills whole rows with any number of lanes",
                self.weights
            ));
        }
        if self.weights / lanes > MAX_ROWS {
            problems.push(format!(
                "weights is {}, which is {} rows of {lanes} lanes, but an address has {MAX_ROWS} rows: use at most {} weights, or more lanes",
                self.weights,
                self.weights / lanes,
                MAX_ROWS * lanes
            ));
        }
        // Rows per tile-block: plane words hold a whole block, errors and membranes one step each.
        let memories = [
            ("slot_neuron_steps", 1),
            ("slot_error_steps", TIME_BLOCK),
            ("slot_membrane_steps", TIME_BLOCK),
        ];
        for (key, rows_per_block) in memories {
            let value = self.get(key).unwrap_or(0);
            let block = TIME_BLOCK * 32;
            if !value.is_power_of_two() || value < block {
                problems.push(format!(
                    "{key} is {value}, but must be a power of two of at least {block}, one block of {TIME_BLOCK} steps of 32 lanes"
                ));
                continue;
            }
            let per_slot = value / (TIME_BLOCK * lanes) * rows_per_block;
            let rows = per_slot.saturating_mul(self.slots);
            if rows > MAX_ROWS {
                problems.push(format!(
                    "{key} is {value}, which is {rows} rows in {} slots of {lanes} lanes, but an address has {MAX_ROWS} rows: lower {key} or slots",
                    self.slots
                ));
            }
        }
    }
}
