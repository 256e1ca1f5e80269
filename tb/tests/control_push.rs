//! PUSH against a list of the words it must send, and the host port's decoding, under random back-pressure.

mod block;

use backspike_arch::{ArchConfig, HostAddress, PackedWord, Region};
use backspike_hdl::host_port::{HostPort, PushEngine};
use backspike_tb::{Library, Model};
use block::{STARTS, catches, generator, library, start};
use rand::{Rng, rngs::StdRng};

/// 8 lanes: a plane word is one word, a row of weights four.
const LANES: usize = 8;
const P: usize = 32;

/// A lane's value in a row of a region: any function that differs everywhere.
fn content(region: Region, row: u64, lane: usize) -> u32 {
    let key = u64::from(region.code()) << 40 | row << 8 | lane as u64;
    (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 29) as u32
}

/// The words of a row, in the order they are sent.
fn words(region: Region, row: u64) -> Vec<u32> {
    let halves = |i| content(region, row, 2 * i) & 0xffff | content(region, row, 2 * i + 1) << 16;
    match region {
        Region::Weight | Region::State | Region::Error => (0..LANES / 2).map(halves).collect(),
        Region::Gradient | Region::Membrane => {
            (0..LANES).map(|lane| content(region, row, lane)).collect()
        }
        Region::Trace => (0..3).map(|plane| content(region, row, plane)).collect(),
        Region::Nonzero => vec![content(region, row, 0) & 15],
        Region::Token => vec![0],
        _ => vec![content(region, row, 0)],
    }
}

/// What the memory of `region` shows after a read of `row`.
fn show(model: &mut Model, region: Region, row: u64) {
    let prefix = match region {
        Region::Weight => "weight_i",
        Region::State => "state_i",
        Region::Gradient => "gradient_i",
        Region::Error => "error_i",
        Region::Membrane => "membrane_i",
        Region::Spike => return model.set("spike_i", content(region, row, 0).into()),
        Region::Nonzero => return model.set("nonzero_i", u64::from(content(region, row, 0) & 15)),
        Region::Token => return,
        Region::Register => return model.set("register_i", content(region, row, 0).into()),
        _ => {
            let planes = ["trace_spike_i", "trace_code0_i", "trace_code1_i"];
            for (plane, name) in planes.into_iter().enumerate() {
                model.set(name, content(region, row, plane).into());
            }
            return;
        }
    };
    let wide = matches!(region, Region::Gradient | Region::Membrane);
    for lane in 0..LANES {
        let value = content(region, row, lane) & if wide { u32::MAX } else { 0xffff };
        model.set(&format!("{prefix}_{lane}"), value.into());
    }
}

#[test]
fn a_push_sends_every_word_once() {
    let rng = &mut generator("a_push_sends_every_word_once");
    push_bench(&library(PushEngine::<P>::new(&ArchConfig::tiny())), rng);
}

#[test]
fn mutations_of_the_push_are_caught() {
    let rng = &mut generator("mutations_of_the_push_are_caught");
    let block = || PushEngine::<P>::new(&ArchConfig::tiny());
    // A word is gone whether the host took it or not.
    catches(block(), "send = sending_q & ready_i;", "send = sending_q;", |library| {
        push_bench(library, rng);
    });
}

