//! The rows of one slice, laid out in panels.

use super::panel::{self, Aligned, Panel, panel_of, panels};
use super::weights::HalfMemory;
use crate::kernel::optimizer::{Row, UpdateLanes};
use crate::kernel::{Simd, align, optimizer};
use backspike_arch::Coordinates;

/// The rows of a slice: `tiles * fan_in` from `base` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SliceRows {
    pub base: usize,
    pub fan_in: usize,
    pub tiles: usize,
}

impl SliceRows {
    /// One past the last row.
    pub const fn end(&self) -> usize {
        self.base + self.fan_in * self.tiles
    }

    pub const fn contains(&self, row: usize) -> bool {
        row >= self.base && row < self.end()
    }

    pub const fn overlaps(&self, other: &Self) -> bool {
        self.base < other.end() && other.base < self.end()
    }
}

/// Weights (in two forms), state and gradient of a slice, each `[panel][fan-in index][column]`.
pub struct Image {
    slice: SliceRows,
    lanes: usize,
    width: usize,
    /// Weights as multiples of 2^-24.
    aligned: Aligned<i32>,
    half: Vec<u16>,
    state: Vec<u16>,
    gradient: Aligned<i32>,
    /// Per fan-in index the largest weight magnitude, Q24: bounds the forward sums.
    largest: Vec<u32>,
    /// The host wrote weights since `aligned` and `largest` were made.
    stale: bool,
}

impl Image {
    pub(super) fn load(
        slice: SliceRows,
        lanes: usize,
        half: &[u16],
        state: &[u16],
        gradient: &[i32],
    ) -> Self {
        let width = panel::padded(slice.tiles * lanes);
        let cells = slice.fan_in * width;
        let mut image = Self {
            slice,
            lanes,
            width,
            aligned: Aligned::zeros(cells),
            half: vec![0; cells],
            state: vec![0; cells],
            gradient: Aligned::zeros(cells),
            largest: vec![0; slice.fan_in],
            stale: true,
        };
        for row in slice.base..slice.end() {
            let (from, to) = (row * lanes, image.offset(row, 0));
            // Lanes of a row may straddle panels only at multiples of 16 columns.
            for lane in (0..lanes).step_by(16) {
                let to = if lane == 0 { to } else { image.offset(row, lane) };
                let count = 16.min(lanes - lane);
                let (from, to) = (from + lane..from + lane + count, to..to + count);
                image.half[to.clone()].copy_from_slice(&half[from.clone()]);
                image.state[to.clone()].copy_from_slice(&state[from.clone()]);
                image.gradient[to].copy_from_slice(&gradient[from]);
            }
        }
        image
    }

    pub(super) fn store(self, half: &mut [u16], state: &mut [u16], gradient: &mut [i32]) {
        for row in self.slice.base..self.slice.end() {
            for lane in 0..self.lanes {
                let (from, to) = (self.offset(row, lane), row * self.lanes + lane);
                half[to] = self.half[from];
                state[to] = self.state[from];
                gradient[to] = self.gradient[from];
            }
        }
    }

    /// Where a lane of a memory row is.
    fn offset(&self, row: usize, lane: usize) -> usize {
        let index = row - self.slice.base;
        let (tile, j) = (index / self.slice.fan_in, index % self.slice.fan_in);
        let column = tile * self.lanes + lane;
        let panel = panel_of(self.width, column);
        panel.first * self.slice.fan_in + j * panel.columns + (column - panel.first)
    }

    pub const fn slice(&self) -> SliceRows {
        self.slice
    }

    /// Columns, a multiple of 16.
    pub const fn width(&self) -> usize {
        self.width
    }

    pub fn panels(&self) -> impl Iterator<Item = Panel> + use<> {
        panels(self.width)
    }

    /// A panel of the weights, Q24, `[fan-in index][column]`. [`Self::refresh`] first.
    pub fn weights(&self, panel: Panel) -> &[i32] {
        &self.aligned[panel.range(self.slice.fan_in)]
    }

    /// All gradients, `[panel][fan-in index][column]`.
    pub fn gradients(&mut self) -> &mut [i32] {
        &mut self.gradient
    }

    /// The largest weight magnitude of each fan-in index, Q24.
    pub fn largest(&self) -> &[u32] {
        &self.largest
    }

