//! A device with a compiled network on it: instructions, weights in and out, counters.

use crate::compiler::{IO_COUNTERS, IO_OUTPUT, IO_SLOT_FREE, Program, Slice};
use crate::port::{Part, Port};
use crate::weights::Weights;
use backspike_arch::device::WordMemory;
use backspike_arch::{
    Counters, Device, DeviceError, Engine, HostAddress, Instruction, LayoutError, PushWord, Region,
};

pub use crate::port::token;

/// Low words of the instructions of a slot, in program order.
struct SlotProgram {
    forward: Vec<u32>,
    backward: Vec<u32>,
    /// For the slot alone, with the next one, and so on.
    accumulate: Vec<Vec<u32>>,
    output: u32,
}

/// Waits and posts.
struct Tokens {
    wait: [u32; 8],
    post: [u32; 8],
}

/// A core that holds a program.
pub struct Core {
    port: Port,
    program: Program,
    slots: Vec<SlotProgram>,
    tokens: Tokens,
    slot_free: u32,
    counters: u32,
}

impl Core {
    /// Checks that the device is the one the program was compiled for, clears it and writes all descriptors.
    pub fn open(device: Box<dyn Device>, program: Program) -> Result<Core, DeviceError> {
        let config = &program.config;
        let layers = program.slices.len() as u8;
        let low = |instruction: Instruction| Ok::<u32, LayoutError>(instruction.encode()?[0]);
        let slots: Result<Vec<SlotProgram>, LayoutError> = (0..config.slots as u8)
            .map(|slot| {
                let forward = (0..layers).map(|slice| low(Instruction::Forward { slice, slot }));
                let back = std::iter::once(low(Instruction::NeuronBack { slice: 0, slot }));
                let backprop =
                    (1..layers).rev().map(|slice| low(Instruction::Backprop { slice, slot }));
                let others = config.gradient_slots.min(config.slots - usize::from(slot)) as u8;
                let accumulate = (0..others).map(|further| {
                    let layers = (0..layers).rev();
                    layers
                        .map(|slice| low(Instruction::Accumulate { slice, slot, further }))
                        .collect()
                });
                Ok(SlotProgram {
                    forward: forward.collect::<Result<_, _>>()?,
                    backward: back.chain(backprop).collect::<Result<_, _>>()?,
                    accumulate: accumulate.collect::<Result<_, _>>()?,
                    output: low(Instruction::Push { slice: IO_OUTPUT, slot })?,
                })
            })
            .collect();
        let mut tokens = Tokens { wait: [0; 8], post: [0; 8] };
        for token in 0..8 {
            tokens.wait[usize::from(token)] = low(Instruction::Wait { token })?;
            tokens.post[usize::from(token)] = low(Instruction::Post { token })?;
        }
        let slot_free = low(Instruction::Push { slice: IO_SLOT_FREE, slot: 0 })?;
        let counters = low(Instruction::Push { slice: IO_COUNTERS, slot: 0 })?;
        let slots = slots?;
        let mut port = Port::open(device, &program.config, &program.descriptors)?;
        port.clear(program.slices.len())?;
        Ok(Core { port, program, slots, tokens, slot_free, counters })
    }

    /// Memory for inputs that the device reads where they are, if it does.
    pub fn memory(&self) -> Option<Box<dyn WordMemory>> {
        self.port.memory()
    }

    /// The compiled network.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Waits until WG has posted [`token::SETTLED`].
    pub fn settle(&mut self) -> Result<(), DeviceError> {
        self.port.settle()
    }

    #[inline]
    fn send(&mut self, engine: Engine, low: u32) -> Result<(), DeviceError> {
        self.port.send(engine, low)
    }

    /// Enqueues WAIT.
    pub fn wait(&mut self, engine: Engine, token: u8) -> Result<(), DeviceError> {
        self.send(engine, self.tokens.wait[usize::from(token)])
    }

    /// Enqueues POST.
    pub fn post(&mut self, engine: Engine, token: u8) -> Result<(), DeviceError> {
        self.send(engine, self.tokens.post[usize::from(token)])
    }

    /// Enqueues an instruction.
    pub fn issue(&mut self, engine: Engine, instruction: Instruction) -> Result<(), DeviceError> {
        self.port.issue(engine, instruction)
    }

    /// Writes the encoded input of a slot.
    pub fn write_input(&mut self, slot: usize, input: &[u32]) -> Result<(), DeviceError> {
        let row = self.program.config.plane_row(slot, 0) as u32;
        self.port.write(HostAddress::new(Region::Spike, row, 0), input)
    }

