//! A network compiled for the cores of a mesh: descriptors of every core, and who sends what to whom.

use super::Partition;
use super::compile::{Compiler, tokens};
use super::memory::{Holding, Layout, Whole};
use super::schedule::{Schedule, Task};
use crate::compiler::{Descriptors, Held, Slice, Usage, check};
use crate::network::Network;
use crate::port::Part;
use crate::reader::Problems;
use backspike_arch::mesh::PACKET_WORDS;
use backspike_arch::{ArchConfig, MAX_TOKENS, MeshConfig};

/// IO slices that send something, and the one that posts a token behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sending {
    pub pushes: Vec<u8>,
    /// `None`: there is nobody to send to.
    pub post: Option<u8>,
}

/// A slice of a core: descriptor `n` of FP, BP and WG is that of its slice `n`.
#[derive(Clone, Debug, PartialEq)]
pub struct MeshSlice {
    pub holding: Holding,
    pub fan_in: usize,
    /// Tokens that FP waits for before FORWARD, one of each sender of its input.
    pub spikes_from: Vec<u8>,
    /// Tokens that BP waits for before BACKPROP, one of each sender of errors of the layer above.
    pub errors_from: Vec<u8>,
    /// Tokens that BP waits for after an update, one of each sender of weights of the layer above.
    pub weights_from: Vec<u8>,
    pub spikes: Sending,
    pub errors: Sending,
    pub weights: Sending,
}

/// What one core runs.
#[derive(Clone, Debug, PartialEq)]
pub struct CoreProgram {
    /// In the order of the layers.
    pub slices: Vec<MeshSlice>,
    pub descriptors: Descriptors,
    /// It has a part of the output.
    pub has_output: bool,
}

/// A network on a mesh.
#[derive(Clone, Debug, PartialEq)]
pub struct MeshProgram {
    pub config: ArchConfig,
    pub mesh: MeshConfig,
    /// Where each logical core sits.
    pub nodes: Vec<usize>,
    pub steps: usize,
    pub blocks: usize,
    /// Neurons of each layer.
    pub neurons: Vec<usize>,
    pub wholes: Vec<Whole>,
    pub cores: Vec<CoreProgram>,
    pub schedule: Schedule,
}

impl MeshProgram {
    /// The nodes with a part of layer 0, which take the input.
    pub fn input_nodes(&self) -> u64 {
        let first = |core: &CoreProgram| core.slices[0].holding.share.layer == 0;
        let cores = self.cores.iter().zip(&self.nodes).filter(|(core, _)| first(core));
        cores.fold(0, |nodes, (_, node)| nodes | 1 << node)
    }

    /// Tiles of the output that the core on each node has.
    pub fn output_tiles(&self) -> Vec<usize> {
        let mut tiles = vec![0; self.mesh.cores()];
        for (core, node) in self.cores.iter().zip(&self.nodes).filter(|(core, _)| core.has_output) {
            tiles[*node] = core.slices.last().map_or(0, |slice| slice.holding.share.tiles);
        }
        tiles
    }

    /// The weights of a slice, and those from its neurons to the layer above.
    pub fn parts(&self, slice: &MeshSlice) -> (Part, Option<Part>) {
        let Holding { share, outputs, .. } = &slice.holding;
        let own = Part {
            neurons: self.neurons[share.layer],
            inputs: 0..slice.fan_in,
            outputs: outputs.clone(),
        };
        let back = self.neurons.get(share.layer + 1).map(|&neurons| Part {
            neurons,
            inputs: outputs.clone(),
            outputs: 0..neurons,
        });
        (own, back)
    }
}

