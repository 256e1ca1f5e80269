//! `backspike train`.

use super::Outcome;
use super::progress::{Progress, spinner};
use super::source::{SourceOptions, default_directory, limit};
use super::target::{
    CoreOptions, DeviceName, DeviceOptions, MeshOptions, PlacementOptions, Verify,
};
use anyhow::{Context, Result};
use backspike::checkpoint::Store;
use backspike::compiler::Program;
use backspike::data::Dataset;
use backspike::mesh::{Cluster, Effort, MeshProgram, Pipeline, compile_mesh, plan};
use backspike::network::Network;
use backspike::report::{Log, link_flits, mesh_record, mesh_report, summary};
use backspike::train::loss::LossUnit;
use backspike::train::{RunOptions, Trainer, check_dataset};
use backspike_arch::{ArchConfig, Mesh};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[derive(Args)]
#[command(
    after_help = "Ctrl-C finishes the batch, writes a checkpoint and exits with code 130; --resume goes on from there, bit for bit as if it
had never stopped. A second Ctrl-C stops at once.

Examples:
  backspike train examples/digits.toml
  backspike train examples/digits.toml --device rtl --verify emulator
  backspike train examples/mnist.toml --threads 2 --log mnist.jsonl
  backspike train examples/mnist.toml --resume --epochs 20
  backspike train examples/deep.toml --preset mesh-20 --threads 2
  backspike train my-network.toml --data my-data.npz --checkpoint runs/mine"
)]
pub struct Arguments {
    #[command(flatten)]
    source: SourceOptions,
    #[command(flatten)]
    core: CoreOptions,
    #[command(flatten)]
    mesh: MeshOptions,
    #[command(flatten)]
    placement: PlacementOptions,
    #[command(flatten)]
    device: DeviceOptions,
    /// Hold the device against another one, word by word
    #[arg(long, value_enum)]
    verify: Option<Verify>,
    /// Epochs [default: training.epochs of the network file]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    epochs: Option<u32>,
    /// Samples per weight update [default: training.batch of the network file]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=65536))]
    batch: Option<u32>,
    /// Use only the first N training samples
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// Measure only the first N test samples, 0 for none
    #[arg(long, value_name = "N")]
    test_limit: Option<u32>,
    /// Stop after N weight updates in all
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    steps: Option<u64>,
    /// Go on from the checkpoint
    #[arg(long)]
    resume: bool,
    /// Directory of the checkpoints [default: runs/<name of the network>]
    #[arg(long, value_name = "DIRECTORY")]
    checkpoint: Option<PathBuf>,
    /// Write a JSON line per weight update and epoch
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
}

