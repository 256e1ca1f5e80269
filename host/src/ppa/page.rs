//! The estimate as a page.

use super::{Estimate, RunEstimate};
use std::fmt::Write;

/// Width of the longest bar, height of a row.
const WIDTH: f64 = 560.0;
const ROW: usize = 34;

/// The estimate as a page: energy of an event by what takes it, a bar for each phase of both runs, and the table.
pub fn html(estimate: &Estimate, table: &str) -> String {
    let runs = [(&estimate.trained, "sparse"), (&estimate.saturated, "dense")];
    let rows: Vec<Row> =
        runs.iter().flat_map(|(run, kind)| rows(run, kind, estimate.config.lanes)).collect();
    let largest = rows.iter().map(|row| row.parts.iter().sum::<f64>()).fold(1e-9, f64::max);
    let mut bars = String::new();
    for (number, Row { name, parts }) in rows.iter().enumerate() {
        let y = 10 + number * ROW;
        let mut x = 150.0;
        // Writing to a String cannot fail.
        let _ = writeln!(bars, "<text x='8' y='{}'>{name}</text>", y + 16);
        for (part, colour) in parts.iter().zip(["#4477aa", "#bbbbbb", "#ccbb44", "#66ccee"]) {
            let width = part / largest * WIDTH;
            let _ = writeln!(
                bars,
                "<rect x='{x:.1}' y='{y}' width='{width:.1}' height='22' fill='{colour}'/>"
            );
            x += width;
        }
        let sum: f64 = parts.iter().sum();
        let _ = writeln!(bars, "<text x='{:.1}' y='{}'>{sum:.2} pJ</text>", x + 6.0, y + 16);
    }
    let height = 20 + rows.len() * ROW;
    let text = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;");
    format!(
        "<!doctype html><meta charset='utf-8'><title>{network} on {core}</title>
<style>body{{font:14px sans-serif;margin:2em}}pre{{font-size:13px}}</style>
<h1>{network} on {core}</h1>
<p>Energy of a lane's event: gates (blue), leakage (grey), clock pins (yellow), at {node} nm by {library}; memories (light blue), at 45 nm.</p>
<svg xmlns='http://www.w3.org/2000/svg' width='820' height='{height}' font-family='sans-serif' font-size='13'>
{bars}</svg>
<pre>{table}</pre>
",
        network = text(&estimate.trained.network),
        core = text(&estimate.config.name),
        node = estimate.node_nm,
        library = text(&estimate.library),
        table = text(table),
    )
}

struct Row {
    name: String,
    /// pJ: gates, leakage, clock pins, memories.
    parts: [f64; 4],
}

/// A row for each phase of a run in which there is work.
fn rows(run: &RunEstimate, kind: &str, lanes: usize) -> Vec<Row> {
    let work = run.phases.iter().filter(|phase| phase.name != "idle");
    work.map(|phase| {
        let of = |pj: f64| phase.per_lane_event(pj, lanes);
        let [gates, clock, leakage] = phase.logic_parts();
        let parts = [of(gates), of(leakage), of(clock), of(phase.memory_pj)];
        Row { name: format!("{}, {kind}", phase.name), parts }
    })
    .collect()
}
