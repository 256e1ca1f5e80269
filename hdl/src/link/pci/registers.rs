use crate::prim::{Pipe, Reg, module_name};
use backspike_arch::layout::{PCI_DOORBELLS, PciRegister, control};
use rust_hdl::prelude::*;

/// Registers of the first page, by byte offset / 4.
pub const PAGE_REGISTERS: usize = 32;

/// Where the registers that this module knows by itself are.
const CONTROL: usize = 6;
const CAUSE: usize = 8;
const _: () = {
    assert!(PciRegister::Control as usize == 4 * CONTROL);
    assert!(PciRegister::Cause as usize == 4 * CAUSE);
    assert!(PciRegister::MeshCount as usize == 4 * (PAGE_REGISTERS - 1));
    assert!(PciRegister::ToDeviceDoorbell as usize == PCI_DOORBELLS && PCI_DOORBELLS == 0x1000);
    assert!(PciRegister::ToHostDoorbell as usize == PCI_DOORBELLS + 4);
    assert!(control::enable::OFFSET == 0 && control::loopback::OFFSET == 1);
    assert!(control::reset::OFFSET == 2);
};

/// The registers of BAR0 behind AXI4-Lite, 32 bits at a time: anything else is answered with an error and changes nothing.
///
/// What describes the rings keeps still while they run: writing it is an error then.
#[derive(LogicBlock)]
pub struct PciRegisters {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    // AXI4-Lite. 13 bits address 8 KiB.
    pub awvalid_i: Signal<In, Bit>,
    pub awready_o: Signal<Out, Bit>,
    pub awaddr_i: Signal<In, Bits<13>>,
    pub wvalid_i: Signal<In, Bit>,
    pub wready_o: Signal<Out, Bit>,
    pub wdata_i: Signal<In, Bits<32>>,
    pub wstrb_i: Signal<In, Bits<4>>,
    pub bvalid_o: Signal<Out, Bit>,
    pub bready_i: Signal<In, Bit>,
    pub bresp_o: Signal<Out, Bits<2>>,
    pub arvalid_i: Signal<In, Bit>,
    pub arready_o: Signal<Out, Bit>,
    pub araddr_i: Signal<In, Bits<13>>,
    pub rvalid_o: Signal<Out, Bit>,
    pub rready_i: Signal<In, Bit>,
    pub rdata_o: Signal<Out, Bits<32>>,
    pub rresp_o: Signal<Out, Bits<2>>,
    /// Values of the registers that the host does not write, 0 for the others.
    pub value_i: Vec<Signal<In, Bits<32>>>,
    /// Values of the registers that it writes, 0 for the others.
    pub word_o: Vec<Signal<Out, Bits<32>>>,
    pub offered_o: Vec<Signal<Out, Bits<16>>>,
    /// The host asks for a reset; one goes on; it ends, and what the host wrote is gone.
    pub reset_o: Signal<Out, Bit>,
    pub resetting_i: Signal<In, Bit>,
    pub clear_i: Signal<In, Bit>,
    /// What happened, one cycle each, and interrupt lines that stay until they are acknowledged.
    pub event_i: Signal<In, Bits<3>>,
    pub irq_o: Signal<Out, Bits<3>>,
    pub irq_ack_i: Signal<In, Bits<3>>,

    word: Vec<Reg<Bits<32>>>,
    offered: Vec<Reg<Bits<16>>>,
    cause: Reg<Bits<3>>,
    irq: Reg<Bits<3>>,
    answering: Reg<Bit>,
    refused: Pipe<Bit>,
    reading: Reg<Bit>,
    read: Pipe<Bits<32>>,
    unknown: Pipe<Bit>,
    write: Signal<Local, Bit>,
    page: Signal<Local, Bit>,
    bell: Signal<Local, Bit>,
    index: Signal<Local, Bits<6>>,
    read_index: Signal<Local, Bits<6>>,
    here: Signal<Local, Bits<6>>,
    data: Signal<Local, Bits<32>>,
    good: Signal<Local, Bit>,
    known: Signal<Local, Bit>,
    cleared: Signal<Local, Bits<3>>,
    may_write: Signal<Local, Bits<32>>,
    is_locked: Signal<Local, Bits<32>>,
    writable: Constant<Bits<32>>,
    locked: Constant<Bits<32>>,
    control: Constant<Bits<6>>,
    cause_index: Constant<Bits<6>>,
    mask_index: Constant<Bits<6>>,
    _registers: usize,
}

