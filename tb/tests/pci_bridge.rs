//! What stands between a vendor's bridge and the function: registers behind an AXI4 bus of 64 bits, messages for interrupt lines.

mod block;

use backspike_hdl::link::pci::{InterruptMessages, RegisterWindow};
use backspike_tb::{Library, Model};
use block::{STARTS, catches, generator, library, start};
use rand::{Rng, rngs::StdRng};

/// A write of the registers' bus: address, word, strobes.
type LiteWrite = (u64, u64, u64);

/// A burst, and what must come of it.
enum Burst {
    Write { id: u64, address: u64, beats: Vec<(u64, u64)> },
    Read { id: u64, address: u64, beats: u64, size: u64 },
}

/// A word of the registers: what reads as `None` does not exist.
fn word(address: u64) -> Option<u64> {
    let mixed = (address ^ 0x55).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    (!mixed.is_multiple_of(5)).then_some(mixed)
}

fn burst(rng: &mut StdRng) -> Burst {
    let id = rng.random_range(0..16);
    let beats = if rng.random() { 1 } else { rng.random_range(1..=9) };
    if rng.random() {
        let address = rng.random_range(0..0x1f80) & !7;
        let strobes = |rng: &mut StdRng| match rng.random_range(0..4) {
            0 => 0x0f,
            1 => 0xf0,
            2 => 0xff,
            _ => rng.random_range(0..256),
        };
        let beats = (0..beats).map(|_| (rng.random(), strobes(rng))).collect();
        Burst::Write { id, address, beats }
    } else {
        let size = rng.random_range(2..=3);
        let address = rng.random_range(0..0x1f80) & !((1 << size) - 1);
        Burst::Read { id, address, beats, size }
    }
}

/// The registers' side: random latencies, then the answer.
#[derive(Default)]
struct Registers {
    address: Option<u64>,
    data: Option<(u64, u64)>,
    answer: Option<u64>,
    read: Option<Option<u64>>,
    written: Vec<LiteWrite>,
}

impl Registers {
    fn drive(&self, model: &mut Model, rng: &mut StdRng) -> [bool; 3] {
        let readies = [
            self.address.is_none() && self.answer.is_none() && rng.random_bool(0.6),
            self.data.is_none() && self.answer.is_none() && rng.random_bool(0.6),
            self.read.is_none() && rng.random_bool(0.6),
        ];
        model.set("m_axi_awready", readies[0].into());
        model.set("m_axi_wready", readies[1].into());
        model.set("m_axi_arready", readies[2].into());
        model.set("m_axi_bvalid", self.answer.is_some().into());
        model.set("m_axi_bresp", self.answer.unwrap_or(3));
        model.set("m_axi_rvalid", self.read.is_some().into());
        model.set("m_axi_rdata", self.read.flatten().unwrap_or(0));
        model.set("m_axi_rresp", if self.read.flatten().is_some() { 0 } else { 2 });
        readies
    }

    fn take(&mut self, model: &mut Model, [aw, w, ar]: [bool; 3]) {
        let strobe = |name: &str| model.get(name) == 1;
        if strobe("m_axi_bready") && self.answer.is_some() {
            self.answer = None;
        }
        if strobe("m_axi_rready") && self.read.is_some() {
            self.read = None;
        }
        if aw && strobe("m_axi_awvalid") {
            self.address = Some(model.get("m_axi_awaddr"));
        }
        if w && strobe("m_axi_wvalid") {
            self.data = Some((model.get("m_axi_wdata"), model.get("m_axi_wstrb")));
        }
        if ar && strobe("m_axi_arvalid") {
            self.read = Some(word(model.get("m_axi_araddr")));
        }
        if let (Some(address), Some((data, strobes))) = (self.address, self.data) {
            self.written.push((address, data, strobes));
            self.answer = Some(if word(address).is_some() { 0 } else { 2 });
            (self.address, self.data) = (None, None);
        }
    }
}

