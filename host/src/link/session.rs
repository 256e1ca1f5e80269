//! One session over a wire: every word out and in, once and in order, or an error.
//!
//! Both directions are go-back-N with cumulative positions. The core has no timers: what a frame or an answer lost, the host finds
//! out by asking again.

use super::frame::{CoreFrame, Decoder, HostFrame, MAX_FRAME_WORDS};
use super::wire::Wire;
use std::collections::VecDeque;
use std::io;
use std::time::Duration;
use thiserror::Error;

/// Words that the core's write buffer holds (`hdl/src/link/write_buffer.rs`).
const WINDOW: u64 = 512;
/// Received words after which the core is told, though there is nothing else to say: a quarter of its push buffer.
const ACKNOWLEDGE: u64 = 128;
/// Shortest and longest wait for an answer.
const WAIT: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(2)];
/// Waits in vain before the core counts as silent.
const SILENCE: u32 = 8;

/// Why a session ended.
#[derive(Debug, Error)]
pub enum LinkError {
    #[error(
        "nothing answers: check that the board has power and a Backspike bitstream, and that baud ({baud}) is what its configuration says"
    )]
    Silent { baud: u32 },
    #[error(
        "the core has begun a session of its own: it was reset, or another program uses it. Begin again from the last checkpoint"
    )]
    Lost,
    #[error("the wire failed: {0}")]
    Wire(#[from] io::Error),
}

/// What a session has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct LinkStatistics {
    pub frames_sent: u64,
    pub bytes_sent: u64,
    pub frames_received: u64,
    pub bytes_received: u64,
    /// Words the core took, and words it pushed.
    pub words_out: u64,
    pub words_in: u64,
    /// Words sent again.
    pub words_resent: u64,
    /// Frames from the core that were no frames, and its reports of such.
    pub bad_received: u64,
    pub refused: u64,
    /// Pushed words that came twice, and gaps before words that came early.
    pub duplicates: u64,
    pub gaps: u64,
    /// Waits in vain.
    pub timeouts: u64,
}

/// A session with the core at the other end of `wire`.
pub struct Session<W> {
    wire: W,
    baud: u32,
    number: u8,
    decoder: Decoder,
    /// Words out that the core has not taken yet; the first has position `accepted`.
    backlog: VecDeque<u32>,
    accepted: u64,
    consumed: u64,
    /// Words up to here are on the wire, and were once.
    sent: u64,
    furthest: u64,
    /// Where words were last sent again: frames on the way then are refused too, and that is no news.
    resent_from: Option<u64>,
    received: u64,
    acknowledged: u64,
    gap: bool,
    arrived: VecDeque<[u32; 2]>,
    statistics: LinkStatistics,
    wait: Duration,
}

impl<W: Wire> Session<W> {
    /// Begins session `number`; the core is reset. `baud` is only for messages.
    pub fn open(wire: W, number: u8, baud: u32) -> Result<Self, LinkError> {
        let mut session = Self {
            wire,
            baud,
            number,
            decoder: Decoder::default(),
            backlog: VecDeque::new(),
            accepted: 0,
            consumed: 0,
            sent: 0,
            furthest: 0,
            resent_from: None,
            received: 0,
            acknowledged: 0,
            gap: false,
            arrived: VecDeque::new(),
            statistics: LinkStatistics::default(),
            wait: WAIT[0],
        };
        for _ in 0..SILENCE {
            session.send_frame(true, false, 0)?;
            while let Some(frames) = session.listen()? {
                if frames.iter().any(|frame| frame.session == number && frame.accepted == 0) {
                    return Ok(session);
                }
            }
            session.wait = (session.wait * 2).min(WAIT[1]);
        }
        Err(LinkError::Silent { baud })
    }

    /// What the session has seen.
    pub fn statistics(&self) -> LinkStatistics {
        self.statistics
    }

    /// Words out that the core has not worked off.
    pub fn outstanding(&self) -> u64 {
        self.accepted + self.backlog.len() as u64 - self.consumed
    }

    /// Words the core has worked off and words it pushed: neither falls.
    pub fn progress(&self) -> (u64, u64) {
        (self.consumed, self.received)
    }

    /// The words pushed so far that were not taken yet.
    pub fn arrived(&mut self) -> &mut VecDeque<[u32; 2]> {
        &mut self.arrived
    }

    /// Words for the core; they leave with [`Self::exchange`].
    pub fn queue(&mut self, words: impl IntoIterator<Item = u32>) {
        self.backlog.extend(words);
    }

    /// Sends whole frames of what is queued, as far as the core has room.
    pub fn send_ahead(&mut self) -> Result<(), LinkError> {
        self.fill(MAX_FRAME_WORDS as u64)
    }