    /// Writes the encoded input of a slot and enqueues its forward pass.
    pub fn forward(&mut self, slot: usize, input: &[u32]) -> Result<(), DeviceError> {
        self.write_input(slot, input)?;
        for layer in 0..self.slots[slot].forward.len() {
            self.send(Engine::Fp, self.slots[slot].forward[layer])?;
        }
        Ok(())
    }

    /// Writes the output gradient of a slot: all error rows of the output.
    pub fn write_errors(&mut self, slot: usize, errors: &[u32]) -> Result<(), DeviceError> {
        let base = self.program.output().error_base;
        let row = self.program.config.error_row(slot, base, 0) as u32;
        self.port.write(HostAddress::new(Region::Error, row, 0), errors)
    }

    /// Writes the output gradient of a slot and enqueues its backward pass.
    pub fn backward(&mut self, slot: usize, errors: &[u32]) -> Result<(), DeviceError> {
        self.write_errors(slot, errors)?;
        for layer in 0..self.slots[slot].backward.len() {
            self.send(Engine::Bp, self.slots[slot].backward[layer])?;
        }
        Ok(())
    }

    /// Enqueues the weight gradients of `count` slots from `first` on, as many at once as the core takes.
    pub fn accumulate(&mut self, first: usize, count: usize) -> Result<(), DeviceError> {
        let together = self.program.config.gradient_slots;
        for slot in (first..first + count).step_by(together) {
            let further = together.min(first + count - slot) - 1;
            for layer in 0..self.slots[slot].accumulate[further].len() {
                self.send(Engine::Wg, self.slots[slot].accumulate[further][layer])?;
            }
        }
        Ok(())
    }

    /// Enqueues UPDATE of a layer.
    pub fn update(
        &mut self,
        layer: usize,
        rate_shift: u8,
        scale_shift: u8,
        key: u32,
    ) -> Result<(), DeviceError> {
        let update = Instruction::Update { slice: layer as u8, rate_shift, scale_shift, key };
        self.port.issue(Engine::Wg, update)
    }

    /// Enqueues the push of what the loss needs of a slot.
    pub fn push_output(&mut self, slot: usize) -> Result<(), DeviceError> {
        self.send(Engine::Io, self.slots[slot].output)
    }

    /// Enqueues the push of the single word that says that a group's slots are free.
    pub fn push_slot_free(&mut self) -> Result<(), DeviceError> {
        self.send(Engine::Io, self.slot_free)
    }

    /// Enqueues the push of status and counters.
    pub fn push_counters(&mut self) -> Result<(), DeviceError> {
        self.send(Engine::Io, self.counters)
    }

    /// The next `words` pushed words.
    pub fn receive(&mut self, words: usize) -> Result<&[PushWord], DeviceError> {
        self.port.receive(words)
    }

    /// Asks for the counters and waits for them; only while nothing else is pushed.
    pub fn read_counters(&mut self) -> Result<Counters, DeviceError> {
        self.push_counters()?;
        self.receive_counters()
    }

    /// The counters after [`push_counters`](Self::push_counters); a set status bit is an error.
    pub fn receive_counters(&mut self) -> Result<Counters, DeviceError> {
        self.port.receive_counters()
    }

    /// 32-bit words that [`push_output`](Self::push_output) sends of one slot.
    pub fn output_words(&self) -> usize {
        let push = &self.program.descriptors.io[usize::from(IO_OUTPUT)];
        push.words(&self.program.config)
    }

    /// Writes weights and optimizer state; only while the engines are idle.
    pub fn load(&mut self, weights: &Weights) -> Result<(), DeviceError> {
        for l in 0..self.program.slices.len() {
            let slice = self.program.slices[l];
            let lanes = self.program.config.lanes;
            for (region, values) in [
                (Region::Weight, &weights.layers[l].weight),
                (Region::State, &weights.layers[l].state),
            ] {
                let at = HostAddress::new(region, slice.weight_base as u32, 0);
                self.port.write(at, &whole(&slice).to_rows(lanes, values))?;
            }
        }
        Ok(())
    }

    /// Reads weights and optimizer state; only while the engines are idle.
    pub fn store(&mut self, weights: &mut Weights) -> Result<(), DeviceError> {
        for l in 0..self.program.slices.len() {
            let slice = self.program.slices[l];
            let lanes = self.program.config.lanes;
            let (base, rows) = (slice.weight_base as u32, slice.rows() as u32);
            let words = self.port.read(Region::Weight, base, rows)?;
            whole(&slice).take_rows(lanes, &words, &mut weights.layers[l].weight);
            let words = self.port.read(Region::State, base, rows)?;
            whole(&slice).take_rows(lanes, &words, &mut weights.layers[l].state);
        }
        Ok(())
    }
}

/// All weights of a layer.
fn whole(slice: &Slice) -> Part {
    Part { neurons: slice.neurons, inputs: 0..slice.fan_in, outputs: 0..slice.neurons }
}
