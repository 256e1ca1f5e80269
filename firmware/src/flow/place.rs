//! Place and route.

use super::Flow;
use super::run::stem;
use crate::Ecp5;
use anyhow::{Context, Result, ensure};
use serde::Serialize;
use std::collections::BTreeMap;

/// How much of a resource is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Usage {
    pub used: u64,
    pub available: u64,
}

/// A placed and routed netlist.
#[derive(Clone, Debug, Serialize)]
pub struct Placement {
    /// Its file for the packer, in the folder of the flow; none out of context.
    #[serde(skip)]
    pub config: String,
    /// Resources of the part by nextpnr's names.
    pub usage: BTreeMap<String, Usage>,
    /// Fastest clock of the core, MHz.
    pub fmax_mhz: f64,
    /// From where to where the slowest path goes.
    pub critical_path: Vec<String>,
}

/// What to place for.
#[derive(Clone, Copy, Debug)]
pub struct Goal<'a> {
    pub part: &'a Ecp5,
    pub clock_mhz: usize,
    pub seed: u64,
    /// Pins; none places the netlist out of context, without pads.
    pub constraints: Option<&'a str>,
}

/// Places and routes the netlist `json` as the step `name`.
///
/// # Errors
///
/// When it does not fit, with what is short. Missed timing is no error here: the placement says what it reaches.
pub fn place(flow: &mut Flow, name: &str, json: &str, goal: Goal) -> Result<Placement> {
    let (config, report) = (format!("{name}.config"), format!("{name}.report.json"));
    let mut nextpnr = flow.tool("nextpnr-ecp5", "--version")?;
    nextpnr.args([goal.part.die, "--package", goal.part.package, "--speed", goal.part.speed]);
    nextpnr.args(["--json", json, "--report", &report]);
    nextpnr.args(["--freq", &goal.clock_mhz.to_string(), "--seed", &goal.seed.to_string()]);
    nextpnr.arg("--timing-allow-fail");
    let (mut inputs, mut outputs) = (vec![json], vec![report.as_str()]);
    match goal.constraints {
        Some(constraints) => {
            nextpnr.args(["--lpf", constraints, "--textcfg", &config]);
            inputs.push(constraints);
            outputs.push(&config);
        }
        None => {
            nextpnr.arg("--out-of-context");
        }
    }
    let step = format!("placement of {name}");
    let outcome = flow.step(&step, nextpnr, &inputs, &outputs, phase);
    let log = flow.read(&format!("{}.log", stem(&step))).unwrap_or_default();
    let short = overfull(&log);
    ensure!(
        short.is_empty(),
        "{name} does not fit {}: {}. Take a configuration with fewer lanes, fewer optimizers or smaller memories, or a larger part.",
        goal.part.name,
        short.join("; ")
    );
    outcome?;
    parse(&flow.read(&report)?, config)
}

/// What a line of nextpnr says about where it is.
fn phase(line: &str) -> Option<&str> {
    let line = line.strip_prefix("Info: ")?.trim_start();
    let said = [
        "Packing",
        "Promoting",
        "Placed",
        "Creating initial",
        "Running",
        "Routing",
        "at iteration",
    ];
    said.iter().any(|start| line.starts_with(start)).then_some(line)
}

/// Resources of which the log says that more are needed than there are: lines such as
/// `Info:             TRELLIS_COMB: 90000/83640   107%`.
fn overfull(log: &str) -> Vec<String> {
    let counts = log.lines().filter_map(|line| {
        let (name, rest) = line.strip_prefix("Info:")?.trim().split_once(": ")?;
        let (used, rest) = rest.trim().split_once('/')?;
        let used: u64 = used.trim().parse().ok()?;
        let available: u64 = rest.split_whitespace().next()?.parse().ok()?;
        (used > available).then(|| format!("{used} {name} of {available}"))
    });
    counts.collect()
}

fn parse(text: &str, config: String) -> Result<Placement> {
    let report: serde_json::Value =
        serde_json::from_str(text).context("nextpnr's report is no JSON")?;
    let usage =
        report["utilization"].as_object().context("nextpnr's report holds no utilization")?;
    let usage = usage
        .iter()
        .map(|(name, counts)| {
            let count = |key: &str| counts[key].as_u64().unwrap_or(0);
            (name.clone(), Usage { used: count("used"), available: count("available") })
        })
        .collect();
    // Without a path from register to register a block has no clock to speak of.
    let clocks = report["fmax"].as_object().cloned().unwrap_or_default();
    let achieved = clocks.values().filter_map(|clock| clock["achieved"].as_f64());
    let fmax_mhz = achieved.fold(f64::INFINITY, f64::min);
    let paths = report["critical_paths"].as_array().cloned().unwrap_or_default();
    let within = paths.iter().find(|path| path["from"] == path["to"]);
    let critical_path = within.map(ends).unwrap_or_default();
    Ok(Placement { config, usage, fmax_mhz, critical_path })
}

/// Cells at the ends of a path.
fn ends(path: &serde_json::Value) -> Vec<String> {
    let cell =
        |step: Option<&serde_json::Value>, end: &str| Some(step?[end]["cell"].as_str()?.to_owned());
    let steps = path["path"].as_array().cloned().unwrap_or_default();
    [cell(steps.first(), "from"), cell(steps.last(), "to")].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_says_what_is_used_and_what_is_slowest() {
        let text = r#"{"fmax": {"clk": {"achieved": 51.5, "constraint": 50.0}},
            "utilization": {"TRELLIS_COMB": {"available": 83640, "used": 1000}},
            "critical_paths": [
                {"from": "<async>", "to": "posedge clk", "path": [{"from": {"cell": "x"}, "to": {"cell": "y"}}]},
                {"from": "posedge clk", "to": "posedge clk", "path": [
                    {"from": {"cell": "a"}, "to": {"cell": "b"}}, {"from": {"cell": "b"}, "to": {"cell": "c"}}]}]}"#;
        let placement = parse(text, "c".into()).unwrap();
        assert_eq!(placement.fmax_mhz, 51.5);
        assert_eq!(placement.usage["TRELLIS_COMB"], Usage { used: 1000, available: 83640 });
        assert_eq!(placement.critical_path, ["a", "c"]);
    }

    #[test]
    fn what_is_short_is_read_from_the_log() {
        let log = "Info: Device utilisation:\nInfo: \t  TRELLIS_COMB: 90000/83640   107%\nInfo: \t DP16KD:  79/  208    37%\n";
        assert_eq!(overfull(log), ["90000 TRELLIS_COMB of 83640"]);
    }
}
