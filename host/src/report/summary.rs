//! The final report.

use crate::traffic::measured;
use crate::train::{Summary, Totals};
use backspike_arch::{ArchConfig, Counter};
use std::fmt::Write;

/// Busy cycles, events and efficiency of one engine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Engines {
    pub name: &'static str,
    pub busy: u64,
    pub wait: u64,
    pub events: u64,
    pub visits: u64,
    /// Work that was skipped: all-zero words (FP), visits without a common step (BP), tile-blocks without an error (WG).
    pub skips: u64,
}

impl Engines {
    /// FP, BP and WG.
    pub fn of(totals: &Totals) -> [Engines; 3] {
        use Counter::*;
        let engine = |name, [busy, wait, events, visits, skips]: [Counter; 5]| Engines {
            name,
            busy: totals[busy],
            wait: totals[wait],
            events: totals[events],
            visits: totals[visits],
            skips: totals[skips],
        };
        [
            engine("FP", [FpBusy, FpWait, FpEvents, FpVisits, FpZeroWords]),
            engine("BP", [BpBusy, BpWait, BpEvents, BpVisits, BpSkipped]),
            engine("WG", [WgBusy, WgWait, WgEvents, WgVisits, WgSkipped]),
        ]
    }

    /// Events per busy cycle.
    pub fn efficiency(&self) -> f64 {
        self.events as f64 / self.busy.max(1) as f64
    }
}

/// The report of a training run as text.
pub fn summary(summary: &Summary, config: &ArchConfig) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write(&mut text, summary, config);
    text
}

fn write(text: &mut String, summary: &Summary, config: &ArchConfig) -> std::fmt::Result {
    let totals = &summary.totals;
    if let Some(last) = &summary.last {
        writeln!(
            text,
            "training   {:.2} % correct, loss {:.4} (epoch {})",
            100.0 * last.train.accuracy(),
            last.train.mean_loss(),
            last.epoch + 1
        )?;
        if last.test.samples > 0 {
            writeln!(
                text,
                "test       {:.2} % correct ({} of {}), loss {:.4}",
                100.0 * last.test.accuracy(),
                last.test.correct,
                last.test.samples,
                last.test.mean_loss()
            )?;
        }
    }
    let rate = summary.samples as f64 / summary.seconds.max(1e-9);
    writeln!(
        text,
        "samples    {} in {:.1} s, {rate:.0} samples/s",
        summary.samples, summary.seconds
    )?;
    let scale = &summary.scale;
    writeln!(
        text,
        "loss scale steps x batch x 2^{}, lowered {} times, raised {} times; {} errors saturated",
        scale.exponent,
        scale.lowered,
        scale.raised,
        totals[Counter::BpSaturations]
    )?;
    writeln!(
        text,
        "\nengine        busy cycles          events  events/busy          visits           skips"
    )?;
    for engine in Engines::of(totals) {
        writeln!(
            text,
            "{:<8}  {:>15} {:>15} {:>12.3} {:>15} {:>15}",
            engine.name,
            engine.busy,
            engine.events,
            engine.efficiency(),
            engine.visits,
            engine.skips
        )?;
    }
    writeln!(
        text,
        "update    {:>15} {:>15} rows",
        totals[Counter::WgUpdateBusy],
        totals[Counter::WgUpdateRows]
    )?;
    let (cycles, busiest) = (totals[Counter::Cycles], totals.busiest());
    // The engines of a mesh are those of all its cores.
    if summary.cores.is_empty() {
        writeln!(
            text,
            "all       {cycles:>15} cycles, {:.3} x the busiest engine",
            cycles as f64 / busiest.max(1) as f64
        )?;
    }
    writeln!(text, "\nmemory           read bytes   written bytes")?;
    for (name, read, written) in by_memory(totals, config) {
        writeln!(text, "{name:<12} {read:>14} {written:>15}")?;
    }
    writeln!(text, "\nweight hash {}", summary.weight_hash)
}

/// Bytes read and written by the engines, memory by memory.
fn by_memory(totals: &Totals, config: &ArchConfig) -> Vec<(&'static str, u64, u64)> {
    let mut memories: Vec<(&'static str, u64, u64)> = Vec::new();
    for access in measured(totals, config) {
        match memories.iter_mut().find(|(name, ..)| *name == access.memory) {
            Some((_, read, written)) => {
                *read += access.read;
                *written += access.written;
            }
            None => memories.push((access.memory, access.read, access.written)),
        }
    }
    memories
}
