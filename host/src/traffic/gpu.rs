//! DRAM traffic of the same training step on a GPU: every tensor that a framework reads and writes, through a cache of whole tensors.
//!
//! The operations are those of eager multi-step training: for each layer a convolution or matrix product over all steps, then for each step
//! charge, fire and hard reset of leaky integrate-and-fire neurons with a detached reset and a rectangular surrogate, one kernel each, and
//! the same backwards; momentum SGD kernel by kernel. In the GPU's favour: no normalisation layers, no layout changes, no workspaces, no
//! optimizer in float32 beside 16-bit weights, and a dead tensor's dirty lines cost nothing. The *fused* variant has one kernel for the
//! neurons of all steps, forwards and backwards, and one for the optimizer.

use super::{LayerShape, Shapes};
use serde::Serialize;
use std::collections::HashMap;

/// The GPU and how it is programmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Gpu {
    /// Bytes of a number.
    pub width: u64,
    /// Neurons and optimizer as one kernel each.
    pub fused: bool,
    /// Bytes of the last-level cache; 0 for none.
    pub cache: u64,
}

impl Gpu {
    /// Last-level cache of an A100 (NVIDIA A100 Tensor Core GPU Architecture, 2020).
    pub const A100_CACHE: u64 = 40 << 20;
}

/// A tensor: which, and its bytes.
#[derive(Clone, Copy)]
struct Tensor {
    id: u64,
    bytes: u64,
}

/// Counts DRAM bytes under a cache that keeps the tensors used last.
struct Memory {
    cache: u64,
    /// Tensor -> bytes, when it was last used, whether it is newer than DRAM.
    held: HashMap<u64, (u64, u64, bool)>,
    used: u64,
    time: u64,
    next: u64,
    traffic: u64,
}

impl Memory {
    fn new(cache: u64) -> Self {
        Self { cache, held: HashMap::new(), used: 0, time: 0, next: 0, traffic: 0 }
    }

    fn tensor(&mut self, bytes: u64) -> Tensor {
        self.next += 1;
        Tensor { id: self.next, bytes }
    }

    fn hold(&mut self, tensor: Tensor, dirty: bool) {
        self.time += 1;
        self.held.insert(tensor.id, (tensor.bytes, self.time, dirty));
        self.used += tensor.bytes;
        while self.used > self.cache {
            let Some((&oldest, _)) = self.held.iter().min_by_key(|(_, (_, time, _))| *time) else {
                break;
            };
            if let Some((bytes, _, dirty)) = self.held.remove(&oldest) {
                self.used -= bytes;
                self.traffic += if dirty { bytes } else { 0 };
            }
        }
    }

    fn read(&mut self, tensor: Tensor) {
        let dirty = match self.held.remove(&tensor.id) {
            Some((bytes, _, dirty)) => {
                self.used -= bytes;
                dirty
            }
            None => {
                self.traffic += tensor.bytes;
                false
            }
        };
        self.hold(tensor, dirty);
    }

    /// Reads one of `parts` equal parts of a tensor: from the cache if the whole is there.
    fn read_part(&mut self, whole: Tensor, parts: u64) {
        match self.held.get_mut(&whole.id) {
            Some((_, time, _)) => {
                self.time += 1;
                *time = self.time;
            }
            None => self.traffic += whole.bytes / parts,
        }
    }

    fn write(&mut self, tensor: Tensor) {
        self.free(tensor);
        self.hold(tensor, true);
    }

    /// The tensor is not needed again: its memory is reused before it is written back.
    fn free(&mut self, tensor: Tensor) {
        if let Some((bytes, _, _)) = self.held.remove(&tensor.id) {
            self.used -= bytes;
        }
    }

    /// A kernel: reads `inputs`, writes a new tensor of `bytes`.
    fn kernel(&mut self, inputs: &[Tensor], bytes: u64) -> Tensor {
        inputs.iter().for_each(|&input| self.read(input));
        let output = self.tensor(bytes);
        self.write(output);
        output
    }
}

