//! The bus around a model with an AXI4 master: memory that answers late and in pieces, and the rules that the master must keep.

use crate::{Library, Model, ModelError, Port};
use backspike_arch::HostMemory;
use backspike_arch::layout::BURST_BYTES;
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::collections::VecDeque;

/// Bytes of a beat.
const BEAT: u64 = 8;
/// The answer to what is not mapped (SLVERR).
const ERROR: u64 = 2;

/// How the bus behaves.
#[derive(Clone, Copy, Debug, Default)]
pub struct AxiTiming {
    /// Cycles from a burst to its first beat, or from its last beat to its answer.
    pub latency: u32,
    /// Further cycles, at random up to this, burst by burst.
    pub jitter: u32,
    /// Share of cycles, in 1/256, in which a channel does not move.
    pub pauses: u8,
    /// Draws jitter and pauses.
    pub seed: u64,
}

struct Ports {
    arvalid: Port,
    arready: Port,
    araddr: Port,
    arlen: Port,
    rvalid: Port,
    rready: Port,
    rdata: Port,
    rresp: Port,
    rlast: Port,
    awvalid: Port,
    awready: Port,
    awaddr: Port,
    awlen: Port,
    wvalid: Port,
    wready: Port,
    wdata: Port,
    wstrb: Port,
    wlast: Port,
    bvalid: Port,
    bready: Port,
    bresp: Port,
}

impl Ports {
    fn new(library: &Library) -> Result<Self, ModelError> {
        let port = |name: &str| library.port(&format!("m_axi_{name}"));
        Ok(Self {
            arvalid: port("arvalid")?,
            arready: port("arready")?,
            araddr: port("araddr")?,
            arlen: port("arlen")?,
            rvalid: port("rvalid")?,
            rready: port("rready")?,
            rdata: port("rdata")?,
            rresp: port("rresp")?,
            rlast: port("rlast")?,
            awvalid: port("awvalid")?,
            awready: port("awready")?,
            awaddr: port("awaddr")?,
            awlen: port("awlen")?,
            wvalid: port("wvalid")?,
            wready: port("wready")?,
            wdata: port("wdata")?,
            wstrb: port("wstrb")?,
            wlast: port("wlast")?,
            bvalid: port("bvalid")?,
            bready: port("bready")?,
            bresp: port("bresp")?,
        })
    }
}

/// A burst on its way.
struct Burst {
    at: u64,
    beats: u64,
    /// Cycle from which it is answered.
    due: u64,
    /// Reads: the beats, once the first is due, and whether they failed.
    data: Vec<u64>,
    error: bool,
}

/// What a channel of the master offered and was not taken: it must offer the same again.
type Offer = Option<[u64; 3]>;

/// Beats and bursts that the bus has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AxiTraffic {
    pub beats_read: u64,
    pub beats_written: u64,
    pub bursts_read: u64,
    pub bursts_written: u64,
    /// Most bursts on their way at once, reads and writes.
    pub outstanding: [usize; 2],
}

/// The far end of an AXI4 master's channels.
pub struct AxiBus {
    ports: Ports,
    timing: AxiTiming,
    rng: StdRng,
    cycle: u64,
    reads: VecDeque<Burst>,
    /// Beats of the first read that were sent.
    sent: u64,
    /// Write bursts whose beats have not all come, and those that wait for their answer.
    writes: VecDeque<Burst>,
    answers: VecDeque<Burst>,
    beats: VecDeque<(u64, u64, bool)>,
    read_offer: Offer,
    write_offer: Offer,
    beat_offer: Offer,
    /// What the bus itself offers until it is taken.
    r_valid: bool,
    b_valid: bool,
    ar_ready: bool,
    aw_ready: bool,
    w_ready: bool,
    traffic: AxiTraffic,
}

impl AxiBus {
    /// A bus on the ports `m_axi_...` of a model of `library`.
    pub fn new(library: &Library, timing: AxiTiming) -> Result<Self, ModelError> {
        Ok(Self {
            ports: Ports::new(library)?,
            timing,
            rng: StdRng::seed_from_u64(timing.seed),
            cycle: 0,
            reads: VecDeque::new(),
            sent: 0,
            writes: VecDeque::new(),
            answers: VecDeque::new(),
            beats: VecDeque::new(),
            read_offer: None,
            write_offer: None,
            beat_offer: None,
            r_valid: false,
            b_valid: false,
            ar_ready: false,
            aw_ready: false,
            w_ready: false,
            traffic: AxiTraffic::default(),
        })
    }

