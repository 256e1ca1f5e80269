//! Devices by name, and two devices held against each other.

use crate::compiler::Program;
use backspike_arch::{ArchConfig, Device, DeviceError, HostAddress, PushWord, Region, TIME_BLOCK};
use backspike_emulator::Emulator;
pub use backspike_tb::{Optimize, RtlError, RtlLibrary, RtlOptions, Waves};

/// The emulator on `threads` threads.
pub fn emulator(config: &ArchConfig, threads: usize) -> Result<Box<dyn Device>, DeviceError> {
    let emulator = Emulator::new(config, threads)
        .map_err(|error| DeviceError::Failed(format!("the emulator cannot be made: {error}")))?;
    Ok(Box::new(emulator))
}

/// The generated Verilog in Verilator; the build is cached by its content. With `waves`, an FST file of the first cycles.
pub fn rtl(config: &ArchConfig, waves: Option<Waves>) -> Result<Box<dyn Device>, RtlError> {
    let library = RtlLibrary::new(config, waves.is_some(), Optimize::Full)?;
    Ok(Box::new(library.device(&RtlOptions { waves, ..RtlOptions::default() })?))
}

/// Two devices of the same configuration that get the same writes and must push the same words.
///
/// Not compared are registers, which count cycles that only have to be close, and membranes of steps beyond the last one of a sample: a core
/// never writes them. The first word that differs is an error.
pub struct Mirror {
    first: Box<dyn Device>,
    second: Box<dyn Device>,
    names: [&'static str; 2],
    steps: usize,
    output_tiles: usize,
    words: Vec<PushWord>,
}

impl Mirror {
    /// For the devices that will run `program`. The host sees what `first` pushes.
    pub fn new(
        first: Box<dyn Device>,
        second: Box<dyn Device>,
        names: [&'static str; 2],
        program: &Program,
    ) -> Mirror {
        let (steps, output_tiles) = (program.steps, program.output().tiles);
        Mirror { first, second, names, steps, output_tiles, words: Vec::new() }
    }

    fn is_compared(&self, addr: HostAddress) -> bool {
        match addr.region {
            Region::Register => false,
            Region::Membrane => {
                let row = addr.row as usize % Region::Membrane.slot_rows(self.config());
                let block = row / TIME_BLOCK / self.output_tiles;
                block * TIME_BLOCK + row % TIME_BLOCK < self.steps
            }
            _ => true,
        }
    }
}

impl Device for Mirror {
    fn config(&self) -> &ArchConfig {
        self.first.config()
    }

    fn write(&mut self, at: HostAddress, data: &[u32]) -> Result<(), DeviceError> {
        self.first.write(at, data)?;
        self.second.write(at, data)
    }

    fn receive(&mut self, words: usize, out: &mut Vec<PushWord>) -> Result<(), DeviceError> {
        let start = out.len();
        self.first.receive(words, out)?;
        self.words.clear();
        self.second.receive(words, &mut self.words)?;
        let same = |(a, b): &(&PushWord, &PushWord)| {
            a.addr == b.addr && (a.data == b.data || !self.is_compared(a.addr))
        };
        match out[start..].iter().zip(&self.words).find(|pair| !same(pair)) {
            None => Ok(()),
            Some((a, b)) => {
                let [first, second] = self.names;
                let show = |word: &PushWord| {
                    let HostAddress { region, row, sub } = word.addr;
                    format!("{:#010x} at {} row {row} word {sub}", word.data, region.name())
                };
                Err(DeviceError::Failed(format!(
                    "{first} and {second} differ: {first} pushed {}, {second} {}",
                    show(a),
                    show(b)
                )))
            }
        }
    }
}
