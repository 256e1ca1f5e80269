//! The emulator as a device: what programs do wrong, and what the clock says.

mod support;

use backspike_arch::device::{issue, write_descriptor};
use backspike_arch::num::F16;
use backspike_arch::{
    ArchConfig, BpDescriptor, Counter, Device, DeviceError, Engine, FpDescriptor, HostAddress,
    Instruction, IoDescriptor, PackedWord, Region, Register, Shape, Status, WgDescriptor,
};
use backspike_emulator::Emulator;
use support::network::{Network, Placement, Range};
use support::reference::Reference;
use support::{rng, seeds};

fn emulator() -> Emulator {
    Emulator::new(&ArchConfig::nano(), 1).expect("a preset")
}

fn go(device: &mut Emulator, engine: Engine, instruction: Instruction) {
    issue(device, engine, instruction).expect("an instruction");
}

/// Runs everything and gives all registers.
fn registers(device: &mut Emulator) -> Vec<u32> {
    let all = IoDescriptor::to_host(Region::Register, 0, Register::COUNT as u32);
    write_descriptor(device, 3, &all).expect("a descriptor");
    go(device, Engine::Io, Instruction::Push { slice: 3, slot: 0 });
    let mut words = Vec::new();
    device.receive(Register::COUNT, &mut words).expect("registers");
    words.iter().map(|word| word.data).collect()
}

fn counter(registers: &[u32], counter: Counter) -> u32 {
    registers[Register::Counter(counter).index()]
}

fn status(registers: &[u32]) -> Status {
    Status::decode(registers[Register::Status.index()]).expect("a status")
}

fn failure(device: &mut Emulator) -> String {
    device.receive(1, &mut Vec::new()).expect_err("nothing is pushed").to_string()
}

#[test]
fn identity_registers_are_those_of_the_configuration() {
    let mut device = emulator();
    let registers = registers(&mut device);
    for register in Register::all() {
        if let Some(value) = register.identity(&ArchConfig::nano()) {
            assert_eq!(registers[register.index()], value, "{}", register.name());
        }
    }
    assert_eq!(status(&registers), Status::default());
}

#[test]
fn a_deadlock_is_told_by_engine_and_token() {
    let mut device = emulator();
    go(&mut device, Engine::Bp, Instruction::Wait { token: 5 });
    go(&mut device, Engine::Bp, Instruction::Post { token: 1 });
    go(&mut device, Engine::Io, Instruction::Wait { token: 1 });
    let error = failure(&mut device);
    assert!(error.contains("BP waits for token 5 before 1 more instructions"), "{error}");
    assert!(error.contains("IO waits for token 1"), "{error}");
    assert!(error.contains("FP is idle"), "{error}");
    // The POST that was missing may still come.
    go(&mut device, Engine::Wg, Instruction::Post { token: 5 });
    registers(&mut device);
}

#[test]
fn reading_more_than_is_pushed_is_an_error() {
    let error = failure(&mut emulator());
    assert!(error.contains("the device is idle, but 1 of 1 words are still awaited"), "{error}");
}

#[test]
fn a_queue_that_cannot_drain_is_an_error() {
    let mut device = emulator();
    let depth = ArchConfig::nano().queue_depth;
    for _ in 0..depth {
        go(&mut device, Engine::Fp, Instruction::Wait { token: 0 });
    }
    let wait = Instruction::Wait { token: 0 };
    let error = issue(&mut device, Engine::Fp, wait).expect_err("a full queue").to_string();
    assert!(error.contains("the FP queue is full with 8 instructions"), "{error}");
    assert!(error.contains("FP waits for token 0"), "{error}");
}

#[test]
fn illegal_instructions_are_dropped_and_remembered() {
    let mut device = emulator();
    // FORWARD in the BP queue, and codes that are no instruction.
    for (engine, word) in [(Engine::Bp, 3u32), (Engine::Wg, 15), (Engine::Io, 0)] {
        device.write(HostAddress::queue(engine), &[word]).expect("a write");
    }
    let status = status(&registers(&mut device));
    assert_eq!(
        status,
        Status { illegal_bp: true, illegal_wg: true, illegal_io: true, ..Status::default() }
    );
}

