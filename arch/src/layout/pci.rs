//! What a host sees of the device as a PCI function: the registers of BAR0, descriptors and completion records in its own memory.

use super::PackedWord as _;
use super::field::{code_enum, packed_word};
use super::register::{LAYOUT_VERSION, VERSION};
use crate::config::ArchConfig;
use crate::mesh::MeshConfig;

/// First register of the PCI function: `BKPF` in ASCII.
pub const PCI_MAGIC: u32 = 0x424b_5046;
/// Vendor of the PCI function. It is not assigned to anybody; a product needs one of its own.
pub const PCI_VENDOR: u16 = 0x1e5f;
/// Device of the PCI function.
pub const PCI_DEVICE: u16 = 0x0020;
/// Class of the PCI function: processing accelerator.
pub const PCI_CLASS: u32 = 0x12_0000;
/// Bytes of BAR0: a page of registers and a page of doorbells, which a process may be given alone.
pub const PCI_BAR_BYTES: usize = 0x2000;
/// Where the page of doorbells begins.
pub const PCI_DOORBELLS: usize = 0x1000;
/// Bus address from which the host's driver maps all memory that the function reaches: above 4 GiB, so that a cut address shows.
pub const PCI_DMA_BASE: u64 = 0x1_0000_0000;
/// Most bytes of that memory: what a bridge's window must span.
pub const PCI_DMA_BYTES: u64 = 0x8000_0000;
/// Bytes of a descriptor: address (64 bits, little endian as all), length (32), [`DescriptorFlags`] (32).
pub const DESCRIPTOR_BYTES: usize = 16;
/// Bytes of a completion record: bytes moved (32), [`CompletionWord`] (32).
pub const COMPLETION_BYTES: usize = 8;
/// Longest transfer of a descriptor, bytes.
pub const MAX_TRANSFER: u32 = 1 << 20;
/// Fewest and most entries of a ring; a power of two, so that the counts of 16 bits wrap with it.
pub const RING_ENTRIES: std::ops::RangeInclusive<usize> = 8..=1 << 15;
/// Most completion records that are written together.
pub const MAX_BATCH: u32 = 8;
/// Cycles after which completion records are written although a batch is not full.
pub const BATCH_CYCLES: u32 = 64;
/// Bytes that a burst of the device on the bus moves at most.
pub const BURST_BYTES: usize = 512;

/// One of the two descriptor rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ring {
    /// From host memory to the device.
    ToDevice,
    /// From the device to host memory.
    ToHost,
}

impl Ring {
    /// Both, in the order of their registers and interrupts.
    pub const ALL: [Self; 2] = [Self::ToDevice, Self::ToHost];

    /// Its name in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ToDevice => "to_device",
            Self::ToHost => "to_host",
        }
    }
}

macro_rules! pci_registers {
    ($($variant:ident = $offset:literal, $access:literal, $name:literal, $meaning:literal;)+) => {
        /// A register of the PCI function: its byte offset in BAR0, 32 bits each.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u32)]
        pub enum PciRegister {
            $(#[doc = $meaning] $variant = $offset,)+
        }

        impl PciRegister {
            /// All registers, by offset.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its name in tables and the C header.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// How the host may use it.
            pub const fn access(self) -> &'static str {
                match self {
                    $(Self::$variant => $access,)+
                }
            }

            /// What it holds, a phrase.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => $meaning,)+
                }
            }
        }
    };
}

