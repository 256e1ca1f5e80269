//! Gates between registers, evaluated where something changed.

use super::Nets;
use crate::netlist::Net;
use anyhow::{Result, bail};

/// A gate's output.
pub(super) struct Gate {
    pub(super) inputs: Vec<Net>,
    /// Of up to six inputs.
    pub(super) table: u64,
    pub(super) output: Net,
}

/// All gates in topological order, each pending or settled.
pub(super) struct Gates {
    gates: Vec<Gate>,
    /// Gates that read net `n`: `readers[first[n]..first[n + 1]]`.
    first: Vec<u32>,
    readers: Vec<u32>,
    /// A bit a gate: an input changed since it was last evaluated.
    pending: Vec<u64>,
}

impl Gates {
    /// All pending.
    ///
    /// # Errors
    ///
    /// When gates form a loop.
    pub(super) fn new(gates: Vec<Gate>, nets: usize) -> Result<Self> {
        let gates = in_order(gates, nets)?;
        let mut first = vec![0u32; nets + 1];
        for net in gates.iter().flat_map(|gate| &gate.inputs) {
            first[*net as usize + 1] += 1;
        }
        for net in 0..nets {
            first[net + 1] += first[net];
        }
        let mut next = first.clone();
        let mut readers = vec![0; first[nets] as usize];
        for (index, gate) in gates.iter().enumerate() {
            for &net in &gate.inputs {
                readers[next[net as usize] as usize] = index as u32;
                next[net as usize] += 1;
            }
        }
        let mut pending = vec![0; gates.len().div_ceil(64)];
        (0..gates.len()).for_each(|gate| pending[gate / 64] |= 1 << (gate % 64));
        Ok(Self { gates, first, readers, pending })
    }

    /// Says that `net` changed.
    #[inline]
    pub(super) fn changed(&mut self, net: Net) {
        let readers = self.first[net as usize] as usize..self.first[net as usize + 1] as usize;
        for &gate in &self.readers[readers] {
            self.pending[gate as usize / 64] |= 1 << (gate % 64);
        }
    }

    /// Evaluates what is pending, each gate once, until all is settled.
    pub(super) fn settle(&mut self, nets: &mut Nets) {
        for word in 0..self.pending.len() {
            // What a gate makes pending comes after it, perhaps in this word.
            while self.pending[word] != 0 {
                let gate = word * 64 + self.pending[word].trailing_zeros() as usize;
                self.pending[word] &= self.pending[word] - 1;
                let Gate { inputs, table, output } = &self.gates[gate];
                let row =
                    inputs.iter().rev().fold(0, |row, &net| row << 1 | nets.values[net as usize]);
                let output = *output;
                if nets.put(output, (table >> row & 1) as u8) {
                    self.changed(output);
                }
            }
        }
    }
}

/// Gates after those that drive them.
fn in_order(gates: Vec<Gate>, nets: usize) -> Result<Vec<Gate>> {
    let mut driver = vec![usize::MAX; nets];
    for (index, gate) in gates.iter().enumerate() {
        driver[gate.output as usize] = index;
    }
    let mut missing = vec![0u32; gates.len()];
    let mut readers: Vec<Vec<u32>> = vec![Vec::new(); gates.len()];
    for (index, gate) in gates.iter().enumerate() {
        for &net in &gate.inputs {
            if let Some(before) = readers.get_mut(driver[net as usize]) {
                before.push(index as u32);
                missing[index] += 1;
            }
        }
    }
    let mut order: Vec<usize> = (0..gates.len()).filter(|&index| missing[index] == 0).collect();
    let mut next = 0;
    while let Some(&index) = order.get(next) {
        next += 1;
        for &reader in &readers[index] {
            missing[reader as usize] -= 1;
            if missing[reader as usize] == 0 {
                order.push(reader as usize);
            }
        }
    }
    if order.len() < gates.len() {
        bail!("{} gates form loops", gates.len() - order.len());
    }
    let mut gates: Vec<Option<Gate>> = gates.into_iter().map(Some).collect();
    Ok(order.into_iter().filter_map(|index| gates[index].take()).collect())
}
