//! The network of a mesh, cycle by cycle and flit by flit: the routers of `hdl/src/mesh`, with what a packet brings instead of its words.

use backspike_arch::mesh::UNPACK_FLITS;
use backspike_arch::{Engine, Link, MeshPort, Routes};

/// Ports of a router.
const PORTS: usize = MeshPort::ALL.len();

/// What a packet brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Brings {
    /// Instructions of a queue, one with each word.
    Instructions(Engine),
    Token(u8),
    Data,
    /// Words of a core, to the host.
    Words(u8),
}

/// A packet of `words` words for the set `nodes`.
#[derive(Clone, Copy, Debug)]
pub struct Packet {
    pub nodes: u64,
    pub brings: Brings,
    pub words: usize,
}

impl Packet {
    /// Head, address, words and, to the host, a trailer.
    pub const fn items(&self) -> usize {
        self.words + if matches!(self.brings, Brings::Words(_)) { 3 } else { 2 }
    }

    /// The flit that begins with item `place` and has `most` items behind the head, or those that are left.
    pub const fn flit(&self, place: usize, most: usize) -> Flit {
        let left = self.items() - place;
        let items = if place == 0 {
            1
        } else if left < most {
            left
        } else {
            most
        };
        let last = items == left;
        Flit {
            nodes: self.nodes,
            brings: self.brings,
            place: place as u8,
            items: items as u8,
            last,
        }
    }
}

/// A flit: `items` items of a packet for the set `nodes` from `place` on; the first of a packet is its head.
#[derive(Clone, Copy, Debug)]
pub struct Flit {
    pub nodes: u64,
    pub brings: Brings,
    pub place: u8,
    pub items: u8,
    pub last: bool,
}

/// An input of a router: its buffer, and the ports that the packet at its head has still to go to, one bit each.
#[derive(Clone, Debug)]
struct Input {
    flits: Vec<Flit>,
    // They count on; a flit's place is what remains by the buffer's depth.
    write_at: usize,
    read_at: usize,
    oldest: usize,
    /// A flit shows.
    valid: bool,
    pending: u8,
    /// It was full when the cycle began.
    full: bool,
}

impl Input {
    fn new(depth: usize) -> Self {
        let flit = Flit { nodes: 0, brings: Brings::Data, place: 0, items: 0, last: false };
        let (write_at, read_at, oldest) = (0, 0, 0);
        let flits = vec![flit; depth];
        Self { flits, write_at, read_at, oldest, valid: false, pending: 0, full: false }
    }

    const fn held(&self) -> usize {
        self.write_at - self.oldest
    }

    fn shown(&self) -> Flit {
        self.flits[self.read_at % self.flits.len()]
    }

    /// The ports that the packet whose flit shows has still to go to.
    fn ports(&self, reach: &[u64; PORTS]) -> u8 {
        if self.pending != 0 {
            return self.pending;
        }
        let nodes = self.shown().nodes;
        (0..PORTS).filter(|&port| nodes & reach[port] != 0).fold(0, |ports, port| ports | 1 << port)
    }

    fn push(&mut self, flit: Flit) {
        let place = self.write_at % self.flits.len();
        self.flits[place] = flit;
        self.write_at += 1;
        self.full = self.held() == self.flits.len();
    }

    /// The flit that shows leaves by the lowest of `ports`.
    fn take(&mut self, ports: u8) {
        let more = ports & (ports - 1);
        let last = self.shown().last;
        self.pending = if last { more } else { ports };
        self.read_at += 1;
        if more == 0 {
            self.oldest = self.read_at;
        } else if last {
            self.read_at = self.oldest;
        }
    }

    /// The end of a cycle, before what was pushed in it: that can be read in the next but one.
    fn end_cycle(&mut self) {
        self.valid = self.write_at != self.read_at;
        self.full = self.held() == self.flits.len();
    }
}

/// An output of a router: which input has it until its packet ends, and which come before all others, one bit each.
#[derive(Clone, Copy, Debug, Default)]
struct Output {
    owner: u8,
    first: u8,
}

impl Output {
    /// The input whose turn it is, one bit.
    fn choose(&mut self, requests: u8) -> u8 {
        if self.owner == 0 {
            let early = requests & self.first;
            let candidates = if early == 0 { requests } else { early };
            self.owner = candidates & candidates.wrapping_neg();
        }
        self.owner
    }

    fn end_packet(&mut self) {
        self.first = !(self.owner | (self.owner - 1));
        self.owner = 0;
    }
}

/// All routers, and where flits carry two items what `hdl/src/mesh/unpack.rs` makes of them at every core.
pub struct Network {
    routes: Routes,
    /// The input at the end of each link; `None`: a node.
    next: Vec<Option<usize>>,
    /// Those of the routers, then those of the cores, if they take items one by one.
    inputs: Vec<Input>,
    /// Items of the flit that shows at a core's input which it has taken.
    unpacked: Vec<u8>,
    outputs: Vec<Output>,
    /// The routers that hold flits, one bit each.
    active: u64,
    /// Flits that come to an input in this cycle.
    arriving: Vec<(usize, Flit)>,
}

