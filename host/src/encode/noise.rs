//! Random spikes from a counter: no state, so any sample can be encoded at any time, by any thread.

use backspike_arch::num::mix;

/// Features that share a 32-bit sub: eight nibbles of four steps.
pub(super) const GROUP: usize = 8;

/// 2^64 divided by the golden ratio, odd: multiples of it are spread over all 64-bit numbers.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The random numbers of one sample in one epoch.
pub(super) struct SampleNoise(u64);

impl SampleNoise {
    pub(super) fn new(seed: u32, epoch: u32, sample: u32) -> SampleNoise {
        let high = mix(mix(mix(seed) ^ epoch) ^ sample);
        // A second 32-bit key from other bits of the same numbers, so that two samples share a key once in 2^64.
        let low = mix(mix(mix(!seed).wrapping_add(sample)).wrapping_add(epoch));
        SampleNoise(u64::from(high) << 32 | u64::from(low))
    }

    /// 64 random bits of a feature and a time block: 16 for each step.
    #[inline]
    fn bits(&self, block: usize, feature: usize) -> u64 {
        // The finaliser of the SplitMix64 generator over a Weyl sequence, here indexed instead of iterated.
        let z = self.0.wrapping_add(GOLDEN.wrapping_mul((feature as u64) << 8 | block as u64));
        let z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// The nibbles of up to eight features, the lowest first: a spike where 16 random bits are below `below[feature]`.
    #[inline]
    pub(super) fn group(
        &self,
        block: usize,
        group: usize,
        features: &[u8],
        below: &[u32; 256],
    ) -> u32 {
        // Images are mostly background: eight features of 0 cannot spike.
        if features.iter().all(|&x| x == 0) {
            return 0;
        }
        features.iter().enumerate().fold(0, |spikes, (i, &x)| {
            let random = self.bits(block, group * GROUP + i);
            let below = below[usize::from(x)];
            let step = |t: u32| u32::from((random >> (16 * t) & 0xffff) < u64::from(below)) << t;
            spikes | (step(0) | step(1) | step(2) | step(3)) << (4 * i)
        })
    }
}
