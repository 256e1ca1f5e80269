//! What a netlist is made of.

use super::Family;
use anyhow::{Context, Result};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// Cells of a synthesised netlist, before placement.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Resources {
    /// Look-up tables, those of carry chains included.
    pub luts: u64,
    /// Flip-flops.
    pub registers: u64,
    /// Block RAMs.
    pub block_rams: u64,
    /// Multipliers.
    pub multipliers: u64,
    /// Look-up tables used as memory.
    pub memory_luts: u64,
    /// Every cell by its name in the family's library.
    pub cells: BTreeMap<String, u64>,
}

impl Resources {
    /// From the answer of Yosys' `stat -json` on a flat netlist of `family`.
    pub fn parse(family: Family, text: &str) -> Result<Self> {
        let stat: serde_json::Value =
            serde_json::from_str(text).context("Yosys' statistics are no JSON")?;
        let cells = stat["design"]["num_cells_by_type"]
            .as_object()
            .context("Yosys' statistics hold no cells")?;
        let mut found = Self::default();
        for (name, count) in cells {
            let count = count.as_u64().unwrap_or(0);
            found.add(family, name, count);
            found.cells.insert(name.clone(), count);
        }
        Ok(found)
    }

    fn add(&mut self, family: Family, name: &str, count: u64) {
        let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
        match family {
            Family::Ecp5 => match name {
                "LUT4" => self.luts += count,
                // A carry cell is two look-up tables.
                "CCU2C" => self.luts += 2 * count,
                // A distributed RAM takes four look-up tables for its bits and two for writing.
                "TRELLIS_DPR16X4" => self.memory_luts += 6 * count,
                "TRELLIS_FF" => self.registers += count,
                "DP16KD" | "PDPW16KD" => self.block_rams += count,
                "MULT18X18D" | "MULT9X9D" => self.multipliers += count,
                _ => {}
            },
            Family::Gowin => {
                if starts(&["LUT", "ALU"]) {
                    self.luts += count;
                } else if starts(&["DFF"]) {
                    self.registers += count;
                } else if starts(&["RAM16S"]) {
                    self.memory_luts += 4 * count;
                } else if starts(&["SDP", "DPB", "DPX", "SPX", "SP", "pROM"]) {
                    self.block_rams += count;
                } else if starts(&["MULT"]) {
                    self.multipliers += count;
                }
            }
            Family::Xilinx | Family::UltraScale => {
                if starts(&["LUT"]) {
                    self.luts += count;
                } else if starts(&["FD"]) {
                    self.registers += count;
                } else if starts(&["RAMB"]) {
                    self.block_rams += count;
                } else if starts(&["RAM32", "RAM64", "RAM128"]) {
                    // A RAM32M takes four look-up tables.
                    self.memory_luts += 4 * count;
                } else if starts(&["DSP"]) {
                    self.multipliers += count;
                }
            }
        }
    }
}

impl fmt::Display for Resources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  {:<28} {:>9}", "look-up tables", self.luts)?;
        writeln!(f, "  {:<28} {:>9}", "  more, used as memory", self.memory_luts)?;
        writeln!(f, "  {:<28} {:>9}", "flip-flops", self.registers)?;
        writeln!(f, "  {:<28} {:>9}", "block RAMs", self.block_rams)?;
        writeln!(f, "  {:<28} {:>9}", "multipliers", self.multipliers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_counted_by_what_they_cost() {
        let stat = r#"{"design": {"num_cells_by_type":
            {"LUT4": 10, "CCU2C": 3, "TRELLIS_FF": 7, "DP16KD": 2, "MULT18X18D": 1, "TRELLIS_DPR16X4": 2, "PFUMX": 9}}}"#;
        let found = Resources::parse(Family::Ecp5, stat).unwrap();
        assert_eq!((found.luts, found.registers, found.memory_luts), (16, 7, 12));
        assert_eq!((found.block_rams, found.multipliers, found.cells["PFUMX"]), (2, 1, 9));
        assert!(Resources::parse(Family::Ecp5, "{}").unwrap_err().to_string().contains("no cells"));
    }
}
