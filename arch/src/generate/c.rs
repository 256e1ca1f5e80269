//! The C header: constants and inline helpers for hosts that are not written in Rust. C99, no dependencies.

use super::{DESCRIPTORS, WORDS};
use crate::config::{ArchConfig, TIME_BLOCK};
use crate::layout::{
    COMPLETION_BYTES, DESCRIPTOR_BYTES, Engine, LAYOUT_VERSION, MAGIC, MAX_TOKENS, MAX_TRANSFER,
    Op, PCI_BAR_BYTES, PCI_CLASS, PCI_DEVICE, PCI_DOORBELLS, PCI_MAGIC, PCI_VENDOR, PciRegister,
    Region, Register, TransferOutcome, VERSION,
};
use std::fmt::Write;

const HELPERS: &str = r#"/* A field of a word; values that do not fit are cut. */
static inline uint32_t backspike_insert(uint32_t value, unsigned offset, unsigned bits)
{
    return (value & (UINT32_MAX >> (32u - bits))) << offset;
}

/* The unsigned field of a word. */
static inline uint32_t backspike_extract(uint32_t word, unsigned offset, unsigned bits)
{
    return (word >> offset) & (UINT32_MAX >> (32u - bits));
}

/* The two's-complement field of a word. */
static inline int32_t backspike_extract_signed(uint32_t word, unsigned offset, unsigned bits)
{
    const uint32_t raw = backspike_extract(word, offset, bits);
    const uint32_t sign = (uint32_t)1 << (bits - 1u);
    return (int32_t)((int64_t)(raw ^ sign) - (int64_t)sign);
}

/* The address of 32-bit word `sub` of row `row`. */
static inline uint32_t backspike_address(uint32_t region, uint32_t row, uint32_t sub)
{
    return backspike_insert(region, BACKSPIKE_ADDRESS_REGION_OFFSET, BACKSPIKE_ADDRESS_REGION_BITS)
         | backspike_insert(row, BACKSPIKE_ADDRESS_ROW_OFFSET, BACKSPIKE_ADDRESS_ROW_BITS)
         | backspike_insert(sub, BACKSPIKE_ADDRESS_SUB_OFFSET, BACKSPIKE_ADDRESS_SUB_BITS);
}

/* Where column `column` of descriptor `slice` of an engine is written. */
static inline uint32_t backspike_descriptor_address(uint32_t engine, uint32_t slice, uint32_t column)
{
    return backspike_address(BACKSPIKE_REGION_DESCRIPTOR, (engine << 8) | slice, column);
}

/* Where the low word of an instruction is written; its immediate goes to the address with `imm` = 1 first. */
static inline uint32_t backspike_queue_address(uint32_t engine, uint32_t imm)
{
    return backspike_address(BACKSPIKE_REGION_QUEUE, 0u, 2u * engine + imm);
}

/* The low word of an instruction. */
static inline uint32_t backspike_instruction(uint32_t op, uint32_t slice, uint32_t slot, uint32_t arg)
{
    return backspike_insert(op, BACKSPIKE_INSTRUCTION_OP_OFFSET, BACKSPIKE_INSTRUCTION_OP_BITS)
         | backspike_insert(slice, BACKSPIKE_INSTRUCTION_SLICE_OFFSET, BACKSPIKE_INSTRUCTION_SLICE_BITS)
         | backspike_insert(slot, BACKSPIKE_INSTRUCTION_SLOT_OFFSET, BACKSPIKE_INSTRUCTION_SLOT_BITS)
         | backspike_insert(arg, BACKSPIKE_INSTRUCTION_ARG_OFFSET, BACKSPIKE_INSTRUCTION_ARG_BITS);
}
"#;

