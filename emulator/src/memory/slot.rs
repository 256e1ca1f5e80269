//! The memories of one sample slot.
//!
//! A plane word is kept as one byte per lane, the step mask of that neuron in the block: then the words of a population's block
//! are one array over its neurons, whatever the lanes of the core. Copies that the machine keeps for a second reader are one here.

use backspike_arch::{ArchConfig, TIME_BLOCK};

/// Memories of a slot; rows as in the machine, each `lanes` elements long where a row is a word of lanes.
pub struct Slot {
    /// Step masks, `[plane word][lane]`.
    pub spikes: Vec<u8>,
    pub trace: TraceMemory,
    /// Steps with a non-zero error, one byte per plane word.
    pub nonzero: Vec<u8>,
    /// `[tile-block][step][lane]`, binary16.
    pub errors: Vec<u16>,
    /// `[tile-block][step][lane]`, Q24.
    pub membranes: Vec<i32>,
}

/// Step masks of the forward step that the backward step reads, `[plane word][lane]` each.
pub struct TraceMemory {
    pub spikes: Vec<u8>,
    pub code0: Vec<u8>,
    pub code1: Vec<u8>,
}

impl Slot {
    pub fn new(config: &ArchConfig) -> Self {
        let planes = config.plane_words() * config.lanes;
        let cells = |blocks: usize| blocks * TIME_BLOCK * config.lanes;
        Self {
            spikes: vec![0; planes],
            trace: TraceMemory {
                spikes: vec![0; planes],
                code0: vec![0; planes],
                code1: vec![0; planes],
            },
            nonzero: vec![0; config.plane_words()],
            errors: vec![0; cells(config.error_blocks())],
            membranes: vec![0; cells(config.membrane_blocks())],
        }
    }
}

/// Step masks from the 32 bits of a plane word; eight, or the first four.
pub fn unpack(word: u32, masks: &mut [u8]) {
    // Each step halves the distance between neighbours: 16 bits to each half, 8 to each quarter, 4 to each byte.
    let mut spread = u64::from(word);
    spread = (spread | spread << 16) & 0x0000_ffff_0000_ffff;
    spread = (spread | spread << 8) & 0x00ff_00ff_00ff_00ff;
    spread = (spread | spread << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    let bytes = spread.to_le_bytes();
    let count = masks.len();
    masks.copy_from_slice(&bytes[..count]);
}

/// 32 bits of a plane word from eight step masks.
pub fn pack(masks: &[u8]) -> u32 {
    masks.iter().rev().fold(0, |word, mask| word << TIME_BLOCK | u32::from(*mask))
}
