//! A core behind a serial link as a [`Device`].

use super::session::{LinkError, LinkStatistics, Session};
use super::wire::{SerialPort, Wire};
use anyhow::{Context, Result};
use backspike_arch::{ArchConfig, Device, DeviceError, HostAddress, PackedWord as _, PushWord};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Data words of a record: their number less one is in three bits of the address word.
const RECORD: usize = 8;
const COUNT_SHIFT: u32 = 25;
/// In the address word of a pushed word.
const LAST: u32 = 1 << 27;
/// Words that may be on the way when a write returns: several frames.
const HELD: u64 = 1024;
/// Time without a word worked off or pushed after which the core counts as hung.
const PATIENCE: Duration = Duration::from_secs(60);

/// A core with a serial link.
pub struct SerialDevice<W = SerialPort> {
    config: ArchConfig,
    session: Session<W>,
}

impl SerialDevice {
    /// The core on the serial port `path`, of configuration `config` with its baud.
    pub fn open(path: &str, config: &ArchConfig) -> Result<Self> {
        let wire = SerialPort::open(path, config.baud as u32)?;
        Self::over(wire, config).with_context(|| format!("No core on {path}"))
    }
}

impl<W: Wire> SerialDevice<W> {
    /// The core at the other end of `wire`.
    pub fn over(wire: W, config: &ArchConfig) -> Result<Self, LinkError> {
        // Any number that the session before did not have.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let number = (now.as_nanos() >> 10) as u8;
        let session = Session::open(wire, number, config.baud as u32)?;
        Ok(Self { config: config.clone(), session })
    }

    /// What the link has seen.
    pub fn statistics(&self) -> LinkStatistics {
        self.session.statistics()
    }

    fn exchange(
        &mut self,
        until: impl Fn(&mut Session<W>) -> bool,
        wanted: usize,
    ) -> Result<(), DeviceError> {
        let mut progress = self.session.progress();
        let mut since = Instant::now();
        while !until(&mut self.session) {
            self.session.exchange().map_err(failed)?;
            if self.session.progress() != progress {
                (progress, since) = (self.session.progress(), Instant::now());
            } else if since.elapsed() > PATIENCE {
                let missing = wanted.saturating_sub(self.session.arrived().len());
                return Err(DeviceError::Failed(format!(
                    "it answers, but did nothing for {} s while {missing} of {wanted} words were awaited and {} words sent were not worked off. A WAIT without its POST is the usual cause",
                    PATIENCE.as_secs(),
                    self.session.outstanding()
                )));
            }
        }
        Ok(())
    }
}

fn failed(error: LinkError) -> DeviceError {
    DeviceError::Failed(error.to_string())
}

/// Writes as records: an address word, then up to eight data words for consecutive addresses.
fn records(config: &ArchConfig, at: HostAddress, data: &[u32]) -> Result<Vec<u32>, DeviceError> {
    let mut words = Vec::with_capacity(data.len() * 2);
    let (mut address, mut rest) = (at, data);
    while let Some(&first) = rest.first() {
        let start = address.encode()?;
        let mut count = 1;
        address = address.next(config);
        while count < RECORD && count < rest.len() && address.encode()? == start + count as u32 {
            count += 1;
            address = address.next(config);
        }
        words.push(start | (count as u32 - 1) << COUNT_SHIFT);
        words.push(first);
        words.extend(&rest[1..count]);
        rest = &rest[count..];
    }
    Ok(words)
}

impl<W: Wire> Device for SerialDevice<W> {
    fn config(&self) -> &ArchConfig {
        &self.config
    }

    fn write(&mut self, at: HostAddress, data: &[u32]) -> Result<(), DeviceError> {
        at.check_write(data.len(), &self.config)?;
        self.session.queue(records(&self.config, at, data)?);
        self.session.send_ahead().map_err(failed)?;
        self.exchange(|session| session.outstanding() <= HELD, 0)
    }

    fn receive(&mut self, words: usize, out: &mut Vec<PushWord>) -> Result<(), DeviceError> {
        self.exchange(|session| session.arrived().len() >= words, words)?;
        for [address, data] in self.session.arrived().drain(..words) {
            let addr = HostAddress::decode(address & !LAST).map_err(|error| {
                DeviceError::Failed(format!("it pushed from {address:#010x}: {error}"))
            })?;
            out.push(PushWord { addr, data, last: address & LAST != 0 });
        }
        Ok(())
    }
}
