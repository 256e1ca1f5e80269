//! A memory between gates.

use super::{bus, word};
use crate::memory::{Sram, SramUse};
use crate::netlist::{Instance, Net, ONE};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// Pins of a port of a memory.
struct Port {
    address: Vec<Net>,
    enable: Net,
    /// Writes when high; a read port has none, a write port no other use.
    write: Option<Net>,
    data_in: Vec<Net>,
    data_out: Vec<Net>,
}

pub(super) struct Memory {
    pub(super) name: String,
    pub(super) sram: Sram,
    words: Vec<u128>,
    ports: Vec<Port>,
}

impl Memory {
    /// The memory `instance`, whose ports are told by their names, with random words.
    pub(super) fn new(instance: &Instance, sram: Sram, rng: &mut ChaCha8Rng) -> Self {
        let single = |name: &str| bus(instance, name).first().copied();
        let port = |prefix: &str, enable: &str, write: Option<Net>, data: [&str; 2]| Port {
            address: bus(instance, prefix),
            enable: single(enable).unwrap_or(0),
            write,
            data_in: bus(instance, data[0]),
            data_out: bus(instance, data[1]),
        };
        let ports = if instance.cell.contains("tdp") {
            ["a", "b"]
                .map(|p| {
                    let name = |rest: &str| format!("{p}_{rest}");
                    let write = single(&name("we_i")).or(Some(0));
                    let data = [name("wdata_i"), name("rdata_o")];
                    port(&name("addr_i"), &name("en_i"), write, [&data[0], &data[1]])
                })
                .into()
        } else {
            vec![
                port("waddr_i", "wen_i", Some(ONE), ["wdata_i", ""]),
                port("raddr_i", "ren_i", None, ["", "rdata_o"]),
            ]
        };
        let words = (0..sram.depth).map(|_| rng.random()).collect();
        Memory { name: instance.name.clone(), sram, words, ports }
    }

    /// Reads give the words before this edge's writes.
    pub(super) fn edge(&mut self, values: &[u8], used: &mut SramUse, changes: &mut Vec<(Net, u8)>) {
        let mut written = Vec::new();
        for port in &self.ports {
            if values[port.enable as usize] == 0 {
                continue;
            }
            let address = word(values, &port.address) as usize % self.words.len();
            if port.write.is_some_and(|write| values[write as usize] != 0) {
                written.push((address, word(values, &port.data_in)));
                used.writes += 1;
            } else {
                let data = self.words[address];
                changes.extend(
                    port.data_out
                        .iter()
                        .enumerate()
                        .map(|(bit, &net)| (net, (data >> bit & 1) as u8)),
                );
                used.reads += 1;
            }
        }
        for (address, data) in written {
            self.words[address] = data;
        }
    }
}
