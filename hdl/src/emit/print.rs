//! The text of a module.

use super::flow::Group;
use super::ir::{Expr, Node, SignalId, Stmt};
use super::literal::Literal;
use super::scope::{RESET, Role, Scope};
use super::show::{Window, range, select};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;

/// Name of the wire that reads what nothing else does, so that no tool reports it.
pub(super) const UNUSED: &str = "unused_bits";

/// Columns of a header comment.
const COMMENT_COLUMNS: usize = 100;

/// Writes the module `name`; `report` takes problems.
pub(super) fn module_text(
    name: &str,
    comment: &str,
    scope: &Scope,
    groups: Vec<Group>,
    report: &mut dyn FnMut(String),
) -> String {
    let mut printer = Printer::new(scope, groups);
    printer.connect(report);
    printer.gather_reads();
    printer.write(name, comment)
}

struct Printer<'a> {
    scope: &'a Scope,
    groups: Vec<Group>,
    /// Child inputs that need no wire.
    direct: HashMap<SignalId, Expr>,
    /// Clock of each register, in the order of the scope.
    clocks: Vec<Option<SignalId>>,
    /// Signals a process (not a continuous assignment) drives.
    variables: BTreeSet<SignalId>,
    /// Signals the kernel drives at all.
    driven: BTreeSet<SignalId>,
    /// Bits of each signal that something reads.
    used: Vec<Vec<bool>>,
    constants: BTreeMap<String, (Literal, usize)>,
    windows: BTreeSet<Window>,
    out: String,
}

impl<'a> Printer<'a> {
    fn new(scope: &'a Scope, groups: Vec<Group>) -> Self {
        Self {
            scope,
            groups,
            direct: HashMap::new(),
            clocks: Vec::new(),
            variables: BTreeSet::new(),
            driven: BTreeSet::new(),
            used: scope.signals.iter().map(|s| vec![false; s.width]).collect(),
            constants: BTreeMap::new(),
            windows: BTreeSet::new(),
            out: String::new(),
        }
    }

    /// Finds the inputs of children that need no wire of their own. Clocks must be among them: a
    /// clock that goes through an assignment arrives late in simulation.
    fn connect(&mut self, report: &mut dyn FnMut(String)) {
        let mut read = BTreeSet::new();
        for group in &self.groups {
            for statement in &group.statements {
                statement.expressions(&mut |e| {
                    e.reads(&mut |signal, _| {
                        read.insert(signal);
                    });
                });
            }
        }
        let scope = self.scope;
        let is_clock = |id: SignalId| scope.signals[id].is_clock;
        let mut rest = Vec::new();
        for group in std::mem::take(&mut self.groups) {
            let plain = match group.single() {
                Some((id, value)) => {
                    let role = scope.signals[id].role;
                    let simple = matches!(
                        value.node,
                        Node::Signal(_) | Node::Part { .. } | Node::Literal { .. }
                    );
                    let child = matches!(role, Role::ChildInput | Role::RegisterClock);
                    (child && simple && !read.contains(&id)).then(|| (id, value.clone()))
                }
                None => None,
            };
            match plain {
                Some((id, value)) => {
                    self.direct.insert(id, value);
                }
                None => rest.push(group),
            }
        }
        for group in &rest {
            for &id in group.targets.iter().filter(|id| is_clock(**id)) {
                report(format!(
                    "clock `{}` is not simply connected; assign it once from a clock input",
                    scope.signals[id].rust
                ));
            }
            if group.single().is_none() {
                self.variables.extend(&group.targets);
                if !group.reads_others() {
                    report(format!(
                        "`{}` is computed from constants alone, so no process would ever run; assign the result",
                        scope.signals[group.targets[0]].rust
                    ));
                }
            }
            self.driven.extend(&group.targets);
        }
        self.groups = rest;
        let clock_of = |id| match self.direct.get(id).map(|value| &value.node) {
            Some(Node::Signal(clock)) if is_clock(*clock) => Some(*clock),
            _ => None,
        };
        self.clocks = scope.registers.iter().map(|r| clock_of(&r.clock)).collect();
        for (register, clock) in scope.registers.iter().zip(&self.clocks) {
            if clock.is_none() {
                report(format!(
                    "register `{}` has no clock; connect it with dff_setup!",
                    register.rust
                ));
            }
        }
    }

