//! Board images: from the configuration of a core to a bitstream, and to a board.

mod board;
pub mod flow;
mod pll;
mod top;

pub use board::{BOARDS, Board, Ecp5};
pub use pll::Ecp5Pll;
pub use top::{SIMULATION_PLL, board_design};
