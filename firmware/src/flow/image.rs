//! A board image: Verilog, synthesis, place and route, bitstream, record.

use super::place::{Goal, place};
use super::{Family, Flow, Placement, Resources, pack, synthesise};
use crate::{Board, board_design};
use anyhow::{Result, ensure};
use backspike_arch::ArchConfig;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// A finished image, and its record (`image.json`).
#[derive(Clone, Debug, Serialize)]
pub struct Image {
    pub board: &'static str,
    pub part: &'static str,
    pub config: ArchConfig,
    pub config_hash: String,
    pub clock_mhz: usize,
    pub seed: u64,
    pub synthesis: Resources,
    pub placement: Placement,
    pub bitstream: PathBuf,
    /// BLAKE3 of the bitstream.
    pub bitstream_hash: String,
    pub tools: BTreeMap<String, String>,
    pub seconds: f64,
}

/// Builds the image of `config` for `board` in `folder`, placed with `seed`: Verilog, netlist, logs, `core.toml` for the host, `<top>.bit` and the record
/// `image.json`. What is there already and still true is not built again.
///
/// # Errors
///
/// When a tool fails, when the core does not fit, and when it misses its clock; then there is no bitstream.
pub fn build_image(
    board: &'static Board,
    config: &ArchConfig,
    seed: u64,
    folder: &Path,
    progress: &mut dyn FnMut(&str),
) -> Result<Image> {
    let start = Instant::now();
    let mut flow = Flow::new(folder, progress)?;
    let top = board.module();
    let source = format!("{top}.v");
    flow.say("writing Verilog");
    flow.write(&source, &board_design(board, config)?.to_single_file())?;
    flow.write("core.toml", &config.to_toml())?;
    let pins = format!("{}.lpf", board.name);
    flow.write(&pins, board.constraints)?;
    let netlist = synthesise(&mut flow, Family::Ecp5, &[&source], &top)?;
    let goal =
        Goal { part: &board.part, clock_mhz: config.clock_mhz, seed, constraints: Some(&pins) };
    let placement = place(&mut flow, &top, &netlist.json, goal)?;
    ensure!(
        placement.fmax_mhz >= config.clock_mhz as f64,
        "The core reaches {:.1} MHz on {}, not the {} MHz of its configuration; the slowest path goes from {}. Try another --seed, or lower clock_mhz in the configuration.",
        placement.fmax_mhz,
        board.title,
        config.clock_mhz,
        placement.critical_path.join(" to ")
    );
    let packed = pack::pack(&mut flow, &top, &placement)?;
    let bitstream = flow.folder().join(packed);
    let bytes = std::fs::read(&bitstream)?;
    pack::check_part(&bytes, board.part.idcode, board.part.name)?;
    let image = Image {
        board: board.name,
        part: board.part.name,
        config: config.clone(),
        config_hash: format!("{:016x}", config.config_hash()),
        clock_mhz: config.clock_mhz,
        seed,
        synthesis: netlist.resources,
        placement,
        bitstream,
        bitstream_hash: blake3::hash(&bytes).to_hex().to_string(),
        tools: flow.tools().clone(),
        seconds: start.elapsed().as_secs_f64(),
    };
    flow.write("image.json", &serde_json::to_string_pretty(&image)?)?;
    Ok(image)
}
