//! Training and evaluation on a device.

pub mod batch;
pub mod loss;
pub mod machine;
mod once;
pub mod record;
pub mod scale;
pub mod stream;
mod trainer;

pub use once::{epoch_on_emulator, first_batch, first_samples};
pub use record::{BatchRecord, EpochRecord, Observer, Summary, Sums, Totals};
pub use trainer::{Position, RunOptions, TrainError, Trainer, check_dataset};
