//! Two devices, one program: after each instruction everything it wrote and every counter is compared.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use backspike_arch::{
    Counter, Counters, Device, DeviceError, Engine, HostAddress, Instruction, PushWord, Region,
    Register,
};

use rand::Rng;

use crate::{
    network::{Network, Sample},
    program::{Placement, describe, issue},
};

/// Why a lockstep run ended early.
#[derive(Debug, thiserror::Error)]
pub enum LockstepError {
    #[error("the {device} failed after {instruction}: {source}")]
    Device { device: &'static str, instruction: String, source: DeviceError },
    #[error("{0}")]
    Divergence(Box<Divergence>),
}

/// The first difference, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Divergence {
    /// The instruction after which it was seen.
    pub instruction: String,
    /// What differs: a counter, or a region with layer, slot, step and neuron.
    pub place: String,
    pub expected: u32,
    pub got: u32,
}

impl std::fmt::Display for Divergence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { instruction, place, expected, got } = self;
        write!(f, "after {instruction}: {place}: expected {expected:#x}, got {got:#x}")
    }
}

/// Busy cycles of the instructions so far, to check the emulator's cycle model.
#[derive(Clone, Debug, Default)]
pub struct CycleRecord {
    /// Instruction, cycles expected, cycles counted by the device under test.
    pub instructions: Vec<(String, u32, u32)>,
}

/// A device under test beside a reference, on the same placed network.
pub struct Lockstep<'a> {
    placement: &'a Placement,
    reference: &'a mut dyn Device,
    tested: &'a mut dyn Device,
    /// Rows that the program has given a value, by region.
    written: BTreeMap<Region, BTreeSet<usize>>,
    /// What the tested device's memories held at power-on.
    before: BTreeMap<Region, Vec<PushWord>>,
    counters: [Counters; 2],
    pub cycles: CycleRecord,
}

const MEMORIES: [Region; 8] = [
    Region::Weight,
    Region::State,
    Region::Gradient,
    Region::Spike,
    Region::Trace,
    Region::Nonzero,
    Region::Error,
    Region::Membrane,
];

/// Counters that depend on timing, or that the read-out itself moves.
fn timed(counter: Counter) -> bool {
    matches!(counter, Counter::Cycles | Counter::IoWords)
        || matches!(counter.name(), "busy" | "update_busy" | "wait" | "stalled")
}

/// Reads rows of a region, and checks that the words come from the right addresses.
pub fn read_rows(
    device: &mut dyn Device,
    placement: &Placement,
    region: Region,
    rows: std::ops::Range<usize>,
) -> Result<Vec<PushWord>, DeviceError> {
    let subs = region.subs(&placement.config);
    let (descriptor, slot) = placement.push(region, rows.clone());
    describe(device, 0, &descriptor)?;
    issue(device, Engine::Io, Instruction::Push { slice: 0, slot })?;
    let mut words = Vec::new();
    let count = rows.len() * subs;
    device.receive(count, &mut words)?;
    for (at, word) in words.iter().enumerate() {
        let address = HostAddress::new(region, (rows.start + at / subs) as u32, (at % subs) as u8);
        if word.addr != address || word.last != (at + 1 == count) {
            return Err(DeviceError::Failed(format!(
                "word {at} of a push of {count} came as {word:?}, but its address is {address:?}"
            )));
        }
    }
    Ok(words)
}

/// All registers of a device, by index.
pub fn read_registers(
    device: &mut dyn Device,
    placement: &Placement,
) -> Result<Vec<u32>, DeviceError> {
    let words = read_rows(device, placement, Region::Register, 0..Register::COUNT)?;
    Ok(words.iter().map(|word| word.data).collect())
}

/// The counters among the registers.
pub fn counters(registers: &[u32]) -> Counters {
    let first = registers.len() - Counter::COUNT;
    Counters::from_words(&registers[first..]).unwrap_or_default()
}

