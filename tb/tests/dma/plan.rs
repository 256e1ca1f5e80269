//! Memory with guards, and transfers with what every byte of it must become.

use backspike_arch::HostMemory;
use backspike_arch::layout::{MAX_TRANSFER, Ring, TransferOutcome};
use rand::{Rng, rngs::StdRng};
use std::cell::RefCell;

/// Where host memory is mapped on the bus, above 4 GiB; the pages around it are not.
pub const BASE: u64 = 0x1_2345_0000;
/// Where rings, records, what is sent and what is received lie in it.
pub const RINGS: [u64; 2] = [BASE, BASE + 0x1000];
pub const RECORDS: [u64; 2] = [BASE + 0x2000, BASE + 0x3000];
const SOURCE: u64 = BASE + 0x4000;
const AREA: usize = 0x8_0000;
const TARGET: u64 = SOURCE + AREA as u64;
const BYTES: usize = 0x4000 + 2 * AREA;
/// An address from which on nothing is mapped, for longer than any transfer.
pub const UNMAPPED: u64 = BASE - 0x100_0000;

/// Memory that tells what is mapped.
pub struct Memory {
    pub bytes: RefCell<Vec<u8>>,
}

impl Memory {
    fn range(&self, at: u64, len: usize) -> Option<std::ops::Range<usize>> {
        let start = usize::try_from(at.checked_sub(BASE)?).ok()?;
        let end = start.checked_add(len)?;
        (end <= BYTES).then_some(start..end)
    }
}

impl HostMemory for Memory {
    fn read(&self, at: u64, data: &mut [u8]) -> bool {
        let range = self.range(at, data.len());
        range.is_some_and(|range| {
            data.copy_from_slice(&self.bytes.borrow()[range]);
            true
        })
    }

    fn write(&self, at: u64, data: &[u8]) -> bool {
        let range = self.range(at, data.len());
        range.is_some_and(|range| {
            self.bytes.borrow_mut()[range].copy_from_slice(data);
            true
        })
    }
}

/// A descriptor as the test means it.
#[derive(Clone, Copy, Debug)]
pub struct Transfer {
    pub at: u64,
    pub len: u32,
    pub flags: u32,
}

/// What a completion record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    pub bytes: u32,
    pub outcome: TransferOutcome,
    pub end: bool,
}

/// A plan of transfers with what must come of it.
pub struct Plan {
    pub transfers: [Vec<Transfer>; 2],
    pub records: [Vec<Record>; 2],
    /// The buffers to the host as they were planned.
    buffers: Vec<Transfer>,
    /// The first of them whose bytes are not known, if anything fails.
    pub known: usize,
    pub memory: Memory,
    pub expected: Vec<u8>,
    pub chains: usize,
}

/// An offset in a page: at its beginning, at its end, or anywhere.
fn offset(rng: &mut StdRng) -> u64 {
    match rng.random_range(0..3) {
        0 => rng.random_range(0..4),
        1 => rng.random_range(4092..4096),
        _ => rng.random_range(0..4096),
    }
}

/// 1 to 65,536, every power of two as likely as the next.
fn length(rng: &mut StdRng) -> u32 {
    let bits = rng.random_range(0..=16);
    rng.random_range(1 << bits >> 1..=1 << bits).max(1)
}

/// The next place from `at` on with a random offset, with guard bytes before it.
fn place(rng: &mut StdRng, at: u64) -> u64 {
    let wanted = offset(rng);
    let from = at + 8;
    let here = from & 4095;
    from + (wanted + 4096 - here) % 4096
}

impl Plan {
    /// Up to `chains` chains of 1 to 4 descriptors that come back into buffers of other lengths.
    pub fn random(rng: &mut StdRng, chains: usize) -> Plan {
        let mut bytes: Vec<u8> = (0..BYTES).map(|_| rng.random()).collect();
        let mut sent = Vec::new();
        let mut packets: Vec<Vec<u8>> = Vec::new();
        let mut at = SOURCE;
        let limit = length(rng).max(16);
        'chains: for _ in 0..chains {
            let count = rng.random_range(1..=4);
            let mut packet = Vec::new();
            for i in 0..count {
                let len = length(rng).min(limit);
                let start = place(rng, at);
                // Half of the area, so that the buffers with their gaps fit too.
                if start + u64::from(len) > SOURCE + AREA as u64 / 2 {
                    if let Some(last) = sent.last_mut().filter(|_| !packet.is_empty()) {
                        let last: &mut Transfer = last;
                        last.flags = 1;
                        packets.push(packet);
                    }
                    break 'chains;
                }
                at = start + u64::from(len);
                let from = (start - BASE) as usize;
                packet.extend_from_slice(&bytes[from..from + len as usize]);
                sent.push(Transfer { at: start, len, flags: u32::from(i + 1 == count) });
            }
            packets.push(packet);
        }
        let records =
            sent.iter().map(|transfer| done(transfer.len, false)).collect::<Vec<Record>>();
        let mut expected = bytes.clone();
        let (mut buffers, mut received) = (Vec::new(), Vec::new());
        let mut at = TARGET;
        for packet in &packets {
            let mut rest = &packet[..];
            while !rest.is_empty() {
                let start = place(rng, at);
                let room = TARGET + AREA as u64 - start;
                // What is left of the area is shared by what is left to come.
                let len = u64::from(length(rng)).max(rest.len() as u64 / 8).min(room) as u32;
                let moved = rest.len().min(len as usize);
                let to = (start - BASE) as usize;
                expected[to..to + moved].copy_from_slice(&rest[..moved]);
                rest = &rest[moved..];
                received.push(done(moved as u32, rest.is_empty()));
                buffers.push(Transfer { at: start, len, flags: 0 });
                at = start + moved as u64;
                // The area is full: this packet and those after it are not sent.
                if TARGET + AREA as u64 - at < 0x1_2000 {
                    return Plan::random(rng, (packets.len() / 2).max(1));
                }
            }
        }
        // What lies behind the buffers stays.
        for byte in &mut bytes[(TARGET - BASE) as usize..] {
            *byte = rng.random();
        }
        let target = (TARGET - BASE) as usize;
        let mut image = bytes.clone();
        for (buffer, record) in buffers.iter().zip(&received) {
            let to = (buffer.at - BASE) as usize;
            let moved = record.bytes as usize;
            image[to..to + moved].copy_from_slice(&expected[to..to + moved]);
        }
        expected[target..].copy_from_slice(&image[target..]);
        Plan {
            known: buffers.len(),
            buffers: buffers.clone(),
            transfers: [sent, buffers],
            records: [records, received],
            memory: Memory { bytes: RefCell::new(bytes) },
            expected,
            chains: packets.len(),
        }
    }
}

