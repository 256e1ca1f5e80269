//! A device with a compiled network on it: instructions, weights in and out, counters.

use crate::compiler::{IO_COUNTERS, IO_OUTPUT, IO_SCRATCH, IO_SLOT_FREE, Program, Slice};
use crate::weights::Weights;
use backspike_arch::{
    Counter, Counters, Descriptor, Device, DeviceError, Engine, HostAddress, Instruction,
    IoDescriptor, LayoutError, PackedWord, PushWord, Region, Register, Status,
};

/// Tokens of the training program.
pub mod token {
    /// FP: the outputs of a group of samples are in memory.
    pub const FORWARD: u8 = 0;
    /// BP: the errors of a group are in memory.
    pub const BACKWARD: u8 = 1;
    /// WG: the slots of a group are free.
    pub const FREE: u8 = 2;
    /// WG: the weights are updated; FP may read them.
    pub const UPDATED: u8 = 3;
    /// WG: the weights are updated; the host may read them.
    pub const SETTLED: u8 = 4;
}

/// Low words of the instructions of a slot, in program order.
struct SlotProgram {
    forward: Vec<u32>,
    backward: Vec<u32>,
    accumulate: Vec<u32>,
    output: u32,
}

/// Waits and posts.
struct Tokens {
    wait: [u32; 8],
    post: [u32; 8],
}

