//! The walkers against lists of what they must find, under random stalls: order, completeness, and no lost cycle.

mod block;

use backspike_hdl::spike::{Expander, TileLoop, TraceWalker, VisitStage, Walker};
use backspike_tb::{Library, Model};
use block::{STARTS, catches, generator, library, start};
use rand::{Rng, rngs::StdRng};
use std::collections::VecDeque;

/// Lanes of the benches: plane words of 64 bits.
const LANES: u64 = 16;
const P: usize = 64;

/// A visit (index, the masks of the slots from bit 0 on), or the end of a tile-block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Item {
    Visit(u64, u64),
    End,
}

/// A plane word with about `density` of its lanes in use.
fn plane(rng: &mut StdRng, density: f64) -> u64 {
    (0..LANES).fold(0, |word, lane| {
        let mask = if rng.random_bool(density) { rng.random_range(1..16) } else { 0 };
        word | mask << (4 * lane)
    })
}

/// `plane` with each lane masked by `gate`.
fn gated(plane: u64, gate: u64) -> u64 {
    plane & (0..LANES).fold(0, |gates, lane| gates | gate << (4 * lane))
}

/// Visits of the lanes with a step in any of `planes`, one for each slot.
fn visits(planes: Vec<u64>, base: u64) -> impl Iterator<Item = Item> {
    let masks = move |lane: u64| {
        let mask = |(slot, plane): (usize, &u64)| (plane >> (4 * lane) & 15) << (4 * slot);
        planes.iter().enumerate().map(mask).sum()
    };
    (0..LANES)
        .map(move |lane| Item::Visit(base + lane, masks(lane)))
        .filter(|item| !matches!(item, Item::Visit(_, 0)))
}

/// The same word of some slots.
struct Word {
    planes: Vec<u64>,
    gates: Vec<u64>,
    index: u64,
    last: bool,
}

fn words(rng: &mut StdRng, slots: usize) -> Vec<Word> {
    let mut words = Vec::new();
    for _ in 0..40 {
        let density = [0.0, 0.02, 0.3, 1.0][rng.random_range(0..4)];
        let present = rng.random_range(1..=slots);
        let mut gate = |_| if rng.random() { 15 } else { rng.random_range(0..16) };
        let gates: Vec<u64> = (0..present).map(&mut gate).collect();
        let count = rng.random_range(1..20);
        for w in 0..count {
            let planes = (0..present).map(|_| plane(rng, density)).collect();
            let (gates, last) = (gates.clone(), w + 1 == count);
            words.push(Word { planes, gates, index: w * LANES, last });
        }
    }
    words
}

/// The item at the outputs, if any; `masks` are the names of its masks.
fn item(model: &Model, masks: &[String]) -> Option<Item> {
    let mask = |(slot, name): (usize, &String)| model.get(name) << (4 * slot);
    (model.get("item_valid_o") == 1).then(|| match model.get("item_end_o") {
        1 => Item::End,
        _ => Item::Visit(model.get("item_index_o"), masks.iter().enumerate().map(mask).sum()),
    })
}

fn mask_names(slots: usize) -> Vec<String> {
    (0..slots).map(|slot| format!("item_mask_o_{slot}")).collect()
}

#[test]
fn the_walker_finds_every_input() {
    let mut rng = generator("the_walker_finds_every_input");
    for slots in [1, 2, 4, 8] {
        walker_bench(&library(Walker::<P>::new(slots)), slots, &mut rng);
    }
}

#[test]
fn mutations_of_the_walker_are_caught() {
    let mut rng = generator("mutations_of_the_walker_are_caught");
    // A tile-block loses its end: because its last word is empty, or because it is not. The spikes of the other slots are forgotten.
    for (from, to) in [
        ("keep = (|masked) | last_i;", "keep = |masked;"),
        ("((!pick_more_o) & (!last_q))", "(!pick_more_o)"),
        ("keep = keep | (|earlier_0_q);", "keep = keep;"),
    ] {
        catches(Walker::<P>::new(2), from, to, |library| walker_bench(library, 2, &mut rng));
    }
}

