//! Gate-level simulation that counts the toggles of every net.
//!
//! Two values, no delays: each cycle the gates are evaluated once in topological order, so a net toggles at most once a cycle and glitches are
//! not seen. Clock gates pass the clock on or not; flip-flops behind a closed one are not touched.

use crate::liberty::{Cell, CellKind, Library};
use crate::memory::{Sram, SramUse};
use crate::netlist::{Instance, Net, Netlist, ONE, ZERO};
use anyhow::{Context, Result, bail, ensure};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::HashMap;

/// A gate's output.
struct Gate {
    inputs: Vec<Net>,
    table: u64,
    output: Net,
}

/// A flip-flop.
struct Flop {
    inputs: Vec<Net>,
    next: u64,
    /// Output nets with their function of the stored bit.
    outputs: Vec<(Net, u64)>,
    domain: usize,
}

/// A clock: the root's, or behind a gate.
struct Domain {
    parent: usize,
    enable: Net,
    output: Net,
}

/// Pins of a port of a memory.
struct Port {
    address: Vec<Net>,
    enable: Net,
    /// Writes when high; a read port has none, a write port no other use.
    write: Option<Net>,
    data_in: Vec<Net>,
    data_out: Vec<Net>,
}

struct Memory {
    name: String,
    sram: Sram,
    words: Vec<u64>,
    ports: Vec<Port>,
}

/// What was counted.
#[derive(Clone, Debug, Default)]
pub struct Activity {
    pub cycles: u64,
    /// Of every net.
    pub toggles: Vec<u64>,
    /// Cycles in which each clock domain ran.
    pub clocked: Vec<u64>,
    pub memories: Vec<(String, Sram, SramUse)>,
}

impl Activity {
    /// What was counted since `earlier`.
    pub fn since(&self, earlier: &Self) -> Self {
        let differences =
            |a: &[u64], b: &[u64]| a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<_>>();
        let memories =
            self.memories.iter().zip(&earlier.memories).map(|((name, sram, a), (.., b))| {
                let used = SramUse { reads: a.reads - b.reads, writes: a.writes - b.writes };
                (name.clone(), *sram, used)
            });
        Self {
            cycles: self.cycles - earlier.cycles,
            toggles: differences(&self.toggles, &earlier.toggles),
            clocked: differences(&self.clocked, &earlier.clocked),
            memories: memories.collect(),
        }
    }

    /// Adds what was counted in another stretch of the same netlist.
    pub fn add(&mut self, other: &Self) {
        if self.toggles.is_empty() {
            *self = other.clone();
            return;
        }
        self.cycles += other.cycles;
        self.toggles.iter_mut().zip(&other.toggles).for_each(|(a, b)| *a += b);
        self.clocked.iter_mut().zip(&other.clocked).for_each(|(a, b)| *a += b);
        for ((.., a), (.., b)) in self.memories.iter_mut().zip(&other.memories) {
            a.reads += b.reads;
            a.writes += b.writes;
        }
    }
}

/// A netlist with state.
pub struct Simulation {
    gates: Vec<Gate>,
    flops: Vec<Flop>,
    domains: Vec<Domain>,
    memories: Vec<Memory>,
    values: Vec<u8>,
    activity: Activity,
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

impl Simulation {
    /// A netlist whose registers and memories start with random bits of `seed`. The clock is the input `clock`.
    ///
    /// # Errors
    ///
    /// When a cell is not in the library, when gates form a loop, when a clock comes from neither the input nor a clock gate.
    pub fn new(netlist: &Netlist, library: &Library, seed: u64) -> Result<Self> {
        let inputs: HashMap<String, Net> = netlist.inputs.iter().cloned().collect();
        let root = *inputs.get("clock").context("the netlist has no input clock")?;
        let mut domains = vec![Domain { parent: 0, enable: ONE, output: root }];
        add_domains(netlist, library, &mut domains)?;
        let by_clock: HashMap<Net, usize> =
            domains.iter().enumerate().map(|(index, domain)| (domain.output, index)).collect();
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (mut gates, mut flops, mut memories) = (Vec::new(), Vec::new(), Vec::new());
        for instance in &netlist.instances {
            if let Some(sram) = Sram::of(&instance.cell) {
                memories.push(memory(instance, sram, &mut rng));
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
                    flops.push(Flop { inputs: pins.inputs, next, outputs: pins.outputs, domain });
                }
                CellKind::ClockGate { .. } => {}
            }
        }
        let gates = in_order(gates, netlist.nets)?;
        let mut values = vec![0; netlist.nets];
        values[ONE as usize] = 1;
        for flop in &flops {
            let stored = u64::from(rng.random::<bool>());
            for &(net, table) in &flop.outputs {
                values[net as usize] = (table >> stored & 1) as u8;
            }
        }
        let activity = Activity {
            cycles: 0,
            toggles: vec![0; netlist.nets],
            clocked: vec![0; domains.len()],
            memories: memories
                .iter()
                .map(|memory: &Memory| (memory.name.clone(), memory.sram, SramUse::default()))
                .collect(),
        };
        let outputs = netlist.outputs.iter().cloned().collect();
        let running = vec![false; domains.len()];
        let changes = Vec::new();
        Ok(Self {
            gates,
            flops,
            domains,
            memories,
            values,
            activity,
            inputs,
            outputs,
            running,
            changes,
        })
    }

