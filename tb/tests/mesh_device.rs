//! Cores on a mesh: each in lockstep with an emulator of its own, through the network; all at once; by multicast.

use backspike_arch::{ArchConfig, HostAddress, Link, MeshConfig, MeshPort, Region};
use backspike_emulator::EmulatedMesh;
use backspike_hdl::mesh::mesh_design;
use backspike_tb::step::train_in_lockstep;
use backspike_tb::{MeshLibrary, Optimize, RtlMesh, lint};

fn seed() -> u64 {
    let seed = std::env::var("BACKSPIKE_SEED").map_or(2, |seed| seed.parse().unwrap());
    println!("BACKSPIKE_SEED={seed}");
    seed
}

fn library(config: &ArchConfig, width: usize, height: usize) -> (MeshConfig, MeshLibrary) {
    let mesh = MeshConfig::new(width, height);
    let library = MeshLibrary::new(config, &mesh, Optimize::Quick);
    (mesh, library.unwrap_or_else(|error| panic!("{error}")))
}

/// A training step of a random network on core `core`, everything compared with the same core of an emulated mesh.
fn train(mesh: &RtlMesh, reference: &EmulatedMesh, core: usize, config: &ArchConfig, seed: u64) {
    train_in_lockstep(seed, config, &mut reference.core(core), &mut mesh.core(core))
        .unwrap_or_else(|error| panic!("core {core}: {error}"));
}

#[test]
fn cores_train_in_lockstep_one_after_the_other_and_all_at_once() {
    let config = ArchConfig::nano();
    let design = mesh_design(&config, &MeshConfig::new(2, 2)).unwrap();
    let messages = lint(design.top(), &design.to_single_file()).unwrap();
    assert!(messages.is_empty(), "{}", messages.join("\n"));

    let (shape, library) = library(&config, 2, 2);
    let seed = seed();
    let mesh = library.mesh(seed);
    let reference = EmulatedMesh::new(&config, &shape).unwrap();
    for core in 0..shape.cores() {
        train(&mesh, &reference, core, &config, seed + core as u64);
    }
    check_links(&mesh, &reference, &shape);

    let mesh = library.mesh(seed + 1);
    let reference = EmulatedMesh::new(&config, &shape).unwrap();
    std::thread::scope(|scope| {
        for core in 0..shape.cores() {
            let (mesh, reference, config) = (&mesh, &reference, &config);
            scope.spawn(move || train(mesh, reference, core, config, seed + 10 + core as u64));
        }
    });
    check_links(&mesh, &reference, &shape);
}

#[test]
fn the_mesh_in_parts_is_the_whole_to_the_cycle() {
    let config = ArchConfig::nano();
    let (shape, library) = library(&config, 2, 1);
    let whole = MeshLibrary::whole(&config, &shape, Optimize::Quick).unwrap();
    let seed = seed();
    let threads = library.clone().with_threads(2).unwrap();
    let cycles = [&library, &threads, &whole].map(|library| {
        let mesh = library.mesh(seed);
        let reference = EmulatedMesh::new(&config, &shape).unwrap();
        for core in 0..shape.cores() {
            train(&mesh, &reference, core, &config, seed + core as u64);
        }
        check_links(&mesh, &reference, &shape);
        mesh.cycles()
    });
    assert!(
        cycles.iter().all(|found| *found == cycles[0]),
        "parts, on two threads, whole: {cycles:?}"
    );
}

/// Every link carried the flits that the emulator counts.
fn check_links(mesh: &RtlMesh, reference: &EmulatedMesh, shape: &MeshConfig) {
    let mut all = 0;
    for router in 0..shape.cores() {
        for port in MeshPort::ALL {
            let link = Link { router, port };
            let expected = reference.flits(link);
            assert_eq!(mesh.flits(link), expected, "{link:?}");
            all += expected;
        }
    }
    assert!(all > 10_000, "{all} flits are no test");
}

#[test]
fn what_is_multicast_is_in_every_core_and_went_over_each_link_once() {
    let config = ArchConfig::nano();
    let (shape, library) = library(&config, 2, 2);
    let mesh = library.mesh(seed());
    let words: Vec<u32> = (0..64).map(|n| 0x3c00_0000 | n).collect();
    let at = HostAddress::new(Region::Weight, 3, 0);
    let all = (1 << shape.cores()) - 1;
    mesh.multicast(all, at, &words).unwrap();
    for core in 0..shape.cores() {
        let mut device = mesh.core(core);
        let rows = words.len() as u32 / 2;
        let push = backspike_arch::IoDescriptor { region: Region::Weight, base: 3, rows };
        backspike_arch::device::write_descriptor(&mut device, 0, &push).unwrap();
        let push = backspike_arch::Instruction::Push { slice: 0, slot: 0 };
        backspike_arch::device::issue(&mut device, backspike_arch::Engine::Io, push).unwrap();
        let mut read = Vec::new();
        backspike_arch::Device::receive(&mut device, words.len(), &mut read).unwrap();
        let data: Vec<u32> = read.iter().map(|word| word.data).collect();
        assert_eq!(data, words, "core {core}");
        assert!(read.iter().rev().skip(1).all(|word| !word.last) && read[read.len() - 1].last);
    }
    // 32 rows of two words are 32 packets of 4 flits; descriptor, immediate and instruction go to one core each, 5, 3 and 3 flits.
    let east = mesh.flits(Link { router: 0, port: MeshPort::East });
    assert_eq!(east, 32 * 4 + 2 * (5 + 3 + 3), "cores 1 and 3 lie to the east");
}

#[test]
fn short_buffers_and_wrong_meshes_are_refused() {
    let refused =
        |mesh: MeshConfig| mesh_design(&ArchConfig::nano(), &mesh).unwrap_err().to_string();
    let short = refused(MeshConfig { buffer: 8, ..MeshConfig::new(2, 2) });
    assert!(short.contains("packets of up to 11"), "{short}");
    assert!(refused(MeshConfig::new(9, 9)).contains("at most 63 cores"));
}