fn walker_bench(library: &Library, slots: usize, rng: &mut StdRng) {
    let masks = mask_names(slots);
    for seed in STARTS {
        let mut model = start(library, seed);
        let words = words(rng, slots);
        let planes = words.iter().flat_map(|word| &word.planes);
        let zeros = planes.filter(|&&plane| plane == 0).count() as u64;
        let mut expected = VecDeque::new();
        for word in &words {
            let gated =
                word.planes.iter().zip(&word.gates).map(|(&plane, &gate)| gated(plane, gate));
            expected.extend(visits(gated.collect(), word.index));
            if word.last {
                expected.push_back(Item::End);
            }
        }
        let (mut next, mut place, mut counted, mut idle) = (0, 0, 0, 0);
        let (mut offering, mut taking) = (1.0, 1.0);
        for cycle in 0.. {
            if cycle % 64 == 0 {
                (offering, taking) = (rng.random_range(0.1..1.0), rng.random_range(0.1..1.0));
            }
            let offer = next < words.len() && rng.random_bool(offering);
            model.set("valid_i", offer.into());
            if offer {
                let word = &words[next];
                model.set("plane_i", word.planes[place]);
                model.set("gate_i", word.gates[place]);
                model.set("place_i", place as u64);
                model.set("final_i", (place + 1 == word.planes.len()).into());
                model.set("index_i", word.index);
                model.set("last_i", word.last.into());
            }
            let take = rng.random_bool(taking);
            model.set("item_ready_i", take.into());
            model.eval();
            counted += model.get("zero_o");
            let took = offer && model.get("ready_o") == 1;
            if took {
                place += 1;
                if place == words[next].planes.len() {
                    (next, place) = (next + 1, 0);
                }
            }
            match item(&model, &masks) {
                Some(got) => {
                    let wanted = expected.front().copied();
                    assert!(Some(got) == wanted, "cycle {cycle}: got {got:?}, expected {wanted:?}");
                    if take {
                        expected.pop_front();
                    }
                    idle = 0;
                }
                // Slow offers leave the walker idle too: only cycles after the last word count.
                None => idle = if took { 0 } else { idle + 1 },
            }
            if next == words.len() && (expected.is_empty() || idle > 8) {
                break;
            }
            model.tick(1);
        }
        assert!(expected.is_empty(), "expected {} items more", expected.len());
        assert!(counted == zeros, "{counted} zero words, expected {zeros}");
    }
}

#[test]
fn the_walker_never_waits_while_there_is_work() {
    let rng = &mut generator("the_walker_never_waits_while_there_is_work");
    let library = library(Walker::<P>::new(1));
    for seed in STARTS {
        let mut model = start(&library, seed);
        model.set("valid_i", 1);
        model.set("gate_i", 15);
        model.set("last_i", 0);
        model.set("place_i", 0);
        model.set("final_i", 1);
        model.set("item_ready_i", 1);
        // One lane a word is one item a word: the hardest to keep up with.
        let mut first = None;
        for cycle in 0..200_u64 {
            let lane = rng.random_range(0..LANES);
            model.set("plane_i", rng.random_range(1..16) << (4 * lane));
            model.set("index_i", cycle * LANES);
            model.eval();
            if model.get("item_valid_o") == 1 {
                first.get_or_insert(cycle);
            } else {
                assert!(
                    first.is_none(),
                    "no item in cycle {cycle} although a word came each cycle"
                );
            }
            model.tick(1);
        }
        assert_eq!(first, Some(2), "from the memory's output to the first item");
    }
}

#[test]
fn the_expander_makes_events_in_every_cycle() {
    let rng = &mut generator("the_expander_makes_events_in_every_cycle");
    for steps in [1, 4] {
        expander_bench(&library(Expander::new(steps)), steps, rng);
    }
}

fn expander_bench(library: &Library, steps: usize, rng: &mut StdRng) {
    for seed in STARTS {
        let mut model = start(library, seed);
        // Index, steps, and whether they are the first of their item.
        let mut expected: VecDeque<(u64, u64, bool)> = VecDeque::new();
        let mut item: Option<(u64, u64)> = None;
        let mut events = 0;
        for cycle in 0..4000 {
            let hold = rng.random_bool(0.3);
            if item.is_none() && rng.random_bool(0.7) {
                item = Some((rng.random_range(0..1 << 20), rng.random_range(1..16)));
            }
            model.set("hold_i", hold.into());
            model.set("item_valid_i", item.is_some().into());
            let (index, mask) =
                item.unwrap_or((rng.random_range(0..1 << 20), rng.random_range(0..16)));
            model.set("item_index_i", index);
            model.set("item_mask_i", mask);
            model.set("item_end_i", 0);
            model.eval();
            assert_eq!(
                model.get("valid_o") == 1,
                !expected.is_empty(),
                "cycle {cycle}: an event is there when an item is"
            );
            if let Some(&wanted) = expected.front() {
                let got = (model.get("index_o"), model.get("mask_o"), model.get("first_o") == 1);
                assert_eq!(got, wanted, "cycle {cycle}");
                assert_eq!(model.get("step_o"), u64::from(wanted.1.trailing_zeros()));
                if !hold {
                    expected.pop_front();
                    events += 1;
                }
            }
            // Taken in the cycle of the last event before: no cycle is lost.
            assert_eq!(model.get("item_ready_o") == 1, expected.is_empty(), "cycle {cycle}");
            if expected.is_empty() && item.take().is_some() {
                let one_by_one = (0..4).map(|t| mask & 1 << t).filter(|step| *step != 0);
                let parts = if steps == 1 { one_by_one.collect() } else { vec![mask] };
                let parts = parts.into_iter().enumerate();
                expected.extend(parts.map(|(i, part)| (index, part, i == 0)));
            }
            model.tick(1);
        }
        assert!(events > 1000, "only {events} events");
    }
}

