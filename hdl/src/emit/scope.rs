//! The signals, constants and registers a kernel can name.

use super::error::Problems;
use super::ir::SignalId;
use super::literal::Literal;
use super::names::{is_reserved, verilog_name};
use super::tree::{Instance, Port, rust_name};
use crate::prim::{Primitive, RESET_VALUE};
use rust_hdl::prelude::AtomKind;
use std::collections::{BTreeMap, HashMap};

/// What a signal is to the module that names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Input,
    Output,
    Local,
    ChildInput,
    ChildOutput,
    /// Next value of a register.
    Next,
    /// Present value of a register.
    Present,
    /// Clock input of a register.
    RegisterClock,
}

impl Role {
    /// Whether the kernel of the module drives it.
    pub fn is_target(self) -> bool {
        matches!(
            self,
            Self::Output | Self::Local | Self::ChildInput | Self::Next | Self::RegisterClock
        )
    }
}

#[derive(Clone, Debug)]
pub(super) struct Signal {
    /// Name in Verilog.
    pub name: String,
    /// Name in Rust, for messages.
    pub rust: String,
    pub width: usize,
    pub role: Role,
    pub is_clock: bool,
}

/// A constant by name: a field or an enumeration variant.
#[derive(Clone, Debug)]
pub(super) struct Named {
    /// Name of the local parameter in Verilog.
    pub name: String,
    pub value: Literal,
    pub width: usize,
}

#[derive(Debug)]
pub(super) struct Register {
    pub clock: SignalId,
    pub next: SignalId,
    pub present: SignalId,
    /// Value on reset; `None` for a register without reset.
    pub reset: Option<Literal>,
    /// Name in Rust, for messages.
    pub rust: String,
}

/// A child that is a module of its own.
#[derive(Debug)]
pub(super) struct Child {
    /// Instance name in Verilog.
    pub name: String,
    pub module: String,
    /// Port names with the signals of the parent that stand for them.
    pub ports: Vec<(String, SignalId)>,
}

/// Everything a module declares.
#[derive(Debug, Default)]
pub(super) struct Scope {
    pub signals: Vec<Signal>,
    /// By the name kernels use, with `$` between the pieces.
    pub by_key: HashMap<String, SignalId>,
    pub constants: HashMap<String, Named>,
    pub registers: Vec<Register>,
    pub children: Vec<Child>,
    /// Ports of the module in declaration order.
    pub ports: Vec<SignalId>,
}

/// Name of the synchronous reset every block with a [`crate::prim::Reg`] has.
pub(super) const RESET: &str = "reset";

impl Scope {
    /// Declares what `instance` holds; `report` takes problems.
    pub fn new(instance: &Instance, problems: &mut Problems) -> Self {
        let mut scope = Self::default();
        let mut report = |text| problems.add(instance.title(), &instance.path, text);
        for bundle in &instance.bundles {
            report(format!(
                "field `{bundle}` is a bundle (LogicInterface), which kernels may not use; write its signals as separate fields"
            ));
        }
        for port in &instance.ports {
            scope.add_port(port, &mut report);
        }
        for child in &instance.children {
            match child.identity.primitive {
                Some(kind @ (Primitive::Reg | Primitive::Pipe)) => {
                    scope.add_register(child, kind, &mut report);
                }
                Some(Primitive::Ram | Primitive::RamTdp | Primitive::ClockGate) | None => {
                    scope.add_child(child);
                }
            }
        }
        scope.check_names(&mut report);
        let has_reset = scope.reset().is_some();
        for register in scope.registers.iter().filter(|r| r.reset.is_some()) {
            if !has_reset {
                report(format!(
                    "register `{}` is a Reg but the block has no `{RESET}: Signal<In, Bit>`; add the port or use a Pipe",
                    register.rust
                ));
            }
        }
        scope
    }

    /// The reset input of the module.
    pub fn reset(&self) -> Option<SignalId> {
        let id = *self.by_key.get(RESET)?;
        let signal = &self.signals[id];
        (signal.role == Role::Input && signal.width == 1).then_some(id)
    }

    fn add_signal(&mut self, key: &str, port: &Port, role: Role) -> SignalId {
        let id = self.signals.len();
        self.signals.push(Signal {
            name: verilog_name(key),
            rust: rust_name(key),
            width: port.width,
            role,
            is_clock: port.is_clock,
        });
        self.by_key.insert(key.into(), id);
        self.add_enums(port);
        id
    }