pci_registers! {
    Magic = 0x00, "read", "magic", "0x424b5046, `BKPF` in ASCII";
    Version = 0x04, "read", "version", "version of the hardware: major [23:16], minor [15:8], patch [7:0]";
    LayoutVersion = 0x08, "read", "layout_version", "version of all layouts of this reference";
    ConfigHashLow = 0x0c, "read", "config_hash_low", "configuration hash of the core, bits 31..0";
    ConfigHashHigh = 0x10, "read", "config_hash_high", "configuration hash of the core, bits 63..32";
    Outstanding = 0x14, "read", "outstanding", "bursts that may be on their way, as many reads and as many writes";
    Control = 0x18, "write", "control", "enable, loop-back, reset";
    Status = 0x1c, "read", "status", "what the engines do, and why they stopped";
    Cause = 0x20, "write 1 to clear", "cause", "interrupts that happened";
    Mask = 0x24, "write", "mask", "interrupts that are sent, one bit each as in cause";
    Batch = 0x28, "write", "batch", "completion records to write together, at most 8, in its low 4 bits; fewer after 64 cycles";
    Scratch = 0x2c, "write", "scratch", "keeps what is written: for trying the way to the device and back";
    ToDeviceBaseLow = 0x30, "write", "to_device_base_low", "bus address of the descriptors to the device, bits 31..0; 4 KiB aligned";
    ToDeviceBaseHigh = 0x34, "write", "to_device_base_high", "the same, bits 63..32";
    ToDeviceDoneLow = 0x38, "write", "to_device_done_low", "bus address of its completion records, bits 31..0; 4 KiB aligned";
    ToDeviceDoneHigh = 0x3c, "write", "to_device_done_high", "the same, bits 63..32";
    ToDeviceSize = 0x40, "write", "to_device_size", "entries of the ring to the device, a power of two from 8 to 32768";
    ToDeviceCompleted = 0x44, "read", "to_device_completed", "descriptors of that ring completed, modulo 2^16";
    ToHostBaseLow = 0x48, "write", "to_host_base_low", "bus address of the descriptors to the host, bits 31..0; 4 KiB aligned";
    ToHostBaseHigh = 0x4c, "write", "to_host_base_high", "the same, bits 63..32";
    ToHostDoneLow = 0x50, "write", "to_host_done_low", "bus address of its completion records, bits 31..0; 4 KiB aligned";
    ToHostDoneHigh = 0x54, "write", "to_host_done_high", "the same, bits 63..32";
    ToHostSize = 0x58, "write", "to_host_size", "entries of the ring to the host, a power of two from 8 to 32768";
    ToHostCompleted = 0x5c, "read", "to_host_completed", "descriptors of that ring completed, modulo 2^16";
    BusyCycles = 0x60, "read", "busy_cycles", "cycles with a descriptor or its data on the way";
    BeatsRead = 0x64, "read", "beats_read", "beats of data read from host memory, 8 bytes each";
    BeatsWritten = 0x68, "read", "beats_written", "beats of data written to host memory";
    WordsWritten = 0x6c, "read", "words_written", "words written to the core";
    WordsPushed = 0x70, "read", "words_pushed", "words that the core pushed";
    Mesh = 0x74, "read", "mesh", "sides of the mesh; 0 for a core that stands alone";
    MeshLink = 0x78, "write", "mesh_link", "the counter of a router that mesh_count shows";
    MeshCount = 0x7c, "read", "mesh_count", "that counter";
    ToDeviceDoorbell = 0x1000, "write", "to_device_doorbell", "descriptors of the ring to the device offered, modulo 2^16";
    ToHostDoorbell = 0x1004, "write", "to_host_doorbell", "descriptors of the ring to the host offered, modulo 2^16";
}

impl PciRegister {
    /// Byte offset in BAR0.
    pub const fn offset(self) -> u32 {
        self as u32
    }

    /// The register at a byte offset.
    pub fn at(offset: u32) -> Option<Self> {
        Self::ALL.iter().copied().find(|register| register.offset() == offset)
    }

    /// The value of an identity register, of a core that stands alone or of cores on `mesh`; `None` for one that changes or that neither decides.
    pub fn identity(self, config: &ArchConfig, mesh: Option<&MeshConfig>) -> Option<u32> {
        let hash = config.config_hash();
        match self {
            Self::Magic => Some(PCI_MAGIC),
            Self::Version => Some(VERSION),
            Self::LayoutVersion => Some(LAYOUT_VERSION),
            Self::ConfigHashLow => Some(hash as u32),
            Self::ConfigHashHigh => Some((hash >> 32) as u32),
            // A valid mesh has at most 63 cores in a row.
            Self::Mesh => Some(mesh.map_or(0, |mesh| {
                MeshWord { width: mesh.width as u8, height: mesh.height as u8 }
                    .encode()
                    .unwrap_or(0)
            })),
            _ => None,
        }
    }

    /// It says where a ring is or how it works: it keeps still while the rings run.
    pub fn describes_ring(self) -> bool {
        let places = Self::ToDeviceBaseLow.offset()..=Self::ToHostSize.offset();
        self == Self::Batch || (self.access() == "write" && places.contains(&self.offset()))
    }

