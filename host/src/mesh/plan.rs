//! From a network and data to a partition on the nodes of a mesh.

use super::{
    Cluster, Flow, Partition, Pipeline, PlacementProblem, Placer, compile_mesh, demand, divisions,
    measure,
};
use crate::data::{Dataset, Split};
use crate::network::Network;
use crate::train::first_batch;
use crate::train::loss::LossUnit;
use anyhow::{Context, Result};
use backspike_arch::{ArchConfig, Counter, MeshConfig, Routes};
use backspike_emulator::EmulatedMesh;
use rayon::prelude::*;
use serde::Serialize;
use std::sync::Arc;

/// Strides of which divisions are tried, and how many of each; of the fastest stride all are.
const STRIDES: usize = 4;
const FIRST: usize = 3;
/// The most samples of a trial.
const SAMPLES: usize = 64;

/// A network divided among the cores of a mesh and placed there.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    pub partition: Partition,
    pub flows: Vec<Flow>,
    /// The node of each logical core.
    pub nodes: Vec<usize>,
    /// Divisions that were tried, fastest first: the most cores that share a layer, and the cycles of a batch.
    pub trials: Vec<(usize, u64)>,
}

/// Who gives cores their nodes.
pub struct Placing<'a> {
    pub placer: &'a dyn Placer,
    /// Weight of the hottest link, in flits x links.
    pub hottest: f64,
    pub seed: u64,
}

impl Placing<'_> {
    /// What is to be placed.
    pub fn problem<'a>(
        &self,
        partition: &Partition,
        flows: &'a [Flow],
        routes: &'a Routes,
    ) -> PlacementProblem<'a> {
        let cores = partition.cores.len();
        PlacementProblem { cores, flows, routes, hottest: self.hottest, seed: self.seed }
    }
}

/// How the work of the layers is measured.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Samples to train on before.
    pub training: usize,
    /// Samples to measure.
    pub samples: usize,
}

impl Default for Effort {
    fn default() -> Self {
        Self { training: 1024, samples: 16 }
    }
}

/// Measures `network` on the first samples of `data`, divides it among the cores `config` of `mesh` in several ways and takes that which does a batch in
/// the fewest cycles of the emulated mesh.
///
/// # Errors
/// Everything that does not fit.
pub fn plan(
    network: &Network,
    config: &ArchConfig,
    data: &Dataset,
    mesh: &MeshConfig,
    effort: Effort,
    placing: &Placing,
) -> Result<Plan> {
    let samples = effort.training.min(data.train.len());
    let train = Split {
        labels: data.train.labels[..samples].to_vec(),
        features: data.train.features[..samples * data.sample_len()].to_vec(),
    };
    let first = Dataset {
        name: data.name.clone(),
        shape: data.shape.clone(),
        classes: data.classes,
        train,
        test: Split::default(),
    };
    let work = measure(network, config, &first, effort.samples)?;
    let trial = Trial { network, config, mesh, data: &first, placing };
    let strides = divisions(network, config, &work, mesh.cores());
    strides.map_err(Into::into).and_then(|strides| trial.plan(strides)).with_context(|| {
        format!("Network {} does not fit {} cores {}", network.name, mesh.cores(), config.name)
    })
}

/// What divisions are tried with.
struct Trial<'a> {
    network: &'a Network,
    config: &'a ArchConfig,
    mesh: &'a MeshConfig,
    data: &'a Dataset,
    placing: &'a Placing<'a>,
}

impl Trial<'_> {
    /// The fastest of the divisions of each stride. When the cores can run none, one without a trial: that which shares layers least.
    fn plan(&self, strides: Vec<Vec<Partition>>) -> Result<Plan> {
        let mut refused: Vec<Partition> = Vec::new();
        let mut rests: Vec<Vec<Partition>> = Vec::new();
        let mut first: Vec<(usize, Partition)> = Vec::new();
        for mut of in strides {
            let rest = of.split_off(FIRST.min(of.len()));
            let (found, not): (Vec<_>, Vec<_>) = of.into_iter().partition(|of| self.fits(of));
            refused.extend(not);
            if !found.is_empty() {
                first.extend(found.into_iter().map(|partition| (rests.len(), partition)));
                rests.push(rest);
            }
            if rests.len() == STRIDES {
                break;
            }
        }
        let (of, first): (Vec<usize>, Vec<Partition>) = first.into_iter().unzip();
        let mut tried = self.run(first)?;
        if let Some((fastest, _)) = of.iter().zip(&tried).min_by_key(|(_, (cycles, _))| *cycles) {
            let rest = std::mem::take(&mut rests[*fastest]);
            tried.extend(self.run(rest.into_iter().filter(|of| self.fits(of)).collect())?);
        }
        tried.sort_by_key(|(cycles, _)| *cycles);
        let trials = tried.iter().map(|(cycles, plan)| (plan.partition.sharing(), *cycles));
        let trials = trials.collect();
        let best = tried.into_iter().next().map(|(_, plan)| plan);
        // It needs the fewest tokens, descriptors and instructions.
        let least = || refused.into_iter().min_by_key(Partition::sharing);
        let plan = best.or_else(|| least().map(|of| self.place(of)));
        Ok(Plan { trials, ..plan.context("there is a division")? })
    }

    /// Whether the cores can run a division, wherever they sit.
    fn fits(&self, partition: &Partition) -> bool {
        let nodes: Vec<usize> = (0..partition.cores.len()).collect();
        compile_mesh(self.network, self.config, partition, self.mesh, &nodes).is_ok()
    }

    fn place(&self, partition: Partition) -> Plan {
        let Self { network, config, mesh, placing, .. } = *self;
        let flows = demand(network, config, mesh, &partition);
        let nodes = placing.placer.place(&placing.problem(&partition, &flows, &Routes::new(mesh)));
        Plan { partition, flows, nodes, trials: Vec::new() }
    }

    /// Places divisions. The cycles of a batch on the emulated mesh with each, its new weights with all who keep copies.
    fn run(&self, partitions: Vec<Partition>) -> Result<Vec<(u64, Plan)>> {
        let Self { config, mesh, .. } = *self;
        let mut network = self.network.clone();
        network.training.batch = network.training.batch.min(SAMPLES);
        let one = |partition| {
            let plan = self.place(partition);
            let program = compile_mesh(&network, config, &plan.partition, mesh, &plan.nodes)?;
            let emulated = EmulatedMesh::new(config, mesh, 1)?.with_clock();
            let cluster = Cluster::open(Arc::new(emulated), program)?;
            let pipeline = Pipeline::new(cluster, LossUnit::new(&network, config));
            let summary = first_batch(&network, Box::new(pipeline), self.data)?;
            Ok((summary.totals[Counter::Cycles], plan))
        };
        partitions.into_par_iter().map(one).collect()
    }
}
