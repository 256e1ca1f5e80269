//! The DMA engine of the PCI function, in RTL and emulated, against a host memory with guards.

mod block;
mod dma;

use backspike_arch::layout::{PciRegister, Ring, TransferOutcome};
use backspike_arch::{ArchConfig, MeshConfig, PciFunction};
use backspike_emulator::EmulatedFunction;
use backspike_hdl::link::pci::{pci_design, pci_port_design};
use backspike_tb::{AxiTiming, Optimize, PciLibrary, lint};
use block::generator;
use dma::{Driver, Plan, Record, Setup, UNMAPPED, compare, interrupts};
use rand::{Rng, rngs::StdRng};

/// Chains of the random test; BACKSPIKE_CHAINS sets another number.
const CHAINS: usize = 10_000;

fn library() -> PciLibrary {
    let config = ArchConfig::nano();
    let design = pci_port_design(&config).unwrap();
    PciLibrary::from_verilog(&config, design.top(), &design.to_single_file(), Optimize::Full)
        .unwrap()
}

/// A new function, whoever plays it.
type Make<'a> = &'a dyn Fn(&mut StdRng) -> Box<dyn PciFunction>;

fn rtl(rng: &mut StdRng, library: &PciLibrary) -> Box<dyn PciFunction> {
    Box::new(library.function(rng.random(), timing(rng)).unwrap())
}

fn emulated(_: &mut StdRng) -> Box<dyn PciFunction> {
    Box::new(EmulatedFunction::new(&ArchConfig::nano(), None, 1).unwrap())
}

/// Runs a bench on both.
fn both(test: &str, bench: impl Fn(Make, &mut StdRng)) {
    let rng = &mut generator(test);
    let library = library();
    bench(&|rng| rtl(rng, &library), rng);
    bench(&emulated, rng);
}

fn timing(rng: &mut StdRng) -> AxiTiming {
    AxiTiming {
        latency: [0, 1, 20, 200][rng.random_range(0..4)],
        jitter: [0, 5, 100][rng.random_range(0..3)],
        pauses: [0, 0, 30, 200][rng.random_range(0..4)],
        seed: rng.random(),
    }
}

/// Every record is the one that was planned; `expected` in the message tells a deliberate mutation from a mistake of the bench.
fn check_records(records: &[Vec<Record>; 2], plan: &Plan, setup: &Setup) {
    for (ring, (got, wanted)) in records.iter().zip(&plan.records).enumerate() {
        let same = got.iter().zip(wanted).take_while(|(got, wanted)| got == wanted).count();
        assert!(
            got == wanted,
            "ring {ring}: {} records, expected {}; number {same} is {:?}, expected {:?}, of {:?}; {setup:?}",
            got.len(),
            wanted.len(),
            got.get(same),
            wanted.get(same),
            plan.transfers[ring].get(same),
        );
    }
}

#[test]
fn verilog_is_free_of_lint() {
    let config = ArchConfig::nano();
    let mesh = MeshConfig::new(2, 1);
    for design in [
        pci_port_design(&config).unwrap(),
        pci_design(&config, None).unwrap(),
        pci_design(&config, Some(&mesh)).unwrap(),
    ] {
        let messages = lint(design.top(), &design.to_single_file()).unwrap();
        assert!(messages.is_empty(), "{}", messages.join("\n"));
    }
}

#[test]
fn random_chains_arrive_whole() {
    let wanted = std::env::var("BACKSPIKE_CHAINS").map_or(CHAINS, |text| text.parse().unwrap());
    both("random_chains_arrive_whole", |make, rng| chains_bench(make, rng, wanted));
}

#[test]
fn no_more_bursts_are_on_their_way_than_configured() {
    let rng = &mut generator("no_more_bursts_are_on_their_way_than_configured");
    for outstanding in [1, 5] {
        let config = ArchConfig { outstanding, ..ArchConfig::nano() };
        let design = pci_port_design(&config).unwrap();
        let text = design.to_single_file();
        let library =
            PciLibrary::from_verilog(&config, design.top(), &text, Optimize::Quick).unwrap();
        let mut most = [0; 2];
        for _ in 0..8 {
            let plan = Plan::random(rng, 100);
            let setup = Setup::random(rng);
            let timing = AxiTiming { latency: 200, jitter: 50, ..timing(rng) };
            let mut function = library.function(rng.random(), timing).unwrap();
            let mut driver = Driver::new(&mut function, &plan.memory, setup, true);
            check_records(&driver.run(&plan, rng), &plan, &setup);
            compare(&plan);
            let seen = function.traffic().outstanding;
            most = [most[0].max(seen[0]), most[1].max(seen[1])];
        }
        assert_eq!(most, [outstanding; 2], "bursts on their way");
    }
}