fn push_bench(library: &Library, rng: &mut StdRng) {
    let arch = ArchConfig::tiny();
    for seed in STARTS {
        let mut model = start(library, seed);
        for round in 0..150 {
            let region = Region::ALL[rng.random_range(0..Region::ALL.len())];
            let (base, rows) = (rng.random_range(0..8_u64), rng.random_range(0..5_u64));
            let (to, nodes) = (rng.random_range(0..8_u64), rng.random::<u64>());
            let slot = rng.random_range(0..arch.slots);
            let first = base + (slot * region.slot_rows(&arch)) as u64;
            let mut expected = Vec::new();
            for row in first..first + rows {
                if region.pushable() {
                    for (sub, word) in words(region, row).into_iter().enumerate() {
                        let at = HostAddress::new(region, (row - base + to) as u32, sub as u8);
                        expected.push((at.encode().expect("the row has an address"), word));
                    }
                }
            }
            model.set("column_i_0", region.code().into());
            model.set("column_i_1", base);
            model.set("column_i_2", rows);
            model.set("column_i_3", to);
            model.set("column_i_4", nodes & 0xffff_ffff);
            model.set("column_i_5", nodes >> 32);
            model.set("slot_i", slot as u64);
            let (freeing, taking) = (rng.random_range(0.2..1.0), rng.random_range(0.2..1.0));
            let mut sent = 0;
            let mut held = None;
            for cycle in 0..2000 {
                model.set("start_i", (cycle == 0).into());
                model.set("busy_i", 1);
                let free = rng.random_bool(freeing);
                model.set("free_i", if free { 0xffff } else { 0 });
                let take = rng.random_bool(taking);
                model.set("ready_i", take.into());
                model.eval();
                let illegal = cycle == 0 && !region.pushable();
                assert_eq!(model.get("illegal_o") == 1, illegal, "round {round}: {region:?}");
                let valid = model.get("valid_o") == 1;
                let word = (model.get("addr_o") as u32, model.get("data_o") as u32);
                let last = model.get("last_o") == 1;
                assert_eq!(model.get("nodes_o"), nodes);
                if let Some(held) = held {
                    assert!(valid && held == (word, last), "expected a refused word to stay");
                }
                held = (valid && !take).then_some((word, last));
                if valid && take {
                    let wanted = expected.get(sent).copied();
                    assert!(
                        Some(word) == wanted && last == (sent + 1 == expected.len()),
                        "round {round}, {region:?}: word {sent} is {word:x?}, expected {wanted:x?}"
                    );
                    sent += 1;
                }
                let counted = ["word_o", "stalled_o"].map(|name| model.get(name) == 1);
                let wanted = [valid && take, valid && !take];
                assert!(counted == wanted, "counted {counted:?}, expected {wanted:?}");
                let read = model.get("read_o");
                let row = model.get("row_o");
                if read != 0 {
                    assert!(free && read == 1 << region.code(), "a read of {read:#x}");
                }
                if model.get("done_o") == 1 {
                    break;
                }
                model.tick(1);
                if read != 0 {
                    show(&mut model, region, row);
                }
            }
            assert!(sent == expected.len(), "{sent} words sent, expected {}", expected.len());
            model.tick(1);
        }
    }
}

#[test]
fn the_host_port_finds_the_target_and_waits_for_it() {
    let rng = &mut generator("the_host_port_finds_the_target_and_waits_for_it");
    let library = library(HostPort::default());
    for seed in STARTS {
        let mut model = start(&library, seed);
        let mut immediates = [0; 4];
        let mut stalls = 0;
        for cycle in 0..20_000 {
            let region = if rng.random() { 0 } else { rng.random_range(0..16) };
            // Queues have a row for all, half of the time, and one each, all of eight subs.
            let (row, sub) = match region {
                0 => (rng.random_range(0_u64..8).saturating_sub(3), rng.random_range(0..8_u64)),
                _ => (rng.random_range(0..1 << 20), rng.random_range(0..32)),
            };
            let data = u64::from(rng.random::<u32>());
            let valid = rng.random_bool(0.9);
            let full: u64 = rng.random_range(0..16);
            let ready = ["weight", "state", "spike", "error", "nonzero"].map(|name| {
                let ready = rng.random::<bool>();
                model.set(&format!("{name}_ready_i"), ready.into());
                ready
            });
            model.set("valid_i", valid.into());
            model.set("addr_i", region << 28 | row << 5 | sub);
            model.set("data_i", data);
            model.set("queue_full_i", full);
            model.eval();
            let queue = row.checked_sub(1).unwrap_or(sub >> 1) as usize & 3;
            let enqueues = region == 0 && (row > 0 || sub & 1 == 0);
            let wanted_ready = match region {
                0 => !enqueues || full >> queue & 1 == 0,
                2 => ready[0],
                3 => ready[1],
                5 => ready[2],
                8 => ready[3],
                7 => ready[4],
                _ => true,
            };
            let on = |condition: bool, value: u64| if valid && condition { value } else { 0 };
            assert_eq!(model.get("ready_o") == 1, wanted_ready, "cycle {cycle}: region {region}");
            assert_eq!(model.get("queue_push_o"), on(enqueues && wanted_ready, 1 << queue));
            assert_eq!(model.get("table_write_o"), on(region == 1, 1 << (row >> 8 & 3)));
            let memories =
                [(2, "weight"), (3, "state"), (5, "spike"), (7, "nonzero"), (8, "error")];
            for (code, name) in memories {
                assert_eq!(model.get(&format!("{name}_valid_o")), on(region == code, 1), "{name}");
            }
            assert_eq!(model.get("token_post_o"), on(region == 11, 1));
            assert_eq!((model.get("row_o"), model.get("sub_o")), (row, sub));
            assert_eq!(
                model.get("queue_imm_o"),
                immediates[queue],
                "cycle {cycle}: held immediate"
            );
            assert_eq!(model.get("write_o"), on(wanted_ready, 1));
            assert_eq!(model.get("stalled_o"), on(!wanted_ready, 1));
            stalls += model.get("stalled_o");
            if valid && region == 0 && !enqueues {
                immediates[queue] = data;
            }
            model.tick(1);
        }
        assert!(stalls > 1000, "only {stalls} stalls");
    }
}
