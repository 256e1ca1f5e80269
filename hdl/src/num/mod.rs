//! Number formats in hardware: binary16 to fixed point, fixed point to binary16, the coordinate hash.
//!
//! Every module ends in registers, or begins with them ([`AlignError`]), so that parents never see a combinational path through a
//! child. While `enable_i` is low they hold, so that no clock need reach them; latencies count the cycles in which it is high.

mod align;
mod mix;
mod normalize;
mod round;

pub use align::{ALIGN_LATENCY, AlignError, AlignFull, AlignWeight};
pub use mix::{MIX_LATENCY, Mix};
pub use normalize::Normalize;
pub use round::RoundEven;