    /// The register of `ring` that does what this one does for the ring to the device.
    pub const fn of(self, ring: Ring) -> Self {
        match (self, ring) {
            (Self::ToDeviceBaseLow, Ring::ToHost) => Self::ToHostBaseLow,
            (Self::ToDeviceBaseHigh, Ring::ToHost) => Self::ToHostBaseHigh,
            (Self::ToDeviceDoneLow, Ring::ToHost) => Self::ToHostDoneLow,
            (Self::ToDeviceDoneHigh, Ring::ToHost) => Self::ToHostDoneHigh,
            (Self::ToDeviceSize, Ring::ToHost) => Self::ToHostSize,
            (Self::ToDeviceCompleted, Ring::ToHost) => Self::ToHostCompleted,
            (Self::ToDeviceDoorbell, Ring::ToHost) => Self::ToHostDoorbell,
            (register, _) => register,
        }
    }
}

packed_word! {
    /// Register `control`.
    pub struct ControlWord in control {
        /// the rings run
        enable: bool = 0, 1;
        /// what is read comes back: the core sees nothing
        loopback: bool = 1, 1;
        /// write 1: abort all transfers and reset engines, rings, counters and core; reads 1 until that is done
        reset: bool = 2, 1;
    }
}

packed_word! {
    /// Register `status`.
    pub struct LinkStatus in link_status {
        /// why the ring to the device stopped, 0 while it runs
        to_device: u8 = 0, 4;
        /// why the ring to the host stopped, 0 while it runs
        to_host: u8 = 4, 4;
        /// a descriptor or its data is on the way
        busy: bool = 8, 1;
    }
}

packed_word! {
    /// Register `mesh`.
    pub struct MeshWord in mesh {
        /// cores in a row, 0 for a core that stands alone
        width: u8 = 0, 6;
        /// rows of cores
        height: u8 = 8, 6;
    }
}

packed_word! {
    /// Register `mesh_link`.
    pub struct MeshLinkWord in mesh_link {
        /// the router
        router: u8 = 0, 6;
        /// flits that left by north, east, south, west, to the core (0 to 4), stalls there (5 to 9), most flits held at its inputs (10 to 14)
        counter: u8 = 8, 4;
    }
}

packed_word! {
    /// Registers `cause` and `mask`, and the MSI-X vectors by number.
    pub struct Interrupts in interrupts {
        /// completion records of the ring to the device were written
        to_device: bool = 0, 1;
        /// completion records of the ring to the host were written
        to_host: bool = 1, 1;
        /// a ring stopped
        error: bool = 2, 1;
    }
}

packed_word! {
    /// Last word of a descriptor; bits outside must be 0.
    pub struct DescriptorFlags in descriptor_flags {
        /// to the device: a packet ends with these bytes; to the host: must be 0
        end: bool = 0, 1;
    }
}

packed_word! {
    /// Last word of a completion record.
    pub struct CompletionWord in completion {
        /// how the transfer ended
        outcome: u8 = 0, 4;
        /// to the host: a packet ends with these bytes
        end: bool = 8, 1;
        /// descriptors completed with this one, modulo 2^16: what tells a new record from the one before in its place
        sequence: u16 = 16, 16;
    }
}

code_enum! {
    /// How a transfer ended, or why a ring stopped.
    pub enum TransferOutcome {
        #[default]
        None = 0, "none: the ring runs";
        Done = 1, "all bytes moved, or to the host: all bytes of the packet";
        BadLength = 2, "a length of 0, or above 1 MiB";
        BadFlags = 3, "a flag that the ring does not know";
        ReadFailed = 4, "the bus answered a read of the data with an error";
        WriteFailed = 5, "the bus answered a write of the data with an error";
        FetchFailed = 6, "the bus answered the read of a descriptor with an error";
        RecordFailed = 7, "the bus answered the write of a completion record with an error";
        BadDoorbell = 8, "a doorbell offered more descriptors than the ring has entries";
    }
}

packed_word! {
    /// Second word of a record to the core; the first is the address of the first data word.
    pub struct RecordWord in record {
        /// data words that follow, padded to an even number
        words: u32 = 0, 24;
        /// words of a row of the region, less one: where the address goes to the next row
        last_sub: u8 = 24, 5;
    }
}

/// In the first beat of a record: it is none, but bits 62..0 are the cores, one bit each, that the records after it go to. A core that stands
/// alone takes all records whatever it says.
pub const RECORD_CORES: u64 = 1 << 63;

packed_word! {
    /// First word of the beat that ends words of a core on their way to the host; addresses of words have bit 27 clear.
    pub struct PushTrailer in push_trailer {
        /// the core that the words before this beat come from, 0 when it stands alone
        core: u8 = 0, 6;
        /// its PUSH has ended
        ended: bool = 26, 1;
        /// always: what tells this beat from a word
        trailer: bool = 27, 1;
    }
}
