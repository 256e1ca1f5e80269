//! Verilog to a netlist of a family's cells.

use super::{Flow, Resources};
use anyhow::Result;
use std::fmt;
use std::str::FromStr;

/// An FPGA family that Yosys maps to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Lattice ECP5: LUT4, 18 kbit block RAM, 18 x 18 multipliers
    Ecp5,
    /// Gowin GW2A: LUT4, 18 kbit block RAM, 18 x 18 multipliers
    Gowin,
    /// Xilinx 7 series: LUT6, 36 kbit block RAM, 25 x 18 multipliers
    Xilinx,
    /// Xilinx UltraScale+: LUT6, 36 kbit block RAM, 27 x 18 multipliers
    UltraScale,
}

impl Family {
    const ALL: [Self; 4] = [Self::Ecp5, Self::Gowin, Self::Xilinx, Self::UltraScale];

    fn name(self) -> &'static str {
        match self {
            Self::Ecp5 => "ecp5",
            Self::Gowin => "gowin",
            Self::Xilinx => "xilinx",
            Self::UltraScale => "ultrascale",
        }
    }

    /// The command of Yosys, which flattens: what limits a block may lie in another one.
    fn command(self) -> &'static str {
        match self {
            Self::Ecp5 => "synth_ecp5",
            Self::Gowin => "synth_gowin -family gw2a",
            Self::Xilinx => "synth_xilinx -family xc7 -flatten",
            Self::UltraScale => "synth_xilinx -family xcup -flatten",
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Family {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = Self::ALL.into_iter().find(|family| family.name() == text);
        named.ok_or_else(|| "a family is ecp5, gowin, xilinx or ultrascale".to_owned())
    }
}

/// A synthesised netlist.
#[derive(Clone, Debug)]
pub struct Netlist {
    /// Its file, JSON of Yosys, in the folder of the flow.
    pub json: String,
    pub resources: Resources,
}

/// Synthesises module `top` of the Verilog files `sources` in the flow's folder.
pub fn synthesise(flow: &mut Flow, family: Family, sources: &[&str], top: &str) -> Result<Netlist> {
    let (json, stat) = (format!("{top}.json"), format!("{top}.stat.json"));
    let script = format!(
        "read_verilog {}; {} -top {top} -json {json}; tee -q -o {stat} stat -json",
        sources.join(" "),
        family.command()
    );
    flow.yosys(&format!("synthesis of {top}"), &script, sources, &[&json, &stat])?;
    let resources = Resources::parse(family, &flow.read(&stat)?)?;
    Ok(Netlist { json, resources })
}