/// The first register that is no counter and differs, or the first counter that differs and does not depend on timing: its name,
/// expected and got. Counters are compared as advanced since `earlier`.
pub fn compare_registers(
    expected: &[u32],
    got: &[u32],
    earlier: &[Counters; 2],
) -> Option<(String, u32, u32)> {
    let since = [counters(expected).since(&earlier[0]), counters(got).since(&earlier[1])];
    Register::all().enumerate().find_map(|(index, register)| {
        let (expected, got) = match register {
            Register::Counter(counter) if timed(counter) => return None,
            Register::Counter(counter) => (since[0][counter], since[1][counter]),
            _ => (expected[index], got[index]),
        };
        (expected != got).then(|| (register.name(), expected, got))
    })
}

impl<'a> Lockstep<'a> {
    /// Reads what the tested device's memories hold at power-on, then loads the network into both.
    pub fn new(
        placement: &'a Placement,
        network: &Network,
        reference: &'a mut dyn Device,
        tested: &'a mut dyn Device,
    ) -> Result<Self, LockstepError> {
        let mut lockstep = Self {
            placement,
            reference,
            tested,
            written: BTreeMap::new(),
            before: BTreeMap::new(),
            counters: Default::default(),
            cycles: CycleRecord::default(),
        };
        for region in MEMORIES {
            let words = lockstep.image(region)?;
            lockstep.before.insert(region, words);
        }
        lockstep.both("loading", |device| placement.load(device, network))?;
        for (l, layer) in network.layers.iter().enumerate() {
            lockstep.mark(Region::Weight, placement.rows(Region::Weight, l, 0));
            // CLEAR also clears the state, so the state is written after it.
            lockstep.step(Engine::Wg, Instruction::Clear { slice: l as u8 })?;
            lockstep.both("loading", |device| {
                placement.write_rows(device, Region::State, l, layer, &layer.state)
            })?;
        }
        Ok(lockstep)
    }

    fn mark(&mut self, region: Region, rows: impl IntoIterator<Item = usize>) {
        self.written.entry(region).or_default().extend(rows);
    }

    /// Does the same to both devices; returns what the reference, then the tested device answers.
    fn both<T>(
        &mut self,
        label: &str,
        mut action: impl FnMut(&mut dyn Device) -> Result<T, DeviceError>,
    ) -> Result<[T; 2], LockstepError> {
        let failed = |device| {
            move |source| LockstepError::Device { device, instruction: label.to_owned(), source }
        };
        let expected = action(self.reference).map_err(failed("reference"))?;
        let got = action(self.tested).map_err(failed("device under test"))?;
        Ok([expected, got])
    }

    /// All rows of a memory of the tested device.
    fn image(&mut self, region: Region) -> Result<Vec<PushWord>, LockstepError> {
        let config = &self.placement.config;
        let (rows, per_slot) = (region.rows(config), region.slot_rows(config));
        let chunk = if per_slot == 0 { rows } else { per_slot };
        let mut words = Vec::new();
        for first in (0..rows).step_by(chunk) {
            let read = read_rows(self.tested, self.placement, region, first..first + chunk);
            words.extend(read.map_err(|source| LockstepError::Device {
                device: "device under test",
                instruction: format!("reading all of {}", region.name()),
                source,
            })?);
        }
        // The reference executes the same pushes, so that its counters stay comparable.
        for first in (0..rows).step_by(chunk) {
            read_rows(self.reference, self.placement, region, first..first + chunk).map_err(
                |source| LockstepError::Device {
                    device: "reference",
                    instruction: "reading".into(),
                    source,
                },
            )?;
        }
        Ok(words)
    }

    /// Writes a sample's spikes and output errors to a slot.
    pub fn sample(&mut self, slot: usize, sample: &Sample) -> Result<(), LockstepError> {
        let placement = self.placement;
        self.both("writing a sample", |device| {
            placement.write_spikes(device, slot, sample)?;
            placement.write_errors(device, slot, sample)
        })?;
        let input = &placement.populations[0];
        let first = placement.config.plane_row(slot, input.plane_base);
        self.mark(Region::Spike, first..first + input.tiles * placement.blocks);
        self.mark(Region::Error, placement.rows(Region::Error, placement.layers() - 1, slot));
        Ok(())
    }

