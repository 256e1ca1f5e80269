//! Registers.

use super::name::{Primitive, primitive};
use rust_hdl::prelude::*;

/// Key of the parameter that holds the reset value as a sized hexadecimal literal.
pub(crate) const RESET_VALUE: &str = "reset";

macro_rules! register {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, LogicBlock)]
        pub struct $name<T: Synth> {
            /// Value after the next rising edge.
            pub d: Signal<In, T>,
            /// Present value.
            pub q: Signal<Out, T>,
            /// Clock of the register.
            pub clock: Signal<In, Clock>,
        }

        impl<T: Synth> Default for $name<T> {
            fn default() -> Self {
                Self {
                    d: Signal::default(),
                    q: Signal::default(),
                    clock: Signal::default(),
                }
            }
        }

        impl<T: Synth> Logic for $name<T> {
            fn update(&mut self) {
                if self.clock.pos_edge() {
                    self.q.next = self.d.val();
                }
            }
            fn connect(&mut self) {
                self.q.connect();
            }
            fn timing(&self) -> Vec<TimingInfo> {
                let reset = T::default().verilog();
                primitive(Primitive::$name, vec![format!("{RESET_VALUE}{reset:x}")])
            }
        }
    };
}

register! {
    /// A register that goes to `T::default()` while the `reset` of the enclosing block is high.
    ///
    /// The enclosing block must have `reset: Signal<In, Bit>` (synchronous, active high); the
    /// emitter connects it. The Rust simulation starts in the reset state and does not see `reset`.
    Reg
}

register! {
    /// A register without reset, for data that a valid bit guards.
    ///
    /// In Verilog its content is undefined until first written; the Rust simulation starts at
    /// `T::default()`. Nothing may depend on it before a [`Reg`] says it is valid.
    Pipe
}
