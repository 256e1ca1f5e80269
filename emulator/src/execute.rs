//! Executes batches of instructions, independent ones together and on several threads.

use crate::cycles;
use crate::engine::backward::BackwardScratch;
use crate::engine::forward::ForwardScratch;
use crate::engine::gradient::{self, GradientScratch, TallyScratch};
use crate::engine::{backward, forward, plan};
use crate::kernel::Simd;
use crate::kernel::optimizer::UpdateLanes;
use crate::memory::{Panel, Slot};
use crate::port::Memories;
use crate::tally::Tally;
use backspike_arch::num::UpdateShifts;
use backspike_arch::{Counter, Engine, Instruction};
use rayon::prelude::*;
use std::ops::Range;

/// Columns of the widest descriptor.
pub const COLUMNS: usize = 13;

/// Descriptor tables, one per engine.
pub type Tables = [Vec<[u32; COLUMNS]>; 4];

/// Buffers of one thread.
#[derive(Default)]
struct Scratch {
    forward: ForwardScratch,
    backward: BackwardScratch,
    gradient: GradientScratch,
    tally: TallyScratch,
}

/// Runs instructions on the memories. Results do not depend on the number of threads.
pub struct Executor {
    simd: Simd,
    /// `None` for one thread.
    pool: Option<rayon::ThreadPool>,
    scratch: Vec<Scratch>,
}

/// An instruction with a slice and slots: one, or those of an ACCUMULATE.
#[derive(Clone)]
struct Slotted {
    instruction: Instruction,
    slice: u8,
    slots: Range<usize>,
}

/// Threads to share work among; `None` for one.
pub fn pool(threads: usize) -> Result<Option<rayon::ThreadPool>, String> {
    let pool = (threads > 1)
        .then(|| rayon::ThreadPoolBuilder::new().num_threads(threads).build())
        .transpose();
    pool.map_err(|error| format!("{threads} threads could not be started: {error}"))
}

impl Executor {
    pub fn new(simd: Simd, threads: usize) -> Result<Self, String> {
        let threads = threads.max(1);
        let pool = pool(threads)?;
        let scratch = (0..threads).map(|_| Scratch::default()).collect();
        Ok(Self { simd, pool, scratch })
    }

    /// Executes the work of one engine (not IO), in order as far as it matters; returns the tally of each instruction in order.
    pub fn run(
        &mut self,
        memories: &mut Memories,
        tables: &Tables,
        work: &[Instruction],
    ) -> Result<Vec<Tally>, String> {
        let mut tallies = vec![Tally::default(); work.len()];
        let mut waiting = Vec::new();
        for (index, &instruction) in work.iter().enumerate() {
            match (instruction.slice(), instruction.slots(&memories.config)) {
                (Some(slice), Some(slots)) => {
                    if slots.end > memories.slots.len() {
                        return Err(format!(
                            "{} names slot {}, but there are {}",
                            instruction.op().mnemonic(),
                            slots.end - 1,
                            memories.slots.len()
                        ));
                    }
                    waiting.push((index, Slotted { instruction, slice, slots }));
                }
                _ => {
                    self.run_slotted(memories, tables, &mut waiting, &mut tallies)?;
                    tallies[index] = self.run_rows(memories, tables, instruction)?;
                }
            }
        }
        self.run_slotted(memories, tables, &mut waiting, &mut tallies)?;
        Ok(tallies)
    }

    /// Runs instructions that name slots. Those of one slot stay in order; across slots there is no order, as slots share only
    /// weights, which nobody writes meanwhile, and gradients, whose sums have no order.
    fn run_slotted(
        &mut self,
        memories: &mut Memories,
        tables: &Tables,
        waiting: &mut Vec<(usize, Slotted)>,
        tallies: &mut [Tally],
    ) -> Result<(), String> {
        while let Some((_, first)) = waiting.first().cloned() {
            // The first instruction with the same one of every slot that has nothing to do before.
            let mut held = vec![false; memories.slots.len()];
            let mut group = Vec::new();
            waiting.retain(|(index, next)| {
                let same =
                    next.slice == first.slice && next.instruction.op() == first.instruction.op();
                let held = &mut held[next.slots.clone()];
                let taken = same && !held.contains(&true);
                held.fill(true);
                if taken {
                    group.push((next.slots.clone(), *index));
                }
                !taken
            });
            group.sort_unstable_by_key(|(slots, _)| slots.start);
            let slots: Vec<Range<usize>> = group.iter().map(|(slots, _)| slots.clone()).collect();
            let done = self.run_group(memories, tables, &first, &slots)?;
            for ((_, index), tally) in group.iter().zip(done) {
                tallies[*index] = tally;
            }
        }
        Ok(())
    }

