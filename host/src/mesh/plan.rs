//! From a network and data to a partition with its flows.

use super::{Flow, LayerWork, Partition, demand, measure, partition};
use crate::data::{Dataset, Split};
use crate::network::Network;
use anyhow::{Context, Result};
use backspike_arch::{ArchConfig, MeshConfig};
use serde::Serialize;

/// A network divided among the cores of a mesh.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    pub work: Vec<LayerWork>,
    pub partition: Partition,
    pub flows: Vec<Flow>,
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

/// Measures `network` on the first samples of `data` and divides it among the cores `config` of `mesh`.
///
/// # Errors
/// Everything that does not fit.
pub fn plan(
    network: &Network,
    config: &ArchConfig,
    data: &Dataset,
    mesh: &MeshConfig,
    effort: Effort,
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
    let partition = partition(network, config, &work, mesh.cores()).with_context(|| {
        format!("Network {} does not fit {} cores {}", network.name, mesh.cores(), config.name)
    })?;
    let flows = demand(network, config, mesh, &partition);
    Ok(Plan { work, partition, flows })
}
