//! From activity to figures.

use super::Phase;
use crate::traffic::Shapes;
use backspike_arch::{ArchConfig, Counter, TIME_BLOCK};
use backspike_asic::{
    Energy, EnergyModel, GLITCHES, Part, Range, SCALE_45_TO_28, SRAM_45_TO_28, memory_energy,
};
use serde::Serialize;
use std::collections::BTreeMap;

/// Energy of a phase, pJ.
#[derive(Clone, Debug, Serialize)]
pub struct PhaseEstimate {
    pub name: &'static str,
    pub cycles: u64,
    /// Row x step events, each of all lanes; rows of UPDATE.
    pub events: u64,
    /// Rows of weights or gradients.
    pub visits: u64,
    /// Steps of all neurons of a tile.
    pub neuron_steps: u64,
    /// Logic as simulated, by block, at the library's process.
    pub logic: Energy,
    /// Logic with the glitches that the simulation does not see, and leakage.
    pub logic_pj: Range,
    /// Memories at 45 nm, by memory.
    pub memories: BTreeMap<String, f64>,
    pub memory_pj: f64,
}

impl PhaseEstimate {
    fn new(phase: &Phase, model: &EnergyModel, clock_mhz: f64, steps_of_block: f64) -> Self {
        use Counter::*;
        let totals = &phase.totals;
        let cycles = phase.activity.cycles;
        let (events, visits) = match phase.name {
            "FP" => (totals[FpEvents], totals[FpVisits]),
            "BP" => (totals[BpEvents], totals[BpVisits]),
            "WG" => (totals[WgEvents], totals[WgVisits]),
            "UPDATE" => (totals[WgUpdateRows], totals[WgUpdateRows]),
            _ => (cycles, 0),
        };
        let neuron_steps = match phase.name {
            "FP" => (totals[FpTileBlocks] as f64 * steps_of_block) as u64,
            "BP" => totals[BpErrorWrites],
            _ => 0,
        };
        let logic = model.energy(&phase.activity, clock_mhz);
        // Only what switches glitches; fJ to pJ.
        let fixed = Range::exactly((logic.clock() + logic.leakage) / 1e3);
        let logic_pj = GLITCHES.times(logic.switching() / 1e3).plus(fixed);
        let memories = memory_energy(&phase.activity.memories);
        let memory_pj = memories.values().sum();
        Self {
            name: phase.name,
            cycles,
            events,
            visits,
            neuron_steps,
            logic,
            logic_pj,
            memories,
            memory_pj,
        }
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

    /// Of that, what rows take: those of the memory that the engine walks.
    fn rows_at_28nm(&self) -> Range {
        let memory = if self.name == "WG" { "gradient" } else { "weight" };
        SRAM_45_TO_28.times(self.memories.get(memory).copied().unwrap_or(0.0))
    }

    /// And what the neurons take: those of FP, and those of BP with the sums that they collect.
    fn neurons_at_28nm(&self) -> Range {
        let neurons = match self.name {
            "FP" => "fp.lane.unit",
            "BP" => "bp.lane",
            _ => return Range::exactly(0.0),
        };
        let parts = self.logic.parts.iter().filter(|(block, _)| block.starts_with(neurons));
        let none = Range::exactly(0.0);
        parts.fold(none, |sum, (_, part)| sum.plus(block_pj(part))).by(SCALE_45_TO_28)
    }

    /// What takes most: blocks with their glitches at the library's process, and memories at 45 nm, pJ, largest first.
    pub fn largest(&self) -> Vec<(&str, f64)> {
        let parts = self.logic.parts.iter();
        let blocks = parts.map(|(block, part)| (block.as_str(), block_pj(part).mid));
        let memories = self.memories.iter().map(|(memory, pj)| (memory.as_str(), *pj));
        let mut all: Vec<_> = blocks.chain(memories).collect();
        all.sort_by(|a, b| b.1.total_cmp(&a.1));
        all
    }

    /// pJ of gates with their glitches, of clock pins, and of leakage, at the library's process.
    pub fn logic_parts(&self) -> [f64; 3] {
        let (clock, leakage) = (self.logic.clock() / 1e3, self.logic.leakage / 1e3);
        [self.logic_pj.mid - clock - leakage, clock, leakage]
    }

    /// `of` the phase, for one lane's part of an event.
    pub fn per_lane_event(&self, of: f64, lanes: usize) -> f64 {
        of / (self.events.max(1) as f64 * lanes as f64)
    }
}

/// pJ of a block, with the glitches that the simulation does not see; leakage is the whole core's.
fn block_pj(part: &Part) -> Range {
    GLITCHES.times(part.switching / 1e3).plus(Range::exactly(part.clock / 1e3))
}

/// What was simulated: a weight update, and the training of samples before it.
pub struct Run {
    pub phases: [Phase; 5],
    pub shapes: Shapes,
    pub samples: u64,
}

/// A run in figures.
#[derive(Clone, Debug, Serialize)]
pub struct RunEstimate {
    pub network: String,
    pub samples: u64,
    pub phases: [PhaseEstimate; 5],
    /// pJ of a sample at 28 nm with the engines side by side and a weight update a batch, core only; for a library of 45 nm.
    pub sample_pj: Option<Range>,
    /// TFLOPS/W dense-equivalent at 28 nm, core only.
    pub efficiency: Option<Range>,
}

/// Operations of a dense training on a sample.
fn operations(shapes: &Shapes) -> f64 {
    2.0 * shapes.dense_products() as f64 / shapes.batch as f64
}

impl RunEstimate {
    fn new(run: &Run, model: &EnergyModel, clock_mhz: f64, scaled: bool) -> Self {
        let (samples, shapes) = (run.samples, &run.shapes);
        let steps_of_block = shapes.steps as f64 / ArchConfig::blocks(shapes.steps as usize) as f64;
        let phases = (run.phases.each_ref())
            .map(|phase| PhaseEstimate::new(phase, model, clock_mhz, steps_of_block));
        let [fp, bp, wg, update, idle] = &phases;
        // UPDATE, on the engine of WG, once a batch.
        let updates = samples as f64 / shapes.batch as f64;
        let with_update = wg.cycles as f64 + updates * update.cycles as f64;
        let busiest = with_update.max(fp.cycles as f64).max(bp.cycles as f64);
        let sample_pj = [fp, bp, wg]
            .into_iter()
            .fold(waiting(idle).times(busiest), |sum, phase| sum.plus(phase.beside(idle)))
            .plus(update.beside(idle).times(updates))
            .times(1.0 / samples as f64);
        let sample_pj = scaled.then_some(sample_pj);
        let efficiency = sample_pj.map(|energy| energy.under(operations(shapes)));
        Self { network: shapes.name.clone(), samples, phases, sample_pj, efficiency }
    }
}

/// pJ at 28 nm for each cycle of the busiest engine in which the core is there.
fn waiting(idle: &PhaseEstimate) -> Range {
    idle.at_28nm().times(OVERLAP / idle.cycles.max(1) as f64)
}

/// All figures of a core and a network.
#[derive(Clone, Debug, Serialize)]
pub struct Estimate {
    pub config: ArchConfig,
    pub library: String,
    pub node_nm: u32,
    pub clock_mhz: f64,
    /// um2 of cells by block, and of memories at 45 nm.
    pub cells_um2: BTreeMap<String, f64>,
    pub memories_um2: f64,
    /// With the events that the network has: its efficiency is the sparse one.
    pub trained: RunEstimate,
    /// With every event there: its efficiency is the dense one.
    pub saturated: RunEstimate,
    /// TFLOPS/W of the trained network with the bytes to and from DRAM.
    pub with_dram: Option<Range>,
    /// Networks that are computed, not run.
    pub computed: Vec<Computed>,
    pub tools: BTreeMap<String, String>,
}

/// Efficiency of a network whose layers no core has yet, from the energies of an event, of a row and of a neuron's step: independent spikes
/// of `density` a neuron and step in FP and WG, every error in BP and in all lanes; memories as large as those of the core that was run,
/// and no UPDATE.
#[derive(Clone, Debug, Serialize)]
pub struct Computed {
    pub network: String,
    pub density: f64,
    /// TFLOPS/W dense-equivalent at 28 nm, core only.
    pub efficiency: Range,
}

impl Computed {
    /// `spikes`: the run whose energies FP and WG take, `errors`: that of BP.
    fn new(
        shapes: &Shapes,
        density: f64,
        spikes: &RunEstimate,
        errors: &RunEstimate,
        config: &ArchConfig,
    ) -> Self {
        let ([fp, _, wg, _, idle], [_, bp, ..]) = (&spikes.phases, &errors.phases);
        // Products of a sample, by engine. FP and WG take a row a cycle, BP perhaps one of its events; the engines work side by side.
        let forward: u64 = shapes.layers.iter().map(|layer| layer.products).sum();
        let first = shapes.layers.first().map_or(0, |layer| layer.products);
        let steps = shapes.steps as f64;
        let lanes = config.lanes as f64;
        let lane_rows = [forward, forward - first, forward].map(|n| n as f64 / lanes);
        let neurons: u64 = shapes.layers.iter().map(|layer| layer.outputs).sum();
        let neuron_steps = neurons as f64 / lanes * steps;
        let densities = [density, 1.0, density];
        // Steps of a block share a row, in WG those of several samples.
        let in_block = steps.min(TIME_BLOCK as f64);
        let sharing = [1.0, 1.0, config.gradient_slots as f64].map(|slots| in_block * slots);
        let mut energy = Range::exactly(0.0);
        let mut busiest = 0.0f64;
        for (i, phase) in [fp, bp, wg].into_iter().enumerate() {
            let steps_of_rows = lane_rows[i] * steps;
            let events = steps_of_rows * densities[i];
            let visits = steps_of_rows / sharing[i] * (1.0 - (1.0 - densities[i]).powf(sharing[i]));
            let (row, neuron) = (phase.rows_at_28nm(), phase.neurons_at_28nm());
            let rest = phase.beside(idle).plus(row.times(-1.0)).plus(neuron.times(-1.0));
            energy = energy
                .plus(rest.times(events / phase.events.max(1) as f64))
                .plus(row.times(visits / phase.visits.max(1) as f64))
                .plus(neuron.times(neuron_steps / phase.neuron_steps.max(1) as f64));
            let one_by_one = phase.name == "BP" && config.backward_steps == 1;
            busiest = busiest.max(if one_by_one { events } else { visits });
        }
        let efficiency = energy.plus(waiting(idle).times(busiest)).under(operations(shapes));
        Self { network: shapes.name.clone(), density, efficiency }
    }
}

/// What spiking networks have, in spikes a neuron and step.
const DENSITIES: [f64; 2] = [0.2, 0.1];

/// A DRAM access of 64 bits takes 1.3 to 2.6 nJ (Horowitz, ISSCC 2014, figure 1.1.9): pJ a byte.
const DRAM_PJ_PER_BYTE: Range = Range { low: 1300.0 / 8.0, mid: 1950.0 / 8.0, high: 2600.0 / 8.0 };

/// Cycles of training over those of its busiest engine, as the counters of whole trainings give.
const OVERLAP: f64 = 1.06;

/// The process that scaling factors start from.
const SCALED_NODE: u32 = 45;

/// What an estimate is made of.
pub struct Inputs<'a> {
    pub model: &'a EnergyModel,
    pub config: &'a ArchConfig,
    pub library: &'a str,
    pub node_nm: u32,
    pub clock_mhz: f64,
    pub trained: Run,
    pub saturated: Run,
    /// Off the chip, a sample of the trained network.
    pub dram_bytes: f64,
    pub tools: BTreeMap<String, String>,
}

