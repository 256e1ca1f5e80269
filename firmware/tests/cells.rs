//! The models of block RAM and multiplier against what they must do: every memory of a core as Yosys maps it, and products.

use backspike_arch::ArchConfig;
use backspike_firmware::flow::{Family, Flow, simulation_text, synthesise};
use backspike_hdl::link::serial_design;
use backspike_tb::{Build, Model, Optimize};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::path::Path;

const MULTIPLIER: &str = include_str!("../models/mult18x18d.v");

fn rng() -> ChaCha8Rng {
    let seed = std::env::var("BACKSPIKE_SEED").map_or(1, |seed| seed.parse().unwrap());
    println!("BACKSPIKE_SEED={seed}");
    ChaCha8Rng::seed_from_u64(seed)
}

/// Width and depth in a memory's name, such as `ram_tdp_w16_d1024`.
fn shape(name: &str) -> (usize, usize) {
    let number = |mark: char| {
        let part = name.split('_').find_map(|part| part.strip_prefix(mark));
        part.and_then(|digits| digits.parse().ok()).unwrap()
    };
    (number('w'), number('d'))
}

/// What a memory's words must be; `None` for what nothing defines.
struct Reference {
    words: Vec<Option<u64>>,
    read: [Option<u64>; 2],
}

/// Names of a port's pins: address, enable, write enable, data in, data out. A memory of one write and one read port writes on the
/// first and reads on the second.
type Pins = [&'static str; 5];
const SIMPLE: [Pins; 2] =
    [["waddr_i", "wen_i", "", "wdata_i", ""], ["raddr_i", "ren_i", "", "", "rdata_o"]];
const DUAL: [Pins; 2] = [
    ["a_addr_i", "a_en_i", "a_we_i", "a_wdata_i", "a_rdata_o"],
    ["b_addr_i", "b_en_i", "b_we_i", "b_wdata_i", "b_rdata_o"],
];

fn words(value: u64, width: usize) -> Vec<u32> {
    [value as u32, (value >> 32) as u32][..width.div_ceil(32)].to_vec()
}

fn value(words: &[u32]) -> u64 {
    words.iter().rev().fold(0, |value, &word| value << 32 | u64::from(word))
}

/// Random reads and writes; every word is written first by chance or never read into a comparison.
fn check_memory(model: &mut Model, name: &str, rng: &mut ChaCha8Rng) {
    let (width, depth) = shape(name);
    let dual = name.contains("tdp");
    let pins = if dual { DUAL } else { SIMPLE };
    let mask = u64::MAX >> (64 - width);
    let mut reference = Reference { words: vec![None; depth], read: [None; 2] };
    let mut compared = 0;
    for _ in 0..20 * depth.max(500) {
        let mut acts = [(0, false, false, 0); 2];
        for (port, act) in acts.iter_mut().enumerate() {
            let writes = if dual { rng.random() } else { port == 0 };
            // A corner of the memory, so that reads follow writes and the ports meet, or all of it.
            let within = if rng.random() { depth } else { depth.min(8) };
            *act = (rng.random_range(0..within), rng.random(), writes, rng.random::<u64>() & mask);
        }
        if dual && acts[0].0 == acts[1].0 {
            acts[1].1 = false;
        }
        for ((addr, acting, writes, data), pins) in acts.iter().zip(pins) {
            model.set(pins[0], *addr as u64);
            model.set(pins[1], u64::from(*acting));
            if !pins[2].is_empty() {
                model.set(pins[2], u64::from(*writes));
            }
            if !pins[3].is_empty() {
                model.set_wide(pins[3], &words(*data, width));
            }
        }
        model.tick(1);
        for (port, &(addr, acting, writes, _)) in acts.iter().enumerate() {
            if acting && !writes {
                let other = acts[1 - port];
                let meets = other.0 == addr && other.1 && other.2;
                reference.read[port] = if meets { None } else { reference.words[addr] };
            }
        }
        for &(addr, acting, writes, data) in &acts {
            if acting && writes {
                reference.words[addr] = Some(data);
            }
        }
        for (port, pins) in pins.iter().enumerate().filter(|(_, pins)| !pins[4].is_empty()) {
            if let Some(expected) = reference.read[port] {
                assert_eq!(value(&model.get_wide(pins[4])), expected, "{name}, port {port}");
                compared += 1;
            }
        }
    }
    assert!(compared > depth, "{name}: {compared} words compared");
}

#[test]
fn every_memory_of_a_core_keeps_its_words_as_cells() {
    let mut rng = rng();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cells");
    let mut quiet = |_: &str| {};
    let mut flow = Flow::new(&folder, &mut quiet).unwrap();
    let design = serial_design(&ArchConfig::tiny()).unwrap();
    flow.write("core.v", &design.to_single_file()).unwrap();
    let memories = design.modules.iter().filter(|module| module.name.starts_with("ram_"));
    let mut blocks = 0;
    for memory in memories {
        let netlist = synthesise(&mut flow, Family::Ecp5, &["core.v"], &memory.name).unwrap();
        blocks += netlist.resources.block_rams;
        let text = simulation_text(&mut flow, &netlist).unwrap();
        let build = Build::new(&memory.name, text).optimize(Optimize::Quick);
        let library = build.library().unwrap_or_else(|error| panic!("{error}"));
        check_memory(&mut library.instance(rng.random()), &memory.name, &mut rng);
    }
    assert!(blocks > 0);
}

#[test]
fn products_are_exact_with_and_without_signs() {
    let pins = |name: &str, width: usize| {
        let pins: Vec<String> = (0..width).map(|i| format!(".{name}{i}({name}[{i}])")).collect();
        pins.join(", ")
    };
    let text = format!(
        "module top(input [17:0] A, B, input [17:0] C, input sa, sb, output [35:0] P);
  MULT18X18D unit ({}, {}, {}, {}, .SIGNEDA(sa), .SIGNEDB(sb), .SOURCEA(1'b0), .SOURCEB(1'b0));
endmodule
{MULTIPLIER}",
        pins("A", 18),
        pins("B", 18),
        pins("C", 18),
        pins("P", 36)
    );
    let library = Build::new("top", text).optimize(Optimize::Quick).library();
    let mut model = library.unwrap_or_else(|error| panic!("{error}")).instance(1);
    let mut rng = rng();
    let corners = [0, 1, (1 << 17) - 1, 1 << 17, (1 << 18) - 1];
    for trial in 0..20_000 {
        let mut operand = |index: usize| match corners.get(index) {
            Some(&corner) => corner,
            None => rng.random_range(0..1i64 << 18),
        };
        let (a, b) = (operand(trial / 4 % 8), operand(trial / 32 % 8));
        let signed = [trial & 1 != 0, trial & 2 != 0];
        let value = |x: i64, signed: bool| if signed && x >> 17 != 0 { x - (1 << 18) } else { x };
        model.set("A", a as u64);
        model.set("B", b as u64);
        model.set("sa", u64::from(signed[0]));
        model.set("sb", u64::from(signed[1]));
        model.eval();
        let expected = (value(a, signed[0]) * value(b, signed[1])) as u64 & ((1 << 36) - 1);
        assert_eq!(model.get("P"), expected, "{a} x {b}, signed {signed:?}");
    }
}