    /// Notes every bit, constant and window function that the text will mention.
    fn gather_reads(&mut self) {
        let mut mentioned = Vec::new();
        for group in &self.groups {
            for statement in &group.statements {
                statement.expressions(&mut |e| mentioned.push(e.clone()));
            }
        }
        let mut direct: Vec<_> = self.direct.iter().collect();
        direct.sort_by_key(|(id, _)| **id);
        for (id, value) in direct {
            if self.scope.signals[*id].role == Role::ChildInput {
                mentioned.push(value.clone());
            }
        }
        for value in &mentioned {
            value.reads(&mut |id, part| match part {
                None => self.used[id].fill(true),
                Some((low, width)) => self.used[id][low..low + width].fill(true),
            });
            self.gather_names(value);
        }
        for (register, clock) in self.scope.registers.iter().zip(&self.clocks) {
            let reset = self.scope.reset().filter(|_| register.reset.is_some());
            for id in [*clock, reset].into_iter().flatten() {
                self.used[id].fill(true);
            }
        }
    }

    fn gather_names(&mut self, value: &Expr) {
        match &value.node {
            Node::Literal { value: literal, name: Some(name) } => {
                self.constants.insert(name.clone(), (literal.clone(), value.width));
            }
            Node::Window { value: a, index: b } => {
                self.windows.insert(Window::new(a, value.width, b));
                self.gather_names(a);
                self.gather_names(b);
            }
            Node::Binary(_, a, b) => {
                self.gather_names(a);
                self.gather_names(b);
            }
            Node::Bit { index: a, .. } | Node::Not(a) | Node::Reduce(_, a) | Node::Widen(a) => {
                self.gather_names(a);
            }
            Node::Concat(pieces) => pieces.iter().for_each(|piece| self.gather_names(piece)),
            Node::Signal(_) | Node::Part { .. } | Node::Literal { .. } => {}
        }
    }

    fn write(mut self, name: &str, comment: &str) -> String {
        self.write_comment(comment);
        self.write_header(name);
        self.write_declarations();
        self.write_windows();
        for group in std::mem::take(&mut self.groups) {
            self.write_group(&group);
        }
        self.write_children();
        self.write_registers();
        self.write_unused();
        self.line("endmodule");
        self.out
    }

    fn line(&mut self, text: &str) {
        self.out.push_str(text);
        self.out.push('\n');
    }