    fn add_enums(&mut self, port: &Port) {
        for variants in &port.enums {
            let width =
                usize::BITS as usize - variants.len().saturating_sub(1).leading_zeros() as usize;
            for (value, variant) in variants.iter().enumerate() {
                let key = variant.replace("::", "$");
                let name = verilog_name(&key).to_ascii_uppercase();
                let value = value.into();
                self.constants.insert(key, Named { name, value, width });
            }
        }
    }

    fn add_port(&mut self, port: &Port, report: &mut dyn FnMut(String)) {
        let role = match port.kind {
            AtomKind::InputParameter => Role::Input,
            AtomKind::OutputParameter | AtomKind::OutputPassthrough => Role::Output,
            AtomKind::LocalSignal => Role::Local,
            AtomKind::Constant => {
                self.add_enums(port);
                let name = verilog_name(&port.name);
                match &port.value {
                    Some(value) => {
                        let (value, width) = (value.clone(), port.width);
                        self.constants.insert(port.name.clone(), Named { name, value, width });
                    }
                    None => report(format!("constant `{}` is negative", rust_name(&port.name))),
                }
                return;
            }
            AtomKind::InOutParameter | AtomKind::StubInputSignal | AtomKind::StubOutputSignal => {
                report(format!(
                    "signal `{}` is bidirectional; use one input and one output",
                    rust_name(&port.name)
                ));
                return;
            }
        };
        if port.width == 0 {
            report(format!("signal `{}` has no bits", rust_name(&port.name)));
        }
        let id = self.add_signal(&port.name, port, role);
        if role != Role::Local {
            self.ports.push(id);
        }
    }

    fn add_register(&mut self, child: &Instance, kind: Primitive, report: &mut dyn FnMut(String)) {
        let mut ids = [None; 3];
        for port in &child.ports {
            let key = format!("{}${}", child.name, port.name);
            let (slot, role) = match port.name.as_str() {
                "d" => (0, Role::Next),
                "q" => (1, Role::Present),
                _ => (2, Role::RegisterClock),
            };
            ids[slot] = Some(self.add_signal(&key, port, role));
        }
        let rust = rust_name(&child.name);
        let [Some(next), Some(present), Some(clock)] = ids else {
            report(format!("register `{rust}` lacks d, q or clock"));
            return;
        };
        if self.signals[next].width == 0 {
            report(format!("register `{rust}` has no bits"));
        }
        let value = child.identity.param(RESET_VALUE).and_then(Literal::parse);
        let reset = match (kind, value) {
            (Primitive::Reg, Some((value, _))) => Some(value),
            (Primitive::Reg, None) => {
                report(format!("register `{rust}` has a negative reset value"));
                None
            }
            _ => None,
        };
        self.registers.push(Register { clock, next, present, reset, rust });
    }

    fn add_child(&mut self, child: &Instance) {
        let mut ports = Vec::new();
        for port in &child.ports {
            let role = match port.kind {
                AtomKind::InputParameter => Role::ChildInput,
                AtomKind::OutputParameter | AtomKind::OutputPassthrough => Role::ChildOutput,
                _ => continue,
            };
            let key = format!("{}${}", child.name, port.name);
            let id = self.add_signal(&key, port, role);
            ports.push((verilog_name(&port.name), id));
        }
        self.children.push(Child {
            name: verilog_name(&child.name),
            module: child.identity.name.clone().unwrap_or_default(),
            ports,
        });
    }

    /// Reports reserved names and names that two things share.
    fn check_names(&self, report: &mut dyn FnMut(String)) {
        let mut owners: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for signal in self.signals.iter().filter(|s| s.role != Role::RegisterClock) {
            let owner = format!("signal `{}`", signal.rust);
            owners.entry(&signal.name).or_default().push(owner);
        }
        for child in &self.children {
            let owner = format!("block `{}`", child.name);
            owners.entry(&child.name).or_default().push(owner);
        }
        let mut constants: Vec<_> = self.constants.iter().collect();
        constants.sort_by_key(|(key, _)| key.as_str());
        for (key, named) in constants {
            let owner = format!("constant `{}`", rust_name(key));
            owners.entry(&named.name).or_default().push(owner);
        }
        for (name, owners) in owners {
            if is_reserved(name) {
                report(format!("{} has a name that Verilog reserves; rename it", owners[0]));
            }
            if name == super::print::UNUSED {
                report(format!("{} has a name the emitter needs; rename it", owners[0]));
            }
            if owners.len() > 1 {
                report(format!(
                    "{} would all be called `{name}` in Verilog; rename all but one",
                    owners.join(" and ")
                ));
            }
        }
    }
}
