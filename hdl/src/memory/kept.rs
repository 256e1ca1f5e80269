use crate::prim::{Pipe, Reg, module_name};
use rust_hdl::prelude::*;

/// Keeps the word that a memory's owner has read at the memory's output while another reads, for as long as the owner needs it. Both may
/// read in any cycle in which the other does not; a cycle later the memory's output has the word of who read last.
#[derive(LogicBlock, Default)]
pub struct KeptWord<const W: usize> {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    /// The owner reads.
    pub read_i: Signal<In, Bit>,
    /// Another reads.
    pub other_i: Signal<In, Bit>,
    /// The memory's output.
    pub data_i: Signal<In, Bits<W>>,
    /// The word that the owner read last.
    pub word_o: Signal<Out, Bits<W>>,

    kept: Reg<Bit>,
    word: Pipe<Bits<W>>,
}

impl<const W: usize> Logic for KeptWord<W> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, kept, word);
        self.word_o.next = self.data_i.val();
        if self.kept.q.val() {
            self.word_o.next = self.word.q.val();
        }
        if self.other_i.val() {
            self.kept.d.next = true;
            self.word.d.next = self.word_o.val();
        }
        if self.read_i.val() {
            self.kept.d.next = false;
        }
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("kept_word", &[("w", W)])
    }
}