fn chains_bench(make: Make, rng: &mut StdRng, wanted: usize) {
    let (mut chains, mut runs) = (0, 0);
    while chains < wanted {
        let function = &mut *make(rng);
        for _ in 0..4 {
            let count = rng.random_range(1..100);
            let plan = Plan::random(rng, count);
            let setup = Setup::random(rng);
            let mut driver = Driver::new(function, &plan.memory, setup, true);
            let records = driver.run(&plan, rng);
            check_records(&records, &plan, &setup);
            compare(&plan);
            assert_eq!(driver.status(), Default::default(), "no ring stops");
            assert_eq!(driver.interrupts, interrupts(true, true, false));
            chains += plan.chains;
            runs += 1;
        }
    }
    println!("{chains} chains in {runs} runs");
}

#[test]
fn mutations_of_the_engine_are_caught() {
    let rng = &mut generator("mutations_of_the_engine_are_caught");
    let config = ArchConfig::nano();
    let design = pci_port_design(&config).unwrap();
    let text = design.to_single_file();
    for (from, to) in [
        // The burst that ends at 4 KiB goes one beat too far.
        ("10'h200 - {1'b0, ask_at_q[11:3]}", "10'h201 - {1'b0, ask_at_q[11:3]}"),
        // A buffer's strobes reach one byte too far at its end.
        ("8'hff >> (4'd8 - bytes)", "8'hff >> (4'd7 - bytes)"),
        // Records carry the number of the record before.
        ("number = written_q + 16'd1", "number = written_q"),
    ] {
        assert_eq!(text.matches(from).count(), 1, "the port must hold `{from}` once");
        let text = text.replacen(from, to, 1);
        let library =
            PciLibrary::from_verilog(&config, design.top(), &text, Optimize::Quick).unwrap();
        let bench =
            std::panic::AssertUnwindSafe(|| chains_bench(&|rng| rtl(rng, &library), rng, 300));
        let outcome = std::panic::catch_unwind(bench);
        let message = outcome.err().and_then(|panic| panic.downcast::<String>().ok());
        let message = message.unwrap_or_else(|| panic!("`{from}` may become `{to}`"));
        assert!(
            message.contains("expected") || message.contains("AXI"),
            "the bench fails for another reason: {message}"
        );
    }
}

#[test]
fn what_is_wrong_is_reported_and_harmless() {
    both("what_is_wrong_is_reported_and_harmless", wrong_bench);
}

fn wrong_bench(make: Make, rng: &mut StdRng) {
    for _ in 0..20 {
        let function = &mut *make(rng);
        for _ in 0..10 {
            let mut plan = Plan::random(rng, 20);
            let ring = Ring::ALL[rng.random_range(0..2)];
            let moves = match ring {
                Ring::ToDevice => TransferOutcome::ReadFailed,
                Ring::ToHost => TransferOutcome::WriteFailed,
            };
            let outcomes = [TransferOutcome::BadLength, TransferOutcome::BadFlags, moves];
            let outcome = outcomes[rng.random_range(0..3)];
            let at = rng.random_range(0..plan.transfers[ring as usize].len());
            plan.spoil(ring, at, outcome, rng);
            let setup = Setup::random(rng);
            let mut driver = Driver::new(function, &plan.memory, setup, true);
            let mut records = driver.run(&plan, rng);
            // The other ring may have come to any point.
            let other = 1 - ring as usize;
            plan.records[other].truncate(records[other].len());
            // What a failed read had moved before does not matter.
            if let Some(last) = records[ring as usize].last_mut() {
                last.bytes = 0;
            }
            if let Some(last) = plan.records[ring as usize].last_mut() {
                last.bytes = 0;
            }
            check_records(&records, &plan, &setup);
            compare(&plan);
            let status = driver.status();
            let why = [status.to_device, status.to_host];
            assert_eq!(why[ring as usize], outcome.code(), "{ring:?} {at} of {setup:?}");
            assert_eq!(why[other], 0);
            assert_ne!(driver.interrupts & interrupts(false, false, true), 0);
        }
        // It is as good as new.
        let plan = Plan::random(rng, 20);
        let setup = Setup::random(rng);
        let records = Driver::new(function, &plan.memory, setup, true).run(&plan, rng);
        check_records(&records, &plan, &setup);
        compare(&plan);
    }
}

#[test]
fn rings_that_are_not_there_stop() {
    both("rings_that_are_not_there_stop", absent_bench);
}

fn absent_bench(make: Make, rng: &mut StdRng) {
    for ring in Ring::ALL {
        for outcome in [TransferOutcome::FetchFailed, TransferOutcome::RecordFailed] {
            let function = &mut *make(rng);
            let mut plan = Plan::random(rng, 10);
            plan.known = 0;
            let mut setup = Setup::random(rng);
            match outcome {
                TransferOutcome::FetchFailed => setup.rings[ring as usize] = UNMAPPED,
                _ => setup.records[ring as usize] = UNMAPPED,
            }
            let mut driver = Driver::new(function, &plan.memory, setup, true);
            let records = driver.run(&plan, rng);
            assert!(records[ring as usize].is_empty());
            let status = driver.status();
            assert_eq!([status.to_device, status.to_host][ring as usize], outcome.code());
            compare(&plan);
        }
        // A doorbell beyond the ring.
        let function = &mut *make(rng);
        let plan = Plan::random(rng, 10);
        let setup = Setup::random(rng);
        let mut driver = Driver::new(function, &plan.memory, setup, true);
        let size = setup.sizes[ring as usize] as u32;
        driver.write(PciRegister::ToDeviceDoorbell.of(ring), size + 1);
        driver.advance(&plan.memory);
        let status = driver.status();
        let why = [status.to_device, status.to_host][ring as usize];
        assert_eq!(why, TransferOutcome::BadDoorbell.code());
    }
}