    /// Brings the aligned weights up to date with what the host wrote.
    pub fn refresh(&mut self, simd: Simd) {
        if !std::mem::take(&mut self.stale) {
            return;
        }
        align::weights(simd, &self.half, &mut self.aligned);
        self.largest.fill(0);
        for panel in panels(self.width) {
            let rows = self.aligned[panel.range(self.slice.fan_in)].chunks_exact(panel.columns);
            for (largest, row) in self.largest.iter_mut().zip(rows) {
                *largest = (*largest).max(align::largest(simd, row));
            }
        }
    }

    /// The image cut into groups of panels, all in order, for threads that update it. [`Self::refresh`] first.
    pub fn parts(&mut self, panels: &[&[Panel]]) -> Vec<Part<'_>> {
        let rows = self.slice.fan_in;
        let mut aligned = &mut self.aligned[..];
        let mut half = &mut self.half[..];
        let mut state = &mut self.state[..];
        let mut gradient = &mut self.gradient[..];
        let mut parts = Vec::with_capacity(panels.len());
        for panels in panels {
            let cells = rows * panels.iter().map(|panel| panel.columns).sum::<usize>();
            parts.push(Part {
                panels: panels.to_vec(),
                rows,
                aligned: take(&mut aligned, cells),
                half: take(&mut half, cells),
                state: take(&mut state, cells),
                gradient: take(&mut gradient, cells),
            });
        }
        parts
    }

    /// Sets the largest weights of the rows after an update, from those of each part.
    pub fn set_largest(&mut self, parts: impl IntoIterator<Item = Vec<u32>>) {
        self.largest.fill(0);
        for part in parts {
            for (largest, part) in self.largest.iter_mut().zip(part) {
                *largest = (*largest).max(part);
            }
        }
    }

    /// Gradient and state to zero.
    pub fn clear(&mut self) {
        self.state.fill(0);
        self.gradient.fill(0);
    }

    pub(super) fn pair(&self, memory: HalfMemory, row: usize, lane: usize) -> [u16; 2] {
        let at = self.offset(row, lane);
        let cells = match memory {
            HalfMemory::Weight => &self.half,
            HalfMemory::State => &self.state,
        };
        [cells[at], cells[at + 1]]
    }

    pub(super) fn set_pair(&mut self, memory: HalfMemory, row: usize, lane: usize, pair: [u16; 2]) {
        let at = self.offset(row, lane);
        let cells = match memory {
            HalfMemory::Weight => {
                self.stale = true;
                &mut self.half
            }
            HalfMemory::State => &mut self.state,
        };
        cells[at..at + 2].copy_from_slice(&pair);
    }

    pub(super) fn gradient_at(&self, row: usize, lane: usize) -> i32 {
        self.gradient[self.offset(row, lane)]
    }
}

/// The first `count` elements of `slice`, which keeps the others.
fn take<'a, T>(slice: &mut &'a mut [T], count: usize) -> &'a mut [T] {
    let (first, rest) = std::mem::take(slice).split_at_mut(count);
    *slice = rest;
    first
}

/// Some panels of an image.
pub struct Part<'a> {
    panels: Vec<Panel>,
    rows: usize,
    aligned: &'a mut [i32],
    half: &'a mut [u16],
    state: &'a mut [u16],
    gradient: &'a mut [i32],
}

impl Part<'_> {
    /// Updates all rows; returns the largest new weight of each.
    pub fn update(self, simd: Simd, p: &UpdateLanes, key: u32, at: Coordinates) -> Vec<u32> {
        let mut largest = vec![0; self.rows];
        let first = self.panels.first().map_or(0, |panel| panel.first) * self.rows;
        for panel in &self.panels {
            let range = panel.range(self.rows);
            let range = range.start - first..range.end - first;
            let rows = self.aligned[range.clone()]
                .chunks_exact_mut(panel.columns)
                .zip(self.half[range.clone()].chunks_exact_mut(panel.columns))
                .zip(self.state[range.clone()].chunks_exact_mut(panel.columns))
                .zip(self.gradient[range].chunks_exact_mut(panel.columns))
                .zip(&mut largest);
            let first_out = u32::from(at.out_base).wrapping_add(panel.first as u32);
            for (j, ((((aligned, half), state), gradient), largest)) in rows.enumerate() {
                let mut row = Row { aligned, half, state, gradient };
                let input = u32::from(at.in_base.wrapping_add(j as u16)) << 16;
                let new = optimizer::update_row(simd, p, &mut row, key ^ input, first_out);
                *largest = (*largest).max(new);
            }
        }
        largest
    }
}