impl Network {
    pub fn new(routes: &Routes) -> Self {
        let mesh = routes.mesh();
        let links =
            (0..mesh.cores()).flat_map(|router| MeshPort::ALL.map(|port| Link { router, port }));
        let input = |(router, port): (usize, MeshPort)| Link { router, port }.index();
        let unpacks = mesh.items_a_flit() > 1;
        let end = |link: Link| match link.port {
            MeshPort::Local if unpacks => Some(mesh.links_in_all() + link.router),
            _ => mesh.far_end(link).map(input),
        };
        let mut inputs = vec![Input::new(mesh.buffer); mesh.links_in_all()];
        let unpacked = vec![0; if unpacks { mesh.cores() } else { 0 }];
        inputs.resize(inputs.len() + unpacked.len(), Input::new(UNPACK_FLITS));
        Self {
            routes: routes.clone(),
            next: links.map(end).collect(),
            inputs,
            unpacked,
            outputs: vec![Output::default(); mesh.links_in_all()],
            active: 0,
            arriving: Vec::new(),
        }
    }

    /// No router holds a flit.
    pub fn is_idle(&self) -> bool {
        let ends = &self.inputs[self.outputs.len()..];
        self.active == 0 && ends.iter().all(|end| end.held() == 0)
    }

    /// A node offers a flit at a port of its router; `false` if there is no room. Once a cycle, before [`Self::cycle`].
    pub fn offer(&mut self, router: usize, port: MeshPort, flit: Flit) -> bool {
        let input = Link { router, port }.index();
        let room = !self.inputs[input].full;
        if room {
            self.arriving.push((input, flit));
        }
        room
    }

    /// Goes on by a cycle. Adds the flits that nodes take to `delivered`, each with the link it comes by; cores take items one by one.
    pub fn cycle(&mut self, delivered: &mut Vec<(Link, Flit)>) {
        let ends = self.inputs[self.outputs.len()..].iter_mut().zip(&mut self.unpacked);
        for (router, (end, unpacked)) in ends.enumerate().filter(|(_, (end, _))| end.valid) {
            let flit = end.shown();
            // The address goes beside the first word.
            *unpacked = (*unpacked).max(u8::from(flit.place == 1));
            let place = flit.place + *unpacked;
            let last = *unpacked + 1 == flit.items;
            *unpacked = if last { 0 } else { *unpacked + 1 };
            if last {
                end.take(1);
            }
            let link = Link { router, port: MeshPort::Local };
            delivered.push((link, Flit { place, items: 1, last: last && flit.last, ..flit }));
        }
        for router in bits(self.active) {
            self.route(router, delivered);
        }
        self.inputs[self.outputs.len()..].iter_mut().for_each(Input::end_cycle);
        for router in bits(self.active) {
            let inputs = &mut self.inputs[router * PORTS..][..PORTS];
            inputs.iter_mut().for_each(Input::end_cycle);
            if inputs.iter().all(|input| input.held() == 0) {
                self.active &= !(1 << router);
            }
        }
        for (input, flit) in self.arriving.drain(..) {
            if input < self.outputs.len() {
                self.inputs[input].push(flit);
                self.active |= 1 << (input / PORTS);
            } else if flit.place > 0 {
                self.inputs[input].push(flit);
            }
        }
    }

    /// The flits that leave a router in this cycle.
    fn route(&mut self, router: usize, delivered: &mut Vec<(Link, Flit)>) {
        let first = router * PORTS;
        let reach = MeshPort::ALL.map(|port| self.routes.reach(router, port));
        let mut requests = [0_u8; PORTS];
        let mut ports = [0_u8; PORTS];
        for (port, input) in self.inputs[first..first + PORTS].iter().enumerate() {
            if input.valid {
                ports[port] = input.ports(&reach);
                requests[ports[port].trailing_zeros() as usize] |= 1 << port;
            }
        }
        for (to, port) in MeshPort::ALL.into_iter().enumerate().filter(|(to, _)| requests[*to] != 0)
        {
            let link = Link { router, port };
            let chosen = self.outputs[link.index()].choose(requests[to]);
            let next = self.next[link.index()];
            if requests[to] & chosen == 0 || next.is_some_and(|next| self.inputs[next].full) {
                continue;
            }
            let from = chosen.trailing_zeros() as usize;
            let input = &mut self.inputs[first + from];
            let mut flit = input.shown();
            flit.nodes &= reach[to];
            input.take(ports[from]);
            if flit.last {
                self.outputs[link.index()].end_packet();
            }
            match next {
                Some(next) => self.arriving.push((next, flit)),
                None => delivered.push((link, flit)),
            }
        }
    }
}

/// The bits of a set, lowest first.
fn bits(mut set: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = (set != 0).then(|| set.trailing_zeros() as usize)?;
        set &= set - 1;
        Some(bit)
    })
}