/// A core that holds a program.
pub struct Core {
    device: Box<dyn Device>,
    program: Program,
    slots: Vec<SlotProgram>,
    tokens: Tokens,
    slot_free: u32,
    counters: u32,
    received: Vec<PushWord>,
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
                let accumulate =
                    (0..layers).rev().map(|slice| low(Instruction::Accumulate { slice, slot }));
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
        let received = Vec::new();
        let mut core = Core { device, program, slots, tokens, slot_free, counters, received };
        core.check_identity()?;
        core.write_descriptors()?;
        core.clear()?;
        Ok(core)
    }

    /// The compiled network.
    pub fn program(&self) -> &Program {
        &self.program
    }

    fn check_identity(&mut self) -> Result<(), DeviceError> {
        let rows = Register::Status.index() as u32;
        let registers = self.read(Region::Register, Register::Magic.index() as u32, rows)?;
        let config = &self.program.config;
        let wrong: Vec<String> = Register::all()
            .zip(registers)
            .filter_map(|(register, found)| {
                let wanted = register.identity(config)?;
                (wanted != found)
                    .then(|| format!("register {} is {found:#x}, not {wanted:#x}", register.name()))
            })
            .collect();
        if wrong.is_empty() { Ok(()) } else { Err(DeviceError::Mismatch(wrong.join("; "))) }
    }

    fn write_descriptors(&mut self) -> Result<(), DeviceError> {
        fn table<D: Descriptor>(device: &mut dyn Device, rows: &[D]) -> Result<(), DeviceError> {
            for (slice, descriptor) in rows.iter().enumerate() {
                let at = HostAddress::descriptor(D::ENGINE, slice as u8);
                device.write(at, &descriptor.encode()?)?;
            }
            Ok(())
        }
        let descriptors = &self.program.descriptors;
        let device = self.device.as_mut();
        table(device, &descriptors.fp)?;
        table(device, &descriptors.bp)?;
        table(device, &descriptors.wg)?;
        table(device, &descriptors.io)
    }

    /// Gradients and optimizer state to zero: memories start with any content.
    fn clear(&mut self) -> Result<(), DeviceError> {
        for slice in 0..self.program.slices.len() as u8 {
            let [low, _] = Instruction::Clear { slice }.encode()?;
            self.send(Engine::Wg, low)?;
        }
        self.post(Engine::Wg, token::SETTLED)?;
        self.settle()
    }

    /// Waits until WG has posted [`token::SETTLED`].
    pub fn settle(&mut self) -> Result<(), DeviceError> {
        self.wait(Engine::Io, token::SETTLED)?;
        self.push_slot_free()?;
        self.receive(1).map(|_| ())
    }

    #[inline]
    fn send(&mut self, engine: Engine, low: u32) -> Result<(), DeviceError> {
        self.device.write(HostAddress::queue(engine), &[low])
    }

    /// Enqueues WAIT.
    pub fn wait(&mut self, engine: Engine, token: u8) -> Result<(), DeviceError> {
        self.send(engine, self.tokens.wait[usize::from(token)])
    }

    /// Enqueues POST.
    pub fn post(&mut self, engine: Engine, token: u8) -> Result<(), DeviceError> {
        self.send(engine, self.tokens.post[usize::from(token)])
    }

    /// Enqueues an instruction without an immediate.
    pub fn issue(&mut self, engine: Engine, instruction: Instruction) -> Result<(), DeviceError> {
        let [low, _] = instruction.encode()?;
        self.send(engine, low)
    }

    /// Writes the encoded input of a slot.
    pub fn write_input(&mut self, slot: usize, input: &[u32]) -> Result<(), DeviceError> {
        let row = self.program.config.plane_row(slot, 0) as u32;
        self.device.write(HostAddress::new(Region::Spike, row, 0), input)
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
        self.device.write(HostAddress::new(Region::Error, row, 0), errors)
    }

    /// Writes the output gradient of a slot and enqueues its backward pass.
    pub fn backward(&mut self, slot: usize, errors: &[u32]) -> Result<(), DeviceError> {
        self.write_errors(slot, errors)?;
        for layer in 0..self.slots[slot].backward.len() {
            self.send(Engine::Bp, self.slots[slot].backward[layer])?;
        }
        Ok(())
    }

    /// Enqueues the weight gradients of a slot.
    pub fn accumulate(&mut self, slot: usize) -> Result<(), DeviceError> {
        for layer in 0..self.slots[slot].accumulate.len() {
            self.send(Engine::Wg, self.slots[slot].accumulate[layer])?;
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
        let [low, high] = update.encode()?;
        self.device.write(HostAddress::queue_imm(Engine::Wg), &[high])?;
        self.send(Engine::Wg, low)
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
        self.received.clear();
        self.device.receive(words, &mut self.received)?;
        Ok(&self.received)
    }

    /// Asks for the counters and waits for them; only while nothing else is pushed.
    pub fn read_counters(&mut self) -> Result<Counters, DeviceError> {
        self.push_counters()?;
        self.receive_counters()
    }

    /// The counters after [`push_counters`](Self::push_counters); a set status bit is an error.
    pub fn receive_counters(&mut self) -> Result<Counters, DeviceError> {
        let words: Vec<u32> =
            self.receive(1 + Counter::COUNT)?.iter().map(|word| word.data).collect();
        let problems = Status::decode(words[0])?.problems();
        if !problems.is_empty() {
            return Err(DeviceError::Status(problems.join("; ")));
        }
        Counters::from_words(&words[1..])
            .ok_or_else(|| DeviceError::Failed("the counters came short".to_string()))
    }

    /// 32-bit words that [`push_output`](Self::push_output) sends of one slot.
    pub fn output_words(&self) -> usize {
        let push = &self.program.descriptors.io[usize::from(IO_OUTPUT)];
        push.rows as usize * push.region.subs(&self.program.config)
    }

    /// Rows of a memory; only while nothing else is pushed.
    fn read(&mut self, region: Region, base: u32, rows: u32) -> Result<Vec<u32>, DeviceError> {
        let at = HostAddress::descriptor(Engine::Io, IO_SCRATCH);
        self.device.write(at, &IoDescriptor { region, base, rows }.encode()?)?;
        let [low, _] = Instruction::Push { slice: IO_SCRATCH, slot: 0 }.encode()?;
        self.send(Engine::Io, low)?;
        let words = rows as usize * region.subs(&self.program.config);
        Ok(self.receive(words)?.iter().map(|word| word.data).collect())
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
                self.device.write(at, &to_rows(&slice, lanes, values))?;
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
            let words = self.read(Region::Weight, base, rows)?;
            from_rows(&slice, lanes, &words, &mut weights.layers[l].weight);
            let words = self.read(Region::State, base, rows)?;
            from_rows(&slice, lanes, &words, &mut weights.layers[l].state);
        }
        Ok(())
    }
}

/// Network order to rows, tile-major; lanes beyond the last neuron are zero.
fn to_rows(slice: &Slice, lanes: usize, values: &[u16]) -> Vec<u32> {
    let mut words = vec![0u32; slice.rows() * lanes / 2];
    for (row, words) in words.chunks_exact_mut(lanes / 2).enumerate() {
        let (tile, j) = (row / slice.fan_in, row % slice.fan_in);
        let first = tile * lanes;
        let valid = lanes.min(slice.neurons - first);
        let from = &values[j * slice.neurons + first..][..valid];
        for (lane, value) in from.iter().enumerate() {
            words[lane / 2] |= u32::from(*value) << (16 * (lane % 2));
        }
    }
    words
}

/// Rows, tile-major, to network order.
fn from_rows(slice: &Slice, lanes: usize, words: &[u32], values: &mut [u16]) {
    for (row, words) in words.chunks_exact(lanes / 2).enumerate() {
        let (tile, j) = (row / slice.fan_in, row % slice.fan_in);
        let first = tile * lanes;
        let valid = lanes.min(slice.neurons - first);
        let to = &mut values[j * slice.neurons + first..][..valid];
        for (lane, value) in to.iter_mut().enumerate() {
            *value = (words[lane / 2] >> (16 * (lane % 2))) as u16;
        }
    }
}