/// What a layer keeps for its way back.
struct Kept {
    input: Tensor,
    /// Each step's membrane against its threshold, and 1 - spike.
    steps: Vec<[Tensor; 2]>,
    output: Tensor,
}

/// DRAM bytes of one weight update of `shapes` on `gpu`.
pub fn gpu(shapes: &Shapes, gpu: &Gpu) -> u64 {
    let mut memory = Memory::new(gpu.cache);
    let size = |count: u64| count * gpu.width;
    let samples = shapes.batch * shapes.steps;
    let parameters: Vec<[Tensor; 2]> = shapes
        .layers
        .iter()
        .map(|layer| [0; 2].map(|_| memory.tensor(size(layer.weights))))
        .collect();
    // The samples come as they are stored, and are repeated for every step as the framework repeats them.
    let first = shapes.layers.first().map_or(0, |layer| layer.inputs);
    let stored = memory.tensor(size(shapes.batch * first));
    let mut spikes = memory.kernel(&[stored], size(samples * first));
    let mut entry = spikes;
    let mut kept = Vec::new();
    for (layer, &[weight, _]) in shapes.layers.iter().zip(&parameters) {
        let input = spikes;
        let current = memory.kernel(&[input, weight], size(samples * layer.outputs));
        let (output, steps) = fire(&mut memory, shapes, layer, gpu, current);
        memory.free(current);
        spikes = output;
        if layer.shortcut {
            spikes = memory.kernel(&[output, entry], size(samples * layer.outputs));
            entry = spikes;
        }
        kept.push(Kept { input, steps, output });
    }
    let outputs = shapes.layers.last().map_or(0, |layer| layer.outputs);
    let mut error = memory.kernel(&[spikes], size(samples * outputs));
    for (l, layer) in shapes.layers.iter().enumerate().rev() {
        let Kept { input, steps, output } = &kept[l];
        let [weight, momentum] = parameters[l];
        if layer.shortcut {
            // The error goes both ways, and what comes back is added.
            error = memory.kernel(&[error, error], size(samples * layer.outputs));
        }
        let inner = unfire(&mut memory, shapes, layer, gpu, error, steps);
        memory.free(error);
        memory.free(*output);
        let gradient = memory.kernel(&[inner, *input], size(layer.weights));
        if l > 0 {
            error = memory.kernel(&[inner, weight], size(samples * layer.inputs));
        }
        memory.free(inner);
        update(&mut memory, gpu, weight, momentum, gradient);
        memory.free(gradient);
    }
    // What is still in the cache and must survive is written at some time.
    let left = parameters.iter().flatten().filter_map(|tensor| memory.held.get(&tensor.id));
    memory.traffic + left.filter(|(_, _, dirty)| *dirty).map(|(bytes, ..)| bytes).sum::<u64>()
}

/// The neurons of a layer over all steps: spikes, and what the way back needs.
fn fire(
    memory: &mut Memory,
    shapes: &Shapes,
    layer: &LayerShape,
    gpu: &Gpu,
    current: Tensor,
) -> (Tensor, Vec<[Tensor; 2]>) {
    let step = shapes.batch * layer.outputs * gpu.width;
    let all = step * shapes.steps;
    if gpu.fused {
        let membrane = memory.kernel(&[current], all);
        let output = memory.tensor(all);
        memory.write(output);
        return (output, vec![[membrane, output]]);
    }
    let mut membrane = memory.kernel(&[], step);
    let mut kept = Vec::new();
    let mut spikes = Vec::new();
    for _ in 0..shapes.steps {
        let leaked = memory.kernel(&[membrane], step);
        memory.free(membrane);
        // The step's part of the current is a view.
        memory.read_part(current, shapes.steps);
        let charged = memory.kernel(&[leaked], step);
        memory.free(leaked);
        let above = memory.kernel(&[charged], step);
        let spike = memory.kernel(&[above], step);
        let keep = memory.kernel(&[spike], step);
        membrane = memory.kernel(&[keep, charged], step);
        memory.free(charged);
        kept.push([above, keep]);
        spikes.push(spike);
    }
    memory.free(membrane);
    let output = memory.kernel(&spikes, all);
    spikes.iter().for_each(|&spike| memory.free(spike));
    (output, kept)
}

