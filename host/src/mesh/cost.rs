//! The traffic of placed flows: flits of every link, and what that costs.

use super::{End, Flow, FlowKind};
use backspike_arch::{Link, MeshConfig, MeshPort};
use serde::Serialize;

const PORTS: usize = MeshPort::ALL.len();

/// The routes of a mesh, made once.
#[derive(Clone, Debug)]
pub struct Routes {
    mesh: MeshConfig,
    /// Nodes behind each port of each router.
    reach: Vec<[u64; PORTS]>,
}

/// Flits a sample of every link, by what they carry: spikes, errors, host.
#[derive(Clone, Debug, Serialize)]
pub struct Traffic {
    /// Of router `r` and port `p` at `5 r + p`.
    links: Vec<[f64; 3]>,
    from_host: f64,
}

impl Traffic {
    /// Flits a sample that the host sends.
    pub fn from_host(&self) -> f64 {
        self.from_host
    }

    /// Flits of a link.
    pub fn flits(&self, link: Link) -> [f64; 3] {
        self.links[link.router * PORTS + link.port as usize]
    }
}

/// What a placement costs, a sample. Links to cores are not counted: every placement has the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Cost {
    /// Flits x links, by what they carry.
    pub spikes: f64,
    pub errors: f64,
    pub host: f64,
    /// Flits of the busiest link.
    pub hottest: f64,
    /// Flits x links and the weighted hottest link: what placers lower.
    pub total: f64,
}

impl Cost {
    /// Flits x links of everything.
    pub fn hops(&self) -> f64 {
        self.spikes + self.errors + self.host
    }
}

impl Routes {
    /// The routes of `mesh`.
    pub fn new(mesh: &MeshConfig) -> Self {
        let reach = |router| MeshPort::ALL.map(|port| mesh.reach(router, port));
        Self { mesh: mesh.clone(), reach: (0..mesh.cores()).map(reach).collect() }
    }

    /// The mesh.
    pub fn mesh(&self) -> &MeshConfig {
        &self.mesh
    }

    /// Flits of every link when logical core `c` sits on node `nodes[c]`.
    pub fn traffic(&self, flows: &[Flow], nodes: &[usize]) -> Traffic {
        let links = vec![[0.0; 3]; self.reach.len() * PORTS];
        let mut traffic = Traffic { links, from_host: 0.0 };
        let node = |end: &End| match end {
            End::Core(core) => nodes[*core],
            End::Host => self.mesh.host(),
        };
        for flow in flows {
            if flow.from == End::Host {
                traffic.from_host += flow.flits;
            }
            let (x, y) = self.mesh.place(node(&flow.from));
            let to = flow.to.iter().fold(0, |set, end| set | 1 << node(end));
            self.send(y * self.mesh.width + x, to, flow, &mut traffic);
        }
        traffic
    }

    fn send(&self, router: usize, to: u64, flow: &Flow, traffic: &mut Traffic) {
        for (port, reach) in MeshPort::ALL.into_iter().zip(self.reach[router]) {
            if to & reach != 0 {
                let link = Link { router, port };
                traffic.links[router * PORTS + port as usize][flow.kind as usize] += flow.flits;
                if let Some(next) = self.mesh.far_end(link) {
                    self.send(next, to & reach, flow, traffic);
                }
            }
        }
    }

    /// What `traffic` costs; `hottest` weighs the busiest link.
    pub fn cost(&self, traffic: &Traffic, hottest: f64) -> Cost {
        let mut cost = Cost::default();
        for (index, flits) in traffic.links.iter().enumerate() {
            if index % PORTS == MeshPort::Local as usize {
                continue;
            }
            cost.spikes += flits[FlowKind::Spikes as usize];
            cost.errors += flits[FlowKind::Errors as usize];
            cost.host += flits[FlowKind::Host as usize];
            cost.hottest = cost.hottest.max(flits.iter().sum());
        }
        cost.total = cost.hops() + hottest * cost.hottest;
        cost
    }
}
