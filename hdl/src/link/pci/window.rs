use crate::core::CoreError;
use crate::emit::{Design, emit};
use crate::prim::{Pipe, Reg, module_name};
use rust_hdl::prelude::*;

/// The Verilog of a [`RegisterWindow`].
///
/// # Errors
///
/// When the emitter refuses it.
pub fn window_design() -> Result<Design, CoreError> {
    let mut window = RegisterWindow::default();
    window.connect_all();
    Ok(emit(&window)?)
}

/// BAR0 as bridges of 64 bits see it: an AXI4 slave before the registers' AXI4-Lite of 32 bits.
///
/// Takes any increasing burst, one at a time, and passes on each word that a beat writes (a strobe on any of its bytes) or reads: both words
/// of a beat that is read whole, else the one addressed. A burst of writes fails when one of its words does, a beat that is read when all
/// of its words do; so a bridge that always reads whole beats gets a register whose neighbour does not exist.
#[derive(LogicBlock, Default)]
pub struct RegisterWindow {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    // AXI4, slave.
    pub s_axi_awvalid: Signal<In, Bit>,
    pub s_axi_awready: Signal<Out, Bit>,
    pub s_axi_awid: Signal<In, Bits<4>>,
    pub s_axi_awaddr: Signal<In, Bits<13>>,
    pub s_axi_wvalid: Signal<In, Bit>,
    pub s_axi_wready: Signal<Out, Bit>,
    pub s_axi_wdata: Signal<In, Bits<64>>,
    pub s_axi_wstrb: Signal<In, Bits<8>>,
    pub s_axi_wlast: Signal<In, Bit>,
    pub s_axi_bvalid: Signal<Out, Bit>,
    pub s_axi_bready: Signal<In, Bit>,
    pub s_axi_bid: Signal<Out, Bits<4>>,
    pub s_axi_bresp: Signal<Out, Bits<2>>,
    pub s_axi_arvalid: Signal<In, Bit>,
    pub s_axi_arready: Signal<Out, Bit>,
    pub s_axi_arid: Signal<In, Bits<4>>,
    pub s_axi_araddr: Signal<In, Bits<13>>,
    pub s_axi_arlen: Signal<In, Bits<8>>,
    pub s_axi_arsize: Signal<In, Bits<3>>,
    pub s_axi_rvalid: Signal<Out, Bit>,
    pub s_axi_rready: Signal<In, Bit>,
    pub s_axi_rid: Signal<Out, Bits<4>>,
    pub s_axi_rdata: Signal<Out, Bits<64>>,
    pub s_axi_rresp: Signal<Out, Bits<2>>,
    pub s_axi_rlast: Signal<Out, Bit>,
    // AXI4-Lite, master: as `PciPort` has it.
    pub m_axi_awvalid: Signal<Out, Bit>,
    pub m_axi_awready: Signal<In, Bit>,
    pub m_axi_awaddr: Signal<Out, Bits<13>>,
    pub m_axi_wvalid: Signal<Out, Bit>,
    pub m_axi_wready: Signal<In, Bit>,
    pub m_axi_wdata: Signal<Out, Bits<32>>,
    pub m_axi_wstrb: Signal<Out, Bits<4>>,
    pub m_axi_bvalid: Signal<In, Bit>,
    pub m_axi_bready: Signal<Out, Bit>,
    pub m_axi_bresp: Signal<In, Bits<2>>,
    pub m_axi_arvalid: Signal<Out, Bit>,
    pub m_axi_arready: Signal<In, Bit>,
    pub m_axi_araddr: Signal<Out, Bits<13>>,
    pub m_axi_rvalid: Signal<In, Bit>,
    pub m_axi_rready: Signal<Out, Bit>,
    pub m_axi_rdata: Signal<In, Bits<32>>,
    pub m_axi_rresp: Signal<In, Bits<2>>,

    writing: Reg<Bit>,
    reading: Reg<Bit>,
    /// The high word of the beat is next.
    high: Pipe<Bit>,
    /// Of the word at hand: address taken, data taken.
    addressed: Reg<Bit>,
    sent: Reg<Bit>,
    /// All words of the burst, or of the beat that is read, are done.
    done: Reg<Bit>,
    id: Pipe<Bits<4>>,
    /// Of the beat, in 8 bytes.
    beat: Pipe<Bits<10>>,
    left: Pipe<Bits<8>>,
    /// A write failed; a read of this beat succeeded.
    failed: Pipe<Bit>,
    known: Pipe<Bit>,
    /// The beat is read whole.
    whole: Pipe<Bit>,
    low_data: Pipe<Bits<32>>,
    high_data: Pipe<Bits<32>>,
    strobes: Signal<Local, Bits<4>>,
    at: Signal<Local, Bits<13>>,
    wanted: Signal<Local, Bit>,
    finished: Signal<Local, Bit>,
    good: Signal<Local, Bit>,
}

