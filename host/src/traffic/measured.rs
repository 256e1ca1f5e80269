//! Bytes between the engines and the memories of a core.

use crate::train::Totals;
use backspike_arch::{ArchConfig, Counter, TIME_BLOCK};
use serde::Serialize;

/// What one phase moves from and to one memory, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Access {
    pub phase: &'static str,
    pub memory: &'static str,
    pub read: u64,
    pub written: u64,
}

/// From the counters: every word of every memory that the engines and the host moved.
pub fn measured(totals: &Totals, config: &ArchConfig) -> Vec<Access> {
    use Counter::*;
    let half_row = config.lanes as u64 * 2;
    let full_row = config.lanes as u64 * 4;
    let plane = (config.plane_bits() as u64).div_ceil(8);
    let updated = totals[WgUpdateRows];
    // Each step of a trace word has its nonzero bit written, one byte a tile-block; reads of it ride along with those of errors.
    let nonzero = totals[BpWords] * (TIME_BLOCK as u64).div_ceil(8);
    let access = |phase, memory, read, written| Access { phase, memory, read, written };
    vec![
        access("FP", "weight", totals[FpVisits] * half_row, 0),
        access("FP", "spike", totals[FpWords] * plane, totals[FpTileBlocks] * plane),
        access("FP", "trace", 0, totals[FpTileBlocks] * 3 * plane),
        access("FP", "membrane", 0, totals[FpMembraneWords] * full_row),
        access("BP", "weight", totals[BpVisits] * half_row, 0),
        access("BP", "trace", totals[BpWords] * 3 * plane, 0),
        access("BP", "error", totals[BpErrorReads] * half_row, totals[BpErrorWrites] * half_row),
        access("BP", "nonzero", 0, nonzero),
        access("WG", "spike", totals[WgWords] * plane, 0),
        access("WG", "error", totals[WgErrorReads] * half_row, 0),
        access("WG", "gradient", totals[WgVisits] * full_row, totals[WgVisits] * full_row),
        access("UPDATE", "weight", updated * half_row, updated * half_row),
        access("UPDATE", "state", updated * half_row, updated * half_row),
        access("UPDATE", "gradient", updated * full_row, updated * full_row),
        access("host", "port", totals[IoWords] * 4, totals[HostWrites] * 4),
    ]
}