    /// Sends what the core has room for and waits until it answers; it is asked again when it does not.
    pub fn exchange(&mut self) -> Result<(), LinkError> {
        self.fill(1)?;
        let (mut waits, mut foreign) = (0, false);
        loop {
            if let Some(frames) = self.listen()? {
                let before = (self.progress(), self.accepted);
                let mut answered = false;
                for frame in frames {
                    if frame.session == self.number {
                        answered = true;
                        self.take(frame)?;
                    } else {
                        foreign = true;
                    }
                }
                if before != (self.progress(), self.accepted) {
                    self.wait = WAIT[0].max(self.wait / 2);
                }
                self.fill(1)?;
                if self.received - self.acknowledged >= ACKNOWLEDGE {
                    self.send_frame(false, false, 0)?;
                }
                if answered {
                    return Ok(());
                }
            } else {
                waits += 1;
                self.statistics.timeouts += 1;
                if waits == SILENCE {
                    return Err(if foreign {
                        LinkError::Lost
                    } else {
                        LinkError::Silent { baud: self.baud }
                    });
                }
                self.wait = (self.wait * 2).min(WAIT[1]);
                self.go_back();
                self.send_frame(false, true, 0)?;
                self.fill(1)?;
            }
        }
    }

    fn end(&self) -> u64 {
        self.accepted + self.backlog.len() as u64
    }

    fn go_back(&mut self) {
        self.statistics.words_resent += self.sent - self.accepted;
        self.sent = self.accepted;
        self.resent_from = Some(self.accepted);
    }

    /// Sends frames while the core has room for `least` words.
    fn fill(&mut self, least: u64) -> Result<(), LinkError> {
        loop {
            let room = (self.consumed + WINDOW).min(self.end()).saturating_sub(self.sent);
            if room < least {
                return Ok(());
            }
            self.send_frame(false, false, room.min(MAX_FRAME_WORDS as u64) as usize)?;
        }
    }

    fn send_frame(&mut self, hello: bool, rewind: bool, words: usize) -> Result<(), LinkError> {
        let from = (self.sent - self.accepted) as usize;
        let words: Vec<u32> = self.backlog.range(from..from + words).copied().collect();
        let frame = HostFrame {
            hello,
            rewind,
            session: self.number,
            position: self.sent as u16,
            acknowledged: self.received as u16,
            words: &words,
        };
        let bytes = frame.encode();
        self.sent += words.len() as u64;
        self.furthest = self.furthest.max(self.sent);
        self.acknowledged = self.received;
        self.statistics.frames_sent += 1;
        self.statistics.bytes_sent += bytes.len() as u64;
        Ok(self.wire.send(&bytes)?)
    }

    /// The frames of the next bytes, if any come in time.
    fn listen(&mut self) -> Result<Option<Vec<CoreFrame>>, LinkError> {
        let mut buffer = [0; 4096];
        let count = self.wire.receive(&mut buffer, self.wait)?;
        if count == 0 {
            return Ok(None);
        }
        self.statistics.bytes_received += count as u64;
        let mut frames = Vec::new();
        for &byte in &buffer[..count] {
            match self.decoder.push(byte) {
                Some(Ok(frame)) => frames.push(frame),
                Some(Err(_)) => self.statistics.bad_received += 1,
                None => {}
            }
        }
        self.statistics.frames_received += frames.len() as u64;
        Ok(Some(frames))
    }

    fn take(&mut self, frame: CoreFrame) -> Result<(), LinkError> {
        // Positions are at most a buffer apart, far less than 2^15.
        let ahead = |position: u16, of: u64| i64::from(position.wrapping_sub(of as u16) as i16);
        let accepted = ahead(frame.accepted, self.accepted);
        let consumed = ahead(frame.consumed, self.consumed);
        if accepted > (self.furthest - self.accepted) as i64 {
            return Err(LinkError::Lost);
        }
        let (accepted, consumed) = (accepted.max(0), consumed.max(0));
        self.backlog.drain(..accepted as usize);
        self.accepted += accepted as u64;
        self.sent = self.sent.max(self.accepted);
        self.consumed += consumed as u64;
        self.statistics.words_out = self.accepted;
        if frame.refused {
            self.statistics.refused += 1;
            if self.accepted < self.sent && self.resent_from != Some(self.accepted) {
                self.go_back();
            }
        }

        let early = ahead(frame.position, self.received);
        if early > 0 && !frame.pushed.is_empty() {
            self.statistics.gaps += 1;
            if !std::mem::replace(&mut self.gap, true) {
                self.send_frame(false, true, 0)?;
            }
            return Ok(());
        }
        let known = (early.unsigned_abs() as usize).min(frame.pushed.len());
        self.statistics.duplicates += known as u64;
        self.gap &= known == frame.pushed.len();
        self.received += (frame.pushed.len() - known) as u64;
        self.statistics.words_in = self.received;
        self.arrived.extend(&frame.pushed[known..]);
        Ok(())
    }
}
