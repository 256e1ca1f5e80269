//! What starts the engines and keeps them apart: queues, tokens, descriptor tables, and the state
//! machines of FP, BP, WG and PUSH.

mod backward;
mod delay;
mod forward;
mod front;
mod gradient;
mod layout;
mod queue;
mod sequencer;
mod steps;
mod table;
mod tokens;
mod update;

pub use backward::BackwardEngine;
pub use delay::Delay;
pub use forward::ForwardEngine;
pub use front::EngineFront;
pub use gradient::GradientEngine;
pub use queue::InstructionQueue;
pub use sequencer::Sequencer;
pub use steps::Steps;
pub use table::DescriptorTable;
pub use tokens::Tokens;
pub use update::UpdateEngine;
