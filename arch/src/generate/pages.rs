//! The reference pages.

use super::markdown::{bit_range, grouped, table};
use super::{DESCRIPTORS, WORDS};
use crate::config::ArchConfig;
use crate::layout::{
    BATCH_CYCLES, BURST_BYTES, COMPLETION_BYTES, Counter, DESCRIPTOR_BYTES, LAYOUT_VERSION,
    MAX_TOKENS, MAX_TRANSFER, Op, PCI_BAR_BYTES, PCI_CLASS, PCI_DEVICE, PCI_DOORBELLS, PCI_VENDOR,
    PciRegister, RING_ENTRIES, Region, Register, TransferOutcome,
};
use crate::proof::prove_config;

const NOTICE: &str = "Generated from the layout tables by `backspike generate`; do not edit.\n";

/// File name and contents of each page.
pub fn all() -> Vec<(&'static str, String)> {
    vec![
        ("configuration.md", configuration()),
        ("descriptors.md", descriptors()),
        ("instructions.md", instructions()),
        ("memory.md", memory()),
        ("pci.md", pci()),
        ("registers.md", registers()),
    ]
}

fn page(title: &str, introduction: &str, sections: Vec<String>) -> String {
    format!("# {title}\n\n{NOTICE}\n{introduction}\n\n{}", sections.join("\n"))
}

fn fields(word: &str) -> String {
    let Some(word) = WORDS.iter().find(|known| known.name == word) else {
        return String::new();
    };
    let rows = word.fields.iter().map(|field| {
        let kind = if field.signed { "signed" } else { "unsigned" };
        [
            bit_range(field.offset, field.bits),
            format!("`{}`", field.name),
            kind.into(),
            field.meaning.trim().into(),
        ]
    });
    table(["bits", "field", "kind", "meaning"], rows)
}

fn configuration() -> String {
    let presets: Vec<ArchConfig> =
        ArchConfig::PRESETS.iter().filter_map(|name| ArchConfig::preset(name)).collect();
    let keys = ArchConfig::KEYS.iter().map(|key| {
        let values: Vec<String> =
            presets.iter().filter_map(|preset| preset.get(key.name)).map(grouped).collect();
        [format!("`{}`", key.name), key.meaning.trim().into(), values.join(" / ")]
    });
    let names = ArchConfig::PRESETS.join(" / ");
    let mut sections = vec![table(["key", "meaning", &names], keys)];
    for preset in &presets {
        if let Ok(proof) = prove_config(preset) {
            let rows = proof.bounds.iter().map(|bound| {
                [
                    bound.quantity.into(),
                    bound.reason.clone(),
                    bound.needed().to_string(),
                    bound.built.to_string(),
                ]
            });
            sections.push(format!(
                "## Widths of `{}`\n\n{}",
                preset.name,
                table(["quantity", "bound", "bits needed", "bits built"], rows)
            ));
        }
    }
    page(
        "Configuration",
        "A TOML file with `name` and these keys, or with `preset` and the keys that differ. The proof below holds for one sample at the \
         largest sizes; a network's batch is checked when it is compiled.",
        sections,
    )
}

fn descriptors() -> String {
    let mut sections = Vec::new();
    for descriptor in DESCRIPTORS {
        let columns = descriptor.columns.iter().enumerate().map(|(index, column)| {
            [
                index.to_string(),
                format!("`{}`", column.name),
                column.kind.into(),
                column.meaning.trim().into(),
            ]
        });
        sections.push(format!(
            "## {}\n\n{}",
            descriptor.engine.label(),
            table(["column", "name", "kind", "meaning"], columns)
        ));
    }
    for word in ["shape", "neuron", "optimizer", "coordinates"] {
        sections.push(format!("## `{word}`\n\n{}", fields(word)));
    }
    page(
        "Descriptors",
        "Columns of 32 bits, written at region descriptor, row `engine << 8 | slice`, sub = column. Bases are rows of the weight memories, or \
         tile-blocks within the sample slot.",
        sections,
    )
}

fn instructions() -> String {
    let ops = Op::ALL.iter().map(|op| {
        let queue = op.engine().map_or("all", |engine| engine.label());
        [op.code().to_string(), op.mnemonic().into(), queue.into(), op.meaning().into()]
    });
    page(
        "Instructions",
        &format!(
            "64 bits: the low word below, and the high word `imm`. Up to {MAX_TOKENS} token counters of 8 bits, as many as the key `tokens` of the configuration says. An operation on the wrong queue, and any \
             code not listed, is dropped and sets the queue's sticky `illegal` bit."
        ),
        vec![
            table(["op", "name", "queue", "does"], ops),
            format!("## Low word\n\n{}", fields("instruction")),
            format!("## `arg` of ACCUMULATE\n\n{}", fields("accumulate_arg")),
            format!("## `arg` of UPDATE\n\n{}", fields("update_arg")),
        ],
    )
}