/// Compiles `network`, divided by `partition`, for cores `config` of which logical core `c` sits on node `nodes[c]` of `mesh`.
///
/// # Errors
/// Everything that does not fit, with what would.
pub fn compile_mesh(
    network: &Network,
    config: &ArchConfig,
    partition: &Partition,
    mesh: &MeshConfig,
    nodes: &[usize],
) -> Result<MeshProgram, Problems> {
    let steps = network.steps as usize;
    let shares: Vec<_> = partition.cores.iter().map(|core| &core.shares[..]).collect();
    let layout = Layout::new(network, config, &shares);
    let (gradient_shift, _) = check(
        network,
        config,
        &whole_layers(network, config),
        &fullest(config, steps, &layout.held),
    )?;
    let blocks = ArchConfig::blocks(steps);
    let tokens = tokens(&layout);
    let counters = 1 + tokens.iter().flatten().flatten().copied().max().map_or(0, usize::from);
    let compiler = Compiler { network, config, nodes, blocks, layout, gradient_shift, tokens };
    let cores: Vec<CoreProgram> = (0..nodes.len()).map(|core| compiler.core(core)).collect();
    let schedule = partition.schedule(config, blocks);
    let mut problems = Problems::default();
    if counters > MAX_TOKENS {
        problems.push(format!(
            "A core would get the tokens of more slices of others than the {MAX_TOKENS} that an instruction can name leave room for: use fewer cores."
        ));
    }
    if config.lanes / 2 > PACKET_WORDS as usize {
        problems.push(format!(
            "Cores of {} lanes send a row of weights or errors in two packets, between which those of another core could come: use 4, 8 or 16 lanes on a mesh.",
            config.lanes
        ));
    }
    if config.gradient_slots > 1 {
        problems.push(format!(
            "Cores of a mesh add the gradients of one slot at a time, but configuration {} has gradient_slots = {}: set it to 1.",
            config.name, config.gradient_slots
        ));
    }
    let wanted = [
        (
            "tokens",
            counters.min(MAX_TOKENS),
            "token counters: nine, and one for each slice of another core that it hears of",
        ),
        (
            "slices",
            cores.iter().map(|core| core.descriptors.io.len()).max().unwrap_or(0),
            "descriptors of IO",
        ),
        (
            "queue_depth",
            (cores.iter().enumerate())
                .map(|(c, core)| queued(c, core, &schedule))
                .max()
                .unwrap_or(0),
            "instructions in a queue, which must hold all samples in flight: a full one would hold up other cores' packets",
        ),
    ];
    for (key, used, what) in wanted {
        let capacity = config.get(key).unwrap_or(0);
        if used > capacity {
            problems.push(format!(
                "The network needs {used} {what}, {} more than the {capacity} of configuration {}: use a configuration with {key} = {} or more.",
                used - capacity,
                config.name,
                if key == "slices" { used } else { used.next_power_of_two() }
            ));
        }
    }
    problems.into_result(MeshProgram {
        config: config.clone(),
        mesh: mesh.clone(),
        nodes: nodes.to_vec(),
        steps,
        blocks,
        neurons: network.layers.iter().map(|layer| layer.neurons).collect(),
        wholes: compiler.layout.wholes,
        cores,
        schedule,
    })
}

/// The layers as one slice each, for the checks that do not ask where they lie.
pub(super) fn whole_layers(network: &Network, config: &ArchConfig) -> Vec<Slice> {
    (network.layers.iter().enumerate())
        .map(|(l, layer)| Slice {
            fan_in: network.fan_in(l),
            neurons: layer.neurons,
            tiles: config.tiles(layer.neurons),
            weight_base: 0,
        })
        .collect()
}

/// For each memory the usage of the core that needs most of it.
pub(super) fn fullest(config: &ArchConfig, steps: usize, held: &[Held]) -> Vec<Usage> {
    let mut most = Held::default().usage(config, steps);
    for held in held {
        for (most, usage) in most.iter_mut().zip(held.usage(config, steps)) {
            most.used = most.used.max(usage.used);
        }
    }
    most
}

/// The most instructions that wait in a queue of a core: those of all samples that are issued, and of the end of a batch.
fn queued(index: usize, core: &CoreProgram, schedule: &Schedule) -> usize {
    let each = |sending: &Sending| sending.post.map_or(0, |_| 2 + sending.pushes.len());
    // FP, BP, WG and IO.
    let mut queues = [0; 4];
    let mut wait = |task, instructions: [usize; 4]| {
        let samples = schedule.waiting(index, task);
        for (queue, count) in queues.iter_mut().zip(instructions) {
            *queue += samples * count;
        }
    };
    let mut end = 4;
    for (slice, of) in core.slices.iter().enumerate() {
        // An output is pushed where there are no spikes to send.
        let spikes = each(&of.spikes).max(2);
        wait(Task::Forward { slice }, [of.spikes_from.len() + 2, 0, 0, 0]);
        wait(Task::SendSpikes { slice }, [0, 0, 0, spikes]);
        wait(Task::Backward { slice }, [0, of.errors_from.len() + 3, 2, 0]);
        wait(Task::SendErrors { slice }, [0, 0, 0, each(&of.errors)]);
        end += each(&of.weights) + of.weights_from.len() + 2;
    }
    wait(Task::Free, [0, 0, 1, 2]);
    end + queues.into_iter().max().unwrap_or(0)
}
