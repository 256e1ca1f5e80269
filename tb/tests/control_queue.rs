//! Queues, tokens and sequencers against models in Rust.

mod block;

use backspike_hdl::control::{InstructionQueue, Sequencer, Tokens};
use backspike_tb::Library;
use block::{STARTS, catches, generator, library, start};
use rand::{Rng, rngs::StdRng};
use std::collections::VecDeque;

#[test]
fn a_queue_keeps_order_and_tells_when_it_is_full() {
    let rng = &mut generator("a_queue_keeps_order_and_tells_when_it_is_full");
    for depth in [2, 8] {
        let library = library(InstructionQueue::new(depth));
        for seed in STARTS {
            let mut model = start(&library, seed);
            // Each instruction with the cycle from which it may show.
            let mut held: VecDeque<(u64, u64)> = VecDeque::new();
            let (mut fulls, mut last_pop) = (0, 0);
            let (mut pushing, mut popping) = (0.5, 0.5);
            for cycle in 1..5000_u64 {
                if cycle % 100 == 0 {
                    (pushing, popping) = (rng.random_range(0.0..1.0), rng.random_range(0.0..1.0));
                }
                model.set("push_i", 0);
                model.set("pop_i", 0);
                model.eval();
                let full = held.len() == depth;
                assert_eq!(model.get("full_o") == 1, full, "cycle {cycle}");
                fulls += u64::from(full);
                let valid = model.get("valid_o") == 1;
                let due = held.front().is_some_and(|(at, _)| *at <= cycle && last_pop < cycle);
                assert_eq!(valid, due, "cycle {cycle}: the head shows when it should");
                let push = !full && rng.random_bool(pushing);
                let pop = valid && rng.random_bool(popping);
                if valid {
                    assert_eq!(model.get("head_o"), held[0].1, "cycle {cycle}");
                }
                if pop {
                    held.pop_front();
                    last_pop = cycle;
                }
                if push {
                    let word = rng.random();
                    model.set("data_i", word);
                    held.push_back((cycle + 2, word));
                }
                model.set("push_i", push.into());
                model.set("pop_i", pop.into());
                model.tick(1);
            }
            assert!(fulls > 100, "the queue of {depth} was full in {fulls} cycles only");
        }
    }
}

#[test]
fn tokens_count_posts_and_takes_of_all_engines() {
    let rng = &mut generator("tokens_count_posts_and_takes_of_all_engines");
    tokens_bench(&library(Tokens::new(TOKENS)), rng);
}

#[test]
fn mutations_of_the_tokens_are_caught() {
    let rng = &mut generator("mutations_of_the_tokens_are_caught");
    // IO means counter 4 where counter 5 looks.
    catches(Tokens::new(TOKENS), "at3 == 7'd5", "at3 == 7'd4", |library| {
        tokens_bench(library, rng);
    });
}

/// Counters of the block under test.
const TOKENS: usize = 8;

fn tokens_bench(library: &Library, rng: &mut StdRng) {
    for seed in STARTS {
        let mut model = start(library, seed);
        let mut counters = [0_u8; TOKENS];
        let (mut collisions, mut grants) = (0, 0);
        for cycle in 0..20_000 {
            let spread = if cycle / 1000 % 2 == 0 { 2 } else { TOKENS };
            // The host port, number 4, posts only.
            let tokens: [usize; 5] = std::array::from_fn(|_| rng.random_range(0..spread));
            let posts: u64 = rng.random_range(0..32) & rng.random_range(0..32);
            let takes: u64 = rng.random_range(0..16) & !posts;
            for (engine, token) in tokens.into_iter().enumerate() {
                // Numbers count modulo the counters there are.
                let wrapped = token + TOKENS * rng.random_range(0..128 / TOKENS);
                model.set(&format!("token{engine}_i"), wrapped as u64);
            }
            model.set("post_i", posts);
            model.set("take_i", takes);
            model.eval();
            let mut wanted = 0;
            let before = counters;
            let mut given = [false; TOKENS];
            for (engine, token) in tokens.into_iter().enumerate() {
                if takes >> engine & 1 == 1 && before[token] > 0 {
                    if given[token] {
                        collisions += 1;
                    } else {
                        given[token] = true;
                        wanted |= 1 << engine;
                        counters[token] = counters[token].wrapping_sub(1);
                    }
                }
                if posts >> engine & 1 == 1 {
                    counters[token] = counters[token].wrapping_add(1);
                }
            }
            let got = model.get("grant_o");
            assert!(got == wanted, "cycle {cycle}: granted {got:#06b}, expected {wanted:#06b}");
            grants += u64::from(wanted.count_ones());
            model.tick(1);
        }
        assert!(collisions > 100 && grants > 1000, "{collisions} collisions, {grants} grants");
    }
}

