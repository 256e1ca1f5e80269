//! A core as a PCI function behind a socket: trained from another process, killed, fuzzed, watched.

mod common;

use backspike::pci::{Event, PciDevice, Server, VfioUser};
use backspike_arch::{ArchConfig, Device, DeviceError, HostAddress, Region};
use backspike_emulator::EmulatedFunction;
use common::{SMALL, backspike, failure, for_digits, stdout};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// A server in a process of its own; killed when dropped.
struct Served {
    child: Child,
    socket: PathBuf,
    /// What it says.
    told: PathBuf,
}

impl Served {
    fn new(directory: &Path, arguments: &[&str]) -> Served {
        // A name of its own: a killed server leaves its socket.
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let socket = directory.join(format!("core{}.sock", COUNT.fetch_add(1, Relaxed)));
        let told = socket.with_extension("log");
        let child = Command::new(env!("CARGO_BIN_EXE_backspike"))
            .args(["device", "serve"])
            .arg(&socket)
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(fs::File::create(&told).unwrap())
            .spawn()
            .unwrap();
        let served = Served { child, socket, told };
        // The RTL may have to be built first.
        wait_for(Duration::from_secs(600), || served.socket.exists());
        served
    }

    fn device(&self) -> String {
        format!("vfio-user:{}", self.socket.display())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn wait_for(patience: Duration, mut ready: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !ready() {
        assert!(begun.elapsed() < patience, "nothing happened for {patience:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn workspace() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("net.toml"), for_digits(SMALL)).unwrap();
    directory
}

fn hash(text: &str) -> String {
    let line = text.lines().find(|line| line.starts_with("weight hash")).unwrap();
    line.split_whitespace().last().unwrap().to_owned()
}

const TRAIN: [&str; 6] = ["train", "net.toml", "--limit", "60", "--preset", "nano"];

#[test]
fn a_served_core_trains_to_the_weights_of_one_in_process() {
    let directory = workspace();
    let at = directory.path();
    let alone = hash(&stdout(&backspike(at, &TRAIN)));
    for arguments in [&["--preset", "nano"][..], &["--preset", "nano", "--device", "rtl"]] {
        let served = Served::new(at, arguments);
        let device = served.device();
        let on_it = ["--device", &device];
        // One client after the other.
        for _ in 0..2 {
            let trained = stdout(&backspike(at, &[&TRAIN[..], &on_it].concat()));
            assert_eq!(hash(&trained), alone, "{arguments:?}");
        }
        let verify = [&TRAIN[..], &on_it, &["--verify", "emulator", "--steps", "2"]].concat();
        assert!(stdout(&backspike(at, &verify)).contains("verified"));
    }
}

#[test]
fn a_served_core_is_tested_measured_and_watched() {
    let directory = workspace();
    let at = directory.path();
    let served = Served::new(at, &["--preset", "nano"]);
    let device = served.device();
    let on_it = ["--device", &device, "--preset", "nano"];
    let info = stdout(&backspike(at, &[&["device", "info"], &on_it[..]].concat()));
    for part in ["to_host_completed", "4 lanes", "config_hash_low"] {
        assert!(info.contains(part), "{part}: {info}");
    }
    let tested = stdout(&backspike(at, &[&["device", "selftest"], &on_it[..]].concat()));
    for part in ["DMA loop-back", "Weight memory", "WG: update", "status"] {
        let line = tested.lines().find(|line| line.contains(part));
        assert!(line.is_some_and(|line| line.ends_with("good")), "{part}: {tested}");
    }
    let json = [&["device", "dma-bench", "--json"], &on_it[..]].concat();
    let measured: serde_json::Value = serde_json::from_str(&stdout(&backspike(at, &json))).unwrap();
    assert!(
        measured.as_array().unwrap().iter().all(|one| one["median_us"].as_f64().unwrap() > 0.0)
    );
    // The same for cores on a mesh, and from each to all.
    let mesh = Served::new(at, &["--preset", "nano", "--mesh", "2x2"]);
    let device = mesh.device();
    let on_it = ["--device", &device, "--preset", "nano", "--mesh", "2x2"];
    let info = stdout(&backspike(at, &[&["device", "info"], &on_it[..]].concat()));
    assert!(info.contains("core 3: nano: 4 lanes"), "{info}");
    let tested = stdout(&backspike(at, &[&["device", "selftest"], &on_it[..]].concat()));
    for part in ["DMA loop-back", "core 3: Weight memory", "core 2: status", "mesh, all to all"] {
        let line = tested.lines().find(|line| line.contains(part));
        assert!(line.is_some_and(|line| line.ends_with("good")), "{part}: {tested}");
    }
    let socket = served.socket.to_str().unwrap();
    let watch = ["device", "watch", socket, "--count", "1", "--json"];
    let seen: serde_json::Value = serde_json::from_str(&stdout(&backspike(at, &watch))).unwrap();
    assert!(!seen["connected"].as_bool().unwrap());
    assert_eq!(seen["registers"]["status"], 0);
    let table = stdout(&backspike(at, &["device", "watch", socket, "--count", "1"]));
    assert!(table.contains("no client") && table.contains("words_pushed"), "{table}");
}

#[test]
fn what_cannot_be_reached_is_said() {
    let directory = workspace();
    let at = directory.path();
    let fails = |arguments: &[&str], parts: &[&str]| {
        let message = failure(&backspike(at, arguments));
        for part in parts {
            assert!(message.contains(part), "{part:?} is not in {message}");
        }
    };
    let absent = ["device", "info", "--device", "vfio-user:absent.sock", "--preset", "nano"];
    fails(&absent, &["absent.sock", "device serve"]);
    let board = ["device", "info", "--device", "vfio:0000:99:00.0", "--preset", "nano"];
    fails(&board, &["0000:99:00.0"]);
    fails(&["device", "dma-bench", "--device", "emulator"], &["not a PCI function"]);
    fails(&["device", "watch", "absent.sock"], &["absent.sock", "device serve"]);

    let served = Served::new(at, &["--preset", "nano"]);
    let device = served.device();
    let other = ["train", "net.toml", "--preset", "tiny", "--device", &device];
    fails(&other, &["config_hash_low", "not a core tiny", "--preset"]);
    let socket = served.socket.to_str().unwrap();
    fails(&["device", "serve", socket, "--preset", "nano"], &["another process serves"]);
    fails(&["device", "serve", "x.sock", "--device", &device], &["cannot be served"]);
}

#[test]
fn a_server_that_dies_costs_nothing_but_time() {
    let directory = workspace();
    let at = directory.path();
    let train = ["train", "net.toml", "--preset", "nano", "--epochs", "100"];
    let served = Served::new(at, &["--preset", "nano"]);
    let device = served.device();
    let child = Command::new(env!("CARGO_BIN_EXE_backspike"))
        .current_dir(at)
        .args(train)
        .args(["--device", &device, "--checkpoint", "interrupted"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Somewhere in the epoch after the first checkpoint.
    wait_for(Duration::from_secs(60), || at.join("interrupted/last.safetensors").exists());
    std::thread::sleep(Duration::from_millis(30));
    drop(served);
    let output = child.wait_with_output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "100 epochs ended before the server");
    for part in [".sock", "gone", "register status"] {
        assert!(message.contains(part), "{part:?} is not in {message}");
    }

    let served = Served::new(at, &["--preset", "nano"]);
    let device = served.device();
    let on_it = ["--resume", "--device", &device, "--checkpoint", "interrupted"];
    let resumed = stdout(&backspike(at, &[&train[..], &on_it].concat()));
    let whole = stdout(&backspike(at, &[&train[..], &["--checkpoint", "whole"]].concat()));
    assert_eq!(hash(&resumed), hash(&whole));
}

/// A message of the protocol: header of id, command, size, flags, error; then a body.
fn message(rng: &mut StdRng) -> Vec<u8> {
    // Every second one has a command with the body that it needs.
    if rng.random() {
        let sizes = [
            (1, 1),
            (2, 8),
            (3, 6),
            (4, 4),
            (5, 8),
            (7, 4),
            (8, 5),
            (9, 4),
            (10, 4),
            (10, 5),
            (13, 0),
        ];
        let (command, words) = sizes[rng.random_range(0..sizes.len())];
        let mut message = vec![1, 0, command, 0, 16 + 4 * words, 0, 0, 0];
        message.extend([0; 8]);
        for _ in 0..words {
            let word = match rng.random_range(0..4) {
                0 => rng.random::<u32>(),
                1 => 1 << rng.random_range(0..32),
                _ => rng.random_range(0..12),
            };
            message.extend(word.to_le_bytes());
        }
        return message;
    }
    let mut body: Vec<u8> = match rng.random_range(0..3) {
        // What a version exchange looks like.
        0 => b"\0\0\x01\0{\"capabilities\":{}}\0".to_vec(),
        // Small numbers: regions, offsets and counts that exist, or nearly.
        1 => (0..rng.random_range(0..10))
            .flat_map(|_| u32::to_le_bytes(1 << rng.random_range(0..14)))
            .collect(),
        _ => (0..rng.random_range(0..64)).map(|_| rng.random()).collect(),
    };
    let size = match rng.random_range(0..8) {
        0 => rng.random(),
        1 => rng.random_range(0..16),
        _ => 16 + body.len() as u32,
    };
    let mut message = Vec::new();
    message.extend(rng.random::<u16>().to_le_bytes());
    message.extend(rng.random_range(0..18_u16).to_le_bytes());
    message.extend(size.to_le_bytes());
    message.extend((rng.random_range(0..4_u32) * 16).to_le_bytes());
    message.extend(0_u32.to_le_bytes());
    message.append(&mut body);
    message
}

#[test]
fn any_input_of_a_socket_leaves_the_server_whole() {
    let seed = std::env::var("BACKSPIKE_SEED").ok().and_then(|text| text.parse().ok());
    let seed = seed.unwrap_or_else(|| rand::rng().random());
    println!("BACKSPIKE_SEED={seed}");
    let rng = &mut StdRng::seed_from_u64(seed);
    let directory = tempfile::tempdir().unwrap();
    let served = Served::new(directory.path(), &["--preset", "nano"]);
    for _ in 0..3000 {
        let mut stream = UnixStream::connect(&served.socket).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
        for _ in 0..rng.random_range(1..12) {
            // The server may have closed the connection.
            if stream.write_all(&message(rng)).is_err() {
                break;
            }
            let _ = stream.read(&mut [0; 256]);
        }
    }
    let told = fs::read_to_string(&served.told).unwrap();
    assert!(!told.contains("panicked"), "{told}");
    assert!(told.contains("no message of the protocol") && told.contains("a client has gone"));
    let config = ArchConfig::nano();
    // A client that knows the protocol finds everything as it was.
    let transport = VfioUser::open(&served.socket).unwrap();
    let mut device = PciDevice::open(Box::new(transport), &config).unwrap();
    let words: Vec<u32> = (0..8).collect();
    device.write(HostAddress::new(Region::Weight, 0, 0), &words).unwrap();
}

#[test]
fn a_program_that_the_core_refuses_ends_in_an_error_and_not_the_server() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("core.sock");
    let config = ArchConfig::nano();
    let function = EmulatedFunction::new(&config, None, 1).unwrap();
    let (told, heard) = std::sync::mpsc::channel();
    let told = std::sync::Mutex::new(told);
    let tell = move |event| {
        let _ = told.lock().unwrap().send(event);
    };
    let mut server = Server::new(Box::new(function), &socket, Arc::new(tell)).unwrap();
    std::thread::spawn(move || {
        loop {
            server.serve_one().unwrap();
        }
    });
    let open = || PciDevice::open(Box::new(VfioUser::open(&socket).unwrap()), &config).unwrap();
    {
        let mut device = open();
        // PUSH of a slice that nobody described: rows beyond the memory.
        let beyond = [4, 1 << 19, 1 << 19, 0, 0, 0];
        device.write(HostAddress::new(Region::Descriptor, 3 << 8, 0), &beyond[..4]).unwrap();
        let push = backspike_arch::Instruction::Push { slice: 0, slot: 0 };
        backspike_arch::device::issue(&mut device, backspike_arch::Engine::Io, push).unwrap();
        let error = device.receive(1, &mut Vec::new()).unwrap_err();
        assert!(matches!(&error, DeviceError::Failed(text) if text.contains("gone")), "{error}");
    }
    let events: Vec<Event> = heard.try_iter().collect();
    let failed = events.iter().find_map(|event| match event {
        Event::Failed(error) => Some(error.to_string()),
        Event::Closed { .. } | Event::Malformed => None,
    });
    assert!(failed.is_some_and(|text| text.contains("PUSH")), "{events:?}");
    // The next client finds a fresh core.
    let mut words = Vec::new();
    let mut device = open();
    let at = HostAddress::new(Region::Descriptor, 3 << 8, 0);
    let magic = backspike_arch::IoDescriptor::to_host(Region::Register, 0, 1);
    let columns = backspike_arch::Descriptor::encode(&magic).unwrap();
    device.write(at, &columns).unwrap();
    let push = backspike_arch::Instruction::Push { slice: 0, slot: 0 };
    backspike_arch::device::issue(&mut device, backspike_arch::Engine::Io, push).unwrap();
    device.receive(1, &mut words).unwrap();
    assert_eq!(words[0].data, backspike_arch::layout::MAGIC);
}
