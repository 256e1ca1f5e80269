//! From activity to figures.

use super::Phase;
use crate::traffic::Shapes;
use backspike_arch::{ArchConfig, Counter};
use backspike_asic::{
    Energy, EnergyModel, GLITCHES, Range, SCALE_45_TO_28, SRAM_45_TO_28, memory_energy,
};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Energy of a phase, pJ.
#[derive(Clone, Debug, Serialize)]
pub struct PhaseEstimate {
    pub name: &'static str,
    pub cycles: u64,
    /// Row x step events, each of all lanes; rows of UPDATE.
    pub events: u64,
    /// Logic as simulated, by block, at the library's process.
    pub logic: Energy,
    /// Logic with the glitches that the simulation does not see, and leakage.
    pub logic_pj: Range,
    /// Memories at 45 nm, by memory.
    pub memories: BTreeMap<String, f64>,
    pub memory_pj: f64,
}

impl PhaseEstimate {
    fn new(phase: &Phase, model: &EnergyModel, clock_mhz: f64) -> Self {
        use Counter::*;
        let totals = &phase.totals;
        let events = match phase.name {
            "FP" => totals[FpEvents],
            "BP" => totals[BpEvents],
            "WG" => totals[WgEvents],
            "UPDATE" => totals[WgUpdateRows],
            _ => phase.activity.cycles,
        };
        let logic = model.energy(&phase.activity, clock_mhz);
        // Only what switches glitches; fJ to pJ.
        let fixed = Range::exactly((logic.clock() + logic.leakage) / 1e3);
        let logic_pj = GLITCHES.times(logic.switching() / 1e3).plus(fixed);
        let memories = memory_energy(&phase.activity.memories);
        let memory_pj = memories.values().sum();
        let cycles = phase.activity.cycles;
        Self { name: phase.name, cycles, events, logic, logic_pj, memories, memory_pj }
    }

    /// Logic and memories at 28 nm, pJ; the library must be of 45 nm.
    pub fn at_28nm(&self) -> Range {
        self.logic_pj.by(SCALE_45_TO_28).plus(SRAM_45_TO_28.times(self.memory_pj))
    }

    /// What the phase adds to a core that only waits, at 28 nm, pJ.
    fn beside(&self, idle: &Self) -> Range {
        let waiting = self.cycles as f64 / idle.cycles.max(1) as f64;
        self.at_28nm().plus(idle.at_28nm().times(-waiting))
    }

    /// `of` the phase, for one lane's part of an event.
    pub fn per_lane_event(&self, of: f64, lanes: usize) -> f64 {
        of / (self.events.max(1) as f64 * lanes as f64)
    }
}

/// All figures of a core and a network.
#[derive(Clone, Debug, Serialize)]
pub struct Estimate {
    pub network: String,
    pub config: ArchConfig,
    pub library: String,
    pub node_nm: u32,
    pub clock_mhz: f64,
    pub samples: u64,
    /// um2 of cells by block, and of memories at 45 nm.
    pub cells_um2: BTreeMap<String, f64>,
    pub memories_um2: f64,
    pub phases: [PhaseEstimate; 5],
    /// TFLOPS/W at 28 nm with the engines side by side: when every event is there, two operations each, and with the events there are;
    /// core only.
    pub dense: Option<Range>,
    /// The same for networks that are computed, not run.
    pub computed: Vec<Computed>,
    pub sparse: Option<Range>,
    /// The latter with the bytes to and from DRAM.
    pub sparse_with_dram: Option<Range>,
    pub tools: BTreeMap<String, String>,
}

/// Efficiency of a network whose layers no core has yet, from the energies of an event: spikes of `density` a neuron and step in FP and
/// WG, every error in BP; memories as large as those of the core that was run, and no UPDATE.
#[derive(Clone, Debug, Serialize)]
pub struct Computed {
    pub network: String,
    pub density: f64,
    /// TFLOPS/W dense-equivalent at 28 nm, core only.
    pub efficiency: Range,
}

/// Every event there, and what spiking networks have: 0.2 and 0.1 spikes a neuron and step.
const DENSITIES: [f64; 3] = [1.0, 0.2, 0.1];

/// A DRAM access of 64 bits takes 1.3 to 2.6 nJ (Horowitz, ISSCC 2014, figure 1.1.9): pJ a byte.
const DRAM_PJ_PER_BYTE: Range = Range { low: 1300.0 / 8.0, mid: 1950.0 / 8.0, high: 2600.0 / 8.0 };

/// Cycles of training over those of its busiest engine, as the counters of whole trainings give.
const OVERLAP: f64 = 1.06;

/// The process that scaling factors start from.
pub const SCALED_NODE: u32 = 45;