#[test]
fn a_sequencer_runs_its_instructions_in_order() {
    let rng = &mut generator("a_sequencer_runs_its_instructions_in_order");
    // WG's operations.
    let library = library(Sequencer::new(4, &[6, 7, 8]));
    for seed in STARTS {
        let mut model = start(&library, seed);
        let mut program: VecDeque<u64> = VecDeque::new();
        let (mut running, mut started) = (None, None);
        let (mut illegal, mut wanted_illegal, mut works, mut posts, mut waits) = (0, 0, 0, 0, 0);
        for cycle in 0..20_000 {
            let op = [1, 2, 6, 7, 8, 0, 3, 15][rng.random_range(0..8)];
            let word = rng.random::<u64>() & !15 | op;
            let push = model.get("full_o") == 0 && rng.random_bool(0.5);
            let granted = rng.random_bool(0.3);
            let done = running.is_some() && started != Some(cycle) && rng.random_bool(0.2);
            model.set("push_i", push.into());
            model.set("push_data_i", word);
            model.set("grant_i", 0);
            model.set("done_i", done.into());
            model.eval();
            let head = program.front().copied().unwrap_or(0);
            assert_eq!(model.get("busy_o") == 1, running.is_some(), "cycle {cycle}");
            assert_eq!(model.get("start_o") == 1, started == Some(cycle), "cycle {cycle}");
            if let Some(work) = running {
                let fields = ["op_o", "slot_o", "arg_o", "imm_o"].map(|name| model.get(name));
                let wanted =
                    [work & 15, (work >> 12) & 255_u64, (work >> 20) & 4095_u64, work >> 32];
                assert_eq!(fields, wanted, "cycle {cycle}: what the engine sees");
            }
            let take = model.get("take_o") == 1;
            model.set("grant_i", (take && granted).into());
            model.eval();
            if take {
                assert_eq!((head & 15, running), (1, None), "cycle {cycle}: WAIT");
                assert_eq!(model.get("token_o"), head >> 20 & 127, "cycle {cycle}");
                waits += 1;
            }
            if model.get("post_o") == 1 {
                assert_eq!((head & 15, running), (2, None), "cycle {cycle}: POST");
                assert_eq!(model.get("token_o"), head >> 20 & 127, "cycle {cycle}");
                posts += 1;
                program.pop_front();
            } else if take && granted {
                program.pop_front();
            } else if model.get("slice_ren_o") == 1 {
                assert!(
                    (6..=8).contains(&(head & 15)) && running.is_none(),
                    "cycle {cycle}: {head:x}"
                );
                assert_eq!(model.get("slice_o"), head >> 4 & 255, "cycle {cycle}");
                started = Some(cycle + 1);
                works += 1;
            } else if model.get("illegal_o") == 1 {
                illegal += 1;
                wanted_illegal += u64::from(matches!(head & 15, 0 | 3 | 15));
                program.pop_front();
            }
            if done {
                running = None;
            }
            if started == Some(cycle + 1) {
                running = program.pop_front();
            }
            if push {
                program.push_back(word);
            }
            model.tick(1);
        }
        assert_eq!(illegal, wanted_illegal, "only foreign operations are dropped");
        assert!(illegal > 50 && works > 50 && posts > 50 && waits > 50, "everything ran");
    }
}
