//! Frames as bytes: a header, words and a CRC-32, between end marks as in RFC 1055.

/// Ends a frame.
const END: u8 = 0xC0;
/// Before a byte that would be one of these two.
const ESCAPE: u8 = 0xDB;
const ESCAPED_END: u8 = 0xDC;
const ESCAPED_ESCAPE: u8 = 0xDD;

/// Words of a frame to the core.
pub const MAX_FRAME_WORDS: usize = 64;

/// Bytes of a frame from the core that is kept: header, 16 words of 8 bytes, CRC.
const MAX_CORE_BYTES: usize = 8 + 16 * 8 + 4;

/// A frame to the core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostFrame<'a> {
    /// Begins the session; everything before it is void.
    pub hello: bool,
    /// Asks for all pushed words from `acknowledged` on again.
    pub rewind: bool,
    pub session: u8,
    /// Words sent before this frame's, modulo 2^16.
    pub position: u16,
    /// Pushed words received, modulo 2^16.
    pub acknowledged: u16,
    /// At most [`MAX_FRAME_WORDS`].
    pub words: &'a [u32],
}

impl HostFrame<'_> {
    /// The frame as it goes over the wire, an end mark before and after.
    pub fn encode(&self) -> Vec<u8> {
        let flags = u8::from(self.hello) | u8::from(self.rewind) << 1;
        let mut body = vec![flags, self.session];
        body.extend(self.position.to_le_bytes());
        body.extend(self.acknowledged.to_le_bytes());
        body.extend(self.words.iter().flat_map(|word| word.to_le_bytes()));
        body.extend(crc32fast::hash(&body).to_le_bytes());
        let mut out = vec![END];
        for byte in body {
            match byte {
                END => out.extend([ESCAPE, ESCAPED_END]),
                ESCAPE => out.extend([ESCAPE, ESCAPED_ESCAPE]),
                _ => out.push(byte),
            }
        }
        out.push(END);
        out
    }
}

/// A frame from the core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoreFrame {
    /// A frame of the host was not taken since the last of these.
    pub refused: bool,
    pub session: u8,
    /// Pushed words sent before this frame's, modulo 2^16.
    pub position: u16,
    /// Words taken from the host and words the core has worked off, modulo 2^16.
    pub accepted: u16,
    pub consumed: u16,
    /// Address words and data of pushed words.
    pub pushed: Vec<[u32; 2]>,
}

impl CoreFrame {
    /// `None` unless the bytes are a whole frame with its CRC.
    fn decode(body: &[u8]) -> Option<Self> {
        let (content, crc) = body.split_last_chunk::<4>()?;
        if crc32fast::hash(content) != u32::from_le_bytes(*crc) {
            return None;
        }
        let (header, words) = content.split_first_chunk::<8>()?;
        let [flags, session, p0, p1, a0, a1, c0, c1] = *header;
        let (words, rest) = words.as_chunks::<8>();
        let word = |bytes: &[u8; 8]| {
            let [a, b, c, d, e, f, g, h] = *bytes;
            [u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h])]
        };
        rest.is_empty().then(|| Self {
            refused: flags & 1 != 0,
            session,
            position: u16::from_le_bytes([p0, p1]),
            accepted: u16::from_le_bytes([a0, a1]),
            consumed: u16::from_le_bytes([c0, c1]),
            pushed: words.iter().map(word).collect(),
        })
    }
}

/// Takes frames of the core out of bytes.
#[derive(Default)]
pub struct Decoder {
    body: Vec<u8>,
    escape: bool,
    bad: bool,
}

impl Decoder {
    /// One byte further: a frame if it ends one, `Err` if what it ends is none.
    pub fn push(&mut self, byte: u8) -> Option<Result<CoreFrame, BadFrame>> {
        if byte == END {
            let empty = self.body.is_empty() && !self.bad;
            let good = !self.bad && !self.escape;
            let frame = if good { CoreFrame::decode(&self.body) } else { None };
            *self = Self::default();
            return (!empty).then(|| frame.ok_or(BadFrame));
        }
        let byte = match (std::mem::replace(&mut self.escape, byte == ESCAPE), byte) {
            (false, ESCAPE) => return None,
            (false, byte) => byte,
            (true, ESCAPED_END) => END,
            (true, ESCAPED_ESCAPE) => ESCAPE,
            (true, _) => {
                self.bad = true;
                return None;
            }
        };
        if self.body.len() == MAX_CORE_BYTES {
            self.bad = true;
        } else {
            self.body.push(byte);
        }
        None
    }
}

/// Bytes between two end marks that are no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadFrame;
