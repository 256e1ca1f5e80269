//! What the walker of FP and WG keeps of the input plane words.

use super::simd::vectorised;

/// A plane word with work, or the last one of a tile-block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Words dropped before it.
    pub gap: u32,
    pub visits: u32,
}

#[inline(always)]
fn kept_words<const LANES: usize>(masks: &[u8], steps: u8, out: &mut Vec<Kept>) {
    let (words, _) = masks.as_chunks::<LANES>();
    let mut gap = 0;
    for (index, word) in words.iter().enumerate() {
        let mut kept = Kept { gap, ..Kept::default() };
        for part in word.chunks(8) {
            let mut bytes = [0; 8];
            bytes[..part.len()].copy_from_slice(part);
            let bits = u64::from_le_bytes(bytes) & (u64::from(steps) * 0x0101_0101_0101_0101);
            if bits != 0 {
                let set = bits | bits >> 1 | bits >> 2 | bits >> 3;
                kept.visits += (set & 0x0101_0101_0101_0101).count_ones();
            }
        }
        if kept.visits > 0 || index + 1 == words.len() {
            out.push(kept);
            gap = 0;
        } else {
            gap += 1;
        }
    }
}

vectorised! {
    /// The kept words of a block, whose masks are restricted to `steps`.
    pub fn keep(simd, masks: &[u8], lanes: usize, steps: u8, out: &mut Vec<Kept>) {
        out.clear();
        match lanes {
            4 => kept_words::<4>(masks, steps, out),
            8 => kept_words::<8>(masks, steps, out),
            16 => kept_words::<16>(masks, steps, out),
            _ => kept_words::<32>(masks, steps, out),
        }
    }
}
