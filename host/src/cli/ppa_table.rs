//! What `backspike ppa` prints.

use backspike::ppa::{Computed, Estimate, RunEstimate};
use backspike_asic::{Range, SCALE_45_TO_28, Timing};
use std::fmt::Write;

/// What the two runs hold.
pub const AS_THEY_ARE: &str = "events as they are";
pub const ALL_THERE: &str = "every event there";

/// Blocks with less than this share of the cells' area are one line, and of what takes energy this many are named.
const SMALL: f64 = 0.01;
const LARGEST: usize = 6;

/// The report as text.
pub fn table(estimate: &Estimate, timing: &Timing) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write_chip(&mut text, estimate, timing);
    let _ = write_run(&mut text, estimate, &estimate.trained, AS_THEY_ARE);
    let _ = write_run(&mut text, estimate, &estimate.saturated, ALL_THERE);
    let _ = write_scaled(&mut text, estimate);
    for (tool, version) in &estimate.tools {
        let _ = writeln!(text, "{tool}: {version}");
    }
    text
}

fn range(range: Range) -> String {
    format!("{:.2} ({:.2} to {:.2})", range.mid, range.low, range.high)
}

fn write_chip(text: &mut String, estimate: &Estimate, timing: &Timing) -> std::fmt::Result {
    let cells: f64 = estimate.cells_um2.values().sum();
    writeln!(
        text,
        "{} on {}, {} lanes, {} ({} nm)",
        estimate.trained.network,
        estimate.config.name,
        estimate.config.lanes,
        estimate.library,
        estimate.node_nm
    )?;
    writeln!(
        text,
        "area       {:.4} mm2 of cells, {:.4} mm2 of memories at 45 nm",
        cells / 1e6,
        estimate.memories_um2 / 1e6
    )?;
    let (listed, small): (Vec<_>, Vec<_>) =
        estimate.cells_um2.iter().partition(|(_, area)| **area >= SMALL * cells);
    let others = ("others", small.iter().map(|(_, area)| **area).sum());
    let listed = listed.into_iter().map(|(block, area)| (block.as_str(), *area));
    for (block, area) in listed.chain([others]) {
        writeln!(text, "           {block:<24} {area:>10.0} um2 {:>5.1} %", 100.0 * area / cells)?;
    }
    writeln!(
        text,
        "clock      {:.1} MHz by static timing without wires, slowest from {}",
        timing.fmax_mhz,
        timing.path.join(" to ")
    )
}

fn write_run(
    text: &mut String,
    estimate: &Estimate,
    run: &RunEstimate,
    kind: &str,
) -> std::fmt::Result {
    writeln!(
        text,
        "\n{kind}: {} samples at gate level, leakage at {:.0} MHz
phase     cycles    events    visits   pJ an event and lane: gates   clock  leakage  memories 45 nm     28 nm",
        run.samples, estimate.clock_mhz
    )?;
    for phase in &run.phases {
        let of = |pj: f64| phase.per_lane_event(pj, estimate.config.lanes);
        let [gates, clock, leakage] = phase.logic_parts().map(of);
        let scaled = match run.efficiency {
            Some(_) => range(phase.at_28nm().times(of(1.0))),
            None => "-".into(),
        };
        writeln!(
            text,
            "{:<7} {:>8} {:>9} {:>9} {gates:>29.3} {clock:>7.3} {leakage:>8.3} {:>15.3}     {scaled}",
            phase.name,
            phase.cycles,
            phase.events,
            phase.visits,
            of(phase.memory_pj),
        )?;
    }
    writeln!(text, "\nwhat takes most of it, pJ an event and lane, memories at 45 nm:")?;
    for phase in run.phases.iter().filter(|phase| phase.visits > 0) {
        let largest = phase.largest().into_iter().take(LARGEST).map(|(block, pj)| {
            let pj = phase.per_lane_event(pj, estimate.config.lanes);
            format!("{block} {pj:.3}")
        });
        writeln!(text, "{:<7} {}", phase.name, largest.collect::<Vec<_>>().join(", "))?;
    }
    Ok(())
}

fn write_scaled(text: &mut String, estimate: &Estimate) -> std::fmt::Result {
    writeln!(
        text,
        "\ngates hold 1.4 (1.2 to 1.6) for the glitches that zero-delay simulation does not see; wires are one inverter's load a sink"
    )?;
    let efficiencies =
        (estimate.saturated.efficiency, estimate.trained.efficiency, estimate.with_dram);
    let (Some(dense), Some(sparse), Some(all)) = efficiencies else {
        return writeln!(text, "only libraries of 45 nm are scaled to 28 nm");
    };
    writeln!(
        text,
        "scaled to 28 nm by {} for logic (Stillmaker and Baas 2017):",
        range(SCALE_45_TO_28)
    )?;
    writeln!(text, "dense      {} TFLOPS/W, core only, every event there", range(dense))?;
    writeln!(text, "sparse     {} TFLOPS/W dense-equivalent, core only", range(sparse))?;
    for Computed { network, density, efficiency } in &estimate.computed {
        writeln!(
            text,
            "computed   {} TFLOPS/W dense-equivalent, core only: {network}, {density} spikes a neuron and step",
            range(*efficiency)
        )?;
    }
    writeln!(text, "with DRAM  {} TFLOPS/W dense-equivalent", range(all))?;
    writeln!(
        text,
        "           or pJ a dense-equivalent FLOP: dense {:.2}, sparse {:.2}, with DRAM {:.2}",
        1.0 / dense.mid,
        1.0 / sparse.mid,
        1.0 / all.mid
    )
}
