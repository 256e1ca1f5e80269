//! `backspike device serve` and `backspike device watch`.

use super::Outcome;
use super::print::text;
use super::target::{CoreOptions, DeviceName, DeviceOptions, MeshOptions};
use anyhow::{Context, Result, bail};
use backspike::device::Optimize;
use backspike::pci::{Event, Server, Snapshot, watch_path};
use backspike_arch::{ArchConfig, MeshConfig, PciFunction};
use backspike_emulator::EmulatedFunction;
use backspike_tb::{AxiTiming, PciLibrary};
use clap::Args;
use std::io::{BufRead, BufReader, IsTerminal};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;

#[derive(Args)]
pub struct ServeArguments {
    /// The socket to make
    socket: PathBuf,
    #[command(flatten)]
    core: CoreOptions,
    #[command(flatten)]
    mesh: MeshOptions,
    #[command(flatten)]
    device: DeviceOptions,
    /// End when the first client has gone
    #[arg(long)]
    once: bool,
    /// RTL: cycles that host memory takes to answer
    #[arg(long, value_name = "CYCLES", default_value_t = 50, value_parser = clap::value_parser!(u32).range(0..=100_000))]
    latency: u32,
}

#[derive(Args)]
pub struct WatchArguments {
    /// The socket of the served function
    socket: PathBuf,
    /// End after N lines
    #[arg(long, value_name = "N")]
    count: Option<usize>,
    /// Print the records as they come, a JSON line each
    #[arg(long)]
    json: bool,
}

fn function(arguments: &ServeArguments) -> Result<Box<dyn PciFunction>> {
    let mesh = arguments.mesh.chosen(&arguments.core);
    let mesh = mesh.as_ref();
    let config = match mesh {
        Some(_) => arguments.core.mesh_config()?,
        None => arguments.core.config()?,
    };
    Ok(match &arguments.device.device {
        DeviceName::Emulator => {
            Box::new(EmulatedFunction::new(&config, mesh, usize::from(arguments.device.threads))?)
        }
        DeviceName::Rtl => {
            eprintln!(
                "building {} as a PCI function with Verilator (cached for the next time)",
                cores(&config, mesh)
            );
            let timing = AxiTiming { latency: arguments.latency, ..AxiTiming::default() };
            Box::new(PciLibrary::new(&config, mesh, Optimize::Full)?.function(1, timing)?)
        }
        other => bail!("{other} cannot be served: use --device emulator or --device rtl."),
    })
}

/// What a function carries, for people.
fn cores(config: &ArchConfig, mesh: Option<&MeshConfig>) -> String {
    let core = format!("{} with {} lanes", config.name, config.lanes);
    match mesh {
        None => format!("the core {core}"),
        Some(MeshConfig { width, height, .. }) => format!("{width} x {height} cores {core}"),
    }
}

/// Serves clients one after the other.
pub fn serve(arguments: &ServeArguments) -> Result<Outcome> {
    let function = function(arguments)?;
    let cores = cores(function.config(), function.mesh());
    let tell = |event: Event| match event {
        Event::Closed { busy, connected } => {
            let (busy, connected) = (busy.as_secs_f64(), connected.as_secs_f64());
            eprintln!(
                "a client has gone after {connected:.1} s, in which the function worked {busy:.1} s"
            );
        }
        Event::Malformed => eprintln!("a client sent what is no message of the protocol: dropped"),
        Event::Failed(error) => eprintln!("error: {error}"),
    };
    let path = &arguments.socket;
    let mut server = Server::new(function, path, Arc::new(tell))
        .with_context(|| format!("The socket {} cannot be served", path.display()))?;
    let sockets = [path.clone(), watch_path(path)];
    ctrlc::set_handler(move || {
        for socket in &sockets {
            let _ = std::fs::remove_file(socket);
        }
        std::process::exit(i32::from(super::INTERRUPTED));
    })
    .context("Ctrl-C cannot be watched")?;
    println!("serving {cores}: --device vfio-user:{}", path.display());
    loop {
        server.serve_one().with_context(|| format!("{} can serve no more", path.display()))?;
        if arguments.once {
            return Ok(Outcome::Done);
        }
    }
}

/// Prints a line for each record of a served function.
pub fn watch(arguments: &WatchArguments) -> Result<Outcome> {
    let path = watch_path(&arguments.socket);
    let stream = UnixStream::connect(&path).with_context(|| {
        format!(
            "No function is served on {}: start one with backspike device serve {0}",
            arguments.socket.display()
        )
    })?;
    let live = std::io::stdout().is_terminal() && !arguments.json;
    let mut before: Option<Snapshot> = None;
    let mut lines = 0;
    for line in BufReader::new(stream).lines() {
        let line = line.context("The function has gone")?;
        let read = if arguments.json {
            text(format_args!("{line}\n"))
        } else {
            let now: Snapshot = serde_json::from_str(&line).context("No record of a function")?;
            // In a terminal to the upper left, and clear.
            let begin = if live { "\x1b[H\x1b[J" } else { "" };
            let read = text(format_args!("{begin}{}\n", now.table(before.as_ref())));
            before = Some(now);
            read
        };
        if !read {
            break;
        }
        lines += 1;
        if arguments.count == Some(lines) {
            break;
        }
    }
    Ok(Outcome::Done)
}
