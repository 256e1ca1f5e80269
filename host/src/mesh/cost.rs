//! The traffic of placed flows: flits of every link, and what that costs.

use super::{End, Flow, FlowKind};
use backspike_arch::{Link, MeshPort, Routes};
use serde::Serialize;

/// Flits a sample of every link, by what they carry, in the order of [`FlowKind::ALL`].
#[derive(Clone, Debug, Serialize)]
pub struct Traffic {
    /// By [`Link::index`].
    links: Vec<[f64; FlowKind::ALL.len()]>,
    from_host: f64,
}

impl Traffic {
    /// Flits a sample that the host sends.
    pub fn from_host(&self) -> f64 {
        self.from_host
    }

    /// Flits of a link.
    pub fn flits(&self, link: Link) -> [f64; FlowKind::ALL.len()] {
        self.links[link.index()]
    }

    /// Of `flows` when logical core `c` sits on node `nodes[c]`.
    pub fn new(flows: &[Flow], routes: &Routes, nodes: &[usize]) -> Self {
        let mesh = routes.mesh();
        let mut links = vec![[0.0; FlowKind::ALL.len()]; mesh.links_in_all()];
        let mut from_host = 0.0;
        for flow in flows {
            if flow.from == End::Host {
                from_host += flow.flits;
            }
            let (source, to) = (flow.from.node(mesh, nodes), flow.destinations(mesh, nodes));
            routes.visit(source, to, &mut |link| {
                links[link.index()][flow.kind as usize] += flow.flits;
            });
        }
        Self { links, from_host }
    }

    /// What it costs; `hottest` weighs the busiest link.
    pub fn cost(&self, hottest: f64) -> Cost {
        let mut cost = Cost::default();
        for (index, flits) in self.links.iter().enumerate() {
            if index % MeshPort::ALL.len() == MeshPort::Local as usize {
                continue;
            }
            cost.spikes += flits[FlowKind::Spikes as usize];
            cost.errors += flits[FlowKind::Errors as usize];
            cost.weights += flits[FlowKind::Weights as usize];
            cost.host += flits[FlowKind::Host as usize];
            cost.hottest = cost.hottest.max(flits.iter().sum());
        }
        cost.total = cost.hops() + hottest * cost.hottest;
        cost
    }
}

/// What a placement costs, a sample. Links to cores are not counted: every placement has the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Cost {
    /// Flits x links, by what they carry.
    pub spikes: f64,
    pub errors: f64,
    pub weights: f64,
    pub host: f64,
    /// Flits of the busiest link.
    pub hottest: f64,
    /// Flits x links and the weighted hottest link: what placers lower.
    pub total: f64,
}

impl Cost {
    /// Flits x links of everything.
    pub fn hops(&self) -> f64 {
        self.spikes + self.errors + self.weights + self.host
    }
}
