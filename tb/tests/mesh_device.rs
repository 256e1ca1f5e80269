//! Cores on a mesh: each in lockstep with an emulator of its own, through the network; all at once; by multicast.

use backspike_arch::device::{issue, write_descriptor};
use backspike_arch::{
    ArchConfig, Device, DeviceError, Engine, HostAddress, Instruction, IoDescriptor, Link, Mesh,
    MeshConfig, MeshPort, Region,
};
use backspike_emulator::EmulatedMesh;
use backspike_hdl::mesh::mesh_design;
use backspike_tb::step::train_in_lockstep;
use backspike_tb::{MeshLibrary, Optimize, RtlMesh, lint};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

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
    let reference = EmulatedMesh::new(&config, &shape, 1).unwrap();
    for core in 0..shape.cores() {
        train(&mesh, &reference, core, &config, seed + core as u64);
    }
    check_links(&mesh, &reference, &shape);

    let mesh = library.mesh(seed + 1);
    let reference = EmulatedMesh::new(&config, &shape, 1).unwrap();
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
        let reference = EmulatedMesh::new(&config, &shape, 1).unwrap();
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
            let expected = reference.flits(link).unwrap();
            assert_eq!(mesh.flits(link).unwrap(), expected, "{link:?}");
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
        let push = IoDescriptor::to_host(Region::Weight, 3, rows);
        write_descriptor(&mut device, 0, &push).unwrap();
        let push = Instruction::Push { slice: 0, slot: 0 };
        issue(&mut device, Engine::Io, push).unwrap();
        let mut read = Vec::new();
        device.receive(words.len(), &mut read).unwrap();
        let data: Vec<u32> = read.iter().map(|word| word.data).collect();
        assert_eq!(data, words, "core {core}");
        assert!(read.iter().rev().skip(1).all(|word| !word.last) && read[read.len() - 1].last);
    }
    // 32 rows of two words are 32 packets of 3 flits; descriptor, immediate and instruction go to one core each, 5, 2 and 2 flits.
    let east = mesh.flits(Link { router: 0, port: MeshPort::East }).unwrap();
    assert_eq!(east, 32 * 3 + 2 * (5 + 2 + 2), "cores 1 and 3 lie to the east");
}

/// Every core sends some weights to a set of cores, itself among them now and then, and posts a token there; each takes all tokens before the
/// host reads what it holds.
fn exchange(
    cores: &mut [Box<dyn Device>],
    config: &ArchConfig,
    seed: u64,
) -> Result<Vec<Vec<u32>>, DeviceError> {
    let rng = &mut ChaCha8Rng::seed_from_u64(seed);
    let count = cores.len();
    let subs = Region::Weight.subs(config);
    for core in cores.iter_mut() {
        // Rows 0 to 7 are its own; after them 4 come from each core.
        let words: Vec<u32> = (0..(8 + 4 * count) * subs).map(|_| rng.random()).collect();
        core.write(HostAddress::new(Region::Weight, 0, 0), &words)?;
    }
    let mut waits = vec![Vec::new(); count];
    for (from, core) in cores.iter_mut().enumerate() {
        let nodes = rng.random_range(1..1u64 << count);
        let (base, rows) = (rng.random_range(0..4), rng.random_range(1..=4));
        let to = (8 + 4 * from) as u32;
        let push = IoDescriptor::to_nodes(Region::Weight, base, rows, to, nodes);
        write_descriptor(core.as_mut(), 0, &push)?;
        write_descriptor(core.as_mut(), 1, &IoDescriptor::post(from as u8, nodes))?;
        for slice in [0, 1] {
            issue(core.as_mut(), Engine::Io, Instruction::Push { slice, slot: 0 })?;
        }
        (0..count).filter(|to| nodes >> to & 1 == 1).for_each(|to| waits[to].push(from as u8));
    }
    let mut found = Vec::new();
    for (core, waits) in cores.iter_mut().zip(waits) {
        for token in waits {
            issue(core.as_mut(), Engine::Io, Instruction::Wait { token })?;
        }
        let rows = (8 + 4 * count) as u32;
        write_descriptor(core.as_mut(), 2, &IoDescriptor::to_host(Region::Weight, 0, rows))?;
        issue(core.as_mut(), Engine::Io, Instruction::Push { slice: 2, slot: 0 })?;
        let mut words = Vec::new();
        core.receive(rows as usize * subs, &mut words)?;
        found.push(words.iter().map(|word| word.data).collect());
    }
    Ok(found)
}

#[test]
fn cores_write_to_each_other() {
    // 8 and 16 lanes: rows of 4 and of 8 words.
    for (config, width, height) in [(ArchConfig::tiny(), 2, 2), (ArchConfig::digits(), 3, 1)] {
        let (shape, library) = library(&config, width, height);
        for seed in seed()..seed() + 4 {
            let rtl = library.mesh(seed);
            let emulated = EmulatedMesh::new(&config, &shape, 2).unwrap();
            let mut tested: Vec<Box<dyn Device>> = Vec::new();
            let mut reference: Vec<Box<dyn Device>> = Vec::new();
            for core in 0..shape.cores() {
                tested.push(Box::new(rtl.core(core)));
                reference.push(Box::new(emulated.core(core)));
            }
            let found = exchange(&mut tested, &config, seed).unwrap();
            assert_eq!(found, exchange(&mut reference, &config, seed).unwrap(), "seed {seed}");
            for router in 0..shape.cores() {
                for port in MeshPort::ALL {
                    let link = Link { router, port };
                    assert_eq!(
                        rtl.flits(link).unwrap(),
                        emulated.flits(link).unwrap(),
                        "seed {seed}: {link:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn short_buffers_and_wrong_meshes_are_refused() {
    let refused =
        |mesh: MeshConfig| mesh_design(&ArchConfig::nano(), &mesh).unwrap_err().to_string();
    let short = refused(MeshConfig { buffer: 8, flit: 32, ..MeshConfig::new(2, 2) });
    assert!(short.contains("packets of up to 11: use 16 to 64"), "{short}");
    let short = refused(MeshConfig { buffer: 4, ..MeshConfig::new(2, 2) });
    assert!(short.contains("packets of up to 6: use 8 to 64"), "{short}");
    assert!(refused(MeshConfig::new(9, 9)).contains("at most 63 cores"));
}