/// Runs cycles until `done`, with `registers` behind the window.
fn until(
    model: &mut Model,
    registers: &mut Registers,
    rng: &mut StdRng,
    mut done: impl FnMut(&mut Model) -> bool,
) {
    for _ in 0..1_000 {
        let readies = registers.drive(model, rng);
        model.eval();
        let is_done = done(model);
        registers.take(model, readies);
        model.tick(1);
        if is_done {
            return;
        }
    }
    panic!("expected an answer within 1,000 cycles");
}

fn write(
    model: &mut Model,
    registers: &mut Registers,
    rng: &mut StdRng,
    (id, address): (u64, u64),
    beats: &[(u64, u64)],
) {
    model.set("s_axi_awvalid", 1);
    model.set("s_axi_awid", id);
    model.set("s_axi_awaddr", address);
    until(model, registers, rng, |model| model.get("s_axi_awready") == 1);
    model.set("s_axi_awvalid", 0);
    let mut expected: Vec<LiteWrite> = Vec::new();
    for (n, &(data, strobes)) in beats.iter().enumerate() {
        for half in 0..2_u64 {
            let strobes = strobes >> (4 * half) & 15;
            if strobes != 0 {
                let at = address + 8 * n as u64 + 4 * half;
                expected.push((at, data >> (32 * half) & 0xffff_ffff, strobes));
            }
        }
        for _ in 0..rng.random_range(0..3) {
            until(model, registers, rng, |_| true);
        }
        model.set("s_axi_wvalid", 1);
        model.set("s_axi_wdata", data);
        model.set("s_axi_wstrb", strobes);
        model.set("s_axi_wlast", (n + 1 == beats.len()).into());
        until(model, registers, rng, |model| model.get("s_axi_wready") == 1);
        model.set("s_axi_wvalid", 0);
    }
    model.set("s_axi_bready", 1);
    let mut answer = (0, 0);
    until(model, registers, rng, |model| {
        answer = (model.get("s_axi_bid"), model.get("s_axi_bresp"));
        model.get("s_axi_bvalid") == 1
    });
    model.set("s_axi_bready", 0);
    let failed = expected.iter().any(|(at, ..)| word(*at).is_none());
    let response = if failed { 2 } else { 0 };
    assert_eq!(answer, (id, response), "expected this answer of a write at {address:#x}");
    let written = std::mem::take(&mut registers.written);
    assert_eq!(written, expected, "expected these writes of the registers");
}

fn read(
    model: &mut Model,
    registers: &mut Registers,
    rng: &mut StdRng,
    (id, address): (u64, u64),
    (beats, size): (u64, u64),
) {
    model.set("s_axi_arvalid", 1);
    model.set("s_axi_arid", id);
    model.set("s_axi_araddr", address);
    model.set("s_axi_arlen", beats - 1);
    model.set("s_axi_arsize", size);
    until(model, registers, rng, |model| model.get("s_axi_arready") == 1);
    model.set("s_axi_arvalid", 0);
    for n in 0..beats {
        let at = address + (n << size);
        for _ in 0..rng.random_range(0..3) {
            until(model, registers, rng, |_| true);
        }
        model.set("s_axi_rready", 1);
        let mut answer = (0, 0, 0, 0);
        until(model, registers, rng, |model| {
            answer = (
                model.get("s_axi_rid"),
                model.get("s_axi_rdata"),
                model.get("s_axi_rresp"),
                model.get("s_axi_rlast"),
            );
            model.get("s_axi_rvalid") == 1
        });
        model.set("s_axi_rready", 0);
        let words = if size == 3 { [word(at), word(at + 4)] } else { [word(at); 2] };
        let response = if words == [None; 2] { 2 } else { 0 };
        assert_eq!(
            (answer.0, answer.2, answer.3),
            (id, response, u64::from(n + 1 == beats)),
            "expected this beat at {at:#x}"
        );
        let halves = [answer.1 & 0xffff_ffff, answer.1 >> 32];
        let looked_at =
            if size == 3 { 0..2 } else { (at / 4 % 2) as usize..(at / 4 % 2) as usize + 1 };
        for half in looked_at {
            if let Some(word) = words[half] {
                assert_eq!(halves[half], word, "expected this word at {at:#x}, half {half}");
            }
        }
    }
}