    /// Executes one instruction on both and compares everything it wrote, then every counter; beside ACCUMULATE, what it reads.
    pub fn step(&mut self, engine: Engine, instruction: Instruction) -> Result<(), LockstepError> {
        let label = self.label(instruction);
        let token = engine.code();
        self.both(&label, |device| issue(device, engine, instruction))?;
        if let Instruction::Accumulate { slice, slot, further } = instruction {
            // The slot that is read last: those reads are the most likely to meet a push.
            self.read_beside(&label, slice.into(), (slot + further).into())?;
        }
        self.both(&label, |device| {
            issue(device, engine, Instruction::Post { token })?;
            issue(device, Engine::Io, Instruction::Wait { token })
        })?;
        for (region, l, slot) in self.effects(instruction) {
            let rows = self.placement.rows(region, l, slot);
            let valid: BTreeSet<usize> =
                rows.clone().filter(|&row| self.placement.has_step(region, l, row)).collect();
            self.compare(&label, region, rows, &valid)?;
            self.mark(region, valid);
        }
        self.compare_counters(&label, engine)
    }

    /// Reads what ACCUMULATE reads, while it runs.
    fn read_beside(&mut self, label: &str, l: usize, slot: usize) -> Result<(), LockstepError> {
        for region in [Region::Nonzero, Region::Error, Region::Spike] {
            let rows = self.placement.rows(region, l, slot);
            let written = self.written.get(&region).cloned().unwrap_or_default();
            self.compare(label, region, rows, &written)?;
        }
        Ok(())
    }

    /// Trains the samples of `slots`: forward and backward pass of each, and ACCUMULATE of as many at once as `groups` draws, up to those
    /// that the core takes.
    pub fn train_samples(
        &mut self,
        slots: Range<u8>,
        groups: &mut impl Rng,
    ) -> Result<(), LockstepError> {
        let layers = self.placement.layers() as u8;
        let mut first = slots.start;
        for slot in slots.clone() {
            self.passes(slot)?;
            let waiting = usize::from(slot - first) + 1;
            let full = waiting == self.placement.config.gradient_slots || slot + 1 == slots.end;
            if full || groups.random_bool(0.2) {
                for slice in 0..layers {
                    let further = slot - first;
                    self.step(Engine::Wg, Instruction::Accumulate { slice, slot: first, further })?;
                }
                first = slot + 1;
            }
        }
        Ok(())
    }

    /// FORWARD of every layer on `slot`, then NEURON_BACK and BACKPROP.
    fn passes(&mut self, slot: u8) -> Result<(), LockstepError> {
        let layers = self.placement.layers() as u8;
        for slice in 0..layers {
            self.step(Engine::Fp, Instruction::Forward { slice, slot })?;
        }
        self.step(
            Engine::Bp,
            Instruction::NeuronBack { slice: self.placement.output_slice(), slot },
        )?;
        for slice in (1..layers).rev() {
            self.step(Engine::Bp, Instruction::Backprop { slice, slot })?;
        }
        Ok(())
    }

    /// Compares every row the program has written with the reference, and every other row with what it held at power-on.
    pub fn finish(&mut self) -> Result<(), LockstepError> {
        for region in MEMORIES {
            let subs = region.subs(&self.placement.config);
            let written = self.written.get(&region).cloned().unwrap_or_default();
            let rows = 0..region.rows(&self.placement.config);
            let per_slot = region.slot_rows(&self.placement.config).max(1);
            let chunk = if region.per_slot() { per_slot } else { rows.len() };
            for first in rows.step_by(chunk) {
                let after =
                    self.compare("the last instruction", region, first..first + chunk, &written)?;
                let before = &self.before[&region][first * subs..(first + chunk) * subs];
                for (before, after) in before.iter().zip(&after) {
                    if !written.contains(&(after.addr.row as usize)) && before != after {
                        return Err(self.divergence("the last instruction", region, before, after));
                    }
                }
            }
        }
        Ok(())
    }

