//! The instances of a design, gathered by one walk over it.

use super::literal::Literal;
use crate::prim::Identity;
use rust_hdl::prelude::*;

/// One signal or constant of a block.
#[derive(Clone, Debug)]
pub(super) struct Port {
    /// Field name; elements of a `Vec` end in `$<index>`.
    pub name: String,
    pub kind: AtomKind,
    pub width: usize,
    pub is_clock: bool,
    /// Present value; meaningful for constants.
    pub value: Option<Literal>,
    /// Enumerations in the type: name and variants as `Type::Variant`.
    pub enums: Vec<Vec<String>>,
}

/// One block with its children.
#[derive(Debug, Default)]
pub(super) struct Instance {
    /// Field name in the parent; elements of a `Vec` end in `$<index>`.
    pub name: String,
    /// Rust path from the top, for messages.
    pub path: String,
    pub identity: Identity,
    pub ports: Vec<Port>,
    pub children: Vec<Instance>,
    pub hdl: Verilog,
    /// Names of fields that are bundles of signals, which kernels may not use.
    pub bundles: Vec<String>,
}

impl Instance {
    /// Name for messages: the module, or the field where there is none.
    pub fn title(&self) -> &str {
        self.identity.name.as_deref().unwrap_or(&self.name)
    }

    /// The design below `top`.
    pub fn gather(top: &dyn Block) -> Self {
        let mut walk = Walk::default();
        top.accept("top", &mut walk);
        walk.done.unwrap_or_default()
    }
}

#[derive(Default)]
struct Walk {
    open: Vec<Instance>,
    done: Option<Instance>,
    bundle_depth: usize,
}

impl Probe for Walk {
    fn visit_start_scope(&mut self, name: &str, node: &dyn Block) {
        let identity = Identity::of(node);
        let path = match self.open.last() {
            Some(parent) => format!("{}.{}", parent.path, rust_name(name)),
            None => identity.name.clone().unwrap_or_else(|| name.into()),
        };
        self.open.push(Instance {
            name: name.into(),
            path,
            identity,
            hdl: node.hdl(),
            ..Instance::default()
        });
    }

    fn visit_start_namespace(&mut self, name: &str, _node: &dyn Block) {
        self.bundle_depth += 1;
        if let Some(instance) = self.open.last_mut() {
            instance.bundles.push(name.into());
        }
    }

    fn visit_end_namespace(&mut self, _name: &str, _node: &dyn Block) {
        self.bundle_depth -= 1;
    }

    fn visit_atom(&mut self, name: &str, signal: &dyn Atom) {
        if self.bundle_depth > 0 {
            return;
        }
        let Some(instance) = self.open.last_mut() else {
            return;
        };
        let descriptor = signal.descriptor();
        let mut enums = Vec::new();
        gather_enums(&descriptor, &mut enums);
        instance.ports.push(Port {
            name: name.into(),
            kind: signal.kind(),
            width: signal.bits(),
            is_clock: descriptor.name == Clock::descriptor().name,
            value: Literal::from_verilog(&signal.verilog()).map(|(value, _)| value),
            enums,
        });
    }

    fn visit_end_scope(&mut self, _name: &str, _node: &dyn Block) {
        let Some(instance) = self.open.pop() else {
            return;
        };
        match self.open.last_mut() {
            Some(parent) => parent.children.push(instance),
            None => self.done = Some(instance),
        }
    }
}

fn gather_enums(descriptor: &TypeDescriptor, out: &mut Vec<Vec<String>>) {
    match &descriptor.kind {
        TypeKind::Enum(variants) => out.push(variants.clone()),
        TypeKind::Composite(fields) => {
            for field in fields {
                gather_enums(&field.kind, out);
            }
        }
        TypeKind::Bits(_) | TypeKind::Signed(_) => {}
    }
}

/// `lane$3$q` as it reads in Rust: `lane[3].q`.
pub(super) fn rust_name(name: &str) -> String {
    let mut out = String::new();
    for (i, piece) in name.split('$').enumerate() {
        if piece.starts_with(|c: char| c.is_ascii_digit()) {
            out.push_str(&format!("[{piece}]"));
        } else {
            if i > 0 {
                out.push('.');
            }
            out.push_str(piece);
        }
    }
    out
}