fn window(library: &Library, rng: &mut StdRng) {
    for seed in STARTS {
        let mut model = start(library, seed);
        for name in ["awvalid", "wvalid", "bready", "arvalid", "rready"] {
            model.set(&format!("s_axi_{name}"), 0);
        }
        let mut registers = Registers::default();
        for _ in 0..400 {
            match burst(rng) {
                Burst::Write { id, address, beats } => {
                    write(&mut model, &mut registers, rng, (id, address), &beats);
                }
                Burst::Read { id, address, beats, size } => {
                    read(&mut model, &mut registers, rng, (id, address), (beats, size));
                }
            }
        }
    }
}

#[test]
fn bursts_reach_the_registers_word_by_word() {
    window(&library(RegisterWindow::default()), &mut generator("register window"));
}

#[test]
fn a_window_that_forgets_a_failed_write_is_caught() {
    catches(RegisterWindow::default(), "s_axi_bresp = 2'd2", "s_axi_bresp = 2'd0", |library| {
        window(library, &mut generator("register window"));
    });
}

/// Random lines, with a bridge that takes its time; every rise of a line becomes one message of its number.
fn messages(library: &Library, rng: &mut StdRng) {
    for seed in STARTS {
        let mut model = start(library, seed);
        let mut lines = 0_u64;
        let mut asked: Option<u64> = None;
        let mut sent = [0_usize; 3];
        let mut rises = [0_usize; 3];
        let mut enabled = true;
        for cycle in 0..20_000 {
            // In the end all lines are served.
            let ends = cycle > 19_000;
            for (line, rises) in rises.iter_mut().enumerate() {
                if lines >> line & 1 == 0 && !ends && rng.random_bool(0.05) {
                    lines |= 1 << line;
                    *rises += 1;
                }
            }
            if rng.random_bool(0.01) {
                enabled = !enabled;
            }
            enabled |= ends;
            if !enabled {
                asked = None;
            }
            let granted = asked.is_some() && rng.random_bool(0.2);
            model.set("irq_i", lines);
            model.set("enabled_i", enabled.into());
            model.set("granted_i", granted.into());
            model.eval();
            let (line, vector) = (model.get("line_o"), model.get("vector_o"));
            if model.get("request_o") == 1 {
                assert!(asked.is_none() && enabled, "expected no request beside another one");
                assert_eq!(line, 1 << vector, "expected one line, that of the message");
                assert_ne!(lines & line, 0, "expected a line that is high");
                asked = Some(line);
            }
            assert_eq!(line, asked.unwrap_or(0), "expected the line to be held until the grant");
            let acknowledged = model.get("irq_ack_o");
            let expected = if granted { asked.take().unwrap_or(0) } else { 0 };
            assert_eq!(acknowledged, expected, "expected an acknowledge with the grant alone");
            lines &= !acknowledged;
            if acknowledged != 0 {
                sent[vector as usize] += 1;
            }
            model.tick(1);
        }
        assert_eq!(sent, rises, "expected a message for each rise");
        assert!(rises.iter().all(|count| *count > 50), "the bench is too quiet: {rises:?}");
    }
}

#[test]
fn every_line_becomes_one_message() {
    messages(&library(InterruptMessages::default()), &mut generator("interrupt messages"));
}

#[test]
fn messages_that_acknowledge_the_wrong_line_are_caught() {
    catches(
        InterruptMessages::default(),
        "irq_ack_o = line_q",
        "irq_ack_o = irq_i | line_q",
        |library| messages(library, &mut generator("interrupt messages")),
    );
}
