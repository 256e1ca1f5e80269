//! The gate-level core as a [`Device`].

use crate::netlist::Net;
use crate::simulation::{Activity, Simulation};
use backspike_arch::{ArchConfig, Device, DeviceError, HostAddress, PackedWord as _, PushWord};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// Quiet cycles after which the core counts as hung.
const PATIENCE: u64 = 1 << 20;
/// Cycles of reset.
const RESET: usize = 4;

struct Ports {
    reset: Vec<Net>,
    host_valid: Vec<Net>,
    host_ready: Vec<Net>,
    host_addr: Vec<Net>,
    host_data: Vec<Net>,
    push_valid: Vec<Net>,
    push_ready: Vec<Net>,
    push_addr: Vec<Net>,
    push_data: Vec<Net>,
    push_last: Vec<Net>,
}

struct State {
    simulation: Simulation,
    ports: Ports,
    writes: VecDeque<(u32, u32)>,
}

/// A netlist of a core behind its host port. Clones are the same core, so that its activity can be read while another owns the device.
#[derive(Clone)]
pub struct GateDevice {
    config: ArchConfig,
    state: Arc<Mutex<State>>,
}

impl GateDevice {
    /// A core of `config` after reset.
    pub fn new(config: &ArchConfig, simulation: Simulation) -> Self {
        let port = |name: &str| simulation.port(name);
        let ports = Ports {
            reset: port("reset"),
            host_valid: port("host_valid_i"),
            host_ready: port("host_ready_o"),
            host_addr: port("host_addr_i"),
            host_data: port("host_data_i"),
            push_valid: port("push_valid_o"),
            push_ready: port("push_ready_i"),
            push_addr: port("push_addr_o"),
            push_data: port("push_data_o"),
            push_last: port("push_last_o"),
        };
        let mut state = State { simulation, ports, writes: VecDeque::new() };
        state.set(|ports| &ports.reset, 1);
        for _ in 0..RESET {
            state.simulation.settle();
            state.simulation.edge();
        }
        state.set(|ports| &ports.reset, 0);
        Self { config: config.clone(), state: Arc::new(Mutex::new(state)) }
    }

    /// What has been counted since power-on.
    pub fn activity(&self) -> Activity {
        self.lock().simulation.activity()
    }

    /// Lets the core take all writes and runs `cycles` more.
    pub fn rest(&self, cycles: u64) -> Result<(), DeviceError> {
        let mut state = self.lock();
        state.run(0, &mut Vec::new())?;
        for _ in 0..cycles {
            state.simulation.settle();
            state.simulation.edge();
        }
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn set(&mut self, port: impl Fn(&Ports) -> &Vec<Net>, value: u64) {
        self.simulation.set(port(&self.ports), value);
    }

    fn get(&self, port: impl Fn(&Ports) -> &Vec<Net>) -> u64 {
        self.simulation.get(port(&self.ports))
    }

    fn run(&mut self, words: usize, out: &mut Vec<PushWord>) -> Result<(), DeviceError> {
        let wanted = out.len() + words;
        let mut quiet = 0;
        while !self.writes.is_empty() || out.len() < wanted {
            let offered = self.writes.front().copied();
            self.set(|ports| &ports.host_valid, u64::from(offered.is_some()));
            if let Some((addr, data)) = offered {
                self.set(|ports| &ports.host_addr, addr.into());
                self.set(|ports| &ports.host_data, data.into());
            }
            let listening = out.len() < wanted;
            self.set(|ports| &ports.push_ready, u64::from(listening));
            self.simulation.settle();
            quiet += 1;
            if listening && self.get(|ports| &ports.push_valid) != 0 {
                let addr = self.get(|ports| &ports.push_addr) as u32;
                out.push(PushWord {
                    addr: HostAddress::decode(addr)?,
                    data: self.get(|ports| &ports.push_data) as u32,
                    last: self.get(|ports| &ports.push_last) != 0,
                });
                quiet = 0;
            }
            if offered.is_some() && self.get(|ports| &ports.host_ready) != 0 {
                self.writes.pop_front();
                quiet = 0;
            }
            self.simulation.edge();
            if quiet > PATIENCE {
                let missing = wanted - out.len();
                let state = format!("{} writes not taken", self.writes.len());
                return Err(DeviceError::Timeout { wanted, missing, cycles: PATIENCE, state });
            }
        }
        self.set(|ports| &ports.host_valid, 0);
        self.set(|ports| &ports.push_ready, 0);
        Ok(())
    }
}

impl Device for GateDevice {
    fn config(&self) -> &ArchConfig {
        &self.config
    }

    fn write(&mut self, at: HostAddress, data: &[u32]) -> Result<(), DeviceError> {
        at.check_write(data.len(), &self.config)?;
        let mut state = self.lock();
        let mut address = at;
        for &word in data {
            state.writes.push_back((address.encode()?, word));
            address = address.next(&self.config);
        }
        Ok(())
    }

    fn receive(&mut self, words: usize, out: &mut Vec<PushWord>) -> Result<(), DeviceError> {
        self.lock().run(words, out)
    }
}
