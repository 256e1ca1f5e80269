//! The memories that only engines write, filled to their last row and held against the emulator.

use super::engines::{difference, emulator, settle};
use super::{Check, read};
use backspike_arch::num::F16;
use backspike_arch::{
    ArchConfig, Device, DeviceError, Engine, HostAddress, Instruction, PushWord, Region, TIME_BLOCK,
};
use backspike_tb::network::{Network, Sample};
use backspike_tb::program::{Placement, PopulationPlace, issue};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use std::ops::Range;

/// Random contents of the gradients, each with its negatives; of the traces, behind [`FLAT`] ones; of the membranes.
const GRADIENTS: usize = 3;
const TRACES: usize = 4;
const MEMBRANES: usize = 12;
/// Contents of traces that are the same in all neurons: never or always a spike, each surrogate code, the population at either place.
const FLAT: usize = 2 * 4 * 2;

/// Gradients, traces and membranes.
pub fn all(device: &mut dyn Device, rng: &mut ChaCha8Rng) -> Result<Vec<Check>, DeviceError> {
    Ok(vec![
        gradients(device, rng)?,
        slots(device, rng, Region::Trace)?,
        slots(device, rng, Region::Membrane)?,
    ])
}

/// What is compared so far.
struct Comparison {
    region: Region,
    words: usize,
    problem: Option<String>,
}

impl Comparison {
    fn rows(
        &mut self,
        both: &mut [&mut dyn Device; 2],
        placement: &Placement,
        rows: Range<usize>,
    ) -> Result<(), DeviceError> {
        let [got, expected] = both;
        let got: Vec<PushWord> = read(&mut **got, self.region, rows.clone())?;
        let expected = read(&mut **expected, self.region, rows)?;
        self.words += got.len();
        if self.problem.is_none() {
            self.problem = difference(placement, &got, &expected);
        }
        Ok(())
    }

    fn check(self, engine: &str) -> Check {
        let Self { region, words, problem } = self;
        Check { name: format!("{} memory, by {engine}", region.name()), words, problem }
    }
}

/// Upward elements of a march: CLEAR writes 0; ACCUMULATE reads 0 and writes sums of products; with the errors' other sign it reads those and
/// writes 0, reads 0 and writes their negatives, whose bits are the others, and at last 0 again. All of it with several random contents.
fn gradients(device: &mut dyn Device, rng: &mut ChaCha8Rng) -> Result<Check, DeviceError> {
    let config = device.config().clone();
    let mut emulator = emulator(&config)?;
    let mut comparison = Comparison { region: Region::Gradient, words: 0, problem: None };
    let rows = config.weight_rows();
    // The fewest tiles whose fan-in the machine takes.
    let placed = (1..=rows).filter(|tiles| rows.is_multiple_of(*tiles)).find_map(|tiles| {
        let sizes = [rows / tiles, tiles * config.lanes];
        let fits = sizes[0] <= config.max_fan_in && sizes[1] <= config.max_fan_out;
        let network = fits.then(|| Network::sized(rng, &config, &sizes, false, TIME_BLOCK))?;
        Placement::new(&config, &network).map(|placement| (network, placement))
    });
    let Some((network, placement)) = placed else {
        comparison.problem = Some("no layer has a weight for every row".into());
        return Ok(comparison.check("WG"));
    };
    let both: &mut [&mut dyn Device; 2] = &mut [device, &mut emulator];
    for device in both.iter_mut() {
        placement.load(&mut **device, &network)?;
        placement.clear(&mut **device, 0)?;
        settle(&mut **device, Engine::Wg)?;
    }
    for _ in 0..GRADIENTS {
        let mut sample = random_sample(rng, &network, &config);
        for flip in [0, 0x8000, 0, 0x8000] {
            for error in &mut sample.errors {
                *error = F16(error.0 ^ flip);
            }
            for device in both.iter_mut() {
                accumulate(&mut **device, &placement, &sample)?;
            }
            comparison.rows(both, &placement, 0..rows)?;
        }
    }
    Ok(comparison.check("WG"))
}

/// ACCUMULATE of a sample in slot 0.
fn accumulate(
    device: &mut dyn Device,
    placement: &Placement,
    sample: &Sample,
) -> Result<(), DeviceError> {
    let output = placement.populations[1];
    placement.write_spikes(device, 0, sample)?;
    placement.write_errors(device, 0, sample)?;
    // Every step of every tile-block may have errors.
    let at = placement.config.plane_row(0, output.plane_base) as u32;
    let steps = vec![(1 << TIME_BLOCK) - 1; output.tiles];
    device.write(HostAddress::new(Region::Nonzero, at, 0), &steps)?;
    issue(device, Engine::Wg, Instruction::Accumulate { slice: 0, slot: 0, further: 0 })?;
    settle(device, Engine::Wg)
}