#[test]
fn the_visit_stage_passes_an_item_a_cycle() {
    let rng = &mut generator("the_visit_stage_passes_an_item_a_cycle");
    let library = library(VisitStage::new(2));
    for seed in STARTS {
        let mut model = start(&library, seed);
        let mut offered: Option<[u64; 4]> = None;
        let mut held: Option<[u64; 4]> = None;
        let mut passed = 0;
        for cycle in 0..4000 {
            let hold = rng.random_bool(0.3);
            if offered.is_none() && rng.random_bool(0.7) {
                let masks = [rng.random_range(0..16), rng.random_range(0..16)];
                let (end, index) = (rng.random_range(0..2), rng.random_range(0..1 << 20));
                offered = Some([end, index, masks[0], masks[1]]);
            }
            model.set("hold_i", hold.into());
            model.set("item_valid_i", offered.is_some().into());
            let [end, index, first, second] =
                offered.unwrap_or_else(|| std::array::from_fn(|_| rng.random_range(0..2)));
            model.set("item_end_i", end);
            model.set("item_index_i", index);
            model.set("item_mask_i_0", first);
            model.set("item_mask_i_1", second);
            model.eval();
            let leaves = held.filter(|_| !hold);
            let is_end = |item: [u64; 4]| item[0] == 1;
            let visit = leaves.filter(|&item| !is_end(item));
            assert_eq!(model.get("visit_o") == 1, visit.is_some(), "cycle {cycle}");
            assert_eq!(model.get("end_o") == 1, leaves.is_some_and(is_end), "cycle {cycle}");
            let events = visit.map_or(0, |item| item[2].count_ones() + item[3].count_ones());
            assert_eq!(model.get("events_o"), u64::from(events), "cycle {cycle}");
            if let Some(wanted) = held {
                let names = ["at_end_o", "index_o", "mask_o_0", "mask_o_1"];
                assert_eq!(names.map(|name| model.get(name)), wanted, "cycle {cycle}");
            }
            // Taken in the cycle in which the one before leaves: no cycle is lost.
            let ready = held.is_none() || !hold;
            assert_eq!(model.get("item_ready_o") == 1, ready, "cycle {cycle}");
            if ready {
                held = offered.take();
                passed += u64::from(held.is_some());
            }
            model.tick(1);
        }
        assert!(passed > 1000, "only {passed} items");
    }
}

