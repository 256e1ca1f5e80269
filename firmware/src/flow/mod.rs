//! The open flows: Yosys, nextpnr, packer and loader, with progress, logs and records.

mod blocks;
mod flash;
mod image;
mod pack;
mod place;
mod resources;
mod run;
mod simulation;
mod synth;

pub use blocks::{BLOCKS, Block, BlockReport, measure_blocks};
pub use flash::{Flash, flash};
pub use image::{Image, build_image};
pub use pack::bitstream_part;
pub use place::{Placement, Usage};
pub use resources::Resources;
pub use run::Flow;
pub use simulation::simulation_text;
pub use synth::{Family, Netlist, synthesise};
