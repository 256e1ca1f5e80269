//! A device as a program sees it: instructions, descriptors, rows of memories, counters.

use crate::compiler::{Descriptors, IO_COUNTERS, IO_SCRATCH, IO_SLOT_FREE};
use backspike_arch::device::WordMemory;
use backspike_arch::{
    ArchConfig, Counter, Counters, Descriptor, Device, DeviceError, Engine, HostAddress,
    Instruction, IoDescriptor, PackedWord, PushWord, Region, Register, Status,
};
use std::ops::Range;

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
    /// BP, on a mesh: the errors of a slice are in memory.
    pub const ERRORS: u8 = 5;
    /// WG, on a mesh: the weights are updated; they may be sent.
    pub const WEIGHTS: u8 = 6;
    /// The host, on a mesh: the input of a sample is in memory.
    pub const INPUT: u8 = 7;
    /// The host, on a mesh: the output gradient of a sample is in memory.
    pub const GRADIENT: u8 = 8;
    /// The first token of those that other cores post.
    pub const OTHERS: u8 = 9;
}

/// A device with what it pushed last.
pub struct Port {
    device: Box<dyn Device>,
    received: Vec<PushWord>,
    /// Low words for each queue that are still to be written.
    collected: Option<[Vec<u32>; Engine::ALL.len()]>,
}

impl Port {
    /// Checks that the device is one of configuration `config`, then writes all descriptors. IO slices from [`IO_SLOT_FREE`] to
    /// [`IO_SCRATCH`] are those of the compiler.
    pub fn open(
        device: Box<dyn Device>,
        config: &ArchConfig,
        descriptors: &Descriptors,
    ) -> Result<Port, DeviceError> {
        let mut port = Port { device, received: Vec::new(), collected: None };
        port.check_identity(config)?;
        port.write_descriptors(descriptors)?;
        Ok(port)
    }

    /// Memory for words that the device reads where they are, if it does.
    pub fn memory(&self) -> Option<Box<dyn WordMemory>> {
        self.device.memory()
    }