#[test]
fn a_push_of_a_region_without_read_port_sends_nothing() {
    let mut device = emulator();
    let queue = IoDescriptor::to_host(Region::Queue, 0, 1);
    write_descriptor(&mut device, 0, &queue).expect("a descriptor");
    go(&mut device, Engine::Io, Instruction::Push { slice: 0, slot: 0 });
    let registers = registers(&mut device);
    assert!(status(&registers).illegal_io);
    // Only the register words themselves, all but the first of which count before the counter is read.
    assert!(counter(&registers, Counter::IoWords) < Register::COUNT as u32);
}

#[test]
fn descriptors_that_leave_the_memories_are_told_in_sentences() {
    let shape = Shape { steps: 9, blocks: 2, last_lanes: 5 };
    let fp = FpDescriptor { fan_in: 300, tiles: 1, in_words: 2, shape, ..Default::default() };
    let mut device = emulator();
    write_descriptor(&mut device, 2, &fp).expect("a descriptor");
    go(&mut device, Engine::Fp, Instruction::Forward { slice: 2, slot: 1 });
    let error = failure(&mut device);
    for part in [
        "FORWARD of slice 2 cannot run",
        "its 1 tiles of 300 rows from row 0 on do not lie in the 256 rows of the weight memory",
        "its shape has 2 blocks for 9 steps",
        "its last tile has 5 valid lanes, but must have 1..=4",
        "its 2 input words of 4 lanes hold fewer than 300 neurons",
    ] {
        assert!(error.contains(part), "{part:?} is not in {error}");
    }
    // The fault stays: what follows would compute with what was not done.
    assert_eq!(failure(&mut device), error);

    let shape = Shape { steps: 8, blocks: 2, last_lanes: 4 };
    let bp = BpDescriptor {
        fan_in: 4,
        tiles: 1,
        in_words: 1,
        shape,
        in_plane_base: 63,
        in_error_base: 1 << 30,
        ..Default::default()
    };
    let mut device = emulator();
    write_descriptor(&mut device, 0, &bp).expect("a descriptor");
    go(&mut device, Engine::Bp, Instruction::Backprop { slice: 0, slot: 0 });
    let error = failure(&mut device);
    for part in ["BACKPROP of slice 0 cannot run", "in the Trace memory", "in the Error memory"] {
        assert!(error.contains(part), "{part:?} is not in {error}");
    }

    let mut device = emulator();
    let wg = WgDescriptor { weight_base: 255, fan_in: 2, tiles: 1, ..Default::default() };
    write_descriptor(&mut device, 1, &wg).expect("a descriptor");
    let update = Instruction::Update { slice: 1, rate_shift: 0, scale_shift: 0, key: 0 };
    go(&mut device, Engine::Wg, update);
    let error = failure(&mut device);
    assert!(error.contains("UPDATE of slice 1 cannot run: its 1 tiles of 2 rows"), "{error}");

    let mut device = emulator();
    let io = IoDescriptor::to_host(Region::Weight, 250, 7);
    write_descriptor(&mut device, 0, &io).expect("a descriptor");
    go(&mut device, Engine::Io, Instruction::Push { slice: 0, slot: 0 });
    let error = failure(&mut device);
    assert!(error.contains("7 rows from row 250 on are not in the 256 rows"), "{error}");
}

#[test]
fn slots_and_slices_beyond_the_built_ones_are_refused() {
    // The low words directly: `issue` would refuse them.
    let word = |op: u32, slice: u32, slot: u32| op | slice << 4 | slot << 12;
    let mut device = emulator();
    device.write(HostAddress::queue(Engine::Fp), &[word(3, 0, 2)]).expect("a write");
    let error = failure(&mut device);
    assert!(error.contains("FORWARD names slot 2, but there are 2"), "{error}");
    let config = ArchConfig { gradient_slots: 2, ..ArchConfig::nano() };
    let mut device = Emulator::new(&config, 1).expect("a configuration");
    let accumulate = word(6, 0, 1) | 1 << 20;
    device.write(HostAddress::queue(Engine::Wg), &[accumulate]).expect("a write");
    let error = failure(&mut device);
    assert!(error.contains("ACCUMULATE names slot 2, but there are 2"), "{error}");
    let mut device = emulator();
    device.write(HostAddress::queue(Engine::Wg), &[word(8, 200, 0)]).expect("a write");
    let error = failure(&mut device);
    assert!(error.contains("the WG table has 4 descriptors"), "{error}");
}

