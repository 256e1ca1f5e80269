//! From step masks to lists of rows: the walkers.
//!
//! Compilers do not vectorise loops that append, so the AVX-512 forms are written with intrinsics; elsewhere every candidate is
//! stored and the position advances past those that count, which needs no branch.

use super::simd::{Level, Simd, vectorised};
use crate::tally::Common;

/// Rows in a range: the rows that one machine word of step bits covers.
pub const RANGE: usize = 64;
/// Room that lists need beyond their last element.
const SLACK: usize = 16;

/// Growable array that kernels fill: elements beyond the list hold anything.
#[derive(Clone, Debug, Default)]
pub struct List {
    items: Vec<u32>,
    length: usize,
}

impl List {
    pub fn clear(&mut self) {
        self.length = 0;
    }

    pub const fn len(&self) -> usize {
        self.length
    }

    /// Makes room for `count` more elements.
    fn reserve(&mut self, count: usize) {
        let wanted = self.length + count + SLACK;
        if self.items.len() < wanted {
            self.items.resize(wanted.next_power_of_two(), 0);
        }
    }
}

impl std::ops::Deref for List {
    type Target = [u32];

    fn deref(&self) -> &[u32] {
        &self.items[..self.length]
    }
}

/// Appends to `rows` the indices of the masks with bit `step` set, and to `ends` the length of `rows` after each [`RANGE`].
pub fn select(simd: Simd, masks: &[u8], step: usize, rows: &mut List, ends: &mut Vec<u32>) {
    rows.reserve(masks.len());
    match simd.0 {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a `Simd` of this level exists only where the processor was found to have these features.
        Level::Avx512 => unsafe { avx512::select(masks, step, rows, ends) },
        _ => {
            for (range, masks) in masks.chunks(RANGE).enumerate() {
                let out = &mut rows.items[rows.length..][..RANGE.min(masks.len()) + 1];
                let mut count = 0;
                for (i, mask) in masks.iter().enumerate() {
                    out[count] = (range * RANGE + i) as u32;
                    count += usize::from((mask >> step) & 1);
                }
                rows.length += count;
                ends.push(rows.length as u32);
            }
        }
    }
}

/// Blocks whose masks are combined to one visit.
pub const BLOCKS: usize = 8;

/// Gradient rows to visit, by the number of blocks that add to them.
#[derive(Clone, Debug, Default)]
pub struct Visits {
    /// For 1 to [`BLOCKS`] blocks.
    pub by_count: [VisitList; BLOCKS],
}

/// Rows, and per row the table entries (`block * 16 + mask`) to add, one per byte: four in `low`, the others in `high`.
#[derive(Clone, Debug, Default)]
pub struct VisitList {
    pub rows: List,
    pub low: List,
    pub high: List,
}

impl VisitList {
    fn lists(&mut self) -> [&mut List; 3] {
        [&mut self.rows, &mut self.low, &mut self.high]
    }
}

/// Lists the rows in which any of the blocks' masks, restricted to the block's `active` steps, is not zero.
pub fn visits(simd: Simd, inputs: &[&[u8]], active: &[u8], visits: &mut Visits) {
    let count = inputs.first().map_or(0, |input| input.len());
    for list in visits.by_count.iter_mut().flat_map(VisitList::lists) {
        list.clear();
        list.reserve(count);
    }
    match simd.0 {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a `Simd` of this level exists only where the processor was found to have these features.
        Level::Avx512 => unsafe { avx512::visits(inputs, active, visits) },
        _ => {
            for row in 0..count {
                let (mut entries, mut shift) = (0u64, 0);
                for (block, (input, active)) in inputs.iter().zip(active).enumerate() {
                    let mask = input[row] & active;
                    let entry = (block as u64) << 4 | u64::from(mask);
                    entries |= if mask != 0 { entry << shift } else { 0 };
                    shift += if mask != 0 { 8 } else { 0 };
                }
                if shift > 0 {
                    let values = [row as u32, entries as u32, (entries >> 32) as u32];
                    let lists = visits.by_count[shift / 8 - 1].lists();
                    for (list, value) in lists.into_iter().zip(values) {
                        list.items[list.length] = value;
                        list.length += 1;
                    }
                }
            }
        }
    }
}

