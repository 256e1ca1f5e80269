//! Which statements drive which signal, and whether they always do.
//!
//! Kernels run from top to bottom, Verilog processes run side by side. A signal gets a process of its
//! own wherever everything it reads is final at that point; signals that are read between two
//! assignments share a process with their readers, which keeps the order of the kernel.

use super::ir::{Expr, SignalId, Stmt};
use super::scope::{Role, Scope};
use std::collections::{BTreeMap, BTreeSet};

/// Signals that one process drives.
#[derive(Debug)]
pub(super) struct Group {
    /// In order of first assignment.
    pub targets: Vec<SignalId>,
    /// The kernel without what drives other signals.
    pub statements: Vec<Stmt>,
}

impl Group {
    /// The value, if the group is one signal assigned once, as a whole and always.
    pub fn single(&self) -> Option<(SignalId, &Expr)> {
        match (self.targets.as_slice(), self.statements.as_slice()) {
            ([_], [Stmt::Assign { target, low: None, value }]) if !reads(value, *target) => {
                Some((*target, value))
            }
            _ => None,
        }
    }

    /// Whether the statements read a signal the group does not drive: without one, a process that
    /// waits for changes never runs.
    pub fn reads_others(&self) -> bool {
        let mut found = false;
        for statement in &self.statements {
            statement.expressions(&mut |e| {
                e.reads(&mut |signal, _| found |= !self.targets.contains(&signal));
            });
        }
        found
    }
}

/// Splits the kernel into groups, in order of first assignment; `report` takes problems.
pub(super) fn split(scope: &Scope, kernel: &[Stmt], report: &mut dyn FnMut(String)) -> Vec<Group> {
    let count = scope.signals.len();
    let mut flow = Flow {
        scope,
        report,
        last: vec![None; count],
        time: 0,
        assigned: vec![false; count],
        parent: (0..count).collect(),
    };
    flow.number(kernel);
    flow.time = 0;
    flow.check(kernel);
    flow.check_driven();
    flow.groups(kernel)
}

struct Flow<'a> {
    scope: &'a Scope,
    report: &'a mut dyn FnMut(String),
    /// Time of the last assignment to each signal.
    last: Vec<Option<usize>>,
    /// Statements counted in the order of the text.
    time: usize,
    /// Signals assigned on every path to here.
    assigned: Vec<bool>,
    /// Union-find forest of signals that share a process.
    parent: Vec<SignalId>,
}

