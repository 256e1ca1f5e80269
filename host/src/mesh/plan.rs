//! From a network and data to a partition on the nodes of a mesh.

use super::{
    Cluster, Flow, MeshProgram, Partition, Pipeline, PlacementProblem, Placer, compile_mesh,
    demand, divisions, measure,
};
use crate::data::{Dataset, Split};
use crate::network::Network;
use crate::reader::Problems;
use crate::train::first_batch;
use crate::train::loss::LossUnit;
use anyhow::{Context, Result};
use backspike_arch::{ArchConfig, Counter, MeshConfig, Routes};
use backspike_emulator::EmulatedMesh;
use rayon::prelude::*;
use serde::Serialize;
use std::sync::Arc;

/// Strides of which a division is tried; of the fastest one all divisions are.
const STRIDES: usize = 4;

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
    /// The fastest of the divisions of each stride; the first, without a trial, when the cores can run none.
    fn plan(&self, strides: Vec<Vec<Partition>>) -> Result<Plan> {
        let mut untried = None;
        let mut found: Vec<(Prepared, Vec<Partition>)> = Vec::new();
        for mut of in strides {
            let rest = of.split_off(1);
            for plan in of.into_iter().map(|partition| self.place(partition)) {
                match self.compile(&plan) {
                    Ok(program) => found.push(((plan, program), rest.clone())),
                    Err(_) => untried = untried.or(Some(plan)),
                }
            }
            if found.len() == STRIDES {
                break;
            }
        }
        let (prepared, rest): (Vec<Prepared>, Vec<Vec<Partition>>) = found.into_iter().unzip();
        let mut tried = self.run(prepared)?;
        let fastest = tried.iter().enumerate().min_by_key(|(_, (cycles, _))| *cycles);
        let rest = fastest.map_or(&[][..], |(stride, _)| &rest[stride][..]);
        let others = rest.iter().map(|partition| self.place(partition.clone()));
        let others = others.filter_map(|plan| Some((self.compile(&plan).ok()?, plan)));
        tried.extend(self.run(others.map(|(program, plan)| (plan, program)).collect())?);
        tried.sort_by_key(|(cycles, _)| *cycles);
        let trials = tried.iter().map(|(cycles, plan)| (plan.partition.sharing(), *cycles));
        let trials = trials.collect();
        let best = tried.into_iter().next().map(|(_, plan)| plan);
        let plan = best.or(untried).context("there is a division")?;
        Ok(Plan { trials, ..plan })
    }

    fn place(&self, partition: Partition) -> Plan {
        let Self { network, config, mesh, placing, .. } = *self;
        let flows = demand(network, config, mesh, &partition);
        let nodes = placing.placer.place(&placing.problem(&partition, &flows, &Routes::new(mesh)));
        Plan { partition, flows, nodes, trials: Vec::new() }
    }

    fn compile(&self, plan: &Plan) -> Result<MeshProgram, Problems> {
        compile_mesh(self.network, self.config, &plan.partition, self.mesh, &plan.nodes)
    }

    /// The cycles of a batch on the emulated mesh, its new weights with all who keep copies.
    fn run(&self, prepared: Vec<Prepared>) -> Result<Vec<(u64, Plan)>> {
        let one = |(plan, program)| {
            let emulated = EmulatedMesh::new(self.config, self.mesh, 1)?.with_clock();
            let cluster = Cluster::open(Arc::new(emulated), program)?;
            let pipeline = Pipeline::new(cluster, LossUnit::new(self.network, self.config));
            let summary = first_batch(self.network, Box::new(pipeline), self.data)?;
            Ok((summary.totals[Counter::Cycles], plan))
        };
        prepared.into_par_iter().map(one).collect()
    }
}
