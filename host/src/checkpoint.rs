//! Checkpoints: safetensors files that survive a crash at any moment.
//!
//! Tensors `layer<l>.weight` and `layer<l>.state` are binary16 `[fan_in, neurons]`. The metadata hold the position of the run and a checksum
//! over everything else. A file is written aside, synchronised and renamed; the one before stays as `previous.safetensors`.

use crate::network::Network;
use crate::reader::Problems;
use crate::train::scale::Scale;
use crate::train::{Position, Sums};
use crate::weights::{LayerWeights, Weights};
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

const FORMAT: &str = "backspike checkpoint";
/// Raised when the meaning of the metadata changes.
const FORMAT_VERSION: &str = "1";
const LAST: &str = "last.safetensors";
const PREVIOUS: &str = "previous.safetensors";

/// A checkpoint that cannot be used or written; sentences.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CheckpointError(pub Problems);

/// All that is needed to go on exactly where a run stood.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// Name of the network.
    pub network: String,
    /// [`Network::hash`].
    pub network_hash: String,
    /// Samples of the training set: the order of an epoch depends on it.
    pub samples: usize,
    pub position: Position,
    pub weights: Weights,
}

/// The position as it stands in the metadata; f64 as bits, which text would round.
#[derive(Serialize, Deserialize)]
struct StoredPosition {
    epoch: u32,
    batch: usize,
    step: u64,
    exponent: i32,
    quiet: u32,
    interval: u32,
    lowered: u32,
    raised: u32,
    sum_samples: u64,
    sum_correct: u64,
    sum_loss_bits: u64,
}

impl From<&Position> for StoredPosition {
    fn from(position: &Position) -> Self {
        let Position { epoch, batch, step, scale, sums } = *position;
        let Scale { exponent, quiet, interval, lowered, raised } = scale;
        StoredPosition {
            epoch,
            batch,
            step,
            exponent,
            quiet,
            interval,
            lowered,
            raised,
            sum_samples: sums.samples,
            sum_correct: sums.correct,
            sum_loss_bits: sums.loss.to_bits(),
        }
    }
}

impl From<StoredPosition> for Position {
    fn from(stored: StoredPosition) -> Self {
        let StoredPosition { exponent, quiet, interval, lowered, raised, .. } = stored;
        Position {
            epoch: stored.epoch,
            batch: stored.batch,
            step: stored.step,
            scale: Scale { exponent, quiet, interval, lowered, raised },
            sums: Sums {
                samples: stored.sum_samples,
                correct: stored.sum_correct,
                loss: f64::from_bits(stored.sum_loss_bits),
            },
        }
    }
}

