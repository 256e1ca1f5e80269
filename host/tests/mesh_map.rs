//! Networks on meshes: partition, demand, placement and what they cost.

mod common;

use backspike::mesh::{
    Annealing, End, Flow, FlowKind, LayerWork, PLACERS, PlacementProblem, Placer, Share, Traffic,
    busiest_end, compile_mesh, demand, divisions, in_order, packets, partition, words_taken,
};
use backspike::network::Network;
use backspike_arch::{ArchConfig, Link, MeshConfig, MeshPort, Routes};
use backspike_tb::Packet;
use common::{generator, layered};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// `small` with layers of these sizes, and work at random.
fn network(
    rng: &mut ChaCha8Rng,
    config: &ArchConfig,
    neurons: &[usize],
) -> (Network, Vec<LayerWork>) {
    let network = layered(neurons);
    let work = (0..network.layers.len())
        .map(|l| LayerWork {
            fan_in: network.fan_in(l),
            neurons: network.layers[l].neurons,
            tiles: config.tiles(network.layers[l].neurons),
            forward: rng.random_range(1.0..1000.0),
            backward: if l == 0 { 0.0 } else { rng.random_range(1.0..1000.0) },
            gradient: rng.random_range(1.0..1000.0),
        })
        .collect();
    (network, work)
}

/// A layer and its tile.
type Tile = (usize, usize);

/// The least that the busiest core of any division of `tiles` into runs has to do: all of them are tried. `load` is that of a core with a run.
fn least(tiles: &[Tile], cores: usize, load: &dyn Fn(&[Tile]) -> f64) -> f64 {
    if cores == 0 {
        return if tiles.is_empty() { 0.0 } else { f64::INFINITY };
    }
    let mut best = least(tiles, cores - 1, load);
    for n in 1..=tiles.len() {
        best = best.min(load(&tiles[..n]).max(least(&tiles[n..], cores - 1, load)));
    }
    best
}

#[test]
fn every_tile_is_on_one_core_and_no_division_into_runs_is_better() {
    let rng = &mut generator(1);
    let config = ArchConfig::tiny();
    for _ in 0..20 {
        let neurons: Vec<usize> =
            (0..rng.random_range(1..4)).map(|_| rng.random_range(1..30)).collect();
        let (network, work) = network(rng, &config, &neurons);
        let cores = rng.random_range(1..5);
        let tiles = in_order(&work);
        let plan = partition(&network, &config, &work, cores, &tiles).unwrap();
        assert!(plan.cores.len() <= cores);
        let held = plan.cores.iter().flat_map(|core| &core.shares);
        let held: Vec<Tile> = held
            .flat_map(|share| (0..share.tiles).map(|tile| (share.layer, share.first_tile + tile)))
            .collect();
        assert_eq!(held, tiles);
        let load = |run: &[Tile]| {
            let mut sum = [0.0; 3];
            let mut shares: Vec<Share> = Vec::new();
            for &(layer, first_tile) in run {
                let of = &work[layer];
                for (sum, cycles) in sum.iter_mut().zip([of.forward, of.backward, of.gradient]) {
                    *sum += cycles / of.tiles as f64;
                }
                match shares.last_mut().filter(|share| share.layer == layer) {
                    Some(share) => share.tiles += 1,
                    None => shares.push(Share { layer, first_tile, tiles: 1 }),
                }
            }
            let words = words_taken(&network, &config, &shares) as f64;
            sum.into_iter().fold(words, f64::max)
        };
        let best = least(&tiles, cores, &load);
        assert!((plan.busiest() / best - 1.0).abs() < 1e-6, "{} against {best}", plan.busiest());
        assert!(plan.speedup() <= cores as f64 * (1.0 + 1e-9));
    }
}

#[test]
fn every_division_has_every_tile_once() {
    let rng = &mut generator(8);
    let config = ArchConfig::tiny();
    for _ in 0..20 {
        let neurons: Vec<usize> =
            (0..rng.random_range(1..6)).map(|_| rng.random_range(1..60)).collect();
        let (network, work) = network(rng, &config, &neurons);
        let cores = rng.random_range(2..9);
        let found = divisions(&network, &config, &work, cores).unwrap().concat();
        assert!(found.iter().any(|plan| plan.sharing() > 1) || cores <= work.len());
        for plan in found {
            assert!(plan.cores.len() <= cores);
            let shares = plan.cores.iter().flat_map(|core| &core.shares);
            let mut held: Vec<Tile> = shares
                .flat_map(|share| (0..share.tiles).map(|n| (share.layer, share.first_tile + n)))
                .collect();
            held.sort_unstable();
            assert_eq!(held, in_order(&work));
            for core in &plan.cores {
                assert!(core.shares.is_sorted_by(|a, b| a.layer < b.layer), "{core:?}");
            }
        }
    }
}