#[test]
fn a_reset_in_the_middle_ends_in_a_known_state() {
    let rng = &mut generator("a_reset_in_the_middle_ends_in_a_known_state");
    let library = library();
    for _ in 0..10 {
        let mut function = library.function(rng.random(), timing(rng)).unwrap();
        for _ in 0..10 {
            let mut plan = Plan::random(rng, 30);
            // Nothing is known of what an aborted run leaves in its buffers, but what lies around them stays.
            plan.known = 0;
            let setup = Setup::random(rng);
            let mut driver = Driver::new(&mut function, &plan.memory, setup, true);
            driver.offer_all(&plan);
            for _ in 0..rng.random_range(0..3000) {
                driver.function.cycle(&plan.memory).unwrap();
            }
            driver.reset(&plan.memory);
            compare(&plan);
        }
        let plan = Plan::random(rng, 30);
        let setup = Setup::random(rng);
        let records = Driver::new(&mut function, &plan.memory, setup, true).run(&plan, rng);
        check_records(&records, &plan, &setup);
        compare(&plan);
    }
}

#[test]
fn the_bus_is_used_well() {
    let rng = &mut generator("the_bus_is_used_well");
    let library = library();
    for (latency, len, least) in
        [(0, 4096, 0.95), (0, 16_384, 0.95), (200, 4096, 0.8), (200, 16_384, 0.8)]
    {
        let timing = AxiTiming { latency, ..AxiTiming::default() };
        let mut function = library.function(rng.random(), timing).unwrap();
        let plan = Plan::even(rng, 30, len);
        let setup = Setup { sizes: [32, 32], batch: 4, ..Setup::random(rng) };
        let mut driver = Driver::new(&mut function, &plan.memory, setup, true);
        driver.offer_all(&plan);
        while driver.advance(&plan.memory) {}
        let records = driver.run(&plan, rng);
        check_records(&records, &plan, &setup);
        compare(&plan);
        let cycles = f64::from(driver.read(PciRegister::BusyCycles));
        for register in [PciRegister::BeatsRead, PciRegister::BeatsWritten] {
            let beats = f64::from(driver.read(register));
            let share = beats / cycles;
            println!("latency {latency}, {len} bytes: {} in {share:.3} of cycles", register.name());
            assert!(share >= least, "{share:.3} at latency {latency} with {len} bytes");
        }
        let most = function.traffic().outstanding;
        assert!(most[0] <= 8 && most[1] <= 8, "{most:?} bursts on their way");
    }
}

#[test]
fn registers_take_what_they_should_and_nothing_else() {
    both("registers_take_what_they_should_and_nothing_else", registers_bench);
}

fn registers_bench(make: Make, rng: &mut StdRng) {
    let config = ArchConfig::nano();
    let function = &mut *make(rng);
    for &register in PciRegister::ALL {
        let got = function.read_register(register.offset()).unwrap().unwrap();
        let constant = register.identity(&config, None);
        let outstanding = u32::from(register == PciRegister::Outstanding) * 8;
        assert_eq!(got, constant.unwrap_or(outstanding), "{}", register.name());
    }
    for _ in 0..2000 {
        let offset = match rng.random_range(0..3) {
            0 => rng.random_range(0..0x2000),
            _ => PciRegister::ALL[rng.random_range(0..PciRegister::ALL.len())].offset(),
        };
        let value: u32 = rng.random();
        // Enabled rings without a base would run away; a reset has a test of its own.
        let register = PciRegister::at(offset);
        if register == Some(PciRegister::Control) {
            continue;
        }
        let writable = register.is_some_and(|register| register.access().starts_with("write"));
        assert_eq!(function.write_register(offset, value).unwrap(), writable, "{offset:#x}");
        let read = function.read_register(offset & !3).unwrap();
        assert_eq!(read.is_some(), PciRegister::at(offset & !3).is_some(), "{offset:#x}");
        if writable {
            let kept = match register {
                Some(PciRegister::Cause) => 0,
                Some(PciRegister::Mask) => value & 7,
                Some(PciRegister::ToDeviceDoorbell | PciRegister::ToHostDoorbell) => value & 0xffff,
                _ => value,
            };
            assert_eq!(read, Some(kept), "{offset:#x}");
        }
    }
    // While the rings run, what describes them keeps still.
    let function = &mut *make(rng);
    assert!(function.write_register(PciRegister::Control.offset(), 1).unwrap());
    for &register in PciRegister::ALL.iter().filter(|register| register.describes_ring()) {
        assert!(!function.write_register(register.offset(), 0x5000).unwrap());
        assert_eq!(function.read_register(register.offset()).unwrap(), Some(0));
    }
}
