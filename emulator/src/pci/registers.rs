//! The registers of BAR0.

use backspike_arch::layout::{
    ControlWord, Interrupts, LinkStatus, PackedWord, PciRegister, Ring, TransferOutcome,
};
use backspike_arch::{ArchConfig, LayoutError, MeshConfig};

/// Registers of the first page.
const PAGE: usize = PciRegister::MeshCount as usize / 4 + 1;

/// What a host wrote, and what it can read.
#[derive(Default)]
pub struct Registers {
    /// By offset / 4: what was written, and the counters.
    words: [u32; PAGE],
    offered: [u16; 2],
    /// Descriptors completed.
    pub completed: [u16; 2],
    why: [TransferOutcome; 2],
    cause: u32,
    /// Interrupts that were not yet sent.
    pending: u32,
}

impl Registers {
    /// The register at `offset`; `busy`: a descriptor is on its way.
    pub fn read(
        &self,
        offset: u32,
        busy: bool,
        config: &ArchConfig,
        mesh: Option<&MeshConfig>,
    ) -> Option<u32> {
        let register = PciRegister::at(offset)?;
        Some(match register {
            PciRegister::Outstanding => config.outstanding as u32,
            PciRegister::Status => {
                let [to_device, to_host] = self.why.map(TransferOutcome::code);
                let status = LinkStatus { to_device, to_host, busy };
                // Codes of outcomes fit their fields.
                status.encode().unwrap_or(0)
            }
            PciRegister::Cause => self.cause,
            PciRegister::ToDeviceCompleted => self.completed[0].into(),
            PciRegister::ToHostCompleted => self.completed[1].into(),
            PciRegister::ToDeviceDoorbell => self.offered[0].into(),
            PciRegister::ToHostDoorbell => self.offered[1].into(),
            _ => register.identity(config, mesh).unwrap_or_else(|| self.word(register)),
        })
    }

    pub fn word(&self, register: PciRegister) -> u32 {
        self.words[register.offset() as usize / 4]
    }

    /// Writes a register other than a reset; `false` when it is not taken.
    pub fn write(&mut self, register: PciRegister, value: u32) -> Result<bool, LayoutError> {
        let fixed = register.describes_ring() && self.control()?.enable;
        if !register.access().starts_with("write") || fixed {
            return Ok(false);
        }
        match register {
            PciRegister::Cause => self.cause &= !value,
            PciRegister::ToDeviceDoorbell => self.offered[0] = value as u16,
            PciRegister::ToHostDoorbell => self.offered[1] = value as u16,
            _ => {
                let mask = match register {
                    PciRegister::Control => 3,
                    PciRegister::Mask => 7,
                    _ => u32::MAX,
                };
                self.words[register.offset() as usize / 4] = value & mask;
            }
        }
        Ok(true)
    }

    pub fn control(&self) -> Result<ControlWord, LayoutError> {
        ControlWord::decode(self.word(PciRegister::Control))
    }

    /// The ring goes on.
    pub fn runs(&self, ring: Ring) -> bool {
        self.control().is_ok_and(|control| control.enable)
            && self.why[ring as usize] == TransferOutcome::None
    }

    /// The ring stops; the first reason stays.
    pub fn stop(&mut self, ring: Ring, why: TransferOutcome) {
        let stopped = &mut self.why[ring as usize];
        if *stopped == TransferOutcome::None {
            *stopped = why;
            self.raise(Interrupts { error: true, ..Interrupts::default() });
        }
    }

    /// Something that the host may want to be told.
    pub fn raise(&mut self, interrupts: Interrupts) {
        // Three flags always fit.
        let bits = interrupts.encode().unwrap_or(0);
        self.cause |= bits;
        self.pending |= bits & self.word(PciRegister::Mask);
    }

    /// Interrupts to send.
    pub fn take_pending(&mut self) -> u32 {
        std::mem::take(&mut self.pending)
    }

    pub fn size(&self, ring: Ring) -> u16 {
        self.word(PciRegister::ToDeviceSize.of(ring)) as u16
    }

    fn address(&self, low: PciRegister, high: PciRegister, ring: Ring) -> u64 {
        u64::from(self.word(low.of(ring))) | u64::from(self.word(high.of(ring))) << 32
    }

    /// Where the descriptors of a ring are.
    pub fn base(&self, ring: Ring) -> u64 {
        self.address(PciRegister::ToDeviceBaseLow, PciRegister::ToDeviceBaseHigh, ring)
    }

    /// Where its completion records go.
    pub fn records(&self, ring: Ring) -> u64 {
        self.address(PciRegister::ToDeviceDoneLow, PciRegister::ToDeviceDoneHigh, ring)
    }

    pub fn offered(&self, ring: Ring) -> u16 {
        self.offered[ring as usize]
    }

    pub fn count(&mut self, register: PciRegister, amount: usize) {
        let word = &mut self.words[register.offset() as usize / 4];
        *word = word.wrapping_add(amount as u32);
    }
}
