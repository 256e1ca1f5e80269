//! The ends of a network whose flits carry two items: from items to flits and back, against the format in `arch`.

mod block;

use std::collections::VecDeque;
use std::fmt::Debug;

use backspike_arch::MeshConfig;
use backspike_hdl::mesh::{Pack, Unpack};
use backspike_tb::{Library, Model};
use block::{STARTS, catches, generator, library, start};
use rand::{Rng, rngs::StdRng};

/// A packet of 1 to 8 words, with a trailer or without.
struct Packet {
    head: u64,
    /// Address, words, trailer.
    items: Vec<u32>,
}

impl Packet {
    fn random(rng: &mut StdRng) -> Packet {
        let address = rng.random::<u32>() & 0xf1ff_fff8;
        let words = rng.random_range(1..=9);
        let items = std::iter::once(address).chain((0..words).map(|_| rng.random())).collect();
        Packet { head: rng.random(), items }
    }

    fn flits(&self) -> Vec<(u64, bool)> {
        let flits = MeshConfig::new(1, 1).flits_of(self.head, &self.items);
        let last = flits.len() - 1;
        flits.into_iter().enumerate().map(|(n, flit)| (flit, n == last)).collect()
    }
}

/// What is offered to `model` at a port, `offers`, becomes what it gives at another, `wanted` one by one, however both stall.
fn stream<T: PartialEq + Debug>(
    model: &mut Model,
    rng: &mut StdRng,
    mut next: impl FnMut(&mut StdRng) -> (Vec<(u64, bool)>, Vec<T>),
    ready_i: &str,
    shown: impl Fn(&Model) -> Option<T>,
) {
    let mut offers: VecDeque<(u64, bool)> = VecDeque::new();
    let mut wanted: VecDeque<T> = VecDeque::new();
    let (mut held, mut taken) = (None, 0);
    let mut offering = false;
    for cycle in 0..20_000 {
        if offers.is_empty() {
            let (flits, expected) = next(rng);
            offers.extend(flits);
            wanted.extend(expected);
        }
        let [offer, ready] = [[0.9, 0.3], [0.3, 0.9], [1.0, 1.0]][cycle / 500 % 3];
        offering |= rng.random_bool(offer);
        let ready = rng.random_bool(ready);
        let (data, last) = offers[0];
        model.set("valid_i", offering.into());
        model.set("data_i", data);
        model.set("last_i", last.into());
        model.set(ready_i, ready.into());
        model.eval();
        let given = shown(model);
        if let Some(held) = &held {
            assert!(given.as_ref() == Some(held), "cycle {cycle}: expected {held:x?} to stay");
        }
        if ready && given.is_some() {
            let wanted = wanted.pop_front();
            assert!(given == wanted, "cycle {cycle}: {given:x?}, expected {wanted:x?}");
            taken += 1;
        }
        held = given.filter(|_| !ready);
        let accepted = offering && model.get("ready_o") == 1;
        model.tick(1);
        if accepted {
            offers.pop_front();
            offering = false;
        }
    }
    assert!(taken > 4_000, "{taken} in 20,000 cycles");
}

fn packs(library: &Library, rng: &mut StdRng) {
    for seed in STARTS {
        let next = |rng: &mut StdRng| {
            let packet = Packet::random(rng);
            let last = packet.items.len() - 1;
            let items = packet.items.iter().enumerate();
            let items = items.map(|(n, item)| (u64::from(*item), n == last));
            (std::iter::once((packet.head, false)).chain(items).collect(), packet.flits())
        };
        stream(&mut start(library, seed), rng, next, "ready_i", |model| {
            (model.get("valid_o") == 1).then(|| (model.get("data_o"), model.get("last_o") == 1))
        });
    }
}

fn unpacks(library: &Library, rng: &mut StdRng) {
    for seed in STARTS {
        let next = |rng: &mut StdRng| {
            let packet = Packet::random(rng);
            let address = packet.items[0];
            let last = packet.items.len() - 2;
            let words = packet.items[1..].iter().enumerate();
            let words =
                words.map(|(n, word)| (u64::from(address) + n as u64, u64::from(*word), n == last));
            (packet.flits(), words.collect())
        };
        stream(&mut start(library, seed), rng, next, "word_ready_i", |model| {
            let word = || (model.get("addr_o"), model.get("data_o"), model.get("word_last_o") == 1);
            (model.get("word_valid_o") == 1).then(word)
        });
    }
}

#[test]
fn items_become_flits() {
    let rng = &mut generator("items_become_flits");
    packs(&library(Pack::<64>::default()), rng);
}

#[test]
fn flits_become_words() {
    let rng = &mut generator("flits_become_words");
    unpacks(&library(Unpack::<64>::default()), rng);
}

#[test]
fn mutations_of_the_ends_are_caught() {
    let rng = &mut generator("mutations_of_the_ends_are_caught");
    // A packet that comes may overwrite one that leaves.
    let pack = Pack::<64>::default();
    catches(pack, "accept = valid_i & ready", "accept = valid_i", |library| packs(library, rng));
    // The last flit always has two items.
    let unpack = Unpack::<64>::default();
    catches(unpack, "buffer_last_o & odd_q", "1'b0", |library| unpacks(library, rng));
}
