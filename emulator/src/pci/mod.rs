//! The PCI function in software: what the host sees is what it sees of the hardware, without a clock.

mod carried;
mod function;
mod registers;
mod scatter;
mod stream;

pub use function::EmulatedFunction;