fn memory() -> String {
    let lanes = [4, 8, 16, 32].map(|lanes| ArchConfig::nano().with_lanes(lanes));
    let regions = Region::ALL.iter().map(|region| {
        let access = match (region.writable(), region.pushable()) {
            (true, true) => "write, push",
            (true, false) => "write",
            (false, true) => "push",
            (false, false) => "none",
        };
        let subs: Vec<String> =
            lanes.iter().map(|config| region.subs(config).to_string()).collect();
        [
            region.code().to_string(),
            region.name().to_lowercase(),
            region.meaning().into(),
            subs.join(" / "),
            access.into(),
        ]
    });
    page(
        "Memory regions",
        "Words of the host port carry an address of this form. Words per row are given for 4 / 8 / 16 / 32 lanes; a host writes the words of \
         a row in ascending order, and the last one stores the row.",
        vec![
            fields("address"),
            format!(
                "## Regions\n\n{}",
                table(["region", "name", "contents", "words per row", "access"], regions)
            ),
        ],
    )
}

fn registers() -> String {
    let registers = Register::all().filter(|register| !matches!(register, Register::Counter(_)));
    let identity = registers.map(|register| {
        [register.index().to_string(), format!("`{}`", register.name()), register.meaning().into()]
    });
    let counters = Counter::ALL.iter().map(|&counter| {
        [
            Register::Counter(counter).index().to_string(),
            counter.group().label().into(),
            format!("`{}`", counter.name()),
            counter.meaning().into(),
        ]
    });
    page(
        "Registers",
        &format!(
            "Read by a PUSH of region register, row = index. Layout version {LAYOUT_VERSION}. Counters are 32 bits and wrap; hosts add differences."
        ),
        vec![
            table(["index", "name", "holds"], identity),
            format!("## Status\n\n{}", fields("status")),
            format!("## Counters\n\n{}", table(["index", "of", "name", "counts"], counters)),
        ],
    )
}

fn pci() -> String {
    let registers = PciRegister::ALL.iter().map(|register| {
        [
            format!("0x{:04x}", register.offset()),
            format!("`{}`", register.name()),
            register.access().into(),
            register.meaning().into(),
        ]
    });
    let outcomes = TransferOutcome::ALL.iter().map(|outcome| {
        [outcome.code().to_string(), outcome.name().into(), outcome.meaning().into()]
    });
    let fact = |name: &str, value: String| [name.into(), value];
    let facts = [
        fact("vendor, device", format!("0x{PCI_VENDOR:04x}, 0x{PCI_DEVICE:04x}")),
        fact("class", format!("0x{PCI_CLASS:06x}, processing accelerator")),
        fact("BAR0", format!("{PCI_BAR_BYTES} bytes; doorbells from 0x{PCI_DOORBELLS:x}")),
        fact("entries of a ring", format!("{} to {}", RING_ENTRIES.start(), RING_ENTRIES.end())),
        fact(
            "descriptor",
            format!("{DESCRIPTOR_BYTES} bytes: address 64, length 32, flags 32 bits"),
        ),
        fact(
            "completion record",
            format!("{COMPLETION_BYTES} bytes: bytes moved 32, word 32 bits"),
        ),
        fact("longest transfer", format!("{} bytes", grouped(MAX_TRANSFER as usize))),
        fact("longest burst", format!("{BURST_BYTES} bytes, never across 4 KiB")),
        fact("records wait for a batch", format!("{BATCH_CYCLES} cycles at most")),
    ];
    page(
        "PCI function",
        "Registers are 32 bits, at byte offsets in BAR0; everything in memory is little endian. How to use them: \
         [the programmer's guide](../use/pci.md).",
        vec![
            table(["what", "value"], facts.into_iter()),
            format!("## Registers\n\n{}", table(["offset", "name", "access", "holds"], registers)),
            format!("## `control`\n\n{}", fields("control")),
            format!("## `status`\n\n{}", fields("link_status")),
            format!("## `cause`, `mask`, interrupt vectors\n\n{}", fields("interrupts")),
            format!(
                "## How transfers end, why rings stop\n\n{}",
                table(["code", "name", "means"], outcomes)
            ),
            format!("## Flags of a descriptor\n\n{}", fields("descriptor_flags")),
            format!("## Second word of a completion record\n\n{}", fields("completion")),
            format!("## Second word of a record to the core\n\n{}", fields("record")),
            format!(
                "Where a record could begin, a beat with bit 63 says which cores of a mesh the records after it go to, one bit each from bit 0.\n\n## First word of the beat after the words of a PUSH, or of a packet of a mesh\n\n{}",
                fields("push_trailer")
            ),
            format!("## `mesh`\n\n{}", fields("mesh")),
            format!("## `mesh_link`\n\n{}", fields("mesh_link")),
        ],
    )
}
