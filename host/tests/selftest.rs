//! A self-test finds the fault that a device has, and says where it is.

use backspike::selftest::{all_to_all, selftest};
use backspike_arch::{
    ArchConfig, Device, DeviceError, HostAddress, Mesh, MeshConfig, PushWord, Region,
};
use backspike_emulator::{EmulatedMesh, Emulator};

/// A device one bit of whose memory reads as `value`.
struct Stuck {
    device: Box<dyn Device>,
    region: Region,
    row: u32,
    bit: u32,
    value: bool,
}

impl Device for Stuck {
    fn config(&self) -> &ArchConfig {
        self.device.config()
    }

    fn write(&mut self, at: HostAddress, data: &[u32]) -> Result<(), DeviceError> {
        self.device.write(at, data)
    }

    fn receive(&mut self, words: usize, out: &mut Vec<PushWord>) -> Result<(), DeviceError> {
        let before = out.len();
        self.device.receive(words, out)?;
        for word in &mut out[before..] {
            let HostAddress { region, row, sub } = word.addr;
            if (region, row, sub) == (self.region, self.row, 0) {
                word.data = word.data & !(1 << self.bit) | u32::from(self.value) << self.bit;
            }
        }
        Ok(())
    }
}

#[test]
fn a_stuck_bit_in_the_last_row_of_any_memory_is_found() {
    let config = ArchConfig::nano();
    let last = |region: Region| region.rows(&config) as u32 - 1;
    for (region, row) in [
        (Region::Weight, last(Region::Weight)),
        (Region::State, last(Region::State)),
        (Region::Spike, last(Region::Spike)),
        (Region::Error, last(Region::Error)),
        (Region::Nonzero, last(Region::Nonzero)),
        (Region::Gradient, last(Region::Gradient)),
        (Region::Trace, last(Region::Trace)),
        (Region::Trace, 0),
        (Region::Membrane, last(Region::Membrane)),
    ] {
        for value in [false, true] {
            let device = Box::new(Emulator::new(&config, 1).unwrap());
            let mut stuck = Stuck { device, region, row, bit: 1, value };
            let checks = selftest(&mut stuck, 5, |_| {}).unwrap();
            let name = format!("{} memory", region.name());
            let check = checks.iter().find(|check| check.name.starts_with(&name)).unwrap();
            assert!(check.problem.is_some(), "{name}, row {row}: a bit that is always {value}");
            let others = checks.iter().filter(|check| check.name.contains(" memory"));
            assert_eq!(others.filter(|check| check.problem.is_some()).count(), 1, "{name}");
        }
    }
    let mut whole = Emulator::new(&config, 1).unwrap();
    let checks = selftest(&mut whole, 5, |_| {}).unwrap();
    assert!(checks.iter().all(|check| check.problem.is_none()), "{checks:?}");
}

#[test]
fn a_row_that_does_not_cross_the_mesh_is_found() {
    let config = ArchConfig::nano();
    let mesh = EmulatedMesh::new(&config, &MeshConfig::new(2, 2), 1).unwrap();
    let whole = |core| Mesh::core(&mesh, core);
    let mut cores: Vec<Box<dyn Device>> = (0..4).map(whole).collect();
    assert_eq!(all_to_all(&mut cores, 1).unwrap().problem, None);
    // Row 9 of core 2 is the second that core 1 sends.
    cores[2] =
        Box::new(Stuck { device: whole(2), region: Region::Weight, row: 9, bit: 30, value: true });
    let mut problems = (1..6).filter_map(|seed| all_to_all(&mut cores, seed).unwrap().problem);
    let problem = problems.next().expect("one of five patterns has the bit clear");
    assert!(problem.contains("core 1 sent") && problem.contains("core 2 holds"), "{problem}");
}