    /// One instruction for several slots, ascending.
    fn run_group(
        &mut self,
        memories: &mut Memories,
        tables: &Tables,
        what: &Slotted,
        slots: &[Range<usize>],
    ) -> Result<Vec<Tally>, String> {
        let each: Vec<usize> = slots.iter().cloned().flatten().collect();
        let fail = |problem| describe(what.instruction, what.slice, problem);
        let slice = usize::from(what.slice);
        match what.instruction {
            Instruction::Forward { .. } => {
                let columns = columns(tables, Engine::Fp, slice).map_err(fail)?;
                let plan = plan::forward(&memories.config, columns).map_err(fail)?;
                Ok(self.forward(memories, &plan, &each))
            }
            Instruction::Accumulate { .. } => {
                let columns = columns(tables, Engine::Wg, slice).map_err(fail)?;
                let plan = plan::gradient(&memories.config, columns).map_err(fail)?;
                Ok(self.accumulate(memories, &plan, slots))
            }
            instruction => {
                let propagate = matches!(instruction, Instruction::Backprop { .. });
                let columns = columns(tables, Engine::Bp, slice).map_err(fail)?;
                let plan = plan::backward(&memories.config, columns, propagate).map_err(fail)?;
                Ok(self.backward(memories, &plan, &each))
            }
        }
    }

    fn forward(
        &mut self,
        memories: &mut Memories,
        plan: &plan::ForwardPlan,
        slots: &[usize],
    ) -> Vec<Tally> {
        let (simd, lanes) = (self.simd, memories.config.lanes);
        let index = memories.weights.image_index(plan.rows);
        memories.weights.image_mut(index).refresh(simd);
        let image = memories.weights.image(index);
        let mut slots = select(&mut memories.slots, slots);
        let job = |slots: &mut [&mut Slot], scratch: &mut Scratch| {
            let mut tallies = Vec::with_capacity(slots.len());
            forward::run(simd, plan, lanes, image, slots, &mut scratch.forward, &mut tallies);
            tallies
        };
        spread(&self.pool, &mut self.scratch, &mut slots, job)
    }

    fn backward(
        &mut self,
        memories: &mut Memories,
        plan: &plan::BackwardPlan,
        slots: &[usize],
    ) -> Vec<Tally> {
        let (simd, lanes) = (self.simd, memories.config.lanes);
        let index = plan.source.map(|source| memories.weights.image_index(source.rows));
        if let Some(index) = index {
            memories.weights.image_mut(index).refresh(simd);
        }
        let image = index.map(|index| memories.weights.image(index));
        let mut slots = select(&mut memories.slots, slots);
        let job = |slots: &mut [&mut Slot], scratch: &mut Scratch| {
            let scratch = &mut scratch.backward;
            slots
                .iter_mut()
                .map(|slot| backward::run(simd, plan, lanes, image, slot, scratch))
                .collect()
        };
        spread(&self.pool, &mut self.scratch, &mut slots, job)
    }

    fn accumulate(
        &mut self,
        memories: &mut Memories,
        plan: &plan::GradientPlan,
        slots: &[Range<usize>],
    ) -> Vec<Tally> {
        let (simd, lanes) = (self.simd, memories.config.lanes);
        let index = memories.weights.image_index(plan.rows);
        let image = memories.weights.image_mut(index);
        let mut groups: Vec<&[Slot]> =
            slots.iter().map(|slots| &memories.slots[slots.clone()]).collect();
        let slots: Vec<&Slot> = groups.iter().copied().flatten().collect();
        let width = image.width();
        let panels: Vec<Panel> = image.panels().collect();
        let shares = share(&panels, self.scratch.len());
        let mut gradient = image.gradients();
        let mut parts: Vec<gradient::Part> = Vec::with_capacity(shares.len());
        for panels in shares {
            let cells = plan.rows.fan_in * panels.iter().map(|panel| panel.columns).sum::<usize>();
            let (first, rest) = gradient.split_at_mut(cells);
            gradient = rest;
            parts.push(gradient::Part { panels, width, gradient: first });
        }
        let job = |parts: &mut [gradient::Part], scratch: &mut Scratch| {
            for part in parts {
                gradient::run(simd, plan, lanes, part, &slots, &mut scratch.gradient);
            }
            Vec::new()
        };
        spread::<_, ()>(&self.pool, &mut self.scratch, &mut parts, job);
        let count = |groups: &mut [&[Slot]], scratch: &mut Scratch| {
            let scratch = &mut scratch.tally;
            groups.iter().map(|slots| gradient::tally(simd, plan, lanes, slots, scratch)).collect()
        };
        spread(&self.pool, &mut self.scratch, &mut groups, count)
    }

