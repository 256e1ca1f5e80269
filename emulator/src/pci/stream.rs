//! Packets to writes of the core.

use backspike_arch::layout::{PackedWord, RECORD_CORES, RecordWord};
use backspike_arch::{DeviceError, HostAddress, LayoutError};

/// Bytes of a beat.
const BEAT: usize = 8;

/// What takes each whole record, for the cores of a set on a mesh.
type Write<'a> = &'a mut dyn FnMut(u64, HostAddress, &[u32]) -> Result<(), DeviceError>;

/// Takes packets apart into records: a beat with address and [`RecordWord`], then words, two a beat.
#[derive(Default)]
pub struct Records {
    /// Bytes of a beat that has not all come.
    part: Vec<u8>,
    /// The cores that records go to.
    cores: u64,
    header: Option<(HostAddress, usize)>,
    words: Vec<u32>,
}

impl Records {
    /// Takes bytes of a packet; `end`: its last ones. `write` gets each whole record.
    pub fn take(&mut self, bytes: &[u8], end: bool, write: Write) -> Result<(), DeviceError> {
        self.part.extend_from_slice(bytes);
        if end {
            // A packet fills its last beat with nothing.
            self.part.resize(self.part.len().next_multiple_of(BEAT), 0);
        }
        let whole = self.part.len() / BEAT * BEAT;
        let beats: Vec<[u32; 2]> = self.part[..whole]
            .chunks_exact(BEAT)
            .map(|beat| [word(&beat[..4]), word(&beat[4..])])
            .collect();
        self.part.drain(..whole);
        for beat in beats {
            self.beat(beat, write)?;
        }
        if end {
            // A record that the end cuts is over: what came of it is written, as the core takes words one by one.
            self.finish(write)?;
        }
        Ok(())
    }

    fn beat(&mut self, [low, high]: [u32; 2], write: Write) -> Result<(), DeviceError> {
        let both = u64::from(low) | u64::from(high) << 32;
        match self.header {
            None if both & RECORD_CORES != 0 => {
                self.cores = both & !RECORD_CORES;
                Ok(())
            }
            None => {
                let record = RecordWord::decode(high).map_err(DeviceError::IllegalWrite)?;
                if record.words > 0 {
                    let at = HostAddress::decode(low).map_err(|error: LayoutError| {
                        DeviceError::Failed(format!("a record goes to {low:#010x}: {error}"))
                    })?;
                    self.header = Some((at, record.words as usize));
                }
                Ok(())
            }
            Some((_, words)) => {
                self.words.push(low);
                if self.words.len() < words {
                    self.words.push(high);
                }
                if self.words.len() == words { self.finish(write) } else { Ok(()) }
            }
        }
    }

    fn finish(&mut self, write: Write) -> Result<(), DeviceError> {
        let words = std::mem::take(&mut self.words);
        match self.header.take() {
            Some((at, _)) if !words.is_empty() => write(self.cores, at, &words),
            _ => Ok(()),
        }
    }
}

fn word(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |word, &byte| word << 8 | u32::from(byte))
}