impl Plan {
    /// `count` packets of `len` bytes into buffers of the same length, all at whole pages.
    pub fn even(rng: &mut StdRng, count: usize, len: u32) -> Plan {
        let bytes: Vec<u8> = (0..BYTES).map(|_| rng.random()).collect();
        let mut expected = bytes.clone();
        let step = u64::from(len).next_multiple_of(4096);
        let at = |area: u64, i: usize| area + i as u64 * step;
        for i in 0..count {
            let [from, to] = [SOURCE, TARGET].map(|area| (at(area, i) - BASE) as usize);
            expected.copy_within(from..from + len as usize, to);
        }
        let transfers = |area: u64, flags: u32| {
            (0..count).map(|i| Transfer { at: at(area, i), len, flags }).collect::<Vec<Transfer>>()
        };
        Plan {
            known: count,
            buffers: transfers(TARGET, 0),
            transfers: [transfers(SOURCE, 1), transfers(TARGET, 0)],
            records: [vec![done(len, false); count], vec![done(len, true); count]],
            memory: Memory { bytes: RefCell::new(bytes) },
            expected,
            chains: count,
        }
    }

    /// Spoils transfer `at` of `ring`, so that it ends with `outcome`: the records end with it, and nothing is known of what its packet and
    /// those after it become.
    pub fn spoil(&mut self, ring: Ring, at: usize, outcome: TransferOutcome, rng: &mut StdRng) {
        // More than the four bytes that are mapped from the last place on.
        let long = self.records[ring as usize][at].bytes > 4;
        let transfer = &mut self.transfers[ring as usize][at];
        match outcome {
            TransferOutcome::BadLength => {
                let lengths = [0, MAX_TRANSFER + 1, u32::MAX, 1 << 31];
                transfer.len = lengths[rng.random_range(0..lengths.len())];
            }
            TransferOutcome::BadFlags => transfer.flags |= 2 << rng.random_range(0..31),
            // Wholly outside, or from the last mapped page on.
            _ if !long || rng.random_bool(0.5) => transfer.at = UNMAPPED,
            _ => transfer.at = BASE + BYTES as u64 - 4,
        }
        let records = &mut self.records[ring as usize];
        records.truncate(at);
        records.push(Record { bytes: 0, outcome, end: false });
        // Packets before the first that is touched are whole.
        let whole = match ring {
            Ring::ToHost => at,
            Ring::ToDevice => {
                let sent: usize =
                    self.transfers[0][..at].iter().filter(|transfer| transfer.flags == 1).count();
                let ends = self.records[1].iter().scan(0, |ends, record| {
                    let before = *ends;
                    *ends += usize::from(record.end);
                    Some(before)
                });
                ends.take_while(|&before| before < sent).count()
            }
        };
        self.known = self.known.min(whole);
    }
}

fn done(bytes: u32, end: bool) -> Record {
    Record { bytes, outcome: TransferOutcome::Done, end }
}

/// Bytes that are not what they must be, but for buffers whose bytes are not known.
pub fn compare(plan: &Plan) {
    let bytes = plan.memory.bytes.borrow();
    let from = (SOURCE - BASE) as usize;
    let mut expected = plan.expected.clone();
    for buffer in &plan.buffers[plan.known..] {
        if let Some(range) = plan.memory.range(buffer.at, buffer.len as usize) {
            expected[range.clone()].copy_from_slice(&bytes[range]);
        }
    }
    // A buffer that begins in the last mapped bytes may have got them.
    expected[BYTES - 8..].copy_from_slice(&bytes[BYTES - 8..]);
    if bytes[from..] != expected[from..] {
        let at = (from..BYTES).find(|&i| bytes[i] != expected[i]).unwrap();
        let buffer = plan.buffers.iter().position(|buffer| {
            let start = (buffer.at - BASE) as usize;
            (start..start + buffer.len as usize).contains(&at)
        });
        panic!(
            "byte {:#x} is {:#04x}, expected {:#04x}; it lies in buffer {buffer:?}",
            BASE + at as u64,
            bytes[at],
            expected[at]
        );
    }
}