impl Logic for RegisterWindow {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self, clock, writing, reading, high, addressed, sent, done, id, beat, left, failed,
            known, whole, low_data, high_data
        );
        self.at.next = bit_cast::<13, 10>(self.beat.q.val()) << bits::<2>(3);
        if self.high.q.val() {
            self.at.next = (bit_cast::<13, 10>(self.beat.q.val()) << bits::<2>(3)) | bits::<13>(4);
        }
        self.m_axi_awaddr.next = self.at.val();
        self.m_axi_araddr.next = self.at.val();

        // A burst begins: writes first.
        self.s_axi_awready.next = !self.writing.q.val() & !self.reading.q.val();
        self.s_axi_arready.next =
            !self.writing.q.val() & !self.reading.q.val() & !self.s_axi_awvalid.val();
        if !self.writing.q.val() & !self.reading.q.val() {
            self.done.d.next = false;
            self.failed.d.next = false;
            self.known.d.next = false;
            self.addressed.d.next = false;
            self.sent.d.next = false;
            self.low_data.d.next = bits::<32>(0);
            self.high_data.d.next = bits::<32>(0);
            if self.s_axi_awvalid.val() {
                self.writing.d.next = true;
                self.high.d.next = false;
                self.id.d.next = self.s_axi_awid.val();
                self.beat.d.next = self.s_axi_awaddr.val().get_bits::<10>(3);
            } else if self.s_axi_arvalid.val() {
                self.reading.d.next = true;
                self.id.d.next = self.s_axi_arid.val();
                self.beat.d.next = self.s_axi_araddr.val().get_bits::<10>(3);
                self.left.d.next = self.s_axi_arlen.val();
                self.whole.d.next = self.s_axi_arsize.val() == bits::<3>(3);
                // Of a narrower beat, the word that is addressed.
                self.high.d.next =
                    (self.s_axi_arsize.val() != bits::<3>(3)) & self.s_axi_araddr.val().get_bit(2);
            }
        }

        // Write: the words of the beat that have strobes, then the beat is taken.
        self.strobes.next = self.s_axi_wstrb.val().get_bits::<4>(0);
        self.m_axi_wdata.next = self.s_axi_wdata.val().get_bits::<32>(0);
        if self.high.q.val() {
            self.strobes.next = self.s_axi_wstrb.val().get_bits::<4>(4);
            self.m_axi_wdata.next = self.s_axi_wdata.val().get_bits::<32>(32);
        }
        self.m_axi_wstrb.next = self.strobes.val();
        self.wanted.next = self.writing.q.val()
            & !self.done.q.val()
            & self.s_axi_wvalid.val()
            & self.strobes.val().any();
        self.m_axi_awvalid.next = self.wanted.val() & !self.addressed.q.val();
        self.m_axi_wvalid.next = self.wanted.val() & !self.sent.q.val();
        if self.m_axi_awvalid.val() & self.m_axi_awready.val() {
            self.addressed.d.next = true;
        }
        if self.m_axi_wvalid.val() & self.m_axi_wready.val() {
            self.sent.d.next = true;
        }
        self.m_axi_bready.next = self.writing.q.val() & self.addressed.q.val() & self.sent.q.val();
        self.finished.next = self.writing.q.val()
            & !self.done.q.val()
            & self.s_axi_wvalid.val()
            & (!self.strobes.val().any() | (self.m_axi_bready.val() & self.m_axi_bvalid.val()));
        self.s_axi_wready.next = self.finished.val() & self.high.q.val();
        if self.finished.val() {
            self.high.d.next = !self.high.q.val();
            self.addressed.d.next = false;
            self.sent.d.next = false;
            if self.strobes.val().any() & self.m_axi_bresp.val().any() {
                self.failed.d.next = true;
            }
            if self.high.q.val() {
                self.beat.d.next = self.beat.q.val() + 1;
                self.done.d.next = self.s_axi_wlast.val();
            }
        }
        self.s_axi_bvalid.next = self.writing.q.val() & self.done.q.val();
        self.s_axi_bid.next = self.id.q.val();
        self.s_axi_bresp.next = bits::<2>(0);
        if self.failed.q.val() {
            self.s_axi_bresp.next = bits::<2>(2);
        }
        if self.s_axi_bvalid.val() & self.s_axi_bready.val() {
            self.writing.d.next = false;
        }

        // Read: one word or both, then the beat is given.
        self.m_axi_arvalid.next =
            self.reading.q.val() & !self.done.q.val() & !self.addressed.q.val();
        if self.m_axi_arvalid.val() & self.m_axi_arready.val() {
            self.addressed.d.next = true;
        }
        self.m_axi_rready.next = self.reading.q.val() & self.addressed.q.val();
        self.good.next = !self.m_axi_rresp.val().any();
        if self.m_axi_rready.val() & self.m_axi_rvalid.val() {
            self.addressed.d.next = false;
            self.known.d.next = self.known.q.val() | self.good.val();
            if self.high.q.val() {
                self.high_data.d.next = self.m_axi_rdata.val();
            } else {
                self.low_data.d.next = self.m_axi_rdata.val();
            }
            if self.whole.q.val() & !self.high.q.val() {
                self.high.d.next = true;
            } else {
                self.done.d.next = true;
            }
        }
        self.s_axi_rvalid.next = self.reading.q.val() & self.done.q.val();
        self.s_axi_rid.next = self.id.q.val();
        self.s_axi_rdata.next = (bit_cast::<64, 32>(self.high_data.q.val()) << bits::<6>(32))
            | bit_cast::<64, 32>(self.low_data.q.val());
        self.s_axi_rlast.next = !self.left.q.val().any();
        self.s_axi_rresp.next = bits::<2>(0);
        if !self.known.q.val() {
            self.s_axi_rresp.next = bits::<2>(2);
        }
        if self.s_axi_rvalid.val() & self.s_axi_rready.val() {
            self.done.d.next = false;
            self.known.d.next = false;
            self.left.d.next = self.left.q.val() - 1;
            if self.s_axi_rlast.val() {
                self.reading.d.next = false;
            }
            // The next beat; words of a narrow burst take turns.
            if self.whole.q.val() | self.high.q.val() {
                self.beat.d.next = self.beat.q.val() + 1;
            }
            self.high.d.next = !self.whole.q.val() & !self.high.q.val();
        }
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("register_window", &[])
    }
}
