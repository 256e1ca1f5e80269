//! `backspike map`.

use super::Outcome;
use super::progress::spinner;
use super::source::SourceOptions;
use super::target::{CoreOptions, MeshOptions, PlacementOptions};
use anyhow::{Context, Result, ensure};
use backspike::mesh::{Cost, Effort, PLACERS, Partition, Traffic, busiest_end, packets, plan, svg};
use backspike::network::Network;
use backspike::report::write_file;
use backspike::train::check_dataset;
use backspike_arch::{ArchConfig, MeshConfig, Routes};
use backspike_tb::MeshTraffic;
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

#[derive(Args)]
#[command(after_help = "Examples:
  backspike map examples/mnist.toml --preset mesh-20
  backspike map examples/digits.toml --mesh 2x2 --preset tiny --placer zig-zag -o build/map")]
pub struct Arguments {
    #[command(flatten)]
    source: SourceOptions,
    #[command(flatten)]
    core: CoreOptions,
    #[command(flatten)]
    mesh: MeshOptions,
    #[command(flatten)]
    placement: PlacementOptions,
    /// Samples to train on before the work of the layers is measured
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Samples to measure it with
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..))]
    samples: u32,
    /// Also send the packets of a sample, all at once, through the RTL of the network, and count the cycles (Verilator)
    #[arg(long)]
    rtl: bool,
    /// Directory for picture and record
    #[arg(short, long, value_name = "DIRECTORY", default_value = "build/map")]
    output: PathBuf,
}

pub fn run(arguments: &Arguments) -> Result<Outcome> {
    let network = arguments.source.network()?;
    ensure!(!network.layers.is_empty(), "The network has no layer: add a [[layer]].");
    let config = arguments.core.mesh_config()?;
    let data = arguments.source.data(&network)?;
    check_dataset(&network, &data)?;
    let bar = spinner();
    bar.set_message(format!("training on {} samples, to measure the layers", arguments.limit));
    let effort = Effort { training: arguments.limit as usize, samples: arguments.samples as usize };
    let mesh = &arguments.mesh.chosen(&arguments.core).unwrap_or(MeshConfig::new(4, 5));
    let placing = arguments.placement.placing();
    let plan = plan(&network, &config, &data, mesh, effort, &placing)?;
    bar.finish_and_clear();
    print_partition(&network, &config, &plan.partition);
    if let [(sharing, fewest), .., (_, most)] = plan.trials[..] {
        println!(
            "  a batch with its new weights takes {fewest} cycles of the emulated mesh, the fewest of {} divisions (the most: {most}); up to {sharing} cores share a layer",
            plan.trials.len()
        );
    }

    let flows = &plan.flows;
    let routes = Routes::new(mesh);
    let problem = placing.problem(&plan.partition, flows, &routes);
    println!(
        "\n{} x {} mesh, a sample: flits x links; the busiest node sends or takes {:.0} flits",
        mesh.width,
        mesh.height,
        busiest_end(flows)
    );
    println!(
        "  {:<10} {:>10} {:>10} {:>10} {:>10} {:>10} {:>13} {:>12} {:>11}",
        "placer",
        "spikes",
        "errors",
        "weights",
        "host",
        "all",
        "hottest link",
        "cost",
        if arguments.rtl { "RTL cycles" } else { "" }
    );
    let rtl = arguments.rtl.then(|| MeshTraffic::new(mesh)).transpose()?;
    let mut placements = Vec::new();
    for placer in PLACERS {
        bar.set_message(format!("placing: {}", placer.name()));
        let nodes = placer.place(&problem);
        let cost = problem.cost(&nodes);
        let drain = |network: &MeshTraffic| network.drain(&packets(flows, mesh, &nodes));
        let cycles = rtl.as_ref().map(drain).transpose()?;
        bar.suspend(|| print_cost(placer.name(), &cost, cycles));
        placements.push((placer.name(), nodes, cost, cycles));
    }
    bar.finish_and_clear();

    let drawn = placements.iter().find(|(name, ..)| *name == arguments.placement.placer);
    let (name, nodes, ..) = drawn.context("every placer has placed")?;
    let traffic = Traffic::new(flows, &routes, nodes);
    let title = format!(
        "{} on {} x {} cores {}, {name}",
        network.name, mesh.width, mesh.height, config.name
    );
    let folder = &arguments.output;
    let picture = folder.join("map.svg");
    write_file(&picture, &svg(&title, &plan.partition, &routes, nodes, &traffic))?;
    let record = json!({
        "network": network.name, "config": config, "mesh": mesh, "partition": plan.partition, "trials": plan.trials,
        "flows": plan.flows, "hottest_weight": arguments.placement.hottest, "seed": arguments.placement.placement_seed,
        "placements": placements.iter().map(|(name, nodes, cost, cycles)| json!({"placer": name, "nodes": nodes, "cost": cost, "rtl_cycles": cycles})).collect::<Vec<_>>(),
        "drawn": name, "traffic": traffic,
    });
    let path = folder.join("map.json");
    write_file(&path, &serde_json::to_string_pretty(&record)?)?;
    println!("\npicture: {}\nrecord: {}", picture.display(), path.display());
    Ok(Outcome::Done)
}

fn print_partition(network: &Network, config: &ArchConfig, plan: &Partition) {
    println!(
        "{} on {} cores {} of {} lanes: cycles a sample of the engines and of the port at which words come",
        network.name,
        plan.cores.len(),
        config.name,
        config.lanes
    );
    println!(
        "  {:<5} {:>9} {:>9} {:>9} {:>9}  {:>5}  slices",
        "core", "FP", "BP", "WG", "port", "load"
    );
    let busiest = plan.busiest().max(f64::MIN_POSITIVE);
    for (core, of) in plan.cores.iter().enumerate() {
        let slices: Vec<String> = of.shares.iter().map(ToString::to_string).collect();
        println!(
            "  {core:<5} {:>9.0} {:>9.0} {:>9.0} {:>9.0}  {:>3.0} %  {}",
            of.load.forward,
            of.load.backward,
            of.load.gradient,
            of.load.port,
            100.0 * of.load.busiest() / busiest,
            slices.join(", ")
        );
    }
    println!(
        "  one core: {:.0} cycles a sample of its busiest engine, {:.1} times the busiest core's",
        plan.whole.busiest(),
        plan.speedup()
    );
}

fn print_cost(name: &str, cost: &Cost, cycles: Option<u64>) {
    println!(
        "  {name:<10} {:>10.0} {:>10.0} {:>10.0} {:>10.0} {:>10.0} {:>13.0} {:>12.0} {:>11}",
        cost.spikes,
        cost.errors,
        cost.weights,
        cost.host,
        cost.hops(),
        cost.hottest,
        cost.total,
        cycles.map_or(String::new(), |cycles| cycles.to_string())
    );
}
