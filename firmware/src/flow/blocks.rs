//! The blocks of a core, each on its own: what it takes and how fast it is.

use super::place::{Goal, place};
use super::{Family, Flow, Resources, synthesise};
use crate::Ecp5;
use anyhow::{Context, Result};
use backspike_hdl::emit::Design;
use serde::Serialize;

/// A block whose size and speed are of interest.
#[derive(Clone, Copy, Debug)]
pub struct Block {
    /// How the names of its modules begin.
    pub prefix: &'static str,
    pub title: &'static str,
}

/// The blocks of a core with a serial link.
pub const BLOCKS: &[Block] = &[
    Block { prefix: "forward_lane", title: "FP lane" },
    Block { prefix: "forward_neuron", title: "FP neuron unit, within its lane" },
    Block { prefix: "backward_lane", title: "BP lane" },
    Block { prefix: "backward_neuron", title: "BP neuron unit, within its lane" },
    Block { prefix: "dot_product", title: "BP dot product of all lanes" },
    Block { prefix: "gradient_lane", title: "WG lane" },
    Block { prefix: "optimizer_lane", title: "optimizer" },
    Block { prefix: "walker", title: "event walker" },
    Block { prefix: "push_engine", title: "push engine" },
    Block { prefix: "registers", title: "registers and counters" },
    Block { prefix: "link_port", title: "serial link" },
];

/// What a block takes and how fast it is.
#[derive(Clone, Debug, Serialize)]
pub struct BlockReport {
    pub title: &'static str,
    pub module: String,
    pub resources: Resources,
    /// Fastest clock, placed and routed alone; infinite without a path from register to register.
    pub fmax_mhz: f64,
    pub critical_path: Vec<String>,
}

/// Synthesises, places and routes every block of `design` on its own, out of context, aiming at `clock_mhz`; `done` hears of each.
pub fn measure_blocks(
    flow: &mut Flow,
    design: &Design,
    part: &Ecp5,
    clock_mhz: usize,
    mut done: impl FnMut(&BlockReport),
) -> Result<Vec<BlockReport>> {
    flow.write("blocks.v", &design.to_single_file())?;
    let mut reports = Vec::new();
    for block in BLOCKS {
        let named = design.modules.iter().find(|module| module.name.starts_with(block.prefix));
        let module =
            &named.with_context(|| format!("The core has no module {}", block.prefix))?.name;
        let netlist = synthesise(flow, Family::Ecp5, &["blocks.v"], module)?;
        let goal = Goal { part, clock_mhz, seed: 1, constraints: None };
        let placement = place(flow, module, &netlist.json, goal)?;
        let report = BlockReport {
            title: block.title,
            module: module.clone(),
            resources: netlist.resources,
            fmax_mhz: placement.fmax_mhz,
            critical_path: placement.critical_path,
        };
        done(&report);
        reports.push(report);
    }
    Ok(reports)
}
