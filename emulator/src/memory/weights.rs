//! Weight, state and gradient memories.
//!
//! Rows that belong to a slice some engine has used live in that slice's [`Image`], laid out for speed; all other rows live in
//! plain arrays as the machine has them. The host sees rows either way.

use super::image::{Image, SliceRows};

/// The three memories with a row of lanes per fan-in index and tile.
pub struct Weights {
    lanes: usize,
    half: Vec<u16>,
    state: Vec<u16>,
    gradient: Vec<i32>,
    images: Vec<Image>,
}

/// Two lanes of a row as the host writes or reads them in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HalfMemory {
    Weight,
    State,
}

impl Weights {
    pub fn new(rows: usize, lanes: usize) -> Self {
        let cells = rows * lanes;
        Self {
            lanes,
            half: vec![0; cells],
            state: vec![0; cells],
            gradient: vec![0; cells],
            images: Vec::new(),
        }
    }

    /// The index of the image of a slice, made if it does not exist. The slice's rows must be in the memory.
    pub fn image_index(&mut self, slice: SliceRows) -> usize {
        if let Some(index) = self.images.iter().position(|image| image.slice() == slice) {
            return index;
        }
        // A slice that overlaps others takes their rows: programs do not do this, but the host may load another network.
        while let Some(index) = self.images.iter().position(|image| image.slice().overlaps(&slice))
        {
            let image = self.images.swap_remove(index);
            image.store(&mut self.half, &mut self.state, &mut self.gradient);
        }
        self.images.push(Image::load(slice, self.lanes, &self.half, &self.state, &self.gradient));
        self.images.len() - 1
    }

    pub fn image(&self, index: usize) -> &Image {
        &self.images[index]
    }

    pub fn image_mut(&mut self, index: usize) -> &mut Image {
        &mut self.images[index]
    }

    /// Two lanes of a row, the lower one in the low half.
    pub fn pair(&self, memory: HalfMemory, row: usize, sub: usize) -> u32 {
        let lane = 2 * sub;
        let [low, high] = match self.images.iter().find(|image| image.slice().contains(row)) {
            Some(image) => image.pair(memory, row, lane),
            None => {
                let cells = match memory {
                    HalfMemory::Weight => &self.half,
                    HalfMemory::State => &self.state,
                };
                let at = row * self.lanes + lane;
                [cells[at], cells[at + 1]]
            }
        };
        u32::from(low) | u32::from(high) << 16
    }

    pub fn set_pair(&mut self, memory: HalfMemory, row: usize, sub: usize, word: u32) {
        let lane = 2 * sub;
        let pair = [word as u16, (word >> 16) as u16];
        match self.images.iter_mut().find(|image| image.slice().contains(row)) {
            Some(image) => image.set_pair(memory, row, lane, pair),
            None => {
                let cells = match memory {
                    HalfMemory::Weight => &mut self.half,
                    HalfMemory::State => &mut self.state,
                };
                let at = row * self.lanes + lane;
                cells[at..at + 2].copy_from_slice(&pair);
            }
        }
    }

    pub fn gradient(&self, row: usize, lane: usize) -> i32 {
        match self.images.iter().find(|image| image.slice().contains(row)) {
            Some(image) => image.gradient_at(row, lane),
            None => self.gradient[row * self.lanes + lane],
        }
    }
}
