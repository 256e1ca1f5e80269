//! March tests of the memories that the host can write.

use super::{Check, ROWS, read};
use backspike_arch::{Device, DeviceError, HostAddress, Region, TIME_BLOCK};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// One element of a march test: which way it goes, which background it must find, and which it leaves.
struct March {
    upward: bool,
    finds: Option<usize>,
    leaves: Option<usize>,
}

const fn march(upward: bool, finds: Option<usize>, leaves: Option<usize>) -> March {
    March { upward, finds, leaves }
}

/// March C-: finds all stuck, transition, inversion, idempotent and state coupling faults and all faults of the address decoder (van de
/// Goor, "Using March Tests to Test SRAMs", IEEE Design & Test 10(1), 1993).
const MARCH_C: [March; 6] = [
    march(true, None, Some(0)),
    march(true, Some(0), Some(1)),
    march(true, Some(1), Some(0)),
    march(false, Some(0), Some(1)),
    march(false, Some(1), Some(0)),
    march(false, Some(0), None),
];

/// A march test of `region`, some rows at a time, with random words and their complement for 0 and 1: rows that are read and written
/// together differ, so that one in another's place shows too.
pub fn memory(
    device: &mut dyn Device,
    region: Region,
    rng: &mut ChaCha8Rng,
) -> Result<Check, DeviceError> {
    let config = device.config().clone();
    let (rows, subs) = (region.rows(&config), region.subs(&config));
    let mask = match region {
        // A plane word of few lanes has less than 32 bits.
        Region::Spike if config.plane_bits() < 32 => (1 << config.plane_bits()) - 1,
        Region::Nonzero => (1 << TIME_BLOCK) - 1,
        _ => u32::MAX,
    };
    let first: Vec<u32> = (0..rows * subs).map(|_| rng.random::<u32>() & mask).collect();
    let second: Vec<u32> = first.iter().map(|word| !word & mask).collect();
    let backgrounds = [first, second];
    let per_slot = region.slot_rows(&config);
    let step = if per_slot == 0 { ROWS } else { ROWS.min(per_slot) };
    let mut problem = None;
    let mut words = 0;
    for March { upward, finds, leaves } in MARCH_C {
        let groups = (0..rows).step_by(step);
        let groups: Vec<usize> = if upward { groups.collect() } else { groups.rev().collect() };
        for row in groups {
            let end = (row + step).min(rows);
            let range = row * subs..end * subs;
            if let Some(background) = finds {
                let got = read(device, region, row..end)?;
                words += got.len();
                let wanted = &backgrounds[background][range.clone()];
                let wrong = got.iter().zip(wanted).find(|(word, wanted)| word.data != **wanted);
                if let Some((word, wanted)) = wrong {
                    problem.get_or_insert_with(|| {
                        format!(
                            "row {}, word {}: {wanted:#010x} was written, {:#010x} came back",
                            word.addr.row, word.addr.sub, word.data
                        )
                    });
                }
            }
            if let Some(background) = leaves {
                let at = HostAddress::new(region, row as u32, 0);
                device.write(at, &backgrounds[background][range])?;
            }
        }
    }
    Ok(Check { name: format!("{} memory", region.name()), words, problem })
}
