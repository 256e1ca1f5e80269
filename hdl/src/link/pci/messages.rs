use crate::core::CoreError;
use crate::emit::{Design, emit};
use crate::prim::{Pipe, Reg, module_name};
use rust_hdl::prelude::*;

/// The Verilog of an [`InterruptMessages`].
///
/// # Errors
///
/// When the emitter refuses it.
pub fn messages_design() -> Result<Design, CoreError> {
    let mut messages = InterruptMessages::default();
    messages.connect_all();
    Ok(emit(&messages)?)
}

/// The function's interrupt lines to a bridge that sends messages: one request at a time, the lowest line first.
///
/// Bridges of the 7 series take a pulse beside the number of the message, those of UltraScale+ a line for each message, held until its
/// acknowledge. Several lines at once may get one acknowledge together (PG195, "User Interrupt in MSI-X Mode"), so there is never more than one.
/// Lines wait while the host has not enabled messages.
#[derive(LogicBlock, Default)]
pub struct InterruptMessages {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    /// Lines and acknowledges of `PciDevice`.
    pub irq_i: Signal<In, Bits<3>>,
    pub irq_ack_o: Signal<Out, Bits<3>>,
    /// The host has enabled messages.
    pub enabled_i: Signal<In, Bit>,
    /// High in the first cycle of a request.
    pub request_o: Signal<Out, Bit>,
    /// Which line, from request to grant.
    pub vector_o: Signal<Out, Bits<5>>,
    /// The same as one bit of three, high from request to grant.
    pub line_o: Signal<Out, Bits<3>>,
    /// The message has been sent.
    pub granted_i: Signal<In, Bit>,
    waiting: Reg<Bit>,
    request: Reg<Bit>,
    line: Pipe<Bits<3>>,
}

impl Logic for InterruptMessages {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, waiting, request, line);
        self.request.d.next = false;
        self.irq_ack_o.next = bits::<3>(0);
        // A line that was acknowledged in the last cycle is low by now.
        if !self.waiting.q.val() & self.irq_i.val().any() & self.enabled_i.val() {
            self.waiting.d.next = true;
            self.request.d.next = true;
            self.line.d.next = bits::<3>(4);
            if self.irq_i.val().get_bit(1) {
                self.line.d.next = bits::<3>(2);
            }
            if self.irq_i.val().get_bit(0) {
                self.line.d.next = bits::<3>(1);
            }
        }
        // A grant can come in the cycle of the request.
        if self.waiting.q.val() & self.granted_i.val() & self.enabled_i.val() {
            self.waiting.d.next = false;
            self.irq_ack_o.next = self.line.q.val();
        }
        // The host turned messages off: nobody will grant.
        if !self.enabled_i.val() {
            self.waiting.d.next = false;
        }
        self.request_o.next = self.request.q.val() & self.enabled_i.val();
        self.line_o.next = bits::<3>(0);
        if self.waiting.q.val() & self.enabled_i.val() {
            self.line_o.next = self.line.q.val();
        }
        // 1, 2 and 4 to 0, 1 and 2.
        self.vector_o.next = bit_cast::<5, 2>(self.line.q.val().get_bits::<2>(1));
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("interrupt_messages", &[])
    }
}