/// The whole header.
pub fn c_header() -> String {
    let mut text = String::from(
        "/* Generated from the layout tables by `backspike generate`; do not edit. */\n\
         #ifndef BACKSPIKE_H\n#define BACKSPIKE_H\n\n#include <stdint.h>\n\n",
    );
    // Writing to a String cannot fail, so the results of write! are dropped throughout.
    let _ = writeln!(text, "/* Identity */");
    for (name, value) in [
        ("MAGIC", format!("0x{MAGIC:08x}")),
        ("VERSION", format!("0x{VERSION:06x}")),
        ("LAYOUT_VERSION", LAYOUT_VERSION.to_string()),
        ("TIME_BLOCK", TIME_BLOCK.to_string()),
        ("MAX_TOKENS", MAX_TOKENS.to_string()),
        ("PCI_MAGIC", format!("0x{PCI_MAGIC:08x}")),
        ("PCI_VENDOR", format!("0x{PCI_VENDOR:04x}")),
        ("PCI_DEVICE", format!("0x{PCI_DEVICE:04x}")),
        ("PCI_CLASS", format!("0x{PCI_CLASS:06x}")),
        ("PCI_BAR_BYTES", format!("0x{PCI_BAR_BYTES:x}")),
        ("PCI_DOORBELLS", format!("0x{PCI_DOORBELLS:x}")),
        ("DESCRIPTOR_BYTES", DESCRIPTOR_BYTES.to_string()),
        ("COMPLETION_BYTES", COMPLETION_BYTES.to_string()),
        ("MAX_TRANSFER", format!("0x{MAX_TRANSFER:x}")),
    ] {
        let _ = writeln!(text, "#define BACKSPIKE_{name} {value}u");
    }
    for word in WORDS {
        let _ = writeln!(text, "\n/* {} */", word.title);
        for field in word.fields {
            let name = format!("BACKSPIKE_{}_{}", upper(word.name), upper(field.name));
            let sign = if field.signed { ", signed" } else { "" };
            let _ = writeln!(text, "/* {}{sign} */", field.meaning.trim());
            let _ = writeln!(text, "#define {name}_OFFSET {}u", field.offset);
            let _ = writeln!(text, "#define {name}_BITS {}u", field.bits);
        }
    }

    let regions = Region::ALL.iter().map(|r| (r.name().into(), r.code().into(), r.meaning()));
    enumeration(&mut text, "memory regions", "REGION", regions);
    let engines = Engine::ALL.iter().map(|e| (e.name().into(), e.code().into(), e.meaning()));
    enumeration(&mut text, "engines", "ENGINE", engines);
    let ops = Op::ALL.iter().map(|op| (op.mnemonic().into(), op.code().into(), op.meaning()));
    enumeration(&mut text, "instructions", "OP", ops);
    for table in DESCRIPTORS {
        let title = format!("columns of {} descriptors", table.engine.label());
        let columns = table.columns.iter().enumerate();
        let columns = columns.map(|(i, column)| (column.name.into(), i, column.meaning.trim()));
        enumeration(&mut text, &title, &upper(table.name), columns);
        let (name, count) = (upper(table.name), table.columns.len());
        let _ = writeln!(text, "#define BACKSPIKE_{name}_COLUMNS {count}u");
    }
    let registers = Register::all().map(|r| (r.name(), r.index(), r.meaning()));
    enumeration(&mut text, "registers", "REGISTER", registers);
    let _ = writeln!(text, "#define BACKSPIKE_REGISTERS {}u\n", Register::COUNT);
    let outcomes = TransferOutcome::ALL.iter();
    let outcomes = outcomes.map(|o| (o.name().into(), o.code().into(), o.meaning()));
    enumeration(&mut text, "how transfers end and why rings stop", "TRANSFER", outcomes);
    let registers = PciRegister::ALL.iter();
    let registers = registers.map(|r| (r.name().into(), r.offset() as usize, r.meaning()));
    enumeration(
        &mut text,
        "byte offsets of the PCI function's registers",
        "PCI_REGISTER",
        registers,
    );
    text.push_str(HELPERS);
    subs(&mut text);
    text.push_str("\n#endif\n");
    text
}

/// Words per row depend on the lanes; the numbers are those of the machine for each legal count.
fn subs(text: &mut String) {
    let lanes = [4, 8, 16, 32];
    let _ = write!(
        text,
        "\n/* 32-bit words of one row of a region with 4, 8, 16 or 32 lanes; 0 for any other region or lane count. */\n\
         static inline unsigned backspike_subs(uint32_t region, unsigned lanes)\n{{\n    switch (lanes) {{\n"
    );
    for lanes in lanes {
        let config = ArchConfig::nano().with_lanes(lanes);
        let _ = writeln!(text, "    case {lanes}u:\n        switch (region) {{");
        for region in Region::ALL {
            let name = upper(region.name());
            let subs = region.subs(&config);
            let _ = writeln!(text, "        case BACKSPIKE_REGION_{name}: return {subs}u;");
        }
        let _ = writeln!(text, "        default: return 0u;\n        }}");
    }
    let _ = writeln!(text, "    default: return 0u;\n    }}\n}}");
}

fn enumeration<'a>(
    text: &mut String,
    title: &str,
    prefix: &str,
    entries: impl Iterator<Item = (String, usize, &'a str)>,
) {
    let _ = writeln!(text, "\n/* {title} */\nenum {{");
    let entries: Vec<_> = entries.collect();
    for (i, (name, value, meaning)) in entries.iter().enumerate() {
        let comma = if i + 1 < entries.len() { "," } else { "" };
        let name = upper(name);
        let _ = writeln!(text, "    BACKSPIKE_{prefix}_{name} = {value}{comma} /* {meaning} */");
    }
    let _ = writeln!(text, "}};");
}

/// `NeuronBack` and `neuron_back` both become `NEURON_BACK`.
fn upper(name: &str) -> String {
    let mut upper = String::new();
    let mut after_lower = false;
    for c in name.chars() {
        if c.is_ascii_uppercase() && after_lower {
            upper.push('_');
        }
        after_lower = c.is_ascii_lowercase();
        upper.push(c.to_ascii_uppercase());
    }
    upper
}