    /// UPDATE and CLEAR.
    fn run_rows(
        &mut self,
        memories: &mut Memories,
        tables: &Tables,
        instruction: Instruction,
    ) -> Result<Tally, String> {
        let slice = instruction.slice().unwrap_or(0);
        let fail = |problem| describe(instruction, slice, problem);
        let columns = columns(tables, Engine::Wg, slice.into()).map_err(fail)?;
        let plan = plan::update(&memories.config, columns).map_err(fail)?;
        let index = memories.weights.image_index(plan.rows);
        let image = memories.weights.image_mut(index);
        if let Instruction::Update { rate_shift, scale_shift, key, .. } = instruction {
            let shifts = UpdateShifts { rate: rate_shift, gradient: scale_shift };
            let p = UpdateLanes::new(&plan.optimizer, shifts);
            let simd = self.simd;
            image.refresh(simd);
            let panels: Vec<Panel> = image.panels().collect();
            let groups = share(&panels, self.scratch.len());
            let mut parts: Vec<_> = image.parts(&groups).into_iter().map(Some).collect();
            let largest = spread(&self.pool, &mut self.scratch, &mut parts, |parts, _| {
                let parts = parts.iter_mut().filter_map(Option::take);
                parts.map(|part| part.update(simd, &p, key, plan.coordinates)).collect()
            });
            image.set_largest(largest);
        } else {
            image.clear();
        }
        let rows = plan.rows.tiles * plan.rows.fan_in;
        let mut tally = Tally::default();
        tally.add(Counter::WgUpdateRows, rows);
        tally.add(Counter::WgUpdateBusy, cycles::update(rows, memories.config.update_beats()));
        Ok(tally)
    }
}

fn describe(instruction: Instruction, slice: u8, problem: String) -> String {
    format!("{} of slice {slice} cannot run: {problem}", instruction.op().mnemonic())
}

/// The columns of a descriptor.
pub fn columns(tables: &Tables, engine: Engine, slice: usize) -> Result<&[u32], String> {
    let table = &tables[engine as usize];
    table
        .get(slice)
        .map(|columns| &columns[..])
        .ok_or_else(|| format!("the {} table has {} descriptors", engine.label(), table.len()))
}

/// References to some slots, `wanted` ascending.
fn select<'a>(slots: &'a mut [Slot], wanted: &[usize]) -> Vec<&'a mut Slot> {
    let mut wanted = wanted.iter().peekable();
    slots
        .iter_mut()
        .enumerate()
        .filter(|(index, _)| wanted.next_if_eq(&index).is_some())
        .map(|(_, slot)| slot)
        .collect()
}

/// Cuts panels into at most `parts` groups of about as many columns.
fn share(panels: &[Panel], parts: usize) -> Vec<&[Panel]> {
    let width: usize = panels.iter().map(|panel| panel.columns).sum();
    let each = width.div_ceil(parts);
    let mut groups = Vec::with_capacity(parts);
    let mut rest = panels;
    while !rest.is_empty() {
        let mut columns = 0;
        let count = rest.iter().take_while(|panel| {
            let room = columns == 0 || columns + panel.columns <= each;
            columns += panel.columns;
            room
        });
        let (group, others) = rest.split_at(count.count());
        groups.push(group);
        rest = others;
    }
    groups
}

/// Runs `job` on `items`, shared among the threads; results in the order of the items.
fn spread<T: Send, R: Send>(
    pool: &Option<rayon::ThreadPool>,
    scratch: &mut [Scratch],
    items: &mut [T],
    job: impl Fn(&mut [T], &mut Scratch) -> Vec<R> + Sync,
) -> Vec<R> {
    match pool {
        Some(pool) if items.len() > 1 => {
            let each = items.len().div_ceil(scratch.len());
            let parts: Vec<Vec<R>> = pool.install(|| {
                let parts = items.par_chunks_mut(each).zip(scratch.par_iter_mut());
                parts.map(|(items, scratch)| job(items, scratch)).collect()
            });
            parts.into_iter().flatten().collect()
        }
        _ => job(items, &mut scratch[0]),
    }
}
