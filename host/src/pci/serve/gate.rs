//! What stands before the protocol's crate: it sees whole and sensible messages only.
//!
//! The crate trusts the lengths that a client claims: it panics at a version that is too short, and after a message that it refuses half-read
//! it takes the rest for the next one. So every message of a client is read here, looked at, and passed on whole; the client that sends anything
//! else is dropped. What the crate answers goes back as it is.

use rustix::cmsg_space;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use vfio_bindings::bindings::vfio::{VFIO_PCI_NUM_IRQS, VFIO_PCI_NUM_REGIONS};
use vfio_user::Command;

/// Bytes of a message's header: number, command (16 bits each), length, flags, error (32 bits each).
const HEADER: usize = 16;
/// Longest message: a region's access carries far less, a version a line of JSON.
const LONGEST: usize = 1 << 16;
/// Flag of a message that is not answered.
const NO_REPLY: u32 = 1 << 4;
/// Most files beside a message.
const FILES: usize = 16;

/// A message with the files beside it.
struct Message {
    bytes: Vec<u8>,
    files: Vec<OwnedFd>,
}

/// Why a client's messages end: it has gone, or it sent what is none.
enum End {
    Gone,
    Malformed,
}

impl From<io::Error> for End {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

/// Passes messages between a client and the crate, on `inner`, until one of them has gone; `false` when the client sent what is no message.
pub fn pass(client: &UnixStream, inner: &UnixStream) -> bool {
    let end = std::thread::scope(|scope| {
        scope.spawn(|| {
            let _ = answers(inner, client);
            // The client sees the end of the connection.
            let _ = client.shutdown(Shutdown::Both);
        });
        let end = messages(client, inner);
        let _ = inner.shutdown(Shutdown::Write);
        end
    });
    !matches!(end, End::Malformed)
}

/// Passes the client's messages on until they end.
fn messages(client: &UnixStream, inner: &UnixStream) -> End {
    loop {
        let passed = message(client).and_then(|message| Ok(send(inner, message)?));
        if let Err(end) = passed {
            return end;
        }
    }
}

/// Passes on what the crate answers, as it comes.
fn answers(inner: &UnixStream, client: &UnixStream) -> io::Result<()> {
    let mut buffer = vec![0; LONGEST];
    loop {
        let (count, files) = receive(inner, &mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        send(client, Message { bytes: buffer[..count].to_vec(), files })?;
    }
}

/// The next message of a client.
fn message(mut client: &UnixStream) -> Result<Message, End> {
    let mut header = [0; HEADER];
    let (count, files) = receive(client, &mut header)?;
    if count == 0 {
        return Err(End::Gone);
    }
    client.read_exact(&mut header[count..])?;
    let length = word(&header, 4) as usize;
    if !(HEADER..=LONGEST).contains(&length) {
        return Err(End::Malformed);
    }
    let mut bytes = header.to_vec();
    bytes.resize(length, 0);
    client.read_exact(&mut bytes[HEADER..])?;
    if is_sensible(&bytes) { Ok(Message { bytes, files }) } else { Err(End::Malformed) }
}

/// A little-endian word of a message.
fn word(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4].iter().rev().fold(0, |word, &byte| word << 8 | u32::from(byte))
}

/// Whether the crate reads all of the message, and no more: it has the length of its command, and what it names exists.
fn is_sensible(bytes: &[u8]) -> bool {
    let command = u16::from_le_bytes([bytes[2], bytes[3]]);
    let answered = word(bytes, 8) & NO_REPLY == 0;
    let body = bytes.len() - HEADER;
    match Command::n(command) {
        // Two numbers of 16 bits, then text that ends with its only zero.
        Some(Command::Version) => {
            let text = bytes.get(HEADER + 4..).unwrap_or(&[]);
            answered
                && text.iter().position(|byte| *byte == 0).is_some_and(|at| at + 1 == text.len())
        }
        Some(Command::DmaMap) => body == 32,
        Some(Command::DmaUnmap) => body == 24,
        Some(Command::DeviceGetInfo | Command::GetIrqInfo) => answered && body == 16,
        Some(Command::DeviceGetRegionInfo) => answered && body == 32,
        Some(Command::SetIrqs) => body == 20 && word(bytes, HEADER + 8) < VFIO_PCI_NUM_IRQS,
        Some(Command::RegionRead) => {
            let access = access(bytes);
            answered && access.is_some_and(|count| body == 16 && count <= LONGEST)
        }
        Some(Command::RegionWrite) => access(bytes).is_some_and(|count| body == 16 + count),
        Some(Command::DeviceReset) => body == 0,
        _ => false,
    }
}

/// Bytes that an access of a region that exists moves: offset (64 bits), region and count come first, then what is written.
fn access(bytes: &[u8]) -> Option<usize> {
    let access = bytes.get(HEADER..HEADER + 16)?;
    (word(access, 8) < VFIO_PCI_NUM_REGIONS).then(|| word(access, 12) as usize)
}

/// Up to a buffer full of bytes, and the files beside them.
fn receive(from: &UnixStream, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(FILES))];
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    let got = recvmsg(from, &mut [IoSliceMut::new(buffer)], &mut beside, RecvFlags::CMSG_CLOEXEC)?;
    let files = beside.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(files) => Some(files),
        _ => None,
    });
    let files = files.flatten().collect();
    Ok((got.bytes, files))
}

/// Sends all of a message.
fn send(mut to: &UnixStream, message: Message) -> io::Result<()> {
    let Message { bytes, files } = message;
    if files.is_empty() {
        return to.write_all(&bytes);
    }
    let borrowed: Vec<_> = files.iter().map(AsFd::as_fd).collect();
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(FILES))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    if !beside.push(SendAncillaryMessage::ScmRights(&borrowed)) {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    let sent = sendmsg(to, &[IoSlice::new(&bytes)], &mut beside, SendFlags::NOSIGNAL)?;
    to.write_all(&bytes[sent..])
}