#[test]
fn writes_outside_the_memories_are_refused() {
    let mut device = emulator();
    for (at, part) in [
        (HostAddress::new(Region::Gradient, 0, 0), "cannot be written by the host"),
        (HostAddress::new(Region::Weight, 256, 0), "Weight"),
    ] {
        let error = device.write(at, &[0, 0]).expect_err("a refusal");
        assert!(matches!(error, DeviceError::IllegalWrite(_)), "{error}");
        assert!(error.to_string().contains(part), "{error}");
    }
}

/// UPDATE of r rows by one optimizer for four lanes is busy for 4 r + 19 cycles; a PUSH of registers sends one word in three cycles.
#[test]
fn the_clock_counts_what_the_page_says() {
    let mut device = emulator();
    let optimizer = backspike_arch::num::OptimizerParams::default().into();
    let wg = WgDescriptor { fan_in: 40, tiles: 2, optimizer, ..Default::default() };
    write_descriptor(&mut device, 0, &wg).expect("a descriptor");
    let before = registers(&mut device);
    go(&mut device, Engine::Wg, Instruction::Clear { slice: 0 });
    go(&mut device, Engine::Wg, Instruction::Post { token: 7 });
    go(&mut device, Engine::Io, Instruction::Wait { token: 7 });
    let after = registers(&mut device);
    let difference = |which| counter(&after, which) - counter(&before, which);
    assert_eq!(difference(Counter::WgUpdateRows), 80);
    assert_eq!(difference(Counter::WgUpdateBusy), 339);
    assert_eq!(difference(Counter::HostStalled), 0);
    // WAIT is at its queue's head 4 cycles after CLEAR was at its own (two writes each); CLEAR, then POST take until its
    // token is there: 1 + 339 cycles to the head of POST, and one more.
    assert_eq!(difference(Counter::IoWait), 1 + 339 + 1 - 4 + 1);
    // The registers after the cycles register, with the first one of the second reading, three cycles each; then the PUSH
    // ends, 6 words are written before WAIT shows 2 cycles later, and after it PUSH starts.
    let registers = Register::COUNT as u32;
    let cycles = Register::Counter(Counter::Cycles).index() as u32;
    let rest = 3 * (registers - cycles);
    assert!(difference(Counter::Cycles) > rest + 340 && difference(Counter::Cycles) < rest + 372);
}

/// Slices that share rows, and weights written under a slice in use: the layout of the emulator must not show.
#[test]
fn networks_replace_each_other_in_the_same_memory() {
    for seed in seeds(6) {
        let networks = [
            Network::random(seed, &[31, 17, 10], 5, Range::Usual),
            Network::random(seed ^ 100, &[17, 40, 3], 3, Range::Full),
            Network::random(seed ^ 200, &[31, 17, 10], 5, Range::Usual),
        ];
        let mut config = networks[0].config(8, 2);
        config.weights = 1 << 12;
        config.slot_neuron_steps = 1 << 11;
        config.slot_error_steps = 1 << 11;
        config.slot_membrane_steps = 1 << 11;
        let mut emulator = Emulator::new(&config, 1).expect("a configuration");
        let mut reference = Reference::new(&config);
        for (index, network) in networks.iter().enumerate() {
            let placement = Placement::new(network, &config);
            for device in [&mut emulator as &mut dyn Device, &mut reference] {
                placement.load(device);
                placement.train(device, 3, &mut rng(seed));
                let halves: Vec<F16> = network.layers[0].weights.iter().rev().copied().collect();
                placement.write_rows(device, Region::Weight, 0, &halves);
                placement.train(device, 2, &mut rng(seed ^ 1));
            }
            let (tested, expected) =
                (placement.read_all(&mut emulator), placement.read_all(&mut reference));
            for ((region, tested), (_, expected)) in tested.iter().zip(&expected) {
                if *region != Region::Register {
                    assert_eq!(tested, expected, "seed {seed}, network {index}, {region:?}");
                }
            }
        }
    }
}