impl Checkpoint {
    /// The file's bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CheckpointError> {
        let position = serde_json::to_string(&StoredPosition::from(&self.position));
        let position =
            position.map_err(|error| fail(format!("The position cannot be written: {error}.")))?;
        let mut metadata: BTreeMap<String, String> = BTreeMap::from([
            ("format".into(), FORMAT.into()),
            ("format_version".into(), FORMAT_VERSION.into()),
            ("network".into(), self.network.clone()),
            ("network_hash".into(), self.network_hash.clone()),
            ("samples".into(), self.samples.to_string()),
            ("position".into(), position),
        ]);
        let mut tensors = Vec::new();
        for (l, layer) in self.weights.layers.iter().enumerate() {
            for (part, values) in [("weight", &layer.weight), ("state", &layer.state)] {
                let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
                let name = format!("{}.{part}", Network::layer_name(l));
                tensors.push((name, vec![layer.fan_in, layer.neurons], bytes));
            }
        }
        let parts = tensors
            .iter()
            .map(|(name, shape, bytes)| (name.as_str(), shape.as_slice(), bytes.as_slice()));
        metadata.insert("checksum".into(), checksum(&metadata, parts));
        let views: Result<Vec<(&str, TensorView)>, _> = tensors
            .iter()
            .map(|(name, shape, bytes)| {
                Ok((name.as_str(), TensorView::new(Dtype::F16, shape.clone(), bytes)?))
            })
            .collect();
        let metadata: HashMap<String, String> = metadata.into_iter().collect();
        views
            .and_then(|views| serialize(views, Some(metadata)))
            .map_err(|error| fail(format!("The checkpoint cannot be written: {error}.")))
    }

    /// Reads a file's bytes; anything cut, changed or foreign is refused.
    pub fn from_bytes(bytes: &[u8]) -> Result<Checkpoint, CheckpointError> {
        let broken = |error| {
            fail(format!(
                "it is cut short or not a safetensors file ({error}): use an older checkpoint"
            ))
        };
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(broken)?;
        let file = SafeTensors::deserialize(bytes).map_err(broken)?;
        let mut metadata: BTreeMap<String, String> =
            header.metadata().clone().unwrap_or_default().into_iter().collect();
        let format = metadata.get("format").map(String::as_str);
        let version = metadata.get("format_version").map(String::as_str);
        if (format, version) != (Some(FORMAT), Some(FORMAT_VERSION)) {
            return Err(fail(format!(
                "it is not a {FORMAT} of format version {FORMAT_VERSION}: use the program that wrote it"
            )));
        }
        let mut tensors = file.tensors();
        tensors.sort_by_key(|(name, _)| order(name));
        let parts = tensors.iter().map(|(name, view)| (name.as_str(), view.shape(), view.data()));
        let stored = metadata.remove("checksum").unwrap_or_default();
        if stored != checksum(&metadata, parts) {
            return Err(fail(
                "its checksum is wrong, so it was damaged: use an older checkpoint".to_string(),
            ));
        }
        let text = |key: &str| {
            let missing = || fail(format!("it lacks {key}: use an older checkpoint"));
            metadata.get(key).cloned().ok_or_else(missing)
        };
        let unreadable =
            |key: &str| fail(format!("its {key} cannot be read: use an older checkpoint"));
        let position: StoredPosition =
            serde_json::from_str(&text("position")?).map_err(|_| unreadable("position"))?;
        let mut layers = Vec::new();
        for pair in tensors.chunks(2) {
            let [(name, weight), (_, state)] = pair else { return Err(unreadable("tensors")) };
            let [fan_in, neurons] = weight.shape() else { return Err(unreadable(name)) };
            if weight.dtype() != Dtype::F16
                || state.dtype() != Dtype::F16
                || state.shape() != weight.shape()
            {
                return Err(unreadable(name));
            }
            let (weight, state) = (values(weight.data()), values(state.data()));
            layers.push(LayerWeights { fan_in: *fan_in, neurons: *neurons, weight, state });
        }
        Ok(Checkpoint {
            network: text("network")?,
            network_hash: text("network_hash")?,
            samples: text("samples")?.parse().map_err(|_| unreadable("samples"))?,
            position: position.into(),
            weights: Weights { layers },
        })
    }

    /// Reads one file.
    pub fn read(path: &Path) -> Result<Checkpoint, CheckpointError> {
        let bytes = fs::read(path).map_err(|error| {
            fail(format!("The checkpoint {} cannot be read: {error}.", path.display()))
        })?;
        Checkpoint::from_bytes(&bytes).map_err(|error| {
            fail(format!("The checkpoint {} is refused: {error}.", path.display()))
        })
    }

    /// Refuses a checkpoint whose tensors are not those of `network`, naming each.
    pub fn check_shapes(&self, network: &Network) -> Result<(), CheckpointError> {
        let mut problems = Problems::default();
        if self.weights.layers.len() != network.layers.len() {
            problems.push(format!(
                "The checkpoint of {} has {} layers, but network {} has {}: use the network file it was trained with.",
                self.network, self.weights.layers.len(), network.name, network.layers.len()
            ));
        }
        for (l, layer) in self.weights.layers.iter().enumerate().take(network.layers.len()) {
            let wanted = (network.fan_in(l), network.layers[l].neurons);
            if (layer.fan_in, layer.neurons) != wanted {
                problems.push(format!(
                    "{}.weight of the checkpoint has the shape [{}, {}], but network {} needs [{}, {}]: use the network file it was \
                     trained with.",
                    Network::layer_name(l), layer.fan_in, layer.neurons, network.name, wanted.0, wanted.1
                ));
            }
        }
        problems.into_result(()).map_err(CheckpointError)
    }

    /// Refuses to resume with what would not continue the same run.
    pub fn check_resume(&self, network: &Network, samples: usize) -> Result<(), CheckpointError> {
        self.check_shapes(network)?;
        let mut problems = Problems::default();
        if self.network_hash != network.hash() {
            problems.push(format!(
                "The checkpoint of {} was trained with another network file or other overrides (hash {}, now {}): use the same ones, only \
                 the number of epochs may differ.",
                self.network, self.network_hash, network.hash()
            ));
        }
        if self.samples != samples {
            problems.push(format!(
                "The checkpoint was trained on {} samples, but there are {samples} now: use the same data and --limit.",
                self.samples
            ));
        }
        problems.into_result(()).map_err(CheckpointError)
    }
}

