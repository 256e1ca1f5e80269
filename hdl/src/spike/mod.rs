//! From plane words to events: the reader walks a population's plane words, the walker finds the
//! inputs that have something to do. FP and WG take one with all its steps in a cycle; for BP the expander
//! turns each into its events, all at once or one a cycle.

mod expander;
mod fifo;
mod pick;
mod reader;
mod stage;
mod tile_loop;
mod trace_reader;
mod trace_walker;
mod walker;

pub use expander::Expander;
pub use fifo::Fifo;
pub use pick::GroupPick;
pub use reader::PlaneReader;
pub use stage::VisitStage;
pub use tile_loop::TileLoop;
pub use trace_reader::TraceReader;
pub use trace_walker::TraceWalker;
pub use walker::Walker;
