//! What the host sees: posted writes in, pushed words out, and the registers.

mod port;
mod push;
mod registers;

pub use port::HostPort;
pub use push::PushEngine;
pub use registers::Registers;
