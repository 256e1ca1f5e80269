//! The mesh of cores: where nodes sit, what each port of a router leads to, which links a packet takes.
//!
//! Cores are numbered row by row from the north-west; the host is the node after the last core and sits west of core 0. A packet names
//! its destinations as a set, one bit a node, and follows the tree of XY routes to them: first along its row, then along the columns.

use crate::layout::HostAddress;
use crate::{ArchConfig, ConfigError};
use serde::Serialize;

/// Words of a packet between host and cores: those of a row whose subs agree but for this power of two.
pub const PACKET_WORDS: u32 = 8;

/// Bit of a packet's address, which no address uses: with flits of two items the last flit has one.
pub const ODD_BIT: usize = 25;

/// Flits of two items that a node holds while it takes their words one by one.
pub const UNPACK_FLITS: usize = 16;

/// A port of a router.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[repr(u8)]
pub enum MeshPort {
    North,
    East,
    South,
    West,
    /// The core.
    Local,
}

impl MeshPort {
    /// All ports, in the order of their numbers in the hardware.
    pub const ALL: [Self; 5] = [Self::North, Self::East, Self::South, Self::West, Self::Local];
}

/// The link that leaves a router at a port; at [`MeshPort::Local`], or west of router 0, it ends at a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Link {
    pub router: usize,
    pub port: MeshPort,
}

impl Link {
    /// Its index in a list of all, of which there are [`MeshConfig::links_in_all`].
    pub const fn index(self) -> usize {
        self.router * MeshPort::ALL.len() + self.port as usize
    }
}

/// The mesh of a device.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct MeshConfig {
    /// Cores in a row.
    pub width: usize,
    /// Rows of cores.
    pub height: usize,
    /// Flits that a router holds at each input, a power of two: the longest packet.
    pub buffer: usize,
    /// Bits of a flit, 32 or 64, one or two items of a packet: a bit for each node must fit.
    pub flit: usize,
}

