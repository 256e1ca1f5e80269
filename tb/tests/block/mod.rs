//! What the benches of single blocks share: a block as a running model, random numbers with a printed seed, expected outputs.

#![allow(dead_code)] // Each bench uses a part.

use std::collections::VecDeque;

use backspike_arch::num::F16;
use backspike_tb::{Build, Library, Model, Port, lint};
use rand::{Rng, SeedableRng, rngs::StdRng};
use rust_hdl::prelude::Block;

/// Seeds of the initial bits of registers without reset.
pub const STARTS: [u64; 3] = [0, 1, 0x5eed_cafe];

/// The library of a block, whose Verilog must be free of lint.
pub fn library<B: Block>(block: B) -> Library {
    let (top, text) = verilog(block);
    let messages = lint(&top, &text).unwrap_or_else(|error| panic!("{error}"));
    assert!(messages.is_empty(), "{top} is not free of lint:\n{}", messages.join("\n"));
    Build::new(top, text).library().unwrap_or_else(|error| panic!("{error}"))
}

fn verilog<B: Block>(mut block: B) -> (String, String) {
    block.connect_all();
    let design = backspike_hdl::emit::emit(&block).unwrap_or_else(|error| panic!("{error}"));
    (design.top().to_owned(), design.to_single_file())
}

/// Builds the block with `from` replaced by `to` in its Verilog, and fails unless `bench` fails on it.
pub fn catches<B: Block>(block: B, from: &str, to: &str, bench: impl FnOnce(&Library)) {
    let (top, text) = verilog(block);
    assert_eq!(text.matches(from).count(), 1, "{top} must hold `{from}` once");
    let library = Build::new(top, text.replacen(from, to, 1))
        .library()
        .unwrap_or_else(|error| panic!("{error}"));
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| bench(&library)));
    let message = outcome.err().and_then(|panic| panic.downcast::<String>().ok());
    let message =
        message.unwrap_or_else(|| panic!("the bench does not see `{from}` become `{to}`"));
    assert!(message.contains("expected"), "the bench fails for another reason: {message}");
}

/// A generator that prints its seed; BACKSPIKE_SEED sets it.
pub fn generator(test: &str) -> StdRng {
    let seed = match std::env::var("BACKSPIKE_SEED") {
        Ok(text) => text.parse().expect("BACKSPIKE_SEED is an unsigned 64-bit number"),
        Err(_) => rand::rng().random(),
    };
    println!("{test}: BACKSPIKE_SEED={seed}");
    StdRng::seed_from_u64(seed)
}

/// One cycle of a pipeline at work, after one in which it must hold, now and then.
pub fn tick_with_pauses(model: &mut Model, enables: &[Port], cycle: usize) {
    if cycle % 7 == 3 {
        enables.iter().for_each(|enable| model.write(*enable, 0));
        model.tick(1);
    }
    enables.iter().for_each(|enable| model.write(*enable, 1));
    model.tick(1);
}

/// The low `width` bits of a two's complement number.
pub fn field(value: i64, width: u32) -> u64 {
    value as u64 & (u64::MAX >> (64 - width))
}

/// A `width`-bit two's complement number.
pub fn signed(value: u64, width: u32) -> i64 {
    (value << (64 - width)) as i64 >> (64 - width)
}

/// A number of a random bit length below `width`, of either sign: small and large ones are equally likely.
pub fn spread(rng: &mut impl Rng, width: u32) -> i64 {
    let bits = rng.random_range(0..width);
    let magnitude = (rng.random::<u64>() & ((1 << bits) - 1)) as i64;
    match rng.random_range(0..16) {
        0 => (1 << bits) - 1,
        1 => -(1 << bits),
        n if n % 2 == 0 => magnitude,
        _ => -magnitude,
    }
}

/// Any bit pattern, with subnormal numbers and the largest ones of the machine as likely as all others together.
pub fn pattern(rng: &mut impl Rng) -> F16 {
    let mantissa = match rng.random_range(0..4) {
        0 => rng.random_range(0..4),
        1 => rng.random_range(1020..1024),
        _ => rng.random_range(0..1024),
    };
    let exponent = match rng.random_range(0..3) {
        0 => rng.random_range(0..3),
        1 => rng.random_range(16..20),
        _ => rng.random_range(0..32),
    };
    F16(u16::from(rng.random::<bool>()) << 15 | exponent << 10 | mantissa)
}

/// A model in reset until the first cycle.
pub fn start(library: &Library, seed: u64) -> Model {
    let mut model = library.instance(seed);
    if library.port("reset").is_ok() {
        model.set("reset", 1);
        model.tick(2);
        model.set("reset", 0);
    }
    model
}

/// What an output must be, and when.
#[derive(Default)]
pub struct Expected {
    queue: VecDeque<(u64, Port2, u64, String)>,
    checks: u64,
}

type Port2 = (Port, &'static str);

impl Expected {
    /// Output `name` is `value` in cycle `cycle`; cycles do not descend. `what` explains a failure.
    pub fn push(
        &mut self,
        model: &Model,
        cycle: u64,
        name: &'static str,
        value: u64,
        what: String,
    ) {
        self.queue.push_back((cycle, (model.port(name), name), value, what));
    }

    /// Compares what is due in `cycle`.
    pub fn check(&mut self, model: &Model, cycle: u64) {
        while self.queue.front().is_some_and(|(due, ..)| *due <= cycle) {
            let (due, (port, name), value, what) = self.queue.pop_front().expect("not empty");
            assert_eq!(due, cycle, "{name} was not looked at in its cycle");
            let got = model.read(port);
            assert!(got == value, "cycle {cycle}: {name} = {got:#x}, expected {value:#x}: {what}");
            self.checks += 1;
        }
    }

    /// Number of comparisons, all of which held.
    pub fn checks(&self) -> u64 {
        self.checks
    }
}
