//! Toggles to energy.

use crate::liberty::{CellKind, Library, SLEW_NS};
use crate::memory::Sram;
use crate::netlist::{Net, Netlist};
use crate::simulation::Activity;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// Energy of a block, fJ at the library's process and voltage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Part {
    /// Gates and wires that switch.
    pub switching: f64,
    /// Clock pins of flip-flops and clock gates, and their wires.
    pub clock: f64,
}

/// Energy of a stretch of time.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Energy {
    /// By block, as `bp.dot.products`: equal ones together, at most three deep.
    pub parts: BTreeMap<String, Part>,
    /// fJ at `clock_mhz`.
    pub leakage: f64,
}

impl Energy {
    /// Of all blocks together, fJ.
    pub fn switching(&self) -> f64 {
        self.parts.values().map(|part| part.switching).sum()
    }

    /// Of all clock pins together, fJ.
    pub fn clock(&self) -> f64 {
        self.parts.values().map(|part| part.clock).sum()
    }
}

/// What toggles cost in a netlist.
pub struct EnergyModel {
    parts: Vec<String>,
    /// Of every net: fJ of a toggle, and whose it is.
    nets: Vec<(f64, u32)>,
    /// Of every clock net: fJ of a cycle in it, by part.
    clocks: HashMap<Net, BTreeMap<u32, f64>>,
    /// nW.
    leakage: f64,
    /// um2 by part.
    area: BTreeMap<String, f64>,
}

/// Blocks within blocks that are told apart.
const DEPTH: usize = 3;

/// The block of a cell: its name without what is the cell's own, a part with `$` or the last one, and without numbers.
fn part_of(name: &str) -> String {
    let blocks = name.rsplit_once('.').map_or("", |(blocks, _)| blocks);
    let numbered = |c: char| c.is_ascii_digit() || c == '_';
    let blocks = blocks.split('.').take_while(|block| !block.is_empty() && !block.starts_with('$'));
    let blocks: Vec<&str> =
        blocks.take(DEPTH).map(|block| block.trim_end_matches(numbered)).collect();
    if blocks.is_empty() { "top".into() } else { blocks.join(".") }
}

impl EnergyModel {
    /// Every sink of a net adds its pin's capacitance and the wire to it, which is taken as the library's unit load.
    pub fn new(netlist: &Netlist, library: &Library) -> Self {
        let mut parts: Vec<String> = Vec::new();
        let mut numbers: HashMap<String, u32> = HashMap::new();
        let mut number = |name: &str| {
            *numbers.entry(name.to_owned()).or_insert_with(|| {
                parts.push(name.to_owned());
                parts.len() as u32 - 1
            })
        };
        let host = number("inputs");
        let mut loads = vec![0.0; netlist.nets];
        let mut nets = vec![(0.0, host); netlist.nets];
        let mut clocks: HashMap<Net, BTreeMap<u32, f64>> = HashMap::new();
        let mut area: BTreeMap<String, f64> = BTreeMap::new();
        let mut leakage = 0.0;
        let v2 = library.voltage * library.voltage;
        let cells = || {
            netlist
                .instances
                .iter()
                .filter_map(|instance| Some((instance, library.cells.get(&instance.cell)?)))
        };
        for (instance, cell) in cells() {
            let block = part_of(&instance.name);
            let part = number(&block);
            *area.entry(block).or_insert(0.0) += cell.area;
            leakage += cell.leakage;
            let clock = match cell.kind {
                CellKind::Gates => None,
                CellKind::FlipFlop { clock, idle, .. }
                | CellKind::ClockGate { clock, idle, .. } => Some((clock, idle)),
            };
            for (index, (name, capacitance)) in cell.inputs.iter().enumerate() {
                let Some(net) = instance.net(name) else { continue };
                let load = capacitance + library.unit_load;
                match clock {
                    // Two edges of half C V^2 each, and what the cell itself takes.
                    Some((pin, idle)) if pin == index => {
                        *clocks.entry(net).or_default().entry(part).or_insert(0.0) +=
                            idle + load * v2;
                    }
                    _ => loads[net as usize] += load,
                }
            }
        }
        // Memories' pins load nets like a gate's.
        for instance in netlist.instances.iter().filter(|i| Sram::of(&i.cell).is_some()) {
            for (pin, net) in &instance.pins {
                if !pin.contains("rdata") && pin != "clock" {
                    loads[*net as usize] += 2.0 * library.unit_load;
                }
            }
        }
        for (net, load) in loads.iter().enumerate() {
            nets[net].0 = 0.5 * load * v2;
        }
        for (instance, cell) in cells() {
            let part = number(&part_of(&instance.name));
            for output in &cell.outputs {
                let Some(net) = instance.net(&output.name) else { continue };
                let (energy, owner) = &mut nets[net as usize];
                // A flip-flop's table holds the clock's edge too, which `idle` counts.
                *energy += output.energy.at(SLEW_NS, loads[net as usize]).max(0.0);
                *owner = part;
            }
        }
        Self { parts, nets, clocks, leakage, area }
    }

    /// um2 by block, memories apart.
    pub fn area(&self) -> &BTreeMap<String, f64> {
        &self.area
    }

    /// Energy of what was counted, at a clock of `clock_mhz`.
    pub fn energy(&self, activity: &Activity, clock_mhz: f64) -> Energy {
        let mut parts = vec![Part::default(); self.parts.len()];
        for (net, (&toggles, (energy, part))) in activity.toggles.iter().zip(&self.nets).enumerate()
        {
            match self.clocks.get(&(net as Net)) {
                // A cycle is two toggles.
                Some(sinks) => sinks.iter().for_each(|(part, energy)| {
                    parts[*part as usize].clock += energy * toggles as f64 / 2.0;
                }),
                None => parts[*part as usize].switching += energy * toggles as f64,
            }
        }
        // nW x us = fJ.
        let leakage = self.leakage * activity.cycles as f64 / clock_mhz;
        Energy { parts: self.parts.iter().cloned().zip(parts).collect(), leakage }
    }
}

#[cfg(test)]
mod tests {
    use super::part_of;

    #[test]
    fn equal_blocks_are_one_part() {
        for (name, part) in [
            ("bp.dot.products_12.abc$5", "bp.dot.products"),
            ("bp.dot.level1_0.$auto$ff.cc:337:slice$2", "bp.dot.level"),
            ("fp.lane_3.unit.rounder.adder.x", "fp.lane.unit"),
            ("fp.$auto$ff.cc:337:slice$2", "fp"),
            ("$abc$7.x", "top"),
            ("x", "top"),
        ] {
            assert_eq!(part_of(name), part, "{name}");
        }
    }
}