impl MeshConfig {
    /// Names of the presets, all of cores [`ArchConfig::mesh`].
    pub const PRESETS: &'static [&'static str] = &["mesh-4", "mesh-20"];

    /// A preset by name: 2 x 2 or 4 x 5 cores.
    pub fn preset(name: &str) -> Option<Self> {
        match name {
            "mesh-4" => Some(Self::new(2, 2)),
            "mesh-20" => Some(Self::new(4, 5)),
            _ => None,
        }
    }

    /// A mesh of `width` x `height` cores with flits of 64 bits and buffers of 64 flits.
    pub const fn new(width: usize, height: usize) -> Self {
        Self { width, height, buffer: 64, flit: 64 }
    }

    /// `Ok`, or everything wrong with the mesh.
    ///
    /// # Errors
    /// When a side is 0, there are more nodes than bits in a flit, flits are of another width, or the buffer is no power of two from 4 to 64.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let Self { width, height, buffer, flit } = *self;
        let mut problems = Vec::new();
        if width == 0 || height == 0 {
            problems.push(format!(
                "the mesh is {width} x {height} cores, but each side must be at least 1"
            ));
        }
        if !matches!(flit, 32 | 64) {
            problems.push(format!("flits have {flit} bits, but must have 32 or 64"));
        } else if width.saturating_mul(height) >= flit {
            problems.push(format!(
                "a mesh of {width} x {height} cores and a host has more nodes than the {flit} bits of a flit that name them: use at most {} cores{}",
                flit - 1,
                if flit == 32 { ", or flits of 64 bits" } else { "" }
            ));
        }
        if !buffer.is_power_of_two() || !(4..=64).contains(&buffer) {
            problems.push(format!("buffers hold {buffer} flits, but must hold 4, 8, 16, 32 or 64"));
        }
        self.refuse_if(problems)
    }

    fn refuse_if(&self, problems: Vec<String>) -> Result<(), ConfigError> {
        if problems.is_empty() {
            Ok(())
        } else {
            Err(ConfigError { name: format!("mesh {} x {}", self.width, self.height), problems })
        }
    }

    /// [`Self::validate`], and whether the packets of cores fit the buffers.
    ///
    /// # Errors
    /// Those of `validate`, and when the buffer is shorter than [`Self::longest_packet`].
    pub fn validate_for_cores(&self) -> Result<(), ConfigError> {
        self.validate()?;
        let longest = self.longest_packet();
        if self.buffer >= longest {
            return Ok(());
        }
        let problem = format!(
            "buffers hold {} flits, but cores send packets of up to {longest}: use {} to 64",
            self.buffer,
            longest.next_power_of_two()
        );
        self.refuse_if(vec![problem])
    }

    /// Items of a packet that a flit carries behind its head: address, words and trailer have 32 bits each.
    pub const fn items_a_flit(&self) -> usize {
        self.flit / 32
    }

    /// Flits of a packet of `words` words to a core: a head, then the address and the words.
    pub const fn flits_to_core(&self, words: usize) -> usize {
        1 + (1 + words).div_ceil(self.items_a_flit())
    }

    /// Flits of a packet of `words` words to the host: a head, then the address, the words and a trailer.
    pub const fn flits_to_host(&self, words: usize) -> usize {
        1 + (2 + words).div_ceil(self.items_a_flit())
    }

    /// The flits of a packet for the set `nodes` with these `items`: an address first.
    pub fn flits_of(&self, nodes: u64, items: &[u32]) -> Vec<u64> {
        let mut flits = vec![nodes];
        flits.extend(
            items.chunks(self.items_a_flit()).map(|items| {
                items.iter().rev().fold(0, |flit, item| flit << 32 | u64::from(*item))
            }),
        );
        if !items.len().is_multiple_of(self.items_a_flit()) {
            flits[1] |= 1 << ODD_BIT;
        }
        flits
    }

    /// The items of a packet of which these are the flits behind its head.
    pub fn items_of(&self, flits: &[u64]) -> Vec<u32> {
        let count = self.items_a_flit();
        let mut items: Vec<u32> = flits
            .iter()
            .flat_map(|flit| (0..count).map(move |n| (flit >> (32 * n)) as u32))
            .collect();
        if let Some(address) = items.first_mut().filter(|address| **address >> ODD_BIT & 1 == 1) {
            *address &= !(1 << ODD_BIT);
            items.pop();
        }
        items
    }

    /// Flits of the longest packet between host and cores.
    pub const fn longest_packet(&self) -> usize {
        self.flits_to_host(PACKET_WORDS as usize)
    }

    /// Number of cores.
    pub const fn cores(&self) -> usize {
        self.width * self.height
    }

    /// The host's node.
    pub const fn host(&self) -> usize {
        self.cores()
    }

    /// Number of nodes: the cores and the host.
    pub const fn nodes(&self) -> usize {
        self.cores() + 1
    }

    /// Column and row of a core; the host's are those of core 0, whose router it shares.
    pub const fn place(&self, node: usize) -> (usize, usize) {
        if node == self.host() { (0, 0) } else { (node % self.width, node / self.width) }
    }

    /// The nodes, one bit each, to which `router` sends packets by `port`.
    pub fn reach(&self, router: usize, port: MeshPort) -> u64 {
        let (x, y) = self.place(router);
        (0..self.nodes())
            .filter(|&node| {
                let (to_x, to_y) = self.place(node);
                let here = if node == self.host() { MeshPort::West } else { MeshPort::Local };
                let next = match (to_x.cmp(&x), to_y.cmp(&y)) {
                    (std::cmp::Ordering::Greater, _) => MeshPort::East,
                    (std::cmp::Ordering::Less, _) => MeshPort::West,
                    (_, std::cmp::Ordering::Greater) => MeshPort::South,
                    (_, std::cmp::Ordering::Less) => MeshPort::North,
                    _ => here,
                };
                next == port
            })
            .fold(0, |nodes, node| nodes | 1 << node)
    }

    /// The router at the far end of a link and the port where it comes in, or `None` where there is none: the link ends at a node, or nowhere.
    pub const fn far_end(&self, link: Link) -> Option<(usize, MeshPort)> {
        let Link { router, port } = link;
        let (x, y) = self.place(router);
        match port {
            MeshPort::North if y > 0 => Some((router - self.width, MeshPort::South)),
            MeshPort::East if x + 1 < self.width => Some((router + 1, MeshPort::West)),
            MeshPort::South if y + 1 < self.height => Some((router + self.width, MeshPort::North)),
            MeshPort::West if x > 0 => Some((router - 1, MeshPort::East)),
            _ => None,
        }
    }

    /// Links of all routers, those counted that lead nowhere.
    pub const fn links_in_all(&self) -> usize {
        self.cores() * MeshPort::ALL.len()
    }

    /// Routers between two nodes, less one: links between routers that a packet takes.
    pub const fn hops(&self, from: usize, to: usize) -> usize {
        let ((a, b), (x, y)) = (self.place(from), self.place(to));
        a.abs_diff(x) + b.abs_diff(y)
    }
}

