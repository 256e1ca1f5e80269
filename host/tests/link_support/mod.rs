//! The link's RTL with a scoreboard for a core, and a wire that loses, doubles and spoils what it carries.

use backspike::link::Wire;
use backspike_arch::ArchConfig;
use backspike_hdl::link::link_design;
use backspike_tb::{Build, Library, Model, Port, Uart};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Eight cycles a bit: the fewest that are legal, and the fastest to simulate.
pub fn config() -> ArchConfig {
    ArchConfig { baud: 12_500_000, ..ArchConfig::nano() }
}

/// The Verilog of the link alone.
pub fn verilog() -> (String, String) {
    let design = link_design(&config()).unwrap_or_else(|error| panic!("{error}"));
    (design.top().to_owned(), design.to_single_file())
}

/// It as a library, after a change of its text if one is wanted.
pub fn library(change: Option<(&str, &str)>) -> Library {
    let (top, mut text) = verilog();
    if let Some((from, to)) = change {
        assert_eq!(text.matches(from).count(), 1, "{top} must hold `{from}` once");
        text = text.replacen(from, to, 1);
    }
    Build::new(top, text).library().unwrap_or_else(|error| panic!("{error}"))
}

/// Shares, in 1/1000, of what goes wrong. Frames to the core: a bit flipped, the frame lost, doubled, cut short, or led by noise. Bytes
/// from the core: a bit flipped, lost, doubled.
#[derive(Clone, Copy, Default)]
pub struct Faults {
    pub frame: u32,
    pub byte: u32,
}

/// What the core of the scoreboard saw and has to push.
#[derive(Default)]
pub struct Scoreboard {
    pub written: Vec<(u32, u32)>,
    pub to_push: VecDeque<(u32, u32, bool)>,
    pub faults: [u64; 8],
}

/// A wire to the RTL of the link; time passes only while the host listens.
pub struct FaultyWire {
    model: Model,
    uart: Uart,
    ports: [Port; 9],
    board: Arc<Mutex<Scoreboard>>,
    rng: ChaCha8Rng,
    faults: Faults,
    offered: bool,
}

impl FaultyWire {
    pub fn new(
        library: &Library,
        rng: ChaCha8Rng,
        faults: Faults,
        drift: f64,
    ) -> (Self, Arc<Mutex<Scoreboard>>) {
        let mut rng = rng;
        let mut model = library.instance(rng.random());
        let uart = Uart::new(&mut model, "uart_rx_i", "uart_tx_o", 8.0 * drift).unwrap();
        let ports = [
            "host_valid_o",
            "host_ready_i",
            "host_addr_o",
            "host_data_o",
            "push_valid_i",
            "push_ready_o",
            "push_addr_i",
            "push_data_i",
            "push_last_i",
        ]
        .map(|name| model.port(name));
        model.set("reset", 1);
        model.tick(4);
        model.set("reset", 0);
        let board = Arc::new(Mutex::new(Scoreboard::default()));
        (Self { model, uart, ports, board: Arc::clone(&board), rng, faults, offered: false }, board)
    }

    fn cycle(&mut self) {
        let [valid, ready, addr, data, push, push_ready, push_addr, push_data, push_last] =
            self.ports;
        let mut board = self.board.lock().unwrap();
        let take = self.rng.random_bool(0.7);
        self.model.write(ready, take.into());
        if take && self.model.read(valid) != 0 {
            let pair = (self.model.read(addr) as u32, self.model.read(data) as u32);
            board.written.push(pair);
        }
        // Once offered, a pushed word stays until it is taken.
        self.offered = !board.to_push.is_empty() && (self.offered || self.rng.random_bool(0.5));
        self.model.write(push, self.offered.into());
        if self.offered {
            let (address, word, last) = board.to_push[0];
            self.model.write(push_addr, address.into());
            self.model.write(push_data, word.into());
            self.model.write(push_last, last.into());
            if self.model.read(push_ready) != 0 {
                board.to_push.pop_front();
                self.offered = false;
            }
        }
        drop(board);
        self.uart.tick(&mut self.model);
    }

    fn spoil(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        if self.rng.random_ratio(self.faults.frame, 1000) {
            let kind = self.rng.random_range(0..5);
            self.board.lock().unwrap().faults[kind] += 1;
            let at = self.rng.random_range(0..bytes.len());
            match kind {
                0 => bytes[at] ^= 1 << self.rng.random_range(0..8),
                1 => bytes.clear(),
                2 => bytes.extend(bytes.clone()),
                3 => bytes.truncate(at),
                _ => bytes.splice(0..0, (0..20).map(|_| self.rng.random())).for_each(drop),
            }
        }
        bytes
    }
}

impl Wire for FaultyWire {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let bytes = self.spoil(bytes);
        self.uart.queue().extend(bytes);
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8], patience: Duration) -> io::Result<usize> {
        // 4,000 cycles for a millisecond: as slow against the host as a real wire.
        for _ in 0..patience.as_millis() * 4000 / 512 {
            for _ in 0..512 {
                self.cycle();
            }
            let mut count = 0;
            while let Some(byte) = self.uart.received().pop_front() {
                let mut copies = 1;
                let mut byte = byte;
                if self.rng.random_ratio(self.faults.byte, 1000) {
                    let kind = self.rng.random_range(0..3);
                    self.board.lock().unwrap().faults[5 + kind] += 1;
                    match kind {
                        0 => byte ^= 1 << self.rng.random_range(0..8),
                        1 => copies = 0,
                        _ => copies = 2,
                    }
                }
                buffer[count..count + copies].fill(byte);
                count += copies;
            }
            if count > 0 {
                return Ok(count);
            }
        }
        Ok(0)
    }
}
