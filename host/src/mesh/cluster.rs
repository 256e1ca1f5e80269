//! The cores of a mesh with a program: what each is told, and what goes in and out.
//!
//! Where a core needs what others make, FP or BP waits for a token of each slice that makes it. A slice's tokens come in the order of its core's
//! program, which is the order in which they are waited for, so a counter for each is enough however far one core runs ahead of another.

use super::issue::{issue, send, wait_all};
use super::program::{CoreProgram, MeshProgram, MeshSlice};
use super::schedule::Planned;
use crate::compiler::IO_OUTPUT;
use crate::port::{Port, token};
use crate::train::stream::Update;
use crate::weights::Weights;
use backspike_arch::device::WordMemory;
use backspike_arch::{
    Counter, Counters, DeviceError, Engine, HostAddress, Instruction, Mesh, PushWord, Region,
    TIME_BLOCK,
};
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

/// What a core has pushed and nobody has asked for yet: its outputs, and how many samples it has done.
#[derive(Default)]
struct Inbox {
    outputs: VecDeque<Vec<PushWord>>,
    freed: usize,
}

impl Inbox {
    /// Receives what comes next: the output of a sample, of `words` words, or the word that says that one is done.
    fn receive(&mut self, port: &mut Port, words: usize) -> Result<(), DeviceError> {
        let first = port.receive(1)?[0];
        if first.addr.region == Region::Register {
            self.freed += 1;
            return Ok(());
        }
        let mut output = vec![first];
        output.extend_from_slice(port.receive(words - 1)?);
        self.outputs.push_back(output);
        Ok(())
    }
}

/// The cores of a mesh with a program.
pub struct Cluster {
    mesh: Arc<dyn Mesh>,
    program: MeshProgram,
    /// By logical core.
    cores: Vec<Port>,
    inboxes: Vec<Inbox>,
    /// The output of a sample, in the layout of the whole layer.
    output: Vec<PushWord>,
    counters: Vec<Counters>,
}

impl Cluster {
    /// Checks that the cores are those the program was compiled for, writes all descriptors and clears them.
    pub fn open(mesh: Arc<dyn Mesh>, program: MeshProgram) -> Result<Cluster, DeviceError> {
        let mut cores = Vec::new();
        for (core, node) in program.cores.iter().zip(&program.nodes) {
            let mut port = Port::open(mesh.core(*node), &program.config, &core.descriptors)?;
            port.clear(core.slices.len())?;
            cores.push(port);
        }
        let counters = vec![Counters::default(); cores.len()];
        let inboxes = cores.iter().map(|_| Inbox::default()).collect();
        Ok(Cluster { mesh, program, cores, inboxes, output: Vec::new(), counters })
    }

    /// Memory for inputs that the mesh reads where they are, if it does.
    pub fn memory(&self) -> Option<Box<dyn WordMemory>> {
        self.mesh.memory()
    }

    /// The compiled network.
    pub fn program(&self) -> &MeshProgram {
        &self.program
    }

    /// What each logical core had counted when the counters were last received.
    pub fn counters(&self) -> &[Counters] {
        &self.counters
    }

    fn each(
        &mut self,
        mut run: impl FnMut(&mut Port, &CoreProgram) -> Result<(), DeviceError>,
    ) -> Result<(), DeviceError> {
        self.cores.iter_mut().zip(&self.program.cores).try_for_each(|(port, core)| run(port, core))
    }

    /// The cores with a part of the output, with their tiles of it.
    fn outputs(&self) -> impl Iterator<Item = (usize, Range<usize>)> {
        self.program.cores.iter().enumerate().filter(|(_, core)| core.has_output).filter_map(
            |(c, core)| {
                let share = core.slices.last()?.holding.share;
                Some((c, share.first_tile..share.first_tile + share.tiles))
            },
        )
    }

    fn output_tiles(&self) -> usize {
        self.program.neurons.last().map_or(0, |neurons| self.program.config.tiles(*neurons))
    }

    /// FP waits for the last update before what follows.
    pub fn wait_for_update(&mut self) -> Result<(), DeviceError> {
        self.each(|port, _| port.wait(Engine::Fp, token::UPDATED))
    }