/// A directory with the last two checkpoints of a run.
#[derive(Clone, Debug)]
pub struct Store {
    directory: PathBuf,
}

impl Store {
    /// Creates the directory if needed.
    pub fn new(directory: &Path) -> Result<Store, CheckpointError> {
        fs::create_dir_all(directory).map_err(|error| {
            fail(format!(
                "The checkpoint directory {} cannot be made: {error}. Give one that can be with --checkpoint.",
                directory.display()
            ))
        })?;
        Ok(Store::at(directory))
    }

    /// A directory to load from, which may be missing.
    pub fn at(directory: &Path) -> Store {
        Store { directory: directory.to_path_buf() }
    }

    /// The file of the newest checkpoint.
    pub fn last(&self) -> PathBuf {
        self.directory.join(LAST)
    }

    /// The file of the one before.
    pub fn previous(&self) -> PathBuf {
        self.directory.join(PREVIOUS)
    }

    /// Writes a checkpoint; the last one becomes the previous one, unless it is damaged. At every moment one of both is whole.
    pub fn save(&self, checkpoint: &Checkpoint) -> Result<(), CheckpointError> {
        let bytes = checkpoint.to_bytes()?;
        let write = || -> std::io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(&self.directory)?;
            file.write_all(&bytes)?;
            file.as_file().sync_all()?;
            // A damaged file must not take the place of the previous one, which may be the only whole one.
            if Checkpoint::read(&self.last()).is_ok() {
                fs::rename(self.last(), self.previous())?;
            }
            file.persist(self.last())?;
            File::open(&self.directory)?.sync_all()
        };
        write().map_err(|error| {
            fail(format!("The checkpoint {} cannot be written: {error}.", self.last().display()))
        })
    }

    /// The newest checkpoint that is whole. The second value says what was wrong with a newer one.
    pub fn load(&self) -> Result<(Checkpoint, Option<CheckpointError>), CheckpointError> {
        if !self.last().exists() && !self.previous().exists() {
            return Err(fail(format!(
                "There is no checkpoint in {}: train first without --resume, or name the directory of one with --checkpoint.",
                self.directory.display()
            )));
        }
        let first = match Checkpoint::read(&self.last()) {
            Ok(checkpoint) => return Ok((checkpoint, None)),
            Err(error) => error,
        };
        match Checkpoint::read(&self.previous()) {
            Ok(checkpoint) => Ok((checkpoint, Some(first))),
            Err(second) => Err(CheckpointError(
                first.0.sentences().iter().chain(second.0.sentences()).cloned().collect(),
            )),
        }
    }
}

fn fail(sentence: String) -> CheckpointError {
    CheckpointError(Problems::from(sentence))
}

/// Weight before state, layers by number: the order in which tensors are checked and read.
fn order(name: &str) -> (usize, bool) {
    let (layer, part) = name.split_once('.').unwrap_or((name, ""));
    let number = layer.trim_start_matches("layer").parse().unwrap_or(usize::MAX);
    (number, part != "weight")
}

fn values(bytes: &[u8]) -> Vec<u16> {
    bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect()
}

/// Covers metadata, names, shapes and data, each with its length.
fn checksum<'a>(
    metadata: &BTreeMap<String, String>,
    tensors: impl Iterator<Item = (&'a str, &'a [usize], &'a [u8])>,
) -> String {
    let mut hasher = blake3::Hasher::new();
    let mut add = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    for (key, value) in metadata {
        add(key.as_bytes());
        add(value.as_bytes());
    }
    for (name, shape, data) in tensors {
        add(name.as_bytes());
        shape.iter().for_each(|side| add(&(*side as u64).to_le_bytes()));
        add(data);
    }
    hasher.finalize().to_hex().to_string()
}