/// One bit per register of the first page for which `choice` holds.
fn set(choice: impl Fn(PciRegister) -> bool) -> Constant<Bits<32>> {
    let page = PciRegister::ALL.iter().filter(|register| register.offset() < 0x1000);
    let bits = page.filter(|register| choice(**register));
    let mask = bits.fold(0_u64, |mask, register| mask | 1 << (register.offset() / 4));
    Constant::new(mask.into())
}

impl Default for PciRegisters {
    fn default() -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            awvalid_i: Default::default(),
            awready_o: Default::default(),
            awaddr_i: Default::default(),
            wvalid_i: Default::default(),
            wready_o: Default::default(),
            wdata_i: Default::default(),
            wstrb_i: Default::default(),
            bvalid_o: Default::default(),
            bready_i: Default::default(),
            bresp_o: Default::default(),
            arvalid_i: Default::default(),
            arready_o: Default::default(),
            araddr_i: Default::default(),
            rvalid_o: Default::default(),
            rready_i: Default::default(),
            rdata_o: Default::default(),
            rresp_o: Default::default(),
            value_i: (0..PAGE_REGISTERS).map(|_| Default::default()).collect(),
            word_o: (0..PAGE_REGISTERS).map(|_| Default::default()).collect(),
            offered_o: (0..2).map(|_| Default::default()).collect(),
            reset_o: Default::default(),
            resetting_i: Default::default(),
            clear_i: Default::default(),
            event_i: Default::default(),
            irq_o: Default::default(),
            irq_ack_i: Default::default(),
            word: (0..PAGE_REGISTERS).map(|_| Default::default()).collect(),
            offered: (0..2).map(|_| Default::default()).collect(),
            cause: Default::default(),
            irq: Default::default(),
            answering: Default::default(),
            refused: Default::default(),
            reading: Default::default(),
            read: Default::default(),
            unknown: Default::default(),
            write: Default::default(),
            page: Default::default(),
            bell: Default::default(),
            index: Default::default(),
            read_index: Default::default(),
            here: Default::default(),
            data: Default::default(),
            good: Default::default(),
            known: Default::default(),
            cleared: Default::default(),
            may_write: Default::default(),
            is_locked: Default::default(),
            writable: set(|register| register.access().starts_with("write")),
            locked: set(PciRegister::describes_ring),
            control: Constant::new((CONTROL as u64).into()),
            cause_index: Constant::new((CAUSE as u64).into()),
            mask_index: Constant::new((PciRegister::Mask as u64 / 4).into()),
            _registers: PAGE_REGISTERS,
        }
    }
}