    /// What has been counted since the start.
    pub fn activity(&self) -> &Activity {
        &self.activity
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

    /// Reads nets.
    pub fn get(&self, nets: &[Net]) -> u64 {
        word(&self.values, nets)
    }

    #[inline]
    fn put(&mut self, net: Net, value: u8) {
        let old = &mut self.values[net as usize];
        self.activity.toggles[net as usize] += u64::from(*old ^ value);
        *old = value;
    }

    /// Lets all gates settle.
    pub fn settle(&mut self) {
        let (values, toggles) = (&mut self.values, &mut self.activity.toggles);
        for gate in &self.gates {
            let mut row = 0;
            for (bit, &net) in gate.inputs.iter().enumerate() {
                row |= u64::from(values[net as usize]) << bit;
            }
            let value = (gate.table >> row & 1) as u8;
            let old = &mut values[gate.output as usize];
            if *old != value {
                *old = value;
                toggles[gate.output as usize] += 1;
            }
        }
    }

    /// A rising and a falling edge of the clock; gates settle at the next [`settle`](Self::settle).
    pub fn edge(&mut self) {
        self.activity.cycles += 1;
        for (index, domain) in self.domains.iter().enumerate() {
            let running = index == 0
                || self.running[domain.parent] && self.values[domain.enable as usize] != 0;
            self.running[index] = running;
            self.activity.clocked[index] += u64::from(running);
            self.activity.toggles[domain.output as usize] += if running { 2 } else { 0 };
        }
        let mut changes = std::mem::take(&mut self.changes);
        changes.clear();
        for flop in self.flops.iter().filter(|flop| self.running[flop.domain]) {
            let row = word(&self.values, &flop.inputs);
            let stored = flop.next >> row & 1;
            changes.extend(
                flop.outputs.iter().map(|&(net, table)| (net, (table >> stored & 1) as u8)),
            );
        }
        for (memory, (.., used)) in self.memories.iter_mut().zip(&mut self.activity.memories) {
            memory.edge(&self.values, used, &mut changes);
        }
        for &(net, value) in &changes {
            self.put(net, value);
        }
        self.changes = changes;
    }
}

#[inline]
fn word(values: &[u8], nets: &[Net]) -> u64 {
    nets.iter()
        .enumerate()
        .fold(0, |word, (bit, &net)| word | u64::from(values[net as usize]) << bit)
}

impl Memory {
    /// Reads give the words before this edge's writes.
    fn edge(&mut self, values: &[u8], used: &mut SramUse, changes: &mut Vec<(Net, u8)>) {
        let mut written = Vec::new();
        for port in &self.ports {
            if values[port.enable as usize] == 0 {
                continue;
            }
            let address = word(values, &port.address) as usize % self.words.len();
            if port.write.is_some_and(|write| values[write as usize] != 0) {
                written.push((address, word(values, &port.data_in)));
                used.writes += 1;
            } else {
                let data = self.words[address];
                changes.extend(
                    port.data_out
                        .iter()
                        .enumerate()
                        .map(|(bit, &net)| (net, (data >> bit & 1) as u8)),
                );
                used.reads += 1;
            }
        }
        for (address, data) in written {
            self.words[address] = data;
        }
    }
}

/// The memory of an instance: its ports by their names.
fn memory(instance: &Instance, sram: Sram, rng: &mut ChaCha8Rng) -> Memory {
    let single = |name: &str| bus(instance, name).first().copied();
    let port = |prefix: &str, enable: &str, write: Option<Net>, data: [&str; 2]| Port {
        address: bus(instance, prefix),
        enable: single(enable).unwrap_or(0),
        write,
        data_in: bus(instance, data[0]),
        data_out: bus(instance, data[1]),
    };
    let ports = if instance.cell.contains("tdp") {
        ["a", "b"]
            .map(|p| {
                let name = |rest: &str| format!("{p}_{rest}");
                let write = single(&name("we_i")).or(Some(0));
                let data = [name("wdata_i"), name("rdata_o")];
                port(&name("addr_i"), &name("en_i"), write, [&data[0], &data[1]])
            })
            .into()
    } else {
        vec![
            port("waddr_i", "wen_i", Some(ONE), ["wdata_i", ""]),
            port("raddr_i", "ren_i", None, ["", "rdata_o"]),
        ]
    };
    let words = (0..sram.depth).map(|_| rng.random()).collect();
    Memory { name: instance.name.clone(), sram, words, ports }
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
                domains.push(Domain { parent, enable, output });
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