    fn check_identity(&mut self, config: &ArchConfig) -> Result<(), DeviceError> {
        let rows = Register::Status.index() as u32;
        let registers = self.read(Region::Register, Register::Magic.index() as u32, rows)?;
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

    fn write_descriptors(&mut self, descriptors: &Descriptors) -> Result<(), DeviceError> {
        fn table<D: Descriptor>(device: &mut dyn Device, rows: &[D]) -> Result<(), DeviceError> {
            for (slice, descriptor) in rows.iter().enumerate() {
                let at = HostAddress::descriptor(D::ENGINE, slice as u8);
                device.write(at, &descriptor.encode()?)?;
            }
            Ok(())
        }
        let device = self.device.as_mut();
        table(device, &descriptors.fp)?;
        table(device, &descriptors.bp)?;
        table(device, &descriptors.wg)?;
        table(device, &descriptors.io)
    }

    /// Enqueues the low word of an instruction.
    #[inline]
    pub fn send(&mut self, engine: Engine, low: u32) -> Result<(), DeviceError> {
        match &mut self.collected {
            Some(words) => words[engine as usize].push(low),
            None => self.device.write(HostAddress::queue(engine), &[low])?,
        }
        Ok(())
    }

    /// Enqueues the instructions that `issue` does, at its end and many in a write: on a mesh that saves packets. Those of a queue keep their
    /// order; `issue` does nothing else, and none of them has an immediate.
    pub fn together(
        &mut self,
        issue: impl FnOnce(&mut Port) -> Result<(), DeviceError>,
    ) -> Result<(), DeviceError> {
        self.collected = Some(Default::default());
        issue(self)?;
        let collected = self.collected.take().unwrap_or_default();
        let row = Region::Queue.subs(self.device.config());
        for (engine, words) in Engine::ALL.iter().zip(collected) {
            for words in words.chunks(row) {
                self.device.write(HostAddress::queue_row(*engine), words)?;
            }
        }
        Ok(())
    }

    /// Enqueues an instruction; its immediate only if it has one.
    pub fn issue(&mut self, engine: Engine, instruction: Instruction) -> Result<(), DeviceError> {
        let [low, high] = instruction.encode()?;
        if matches!(instruction, Instruction::Update { .. }) {
            self.device.write(HostAddress::queue_imm(engine), &[high])?;
        }
        self.send(engine, low)
    }

    /// Enqueues WAIT.
    pub fn wait(&mut self, engine: Engine, token: u8) -> Result<(), DeviceError> {
        self.issue(engine, Instruction::Wait { token })
    }

    /// Enqueues POST.
    pub fn post(&mut self, engine: Engine, token: u8) -> Result<(), DeviceError> {
        self.issue(engine, Instruction::Post { token })
    }

    /// Enqueues PUSH.
    pub fn push(&mut self, slice: u8, slot: usize) -> Result<(), DeviceError> {
        self.issue(Engine::Io, Instruction::Push { slice, slot: slot as u8 })
    }

    /// Gradients and optimizer state of the first `slices` slices to zero: memories start with any content.
    pub fn clear(&mut self, slices: usize) -> Result<(), DeviceError> {
        for slice in 0..slices as u8 {
            self.issue(Engine::Wg, Instruction::Clear { slice })?;
        }
        self.post(Engine::Wg, token::SETTLED)?;
        self.settle()
    }

    /// Waits until WG has posted [`token::SETTLED`].
    pub fn settle(&mut self) -> Result<(), DeviceError> {
        self.wait(Engine::Io, token::SETTLED)?;
        self.push(IO_SLOT_FREE, 0)?;
        self.receive(1).map(|_| ())
    }

    /// Writes words.
    pub fn write(&mut self, at: HostAddress, data: &[u32]) -> Result<(), DeviceError> {
        self.device.write(at, data)
    }

    /// The next `words` pushed words.
    pub fn receive(&mut self, words: usize) -> Result<&[PushWord], DeviceError> {
        self.received.clear();
        self.device.receive(words, &mut self.received)?;
        Ok(&self.received)
    }

    /// Enqueues the push of status and counters.
    pub fn push_counters(&mut self) -> Result<(), DeviceError> {
        self.push(IO_COUNTERS, 0)
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

    /// Rows of a memory; only while nothing else is pushed.
    pub fn read(&mut self, region: Region, base: u32, rows: u32) -> Result<Vec<u32>, DeviceError> {
        let at = HostAddress::descriptor(Engine::Io, IO_SCRATCH);
        self.device.write(at, &IoDescriptor::to_host(region, base, rows).encode()?)?;
        self.push(IO_SCRATCH, 0)?;
        let words = rows as usize * region.subs(self.device.config());
        Ok(self.receive(words)?.iter().map(|word| word.data).collect())
    }
}

/// Part of a layer's weights, `[fan_in, neurons]` row-major: those from `inputs` to `outputs`, of which the first begins a tile.
#[derive(Clone, Debug)]
pub struct Part {
    /// Neurons of the layer.
    pub neurons: usize,
    pub inputs: Range<usize>,
    pub outputs: Range<usize>,
}

impl Part {
    /// For each row, tile-major, where its lanes are among the values.
    fn rows(&self, lanes: usize) -> impl Iterator<Item = Range<usize>> {
        let Part { neurons, inputs, outputs } = self.clone();
        outputs.clone().step_by(lanes).flat_map(move |first| {
            let count = lanes.min(outputs.end - first);
            inputs.clone().map(move |j| j * neurons + first..j * neurons + first + count)
        })
    }

    /// Rows of a core with `lanes` lanes, tile-major; lanes beyond the last neuron are zero.
    pub fn to_rows(&self, lanes: usize, values: &[u16]) -> Vec<u32> {
        let mut words =
            vec![0u32; self.inputs.len() * self.outputs.len().div_ceil(lanes) * lanes / 2];
        for (words, from) in words.chunks_exact_mut(lanes / 2).zip(self.rows(lanes)) {
            for (lane, value) in values[from].iter().enumerate() {
                words[lane / 2] |= u32::from(*value) << (16 * (lane % 2));
            }
        }
        words
    }

    /// The values of rows that [`Self::to_rows`] lays out.
    pub fn take_rows(&self, lanes: usize, words: &[u32], values: &mut [u16]) {
        for (words, to) in words.chunks_exact(lanes / 2).zip(self.rows(lanes)) {
            for (lane, value) in values[to].iter_mut().enumerate() {
                *value = (words[lane / 2] >> (16 * (lane % 2))) as u16;
            }
        }
    }
}
