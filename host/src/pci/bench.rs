//! What a PCI function's way to memory can do: random patterns there and back, and how long that takes.

use super::rings::{ENTRIES, Loopback, Rings};
use super::transport::Transport;
use crate::selftest::Check;
use backspike_arch::DeviceError;
use backspike_arch::layout::{MAX_TRANSFER, PciRegister, Ring};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use std::time::{Duration, Instant};

/// Bytes of the areas that are sent and received.
const AREA: usize = 1 << 22;
/// Time without a transfer done after which the function counts as hung.
const PATIENCE: Duration = Duration::from_secs(60);
/// Exchanges of the test with random patterns.
const EXCHANGES: usize = 64;

/// Bytes that go from one place of the shared memory through the function to another.
#[derive(Clone, Copy)]
struct Trip {
    from: usize,
    to: usize,
    len: usize,
}

/// A function in loop-back.
pub struct LoopBack {
    rings: Rings,
}

/// How long something took, many times.
#[derive(Clone, Debug, Serialize)]
pub struct Measured {
    pub name: String,
    /// Bytes each time.
    pub bytes: usize,
    pub times: usize,
    pub median_us: f64,
    pub p99_us: f64,
    /// Bytes of all over the whole time, in MB/s; 0 without bytes.
    pub megabytes_per_s: f64,
    /// Beats that moved per cycle of the function in which it was busy, where it has a clock.
    pub beats_per_cycle: Option<f64>,
}

impl LoopBack {
    /// Takes a function, whatever its core is.
    pub fn open(transport: Box<dyn Transport>) -> Result<Self, DeviceError> {
        Ok(Self { rings: Rings::open(transport, 2 * AREA, Loopback::On)? })
    }

    /// Sends all trips, each a packet of its own, and waits until they are back; at most as many as a ring has entries.
    fn travel(&mut self, trips: &[Trip]) -> Result<(), DeviceError> {
        let user = self.rings.user();
        for trip in trips {
            self.rings.offer(Ring::ToHost, user + AREA + trip.to, trip.len, false);
            self.rings.offer(Ring::ToDevice, user + trip.from, trip.len, true);
        }
        self.rings.ring(Ring::ToHost)?;
        self.rings.ring(Ring::ToDevice)?;
        let mut since = Instant::now();
        let mut back = 0;
        while back < trips.len() || self.rings.outstanding(Ring::ToDevice) > 0 {
            let mut any = self.rings.take(Ring::ToDevice)?.is_some();
            if let Some(done) = self.rings.take(Ring::ToHost)? {
                if done.bytes != trips[back].len || !done.end {
                    return Err(DeviceError::Failed(format!(
                        "{} bytes of {} came back in buffer {back}",
                        done.bytes, trips[back].len
                    )));
                }
                back += 1;
                any = true;
            }
            if any {
                since = Instant::now();
            } else if since.elapsed() > PATIENCE {
                return Err(DeviceError::Failed(format!(
                    "{} of {} packets are back, and none came for {} s; {}",
                    back,
                    trips.len(),
                    PATIENCE.as_secs(),
                    self.rings.progress()
                )));
            } else {
                self.rings.wait()?;
            }
        }
        Ok(())
    }

