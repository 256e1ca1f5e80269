//! The identity of a block: the name and parameters of its Verilog module.
//!
//! A `rust-hdl` probe sees no type name. [`Logic::timing`] is the one free-form record a block can
//! give, so the identity travels in it.

use rust_hdl::prelude::*;

/// Marks a [`TimingInfo`] that carries the identity of an ordinary block.
const MODULE: &str = "backspike module";
/// Marks a [`TimingInfo`] that carries a primitive.
const PRIMITIVE: &str = "backspike primitive";

/// The record a block returns from [`Logic::timing`]: its module is called `name`, followed by
/// `_<parameter><value>` for each parameter.
///
/// `name` is the name of the Rust type, written in snake case in Verilog; `params` are all values that
/// change the hardware (`module_name("Walker", &[("p", 64)])` gives `walker_p64`). Two instances with the same name must have the same
/// hardware: the emitter refuses a design where they differ.
///
/// ```
/// # use backspike_hdl::prim::module_name;
/// # use rust_hdl::prelude::*;
/// #[derive(LogicBlock, Default)]
/// struct Inverter {
///     pub data_i: Signal<In, Bit>,
///     pub data_o: Signal<Out, Bit>,
/// }
///
/// impl Logic for Inverter {
///     #[hdl_gen]
///     fn update(&mut self) {
///         self.data_o.next = !self.data_i.val();
///     }
///     fn timing(&self) -> Vec<TimingInfo> {
///         module_name("Inverter", &[])
///     }
/// }
/// ```
pub fn module_name(name: &str, params: &[(&str, usize)]) -> Vec<TimingInfo> {
    described_module(name, params, "")
}

/// [`module_name`] with a sentence for the header comment of the Verilog module.
pub fn described_module(name: &str, params: &[(&str, usize)], text: &str) -> Vec<TimingInfo> {
    let params = params.iter().map(|(key, value)| format!("{key}{value}"));
    record(MODULE, &snake_case(name), params.collect(), text)
}

/// The record of a primitive, read back by [`Identity::of`].
pub(super) fn primitive(primitive: Primitive, params: Vec<String>) -> Vec<TimingInfo> {
    record(PRIMITIVE, primitive.name(), params, "")
}

/// `AlignWeight` becomes `align_weight`; names without capitals stay.
fn snake_case(name: &str) -> String {
    let mut out = String::new();
    for (i, c) in name.char_indices() {
        if c.is_ascii_uppercase() && i > 0 && !out.ends_with('_') {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

fn record(mark: &str, name: &str, params: Vec<String>, text: &str) -> Vec<TimingInfo> {
    vec![TimingInfo {
        name: mark.into(),
        clock: name.into(),
        inputs: params,
        outputs: if text.is_empty() { Vec::new() } else { vec![text.into()] },
    }]
}

/// A block the emitter writes itself instead of reading its kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Primitive {
    /// [`super::Reg`]
    Reg,
    /// [`super::Pipe`]
    Pipe,
    /// [`super::Ram`]
    Ram,
    /// [`super::RamTdp`]
    RamTdp,
    /// [`super::ClockGate`]
    ClockGate,
}

impl Primitive {
    const ALL: [Self; 5] = [Self::Reg, Self::Pipe, Self::Ram, Self::RamTdp, Self::ClockGate];

    fn name(self) -> &'static str {
        match self {
            Self::Reg => "reg",
            Self::Pipe => "pipe",
            Self::Ram => "ram",
            Self::RamTdp => "ram_tdp",
            Self::ClockGate => "clock_gate",
        }
    }
}

/// What a block says about itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Identity {
    /// Name of the module with its parameters, if the block gives one.
    pub name: Option<String>,
    /// Sentence for the header comment; may be empty.
    pub text: String,
    /// Set for the primitives of this module.
    pub primitive: Option<Primitive>,
    /// Parameters in order, as `key` directly followed by `value`.
    pub params: Vec<String>,
}

impl Identity {
    /// Reads the record of `block`.
    pub fn of(block: &dyn Block) -> Self {
        let records = block.timing();
        let Some(record) =
            records.iter().find(|record| record.name == MODULE || record.name == PRIMITIVE)
        else {
            return Self::default();
        };
        let primitive = (record.name == PRIMITIVE)
            .then(|| Primitive::ALL.into_iter().find(|p| p.name() == record.clock))
            .flatten();
        let mut name = record.clock.clone();
        for param in &record.inputs {
            name.push('_');
            name.push_str(param);
        }
        Self {
            name: Some(name),
            text: record.outputs.first().cloned().unwrap_or_default(),
            primitive,
            params: record.inputs.clone(),
        }
    }

    /// What follows `key` in the parameter of that name, if the block has it.
    pub fn param(&self, key: &str) -> Option<&str> {
        self.params.iter().find_map(|param| param.strip_prefix(key))
    }
}
