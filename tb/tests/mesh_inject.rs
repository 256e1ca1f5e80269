//! From a core to the mesh: the packets that pushes become, against a model in the test.

mod block;

use std::collections::VecDeque;

use backspike_arch::mesh::PACKET_WORDS;
use backspike_hdl::mesh::Inject;
use backspike_tb::Library;
use block::{STARTS, catches, generator, library, start};
use rand::{Rng, rngs::StdRng};

const NODE: u64 = 3;
const HOST: u64 = 1 << 20;

/// Words of a row: `address` of the first, all of them, whether the PUSH ends with them.
struct Row {
    nodes: u64,
    address: u64,
    words: Vec<u64>,
    ends: bool,
}

/// Flits with whether each is its packet's last.
fn packets(row: &Row) -> Vec<(u64, bool)> {
    let mut flits = Vec::new();
    let groups = row.words.chunks(PACKET_WORDS as usize);
    let last = groups.len() - 1;
    for (group, words) in groups.enumerate() {
        let head = if row.nodes == 0 { HOST } else { row.nodes };
        let address = row.address + group as u64 * u64::from(PACKET_WORDS);
        let mut packet = [&[head, address], words].concat();
        if row.nodes == 0 {
            packet.push(NODE | u64::from(row.ends && group == last) << 31);
        }
        let length = packet.len();
        flits.extend(packet.into_iter().enumerate().map(|(n, flit)| (flit, n + 1 == length)));
    }
    flits
}

fn bench(library: &Library, rng: &mut StdRng) {
    for seed in STARTS {
        let mut model = start(library, seed);
        model.set("node_i", NODE);
        model.set("host_i", HOST);
        let mut expected: VecDeque<(u64, bool)> = VecDeque::new();
        let mut row: Option<(Row, usize)> = None;
        // A row is read and caught before its first word shows.
        let mut rest = 0;
        let mut held = None;
        let (mut kinds, mut taken) = ([0; 2], 0);
        for cycle in 0..20_000 {
            if row.is_none() && rest == 0 && rng.random_bool(0.5) {
                let nodes = if rng.random() { 0 } else { rng.random_range(1..HOST) };
                let length = [1, 2, 3, 4, 8, 16][rng.random_range(0..6)];
                let next = Row {
                    nodes,
                    address: u64::from(rng.random::<u32>()) & !31,
                    words: (0..length).map(|_| rng.random::<u32>().into()).collect(),
                    ends: rng.random(),
                };
                kinds[usize::from(nodes == 0)] += 1;
                expected.extend(packets(&next));
                row = Some((next, 0));
            }
            rest = usize::saturating_sub(rest, 1);
            model.set("push_valid_i", row.is_some().into());
            if let Some((row, at)) = &row {
                model.set("push_addr_i", row.address + *at as u64);
                model.set("push_data_i", row.words[*at]);
                model.set("push_last_i", (row.ends && at + 1 == row.words.len()).into());
                model.set("push_nodes_i", row.nodes);
            }
            let ready = rng.random_bool(if cycle / 1000 % 2 == 0 { 0.9 } else { 0.3 });
            model.set("ready_i", ready.into());
            model.eval();
            let flit = (model.get("data_o"), model.get("last_o") == 1);
            let valid = model.get("valid_o") == 1;
            if let Some(held) = held {
                assert!(valid && held == flit, "cycle {cycle}: expected a refused flit to stay");
            }
            held = (valid && !ready).then_some(flit);
            if valid && ready {
                let wanted = expected.pop_front();
                assert!(wanted == Some(flit), "cycle {cycle}: {flit:x?}, expected {wanted:x?}");
                taken += 1;
            }
            let accepted = model.get("push_ready_o") == 1;
            model.tick(1);
            if let Some((current, at)) = row.as_mut().filter(|_| accepted) {
                *at += 1;
                if *at == current.words.len() {
                    row = None;
                    rest = 2;
                }
            }
        }
        assert!(kinds.iter().all(|kind| *kind > 200) && taken > 5000, "{kinds:?}, {taken} flits");
    }
}

#[test]
fn pushes_become_packets() {
    let rng = &mut generator("pushes_become_packets");
    bench(&library(Inject::<32>::default()), rng);
}

#[test]
fn mutations_of_the_packets_are_caught() {
    let rng = &mut generator("mutations_of_the_packets_are_caught");
    // A packet to cores has a trailer too.
    let end = "if (leaves & (to_cores & (!follows)))";
    catches(Inject::<32>::default(), end, "if (1'b0)", |library| bench(library, rng));
}
