//! Constants of unrolled loops.
//!
//! A local that a loop sets to its index has another constant in every turn. Putting the constants where
//! the local is read frees the turns from each other, so that each signal keeps a process of its own.

use super::ir::{Expr, Node, Op, SignalId, Stmt};
use super::literal::Literal;
use super::lower::comparison;
use super::scope::{Role, Scope};
use std::collections::{BTreeSet, HashMap};

/// Replaces locals and outputs that are assigned more than once by the constants they hold, and drops
/// what assigns locals nobody reads.
pub(super) fn simplify(scope: &Scope, kernel: Vec<Stmt>) -> Vec<Stmt> {
    let mut counts = HashMap::new();
    for statement in &kernel {
        statement.targets(&mut |target| *counts.entry(target).or_insert(0) += 1);
    }
    let is_local = |id: &SignalId| scope.signals[*id].role == Role::Local;
    // What a kernel reads of its locals and outputs is what it assigned last; inputs of children settle.
    let is_held = |id: &SignalId| matches!(scope.signals[*id].role, Role::Local | Role::Output);
    let wanted = counts.into_iter().filter(|(id, count)| *count > 1 && is_held(id));
    let propagation = Propagation { wanted: wanted.map(|(id, _)| id).collect() };
    let mut kernel = propagation.block(kernel, &mut HashMap::new());
    loop {
        let mut read = BTreeSet::new();
        let mut dead = false;
        for statement in &kernel {
            statement.expressions(&mut |e| {
                e.reads(&mut |signal, _| {
                    read.insert(signal);
                });
            });
        }
        for statement in &kernel {
            statement.targets(&mut |id| dead |= is_local(&id) && !read.contains(&id));
        }
        if !dead {
            return kernel;
        }
        kernel = prune(kernel, &|id| !is_local(id) || read.contains(id));
    }
}

/// The kernel without assignments to signals that are not kept.
fn prune(block: Vec<Stmt>, keep: &impl Fn(&SignalId) -> bool) -> Vec<Stmt> {
    let mut out = Vec::new();
    for statement in block {
        match statement {
            Stmt::Assign { target, .. } => {
                if keep(&target) {
                    out.push(statement);
                }
            }
            Stmt::If { test, then, otherwise } => {
                let (then, otherwise) = (prune(then, keep), prune(otherwise, keep));
                if !then.is_empty() || !otherwise.is_empty() {
                    out.push(Stmt::If { test, then, otherwise });
                }
            }
            Stmt::Case { test, arms, default } => {
                let pruned = |(label, body)| (label, prune(body, keep));
                let arms: Vec<_> = arms.into_iter().map(pruned).collect();
                let default = prune(default, keep);
                if !default.is_empty() || arms.iter().any(|(_, body)| !body.is_empty()) {
                    out.push(Stmt::Case { test, arms, default });
                }
            }
        }
    }
    out
}

type Known = HashMap<SignalId, Literal>;

struct Propagation {
    wanted: BTreeSet<SignalId>,
}

impl Propagation {
    /// Rewrites a block; `known` are the constants at its start and, on return, at its end.
    fn block(&self, block: Vec<Stmt>, known: &mut Known) -> Vec<Stmt> {
        let mut out = Vec::new();
        for statement in block {
            match statement {
                Stmt::Assign { target, low, value } => {
                    let value = fold(value, known);
                    match (value.constant(), low) {
                        (Some(constant), None) if self.wanted.contains(&target) => {
                            known.insert(target, constant.clone());
                        }
                        _ => {
                            known.remove(&target);
                        }
                    }
                    out.push(Stmt::Assign { target, low, value });
                }
                Stmt::If { test, then, otherwise } => {
                    let test = fold(test, known);
                    match test.constant() {
                        Some(value) => {
                            let taken = if value.bit_length() > 0 { then } else { otherwise };
                            out.extend(self.block(taken, known));
                        }
                        None => {
                            let mut bodies = self.branches(vec![then, otherwise], known);
                            let otherwise = bodies.pop().unwrap_or_default();
                            let then = bodies.pop().unwrap_or_default();
                            out.push(Stmt::If { test, then, otherwise });
                        }
                    }
                }
                Stmt::Case { test, arms, default } => {
                    let test = fold(test, known);
                    let (labels, mut bodies): (Vec<_>, Vec<_>) = arms.into_iter().unzip();
                    bodies.push(default);
                    let mut bodies = self.branches(bodies, known);
                    let default = bodies.pop().unwrap_or_default();
                    let arms = labels.into_iter().zip(bodies).collect();
                    out.push(Stmt::Case { test, arms, default });
                }
            }
        }
        out
    }

    /// Rewrites branches of which one runs; what they agree on is known afterwards.
    fn branches(&self, bodies: Vec<Vec<Stmt>>, known: &mut Known) -> Vec<Vec<Stmt>> {
        let before = known.clone();
        let mut after: Option<Known> = None;
        let rewrite = |body| {
            let mut here = before.clone();
            let body = self.block(body, &mut here);
            match &mut after {
                None => after = Some(here),
                Some(after) => after.retain(|id, value| here.get(id) == Some(value)),
            }
            body
        };
        let bodies = bodies.into_iter().map(rewrite).collect();
        *known = after.unwrap_or_default();
        bodies
    }
}