/// The routes of a mesh, made once.
#[derive(Clone, Debug)]
pub struct Routes {
    mesh: MeshConfig,
    /// Nodes behind each port of each router.
    reach: Vec<[u64; MeshPort::ALL.len()]>,
}

impl Routes {
    /// The routes of `mesh`.
    pub fn new(mesh: &MeshConfig) -> Self {
        let reach = |router| MeshPort::ALL.map(|port| mesh.reach(router, port));
        Self { mesh: mesh.clone(), reach: (0..mesh.cores()).map(reach).collect() }
    }

    /// The nodes, one bit each, to which `router` sends packets by `port`.
    pub fn reach(&self, router: usize, port: MeshPort) -> u64 {
        self.reach[router][port as usize]
    }

    /// The mesh.
    pub const fn mesh(&self) -> &MeshConfig {
        &self.mesh
    }

    /// Shows `visit` the links of a packet from `source` to the set `nodes`, each after the one it follows. The packet passes each once.
    pub fn visit(&self, source: usize, nodes: u64, visit: &mut impl FnMut(Link)) {
        let (x, y) = self.mesh.place(source);
        self.visit_from(y * self.mesh.width + x, nodes, visit);
    }

    fn visit_from(&self, router: usize, nodes: u64, visit: &mut impl FnMut(Link)) {
        for (port, reach) in MeshPort::ALL.into_iter().zip(self.reach[router]) {
            let link = Link { router, port };
            let beyond = nodes & reach;
            if beyond != 0 {
                visit(link);
                if let Some((next, _)) = self.mesh.far_end(link) {
                    self.visit_from(next, beyond, visit);
                }
            }
        }
    }

    /// The links of [`Self::visit`].
    pub fn links(&self, source: usize, nodes: u64) -> Vec<Link> {
        let mut links = Vec::new();
        self.visit(source, nodes, &mut |link| links.push(link));
        links
    }
}

/// The packets that carry `words` words from `at` on: the address of each one's first word, and how many words it has.
pub fn packets(config: &ArchConfig, at: HostAddress, words: usize) -> Vec<(HostAddress, usize)> {
    let mut packets: Vec<(HostAddress, usize)> = Vec::new();
    let mut address = at;
    for _ in 0..words {
        match packets.last_mut() {
            Some((first, count)) if first.row == address.row && place_in_packet(address) > 0 => {
                *count += 1;
            }
            _ => packets.push((address, 1)),
        }
        address = address.next(config);
    }
    packets
}