#[test]
fn what_no_division_holds_is_listed_with_its_remedy() {
    let rng = &mut generator(2);
    let config = ArchConfig { weights: 64, slot_neuron_steps: 128, ..ArchConfig::nano() };
    let (mut network, work) = network(rng, &config, &[60, 60]);
    network.steps = 20;
    let problems = divisions(&network, &config, &work, 2).unwrap_err();
    let all = problems.sentences().join("\n");
    for part in [
        "of weights",
        "weights = ",
        "of spikes and traces of a slot",
        "slot_neuron_steps = ",
        "20 of time steps",
    ] {
        assert!(all.contains(part), "{part}: {all}");
    }
    // The first remedy is true: with all that is asked for it fits.
    let roomy = ArchConfig {
        weights: 1 << 13,
        slot_neuron_steps: 1 << 12,
        slot_error_steps: 1 << 12,
        max_steps: 32,
        ..config
    };
    divisions(&network, &roomy, &work, 2).unwrap();
}

#[test]
fn cores_that_no_mesh_takes_are_refused() {
    let rng = &mut generator(7);
    let config = ArchConfig { gradient_slots: 4, ..ArchConfig::mesh().with_lanes(32) };
    let (network, work) = network(rng, &config, &[40]);
    let plan = partition(&network, &config, &work, 1, &in_order(&work)).unwrap();
    let problems = compile_mesh(&network, &config, &plan, &MeshConfig::new(1, 1), &[0]);
    let all = problems.unwrap_err().sentences().join("\n");
    for part in ["Cores of 32 lanes", "has gradient_slots = 4: set it to 1"] {
        assert!(all.contains(part), "{part}: {all}");
    }
}

#[test]
fn storage_decides_where_cores_are_full() {
    let rng = &mut generator(3);
    let (network, mut work) = network(rng, &ArchConfig::nano(), &[64]);
    // Nearly all work is in one tile's layer, so balance alone would put all of layer 0 on one core.
    work[0].forward = 1.0;
    (work[0].gradient, work[1].forward) = (1.0, 1000.0);
    // 16 inputs x 64 neurons are 1,024 weights, twice what a core has.
    let config = ArchConfig { weights: 512, ..ArchConfig::nano() };
    let plan = partition(&network, &config, &work, 4, &in_order(&work)).unwrap();
    for core in &plan.cores {
        let rows: usize =
            core.shares.iter().map(|share| network.fan_in(share.layer) * share.tiles).sum();
        assert!(rows * config.lanes <= 512, "{core:?}");
    }
}

#[test]
fn one_core_talks_to_the_host_only_and_two_exchange_spikes_and_errors() {
    let rng = &mut generator(4);
    // 4 lanes, 6 steps: 2 blocks; 16 inputs, 12 hidden neurons, 4 outputs are 4, 3 and 1 tiles. A plane word is one word.
    let config = ArchConfig::nano();
    let (network, work) = network(rng, &config, &[12]);
    let mesh = MeshConfig { flit: 32, ..MeshConfig::new(2, 1) };
    let alone = partition(&network, &config, &work, 1, &in_order(&work)).unwrap();
    let flows = demand(&network, &config, &mesh, &alone);
    assert!(flows.iter().all(|flow| flow.kind == FlowKind::Host), "{flows:?}");
    // Input: 4 tiles x 2 blocks of head, address and a word.
    assert_eq!(flows[0].flits, 24.0);

    let share = |layer, tiles| Share { layer, first_tile: 0, tiles };
    let mut split = alone.clone();
    split.cores[0].shares = vec![share(0, 3)];
    split.cores.push(backspike::mesh::CorePlan { shares: vec![share(1, 1)], ..Default::default() });
    let flows = demand(&network, &config, &mesh, &split);
    let of = |kind| flows.iter().filter(|flow| flow.kind == kind).collect::<Vec<_>>();
    let [spikes] = of(FlowKind::Spikes)[..] else { panic!("{flows:?}") };
    assert_eq!(
        (spikes.from, &spikes.to[..], spikes.flits),
        (End::Core(0), &[End::Core(1)][..], 6.0 * 3.0)
    );
    let [errors] = of(FlowKind::Errors)[..] else { panic!("{flows:?}") };
    assert_eq!(
        (errors.from, &errors.to[..], errors.flits),
        (End::Core(1), &[End::Core(0)][..], 8.0 * 4.0 + 2.0 * 3.0)
    );
    // A row of two words for each hidden neuron, once in a batch of 10.
    let [weights] = of(FlowKind::Weights)[..] else { panic!("{flows:?}") };
    assert_eq!(
        (weights.from, &weights.to[..], weights.flits),
        (End::Core(1), &[End::Core(0)][..], 12.0 * 4.0 / 10.0)
    );
    // Flits of two items: a head, address and first word, the second word.
    let wide = demand(&network, &config, &MeshConfig::new(2, 1), &split);
    let weights = wide.iter().find(|flow| flow.kind == FlowKind::Weights).unwrap();
    assert_eq!(weights.flits, 12.0 * 3.0 / 10.0);
}

