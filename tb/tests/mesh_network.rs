//! The mesh: random packets on the RTL against a scoreboard, link by link. 10,000 cases in all.

mod block;

use backspike_arch::{Link, MeshConfig, MeshPort, Routes};
use backspike_hdl::mesh::Network;
use backspike_tb::{Library, LinkPorts, MeshTraffic, Model, Packet};
use block::{catches, generator, library, start};
use rand::{Rng, rngs::StdRng, seq::IndexedRandom};
use std::collections::{BTreeMap, VecDeque};

/// Cycles without a moving flit after which the mesh counts as stuck: sinks are ready in at least one cycle of ten.
const PATIENCE: u32 = 500;

/// What is sent, and how eagerly each node sends and takes.
struct Case {
    /// By source, in order.
    packets: Vec<VecDeque<Packet>>,
    sends: Vec<f64>,
    takes: Vec<f64>,
}

/// Kinds of traffic: any, one hot spot, everyone to everyone, all multicast, everyone to the host, the host to everyone.
const KINDS: usize = 6;

impl Case {
    fn random(rng: &mut StdRng, mesh: &MeshConfig) -> Self {
        let nodes = mesh.nodes();
        let kind = rng.random_range(0..KINDS);
        let hot = rng.random_range(0..nodes);
        let longest = if rng.random() { mesh.buffer } else { 4 };
        let most = rng.random_range(1..=6);
        let pace = |rng: &mut StdRng| *[1.0, 1.0, 0.5, 0.1].choose(rng).expect("a pace");
        let packet =
            |rng: &mut StdRng, to: u64| Packet { nodes: to, flits: rng.random_range(1..=longest) };
        let packets = (0..nodes).map(|source| {
            let count = rng.random_range(0..=most);
            let mut packets: VecDeque<Packet> = (0..count)
                .map(|_| {
                    let to = match kind {
                        1 => 1 << hot,
                        3 => rng.random::<u64>(),
                        4 => 1 << mesh.host(),
                        _ if rng.random_bool(0.2) => rng.random::<u64>() & rng.random::<u64>(),
                        _ => 1 << rng.random_range(0..nodes),
                    };
                    packet(rng, to & (u64::MAX >> (64 - nodes)))
                })
                .collect();
            if kind == 2 {
                packets.extend((0..nodes).map(|to| packet(rng, 1 << to)));
            }
            if kind == 5 && source == mesh.host() {
                packets.extend((0..nodes).map(|_| packet(rng, (1 << nodes) - 1)));
            }
            packets
        });
        let packets = packets.collect();
        let paces = [(); 2].map(|()| (0..nodes).map(|_| pace(rng)).collect());
        let [sends, takes] = paces;
        Self { packets, sends, takes }
    }
}

/// What a flit after the head says of itself: source, packet, place in the packet. 24 bits.
fn tag(source: usize, packet: usize, flit: usize) -> u64 {
    (source << 16 | packet << 8 | flit) as u64
}

/// A node that takes packets.
#[derive(Default)]
struct Sink {
    /// Flits of the packet that arrives.
    packet: Vec<u64>,
    /// Packets that came, by source, in order; those of one flit do not say whose they are.
    came: BTreeMap<usize, Vec<usize>>,
    heads: usize,
    /// What waited in the cycle before.
    waits: Option<(u64, u64)>,
    stalls: u64,
    flits: u64,
}

impl Sink {
    fn take(&mut self, node: usize, data: u64, last: bool, lengths: &[Vec<usize>]) {
        self.flits += 1;
        self.packet.push(data);
        if !last {
            return;
        }
        let packet = std::mem::take(&mut self.packet);
        assert_eq!(packet[0], 1 << node, "the head at node {node}, expected its own bit");
        let Some(&first) = packet.get(1) else {
            self.heads += 1;
            return;
        };
        let (source, number) = ((first >> 16) as usize, (first >> 8 & 0xff) as usize);
        let expected: Vec<u64> =
            (1..lengths[source][number]).map(|flit| tag(source, number, flit)).collect();
        assert_eq!(
            packet[1..],
            expected,
            "packet {number} of {source} at node {node}, expected whole"
        );
        self.came.entry(source).or_default().push(number);
    }
}