    /// Issues what the cores do up to time `until`; sample `n` is in slot `n` modulo `slots`.
    pub fn issue(
        &mut self,
        tasks: &mut [VecDeque<Planned>],
        until: usize,
        slots: usize,
    ) -> Result<(), DeviceError> {
        for ((port, core), tasks) in self.cores.iter_mut().zip(&self.program.cores).zip(tasks) {
            port.together(|port| {
                while let Some(planned) = tasks.pop_front_if(|planned| planned.time <= until) {
                    let slot = planned.sample % slots;
                    issue(port, core, planned.task, slot)?;
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Writes the encoded input of a slot, and tells those that take it.
    pub fn write_input(&mut self, slot: usize, input: &[u32]) -> Result<(), DeviceError> {
        let row = self.program.config.plane_row(slot, self.program.wholes[0].plane_base);
        let nodes = self.program.input_nodes();
        self.mesh.multicast(nodes, HostAddress::new(Region::Spike, row as u32, 0), input)?;
        self.mesh.multicast(nodes, HostAddress::new(Region::Token, token::INPUT.into(), 0), &[0])
    }

    /// The output of the next sample, as the region that the loss reads has it.
    pub fn receive_output(&mut self) -> Result<&[PushWord], DeviceError> {
        let all = self.output_tiles();
        let parts: Vec<(usize, Range<usize>)> = self.outputs().collect();
        self.output.clear();
        for (core, tiles) in parts {
            let push = self.program.cores[core].descriptors.io[usize::from(IO_OUTPUT)];
            let subs = push.region.subs(&self.program.config);
            let (port, inbox) = (&mut self.cores[core], &mut self.inboxes[core]);
            let words = loop {
                match inbox.outputs.pop_front() {
                    Some(words) => break words,
                    None => inbox.receive(port, push.words(&self.program.config))?,
                }
            };
            // A tile-block is one row of spikes, and a row a step of membranes.
            let rows = if push.region == Region::Membrane { TIME_BLOCK } else { 1 };
            let chunk = tiles.len() * rows * subs;
            let blocks = words.len() / chunk;
            let Some(&first) = words.first() else { continue };
            self.output.resize(blocks * all * rows * subs, PushWord { data: 0, ..first });
            for (block, words) in words.chunks_exact(chunk).enumerate() {
                let to = (block * all + tiles.start) * rows * subs;
                self.output[to..to + chunk].copy_from_slice(words);
            }
        }
        Ok(&self.output)
    }

    /// Writes the output gradient of a slot, all error rows of the output, and tells those that take it.
    pub fn write_errors(&mut self, slot: usize, errors: &[u32]) -> Result<(), DeviceError> {
        let tile_words = TIME_BLOCK * self.program.config.lanes / 2;
        let all = self.output_tiles();
        for (core, tiles) in self.outputs().collect::<Vec<_>>() {
            let words: Vec<u32> = errors
                .chunks_exact(all * tile_words)
                .flat_map(|block| &block[tiles.start * tile_words..tiles.end * tile_words])
                .copied()
                .collect();
            let slices = &self.program.cores[core].slices;
            let base = slices.last().map_or(0, |slice| slice.holding.error_base);
            let row = self.program.config.error_row(slot, base, 0) as u32;
            let port = &mut self.cores[core];
            port.write(HostAddress::new(Region::Error, row, 0), &words)?;
            port.write(HostAddress::new(Region::Token, token::GRADIENT.into(), 0), &[0])?;
        }
        Ok(())
    }

    /// Waits until every core has done one more sample.
    pub fn receive_free(&mut self) -> Result<(), DeviceError> {
        (0..self.cores.len()).try_for_each(|core| self.receive_free_of(core, 1))
    }

    /// Waits until a core has done so many more samples.
    fn receive_free_of(&mut self, core: usize, samples: usize) -> Result<(), DeviceError> {
        let (port, inbox) = (&mut self.cores[core], &mut self.inboxes[core]);
        let push = self.program.cores[core].descriptors.io[usize::from(IO_OUTPUT)];
        while inbox.freed < samples {
            inbox.receive(port, push.words(&self.program.config))?;
        }
        inbox.freed -= samples;
        Ok(())
    }

    /// Enqueues the update of all slices, after their last sample.
    pub fn update(&mut self, update: &Update) -> Result<(), DeviceError> {
        let Update { rate_shift, scale_shift, keys, .. } = update;
        let (rate_shift, scale_shift) = (*rate_shift, *scale_shift);
        self.each(|port, core| {
            for (s, slice) in core.slices.iter().enumerate() {
                let (key, slice) = (keys[slice.holding.share.layer], s as u8);
                let update = Instruction::Update { slice, rate_shift, scale_shift, key };
                port.issue(Engine::Wg, update)?;
            }
            port.post(Engine::Wg, token::UPDATED)
        })
    }

    /// Waits until every core has done its last `samples` samples, the upper layers first, and lets each send its new weights to who keeps
    /// copies of them as soon as these have, so that no BP reads a copy that changes.
    pub fn spread_weights(&mut self, samples: usize) -> Result<(), DeviceError> {
        let mut order: Vec<usize> = (0..self.cores.len()).collect();
        order.sort_by_key(|core| self.program.schedule.done(*core));
        let last: Vec<usize> =
            (0..self.cores.len()).map(|core| self.last_reader(core, &order)).collect();
        for core in order {
            self.receive_free_of(core, samples)?;
            for sender in (0..self.cores.len()).filter(|&sender| last[sender] == core) {
                let (port, program) = (&mut self.cores[sender], &self.program.cores[sender]);
                port.together(|port| {
                    for slice in program.slices.iter().rev() {
                        if slice.weights.post.is_some() {
                            port.post(Engine::Wg, token::WEIGHTS)?;
                        }
                        send(port, &slice.weights, token::WEIGHTS, 0)?;
                    }
                    for slice in program.slices.iter().rev() {
                        wait_all(port, Engine::Bp, &slice.weights_from)?;
                    }
                    Ok(())
                })?;
            }
        }
        Ok(())
    }

    /// The last of `order` of a core and those with a part of a layer below one of its own.
    fn last_reader(&self, core: usize, order: &[usize]) -> usize {
        let layer = |slice: &MeshSlice| slice.holding.share.layer;
        let above = &self.program.cores[core].slices;
        let read = |slice| above.iter().any(|above| layer(above) == layer(slice) + 1);
        let reads =
            |&other: &usize| other == core || self.program.cores[other].slices.iter().any(read);
        order.iter().copied().rfind(|other| reads(other)).unwrap_or(core)
    }

    /// Enqueues the push of all counters.
    pub fn push_counters(&mut self) -> Result<(), DeviceError> {
        self.each(|port, _| port.push_counters())
    }

    /// The counters of all cores: their sum, and of the cycles the most.
    pub fn receive_counters(&mut self) -> Result<Counters, DeviceError> {
        let mut sum = [0_u32; Counter::COUNT];
        for (port, counters) in self.cores.iter_mut().zip(&mut self.counters) {
            *counters = port.receive_counters()?;
            for (index, (sum, value)) in sum.iter_mut().zip(counters.words()).enumerate() {
                *sum = match index == Counter::Cycles.index() {
                    true => (*sum).max(*value),
                    false => sum.wrapping_add(*value),
                };
            }
        }
        Counters::from_words(&sum)
            .ok_or_else(|| DeviceError::Failed("the counters came short".to_string()))
    }

    /// Waits for all work; with `updated`, also for an update that FP does not wait for.
    pub fn settle(&mut self, updated: bool) -> Result<(), DeviceError> {
        self.each(|port, _| {
            if updated {
                port.wait(Engine::Wg, token::UPDATED)?;
            }
            port.post(Engine::Wg, token::SETTLED)
        })?;
        self.each(|port, _| port.settle())
    }

    /// Writes weights and optimizer state; only before any work.
    pub fn load(&mut self, weights: &Weights) -> Result<(), DeviceError> {
        let Self { cores, program, .. } = self;
        let lanes = program.config.lanes;
        for (port, core) in cores.iter_mut().zip(&program.cores) {
            for slice in &core.slices {
                let (own, back) = program.parts(slice);
                let layer = slice.holding.share.layer;
                let values = &weights.layers[layer];
                for (region, values) in
                    [(Region::Weight, &values.weight), (Region::State, &values.state)]
                {
                    // The state of a cleared core is zero, and a mesh has one host to write it all.
                    if region == Region::State && values.iter().all(|value| *value == 0) {
                        continue;
                    }
                    let at = HostAddress::new(region, slice.holding.weight_base as u32, 0);
                    port.write(at, &own.to_rows(lanes, values))?;
                }
                if let (Some(back), Some(base), true) =
                    (back, slice.holding.back_base, slice.holding.copied)
                {
                    let at = HostAddress::new(Region::Weight, base as u32, 0);
                    port.write(at, &back.to_rows(lanes, &weights.layers[layer + 1].weight))?;
                }
            }
        }
        Ok(())
    }

    /// Reads weights and optimizer state; only while the engines are idle.
    pub fn store(&mut self, weights: &mut Weights) -> Result<(), DeviceError> {
        let Self { cores, program, .. } = self;
        let lanes = program.config.lanes;
        for (port, core) in cores.iter_mut().zip(&program.cores) {
            for slice in &core.slices {
                let (own, _) = program.parts(slice);
                let rows = (own.inputs.len() * slice.holding.share.tiles) as u32;
                let base = slice.holding.weight_base as u32;
                let values = &mut weights.layers[slice.holding.share.layer];
                for (region, values) in
                    [(Region::Weight, &mut values.weight), (Region::State, &mut values.state)]
                {
                    let words = port.read(region, base, rows)?;
                    own.take_rows(lanes, &words, values);
                }
            }
        }
        Ok(())
    }
}