pub fn run(arguments: &Arguments) -> Result<Outcome> {
    let mut network = arguments.source.network()?;
    network.training.epochs = arguments.epochs.unwrap_or(network.training.epochs);
    network.training.batch = arguments.batch.map_or(network.training.batch, |batch| batch as usize);
    let mut data = arguments.source.data(&network)?;
    let sample_len = data.sample_len();
    limit(&mut data.train, arguments.limit.map(|n| n as usize), sample_len);
    check_dataset(&network, &data)?;
    let target = Target::compile(arguments, &network, &data)?;
    let config = target.config().clone();
    limit(&mut data.test, arguments.test_limit.map(|n| n as usize), sample_len);

    let directory = arguments.checkpoint.clone().unwrap_or_else(|| default_directory(&network));
    let store = Store::new(&directory)?;
    let resumed = if arguments.resume {
        let (checkpoint, damaged) = store.load()?;
        if let Some(damaged) = damaged {
            eprintln!("warning: {damaged} Going on from the one before.");
        }
        checkpoint.check_resume(&network, data.train.len())?;
        Some(checkpoint)
    } else {
        None
    };
    let log = match &arguments.log {
        Some(path) => {
            let log = Log::create(path, arguments.resume);
            Some(log.with_context(|| {
                format!(
                    "The log {} cannot be written: give another file with --log",
                    path.display()
                )
            })?)
        }
        None => None,
    };

    let stop = Arc::new(AtomicBool::new(false));
    watch_interrupt(&stop)?;
    let mesh = target.mesh(arguments)?;
    let mut trainer = match &target {
        Target::Core(program) => {
            let device = arguments.device.open(program, arguments.verify)?;
            Trainer::new(&network, program.clone(), device, resumed.as_ref())?
        }
        Target::Mesh(program) => {
            let mesh = mesh.clone().context("a mesh was opened")?;
            let cluster = Cluster::open(mesh, program.clone())?;
            let loss = LossUnit::new(&network, &config);
            let pipeline = Pipeline::new(cluster, loss);
            Trainer::on(&network, Box::new(pipeline), resumed.as_ref())?
        }
    };
    println!(
        "{}: {} weights, {} training and {} test samples of {}, {}core {} with {} lanes on {}",
        network.name,
        network.weights(),
        data.train.len(),
        data.test.len(),
        data.name,
        target.cores(),
        config.name,
        config.lanes,
        arguments.device.device
    );
    let epochs = network.training.epochs;
    let mut progress =
        Progress::new(data.train.len(), epochs, trainer.position(), target.on_mesh(), log);
    if let Some(log) = &mut progress.log {
        log.write(&json!({
            "kind": "start",
            "network": network.name,
            "network_hash": network.hash(),
            "data": data.name,
            "samples": data.train.len(),
            "core": config,
            "seed": network.training.seed,
            "step": trainer.position().step,
        }));
    }
    let options = RunOptions {
        threads: arguments.device.encoder_threads(),
        steps: arguments.steps,
        stop: &stop,
        store: Some(&store),
    };
    let result = trainer.run(&data, &options, &mut progress);
    progress.finish();
    let report = result?;
    let on_mesh = match (target.on_mesh(), &mesh) {
        (Some(program), Some(mesh)) => Some((program, link_flits(program, mesh.as_ref())?)),
        _ => None,
    };
    if let Some(mut log) = progress.log.take() {
        if let Some((program, links)) = &on_mesh {
            log.write(&mesh_record(program, &report.cores, links));
        }
        log.finish(&report).context("The log could not be written to its end")?;
    }
    println!("\n{}", summary(&report, &config));
    if let Some((program, links)) = &on_mesh {
        // An emulated mesh, and so whatever is served on a socket, has no clock of its own.
        let hardware = matches!(arguments.device.device, DeviceName::Rtl | DeviceName::Vfio(_));
        let clocked = hardware || arguments.device.clock;
        print!("{}", mesh_report(program, &report.cores, links, clocked));
    }
    println!("checkpoint  {}", store.last().display());
    if arguments.verify.is_some() && report.last.is_some() {
        println!(
            "verified    every spike, membrane and weight that was read equals the emulator's; weight hash {} on both",
            report.weight_hash
        );
    }
    if stop.load(Ordering::Relaxed) && report.stopped {
        println!("stopped     go on with --resume");
        return Ok(Outcome::Interrupted);
    }
    Ok(Outcome::Done)
}

/// What the network was compiled for.
enum Target {
    Core(Program),
    Mesh(MeshProgram),
}

impl Target {
    fn compile(arguments: &Arguments, network: &Network, data: &Dataset) -> Result<Target> {
        let Some(mesh) = arguments.mesh.chosen(&arguments.core) else {
            return Ok(Target::Core(arguments.core.program(network)?));
        };
        let config = arguments.core.mesh_config()?;
        let bar = spinner();
        bar.set_message("training a little, to measure the layers and divide them in several ways");
        let placing = arguments.placement.placing();
        let plan = plan(network, &config, data, &mesh, Effort::default(), &placing)?;
        bar.finish_and_clear();
        let program = compile_mesh(network, &config, &plan.partition, &mesh, &plan.nodes);
        Ok(Target::Mesh(program.with_context(|| {
            format!("Network {} does not fit {} cores {}", network.name, mesh.cores(), config.name)
        })?))
    }

    fn config(&self) -> &ArchConfig {
        match self {
            Target::Core(program) => &program.config,
            Target::Mesh(program) => &program.config,
        }
    }

    fn on_mesh(&self) -> Option<&MeshProgram> {
        match self {
            Target::Core(_) => None,
            Target::Mesh(program) => Some(program),
        }
    }

    /// How many cores, as the first words of a line.
    fn cores(&self) -> String {
        match self {
            Target::Core(_) => String::new(),
            Target::Mesh(MeshProgram { mesh, cores, .. }) => {
                format!("{} of {} x {} cores, each a ", cores.len(), mesh.width, mesh.height)
            }
        }
    }

    fn mesh(&self, arguments: &Arguments) -> Result<Option<Arc<dyn Mesh>>> {
        self.on_mesh()
            .map(|program| arguments.device.open_mesh(program, arguments.verify))
            .transpose()
    }
}

/// The first Ctrl-C asks the training to stop, the second one ends the process.
fn watch_interrupt(stop: &Arc<AtomicBool>) -> Result<()> {
    let stop = Arc::clone(stop);
    ctrlc::set_handler(move || {
        if stop.swap(true, Ordering::Relaxed) {
            std::process::exit(i32::from(super::INTERRUPTED));
        }
        eprintln!("\nstopping after this batch; Ctrl-C again stops at once");
    })
    .context("Ctrl-C cannot be watched")
}
