//! The boards.

use anyhow::{Context, Result};
use backspike_arch::ArchConfig;

/// An ECP5 as the tools name it.
#[derive(Clone, Copy, Debug)]
pub struct Ecp5 {
    pub name: &'static str,
    /// Option of nextpnr that chooses the die.
    pub die: &'static str,
    pub package: &'static str,
    pub speed: &'static str,
    /// What JTAG reads, and what a bitstream for the part checks for.
    pub idcode: u32,
}

/// A board: what is on it, and the core that is put there.
#[derive(Clone, Copy, Debug)]
pub struct Board {
    pub name: &'static str,
    pub title: &'static str,
    pub part: Ecp5,
    /// Verilog of its top module, `backspike_<name>`.
    pub top: &'static str,
    /// Its clock input, and that clock's MHz.
    pub clock: (&'static str, usize),
    /// Pins of the serial link, as the FPGA sees them: receive, transmit.
    pub uart: (&'static str, &'static str),
    /// The pins file, for nextpnr.
    pub constraints: &'static str,
    /// Preset of the core that it gets by default.
    pub preset: &'static str,
    /// Clock of that core, MHz.
    pub core_mhz: usize,
    /// Bits a second of the serial link: what the USB bridge can do.
    pub baud: usize,
    /// Name of the board for openFPGALoader.
    pub loader: &'static str,
}

/// Every board.
pub const BOARDS: &[Board] = &[
    Board {
        name: "ulx3s",
        title: "ULX3S 85F",
        part: Ecp5 {
            name: "LFE5U-85F-6BG381C",
            die: "--85k",
            package: "CABGA381",
            speed: "6",
            idcode: 0x4111_3043,
        },
        top: include_str!("../boards/ulx3s.v"),
        clock: ("clk_25mhz", 25),
        uart: ("ftdi_txd", "ftdi_rxd"),
        constraints: include_str!("../../constraints/ulx3s.lpf"),
        preset: "tiny",
        core_mhz: 50,
        // The FT231X ends at 3 Mbaud.
        baud: 3_000_000,
        loader: "ulx3s",
    },
    Board {
        name: "ecpix5",
        title: "ECPIX-5 85F",
        part: Ecp5 {
            name: "LFE5UM5G-85F-8BG554I",
            die: "--um5g-85k",
            package: "CABGA554",
            speed: "8",
            idcode: 0x8111_3043,
        },
        top: include_str!("../boards/ecpix5.v"),
        clock: ("clk_100mhz", 100),
        uart: ("uart_rx", "uart_tx"),
        constraints: include_str!("../../constraints/ecpix5.lpf"),
        preset: "tiny",
        core_mhz: 80,
        // The FT2232H divides 12 MHz, here by 1.5; the link takes eight cycles a bit at least.
        baud: 8_000_000,
        loader: "ecpix5",
    },
];

impl Board {
    /// The board called `name`.
    pub fn find(name: &str) -> Result<&'static Self> {
        BOARDS.iter().find(|board| board.name == name).with_context(|| {
            format!(
                "There is no board {name:?}: the boards are {}, and the cards for Vivado {}.",
                Self::names(),
                crate::Card::names()
            )
        })
    }

    /// The names of all boards, for people.
    pub fn names() -> String {
        BOARDS.iter().map(|board| board.name).collect::<Vec<_>>().join(", ")
    }

    /// The core that the board gets by default.
    pub fn config(&self) -> ArchConfig {
        self.adapt(&ArchConfig::preset(self.preset).unwrap_or_else(ArchConfig::tiny))
    }

    /// `config` with the clock and the baud of this board.
    pub fn adapt(&self, config: &ArchConfig) -> ArchConfig {
        ArchConfig { clock_mhz: self.core_mhz, baud: self.baud, ..config.clone() }
    }

    /// Name of its top module.
    pub fn module(&self) -> String {
        format!("backspike_{}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boards_pins_are_those_of_its_top_module() {
        for board in BOARDS {
            let header = board.top.split(");").next().unwrap();
            let mut ports = Vec::new();
            for line in header.lines().filter(|line| line.contains("put wire")) {
                let name = line.trim().trim_end_matches(',').rsplit(' ').next().unwrap();
                match line.split_once('[').and_then(|(_, rest)| rest.split_once(':')) {
                    Some((high, _)) => {
                        let high: usize = high.parse().unwrap();
                        ports.extend((0..=high).map(|bit| format!("{name}[{bit}]")));
                    }
                    None => ports.push(name.to_string()),
                }
            }
            let named = |keyword: &str| {
                let lines = board.constraints.lines().filter(|line| line.starts_with(keyword));
                let mut names: Vec<String> =
                    lines.map(|line| line.split('"').nth(1).unwrap().to_string()).collect();
                names.sort();
                names
            };
            ports.sort();
            assert_eq!(named("LOCATE"), ports, "{}", board.name);
            assert_eq!(named("IOBUF"), ports, "{}", board.name);
            let (clock, mhz) = board.clock;
            assert!(board.constraints.contains(&format!("FREQUENCY PORT \"{clock}\" {mhz} MHZ")));
            board.config().validate().unwrap();
        }
    }
}