/// The expression with known signals replaced and constants folded.
fn fold(value: Expr, known: &Known) -> Expr {
    let width = value.width;
    let node = match value.node {
        Node::Signal(id) => match known.get(&id) {
            Some(literal) => return Expr::literal(literal.clone(), width),
            None => Node::Signal(id),
        },
        Node::Part { signal, low } => match known.get(&signal) {
            Some(literal) => return Expr::literal(literal.part(low, width), width),
            None => Node::Part { signal, low },
        },
        Node::Bit { signal, index } => {
            let index = fold(*index, known);
            match (known.get(&signal), position(&index)) {
                (Some(literal), Some(low)) => return Expr::literal(literal.part(low, 1), 1),
                (None, Some(low)) => Node::Part { signal, low },
                _ => Node::Bit { signal, index: Box::new(index) },
            }
        }
        Node::Window { value: inner, index } => {
            let (inner, index) = (fold(*inner, known), fold(*index, known));
            let low = position(&index).filter(|low| *low < inner.width);
            let part = low.and_then(|low| inner.part(low, width.min(inner.width - low)));
            if let Some(part) = part {
                return part.widened(width);
            }
            Node::Window { value: Box::new(inner), index: Box::new(index) }
        }
        Node::Literal { .. } => value.node,
        Node::Binary(op, left, right) => {
            return fold_binary(width, op, fold(*left, known), fold(*right, known));
        }
        Node::Not(inner) => {
            let inner = fold(*inner, known);
            match inner.constant() {
                Some(literal) => return Expr::literal(literal.inverted(width), width),
                None => Node::Not(Box::new(inner)),
            }
        }
        Node::Reduce(symbol, inner) => {
            let inner = fold(*inner, known);
            match (inner.constant(), symbol) {
                (Some(literal), '|') => return Expr::bit(literal.bit_length() > 0),
                (Some(literal), '&') => return Expr::bit(*literal == Literal::ones(inner.width)),
                _ => Node::Reduce(symbol, Box::new(inner)),
            }
        }
        Node::Widen(inner) => return fold(*inner, known).widened(width),
        Node::Concat(pieces) => {
            let pieces: Vec<_> = pieces.into_iter().map(|piece| fold(piece, known)).collect();
            match joined(&pieces) {
                Some(literal) => return Expr::literal(literal, width),
                None => Node::Concat(pieces),
            }
        }
    };
    Expr { width, node }
}

/// The value of a concatenation of constants.
fn joined(pieces: &[Expr]) -> Option<Literal> {
    let mut bits = Vec::new();
    for piece in pieces.iter().rev() {
        let value = piece.constant()?;
        bits.extend((0..piece.width).map(|i| value.part(i, 1).bit_length() > 0));
    }
    Some(Literal::from_bits(bits))
}

fn position(index: &Expr) -> Option<usize> {
    index.constant()?.to_usize()
}

fn fold_binary(width: usize, op: Op, left: Expr, right: Expr) -> Expr {
    let truth = |e: &Expr| e.constant().filter(|_| e.width == 1).map(|v| v.bit_length() > 0);
    match (op, truth(&left), truth(&right)) {
        (Op::And | Op::AndAlso, Some(true), _) | (Op::Or | Op::OrElse, Some(false), _) => {
            return right;
        }
        (Op::And | Op::AndAlso, _, Some(true)) | (Op::Or | Op::OrElse, _, Some(false)) => {
            return left;
        }
        (Op::And | Op::AndAlso, Some(false), _) | (Op::And | Op::AndAlso, _, Some(false)) => {
            return Expr::bit(false);
        }
        (Op::Or | Op::OrElse, Some(true), _) | (Op::Or | Op::OrElse, _, Some(true)) => {
            return Expr::bit(true);
        }
        _ => {}
    }
    let numbers = left.constant().and_then(Literal::to_usize).zip(position(&right));
    if let Some((a, b)) = numbers {
        match op {
            Op::Eq => return Expr::bit(a == b),
            Op::Ne => return Expr::bit(a != b),
            Op::Lt => return Expr::bit(a < b),
            Op::Le => return Expr::bit(a <= b),
            Op::Gt => return Expr::bit(a > b),
            Op::Ge => return Expr::bit(a >= b),
            _ => {}
        }
        let value = match op {
            Op::Add => a.checked_add(b),
            // Modulo 2^64; the part below brings it to the width.
            Op::Sub if width < usize::BITS as usize => Some(a.wrapping_sub(b)),
            Op::And => Some(a & b),
            Op::Or => Some(a | b),
            Op::Xor => Some(a ^ b),
            _ => None,
        };
        if let Some(value) = value {
            return Expr::literal(Literal::from(value).part(0, width), width);
        }
    }
    match op {
        Op::Lt | Op::Le | Op::Gt | Op::Ge => comparison(op, left, right),
        _ => Expr::binary(width, op, left, right),
    }
}
