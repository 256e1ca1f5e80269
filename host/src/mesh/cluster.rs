//! A mesh of cores as one machine.
//!
//! Every core runs its slices of a group of samples in the order of one core; where it needs what others make, FP or BP waits for a token of each
//! sender. Each sender's tokens come in the order of its program, which is the order in which they are waited for, so a
//! counter for each sender is enough however far one runs ahead of another.
//!
//! The host issues the groups in an order in which one core could run them, and a group's slots only when every core has said that
//! they are free. So the first instruction of all that are not done never waits for a later one, and the pipeline cannot stop.

use super::program::{CoreProgram, MeshProgram, Sending};
use crate::compiler::{IO_OUTPUT, IO_SLOT_FREE};
use crate::port::{Port, token};
use crate::train::machine::Machine;
use crate::train::stream::{Flight, Update};
use crate::weights::Weights;
use backspike_arch::{
    ArchConfig, Counter, Counters, DeviceError, Engine, HostAddress, Instruction, Mesh, PushWord,
    Region, TIME_BLOCK,
};
use std::ops::Range;
use std::sync::Arc;

/// The cores of a mesh with a program.
pub struct Cluster {
    mesh: Arc<dyn Mesh>,
    program: MeshProgram,
    /// By logical core.
    cores: Vec<Port>,
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
        Ok(Cluster { mesh, program, cores, output: Vec::new(), counters })
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
}

/// Enqueues the pushes of a group once the engine has posted `token`.
fn send(
    port: &mut Port,
    sending: &Sending,
    engine: Engine,
    token: u8,
    slots: Range<usize>,
) -> Result<(), DeviceError> {
    let Some(post) = sending.post else { return Ok(()) };
    port.post(engine, token)?;
    port.wait(Engine::Io, token)?;
    for slot in slots {
        for push in &sending.pushes {
            port.push(*push, slot)?;
        }
    }
    port.push(post, 0)
}

impl Machine for Cluster {
    fn config(&self) -> &ArchConfig {
        &self.program.config
    }

    fn flight(&self) -> Flight {
        self.program.flight
    }

    fn wait_for_update(&mut self) -> Result<(), DeviceError> {
        self.each(|port, _| port.wait(Engine::Fp, token::UPDATED))
    }

    fn forward(&mut self, slot: usize, input: &[u32]) -> Result<(), DeviceError> {
        let row = self.program.config.plane_row(slot, self.program.wholes[0].plane_base);
        let at = HostAddress::new(Region::Spike, row as u32, 0);
        self.mesh.multicast(self.program.input_nodes(), at, input)
    }

    fn end_forward(&mut self, slots: Range<usize>) -> Result<(), DeviceError> {
        self.each(|port, core| {
            for (s, slice) in core.slices.iter().enumerate() {
                for token in &slice.spikes_from {
                    port.wait(Engine::Fp, *token)?;
                }
                for slot in slots.clone() {
                    let forward = Instruction::Forward { slice: s as u8, slot: slot as u8 };
                    port.issue(Engine::Fp, forward)?;
                }
                send(port, &slice.spikes, Engine::Fp, token::FORWARD, slots.clone())?;
            }
            if core.has_output {
                port.post(Engine::Fp, token::FORWARD)?;
                port.wait(Engine::Io, token::FORWARD)?;
                for slot in slots.clone() {
                    port.push(IO_OUTPUT, slot)?;
                }
            }
            Ok(())
        })
    }