/// Random spikes, and errors of all sizes.
fn random_sample(rng: &mut ChaCha8Rng, network: &Network, config: &ArchConfig) -> Sample {
    // Exponent fields up to that of half the largest error, 15 being 2^0; as often small ones, whose bits are the lowest of a gradient.
    let largest = 14 + config.error_max_exp as u16;
    let mut error = || {
        let most = if rng.random() { 6 } else { largest };
        F16(rng.random::<u16>() & 0x83ff | rng.random_range(1..=most) << 10)
    };
    Sample {
        errors: (0..network.population(1) * network.steps).map(|_| error()).collect(),
        spikes: (0..network.population(0) * network.steps).map(|_| rng.random()).collect(),
    }
}

/// A layer whose population, with an input of one tile, takes `words` tile-blocks of a slot.
struct Filling {
    tiles: usize,
    blocks: usize,
    fan_in: usize,
}

impl Filling {
    /// The fewest time blocks with which the population is none too large.
    fn new(config: &ArchConfig, region: Region) -> Option<Self> {
        (0..usize::BITS)
            .map(|log| 1 << log)
            .take_while(|b| b * TIME_BLOCK <= config.max_steps)
            .find_map(|blocks| {
                let tiles = match region {
                    Region::Membrane => config.membrane_blocks() / blocks,
                    _ => (config.plane_words() / blocks).checked_sub(1)?,
                };
                let fan_in = config.lanes.min(config.weight_rows().checked_div(tiles)?);
                let fits = (tiles + 1) * blocks <= config.plane_words()
                    && tiles * config.lanes <= config.max_fan_out;
                (fits && fan_in > 0).then_some(Self { tiles, blocks, fan_in })
            })
    }

    /// Where the populations are: the input before or behind the other one.
    fn placement(&self, config: &ArchConfig, network: &Network, input_first: bool) -> Placement {
        let (input, output) = (self.blocks, self.tiles * self.blocks);
        let bases = if input_first { [0, input] } else { [output, 0] };
        let place = |neurons: usize, plane_base: usize| PopulationPlace {
            neurons,
            tiles: config.tiles(neurons),
            plane_base,
            error_base: 0,
            membrane_base: 0,
        };
        Placement {
            config: config.clone(),
            steps: network.steps,
            blocks: self.blocks,
            populations: vec![
                place(network.population(0), bases[0]),
                place(network.population(1), bases[1]),
            ],
            weight_base: vec![0],
            weight_rows: vec![self.tiles * self.fan_in],
            readout: vec![network.layers[0].forward.readout],
        }
    }
}

/// Forward passes of layers that write every row of `region`, slot after slot.
fn slots(
    device: &mut dyn Device,
    rng: &mut ChaCha8Rng,
    region: Region,
) -> Result<Check, DeviceError> {
    let config = device.config().clone();
    let mut emulator = emulator(&config)?;
    let mut comparison = Comparison { region, words: 0, problem: None };
    let Some(filling) = Filling::new(&config, region) else {
        comparison.problem = Some("no layer fills a slot".into());
        return Ok(comparison.check("FP"));
    };
    let both: &mut [&mut dyn Device; 2] = &mut [device, &mut emulator];
    let sizes = [filling.fan_in, filling.tiles * config.lanes];
    let steps = filling.blocks * TIME_BLOCK;
    let readout = region == Region::Membrane;
    let (flat, random) = if readout { (0, MEMBRANES) } else { (FLAT, TRACES) };
    for round in 0..flat + random {
        let mut network = Network::sized(rng, &config, &sizes, readout, steps);
        if round < flat {
            let neuron = &mut network.layers[0].forward;
            neuron.theta = if round / 8 == 0 { i32::MIN } else { i32::MAX };
            // Whatever the membrane is, it lies within as many of the windows as the code says.
            let code = round / 2 % 4;
            neuron.width = std::array::from_fn(|window| if window < code { u32::MAX } else { 0 });
        }
        let placement = filling.placement(&config, &network, round % 2 == 0);
        let sample = random_sample(rng, &network, &config);
        for slot in 0..config.slots {
            for device in both.iter_mut() {
                let device = &mut **device;
                if slot == 0 {
                    placement.load(device, &network)?;
                }
                placement.write_spikes(device, slot, &sample)?;
                let forward = Instruction::Forward { slice: 0, slot: slot as u8 };
                issue(device, Engine::Fp, forward)?;
                settle(device, Engine::Fp)?;
            }
            comparison.rows(both, &placement, placement.rows(region, 0, slot))?;
        }
    }
    Ok(comparison.check("FP"))
}
