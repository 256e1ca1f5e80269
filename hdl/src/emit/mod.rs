//! From blocks to Verilog-2005.
//!
//! Every distinct block becomes one module, named by [`crate::prim::module_name`]; registers become
//! `reg`s of the module around them, loops are unrolled, every expression has the width it has in Rust.
//! The text is the same for the same design, byte for byte. Designs that would mean something else in
//! Verilog than in the simulation of `rust-hdl` are refused with all reasons at once.

mod error;
mod expr;
mod flow;
mod ir;
mod literal;
mod lower;
mod memory;
mod names;
mod print;
mod scope;
mod show;
mod simplify;
mod tree;

pub use error::{EmitError, Problem};

use crate::prim::{CLOCK_GATE_TEXT, Primitive};
use error::Problems;
use lower::Lowering;
use rust_hdl::prelude::{Block, Verilog};
use scope::Scope;
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use tree::Instance;

/// Head of a file with many modules.
const FILE_NOTE: &str = "\
// The file holds all modules, so it cannot be named after each of them.
/* verilator lint_off DECLFILENAME */
";

/// One Verilog module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    /// Name of the module.
    pub name: String,
    /// Its text, from the header comment to `endmodule`.
    pub text: String,
}

/// A design as Verilog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Design {
    /// Every module after those it instantiates; the top is the last.
    pub modules: Vec<Module>,
}

impl Design {
    /// Name of the top module.
    pub fn top(&self) -> &str {
        self.modules.last().map_or("", |module| &module.name)
    }

    /// Writes one file per module, `<name>.v`, into `directory`, and returns the paths in order.
    pub fn write_to(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        std::fs::create_dir_all(directory)?;
        let write = |module: &Module| {
            let path = directory.join(format!("{}.v", module.name));
            std::fs::write(&path, &module.text)?;
            Ok(path)
        };
        self.modules.iter().map(write).collect()
    }

    /// All modules as the text of one file.
    pub fn to_single_file(&self) -> String {
        let texts: Vec<_> = self.modules.iter().map(|m| m.text.as_str()).collect();
        format!("{FILE_NOTE}\n{}", texts.join("\n"))
    }
}

/// Writes the design below `top` as Verilog. `connect_all` must have been called on it.
pub fn emit(top: &dyn Block) -> Result<Design, EmitError> {
    let root = Instance::gather(top);
    let mut writer = Writer::default();
    writer.add(&root);
    writer.problems.into_result()?;
    Ok(Design { modules: writer.modules })
}

#[derive(Default)]
struct Writer {
    modules: Vec<Module>,
    /// Position of each module by name, with the first instance.
    known: HashMap<String, (usize, String)>,
    problems: Problems,
}

impl Writer {
    fn add(&mut self, instance: &Instance) {
        for child in &instance.children {
            if !matches!(child.identity.primitive, Some(Primitive::Reg | Primitive::Pipe)) {
                self.add(child);
            }
        }
        let Some(name) = instance.identity.name.clone() else {
            let text = "the block gives no module name; implement `timing` with prim::module_name";
            self.refuse(instance, text.into());
            return;
        };
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let starts_well = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
        if !starts_well || !name.chars().all(is_name) || names::is_reserved(&name) {
            let text =
                format!("`{name}` cannot be the name of a module; use letters, digits and _");
            self.refuse(instance, text);
            return;
        }
        let text = match instance.identity.primitive {
            Some(Primitive::ClockGate) => Some(CLOCK_GATE_TEXT.into()),
            Some(_) => memory::memory_text(instance, &mut self.problems),
            None => self.kernel_text(instance, &name),
        };
        if let Some(text) = text {
            self.insert(instance, Module { name, text });
        }
    }

    fn kernel_text(&mut self, instance: &Instance, name: &str) -> Option<String> {
        let kernel = match &instance.hdl {
            Verilog::Combinatorial(kernel) => kernel,
            Verilog::Empty => {
                let text = "the block has no kernel; mark `update` with #[hdl_gen]";
                self.refuse(instance, text.into());
                return None;
            }
            Verilog::Custom(_) | Verilog::Blackbox(_) | Verilog::Wrapper(_) => {
                let text = "the block is written in Verilog by hand, which is not supported; write a kernel or use crate::prim";
                self.refuse(instance, text.into());
                return None;
            }
        };
        let scope = Scope::new(instance, &mut self.problems);
        let mut lowering =
            Lowering { scope: &scope, instance, problems: &mut self.problems, loops: Vec::new() };
        let statements = simplify::simplify(&scope, lowering.block(kernel));
        let mut report = |text| self.problems.add(name, &instance.path, text);
        let groups = flow::split(&scope, &statements, &mut report);
        let comment = &instance.identity.text;
        Some(print::module_text(name, comment, &scope, groups, &mut report))
    }

    /// Adds a module, or checks that the one of that name has the same text.
    fn insert(&mut self, instance: &Instance, module: Module) {
        match self.known.get(&module.name) {
            None => {
                let place = (self.modules.len(), instance.path.clone());
                self.known.insert(module.name.clone(), place);
                self.modules.push(module);
            }
            Some((index, first)) if self.modules[*index].text != module.text => {
                let text = format!(
                    "differs from `{first}`, which has the same module name; add what differs as a parameter of module_name"
                );
                self.refuse(instance, text);
            }
            Some(_) => {}
        }
    }

    fn refuse(&mut self, instance: &Instance, text: String) {
        self.problems.add(instance.title(), &instance.path, text);
    }
}