#[test]
fn the_trace_walker_keeps_the_planes_of_every_word() {
    let rng = &mut generator("the_trace_walker_keeps_the_planes_of_every_word");
    let library = library(TraceWalker::<P>::default());
    for seed in STARTS {
        let mut model = start(&library, seed);
        let density = [0.0, 0.1, 0.5];
        let words: Vec<[u64; 3]> =
            (0..200).map(|i| std::array::from_fn(|_| plane(rng, density[i / 20 % 3]))).collect();
        let backprop = rng.random::<bool>();
        model.set("visits_i", backprop.into());
        let (mut next, mut popped, mut ended) = (0, 0, 0);
        let mut expected = VecDeque::new();
        for cycle in 0..100_000 {
            if popped == words.len() {
                break;
            }
            let offer = next < words.len() && rng.random_bool(0.8);
            model.set("valid_i", offer.into());
            if offer {
                let [spike, code0, code1] = words[next];
                model.set("spike_i", spike);
                model.set("code0_i", code0);
                model.set("code1_i", code1);
                model.set("target_i", next as u64);
                model.set("index_i", next as u64 * LANES);
                model.set("steps_i", 1 + next as u64 % 4);
                model.set("newest_i", next as u64 % 2);
            }
            let take = rng.random_bool(0.8);
            model.set("item_ready_i", take.into());
            // Planes are popped only after the end of their word.
            let pop = popped < ended && rng.random_bool(0.3);
            model.set("pop_i", pop.into());
            model.eval();
            if popped < ended {
                let planes = ["spike_o", "code0_o", "code1_o"].map(|name| model.get(name));
                assert_eq!(planes, words[popped], "cycle {cycle}: planes of word {popped}");
                let tags = ["target_o", "steps_o", "newest_o"].map(|name| model.get(name));
                let word = popped as u64;
                assert_eq!(tags, [word, 1 + word % 4, word % 2], "cycle {cycle}");
            }
            popped += usize::from(pop);
            if let Some(got) = item(&model, &["item_mask_o".to_owned()]) {
                let wanted = expected.front().copied();
                assert_eq!(Some(got), wanted, "cycle {cycle}");
                if take {
                    expected.pop_front();
                    ended += usize::from(got == Item::End);
                }
            }
            if offer && model.get("ready_o") == 1 {
                let [_, code0, code1] = words[next];
                let mask = if backprop { code0 | code1 } else { 0 };
                expected.extend(visits(vec![mask], next as u64 * LANES));
                expected.push_back(Item::End);
                next += 1;
            }
            model.tick(1);
        }
        assert_eq!(popped, words.len(), "every word comes out");
    }
}

#[test]
fn the_tile_loop_skips_tiles_without_a_common_step() {
    let rng = &mut generator("the_tile_loop_skips_tiles_without_a_common_step");
    let library = library(TileLoop::default());
    for seed in STARTS {
        let mut model = start(&library, seed);
        let (tiles, fan_in, base, gates_at) = (rng.random_range(1..6), 37, 1000, 77);
        let nonzero: Vec<u64> =
            (0..64).map(|_| rng.random_range(0..16) & rng.random_range(0..16)).collect();
        model.set("tiles_i", tiles);
        model.set("fan_in_i", fan_in);
        model.set("weight_base_i", base);
        model.set("gate_base_i", gates_at);
        let mut expected: VecDeque<Option<[u64; 5]>> = VecDeque::new();
        let (mut skips, mut wanted_skips, mut seen) = (0, 0, 0);
        let mut visit: Option<(bool, u64, u64, u64, u64)> = None;
        for cycle in 0..6000 {
            if visit.is_none() && cycle < 5900 && rng.random_bool(0.8) {
                let end = rng.random_bool(0.1);
                let lane = rng.random_range(0..LANES);
                let source = rng.random_range(0..64 - tiles);
                visit = Some((end, lane, rng.random_range(0..30), rng.random_range(1..16), source));
            }
            model.set("visit_valid_i", visit.is_some().into());
            if let Some((end, lane, index, mask, source)) = visit {
                model.set("visit_end_i", end.into());
                model.set("visit_lane_i", lane);
                model.set("visit_index_i", index);
                model.set("visit_mask_i", mask);
                model.set("visit_source_i", source);
            }
            let take = rng.random_bool(0.7);
            model.set("item_ready_i", take.into());
            model.eval();
            skips += model.get("skip_o");
            if model.get("item_valid_o") == 1 {
                let got = (model.get("item_end_o") == 0).then(|| {
                    ["item_row_o", "item_mask_o", "item_lane_o", "item_source_o", "item_fresh_o"]
                        .map(|name| model.get(name))
                });
                assert_eq!(Some(&got), expected.front(), "cycle {cycle}");
                if take {
                    expected.pop_front();
                    seen += 1;
                }
            }
            if model.get("visit_ready_o") == 1
                && let Some((end, lane, index, mask, source)) = visit.take()
            {
                if end {
                    expected.push_back(None);
                } else {
                    let mut fresh = 1;
                    for o in 0..tiles {
                        let common = mask & nonzero[(source + o) as usize];
                        if common == 0 {
                            wanted_skips += 1;
                            continue;
                        }
                        expected.push_back(Some([
                            base + o * fan_in + index,
                            common,
                            lane,
                            source + o,
                            fresh,
                        ]));
                        fresh = 0;
                    }
                }
            }
            let read = (model.get("gate_ren_o") == 1).then(|| model.get("gate_addr_o"));
            model.tick(1);
            if let Some(address) = read {
                model.set("gate_i", nonzero[(address - gates_at) as usize]);
            }
        }
        assert!(expected.is_empty(), "{} items are missing", expected.len());
        assert_eq!(skips, wanted_skips, "skipped tiles");
        assert!(seen > 500, "only {seen} items");
    }
}
