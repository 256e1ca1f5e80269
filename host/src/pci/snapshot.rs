//! What a served function does, for those who watch: a record a second on a socket beside the function's.

use backspike_arch::layout::PciRegister;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// The socket on which a function that is served on `socket` can be watched.
pub fn watch_path(socket: &Path) -> PathBuf {
    let mut name = socket.as_os_str().to_owned();
    name.push(".watch");
    name.into()
}

/// Registers of a function at one time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// A client is connected.
    pub connected: bool,
    /// Since the server began.
    pub seconds: f64,
    /// In which the function worked, since its last reset.
    pub busy_seconds: f64,
    /// By name: status, counts and counters.
    pub registers: BTreeMap<String, u32>,
}

impl Snapshot {
    /// The registers that a snapshot has.
    pub fn watched() -> impl Iterator<Item = PciRegister> {
        let counts = [
            PciRegister::Status,
            PciRegister::ToDeviceDoorbell,
            PciRegister::ToDeviceCompleted,
            PciRegister::ToHostDoorbell,
            PciRegister::ToHostCompleted,
        ];
        let counters = PciRegister::ALL.iter().copied();
        let counters = counters.filter(|register| {
            (PciRegister::BusyCycles.offset()..PciRegister::ToDeviceDoorbell.offset())
                .contains(&register.offset())
        });
        counts.into_iter().chain(counters)
    }

    /// A line a register, with how fast it grows since `before`.
    pub fn table(&self, before: Option<&Snapshot>) -> String {
        let client = if self.connected { "a client is connected" } else { "no client" };
        let mut text = format!(
            "{:.0} s, {client}; worked {:.1} s since the last reset",
            self.seconds, self.busy_seconds
        );
        for register in Self::watched() {
            let name = register.name();
            let value = self.registers.get(name).copied().unwrap_or(0);
            let rate = before.and_then(|before| {
                let grown = value.wrapping_sub(*before.registers.get(name)?);
                let seconds = self.seconds - before.seconds;
                (register != PciRegister::Status && seconds > 0.0)
                    .then(|| f64::from(grown) / seconds)
            });
            let rate = rate.map_or(String::new(), |rate| format!("{rate:>14.0} /s"));
            // Writing to a String cannot fail.
            let _ = write!(text, "\n  {name:<22} {value:>12}{rate}");
        }
        text
    }
}