    /// What it has seen.
    pub fn traffic(&self) -> AxiTraffic {
        self.traffic
    }

    /// Bursts that are not answered.
    pub fn outstanding(&self) -> usize {
        self.reads.len() + self.writes.len() + self.answers.len()
    }

    /// Takes and gives nothing in the next cycles.
    pub fn hold(&self, model: &mut Model) {
        let Ports { arready, awready, wready, rvalid, bvalid, .. } = self.ports;
        for port in [arready, awready, wready, rvalid, bvalid] {
            model.write(port, 0);
        }
    }

    fn moves(&mut self) -> bool {
        self.timing.pauses == 0 || self.rng.random::<u8>() >= self.timing.pauses
    }

    fn due(&mut self) -> u64 {
        let jitter = match self.timing.jitter {
            0 => 0,
            jitter => self.rng.random_range(0..=jitter),
        };
        self.cycle + u64::from(self.timing.latency + jitter)
    }

    /// Sets the inputs of the model for its next cycle, before the clock edge.
    pub fn drive(&mut self, model: &mut Model, memory: &dyn HostMemory) {
        let ports = &self.ports;
        let [arready, awready, wready] = [ports.arready, ports.awready, ports.wready];
        let [rvalid, rdata, rresp, rlast] = [ports.rvalid, ports.rdata, ports.rresp, ports.rlast];
        let [bvalid, bresp] = [ports.bvalid, ports.bresp];
        self.ar_ready = self.moves();
        self.aw_ready = self.moves();
        self.w_ready = self.moves();
        model.write(arready, self.ar_ready.into());
        model.write(awready, self.aw_ready.into());
        model.write(wready, self.w_ready.into());

        let moves = self.moves();
        let cycle = self.cycle;
        if let Some(burst) = self.reads.front_mut()
            && (self.r_valid || (cycle >= burst.due && moves))
        {
            if burst.data.is_empty() {
                let mut bytes = vec![0; (burst.beats * BEAT) as usize];
                burst.error = !memory.read(burst.at, &mut bytes);
                burst.data = bytes
                    .chunks_exact(BEAT as usize)
                    .map(|beat| u64::from_le_bytes(beat.try_into().unwrap_or_default()))
                    .collect();
            }
            self.r_valid = true;
            let at = self.sent as usize;
            // What failed carries nothing of use.
            let data = if burst.error { 0xdead_dead_dead_dead } else { burst.data[at] };
            model.write(rdata, data);
            model.write(rresp, if burst.error { ERROR } else { 0 });
            model.write(rlast, u64::from(self.sent + 1 == burst.beats));
        }
        model.write(rvalid, self.r_valid.into());

        let moves = self.moves();
        if let Some(burst) = self.answers.front()
            && (self.b_valid || (cycle >= burst.due && moves))
        {
            self.b_valid = true;
            model.write(bresp, if burst.error { ERROR } else { 0 });
        }
        model.write(bvalid, self.b_valid.into());
    }

