//! The files that are generated from the layout tables and checked in: a C header and the reference pages.

mod c;
mod constants;
mod markdown;
mod pages;

pub use c::c_header;
pub use constants::rtl_constants;

use crate::layout::{
    AccumulateArg, BpDescriptor, Column, CompletionWord, ControlWord, Coordinates, Descriptor,
    DescriptorFlags, Engine, Field, FpDescriptor, HostAddress, InstructionWord, Interrupts,
    IoDescriptor, LinkStatus, MeshLinkWord, MeshWord, NeuronWord, OptimizerWord, PackedWord,
    PushTrailer, RecordWord, Shape, Status, UpdateArg, WgDescriptor,
};
use std::path::PathBuf;

/// A packed word as the generators see it.
pub(crate) struct WordTable {
    pub name: &'static str,
    pub title: &'static str,
    pub fields: &'static [Field],
}

/// A descriptor as the generators see it.
pub(crate) struct DescriptorTable {
    pub name: &'static str,
    pub engine: Engine,
    pub columns: &'static [Column],
}

const fn word<W: PackedWord>(title: &'static str) -> WordTable {
    WordTable { name: W::NAME, title, fields: W::FIELDS }
}

const fn table<D: Descriptor>() -> DescriptorTable {
    DescriptorTable { name: D::NAME, engine: D::ENGINE, columns: D::COLUMNS }
}

/// Every packed word.
pub(crate) const WORDS: &[WordTable] = &[
    word::<HostAddress>("host address"),
    word::<InstructionWord>("low word of an instruction"),
    word::<AccumulateArg>("argument of ACCUMULATE"),
    word::<UpdateArg>("argument of UPDATE"),
    word::<Shape>("shape column"),
    word::<NeuronWord>("neuron column"),
    word::<OptimizerWord>("optimizer column"),
    word::<Coordinates>("coordinates column"),
    word::<Status>("status register"),
    word::<ControlWord>("PCI register control"),
    word::<LinkStatus>("PCI register status"),
    word::<Interrupts>("PCI registers cause and mask, and interrupts by number"),
    word::<DescriptorFlags>("flags of a DMA descriptor"),
    word::<CompletionWord>("second word of a completion record"),
    word::<RecordWord>("second word of a record to the core"),
    word::<PushTrailer>(
        "first word of the beat after the words of a PUSH, or of a packet of a mesh",
    ),
    word::<MeshWord>("PCI register mesh"),
    word::<MeshLinkWord>("PCI register mesh_link"),
];

/// Every descriptor table.
pub(crate) const DESCRIPTORS: &[DescriptorTable] = &[
    table::<FpDescriptor>(),
    table::<BpDescriptor>(),
    table::<WgDescriptor>(),
    table::<IoDescriptor>(),
];

/// Every generated file: its path from the root of the repository, and its contents.
pub fn files() -> Vec<(PathBuf, String)> {
    let mut files = vec![(PathBuf::from("docs/reference/backspike.h"), c_header())];
    for (name, contents) in pages::all() {
        files.push((PathBuf::from("docs/reference").join(name), contents));
    }
    files
}
