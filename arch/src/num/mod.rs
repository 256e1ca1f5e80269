//! The arithmetic of the machine as pure functions: no memory, no clock, no state.
//!
//! Emulator, compiler and tests use these functions; the RTL is tested against them bit for bit. They follow the section
//! "Numbers" of `docs/architecture/machine.md`, whose names they carry.
//!
//! | file | what |
//! |---|---|
//! | [`f16`](F16) | IEEE binary16 as a bit pattern, exact conversions |
//! | [`fixed`](Fixed) | fixed-point types whose LSB is part of the type, saturation |
//! | `align` | binary16 to fixed point, the BP product, the gradient increment |
//! | `neuron` | one forward step of a neuron, surrogate code |
//! | `backward` | one backward step of a neuron |
//! | `optimizer` | one weight update: SGD, Lion, stochastic rounding |
//! | `hash` | the coordinate hash behind the stochastic rounding |

mod align;
mod backward;
mod f16;
mod fixed;
mod hash;
mod neuron;
mod optimizer;

pub use align::{
    accumulate_gradient, align_error, align_full, align_weight, error_sum, gradient_increment,
    product, product_q30,
};
pub use backward::{BackwardParams, BackwardStep, backward_step, error_from_v};
pub use f16::{F16, f16_from_fixed_rne, f16_from_fixed_sat};
pub use fixed::{Fixed, Gradient, Q24, Q30, Q36, Sum24, floor_shift, sat32, sat40};
pub use hash::{coordinate_hash, mix, update_key};
pub use neuron::{NeuronParams, NeuronStep, Reset, leak, neuron_step, surrogate_code};
pub use optimizer::{
    Optimizer, OptimizerParams, UpdateShifts, clamp_weight, optimizer_step, stochastic,
};
