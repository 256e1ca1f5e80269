//! From a network and data to a partition on the nodes of a mesh.

use super::{
    Cluster, Flow, MeshProgram, Partition, Pipeline, PlacementProblem, Placer, compile_mesh,
    demand, divisions, measure,
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

/// A division on its nodes, compiled.
type Prepared = (Plan, MeshProgram);

impl Trial<'_> {
    /// The fastest of the divisions of each stride. When the cores can run none, one without a trial: that which shares layers least.
    fn plan(&self, strides: Vec<Vec<Partition>>) -> Result<Plan> {
        let mut refused: Vec<Plan> = Vec::new();
        let mut found: Vec<Vec<Partition>> = Vec::new();
        let mut first: Vec<(usize, Prepared)> = Vec::new();
        for of in strides {
            let stride = found.len();
            for partition in of.iter().take(FIRST) {
                match self.prepare(partition) {
                    Ok(prepared) => first.push((stride, prepared)),
                    Err(plan) => refused.push(*plan),
                }
            }
            if first.last().is_some_and(|(of, _)| *of == stride) {
                found.push(of);
            }
            if found.len() == STRIDES {
                break;
            }
        }
        let (of, first): (Vec<usize>, Vec<Prepared>) = first.into_iter().unzip();
        let mut tried = self.run(first)?;
        if let Some((fastest, _)) = of.iter().zip(&tried).min_by_key(|(_, (cycles, _))| *cycles) {
            let rest = found[*fastest].iter().skip(FIRST);
            tried.extend(self.run(rest.filter_map(|of| self.prepare(of).ok()).collect())?);
        }
        tried.sort_by_key(|(cycles, _)| *cycles);
        let trials = tried.iter().map(|(cycles, plan)| (plan.partition.sharing(), *cycles));
        let trials = trials.collect();
        let best = tried.into_iter().next().map(|(_, plan)| plan);
        // It needs the fewest tokens, descriptors and instructions.
        let least = refused.into_iter().min_by_key(|plan| plan.partition.sharing());
        let plan = best.or(least).context("there is a division")?;
        Ok(Plan { trials, ..plan })
    }

    /// A division on its nodes and compiled; without its program if the cores cannot run it.
    fn prepare(&self, partition: &Partition) -> Result<Prepared, Box<Plan>> {
        let Self { network, config, mesh, placing, .. } = *self;
        let flows = demand(network, config, mesh, partition);
        let nodes = placing.placer.place(&placing.problem(partition, &flows, &Routes::new(mesh)));
        let plan = Plan { partition: partition.clone(), flows, nodes, trials: Vec::new() };
        match compile_mesh(network, config, partition, mesh, &plan.nodes) {
            Ok(program) => Ok((plan, program)),
            Err(_) => Err(Box::new(plan)),
        }
    }

    /// The cycles of a batch on the emulated mesh, its new weights with all who keep copies.
    fn run(&self, prepared: Vec<Prepared>) -> Result<Vec<(u64, Plan)>> {
        let mut network = self.network.clone();
        network.training.batch = network.training.batch.min(SAMPLES);
        let one = |(plan, program)| {
            let emulated = EmulatedMesh::new(self.config, self.mesh, 1)?.with_clock();
            let cluster = Cluster::open(Arc::new(emulated), program)?;
            let pipeline = Pipeline::new(cluster, LossUnit::new(&network, self.config));
            let summary = first_batch(&network, Box::new(pipeline), self.data)?;
            Ok((summary.totals[Counter::Cycles], plan))
        };
        prepared.into_par_iter().map(one).collect()
    }
}