/// The way back through the neurons: from the error of the spikes to that of the current.
fn unfire(
    memory: &mut Memory,
    shapes: &Shapes,
    layer: &LayerShape,
    gpu: &Gpu,
    error: Tensor,
    kept: &[[Tensor; 2]],
) -> Tensor {
    let step = shapes.batch * layer.outputs * gpu.width;
    let all = step * shapes.steps;
    if gpu.fused {
        let [membrane, _] = kept[0];
        let inner = memory.kernel(&[error, membrane], all);
        memory.free(membrane);
        return inner;
    }
    let mut carried: Option<Tensor> = None;
    let mut parts = Vec::new();
    for &[above, keep] in kept.iter().rev() {
        let distance = memory.kernel(&[above], step);
        memory.free(above);
        // A mask is a byte an element.
        let mask = memory.kernel(&[distance], step / gpu.width);
        memory.free(distance);
        memory.read_part(error, shapes.steps);
        let mut inner = memory.kernel(&[mask], step);
        memory.free(mask);
        if let Some(carried) = carried {
            let kept_back = memory.kernel(&[carried, keep], step);
            memory.free(carried);
            let sum = memory.kernel(&[inner, kept_back], step);
            memory.free(inner);
            memory.free(kept_back);
            inner = sum;
        }
        memory.free(keep);
        carried = Some(memory.kernel(&[inner], step));
        parts.push(inner);
    }
    if let Some(carried) = carried {
        memory.free(carried);
    }
    let inner = memory.kernel(&parts, all);
    parts.iter().for_each(|&part| memory.free(part));
    inner
}

/// Momentum SGD.
fn update(memory: &mut Memory, gpu: &Gpu, weight: Tensor, momentum: Tensor, gradient: Tensor) {
    if gpu.fused {
        [weight, momentum, gradient].into_iter().for_each(|tensor| memory.read(tensor));
        [weight, momentum].into_iter().for_each(|tensor| memory.write(tensor));
        return;
    }
    // buffer *= mu; buffer += gradient; weight -= rate * buffer: in place, a kernel each.
    for (inputs, output) in [
        (vec![momentum], momentum),
        (vec![momentum, gradient], momentum),
        (vec![weight, momentum], weight),
    ] {
        inputs.into_iter().for_each(|input| memory.read(input));
        memory.write(output);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_layer() -> Shapes {
        let layer = LayerShape::dense("l", 10, 4);
        Shapes { name: "n".into(), layers: vec![layer], steps: 1, batch: 1 }
    }

    #[test]
    fn without_a_cache_every_operand_counts() {
        let eager = gpu(&one_layer(), &Gpu { width: 4, fused: false, cache: 0 });
        // Numbers of 4 bytes: the sample repeated 10 + 10, the product 10 + 40 + 4; the neurons' one step: the first membrane 4, then
        // leak 8, charge 4 + 8, distance 8, fire 8, keep 8, reset 12, collecting 8; the loss 8; the way back: distance 8, compare 4,
        // mask 4 + 4, leak 8, collecting 8; the gradient 4 + 10 + 40; the update 80 + 120 + 120. The masks are bytes, 4 + 4.
        let numbers =
            20 + 54 + (4 + 8 + 12 + 8 + 8 + 8 + 12 + 8) + 8 + (8 + 4 + 8 + 8 + 8) + 54 + 320;
        assert_eq!(eager, 4 * numbers + 8);
    }

    #[test]
    fn with_a_large_cache_only_what_must_move_does() {
        let cached = gpu(&one_layer(), &Gpu { width: 4, fused: false, cache: 1 << 20 });
        // The sample and, read and written, weights and momentum.
        assert_eq!(cached, 4 * (10 + 2 * 80));
    }
}