fn run(
    model: &mut Model,
    ports: &[LinkPorts],
    mesh: &MeshConfig,
    case: &Case,
    rng: &mut StdRng,
) -> u64 {
    let nodes = mesh.nodes();
    let lengths: Vec<Vec<usize>> = (case.packets.iter())
        .map(|packets| packets.iter().map(|packet| packet.flits).collect())
        .collect();
    let mut sinks: Vec<Sink> = (0..nodes).map(|_| Sink::default()).collect();
    // Packet and flit that each source sends next, and whether it is offered.
    let mut next = vec![(0, 0, false); nodes];
    let copies = |packet: &Packet| packet.nodes.count_ones() as usize * packet.flits;
    let mut left: usize = case.packets.iter().flatten().map(copies).sum();
    let unsent = |next: &[(usize, usize, bool)]| {
        next.iter().zip(&case.packets).any(|((packet, ..), packets)| *packet < packets.len())
    };
    let (mut quiet, mut cycles) = (0, 0);
    model.set("reset", 1);
    model.tick(2);
    model.set("reset", 0);
    while left > 0 || unsent(&next) || cycles < 10 {
        for (source, (packet, flit, offered)) in next.iter_mut().enumerate() {
            let present = case.packets[source].get(*packet);
            *offered |= present.is_some() && rng.random_bool(case.sends[source]);
            model.write(ports[source].valid_i, u64::from(*offered));
            if let Some(present) = present {
                let data = if *flit == 0 { present.nodes } else { tag(source, *packet, *flit) };
                model.write(ports[source].data_i, data);
                model.write(ports[source].last_i, u64::from(*flit + 1 == present.flits));
            }
            model.write(ports[source].ready_i, u64::from(rng.random_bool(case.takes[source])));
        }
        model.eval();
        quiet += 1;
        for node in 0..nodes {
            let (packet, flit, offered) = &mut next[node];
            if *offered && model.read(ports[node].ready_o) == 1 {
                quiet = 0;
                *offered = false;
                *flit += 1;
                if *flit == case.packets[node][*packet].flits {
                    (*packet, *flit) = (*packet + 1, 0);
                }
            }
            let valid = model.read(ports[node].valid_o) == 1;
            let now = (model.read(ports[node].data_o), model.read(ports[node].last_o));
            let sink = &mut sinks[node];
            if let Some(before) = sink.waits.take() {
                assert!(
                    valid && now == before,
                    "node {node}: expected the flit that waits to stay"
                );
            }
            if valid && model.read(ports[node].ready_i) == 1 {
                quiet = 0;
                assert!(left > 0, "node {node}: expected nothing more");
                left -= 1;
                sink.take(node, now.0, now.1 == 1, &lengths);
            } else if valid {
                sink.waits = Some(now);
                sink.stalls += 1;
            }
        }
        assert!(quiet < PATIENCE, "nothing moves, {left} flits expected");
        model.tick(1);
        cycles += 1;
    }
    for (node, sink) in sinks.iter().enumerate() {
        assert!(
            sink.packet.is_empty() && sink.waits.is_none(),
            "node {node}: expected whole packets"
        );
        let mut heads = 0;
        for (source, packets) in case.packets.iter().enumerate() {
            let here = |(_, packet): &(usize, &Packet)| packet.nodes >> node & 1 == 1;
            let (alone, long): (Vec<_>, Vec<_>) =
                packets.iter().enumerate().filter(here).partition(|(_, packet)| packet.flits == 1);
            heads += alone.len();
            let expected: Vec<usize> = long.into_iter().map(|(number, _)| number).collect();
            let came = sink.came.get(&source).cloned().unwrap_or_default();
            assert_eq!(
                came, expected,
                "packets of {source} at node {node}, expected once each, in order"
            );
        }
        assert_eq!(sink.heads, heads, "packets of one flit at node {node}, expected once each");
    }
    check_counters(model, mesh, case, &sinks);
    cycles
}

/// Every link's flits are those of the packets whose routes hold it.
fn check_counters(model: &mut Model, mesh: &MeshConfig, case: &Case, sinks: &[Sink]) {
    let routes = Routes::new(mesh);
    let mut expected: BTreeMap<Link, usize> = BTreeMap::new();
    for (source, packets) in case.packets.iter().enumerate() {
        for packet in packets {
            for link in routes.links(source, packet.nodes) {
                *expected.entry(link).or_default() += packet.flits;
            }
        }
    }
    for router in 0..mesh.cores() {
        model.set("router_i", router as u64);
        let mut count = |index: usize| {
            model.set("index_i", index as u64);
            model.eval();
            model.get("count_o")
        };
        for port in MeshPort::ALL {
            let link = Link { router, port };
            let flits = expected.get(&link).copied().unwrap_or(0) as u64;
            assert_eq!(count(port as usize), flits, "{link:?}: flits, expected by the routes");
            let node = match (port, router) {
                (MeshPort::Local, _) => Some(router),
                (MeshPort::West, 0) => Some(mesh.host()),
                _ => None,
            };
            if let Some(node) = node {
                assert_eq!(
                    count(5 + port as usize),
                    sinks[node].stalls,
                    "{link:?}: stalls expected"
                );
                assert_eq!(flits, sinks[node].flits, "{link:?}: flits expected");
            }
            let peak = count(10 + port as usize);
            assert!(
                peak <= mesh.buffer as u64,
                "{link:?}: {peak} flits held, expected no more than fit"
            );
        }
    }
}

