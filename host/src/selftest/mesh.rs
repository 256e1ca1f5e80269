//! The links between the cores of a mesh.

use super::{Check, read};
use backspike_arch::device::write_descriptor;
use backspike_arch::{Device, DeviceError, Engine, HostAddress, Instruction, IoDescriptor, Region};
use backspike_tb::program::issue;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Rows that a core sends in [`all_to_all`], at most.
const SENT: usize = 4;

/// On a mesh: every core sends rows of its weight memory to every core, itself among them, all at once; each must hold the rows of all.
pub fn all_to_all(cores: &mut [Box<dyn Device>], seed: u64) -> Result<Check, DeviceError> {
    let name = "mesh, all to all".to_owned();
    let Some(config) = cores.first().map(|core| core.config().clone()) else {
        return Ok(Check { name, words: 0, problem: Some("there is no core".into()) });
    };
    let rng = &mut ChaCha8Rng::seed_from_u64(seed);
    let (count, region) = (cores.len(), Region::Weight);
    let subs = region.subs(&config);
    // The first rows are the core's own, then come those of each core.
    let rows = (region.rows(&config) / (count + 1)).min(SENT);
    let own: Vec<Vec<u32>> =
        (0..count).map(|_| (0..rows * subs).map(|_| rng.random()).collect()).collect();
    for (core, own) in cores.iter_mut().zip(&own) {
        core.write(HostAddress::new(region, 0, 0), own)?;
        core.write(HostAddress::new(region, rows as u32, 0), &vec![0; count * rows * subs])?;
        // What others send must not come before these.
        read(core.as_mut(), region, 0..1)?;
    }
    let all = (1_u64 << count) - 1;
    // With fewer tokens than cores some share one: it counts.
    let token = |from: usize| (from % config.tokens) as u8;
    for (from, core) in cores.iter_mut().enumerate() {
        let to = (rows * (from + 1)) as u32;
        let push = IoDescriptor::to_nodes(region, 0, rows as u32, to, all);
        // Slice 0 is that of reads.
        write_descriptor(core.as_mut(), 1, &push)?;
        write_descriptor(core.as_mut(), 2, &IoDescriptor::post(token(from), all))?;
    }
    for core in cores.iter_mut() {
        for slice in [1, 2] {
            issue(core.as_mut(), Engine::Io, Instruction::Push { slice, slot: 0 })?;
        }
    }
    let expected: Vec<u32> = own.concat();
    let (mut words, mut problem) = (0, None);
    for (to, core) in cores.iter_mut().enumerate() {
        for from in 0..count {
            issue(core.as_mut(), Engine::Io, Instruction::Wait { token: token(from) })?;
            // A queue that is full would keep the token from the core that waits for it.
            read(core.as_mut(), Region::Register, 0..1)?;
        }
        let got = read(core.as_mut(), region, rows..rows * (count + 1))?;
        words += got.len();
        let wrong = got.iter().zip(&expected).position(|(got, wanted)| got.data != *wanted);
        if let Some(at) = wrong {
            problem.get_or_insert_with(|| {
                format!(
                    "core {} sent {:#010x}, core {to} holds {:#010x}",
                    at / (rows * subs),
                    expected[at],
                    got[at].data
                )
            });
        }
    }
    Ok(Check { name, words, problem })
}
