//! The clock that the cores of a mesh share: when packets arrive, and so when the engines go on.
//!
//! As for a core alone the emulator executes first and learns afterwards when the hardware would have. Events of all cores and of all packets
//! are laid along one clock, earliest first. A packet is followed router by router as a whole: its head leaves a router two cycles after it
//! came, when the output is free; its copies leave one after the other; what comes behind it at the same input waits. What is left out: that
//! buffers fill, so that a packet which waits holds the one before it, and that cores stall a write.

use crate::timeline::{Event, SentRow, Timeline};
use backspike_arch::mesh::{flits_to_core, flits_to_host, packets};
use backspike_arch::{
    ArchConfig, Counter, Engine, HostAddress, Link, MeshPort, PushWord, Region, Register, Routes,
};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// Cycles from a head at an input of a router to that head at an output.
const HOP: i64 = 2;

/// What a packet brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Brings {
    Instruction(u8),
    Token(u8),
    Data,
    /// Words of a core, to the host.
    Words(usize, usize),
}

/// A packet whose head comes to an input of a router; ordered by time, then by age.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Flight {
    time: i64,
    age: u64,
    router: usize,
    input: usize,
    nodes: u64,
    flits: i64,
    brings: Brings,
}

/// The clock of a mesh.
pub struct MeshClock {
    config: ArchConfig,
    routes: Routes,
    cores: Vec<Timeline>,
    /// The cycle of each core's earliest event.
    due: Vec<Option<i64>>,
    flights: BinaryHeap<Reverse<Flight>>,
    age: u64,
    /// When an input of a router, and a link, can take the next packet.
    inputs: Vec<i64>,
    links: Vec<i64>,
    /// When the host can send the next flit.
    host: i64,
    now: i64,
    /// When the host has the words that each core has pushed.
    arrived: Vec<VecDeque<i64>>,
    /// What the clock makes of each register that a core has pushed.
    registers: Vec<VecDeque<Option<u32>>>,
}

const PORTS: usize = MeshPort::ALL.len();

impl MeshClock {
    pub fn new(config: &ArchConfig, routes: &Routes) -> Self {
        let mesh = routes.mesh();
        Self {
            config: config.clone(),
            routes: routes.clone(),
            cores: (0..mesh.cores()).map(|_| Timeline::of_mesh(config.queue_depth)).collect(),
            due: vec![None; mesh.cores()],
            flights: BinaryHeap::new(),
            age: 0,
            inputs: vec![0; mesh.links_in_all()],
            links: vec![0; mesh.links_in_all()],
            host: 0,
            now: 0,
            arrived: vec![VecDeque::new(); mesh.cores()],
            registers: vec![VecDeque::new(); mesh.cores()],
        }
    }

    /// The host writes `words` words from `at` on to the cores of the set `nodes`.
    pub fn write(&mut self, nodes: u64, at: HostAddress, words: usize) {
        for (at, words) in packets(&self.config, at, words) {
            let brings = match at.region {
                Region::Queue if at.sub % 2 == 0 => Brings::Instruction(at.sub / 2),
                Region::Token => Brings::Token(at.row as u8),
                _ => Brings::Data,
            };
            let flits = flits_to_core(words) as i64;
            let time = self.host.max(self.now);
            self.host = time + flits;
            self.launch(time, 0, MeshPort::West as usize, nodes, flits, brings);
        }
    }

    /// A core has executed its next instruction of an engine.
    pub fn execute(&mut self, core: usize, engine: Engine, event: Event) {
        self.cores[core].execute(engine, event);
        self.look(core);
    }

    /// Something has come to a core, or gone.
    fn look(&mut self, core: usize) {
        self.due[core] = self.cores[core].earliest().map(|(time, _)| time);
    }

    /// The host waits for these words of a core, and until all that it wrote has left. Registers of time get their values.
    pub fn receive(&mut self, core: usize, words: &mut [PushWord]) {
        while self.arrived[core].len() < words.len() && self.step() {}
        let count = words.len().min(self.arrived[core].len());
        let last = self.arrived[core].drain(..count).next_back();
        self.now = self.now.max(self.host).max(last.map_or(0, |last| last + 1));
        for word in words.iter_mut().filter(|word| word.addr.region == Region::Register) {
            if let Some(Some(value)) = self.registers[core].pop_front() {
                word.data = value;
            }
        }
    }