    /// Follows the cycle that [`Self::drive`] prepared; to be called before its clock edge, when the outputs have settled. A broken rule of
    /// the bus is an error.
    pub fn sample(&mut self, model: &Model, memory: &dyn HostMemory) -> Result<(), String> {
        let ports = &self.ports;
        let read = |port: Port| model.read(port);
        let offered =
            |valid: Port, payload: [Port; 3]| (read(valid) == 1).then(|| payload.map(read));
        let ar = offered(ports.arvalid, [ports.araddr, ports.arlen, ports.arlen]);
        let aw = offered(ports.awvalid, [ports.awaddr, ports.awlen, ports.awlen]);
        let w = offered(ports.wvalid, [ports.wdata, ports.wstrb, ports.wlast]);
        let (rready, bready) = (read(ports.rready) == 1, read(ports.bready) == 1);

        kept("AR", self.read_offer, ar)?;
        kept("AW", self.write_offer, aw)?;
        kept("W", self.beat_offer, w)?;
        (self.read_offer, self.write_offer, self.beat_offer) = (ar, aw, w);

        if self.r_valid && rready {
            self.r_valid = false;
            self.sent += 1;
            self.traffic.beats_read += 1;
            if self.reads.front().is_some_and(|burst| burst.beats == self.sent) {
                self.reads.pop_front();
                self.sent = 0;
            }
        }
        if self.b_valid && bready {
            self.b_valid = false;
            self.answers.pop_front();
        }
        if let Some([at, length, _]) = ar
            && self.ar_ready
        {
            self.read_offer = None;
            let burst = self.burst(at, length)?;
            self.reads.push_back(burst);
            self.traffic.bursts_read += 1;
        }
        if let Some([at, length, _]) = aw
            && self.aw_ready
        {
            self.write_offer = None;
            let burst = self.burst(at, length)?;
            self.writes.push_back(burst);
            self.traffic.bursts_written += 1;
        }
        if let Some([data, strobes, last]) = w
            && self.w_ready
        {
            self.beat_offer = None;
            self.beats.push_back((data, strobes, last == 1));
            self.traffic.beats_written += 1;
        }
        self.finish_writes(memory)?;
        let outstanding = [self.reads.len(), self.writes.len() + self.answers.len()];
        for (most, now) in self.traffic.outstanding.iter_mut().zip(outstanding) {
            *most = (*most).max(now);
        }
        self.cycle += 1;
        Ok(())
    }

    fn burst(&mut self, at: u64, length: u64) -> Result<Burst, String> {
        let beats = length + 1;
        if !at.is_multiple_of(BEAT) || beats * BEAT > BURST_BYTES as u64 {
            return Err(format!("a burst of {beats} beats at {at:#x} is crooked or too long"));
        }
        if at / 4096 != (at + beats * BEAT - 1) / 4096 {
            return Err(format!("a burst of {beats} beats at {at:#x} crosses 4 KiB"));
        }
        let due = self.due();
        Ok(Burst { at, beats, due, data: Vec::new(), error: false })
    }

    /// Writes the bursts whose beats have come.
    fn finish_writes(&mut self, memory: &dyn HostMemory) -> Result<(), String> {
        while let Some(burst) = self.writes.front() {
            let beats = burst.beats as usize;
            if let Some(early) = self.beats.iter().take(beats - 1).position(|beat| beat.2) {
                return Err(format!("WLAST comes with beat {early} of {beats}"));
            }
            if self.beats.len() < beats {
                break;
            }
            if !self.beats[beats - 1].2 {
                return Err(format!("WLAST is missing after {beats} beats"));
            }
            let at = burst.at;
            let mut good = true;
            for (i, (data, strobes, _)) in self.beats.drain(..beats).enumerate() {
                good &= write_strobed(memory, at + i as u64 * BEAT, data, strobes);
            }
            let due = self.due();
            if let Some(mut burst) = self.writes.pop_front() {
                (burst.due, burst.error) = (due, !good);
                self.answers.push_back(burst);
            }
        }
        Ok(())
    }
}

/// An offer that was not taken is there again, unchanged.
fn kept(channel: &str, before: Offer, now: Offer) -> Result<(), String> {
    match before {
        Some(before) if now != Some(before) => {
            Err(format!("{channel} offered {before:x?}, was not taken, and then offered {now:x?}"))
        }
        _ => Ok(()),
    }
}

/// Writes the bytes of a beat that have a strobe, run by run.
fn write_strobed(memory: &dyn HostMemory, at: u64, data: u64, strobes: u64) -> bool {
    let bytes = data.to_le_bytes();
    let on = |byte: usize| strobes >> byte & 1 == 1;
    let mut good = true;
    let mut byte = 0;
    while byte < bytes.len() {
        let end = (byte..bytes.len()).find(|&byte| !on(byte)).unwrap_or(bytes.len());
        if end > byte {
            good &= memory.write(at + byte as u64, &bytes[byte..end]);
        }
        byte = end.max(byte + 1);
    }
    good
}
