//! Layouts of everything host and core exchange, each written down once.

mod counter;
mod descriptor;
mod field;
mod opcode;
mod pci;
mod region;
mod register;
mod words;

pub use counter::{Counter, CounterGroup};
pub use descriptor::{
    BpDescriptor, Column, ColumnValue, Descriptor, FpDescriptor, IoDescriptor, WgDescriptor, bp,
    fp, io, wg,
};
pub use field::{Field, FieldValue, LayoutError, PackedWord};
pub use opcode::{
    AccumulateArg, Engine, IllegalInstruction, Instruction, InstructionWord, MAX_TOKENS, Op,
    UpdateArg, accumulate_arg, instruction, update_arg,
};
pub use pci::{
    BATCH_CYCLES, BURST_BYTES, COMPLETION_BYTES, CompletionWord, ControlWord, DESCRIPTOR_BYTES,
    DescriptorFlags, Interrupts, LinkStatus, MAX_BATCH, MAX_TRANSFER, MeshLinkWord, MeshWord,
    PCI_BAR_BYTES, PCI_CLASS, PCI_DEVICE, PCI_DMA_BASE, PCI_DMA_BYTES, PCI_DOORBELLS, PCI_MAGIC,
    PCI_VENDOR, PciRegister, PushTrailer, RECORD_CORES, RING_ENTRIES, RecordWord, Ring,
    TransferOutcome, completion, control, descriptor_flags, interrupts, link_status, mesh,
    mesh_link, push_trailer, record,
};
pub use region::{HostAddress, Region, address};
pub use register::{COUNTER_BASE, LAYOUT_VERSION, MAGIC, Register, VERSION};
pub use words::{
    Coordinates, NeuronWord, OptimizerWord, Shape, Status, coordinates, neuron, optimizer, shape,
    status,
};
