//! The clock that the cores of a mesh share: when packets arrive, and so when the engines go on.
//!
//! As for a core alone the emulator executes first and learns afterwards when the hardware would have. What the cores executed is laid along
//! one clock, cycle by cycle, while the routers move the flits that it makes. What is left out: that cores stall a write, and that a PUSH
//! waits for a read of ACCUMULATE.

use crate::inlet::{Inlet, Pack, Sent};
use crate::network::{Brings, Flit, Network, Packet};
use crate::timeline::{Event, SentRow, Timeline};
use backspike_arch::mesh::packets;
use backspike_arch::{
    ArchConfig, Counter, Engine, HostAddress, Link, MeshPort, PushWord, Region, Register, Routes,
};
use std::collections::VecDeque;

/// The clock of a mesh.
pub struct MeshClock {
    config: ArchConfig,
    /// The host's node.
    host: usize,
    cores: Vec<Timeline>,
    /// The cycle of each core's earliest event.
    due: Vec<Option<i64>>,
    inlets: Vec<Inlet>,
    /// Where flits carry more than one item.
    packs: Vec<Pack>,
    items_a_flit: usize,
    network: Network,
    /// What the host has written and not sent yet: packets, and of each the flit that goes next.
    outbox: VecDeque<(usize, Packet)>,
    /// Flits that nodes take in a cycle, each with the link it comes by.
    delivered: Vec<(Link, Flit)>,
    /// The next cycle.
    now: i64,
    /// Words of each core that have come to the host and were not received.
    arrived: Vec<usize>,
    /// What the clock makes of each register that a core has pushed.
    registers: Vec<VecDeque<Option<u32>>>,
}

impl MeshClock {
    pub fn new(config: &ArchConfig, routes: &Routes) -> Self {
        let cores = routes.mesh().cores();
        Self {
            config: config.clone(),
            host: routes.mesh().host(),
            cores: (0..cores).map(|_| Timeline::of_mesh(config.queue_depth)).collect(),
            due: vec![None; cores],
            inlets: (0..cores).map(|_| Inlet::default()).collect(),
            packs: (0..cores).map(|_| Pack::default()).collect(),
            items_a_flit: routes.mesh().items_a_flit(),
            network: Network::new(routes),
            outbox: VecDeque::new(),
            delivered: Vec::new(),
            now: 0,
            arrived: vec![0; cores],
            registers: vec![VecDeque::new(); cores],
        }
    }

    /// The host writes `words` words from `at` on to the cores of the set `nodes`.
    pub fn write(&mut self, nodes: u64, at: HostAddress, words: usize) {
        for (at, words) in packets(&self.config, at, words) {
            self.outbox.push_back((0, Packet { nodes, brings: to_core(at), words }));
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
        while (self.arrived[core] < words.len() || !self.outbox.is_empty()) && self.step() {}
        self.arrived[core] = self.arrived[core].saturating_sub(words.len());
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
            Register::Counter(Counter::IoStalled) => Some(self.cores[core].push_stalled()),
            _ => None,
        }
    }

    /// Goes on by a cycle, or to the next in which something happens; `false` when nothing will.
    fn step(&mut self) -> bool {
        let still = self.network.is_idle()
            && self.outbox.is_empty()
            && self.inlets.iter().all(Inlet::is_idle)
            && self.packs.iter().all(Pack::is_idle);
        if still {
            match self.due.iter().flatten().min() {
                Some(due) => self.now = self.now.max(*due),
                None => return false,
            }
        }
        for core in 0..self.cores.len() {
            while self.due[core].is_some_and(|due| due <= self.now) {
                self.run(core);
            }
        }
        self.send();
        self.now += 1;
        true
    }

    /// Lays a core's earliest event along the clock.
    fn run(&mut self, core: usize) {
        let sent = self.cores[core].step();
        self.look(core);
        let Some(Some(SentRow { push, first })) = sent else { return };
        if push.region == Region::Register && push.nodes == 0 {
            let value = self.register(core, push.to as usize, first - 2);
            self.registers[core].push_back(value);
        }
        let row = HostAddress::new(push.region, push.to, 0);
        let mut left = push.subs;
        for (at, words) in packets(&self.config, row, push.subs) {
            left -= words;
            let (nodes, brings) = match push.nodes {
                0 => (1 << self.host, Brings::Words(core as u8)),
                nodes => (nodes, to_core(at)),
            };
            let packet = Packet { nodes, brings, words };
            self.inlets[core].push(first, Sent { packet, ends_row: left == 0 });
        }
    }

    /// What the nodes offer, the routers move and the nodes take in a cycle.
    fn send(&mut self) {
        if let Some((place, packet)) = self.outbox.front_mut() {
            let flit = packet.flit(*place, self.items_a_flit);
            if self.network.offer(0, MeshPort::West, flit) {
                *place += usize::from(flit.items);
                if flit.last {
                    self.outbox.pop_front();
                }
            }
        }
        for core in 0..self.cores.len() {
            let offered = self.inlets[core].offers(self.now);
            let taken = match self.items_a_flit {
                1 => offered.is_some_and(|flit| self.network.offer(core, MeshPort::Local, flit)),
                _ => self.pack(core, offered),
            };
            if self.inlets[core].end_cycle(self.now, taken) {
                self.cores[core].row_sent(self.now);
                self.look(core);
            }
        }
        let mut delivered = std::mem::take(&mut self.delivered);
        self.network.cycle(&mut delivered);
        for (link, flit) in delivered.drain(..) {
            self.deliver(link.router, flit);
        }
        self.delivered = delivered;
    }

    /// A core's items come together in flits; whether the one that is `offered` is taken.
    fn pack(&mut self, core: usize, offered: Option<Flit>) -> bool {
        let pack = &mut self.packs[core];
        let taken = offered.filter(|_| pack.is_ready());
        let sent =
            pack.offers().is_some_and(|flit| self.network.offer(core, MeshPort::Local, flit));
        let packet = taken.filter(|item| item.last).and_then(|_| self.inlets[core].packet());
        pack.end_cycle(sent, packet);
        taken.is_some()
    }

    /// A node takes a flit: a core what it brings with each word, the host all words of a packet with its trailer, which says whose they are.
    fn deliver(&mut self, router: usize, flit: Flit) {
        // Head and address go before the words.
        if flit.place + flit.items < 3 {
            return;
        }
        match flit.brings {
            Brings::Instructions(engine) => {
                self.cores[router].enqueue_at(engine, self.now);
                self.look(router);
            }
            Brings::Token(token) => {
                self.cores[router].post_at(token, self.now);
                self.look(router);
            }
            // The trailer comes behind head, address and words.
            Brings::Words(core) if flit.last => {
                self.arrived[usize::from(core)] += usize::from(flit.place + flit.items) - 3;
            }
            Brings::Words(_) | Brings::Data => {}
        }
    }
}

/// What words written from `at` on bring to a core.
fn to_core(at: HostAddress) -> Brings {
    match at.region {
        Region::Queue => match at.queue_of() {
            Some((engine, false)) => Brings::Instructions(engine),
            _ => Brings::Data,
        },
        Region::Token => Brings::Token(at.row as u8),
        _ => Brings::Data,
    }
}