impl Estimate {
    /// Figures of `phases`, over `samples` samples of a network of `shapes`; `dram_bytes` a sample go off the chip.
    #[expect(clippy::too_many_arguments, reason = "each is one input of the estimate")]
    pub fn new(
        phases: &[Phase; 5],
        model: &EnergyModel,
        config: &ArchConfig,
        shapes: &Shapes,
        library: &str,
        (node_nm, clock_mhz): (u32, f64),
        (samples, dram_bytes): (u64, f64),
        tools: BTreeMap<String, String>,
    ) -> Self {
        let memories = &phases[0].activity.memories;
        let memories_um2 = memories.iter().map(|(_, sram, _)| sram.area_um2()).sum();
        let phases = phases.each_ref().map(|phase| PhaseEstimate::new(phase, model, clock_mhz));
        let scaled = node_nm == SCALED_NODE;
        // Operations of a sample per pJ are TFLOPS/W.
        let efficiency = |energy: Range, shapes: &Shapes| {
            let operations = 2.0 * shapes.dense_products() as f64 / shapes.batch as f64;
            scaled.then(|| energy.under(operations))
        };
        let [fp, bp, wg, update, idle] = &phases;
        let engines = [fp, bp, wg];
        let waiting = idle.at_28nm().times(1.0 / idle.cycles.max(1) as f64);
        let wall = |cycles: f64| waiting.times(cycles * OVERLAP);
        let dense = |shapes: &Shapes, density: f64| {
            // Products of a step, by engine; an event a cycle, the engines side by side.
            let forward: u64 = shapes.layers.iter().map(|layer| layer.products).sum();
            let first = shapes.layers.first().map_or(0, |layer| layer.products);
            let events = [forward, forward - first, forward].map(|n| (n * shapes.steps) as f64);
            let events = [density * events[0], events[1], density * events[2]];
            let busiest = events.iter().fold(0.0, |most: f64, n| most.max(n / config.lanes as f64));
            let energy = engines.iter().zip(events).fold(wall(busiest), |sum, (phase, events)| {
                let each = phase.beside(idle).times(phase.per_lane_event(1.0, config.lanes));
                sum.plus(each.times(events))
            });
            efficiency(energy, shapes)
        };
        let sresnet18 = Shapes::sresnet18(16, 4);
        let computed = DENSITIES
            .iter()
            .filter_map(|&density| {
                let network = sresnet18.name.clone();
                Some(Computed { network, density, efficiency: dense(&sresnet18, density)? })
            })
            .collect();
        // The events there were; UPDATE, on the engine of WG, once a batch.
        let updates = samples as f64 / shapes.batch as f64;
        let with_update = wg.cycles as f64 + updates * update.cycles as f64;
        let busiest = with_update.max(fp.cycles as f64).max(bp.cycles as f64);
        let sparse = engines
            .iter()
            .fold(wall(busiest), |sum, phase| sum.plus(phase.beside(idle)))
            .plus(update.beside(idle).times(updates))
            .times(1.0 / samples as f64);
        let with_dram = sparse.plus(DRAM_PJ_PER_BYTE.times(dram_bytes));
        Self {
            network: shapes.name.clone(),
            config: config.clone(),
            library: library.to_owned(),
            node_nm,
            clock_mhz,
            samples,
            cells_um2: model.area().clone(),
            memories_um2,
            dense: dense(shapes, 1.0),
            computed,
            sparse: efficiency(sparse, shapes),
            sparse_with_dram: efficiency(with_dram, shapes),
            phases,
            tools,
        }
    }
}

/// The estimate as a page: energy of an event by what takes it, a bar for each phase, and the table.
pub fn html(estimate: &Estimate, table: &str) -> String {
    let lanes = estimate.config.lanes;
    let mut bars = String::new();
    let engines = estimate.phases.iter().filter(|phase| phase.name != "idle");
    let rows: Vec<(&str, [f64; 3])> = engines
        .map(|phase| {
            let of = |pj: f64| phase.per_lane_event(pj, lanes);
            let clock = of(phase.logic.clock() / 1e3);
            (phase.name, [of(phase.logic_pj.mid) - clock, clock, of(phase.memory_pj)])
        })
        .collect();
    let largest = rows.iter().map(|(_, parts)| parts.iter().sum::<f64>()).fold(1e-9, f64::max);
    for (row, (name, parts)) in rows.iter().enumerate() {
        let y = 30 + row * 34;
        let mut x = 80.0;
        // Writing to a String cannot fail.
        let _ = writeln!(bars, "<text x='8' y='{}'>{name}</text>", y + 16);
        for (part, colour) in parts.iter().zip(["#4477aa", "#ccbb44", "#66ccee"]) {
            let width = part / largest * 560.0;
            let _ = writeln!(
                bars,
                "<rect x='{x:.1}' y='{y}' width='{width:.1}' height='22' fill='{colour}'/>"
            );
            x += width;
        }
        let sum: f64 = parts.iter().sum();
        let _ = writeln!(bars, "<text x='{:.1}' y='{}'>{sum:.2} pJ</text>", x + 6.0, y + 16);
    }
    let height = 40 + rows.len() * 34;
    format!(
        "<!doctype html><meta charset='utf-8'><title>{network} on {core}</title>
<style>body{{font:14px sans-serif;margin:2em}}pre{{font-size:13px}}</style>
<h1>{network} on {core}</h1>
<p>Energy of a lane's event: gates (blue), clock pins (yellow), at {node} nm by {library}; memories (light blue), at 45 nm.</p>
<svg xmlns='http://www.w3.org/2000/svg' width='760' height='{height}' font-family='sans-serif' font-size='13'>
{bars}</svg>
<pre>{table}</pre>
",
        network = estimate.network,
        core = estimate.config.name,
        node = estimate.node_nm,
        library = estimate.library,
        table = table.replace('&', "&amp;").replace('<', "&lt;"),
    )
}
