//! Devices by name, and two devices held against each other.

use backspike_arch::device::WordMemory;
use backspike_arch::{
    ArchConfig, Device, DeviceError, HostAddress, Link, Mesh, PushWord, Region, TIME_BLOCK,
};
use backspike_emulator::Emulator;
pub use backspike_tb::{Optimize, RtlError, RtlLibrary, RtlOptions, Waves};
use std::sync::Arc;

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
    /// For samples of `steps` steps with `output_tiles` tiles of the output. The host sees what `first` pushes.
    pub fn new(
        first: Box<dyn Device>,
        second: Box<dyn Device>,
        names: [&'static str; 2],
        steps: usize,
        output_tiles: usize,
    ) -> Mirror {
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

    fn memory(&self) -> Option<Box<dyn WordMemory>> {
        self.first.memory()
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

/// Two meshes, of which every core of one is held against that of the other as [`Mirror`] does.
pub struct MirrorMesh {
    pub first: Arc<dyn Mesh>,
    pub second: Arc<dyn Mesh>,
    pub names: [&'static str; 2],
    pub steps: usize,
    /// Tiles of the output that the core on a node has, 0 without a part of it.
    pub output_tiles: Vec<usize>,
}

impl Mesh for MirrorMesh {
    fn core(&self, node: usize) -> Box<dyn Device> {
        let (first, second) = (self.first.core(node), self.second.core(node));
        let tiles = self.output_tiles[node].max(1);
        Box::new(Mirror::new(first, second, self.names, self.steps, tiles))
    }

    fn multicast(&self, nodes: u64, at: HostAddress, data: &[u32]) -> Result<(), DeviceError> {
        self.first.multicast(nodes, at, data)?;
        self.second.multicast(nodes, at, data)
    }

    fn memory(&self) -> Option<Box<dyn WordMemory>> {
        self.first.memory()
    }

    fn flits(&self, link: Link) -> Result<u64, DeviceError> {
        self.first.flits(link)
    }
}