impl Flow<'_> {
    fn number(&mut self, block: &[Stmt]) {
        for statement in block {
            self.time += 1;
            match statement {
                Stmt::Assign { target, .. } => self.last[*target] = Some(self.time),
                Stmt::If { then, otherwise, .. } => {
                    self.number(then);
                    self.number(otherwise);
                }
                Stmt::Case { arms, default, .. } => {
                    arms.iter().for_each(|(_, body)| self.number(body));
                    self.number(default);
                }
            }
        }
    }

    fn check(&mut self, block: &[Stmt]) {
        for statement in block {
            self.time += 1;
            match statement {
                Stmt::Assign { target, low, value } => {
                    self.check_reads(value, statement);
                    self.assigned[*target] |= low.is_none();
                }
                Stmt::If { test, then, otherwise } => {
                    self.check_reads(test, statement);
                    self.check_branches([then, otherwise].map(Vec::as_slice).into_iter());
                }
                Stmt::Case { test, arms, default } => {
                    self.check_reads(test, statement);
                    let arms = arms.iter().map(|(_, body)| body.as_slice());
                    self.check_branches(arms.chain([default.as_slice()]));
                }
            }
        }
    }

    fn check_branches<'b>(&mut self, branches: impl Iterator<Item = &'b [Stmt]>) {
        let before = self.assigned.clone();
        let mut after: Option<Vec<bool>> = None;
        for branch in branches {
            self.assigned.clone_from(&before);
            self.check(branch);
            match &mut after {
                None => after = Some(self.assigned.clone()),
                Some(after) => {
                    for (all, this) in after.iter_mut().zip(&self.assigned) {
                        *all &= this;
                    }
                }
            }
        }
        self.assigned = after.unwrap_or(before);
    }

    /// Checks what `statement` reads in `value`, and joins the processes that must keep its order.
    fn check_reads(&mut self, value: &Expr, statement: &Stmt) {
        let mut read = BTreeSet::new();
        value.reads(&mut |signal, _| {
            read.insert(signal);
        });
        for id in read {
            let signal = &self.scope.signals[id];
            if !signal.role.is_target() {
                continue;
            }
            let rust = &signal.rust;
            match self.last[id] {
                None => (self.report)(format!("`{rust}` is read but nothing assigns it")),
                Some(_) if !self.assigned[id] => (self.report)(format!(
                    "`{rust}` is read before it is assigned on every path; assign it first"
                )),
                Some(last) if last >= self.time => {
                    if matches!(signal.role, Role::ChildInput | Role::Next) {
                        (self.report)(format!(
                            "`{rust}` is read before its last assignment, where the simulation of rust-hdl sees the final value; use a local signal"
                        ));
                    }
                    statement.targets(&mut |target| join(&mut self.parent, id, target));
                }
                Some(_) => {}
            }
        }
    }

    fn check_driven(&mut self) {
        for (id, signal) in self.scope.signals.iter().enumerate() {
            if !signal.role.is_target() {
                continue;
            }
            let rust = &signal.rust;
            match (self.last[id], signal.role) {
                (Some(_), _) if !self.assigned[id] => (self.report)(format!(
                    "`{rust}` is not assigned on every path and would be a latch; give it a value at the top of the kernel"
                )),
                // A local that is read has been reported there; one that is not read does no harm.
                (Some(_), _) | (None, Role::Local) => {}
                (None, Role::Output) => (self.report)(format!("output `{rust}` is never assigned")),
                (None, _) => (self.report)(format!("input `{rust}` of a child is never assigned")),
            }
        }
    }

    fn groups(&mut self, kernel: &[Stmt]) -> Vec<Group> {
        let mut order = Vec::new();
        let mut members: BTreeMap<SignalId, Vec<SignalId>> = BTreeMap::new();
        let mut indices: BTreeMap<SignalId, BTreeSet<usize>> = BTreeMap::new();
        let parent = &mut self.parent;
        for (index, statement) in kernel.iter().enumerate() {
            statement.targets(&mut |target| {
                let root = find(parent, target);
                let known = members.entry(root).or_insert_with(|| {
                    order.push(root);
                    Vec::new()
                });
                if !known.contains(&target) {
                    known.push(target);
                }
                indices.entry(root).or_default().insert(index);
            });
        }
        let groups = order.into_iter().map(|root| {
            let targets = members.remove(&root).unwrap_or_default();
            let wanted: BTreeSet<_> = targets.iter().copied().collect();
            let mut statements = Vec::new();
            for index in indices.remove(&root).unwrap_or_default() {
                keep(&kernel[index], &wanted, &mut statements);
            }
            drop_overwritten(&targets, &mut statements);
            Group { targets, statements }
        });
        groups.collect()
    }
}

/// Appends what is left of `statement` when only `wanted` signals are driven.
fn keep(statement: &Stmt, wanted: &BTreeSet<SignalId>, out: &mut Vec<Stmt>) {
    let block = |body: &[Stmt]| {
        let mut kept = Vec::new();
        body.iter().for_each(|s| keep(s, wanted, &mut kept));
        kept
    };
    match statement {
        Stmt::Assign { target, .. } => {
            if wanted.contains(target) {
                out.push(statement.clone());
            }
        }
        Stmt::If { test, then, otherwise } => {
            let (then, otherwise) = (block(then), block(otherwise));
            if !then.is_empty() || !otherwise.is_empty() {
                out.push(Stmt::If { test: test.clone(), then, otherwise });
            }
        }
        Stmt::Case { test, arms, default } => {
            let arms: Vec<_> =
                arms.iter().map(|(label, body)| (label.clone(), block(body))).collect();
            let default = block(default);
            if !default.is_empty() || arms.iter().any(|(_, body)| !body.is_empty()) {
                out.push(Stmt::Case { test: test.clone(), arms, default });
            }
        }
    }
}

/// Drops what a later unconditional assignment of the only target overwrites.
fn drop_overwritten(targets: &[SignalId], statements: &mut Vec<Stmt>) {
    let [only] = targets else { return };
    let last = statements.iter().rposition(|statement| {
        matches!(statement, Stmt::Assign { low: None, value, .. } if !reads(value, *only))
    });
    if let Some(last) = last {
        statements.drain(..last);
    }
}

fn reads(value: &Expr, id: SignalId) -> bool {
    let mut found = false;
    value.reads(&mut |signal, _| found |= signal == id);
    found
}

fn find(parent: &mut [SignalId], id: SignalId) -> SignalId {
    let mut root = id;
    while parent[root] != root {
        parent[root] = parent[parent[root]];
        root = parent[root];
    }
    root
}

fn join(parent: &mut [SignalId], a: SignalId, b: SignalId) {
    let (a, b) = (find(parent, a), find(parent, b));
    // The smaller index as root keeps the result independent of the order of joins.
    parent[a.max(b)] = a.min(b);
}
