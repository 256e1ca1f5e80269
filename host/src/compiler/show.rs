//! The memory map and the proof as text, for `backspike info`.

use super::Program;
use std::fmt;

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let config = &self.config;
        writeln!(
            f,
            "core {}: {} lanes, {} slots, {} steps in {} blocks",
            config.name, config.lanes, config.slots, self.steps, self.blocks
        )?;
        writeln!(f, "\npopulation  neurons  tiles  plane words  error blocks")?;
        for (p, population) in self.populations.iter().enumerate() {
            let name = if p == 0 { "input".to_string() } else { format!("layer {}", p - 1) };
            let count = population.tiles * self.blocks;
            let errors = match p {
                0 => "-".to_string(),
                _ => range(population.error_base, count),
            };
            writeln!(
                f,
                "{name:<10}  {:>7}  {:>5}  {:>11}  {errors:>12}",
                population.neurons,
                population.tiles,
                range(population.plane_base, count)
            )?;
        }
        writeln!(f, "\nweights     fan-in  neurons  rows")?;
        for (l, slice) in self.slices.iter().enumerate() {
            writeln!(
                f,
                "{:<10}  {:>6}  {:>7}  {}",
                format!("layer {l}"),
                slice.fan_in,
                slice.neurons,
                range(slice.weight_base, slice.rows())
            )?;
        }
        writeln!(f, "\nmemory                          used    capacity")?;
        for usage in &self.usage {
            let share = 100.0 * usage.used as f64 / usage.capacity.max(1) as f64;
            writeln!(
                f,
                "{:<28}  {:>8}  {:>8}  {share:5.1} %",
                usage.what, usage.used, usage.capacity
            )?;
        }
        writeln!(
            f,
            "\nno sum can overflow (gradient LSB 2^{}):",
            i32::from(self.gradient_shift) - 18
        )?;
        self.proof.iter().try_for_each(|proof| write!(f, "{proof}"))
    }
}

fn range(base: usize, count: usize) -> String {
    format!("{base}..{}", base + count)
}