/// How many words of a row's packet come before a word; it begins one at 0 even when the words before it were sent just before.
pub fn place_in_packet(address: HostAddress) -> usize {
    usize::from(address.sub) % PACKET_WORDS as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_of_a_router_share_the_nodes_and_routes_lead_there() {
        for (width, height) in [(1, 1), (2, 2), (5, 1), (1, 4), (4, 5), (7, 9)] {
            let mesh = MeshConfig::new(width, height);
            mesh.validate().unwrap();
            let routes = Routes::new(&mesh);
            for router in 0..mesh.cores() {
                let reach = MeshPort::ALL.map(|port| mesh.reach(router, port));
                let all = u64::MAX >> (64 - mesh.nodes());
                assert_eq!(reach.iter().fold(0, |all, nodes| all | nodes), all);
                assert_eq!(
                    reach.iter().map(|nodes| nodes.count_ones()).sum::<u32>(),
                    all.count_ones()
                );
            }
            for from in 0..mesh.nodes() {
                for to in 0..mesh.nodes() {
                    let links = routes.links(from, 1 << to);
                    assert_eq!(links.len(), mesh.hops(from, to) + 1, "{from} to {to}");
                    let last = links[links.len() - 1];
                    let end =
                        if to == mesh.host() { (0, MeshPort::West) } else { (to, MeshPort::Local) };
                    assert_eq!((last.router, last.port), end);
                    // X, then Y: no turn from a column into a row, but to the host.
                    let column =
                        |link: &Link| matches!(link.port, MeshPort::North | MeshPort::South);
                    let inner = &links[..links.len() - 1];
                    assert!(inner.is_sorted_by_key(column), "{from} to {to}");
                }
            }
        }
    }

    #[test]
    fn a_packet_to_many_takes_each_link_once() {
        let mesh = MeshConfig::new(4, 5);
        let all = (1 << mesh.nodes()) - 1;
        let links = Routes::new(&mesh).links(9, all);
        let distinct: std::collections::BTreeSet<Link> = links.iter().copied().collect();
        assert_eq!(distinct.len(), links.len());
        // 19 links between the routers of 20 cores, and 21 to the nodes.
        assert_eq!(links.len(), 19 + 21);
    }

    #[test]
    fn packets_end_with_a_row_and_with_a_group_of_subs() {
        use crate::Region;
        let config = ArchConfig::edge().with_lanes(32);
        // 16 words a row of weights, from the middle of one: 4 to the end of the group, 8 more, then the next row.
        let at = HostAddress::new(Region::Weight, 7, 4);
        let found: Vec<(u32, u8, usize)> =
            packets(&config, at, 14).iter().map(|(at, words)| (at.row, at.sub, *words)).collect();
        assert_eq!(found, [(7, 4, 4), (7, 8, 8), (8, 0, 2)]);
        assert!(packets(&config, at, 0).is_empty());
        let mesh = |flit| MeshConfig { flit, ..MeshConfig::new(2, 2) };
        let flits =
            |mesh: MeshConfig, words| (mesh.flits_to_core(words), mesh.flits_to_host(words));
        assert_eq!(
            [1, 2, 7, 8].map(|words| flits(mesh(32), words)),
            [(3, 4), (4, 5), (9, 10), (10, 11)]
        );
        assert_eq!(
            [1, 2, 7, 8].map(|words| flits(mesh(64), words)),
            [(2, 3), (3, 3), (5, 6), (6, 6)]
        );
    }

    #[test]
    fn flits_carry_the_items_of_a_packet() {
        for flit in [32, 64] {
            let mesh = MeshConfig { flit, ..MeshConfig::new(2, 2) };
            for words in 1..=8 {
                let items: Vec<u32> = (0..=words).map(|item| 0x8000_0001 + item).collect();
                let flits = mesh.flits_of(0b1001, &items);
                assert_eq!((flits.len(), flits[0]), (mesh.flits_to_core(words as usize), 0b1001));
                assert_eq!(mesh.items_of(&flits[1..]), items);
            }
        }
    }

    #[test]
    fn everything_wrong_with_a_mesh_is_listed() {
        let error = MeshConfig { width: 8, height: 4, buffer: 5, flit: 32 }.validate().unwrap_err();
        assert_eq!(error.problems.len(), 2, "{error}");
        assert!(error.to_string().contains("at most 31 cores, or flits of 64 bits"), "{error}");
        assert!(MeshConfig::new(0, 3).validate().is_err());
        assert!(MeshConfig { flit: 16, ..MeshConfig::new(2, 2) }.validate().is_err());
    }
}
