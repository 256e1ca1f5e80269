//! Gate-level simulation that counts the toggles of every net.
//!
//! Two values, no delays: each cycle a gate is evaluated at most once, in topological order and only if an input changed, so a net toggles at
//! most once a cycle and glitches are not seen. Clock gates pass the clock on or not; flip-flops behind a closed one are not touched.

mod activity;
mod gates;
mod memory;

pub use activity::Activity;

use crate::liberty::{Cell, CellKind, Library};
use crate::memory::{Sram, SramUse};
use crate::netlist::{Instance, Net, Netlist, ONE, ZERO};
use anyhow::{Context, Result, ensure};
use gates::{Gate, Gates};
use memory::Memory;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::HashMap;

/// A flip-flop.
struct Flop {
    inputs: Vec<Net>,
    next: u64,
    /// Output nets with their function of the stored bit.
    outputs: Vec<(Net, u64)>,
}

/// A clock: the root's, or behind a gate.
struct Domain {
    parent: usize,
    enable: Net,
    output: Net,
    flops: Vec<Flop>,
}

/// The values of all nets and what was counted of them.
struct Nets {
    values: Vec<u8>,
    toggles: Vec<u64>,
    /// Half cycles at 1 up to `since`, the cycle of the last change.
    high: Vec<u64>,
    since: Vec<u64>,
    cycles: u64,
}

impl Nets {
    /// Whether the net changed.
    #[inline]
    fn put(&mut self, net: Net, value: u8) -> bool {
        let net = net as usize;
        if self.values[net] == value {
            return false;
        }
        self.high[net] += 2 * (self.cycles - self.since[net]) * u64::from(self.values[net]);
        self.since[net] = self.cycles;
        self.toggles[net] += 1;
        self.values[net] = value;
        true
    }
}

/// A netlist with state.
pub struct Simulation {
    gates: Gates,
    domains: Vec<Domain>,
    memories: Vec<Memory>,
    uses: Vec<SramUse>,
    nets: Nets,
    inputs: HashMap<String, Net>,
    outputs: HashMap<String, Net>,
    running: Vec<bool>,
    changes: Vec<(Net, u8)>,
}

/// Pins of `instance` called `name[0]`, `name[1]` and so on, or `name` alone; unconnected ones end it.
fn bus(instance: &Instance, name: &str) -> Vec<Net> {
    let mut bits: Vec<(usize, Net)> = instance
        .pins
        .iter()
        .filter_map(|(pin, net)| {
            let rest = pin.strip_prefix(name)?;
            let index = if rest.is_empty() {
                Some(0)
            } else {
                rest.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
            };
            Some((index?, *net))
        })
        .collect();
    bits.sort_unstable();
    bits.into_iter().map(|(_, net)| net).collect()
}

/// At most 128 nets as a number.
#[inline]
fn word(values: &[u8], nets: &[Net]) -> u128 {
    nets.iter().rev().fold(0, |word, &net| word << 1 | u128::from(values[net as usize]))
}

impl Simulation {
    /// A netlist whose registers and memories start with random bits of `seed`. The clock is the input `clock`.
    ///
    /// # Errors
    ///
    /// When a cell is not in the library, when gates form a loop, when a clock comes from neither the input nor a clock gate.
    pub fn new(netlist: &Netlist, library: &Library, seed: u64) -> Result<Self> {
        let inputs: HashMap<String, Net> = netlist.inputs.iter().cloned().collect();
        let root = *inputs.get("clock").context("the netlist has no input clock")?;
        let mut domains = vec![Domain { parent: 0, enable: ONE, output: root, flops: Vec::new() }];
        add_domains(netlist, library, &mut domains)?;
        let by_clock: HashMap<Net, usize> =
            domains.iter().enumerate().map(|(index, domain)| (domain.output, index)).collect();
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (mut gates, mut memories) = (Vec::new(), Vec::new());
        for instance in &netlist.instances {
            if let Some(sram) = Sram::of(&instance.cell) {
                memories.push(Memory::new(instance, sram, &mut rng));
                continue;
            }
            let cell = find(library, instance)?;
            let pins = Pins::of(instance, cell);
            match cell.kind {
                CellKind::Gates => {
                    gates.extend(pins.outputs.iter().map(|&(output, table)| Gate {
                        inputs: pins.inputs.clone(),
                        table,
                        output,
                    }));
                }
                CellKind::FlipFlop { clock, next, .. } => {
                    let domain = *by_clock.get(&pins.inputs[clock]).with_context(|| {
                        format!("the clock of {} is neither the input nor gated", instance.name)
                    })?;
                    let flop = Flop { inputs: pins.inputs, next, outputs: pins.outputs };
                    domains[domain].flops.push(flop);
                }
                CellKind::ClockGate { .. } => {}
            }
        }
        let gates = Gates::new(gates, netlist.nets)?;
        let mut values = vec![0; netlist.nets];
        values[ONE as usize] = 1;
        for flop in domains.iter().flat_map(|domain| &domain.flops) {
            let stored = u64::from(rng.random::<bool>());
            for &(net, table) in &flop.outputs {
                values[net as usize] = (table >> stored & 1) as u8;
            }
        }
        let zeros = vec![0; netlist.nets];
        let nets =
            Nets { values, toggles: zeros.clone(), high: zeros.clone(), since: zeros, cycles: 0 };
        let running = vec![false; domains.len()];
        let uses = vec![SramUse::default(); memories.len()];
        let outputs = netlist.outputs.iter().cloned().collect();
        let changes = Vec::new();
        Ok(Self { gates, domains, memories, uses, nets, inputs, outputs, running, changes })
    }

