//! `backspike traffic`.

use super::Outcome;
use super::source::{SourceOptions, limit};
use super::target::CoreOptions;
use anyhow::Result;
use backspike::traffic::{Access, Dram, Gpu, Machine, Shapes, dram, gpu, measured};
use backspike::train::{check_dataset, epoch_on_emulator};
use clap::Args;
use serde_json::{Value, json};
use std::path::PathBuf;

#[derive(Args)]
#[command(after_help = "Examples:
  backspike traffic examples/digits.toml
  backspike traffic examples/mnist.toml --cores 20 --json traffic.json")]
pub struct Arguments {
    #[command(flatten)]
    source: SourceOptions,
    #[command(flatten)]
    core: CoreOptions,
    /// Samples to train on for the counters
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Cores of the machine whose DRAM traffic is computed, each with the weights of the preset edge
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    cores: Option<u16>,
    /// Samples of a weight update of the reference networks
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..))]
    reference_batch: u32,
    /// Time steps of the reference networks
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    reference_steps: u32,
    /// Write the record to a file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Weights of a core of the computed machine: those of the preset `edge`.
fn weights_per_core() -> u64 {
    backspike_arch::ArchConfig::edge().weights as u64
}

/// The GPUs that are compared: how a framework trains by default, in 16 bits, and as well as it can be programmed.
const GPUS: [(&str, Gpu); 5] = [
    ("eager, float32, no cache", Gpu { width: 4, fused: false, cache: 0 }),
    ("eager, float32, 40 MiB cache", Gpu { width: 4, fused: false, cache: Gpu::A100_CACHE }),
    ("eager, 16 bit, no cache", Gpu { width: 2, fused: false, cache: 0 }),
    ("eager, 16 bit, 40 MiB cache", Gpu { width: 2, fused: false, cache: Gpu::A100_CACHE }),
    ("fused, 16 bit, 40 MiB cache", Gpu { width: 2, fused: true, cache: Gpu::A100_CACHE }),
];

pub fn run(arguments: &Arguments) -> Result<Outcome> {
    let (accesses, samples, trained) = train(arguments)?;
    println!(
        "{}: bytes between engines and memories, a sample, by the counters of {samples} samples",
        trained.name
    );
    println!("  {:<8} {:<10} {:>12} {:>12}", "phase", "memory", "read", "written");
    for access in &accesses {
        let of = |bytes: u64| bytes as f64 / samples as f64;
        println!(
            "  {:<8} {:<10} {:>12.0} {:>12.0}",
            access.phase,
            access.memory,
            of(access.read),
            of(access.written)
        );
    }
    let (batch, steps) =
        (u64::from(arguments.reference_batch), u64::from(arguments.reference_steps));
    let networks = [trained, Shapes::sresnet18(batch, steps), Shapes::svgg16(batch, steps)];
    let models: Vec<Value> =
        networks.iter().map(|shapes| compare(shapes, arguments.cores)).collect();
    if let Some(path) = &arguments.json {
        let record = json!({"samples": samples, "accesses": accesses, "models": models});
        backspike::report::write_file(path, &serde_json::to_string_pretty(&record)?)?;
        println!("\nrecord: {}", path.display());
    }
    Ok(Outcome::Done)
}

/// Counters of training on the emulator, which counts what the RTL counts.
fn train(arguments: &Arguments) -> Result<(Vec<Access>, u64, Shapes)> {
    let network = arguments.source.network()?;
    let program = arguments.core.program(&network)?;
    let mut data = arguments.source.data(&network)?;
    let sample_len = data.sample_len();
    limit(&mut data.train, Some(arguments.limit as usize), sample_len);
    check_dataset(&network, &data)?;
    limit(&mut data.test, Some(0), sample_len);
    let (summary, _) = epoch_on_emulator(&network, &program, &data)?;
    Ok((measured(&summary.totals, &program.config), summary.samples, Shapes::of(&network)))
}

/// Prints and records DRAM traffic of a training step, on machines of cores and on GPUs.
fn compare(shapes: &Shapes, cores: Option<u16>) -> Value {
    let computed = shapes.layers.iter().filter(|layer| !layer.supported).count();
    let mark = if computed > 0 {
        format!(
            "; {computed} of {} layers have operators no core has yet: all computed from the dataflow model",
            shapes.layers.len()
        )
    } else {
        String::new()
    };
    println!(
        "\n{}, {} weights, batch {}, {} steps: MB of DRAM traffic a weight update{mark}",
        shapes.name,
        shapes.weights(),
        shapes.batch,
        shapes.steps
    );
    let gpus = GPUS.map(|(name, which)| (name, which, gpu(shapes, &which)));
    for (name, _, bytes) in &gpus {
        println!("  GPU {name:<40} {:>10.2}", mega(*bytes));
    }
    let counts = cores.map_or(vec![1, 5, 20], |cores| vec![u64::from(cores)]);
    let machines: Vec<(Machine, Dram)> = counts
        .into_iter()
        .map(|cores| Machine { cores, weights_per_core: weights_per_core() })
        .map(|machine| (machine, dram(shapes, &machine)))
        .collect();
    for (machine, found) in &machines {
        let plural = if machine.cores == 1 { "" } else { "s" };
        let title = format!(
            "{} core{plural}, {:.0} MiB for weights, stages: {}",
            machine.cores,
            machine.bytes() as f64 / f64::from(1 << 20),
            found.stages
        );
        let saved: Vec<String> = gpus
            .iter()
            .map(|(.., bytes)| format!("{:.1}", saving(found.total(), *bytes)))
            .collect();
        println!("  {title:<44} {:>10.2}  less by {} %", mega(found.total()), saved.join(" / "));
    }
    if let Some((_, found)) = machines.last() {
        println!(
            "  {:<44} FP weights {:.2} planes {:.2}, BP and WG weights {:.2} planes {:.2} errors {:.2}, UPDATE {:.2}, host {:.2}",
            "of the last one by phase:",
            mega(found.forward_weights),
            mega(found.forward_planes),
            mega(found.backward_weights),
            mega(found.backward_planes),
            mega(found.errors),
            mega(found.update),
            mega(found.host)
        );
    }
    json!({
        "network": shapes.name, "batch": shapes.batch, "steps": shapes.steps, "weights": shapes.weights(),
        "computed_layers": computed,
        "gpus": gpus.iter().map(|(name, which, bytes)| json!({"name": name, "gpu": which, "bytes": bytes})).collect::<Vec<_>>(),
        "machines": machines.iter().map(|(machine, found)| json!({"machine": machine, "bytes": found.total(), "parts": found})).collect::<Vec<_>>(),
    })
}

fn mega(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// How much less `ours` is than `theirs`, in percent.
fn saving(ours: u64, theirs: u64) -> f64 {
    100.0 * (1.0 - ours as f64 / theirs.max(1) as f64)
}
