//! Whether a device is a whole core: its memories keep what is written, its engines compute what the emulator does.

mod engines;
mod fill;
mod memory;
mod mesh;

pub use mesh::all_to_all;

use backspike_arch::{
    ArchConfig, Device, DeviceError, Engine, Instruction, IoDescriptor, PackedWord as _, PushWord,
    Region, Register, Status, device::write_descriptor,
};
use backspike_tb::program::issue;
use engines::engines;
use memory::memory;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// A check and how it ended.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Check {
    pub name: String,
    /// Words compared.
    pub words: usize,
    /// What is wrong, if anything.
    pub problem: Option<String>,
}

/// Rows read at a time.
const ROWS: usize = 64;

/// Rows of a memory.
fn read(
    device: &mut dyn Device,
    region: Region,
    rows: std::ops::Range<usize>,
) -> Result<Vec<PushWord>, DeviceError> {
    let per_slot = region.slot_rows(device.config());
    // A memory without slots is one of slot 0.
    let slot = rows.start.checked_div(per_slot).unwrap_or(0);
    let base = rows.start - slot * per_slot;
    let push = IoDescriptor::to_host(region, base as u32, rows.len() as u32);
    write_descriptor(device, 0, &push)?;
    issue(device, Engine::Io, Instruction::Push { slice: 0, slot: slot as u8 })?;
    let mut words = Vec::new();
    device.receive(rows.len() * region.subs(device.config()), &mut words)?;
    Ok(words)
}

/// The registers before the counters, by name.
pub fn registers(device: &mut dyn Device) -> Result<Vec<(Register, u32)>, DeviceError> {
    let words = read(device, Region::Register, 0..Register::COUNT)?;
    Ok(Register::all().zip(words.into_iter().map(|word| word.data)).collect())
}

/// Why the device is not a core of its configuration.
pub fn identity(device: &mut dyn Device) -> Result<Check, DeviceError> {
    let registers = registers(device)?;
    let config = device.config().clone();
    let wrong: Vec<String> = registers
        .iter()
        .filter_map(|&(register, found)| {
            let wanted = register.identity(&config)?;
            (wanted != found).then(|| format!("{} is {found:#x}, not {wanted:#x}", register.name()))
        })
        .collect();
    let problem = (!wrong.is_empty()).then(|| wrong.join("; "));
    Ok(Check { name: format!("identity of {}", config.name), words: registers.len(), problem })
}

/// All checks; `watch` is told each as it ends. `seed` draws patterns and networks.
pub fn selftest(
    device: &mut dyn Device,
    seed: u64,
    mut watch: impl FnMut(&Check),
) -> Result<Vec<Check>, DeviceError> {
    let rng = &mut ChaCha8Rng::seed_from_u64(seed);
    let mut checks = Vec::new();
    let mut done = |check: Check| {
        watch(&check);
        checks.push(check);
    };
    let check = identity(device)?;
    let strange = check.problem.is_some();
    done(check);
    // Nothing can be said about a core whose memories have other sizes.
    if !strange {
        for region in [Region::Weight, Region::State, Region::Spike, Region::Error, Region::Nonzero]
        {
            done(memory(device, region, rng)?);
        }
        for check in fill::all(device, rng)? {
            done(check);
        }
        for _ in 0..4 {
            engines(device, rng)?.into_iter().for_each(&mut done);
        }
        let status =
            read(device, Region::Register, Register::Status.index()..Register::Status.index() + 1)?;
        let problems = Status::decode(status[0].data)?.problems();
        let problem = (!problems.is_empty()).then(|| problems.join("; "));
        done(Check { name: "status".into(), words: 1, problem });
    }
    Ok(checks)
}

/// The configuration as an owner sees it: what fits a line.
pub fn describe(config: &ArchConfig) -> String {
    format!(
        "{}: {} lanes, {} optimizers, {} weights, {} slots, {} MHz",
        config.name,
        config.lanes,
        config.optimizers,
        config.weights,
        config.slots,
        config.clock_mhz
    )
}