    /// What has been counted since the start.
    pub fn activity(&self) -> Activity {
        let nets = &self.nets;
        let high = nets.values.iter().zip(&nets.since).zip(&nets.high);
        let memories = self.memories.iter().zip(&self.uses);
        Activity {
            cycles: nets.cycles,
            toggles: nets.toggles.clone(),
            high: high
                .map(|((&value, since), high)| high + 2 * (nets.cycles - since) * u64::from(value))
                .collect(),
            memories: memories.map(|(m, used)| (m.name.clone(), m.sram, *used)).collect(),
        }
    }

    /// Nets of the bus `name` of inputs or outputs, lowest bit first.
    pub fn port(&self, name: &str) -> Vec<Net> {
        let single = self.inputs.get(name).or_else(|| self.outputs.get(name));
        if let Some(&net) = single {
            return vec![net];
        }
        (0..)
            .map(|bit| format!("{name}[{bit}]"))
            .map_while(|pin| self.inputs.get(&pin).or_else(|| self.outputs.get(&pin)).copied())
            .collect()
    }

    /// Sets input nets.
    pub fn set(&mut self, nets: &[Net], value: u64) {
        for (bit, &net) in nets.iter().enumerate() {
            self.put(net, (value >> bit & 1) as u8);
        }
    }

    /// Reads nets, at most 64.
    pub fn get(&self, nets: &[Net]) -> u64 {
        word(&self.nets.values, nets) as u64
    }

    #[inline]
    fn put(&mut self, net: Net, value: u8) {
        if self.nets.put(net, value) {
            self.gates.changed(net);
        }
    }

    /// Lets all gates settle.
    pub fn settle(&mut self) {
        self.gates.settle(&mut self.nets);
    }

    /// A rising and a falling edge of the clock; gates settle at the next [`settle`](Self::settle).
    pub fn edge(&mut self) {
        self.nets.cycles += 1;
        let mut changes = std::mem::take(&mut self.changes);
        changes.clear();
        for (index, domain) in self.domains.iter().enumerate() {
            let running = index == 0
                || self.running[domain.parent] && self.nets.values[domain.enable as usize] != 0;
            self.running[index] = running;
            if !running {
                continue;
            }
            self.nets.toggles[domain.output as usize] += 2;
            self.nets.high[domain.output as usize] += 1;
            for flop in &domain.flops {
                let stored = flop.next >> word(&self.nets.values, &flop.inputs) & 1;
                changes.extend(
                    flop.outputs.iter().map(|&(net, table)| (net, (table >> stored & 1) as u8)),
                );
            }
        }
        for (memory, used) in self.memories.iter_mut().zip(&mut self.uses) {
            memory.edge(&self.nets.values, used, &mut changes);
        }
        for &(net, value) in &changes {
            self.put(net, value);
        }
        self.changes = changes;
    }
}

fn find<'a>(library: &'a Library, instance: &Instance) -> Result<&'a Cell> {
    library.cells.get(&instance.cell).with_context(|| {
        format!(
            "{} is a {}, which the library {} does not define",
            instance.name, instance.cell, library.name
        )
    })
}

/// Nets of an instance in the order of its cell's pins.
struct Pins {
    inputs: Vec<Net>,
    outputs: Vec<(Net, u64)>,
}

impl Pins {
    fn of(instance: &Instance, cell: &Cell) -> Self {
        let inputs =
            cell.inputs.iter().map(|(name, _)| instance.net(name).unwrap_or(ZERO)).collect();
        let outputs = cell.outputs.iter();
        let outputs =
            outputs.filter_map(|out| Some((instance.net(&out.name)?, out.table))).collect();
        Self { inputs, outputs }
    }
}

/// Clock gates, each after the one that feeds it.
fn add_domains(netlist: &Netlist, library: &Library, domains: &mut Vec<Domain>) -> Result<()> {
    let mut waiting = Vec::new();
    for instance in netlist.instances.iter().filter(|i| Sram::of(&i.cell).is_none()) {
        let cell = find(library, instance)?;
        if let CellKind::ClockGate { clock, enable, .. } = cell.kind {
            let pins = Pins::of(instance, cell);
            let output = pins.outputs.first().map_or(0, |(net, _)| *net);
            waiting.push((pins.inputs[clock], pins.inputs[enable], output));
        }
    }
    while !waiting.is_empty() {
        let before = waiting.len();
        waiting.retain(|&(clock, enable, output)| {
            let parent = domains.iter().position(|domain| domain.output == clock);
            if let Some(parent) = parent {
                domains.push(Domain { parent, enable, output, flops: Vec::new() });
            }
            parent.is_none()
        });
        ensure!(
            waiting.len() < before,
            "a clock gate's clock comes from neither the input nor another gate"
        );
    }
    Ok(())
}