    fn name(&self, id: SignalId) -> &'a str {
        &self.scope.signals[id].name
    }

    fn write_comment(&mut self, comment: &str) {
        let mut line = String::from("//");
        for word in comment.split_whitespace() {
            if line.len() + word.len() >= COMMENT_COLUMNS {
                self.line(&line);
                line = String::from("//");
            }
            line.push(' ');
            line.push_str(word);
        }
        if line != "//" {
            self.line(&line);
        }
    }

    fn write_header(&mut self, name: &str) {
        let ports = self.scope.ports.iter().map(|&id| {
            let signal = &self.scope.signals[id];
            let kind = match signal.role {
                Role::Input => "input wire",
                _ if self.variables.contains(&id) => "output reg",
                _ => "output wire",
            };
            format!("\n  {kind} {}{}", range(signal.width), signal.name)
        });
        let ports = ports.collect::<Vec<_>>().join(",");
        self.line(&format!("module {name} ({ports}\n);\n"));
    }

    fn write_declarations(&mut self) {
        let mut lines = Vec::new();
        for (name, (value, width)) in &self.constants {
            let value = value.sized(*width);
            lines.push(format!("  localparam {}{name} = {value};", range(*width)));
        }
        for (id, signal) in self.scope.signals.iter().enumerate() {
            let kind = match signal.role {
                Role::Present => "reg",
                Role::ChildOutput => "wire",
                Role::Local | Role::ChildInput | Role::Next if self.driven.contains(&id) => {
                    match self.variables.contains(&id) {
                        true => "reg",
                        false => "wire",
                    }
                }
                _ => continue,
            };
            lines.push(format!("  {kind} {}{};", range(signal.width), signal.name));
        }
        if !lines.is_empty() {
            lines.push(String::new());
            self.line(&lines.join("\n"));
        }
    }

    fn write_windows(&mut self) {
        for window in std::mem::take(&mut self.windows) {
            let (name, width) = (window.name(), window.width);
            let (result, value) = (range(width), range(window.padded));
            let index = range(window.index_bits());
            self.line(&format!(
                "\
  // Bits of a value from an index up; the caller pads the value so that they never leave it.
  function {result}{name};
    input {value}value;
    input {index}index;
    {name} = value[index +: {width}];
  endfunction
"
            ));
        }
    }

    fn write_group(&mut self, group: &Group) {
        if let Some((id, value)) = group.single() {
            let text = format!("  assign {} = {};\n", self.name(id), self.scope.show(value));
            self.line(&text);
            return;
        }
        self.line("  always @* begin");
        self.write_block(&group.statements, 2);
        self.line("  end\n");
    }

    fn write_block(&mut self, block: &[Stmt], depth: usize) {
        let indent = "  ".repeat(depth);
        for statement in block {
            match statement {
                Stmt::Assign { target, low, value } => {
                    let part = low.map(|low| select(low, value.width)).unwrap_or_default();
                    let (name, value) = (self.name(*target), self.scope.show(value));
                    self.line(&format!("{indent}{name}{part} = {value};"));
                }
                Stmt::If { .. } => {
                    self.out.push_str(&indent);
                    self.write_if(statement, depth);
                }
                Stmt::Case { test, arms, default } => {
                    let test = self.scope.show(test);
                    self.line(&format!("{indent}case ({test})"));
                    for (label, body) in arms {
                        let label = self.scope.show(label);
                        self.line(&format!("{indent}  {label}: begin"));
                        self.write_block(body, depth + 2);
                        self.line(&format!("{indent}  end"));
                    }
                    self.line(&format!("{indent}  default: begin"));
                    self.write_block(default, depth + 2);
                    self.line(&format!("{indent}  end"));
                    self.line(&format!("{indent}endcase"));
                }
            }
        }
    }

    /// Writes an `if` from the present column on; chains of `else if` stay flat.
    fn write_if(&mut self, statement: &Stmt, depth: usize) {
        let Stmt::If { test, then, otherwise } = statement else {
            return;
        };
        let indent = "  ".repeat(depth);
        let (test, then, otherwise) = match then.is_empty() {
            true => (format!("!{}", self.scope.nested(test)), otherwise, then),
            false => (self.scope.show(test), then, otherwise),
        };
        self.line(&format!("if ({test}) begin"));
        self.write_block(then, depth + 1);
        match otherwise.as_slice() {
            [] => self.line(&format!("{indent}end")),
            [next @ Stmt::If { .. }] => {
                let _ = write!(self.out, "{indent}end else ");
                self.write_if(next, depth);
            }
            _ => {
                self.line(&format!("{indent}end else begin"));
                self.write_block(otherwise, depth + 1);
                self.line(&format!("{indent}end"));
            }
        }
    }

    fn write_children(&mut self) {
        for child in &self.scope.children {
            let pins = child.ports.iter().map(|(port, id)| {
                let value = match self.direct.get(id) {
                    Some(value) => self.scope.show(value),
                    None => self.name(*id).to_string(),
                };
                format!("\n    .{port}({value})")
            });
            let pins = pins.collect::<Vec<_>>().join(",");
            self.line(&format!("  {} {} ({pins}\n  );\n", child.module, child.name));
        }
    }

    fn write_registers(&mut self) {
        let mut blocks: BTreeMap<(SignalId, bool), Vec<usize>> = BTreeMap::new();
        for (index, register) in self.scope.registers.iter().enumerate() {
            if let Some(clock) = self.clocks[index] {
                let key = (clock, register.reset.is_none());
                blocks.entry(key).or_default().push(index);
            }
        }
        for ((clock, _), indices) in blocks {
            let registers: Vec<_> = indices.iter().map(|i| &self.scope.registers[*i]).collect();
            let clock = self.name(clock);
            let mut resets = String::new();
            let mut steps = String::new();
            for register in &registers {
                let (present, next) = (self.name(register.present), self.name(register.next));
                let _ = writeln!(steps, "{present} <= {next};");
                if let Some(reset) = &register.reset {
                    let value = reset.sized(self.scope.signals[register.present].width);
                    let _ = writeln!(resets, "{present} <= {value};");
                }
            }
            self.line(&format!("  always @(posedge {clock}) begin"));
            if resets.is_empty() {
                self.out.push_str(&indented(&steps, 4));
            } else {
                self.line(&format!("    if ({RESET}) begin"));
                self.out.push_str(&indented(&resets, 6));
                self.line("    end else begin");
                self.out.push_str(&indented(&steps, 6));
                self.line("    end");
            }
            self.line("  end\n");
        }
    }

    fn write_unused(&mut self) {
        let mut parts = Vec::new();
        for (id, signal) in self.scope.signals.iter().enumerate() {
            let readable = match signal.role {
                Role::Input | Role::ChildOutput | Role::Present => true,
                Role::Local => self.driven.contains(&id),
                _ => false,
            };
            let used = &self.used[id];
            if !readable || used.iter().all(|bit| *bit) {
                continue;
            }
            let mut low = 0;
            for run in used.chunk_by(|a, b| a == b) {
                if !run[0] {
                    let whole = run.len() == signal.width;
                    let part = if whole { String::new() } else { select(low, run.len()) };
                    parts.push(format!("{}{part}", signal.name));
                }
                low += run.len();
            }
        }
        if !parts.is_empty() {
            let parts = parts.join(", ");
            self.line(&format!(
                "  // Bits this block has no use for.\n  wire {UNUSED} = &{{1'b0, {parts}}};\n"
            ));
        }
    }
}

fn indented(lines: &str, columns: usize) -> String {
    let indent = " ".repeat(columns);
    lines.lines().map(|line| format!("{indent}{line}\n")).collect()
}