vectorised! {
    /// Neurons whose mask has a step in common with `steps`, and the number of common steps.
    pub fn common(simd, masks: &[u8], steps: u8) -> Common {
        let mut common = Common::default();
        // Bytes hold the counts of up to 63 masks of at most 4 steps.
        for masks in masks.chunks(63 * 64) {
            let (mut visits, mut events) = ([0u8; 64], [0u8; 64]);
            let (whole, rest) = masks.as_chunks::<64>();
            for masks in whole {
                for i in 0..64 {
                    let mask = masks[i] & steps;
                    visits[i] += u8::from(mask != 0);
                    let pairs = (mask & 5) + ((mask >> 1) & 5);
                    events[i] += (pairs & 3) + (pairs >> 2);
                }
            }
            for mask in rest {
                common.visits += usize::from(mask & steps != 0);
                common.events += (mask & steps).count_ones() as usize;
            }
            common.visits += visits.iter().map(|&count| usize::from(count)).sum::<usize>();
            common.events += events.iter().map(|&count| usize::from(count)).sum::<usize>();
        }
        common
    }

    /// `out[i] |= masks[i] & steps`.
    pub fn unite(simd, masks: &[u8], steps: u8, out: &mut [u8]) {
        for (out, mask) in out.iter_mut().zip(masks) {
            *out |= mask & steps;
        }
    }

    /// `out[i] = (a[i] | b[i]) & steps`.
    pub fn either(simd, a: &[u8], b: &[u8], steps: u8, out: &mut [u8]) {
        for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
            *out = (a | b) & steps;
        }
    }

    /// Words of `lanes` masks that are all zero.
    pub fn zero_words(simd, masks: &[u8], lanes: usize) -> usize {
        match lanes {
            4 => masks.as_chunks::<4>().0.iter().filter(|word| u32::from_ne_bytes(**word) == 0).count(),
            8 => masks.as_chunks::<8>().0.iter().filter(|word| u64::from_ne_bytes(**word) == 0).count(),
            16 => masks.as_chunks::<16>().0.iter().filter(|word| u128::from_ne_bytes(**word) == 0).count(),
            _ => masks.as_chunks::<32>().0.iter().filter(|word| **word == [0; 32]).count(),
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
    use super::{BLOCKS, List, RANGE, Visits};
    use std::arch::x86_64::*;

    /// The first `count` (at most 64) bits set.
    fn first_bits(count: usize) -> u64 {
        if count >= 64 { u64::MAX } else { (1 << count) - 1 }
    }

    /// Stores at `out[length..]` the elements of `values` whose bit in `which` is set, and advances `length`. 16 elements of room are
    /// needed whatever is stored.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,popcnt")]
    fn append(out: &mut [u32], length: &mut usize, which: u16, values: __m512i) {
        let room = &mut out[*length..*length + 16];
        // SAFETY: `room` has 16 elements.
        unsafe {
            _mm512_storeu_si512(
                room.as_mut_ptr().cast(),
                _mm512_maskz_compress_epi32(which, values),
            );
        }
        *length += which.count_ones() as usize;
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vl,popcnt")]
    fn numbers() -> __m512i {
        _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vl,popcnt")]
    pub fn select(masks: &[u8], step: usize, rows: &mut List, ends: &mut Vec<u32>) {
        let bit = _mm512_set1_epi8(1 << step);
        let (out, mut length) = (&mut rows.items[..], rows.length);
        for (range, masks) in masks.chunks(RANGE).enumerate() {
            // SAFETY: only the bytes of `masks` are loaded.
            let masks =
                unsafe { _mm512_maskz_loadu_epi8(first_bits(masks.len()), masks.as_ptr().cast()) };
            let set = _mm512_test_epi8_mask(masks, bit);
            // Whole ranges are often silent.
            if set == 0 {
                ends.push(length as u32);
                continue;
            }
            for part in 0..RANGE / 16 {
                let first = _mm512_set1_epi32((range * RANGE + part * 16) as i32);
                let these = (set >> (part * 16)) as u16;
                append(out, &mut length, these, _mm512_add_epi32(first, numbers()));
            }
            ends.push(length as u32);
        }
        rows.length = length;
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vl,popcnt")]
    pub fn visits(inputs: &[&[u8]], active: &[u8], visits: &mut Visits) {
        let count = inputs.first().map_or(0, |input| input.len());
        for first in (0..count).step_by(16) {
            let valid = first_bits((count - first).min(16)) as u16;
            let zero = _mm512_setzero_si512();
            let (mut low, mut high, mut shift) = (zero, zero, zero);
            for (block, (input, &active)) in inputs.iter().zip(active).enumerate() {
                let input = &input[first..count];
                // SAFETY: only the bytes of `input` are loaded.
                let masks = unsafe { _mm_maskz_loadu_epi8(valid, input.as_ptr().cast()) };
                let masks = _mm512_cvtepu8_epi32(masks);
                let masks = _mm512_and_si512(masks, _mm512_set1_epi32(active.into()));
                let set = _mm512_test_epi32_mask(masks, masks);
                let entry = _mm512_or_si512(masks, _mm512_set1_epi32((block << 4) as i32));
                // Shifts of 32 and more (and negative ones, which are as large) give 0: each entry goes to one of the two.
                let above = _mm512_sub_epi32(shift, _mm512_set1_epi32(32));
                low = _mm512_or_si512(low, _mm512_maskz_sllv_epi32(set, entry, shift));
                high = _mm512_or_si512(high, _mm512_maskz_sllv_epi32(set, entry, above));
                shift = _mm512_mask_add_epi32(shift, set, shift, _mm512_set1_epi32(8));
            }
            let rows = _mm512_add_epi32(_mm512_set1_epi32(first as i32), numbers());
            for blocks in 0..BLOCKS {
                let shifted = _mm512_set1_epi32(8 * (blocks as i32 + 1));
                let these = _mm512_cmpeq_epi32_mask(shift, shifted);
                if these != 0 {
                    let lists = visits.by_count[blocks].lists();
                    for (list, values) in lists.into_iter().zip([rows, low, high]) {
                        append(&mut list.items, &mut list.length, these, values);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Masks that run through all values, with stretches of zeros.
    fn masks(count: usize, factor: usize) -> Vec<u8> {
        (0..count).map(|i| if i / 40 % 2 == 0 { 0 } else { (i * factor % 16) as u8 }).collect()
    }

    #[test]
    fn every_level_selects_the_same_rows() {
        for count in [1, 15, 16, 63, 64, 65, 200, 784] {
            let masks = masks(count, 7);
            for step in 0..4 {
                let expected: Vec<u32> = (0..count as u32)
                    .filter(|&row| (masks[row as usize] >> step) & 1 == 1)
                    .collect();
                for simd in Simd::available() {
                    let (mut rows, mut ends) = (List::default(), Vec::new());
                    select(simd, &masks, step, &mut rows, &mut ends);
                    assert_eq!(&rows[..], &expected[..], "{simd:?}, {count} masks, step {step}");
                    for (range, &end) in ends.iter().enumerate() {
                        let limit = (range as u32 + 1) * RANGE as u32;
                        let below = expected.iter().filter(|&&row| row < limit).count();
                        assert_eq!(end as usize, below, "{simd:?}, range {range}");
                    }
                    assert_eq!(ends.len(), count.div_ceil(RANGE));
                }
            }
        }
    }

    #[test]
    fn every_level_lists_the_same_visits() {
        for count in [1, 15, 16, 17, 100] {
            let inputs: Vec<Vec<u8>> =
                (0..BLOCKS).map(|block| masks(count, 2 * block + 3)).collect();
            let inputs: Vec<&[u8]> = inputs.iter().map(|input| &input[..]).collect();
            let active = [0xf, 0x5, 0x0, 0xe, 0xf, 0x8, 0xf, 0x3];
            for blocks in 1..=BLOCKS {
                for simd in Simd::available() {
                    let mut lists = Visits::default();
                    visits(simd, &inputs[..blocks], &active[..blocks], &mut lists);
                    let mut listed = 0;
                    for (index, list) in lists.by_count.iter().enumerate() {
                        for ((row, low), high) in list.rows.iter().zip(&*list.low).zip(&*list.high)
                        {
                            let masks = (0..blocks).filter_map(|block| {
                                let mask = inputs[block][*row as usize] & active[block];
                                (mask != 0).then_some((block as u64) << 4 | u64::from(mask))
                            });
                            let expected: Vec<u64> = masks.collect();
                            let entries = u64::from(*high) << 32 | u64::from(*low);
                            let bytes: Vec<u64> =
                                (0..=index).map(|i| (entries >> (8 * i)) & 0xff).collect();
                            assert_eq!(bytes, expected, "{simd:?}, row {row}");
                            listed += 1;
                        }
                    }
                    let visited = (0..count)
                        .filter(|&row| (0..blocks).any(|b| inputs[b][row] & active[b] != 0));
                    assert_eq!(listed, visited.count(), "{simd:?}, {blocks} blocks of {count}");
                }
            }
        }
    }

    #[test]
    fn counts_are_those_of_a_plain_loop() {
        for count in [0, 1, 63, 64, 65, 784, 5000] {
            let masks = masks(count, 7);
            for steps in 0..16 {
                let visits = masks.iter().filter(|&&mask| mask & steps != 0).count();
                let events = masks.iter().map(|mask| (mask & steps).count_ones() as usize).sum();
                for simd in Simd::available() {
                    assert_eq!(common(simd, &masks, steps), Common { visits, events });
                }
            }
        }
    }
}
