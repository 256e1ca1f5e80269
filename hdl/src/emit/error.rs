//! What the emitter refuses.

use std::fmt;

/// One thing that cannot become Verilog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Name of the module, or of the Rust field where the block has no name.
    pub module: String,
    /// Path of the first instance with this problem, from the top.
    pub instance: String,
    /// The sentence.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.module, self.instance, self.text)
    }
}

/// Everything that keeps a design from becoming Verilog, one sentence each.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", lines(problems))]
pub struct EmitError {
    /// All problems, each once per module, in the order of the design.
    pub problems: Vec<Problem>,
}

fn lines(problems: &[Problem]) -> String {
    let lines: Vec<_> = problems.iter().map(Problem::to_string).collect();
    lines.join("\n")
}

/// Collects problems; the same sentence about the same module is kept once.
#[derive(Debug, Default)]
pub(super) struct Problems {
    list: Vec<Problem>,
}

impl Problems {
    pub fn add(&mut self, module: &str, instance: &str, text: String) {
        let known = |p: &Problem| p.module == module && p.text == text;
        if !self.list.iter().any(known) {
            self.list.push(Problem { module: module.into(), instance: instance.into(), text });
        }
    }

    pub fn into_result(self) -> Result<(), EmitError> {
        if self.list.is_empty() {
            return Ok(());
        }
        Err(EmitError { problems: self.list })
    }
}