    /// What an instruction writes: region, layer, slot.
    fn effects(&self, instruction: Instruction) -> Vec<(Region, usize, usize)> {
        let all = |regions: &[Region], l: usize, slot: u8| {
            regions.iter().map(|&region| (region, l, usize::from(slot))).collect::<Vec<_>>()
        };
        match instruction {
            Instruction::Forward { slice, slot } => {
                let mut effects = all(&[Region::Spike, Region::Trace], slice.into(), slot);
                if self.placement.readout[usize::from(slice)] {
                    effects.push((Region::Membrane, slice.into(), slot.into()));
                }
                effects
            }
            Instruction::NeuronBack { slot, .. } => {
                all(&[Region::Error, Region::Nonzero], self.placement.layers() - 1, slot)
            }
            Instruction::Backprop { slice, slot } => {
                all(&[Region::Error, Region::Nonzero], usize::from(slice) - 1, slot)
            }
            Instruction::Accumulate { slice, .. } => all(&[Region::Gradient], slice.into(), 0),
            Instruction::Update { slice, .. } => {
                all(&[Region::Weight, Region::State, Region::Gradient], slice.into(), 0)
            }
            Instruction::Clear { slice } => {
                all(&[Region::State, Region::Gradient], slice.into(), 0)
            }
            Instruction::Wait { .. } | Instruction::Post { .. } | Instruction::Push { .. } => {
                Vec::new()
            }
        }
    }

    fn label(&self, instruction: Instruction) -> String {
        let name = instruction.op().mnemonic();
        match instruction {
            Instruction::NeuronBack { slot, .. } => format!("{name} of the output, slot {slot}"),
            Instruction::Forward { slice, slot } | Instruction::Backprop { slice, slot } => {
                format!("{name} of layer {slice}, slot {slot}")
            }
            Instruction::Accumulate { slice, slot, further } => {
                format!("{name} of layer {slice}, slots {slot} to {}", slot + further)
            }
            Instruction::Update { slice, .. } | Instruction::Clear { slice } => {
                format!("{name} of layer {slice}")
            }
            _ => name.to_owned(),
        }
    }

    /// Compares `rows`, as far as they are in `valid`; returns what the tested device holds.
    fn compare(
        &mut self,
        label: &str,
        region: Region,
        rows: std::ops::Range<usize>,
        valid: &BTreeSet<usize>,
    ) -> Result<Vec<PushWord>, LockstepError> {
        let placement = self.placement;
        let [expected, got] =
            self.both(label, |device| read_rows(device, placement, region, rows.clone()))?;
        for (expected, got) in expected.iter().zip(&got) {
            if expected != got && valid.contains(&(got.addr.row as usize)) {
                return Err(self.divergence(label, region, expected, got));
            }
        }
        Ok(got)
    }

    fn divergence(
        &self,
        label: &str,
        region: Region,
        expected: &PushWord,
        got: &PushWord,
    ) -> LockstepError {
        let (row, sub) = (got.addr.row as usize, usize::from(got.addr.sub));
        let place = self.placement.name(region, row, sub, expected.data ^ got.data);
        LockstepError::Divergence(Box::new(Divergence {
            instruction: label.to_owned(),
            place: format!("{} of {place}", region.name()),
            expected: expected.data,
            got: got.data,
        }))
    }

    fn compare_counters(&mut self, label: &str, engine: Engine) -> Result<(), LockstepError> {
        let placement = self.placement;
        let [expected, got] = self.both(label, |device| read_registers(device, placement))?;
        if let Some((name, expected, got)) = compare_registers(&expected, &got, &self.counters) {
            return Err(LockstepError::Divergence(Box::new(Divergence {
                instruction: label.to_owned(),
                place: format!("register {name}"),
                expected,
                got,
            })));
        }
        let now = [counters(&expected), counters(&got)];
        let busy = |at: usize| {
            let spent = now[at].since(&self.counters[at]);
            match engine {
                Engine::Fp => spent[Counter::FpBusy],
                Engine::Bp => spent[Counter::BpBusy],
                Engine::Wg => spent[Counter::WgBusy] + spent[Counter::WgUpdateBusy],
                Engine::Io => 0,
            }
        };
        self.cycles.instructions.push((label.to_owned(), busy(0), busy(1)));
        self.counters = now;
        Ok(())
    }
}