/// `cases` of random traffic on `mesh`, of which every fiftieth starts from other random bits.
fn cases<const F: usize>(mesh: &MeshConfig, cases: usize) {
    mesh.validate().unwrap();
    assert_eq!(mesh.flit, F);
    let rng = &mut generator(&format!("{} x {} cores", mesh.width, mesh.height));
    traffic(&library(Network::<F>::new(mesh)), mesh, cases, rng);
}

fn traffic(library: &Library, mesh: &MeshConfig, cases: usize, rng: &mut StdRng) {
    let mut cycles = 0;
    let mut model = start(library, rng.random());
    let ports: Vec<LinkPorts> =
        (0..mesh.nodes()).map(|node| LinkPorts::of_node(&model, node)).collect();
    for number in 0..cases {
        if number % 50 == 49 {
            model = start(library, rng.random());
        }
        let case = Case::random(rng, mesh);
        cycles += run(&mut model, &ports, mesh, &case, rng);
    }
    println!("{cases} cases in {cycles} cycles");
}

#[test]
fn twenty_cores_lose_and_repeat_nothing() {
    cases::<64>(&MeshConfig::new(4, 5), 1_000);
}

#[test]
fn four_cores_lose_and_repeat_nothing() {
    cases::<32>(&MeshConfig { buffer: 16, flit: 32, ..MeshConfig::new(2, 2) }, 4_000);
}

#[test]
fn rows_and_columns_and_single_cores_lose_and_repeat_nothing() {
    cases::<32>(&MeshConfig { buffer: 4, flit: 32, ..MeshConfig::new(5, 1) }, 1_500);
    cases::<32>(&MeshConfig { buffer: 8, flit: 32, ..MeshConfig::new(1, 3) }, 1_500);
    cases::<32>(&MeshConfig { buffer: 64, flit: 32, ..MeshConfig::new(1, 1) }, 1_000);
}

#[test]
fn short_buffers_of_wide_flits_lose_and_repeat_nothing() {
    cases::<64>(&MeshConfig { buffer: 4, ..MeshConfig::new(3, 3) }, 1_000);
}

#[test]
fn mutations_of_the_mesh_are_caught() {
    let mesh = MeshConfig { buffer: 4, flit: 32, ..MeshConfig::new(2, 2) };
    for (from, to) in [
        // A packet forgets its other ports.
        ("if (keep_i & lasts_rdata_o) begin", "if (1'b0) begin"),
        // An output gives its link to the next input before a packet ends.
        (
            "if (valid) begin\n      owner_d = chosen;",
            "if (valid & !ready_i) begin\n      owner_d = chosen;",
        ),
        // A place is given away although a packet is read again.
        ("if (!keep_i) begin", "if (1'b1) begin"),
        // A router's clock stops although a flit waits at its core's port.
        ("valid_i_4 | (|input_4_held_o)", "valid_i_4"),
    ] {
        let rng = &mut generator("mutations_of_the_mesh_are_caught");
        catches(Network::<32>::new(&mesh), from, to, |library| traffic(library, &mesh, 50, rng));
    }
}

#[test]
fn packets_that_do_not_meet_take_their_flits_and_two_cycles_a_router() {
    let mesh = MeshConfig::new(3, 2);
    let traffic = MeshTraffic::new(&mesh).unwrap();
    let time = |source: usize, packets: Vec<Packet>| {
        let mut all = vec![Vec::new(); mesh.nodes()];
        all[source] = packets;
        traffic.drain(&all).unwrap()
    };
    // From corner to corner: 4 routers.
    assert_eq!(time(0, vec![Packet { nodes: 1 << 5, flits: 10 }]), 10 + 2 * 4);
    // The same again behind it, without a gap.
    assert_eq!(time(0, vec![Packet { nodes: 1 << 5, flits: 10 }; 3]), 30 + 2 * 4);
    // To itself and to its neighbour east: the second reading is behind the first.
    assert_eq!(time(0, vec![Packet { nodes: 3, flits: 10 }]), 20 + 2);
    let long = Packet { nodes: 1, flits: mesh.buffer + 1 };
    assert!(traffic.drain(&vec![vec![long]; 7]).is_err());
}
