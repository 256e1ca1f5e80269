//! Devices by name, and two devices held against each other.

use backspike_arch::{ArchConfig, Device, DeviceError, HostAddress, PushWord, Region};
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
/// Registers are not compared: they count cycles, which only have to be close. The first word that differs is an error.
pub struct Mirror {
    first: Box<dyn Device>,
    second: Box<dyn Device>,
    names: [&'static str; 2],
    words: Vec<PushWord>,
}

impl Mirror {
    /// The host sees what `first` pushes.
    pub fn new(
        first: Box<dyn Device>,
        second: Box<dyn Device>,
        names: [&'static str; 2],
    ) -> Mirror {
        Mirror { first, second, names, words: Vec::new() }
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
            a.addr == b.addr && (a.data == b.data || a.addr.region == Region::Register)
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