    fn receive_output(&mut self) -> Result<&[PushWord], DeviceError> {
        let all = self.output_tiles();
        let parts: Vec<(usize, Range<usize>)> = self.outputs().collect();
        self.output.clear();
        for (core, tiles) in parts {
            let push = self.program.cores[core].descriptors.io[usize::from(IO_OUTPUT)];
            let subs = push.region.subs(&self.program.config);
            let words = self.cores[core].receive(push.rows as usize * subs)?;
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

    fn backward(&mut self, slot: usize, errors: &[u32]) -> Result<(), DeviceError> {
        let config = &self.program.config;
        let tile_words = TIME_BLOCK * config.lanes / 2;
        let all = self.output_tiles();
        for (core, tiles) in self.outputs().collect::<Vec<_>>() {
            let blocks = errors.chunks_exact(all * tile_words);
            let words: Vec<u32> = blocks
                .flat_map(|block| &block[tiles.start * tile_words..tiles.end * tile_words])
                .copied()
                .collect();
            let config = &self.program.config;
            let base = self.program.cores[core].slices.last().map_or(0, |s| s.holding.error_base);
            let row = config.error_row(slot, base, 0) as u32;
            self.cores[core].write(HostAddress::new(Region::Error, row, 0), &words)?;
        }
        Ok(())
    }

    fn end_backward(&mut self, slots: Range<usize>) -> Result<(), DeviceError> {
        self.each(|port, core| {
            for (s, slice) in core.slices.iter().enumerate().rev() {
                for token in &slice.errors_from {
                    port.wait(Engine::Bp, *token)?;
                }
                for slot in slots.clone() {
                    let (slice_number, slot) = (s as u8, slot as u8);
                    let back = match slice.holding.back_base {
                        Some(_) => Instruction::Backprop { slice: slice_number, slot },
                        None => Instruction::NeuronBack { slice: slice_number, slot },
                    };
                    port.issue(Engine::Bp, back)?;
                }
                send(port, &slice.errors, Engine::Bp, token::ERRORS, slots.clone())?;
            }
            port.post(Engine::Bp, token::BACKWARD)?;
            port.wait(Engine::Wg, token::BACKWARD)?;
            for slot in slots.clone() {
                for slice in (0..core.slices.len() as u8).rev() {
                    let slot = slot as u8;
                    port.issue(Engine::Wg, Instruction::Accumulate { slice, slot })?;
                }
            }
            port.post(Engine::Wg, token::FREE)
        })
    }

    fn push_free(&mut self) -> Result<(), DeviceError> {
        self.each(|port, _| {
            port.wait(Engine::Io, token::FREE)?;
            port.push(IO_SLOT_FREE, 0)
        })
    }

    fn receive_free(&mut self, groups: usize) -> Result<(), DeviceError> {
        self.each(|port, _| port.receive(groups).map(|_| ()))
    }

    fn update(&mut self, update: &Update) -> Result<(), DeviceError> {
        let Update { rate_shift, scale_shift, keys, .. } = update;
        self.each(|port, core| {
            for (s, slice) in core.slices.iter().enumerate() {
                let key = keys[slice.holding.share.layer];
                let (rate_shift, scale_shift) = (*rate_shift, *scale_shift);
                let slice = s as u8;
                port.issue(
                    Engine::Wg,
                    Instruction::Update { slice, rate_shift, scale_shift, key },
                )?;
            }
            port.post(Engine::Wg, token::UPDATED)
        })
    }

    /// All cores have done the batch, so no BP reads the copies that are overwritten.
    fn spread_weights(&mut self) -> Result<(), DeviceError> {
        self.each(|port, core| {
            for slice in core.slices.iter().rev() {
                send(port, &slice.weights, Engine::Wg, token::WEIGHTS, 0..1)?;
            }
            for slice in core.slices.iter().rev() {
                for token in &slice.weights_from {
                    port.wait(Engine::Bp, *token)?;
                }
            }
            Ok(())
        })
    }

    fn push_counters(&mut self) -> Result<(), DeviceError> {
        self.each(|port, _| port.push_counters())
    }

    /// The sum over the cores; of the cycles the most.
    fn receive_counters(&mut self) -> Result<Counters, DeviceError> {
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

    fn cores(&self) -> &[Counters] {
        &self.counters
    }

    fn settle(&mut self, updated: bool) -> Result<(), DeviceError> {
        self.each(|port, _| {
            if updated {
                port.wait(Engine::Wg, token::UPDATED)?;
            }
            port.post(Engine::Wg, token::SETTLED)
        })?;
        self.each(|port, _| port.settle())
    }

    fn load(&mut self, weights: &Weights) -> Result<(), DeviceError> {
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

    fn store(&mut self, weights: &mut Weights) -> Result<(), DeviceError> {
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
