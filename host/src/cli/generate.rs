//! `backspike generate`.

use super::Outcome;
use super::target::{CoreOptions, MeshOptions};
use anyhow::{Result, bail};
use backspike::report::write_file;
use backspike_hdl::core::core_design;
use backspike_hdl::link::pci::pci_design;
use backspike_hdl::mesh::mesh_design;
use clap::Args;
use std::fs;
use std::path::{Path, PathBuf};

#[derive(Args)]
#[command(
    after_help = "Without -o, the reference tables and the C header of this repository are rewritten (docs/reference).

Examples:
  backspike generate --check
  backspike generate --preset edge -o build/verilog
  backspike generate --config my-core.toml --lanes 32 -o build/verilog
  backspike generate --preset edge --pci -o build/pci
  backspike generate --preset mesh-20 -o build/mesh"
)]
pub struct Arguments {
    #[command(flatten)]
    core: CoreOptions,
    #[command(flatten)]
    mesh: MeshOptions,
    /// The core as a PCI function: registers behind AXI4-Lite, rings in host memory behind AXI4, for a vendor's bridge
    #[arg(long)]
    pci: bool,
    /// Only compare with what is there; fails when anything differs
    #[arg(long)]
    check: bool,
    /// Directory for the Verilog of a core, with its C header and reference tables
    #[arg(short, long, value_name = "DIRECTORY")]
    output: Option<PathBuf>,
}

pub fn run(arguments: &Arguments) -> Result<Outcome> {
    let mut files = backspike_arch::generate::files();
    let root = arguments.output.clone().unwrap_or_else(|| PathBuf::from("."));
    if arguments.output.is_none() && !root.join("docs/reference").is_dir() {
        bail!(
            "There is no docs/reference here: run it in the root of the repository, or give -o for the Verilog of a core."
        );
    }
    if arguments.output.is_some() {
        // Beside the Verilog the folders of the repository mean nothing.
        files.iter_mut().for_each(|(path, _)| {
            *path = PathBuf::from("reference").join(path.file_name().unwrap_or_default());
        });
        let config = arguments.core.config()?;
        files.push((PathBuf::from(format!("{}.toml", config.name)), config.to_toml()));
        let design = match arguments.mesh.chosen(&arguments.core) {
            mesh if arguments.pci => pci_design(&config, mesh.as_ref())?,
            Some(mesh) => mesh_design(&config, &mesh)?,
            None => core_design(&config)?,
        };
        let modules = design.modules;
        files.extend(modules.into_iter().map(|m| (PathBuf::from(format!("{}.v", m.name)), m.text)));
    }
    if arguments.check { check(&root, &files) } else { write(&root, &files) }
}

fn check(root: &Path, files: &[(PathBuf, String)]) -> Result<Outcome> {
    let differing: Vec<String> = files
        .iter()
        .filter(|(path, text)| fs::read_to_string(root.join(path)).ok().as_ref() != Some(text))
        .map(|(path, _)| root.join(path).display().to_string())
        .collect();
    if !differing.is_empty() {
        bail!(
            "These files are not what `backspike generate` writes; run it and commit the result:\n  {}",
            differing.join("\n  ")
        );
    }
    println!("{} generated files are up to date", files.len());
    Ok(Outcome::Done)
}

fn write(root: &Path, files: &[(PathBuf, String)]) -> Result<Outcome> {
    for (path, text) in files {
        let path = root.join(path);
        write_file(&path, text)?;
        println!("{}", path.display());
    }
    Ok(Outcome::Done)
}