    /// Sends random bytes of random lengths between random places, and looks at every byte that came back and at those around.
    pub fn random_patterns(&mut self, seed: u64) -> Result<Check, DeviceError> {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let user = self.rings.user();
        let mut bytes = 0;
        let mut problem = None;
        for _ in 0..EXCHANGES {
            let mut trips = Vec::new();
            let [mut from, mut to] = [0; 2];
            for _ in 0..rng.random_range(1..=16) {
                from += rng.random_range(0..64);
                to += rng.random_range(1..64);
                let bits = rng.random_range(1..=16);
                let len = rng.random_range(1..1_usize << bits);
                trips.push(Trip { from, to, len });
                from += len;
                to += len;
            }
            let mut sent = vec![0_u8; from];
            rng.fill(&mut sent[..]);
            let mut expected = vec![0_u8; to + 64];
            rng.fill(&mut expected[..]);
            self.rings.memory().write(user, &sent);
            self.rings.memory().write(user + AREA, &expected);
            self.travel(&trips)?;
            for Trip { from, to, len } in trips {
                expected[to..to + len].copy_from_slice(&sent[from..from + len]);
                bytes += len;
            }
            let mut got = vec![0; expected.len()];
            self.rings.memory().read(user + AREA, &mut got);
            if let Some(at) = (0..got.len()).find(|&at| got[at] != expected[at]) {
                problem.get_or_insert_with(|| {
                    format!("byte {at} is {:#04x}, not {:#04x}", got[at], expected[at])
                });
            }
        }
        Ok(Check { name: "DMA loop-back".into(), words: bytes / 4, problem })
    }

    /// Round trips of a register, and of packets from 64 bytes to 1 MiB, one at a time and many at once. `watch` is told each.
    pub fn measure(
        &mut self,
        mut watch: impl FnMut(&Measured),
    ) -> Result<Vec<Measured>, DeviceError> {
        let mut all = Vec::new();
        let mut done = |measured: Measured| {
            watch(&measured);
            all.push(measured);
        };
        done(self.time("register read", 0, 1000, |rings| {
            rings.rings.transport().read(PciRegister::Scratch).map(|_| ())
        })?);
        done(self.time("register write", 0, 1000, |rings| {
            rings.rings.transport().write(PciRegister::Scratch, 1)
        })?);
        for bytes in [64, 4096, 1 << 16, MAX_TRANSFER as usize] {
            let times = (1 << 22) / bytes.max(1 << 14);
            let trip = Trip { from: 0, to: 0, len: bytes };
            done(self.time("packet there and back", bytes, times, |rings| rings.travel(&[trip]))?);
        }
        for bytes in [64, 4096, 1 << 16, MAX_TRANSFER as usize] {
            let count = (ENTRIES / 2).min(AREA / bytes);
            let trip = |i: usize| Trip { from: i * bytes, to: i * bytes, len: bytes };
            let trips: Vec<Trip> = (0..count).map(trip).collect();
            let name = format!("{count} packets at once");
            done(self.time(&name, bytes * count, 4, |rings| rings.travel(&trips))?);
        }
        Ok(all)
    }

    fn time(
        &mut self,
        name: &str,
        bytes: usize,
        times: usize,
        mut step: impl FnMut(&mut Self) -> Result<(), DeviceError>,
    ) -> Result<Measured, DeviceError> {
        let mut micros = Vec::with_capacity(times);
        let registers = [PciRegister::BusyCycles, PciRegister::BeatsWritten];
        let mut counted = [0; 2];
        let count = |rings: &mut Rings, counted: &mut [u32; 2]| {
            for (register, counted) in registers.into_iter().zip(counted) {
                *counted = rings.transport().read(register)?.wrapping_sub(*counted);
            }
            Ok::<(), DeviceError>(())
        };
        count(&mut self.rings, &mut counted)?;
        for _ in 0..times {
            let begun = Instant::now();
            step(self)?;
            micros.push(begun.elapsed().as_secs_f64() * 1e6);
        }
        count(&mut self.rings, &mut counted)?;
        let [cycles, beats] = counted.map(f64::from);
        let total: f64 = micros.iter().sum();
        micros.sort_by(f64::total_cmp);
        let at = |share: usize| micros[micros.len() * share / 100];
        Ok(Measured {
            name: name.to_owned(),
            bytes,
            times,
            median_us: at(50),
            p99_us: at(99),
            megabytes_per_s: (bytes * times) as f64 / total,
            beats_per_cycle: (bytes > 0 && cycles > 0.0).then_some(beats / cycles),
        })
    }
}
