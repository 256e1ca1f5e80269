//! The layout constants by the names that RTL kernels use, for the Verilog emitter: a kernel names a constant by its Rust path.

use super::{DESCRIPTORS, WORDS};

/// Every constant as (path below `layout`, value): `neuron::leak_k::OFFSET`, `neuron::leak_k::BITS`, `fp::weight_base::COLUMN`, `fp::COLUMNS`.
pub fn rtl_constants() -> Vec<(String, u64)> {
    let mut constants = Vec::new();
    for word in WORDS {
        for field in word.fields {
            let path = format!("{}::{}", word.name, field.name);
            constants.push((format!("{path}::OFFSET"), field.offset as u64));
            constants.push((format!("{path}::BITS"), field.bits as u64));
        }
    }
    for table in DESCRIPTORS {
        constants.push((format!("{}::COLUMNS", table.name), table.columns.len() as u64));
        for (index, column) in table.columns.iter().enumerate() {
            constants.push((format!("{}::{}::COLUMN", table.name, column.name), index as u64));
        }
    }
    constants
}