impl Logic for PciRegisters {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, cause, irq, answering, refused, reading, read, unknown);
        // Address and data are taken together, one write at a time.
        self.write.next = self.awvalid_i.val() & self.wvalid_i.val() & !self.answering.q.val();
        self.awready_o.next = self.write.val();
        self.wready_o.next = self.write.val();
        self.page.next = !self.awaddr_i.val().get_bits::<5>(8).any();
        self.bell.next = self.awaddr_i.val().get_bits::<10>(3) == bits::<10>(0x200);
        self.index.next = self.awaddr_i.val().get_bits::<6>(2);
        self.may_write.next = self.writable.val() >> self.index.val();
        self.is_locked.next = self.locked.val() >> self.index.val();
        self.known.next = self.bell.val();
        if self.page.val() & self.may_write.val().get_bit(0) {
            self.known.next = !self.index.val().get_bit(5)
                & (!self.word[6].q.val().get_bit(0) | !self.is_locked.val().get_bit(0));
        }
        self.good.next = self.write.val()
            & self.known.val()
            & (self.wstrb_i.val() == bits::<4>(15))
            & !self.awaddr_i.val().get_bits::<2>(0).any()
            & !self.resetting_i.val();
        if self.bready_i.val() {
            self.answering.d.next = false;
        }
        if self.write.val() {
            self.answering.d.next = true;
            self.refused.d.next = !self.good.val();
        }
        self.bvalid_o.next = self.answering.q.val();
        self.bresp_o.next = bits::<2>(0);
        if self.refused.q.val() {
            self.bresp_o.next = bits::<2>(2);
        }

        self.data.next = self.wdata_i.val();
        self.reset_o.next = false;
        if self.index.val() == self.control.val() {
            self.data.next = self.wdata_i.val() & bits::<32>(3);
            self.reset_o.next = self.good.val() & self.page.val() & self.wdata_i.val().get_bit(2);
        }
        if self.index.val() == self.mask_index.val() {
            self.data.next = self.wdata_i.val() & bits::<32>(7);
        }
        self.cleared.next = bits::<3>(0);
        if self.good.val() & self.page.val() & (self.index.val() == self.cause_index.val()) {
            self.cleared.next = self.wdata_i.val().get_bits::<3>(0);
        }
        self.cause.d.next = (self.cause.q.val() & !self.cleared.val()) | self.event_i.val();
        self.irq.d.next = (self.irq.q.val() & !self.irq_ack_i.val())
            | (self.event_i.val() & self.word[9].q.val().get_bits::<3>(0));
        self.irq_o.next = self.irq.q.val();

        self.arready_o.next = !self.reading.q.val();
        self.read_index.next = self.araddr_i.val().get_bits::<6>(2);
        if self.rready_i.val() {
            self.reading.d.next = false;
        }
        if self.arvalid_i.val() & !self.reading.q.val() {
            self.reading.d.next = true;
            self.read.d.next = bits::<32>(0);
            self.unknown.d.next = true;
            if self.araddr_i.val().get_bits::<10>(3) == bits::<10>(0x200) {
                self.unknown.d.next = false;
                self.read.d.next = bit_cast::<32, 16>(self.offered[0].q.val());
                if self.araddr_i.val().get_bit(2) {
                    self.read.d.next = bit_cast::<32, 16>(self.offered[1].q.val());
                }
            }
        }
        for i in 0..self._registers {
            self.here.next = i.to_bits();
            self.word[i].clock.next = self.clock.val();
            self.word[i].d.next = self.word[i].q.val();
            self.word_o[i].next = self.word[i].q.val();
            if self.good.val()
                & self.page.val()
                & (self.index.val() == self.here.val())
                & (self.here.val() != self.cause_index.val())
            {
                self.word[i].d.next = self.data.val();
            }
            if self.clear_i.val() {
                self.word[i].d.next = bits::<32>(0);
            }
            if self.arvalid_i.val()
                & !self.reading.q.val()
                & !self.araddr_i.val().get_bits::<5>(8).any()
                & (self.read_index.val() == self.here.val())
            {
                self.unknown.d.next = false;
                self.read.d.next = self.value_i[i].val() | self.word[i].q.val();
                if self.here.val() == self.cause_index.val() {
                    self.read.d.next = bit_cast::<32, 3>(self.cause.q.val());
                }
            }
        }
        for i in 0..2 {
            self.offered[i].clock.next = self.clock.val();
            self.offered[i].d.next = self.offered[i].q.val();
            self.offered_o[i].next = self.offered[i].q.val();
        }
        if self.good.val() & self.bell.val() & !self.awaddr_i.val().get_bit(2) {
            self.offered[0].d.next = self.wdata_i.val().get_bits::<16>(0);
        }
        if self.good.val() & self.bell.val() & self.awaddr_i.val().get_bit(2) {
            self.offered[1].d.next = self.wdata_i.val().get_bits::<16>(0);
        }
        if self.clear_i.val() {
            self.offered[0].d.next = bits::<16>(0);
            self.offered[1].d.next = bits::<16>(0);
            self.cause.d.next = bits::<3>(0);
            self.irq.d.next = bits::<3>(0);
        }
        self.rvalid_o.next = self.reading.q.val();
        self.rdata_o.next = self.read.q.val();
        self.rresp_o.next = bits::<2>(0);
        if self.unknown.q.val() {
            self.rresp_o.next = bits::<2>(2);
        }
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("pci_registers", &[])
    }
}
