//! Static timing analysis.

use anyhow::{Context, Result};
use backspike_firmware::flow::Flow;
use serde::Serialize;

/// The slowest path.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Timing {
    /// Of the clock that just meets it, MHz.
    pub fmax_mhz: f64,
    /// Where it starts and ends.
    pub path: Vec<String>,
}

/// Runs OpenSTA on the netlist `verilog` of module `top` with the Liberty file `liberty`, wires as loads of their pins. Memories are black
/// boxes: paths through them are not seen. Reset is not timed.
pub fn analyse(flow: &mut Flow, top: &str, verilog: &str, liberty: &str) -> Result<Timing> {
    // Far too fast, so that the slack says how much slower; both are in ns, whatever the library's unit.
    let period = 0.001;
    let script = format!(
        "set_cmd_units -time ns\nread_liberty {liberty}\nset_cmd_units -time ns\nread_verilog {verilog}\nlink_design {top}\n\
         create_clock -name clock -period {period} [get_ports clock]\n\
         set_false_path -from [get_ports reset]\n\
         report_checks -path_delay max -format full\nexit\n"
    );
    let (file, report) = (format!("{top}.sta.tcl"), format!("{top}.timing.txt"));
    flow.write(&file, &script)?;
    let sta = flow.tool("sta", "-version")?;
    let mut shell = std::process::Command::new("sh");
    shell.current_dir(flow.folder()).args(["-c", "\"$0\" -exit -no_splash \"$1\" > \"$2\" 2>&1"]);
    shell.arg(sta.get_program()).args([&file, &report]);
    flow.step(&format!("timing of {top}"), shell, &[&file, verilog, liberty], &[&report], |_| {
        None
    })?;
    parse(&flow.read(&report)?, period)
}

fn parse(report: &str, period: f64) -> Result<Timing> {
    let slack = report.lines().find_map(|line| {
        line.trim().strip_prefix("slack").or_else(|| {
            let line = line.trim();
            line.contains("slack").then(|| line.split_whitespace().next().unwrap_or_default())
        })
    });
    let slack = slack
        .and_then(|text| text.split_whitespace().find_map(|word| word.parse::<f64>().ok()))
        .with_context(|| format!("OpenSTA found no path:\n{report}"))?;
    let end = |mark: &str| {
        let line = report.lines().find(|line| line.starts_with(mark))?;
        Some(line[mark.len()..].split_whitespace().next()?.to_owned())
    };
    let path = ["Startpoint: ", "Endpoint: "].into_iter().filter_map(end).collect();
    Ok(Timing { fmax_mhz: 1e3 / (period - slack), path })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slack_gives_the_clock() {
        let report = "Startpoint: a_q (rising edge-triggered flip-flop clocked by clock)\nEndpoint: b_q (rising)\nPath Type: max\n\n  0.001 data required time\n ---\n  -2.499   slack (VIOLATED)\n";
        let timing = parse(report, 0.001).unwrap();
        assert!((timing.fmax_mhz - 400.0).abs() < 1e-9);
        assert_eq!(timing.path, ["a_q", "b_q"]);
        assert!(parse("nothing", 1.0).is_err());
    }
}
