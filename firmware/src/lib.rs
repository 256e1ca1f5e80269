//! Board images: from the configuration of a core to a bitstream, and to a board.

mod board;
mod card;
pub mod flow;
mod pll;
mod top;

pub use board::{BOARDS, Board, Ecp5};
pub use card::{CARDS, Capacity, Card, Estimate, build_project, estimate, write_project};
pub use pll::Ecp5Pll;
pub use top::{SIMULATION_PLL, board_design};