    /// A register that counts cycles, as `core` reads it in `cycle`.
    fn register(&self, core: usize, index: usize, cycle: i64) -> Option<u32> {
        let wait = |engine| Some(self.cores[core].wait(engine, false, cycle));
        match Register::from_index(index)? {
            Register::Counter(Counter::Cycles) => Some(cycle as u32),
            Register::Counter(Counter::FpWait) => wait(Engine::Fp),
            Register::Counter(Counter::BpWait) => wait(Engine::Bp),
            Register::Counter(Counter::WgWait) => wait(Engine::Wg),
            Register::Counter(Counter::IoWait) => wait(Engine::Io),
            _ => None,
        }
    }

    fn launch(
        &mut self,
        time: i64,
        router: usize,
        input: usize,
        nodes: u64,
        flits: i64,
        brings: Brings,
    ) {
        self.age += 1;
        let age = self.age;
        self.flights.push(Reverse(Flight { time, age, router, input, nodes, flits, brings }));
    }

    /// Lays the earliest event along the clock; `false` when none is known.
    fn step(&mut self) -> bool {
        let due = self.due.iter().enumerate();
        let core = due.filter_map(|(core, due)| Some(((*due)?, core))).min();
        match (core, self.flights.peek()) {
            (Some((time, core)), Some(Reverse(flight))) if time < flight.time => self.run(core),
            (Some((_, core)), None) => self.run(core),
            (_, Some(_)) => self.fly(),
            (None, None) => return false,
        }
        true
    }

    fn run(&mut self, core: usize) {
        let sent = self.cores[core].step();
        self.look(core);
        let Some(Some(SentRow { push, first })) = sent else { return };
        if push.region == Region::Register && push.nodes == 0 {
            let value = self.register(core, push.to as usize, first - 2);
            self.registers[core].push_back(value);
        }
        let (nodes, brings, flits) = match push.nodes {
            0 => {
                let host = 1 << self.routes.mesh().host();
                (host, Brings::Words(core, push.subs), flits_to_host(push.subs))
            }
            nodes if push.region == Region::Token => {
                (nodes, Brings::Token(push.to as u8), flits_to_core(push.subs))
            }
            nodes => (nodes, Brings::Data, flits_to_core(push.subs)),
        };
        self.launch(first + 1, core, MeshPort::Local as usize, nodes, flits as i64, brings);
    }

    /// Takes the earliest packet through its router.
    fn fly(&mut self) {
        let Some(Reverse(flight)) = self.flights.pop() else { return };
        let Flight { time, router, input, nodes, flits, brings, .. } = flight;
        let place = router * PORTS + input;
        let begin = self.inputs[place];
        if begin > time {
            self.flights.push(Reverse(Flight { time: begin, ..flight }));
            return;
        }
        let mut cursor = time;
        for port in MeshPort::ALL {
            let beyond = nodes & self.routes.reach(router, port);
            if beyond == 0 {
                continue;
            }
            let link = Link { router, port };
            let leaves = (cursor + HOP).max(self.links[link.index()]);
            self.links[link.index()] = leaves + flits;
            cursor = leaves + flits - HOP;
            match self.routes.mesh().far_end(link) {
                Some(next) => {
                    let input = match port {
                        MeshPort::North => MeshPort::South,
                        MeshPort::South => MeshPort::North,
                        MeshPort::East => MeshPort::West,
                        _ => MeshPort::East,
                    };
                    self.launch(leaves, next, input as usize, beyond, flits, brings);
                }
                None => self.deliver(router, leaves, brings),
            }
        }
        self.inputs[place] = cursor;
    }

    /// A packet whose head comes to a node in `cycle`: its words follow head and address.
    fn deliver(&mut self, router: usize, cycle: i64, brings: Brings) {
        let word = cycle + 2;
        match brings {
            Brings::Instruction(engine) => {
                if let Some(engine) = Engine::from_code(engine) {
                    self.cores[router].enqueue_at(engine, word);
                    self.look(router);
                }
            }
            Brings::Token(token) => {
                self.cores[router].post_at(token, word);
                self.look(router);
            }
            Brings::Data => {}
            // The host takes them with the trailer, which says whose they are.
            Brings::Words(core, words) => {
                let trailer = word + words as i64;
                self.arrived[core].extend(std::iter::repeat_n(trailer, words));
            }
        }
    }
}
