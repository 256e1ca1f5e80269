//! Which rows of a memory hold what of a placed network, and what a row is called.

use std::ops::Range;

use backspike_arch::{HostAddress, Region, TIME_BLOCK};

use crate::program::{Placement, PopulationPlace};

impl Placement {
    /// The rows of `region` that hold layer `l`: its weights, or the words of the population it drives in `slot`.
    pub fn rows(&self, region: Region, l: usize, slot: usize) -> Range<usize> {
        let place = self.populations[l + 1];
        let blocks = place.tiles * self.blocks;
        let (first, count) = match region {
            Region::Spike | Region::Trace | Region::Nonzero => {
                (self.config.plane_row(slot, place.plane_base), blocks)
            }
            Region::Error => {
                (self.config.error_row(slot, place.error_base, 0), blocks * TIME_BLOCK)
            }
            Region::Membrane => {
                (self.config.membrane_row(slot, place.membrane_base, 0), blocks * TIME_BLOCK)
            }
            _ => (self.weight_base[l], self.weight_rows[l]),
        };
        first..first + count
    }

    /// Whether `row` of layer `l` belongs to a step of the sample: the last block may have fewer than [`TIME_BLOCK`].
    pub fn has_step(&self, region: Region, l: usize, row: usize) -> bool {
        let base = match region {
            Region::Error => self.populations[l + 1].error_base,
            Region::Membrane => self.populations[l + 1].membrane_base,
            _ => return true,
        };
        let offset = row % region.slot_rows(&self.config) - base * TIME_BLOCK;
        let block = offset / TIME_BLOCK / self.populations[l + 1].tiles;
        block * TIME_BLOCK + offset % TIME_BLOCK < self.steps
    }

    /// Whether a pushed word of an output holds a step of the sample.
    pub fn is_written(&self, at: HostAddress) -> bool {
        self.has_step(at.region, self.layers() - 1, at.row as usize)
    }

    /// The network's name of the lowest bit of `bits` in word `sub` of a row: layer, sample slot, step, neuron.
    pub fn name(&self, region: Region, row: usize, sub: usize, bits: u32) -> String {
        let lanes = self.config.lanes;
        let bit = bits.trailing_zeros() as usize % 32;
        let lane = match region {
            Region::Gradient | Region::Membrane => sub,
            _ => 2 * sub + bit / 16,
        };
        if !region.per_slot() {
            let layer = (0..self.layers()).find(|&l| self.rows(region, l, 0).contains(&row));
            let Some(l) = layer else {
                return format!("row {row}, word {sub}, outside all layers");
            };
            let (at, fan_in) = (row - self.weight_base[l], self.populations[l].neurons);
            return format!(
                "layer {l}, input {}, neuron {}",
                at % fan_in,
                at / fan_in * lanes + lane
            );
        }
        let slot_rows = region.slot_rows(&self.config);
        let (slot, at) = (row / slot_rows, row % slot_rows);
        let steps = matches!(region, Region::Error | Region::Membrane);
        let offset = if steps { at / TIME_BLOCK } else { at };
        let base = |place: &PopulationPlace| match region {
            Region::Error => place.error_base,
            Region::Membrane => place.membrane_base,
            _ => place.plane_base,
        };
        // From the last population down: those without a place in this region share their base with the next.
        let owner = self.populations.iter().enumerate().rev().find(|(_, place)| {
            (base(place)..base(place) + place.tiles * self.blocks).contains(&offset)
        });
        let Some((index, place)) = owner else {
            return format!("slot {slot}, row {at}, word {sub}, outside all populations");
        };
        let block = (offset - base(place)) / place.tiles * TIME_BLOCK;
        let neurons = (offset - base(place)) % place.tiles * lanes;
        let population = match index {
            0 => "the input".to_owned(),
            _ => format!("layer {}", index - 1),
        };
        let (step, neuron) = match region {
            Region::Error | Region::Membrane => (block + at % TIME_BLOCK, neurons + lane),
            Region::Nonzero => {
                let last = neurons + lanes - 1;
                return format!(
                    "{population}, slot {slot}, step {}, neurons {neurons} to {last}",
                    block + bit
                );
            }
            _ => {
                let words = self.config.plane_bits().div_ceil(32);
                let at = sub % words * 32 + bit;
                let plane = if region == Region::Trace {
                    ["spike of ", "code bit 0 of ", "code bit 1 of "][sub / words]
                } else {
                    ""
                };
                let (step, neuron) = (block + at % TIME_BLOCK, neurons + at / TIME_BLOCK);
                return format!("{plane}{population}, slot {slot}, step {step}, neuron {neuron}");
            }
        };
        format!("{population}, slot {slot}, step {step}, neuron {neuron}")
    }
}
