//! The spike region as the device holds it.

use super::GROUP;
use backspike_arch::TIME_BLOCK;

/// Steps of a time block as u32: one feature of a plane word is a nibble.
const NIBBLE: usize = TIME_BLOCK;

/// The plane words of a population: word `q = block * tiles + tile` has the bit `lane * 4 + t % 4`, and lies as 32-bit subs,
/// the lowest first. With 4 lanes a word has 16 bits and one sub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlaneShape {
    lanes: usize,
    features: usize,
    steps: usize,
}

impl PlaneShape {
    /// `lanes` in 4, 8, 16, 32; one or more features and steps.
    ///
    /// # Panics
    /// For anything else: configuration and network file have been checked before.
    pub fn new(lanes: usize, features: usize, steps: usize) -> PlaneShape {
        assert!([4, 8, 16, 32].contains(&lanes), "{lanes} lanes");
        assert!(features > 0 && steps > 0, "{features} features, {steps} steps");
        PlaneShape { lanes, features, steps }
    }

    pub fn features(&self) -> usize {
        self.features
    }

    pub fn steps(&self) -> usize {
        self.steps
    }

    /// Tiles of `lanes` features.
    pub fn tiles(&self) -> usize {
        self.features.div_ceil(self.lanes)
    }

    /// Time blocks of 4 steps.
    pub fn blocks(&self) -> usize {
        self.steps.div_ceil(TIME_BLOCK)
    }

    /// Plane words of a sample.
    pub fn words(&self) -> usize {
        self.blocks() * self.tiles()
    }

    /// 32-bit subs of a plane word.
    pub fn subs(&self) -> usize {
        (self.lanes / GROUP).max(1)
    }

    /// 32-bit subs of a sample.
    pub fn len(&self) -> usize {
        self.words() * self.subs()
    }

    /// Never: a population has at least one feature and a sample one step.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Whether feature `feature` spikes at step `step` in the plane words of a sample.
    pub fn spike(&self, words: &[u32], feature: usize, step: usize) -> bool {
        let (tile, lane) = (feature / self.lanes, feature % self.lanes);
        let word = step / TIME_BLOCK * self.tiles() + tile;
        let bit = lane * TIME_BLOCK + step % TIME_BLOCK;
        words[word * self.subs() + bit / 32] >> (bit % 32) & 1 != 0
    }

    /// Subs of a time block.
    pub(super) fn block_len(&self) -> usize {
        self.tiles() * self.subs()
    }

    /// The steps of a block that exist, for all eight nibbles of a sub.
    pub(super) fn step_mask(&self, block: usize) -> u32 {
        let steps = (self.steps - block * TIME_BLOCK).min(TIME_BLOCK);
        0x1111_1111 * ((1 << steps) - 1)
    }

    /// Stores the nibbles of eight features, the lowest first. With 8 lanes and more they are one sub, as tiles are then
    /// multiples of eight features; with 4 lanes they are two words of 16 bits.
    #[inline]
    pub(super) fn store(&self, block: &mut [u32], group: usize, spikes: u32) {
        if self.lanes >= GROUP {
            block[group] = spikes;
        } else {
            block[2 * group] = spikes & 0xffff;
            if let Some(high) = block.get_mut(2 * group + 1) {
                *high = spikes >> (4 * NIBBLE);
            }
        }
    }

    /// Zeroes the subs of the last tile that no feature reaches.
    #[inline]
    pub(super) fn clear_padding(&self, block: &mut [u32]) {
        let used = self.features.div_ceil(GROUP.min(self.lanes));
        block[used..].fill(0);
    }
}