#[test]
fn packets_carry_every_flit_of_their_flows() {
    let mesh = MeshConfig { flit: 32, ..MeshConfig::new(2, 1) };
    let flow =
        |from, to: &[End], flits| Flow { kind: FlowKind::Spikes, from, to: to.to_vec(), flits };
    let flows = [
        flow(End::Core(0), &[End::Core(1), End::Host], 24.5),
        flow(End::Core(0), &[End::Core(1)], 3.0),
        flow(End::Host, &[End::Core(0)], 7.0),
    ];
    // Core 0 sits on node 1, core 1 on node 0; the host is node 2.
    let found = packets(&flows, &mesh, &[1, 0]);
    let of = |nodes, flits| Packet { nodes, flits };
    assert_eq!(found[1], [of(0b101, 10), of(0b001, 3), of(0b101, 10), of(0b101, 5)]);
    assert_eq!((&found[0][..], &found[2][..]), (&[][..], &[of(0b010, 7)][..]));
    assert_eq!(busiest_end(&flows), 27.5);
}

fn flows(rng: &mut ChaCha8Rng, cores: usize) -> Vec<Flow> {
    let end = |rng: &mut ChaCha8Rng| match rng.random_range(0..=cores) {
        core if core < cores => End::Core(core),
        _ => End::Host,
    };
    (0..3 * cores)
        .map(|_| {
            let kind = FlowKind::ALL[rng.random_range(0..4)];
            let to = (0..rng.random_range(1..4)).map(|_| end(rng)).collect();
            Flow { kind, from: end(rng), to, flits: f64::from(rng.random_range(1..100u32)) }
        })
        .collect()
}

#[test]
fn traffic_is_that_of_the_routes() {
    let rng = &mut generator(5);
    let mesh = MeshConfig::new(3, 4);
    let routes = Routes::new(&mesh);
    let flows = flows(rng, 12);
    let nodes: Vec<usize> = (0..12).map(|core| (core * 5 + 3) % 12).collect();
    let node = |end: &End| match end {
        End::Core(core) => nodes[*core],
        End::Host => mesh.host(),
    };
    let traffic = Traffic::new(&flows, &routes, &nodes);
    let mut sum = 0.0;
    for router in 0..mesh.cores() {
        for port in MeshPort::ALL {
            let link = Link { router, port };
            let expected: f64 = (flows.iter())
                .filter(|flow| {
                    let to = flow.to.iter().fold(0, |set, end| set | 1 << node(end));
                    routes.links(node(&flow.from), to).contains(&link)
                })
                .map(|flow| flow.flits)
                .sum();
            assert_eq!(traffic.flits(link).iter().sum::<f64>(), expected, "{link:?}");
            sum += if port == MeshPort::Local { 0.0 } else { expected };
        }
    }
    let cost = traffic.cost(2.0);
    assert_eq!(cost.hops(), sum);
    assert_eq!(cost.total, sum + 2.0 * cost.hottest);
}

#[test]
fn placers_give_every_core_a_node_and_annealing_is_never_worse_than_its_start() {
    let rng = &mut generator(6);
    for (width, height) in [(1, 1), (4, 5), (5, 1), (3, 3)] {
        let mesh = MeshConfig::new(width, height);
        let routes = Routes::new(&mesh);
        let cores = mesh.cores() - usize::from(mesh.cores() > 4);
        let flows = flows(rng, cores);
        let problem =
            PlacementProblem { cores, flows: &flows, routes: &routes, hottest: 8.0, seed: 3 };
        let mut totals = Vec::new();
        for placer in PLACERS {
            let nodes = placer.place(&problem);
            assert_eq!(nodes, placer.place(&problem), "{} twice", placer.name());
            let mut sorted = nodes.clone();
            sorted.sort_unstable();
            sorted.dedup();
            assert!(
                sorted.len() == cores && sorted.last() < Some(&mesh.cores()),
                "{}",
                placer.name()
            );
            totals.push(problem.cost(&nodes).total);
        }
        let annealed = totals[totals.len() - 1];
        assert!(totals.iter().all(|total| annealed <= *total), "{width} x {height}: {totals:?}");
    }
}

/// All orders of `rest` behind `nodes`.
fn permutations(nodes: &mut Vec<usize>, rest: &mut Vec<usize>, see: &mut dyn FnMut(&[usize])) {
    if rest.is_empty() {
        see(nodes);
    }
    for index in 0..rest.len() {
        let node = rest.remove(index);
        nodes.push(node);
        permutations(nodes, rest, see);
        nodes.pop();
        rest.insert(index, node);
    }
}

#[test]
fn annealing_finds_the_best_of_all_placements_on_six_cores() {
    let rng = &mut generator(7);
    let mesh = MeshConfig::new(3, 2);
    let routes = Routes::new(&mesh);
    for seed in 0..5 {
        let flows = flows(rng, 6);
        let problem =
            PlacementProblem { cores: 6, flows: &flows, routes: &routes, hottest: 8.0, seed };
        let mut best = f64::INFINITY;
        permutations(&mut Vec::new(), &mut (0..6).collect(), &mut |nodes| {
            best = best.min(problem.cost(nodes).total);
        });
        let found = problem.cost(&Annealing { steps: 40_000 }.place(&problem)).total;
        assert_eq!(found, best);
    }
}
