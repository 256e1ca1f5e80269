//! One training core: engines, memories and host port wired together.

mod wiring;

pub use wiring::Core;

use crate::emit::{Design, EmitError, emit};
use backspike_arch::{ArchConfig, ConfigError};
use rust_hdl::prelude::Block;
use thiserror::Error;

/// Name of the top module.
pub const TOP: &str = "backspike_core";

/// Why no core can be written.
#[derive(Debug, Error)]
pub enum CoreError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Emit(#[from] EmitError),
}

/// The Verilog of the core with configuration `arch`; its top module is [`TOP`].
///
/// Ports: `clock`, `reset` (synchronous, active high); `host_{valid_i,ready_o,addr_i,data_i}`;
/// `push_{valid_o,ready_i,addr_o,data_o,last_o}`. A word moves when valid and ready are both high at a
/// rising edge; both channels carry 32 bits of data beside a 32-bit address.
pub fn core_design(arch: &ArchConfig) -> Result<Design, CoreError> {
    arch.validate()?;
    Ok(match arch.lanes {
        4 => write::<16>(arch),
        8 => write::<32>(arch),
        16 => write::<64>(arch),
        _ => write::<128>(arch),
    }?)
}

fn write<const P: usize>(arch: &ArchConfig) -> Result<Design, EmitError> {
    let mut core = Core::<P>::new(arch);
    core.connect_all();
    emit(&core)
}