impl Estimate {
    /// Figures of both runs.
    pub fn new(inputs: Inputs) -> Self {
        let Inputs { model, config, clock_mhz, .. } = inputs;
        let scaled = inputs.node_nm == SCALED_NODE;
        let memories = &inputs.trained.phases[0].activity.memories;
        let memories_um2 = memories.iter().map(|(_, sram, _)| sram.area_um2()).sum();
        let [trained, saturated] = [&inputs.trained, &inputs.saturated]
            .map(|run| RunEstimate::new(run, model, clock_mhz, scaled));
        let with_dram = trained.sample_pj.map(|energy| {
            let all = energy.plus(DRAM_PJ_PER_BYTE.times(inputs.dram_bytes));
            all.under(operations(&inputs.trained.shapes))
        });
        let mut computed = Vec::new();
        if scaled {
            let shapes = Shapes::sresnet18(16, 4);
            let at = |density, spikes| Computed::new(&shapes, density, spikes, &saturated, config);
            computed.push(at(1.0, &saturated));
            computed.extend(DENSITIES.map(|density| at(density, &trained)));
        }
        Self {
            config: config.clone(),
            library: inputs.library.to_owned(),
            node_nm: inputs.node_nm,
            clock_mhz,
            cells_um2: model.area().clone(),
            memories_um2,
            trained,
            saturated,
            with_dram,
            computed,
            tools: inputs.tools,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::LayerShape;

    /// A phase of 100 events on 50 rows and 10 steps of neurons: 1 pJ of memory a row, 2 pJ of others an event and, in BP, 3 pJ a step, at
    /// 28 nm.
    fn phase(name: &'static str, rows: &str) -> PhaseEstimate {
        let row = 50.0 / SRAM_45_TO_28.mid;
        let clock = 30e3 / SCALE_45_TO_28.mid;
        let neurons = Part { switching: 0.0, clock };
        PhaseEstimate {
            name,
            cycles: 100,
            events: 100,
            visits: 50,
            neuron_steps: 10,
            logic: Energy {
                parts: BTreeMap::from([("bp.lane.neuron".into(), neurons)]),
                leakage: 0.0,
            },
            logic_pj: Range::exactly(
                (200.0 + if name == "BP" { 30.0 } else { 0.0 }) / SCALE_45_TO_28.mid,
            ),
            memories: BTreeMap::from([(rows.to_owned(), row)]),
            memory_pj: row,
        }
    }

    fn run() -> RunEstimate {
        let mut idle = phase("idle", "");
        (idle.logic_pj, idle.memory_pj) = (Range::exactly(0.0), 0.0);
        let engines = [("FP", "weight"), ("BP", "weight"), ("WG", "gradient"), ("UPDATE", "state")];
        let [fp, bp, wg, update] = engines.map(|(name, rows)| phase(name, rows));
        RunEstimate {
            network: "any".into(),
            samples: 1,
            phases: [fp, bp, wg, update, idle],
            sample_pj: None,
            efficiency: None,
        }
    }

    #[test]
    fn steps_of_a_block_and_samples_share_a_row() {
        let layers = vec![LayerShape::dense("first", 8, 16), LayerShape::dense("second", 16, 8)];
        let shapes = Shapes { name: "two layers".into(), layers, steps: 8, batch: 1 };
        let run = run();
        let pj = |density: f64, gradient_slots: usize| {
            let config = ArchConfig { gradient_slots, ..ArchConfig::tiny() };
            let computed = Computed::new(&shapes, density, &run, &run, &config);
            operations(&shapes) / computed.efficiency.mid
        };
        // Of 8 lanes: 32 rows of both layers in FP and WG, 16 of the second in BP; two blocks of four steps each. Three tiles of neurons.
        let all = |rows: f64| rows * (8.0 * 2.0 + 2.0);
        let back = all(16.0) + 3.0 * 8.0 * 3.0;
        assert!((pj(1.0, 1) - (2.0 * all(32.0) + back)).abs() < 1e-6);
        let half = 32.0 * (4.0 * 2.0 + 2.0 * (1.0 - 0.5f64.powi(4)));
        assert!((pj(0.5, 1) - (2.0 * half + back)).abs() < 1e-6);
        // Four samples share a row in WG.
        let shared = 32.0 * (4.0 * 2.0 + 2.0 * (1.0 - 0.5f64.powi(16)) / 4.0);
        assert!((pj(0.5, 4) - (half + shared + back)).abs() < 1e-6);
    }
}
