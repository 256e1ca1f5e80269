//! From the syntax tree of a kernel to statements with known signals and widths.

use super::error::Problems;
use super::ir::{Expr, Op, SignalId, Stmt};
use super::literal::Literal;
use super::names::resolve_indices;
use super::scope::{Role, Scope};
use super::tree::{Instance, rust_name};
use rust_hdl::core::ast::{
    VerilogBlockOrConditional as Otherwise, VerilogConditional, VerilogExpression as Ast,
    VerilogLoop, VerilogMatch, VerilogStatement,
};

/// Marks that a problem was reported and the statement is dropped.
pub(super) struct Refused;

pub(super) type Lowered<T> = Result<T, Refused>;

/// Translates the kernel of one block.
pub(super) struct Lowering<'a> {
    pub scope: &'a Scope,
    pub instance: &'a Instance,
    pub problems: &'a mut Problems,
    pub loops: Vec<(String, usize)>,
}

impl Lowering<'_> {
    /// Reports a problem.
    pub fn refuse<T>(&mut self, text: String) -> Lowered<T> {
        self.problems.add(self.instance.title(), &self.instance.path, text);
        Err(Refused)
    }

    /// Translates a block of statements; refused ones are left out.
    pub fn block(&mut self, statements: &[VerilogStatement]) -> Vec<Stmt> {
        let mut out = Vec::new();
        for statement in statements {
            // Refused: the problem is reported, go on to find the others.
            let _ = self.statement(statement, &mut out);
        }
        out
    }

    fn statement(&mut self, statement: &VerilogStatement, out: &mut Vec<Stmt>) -> Lowered<()> {
        match statement {
            VerilogStatement::Assignment(target, value) => {
                let target = self.target(target)?;
                let width = self.scope.signals[target].width;
                let value = self.expect_width(value, width, target);
                // A refused value keeps its assignment, so that the signal does not look undriven.
                let value = value.unwrap_or_else(|_| Expr::literal(0.into(), width));
                let low = None;
                out.push(Stmt::Assign { target, low, value });
            }
            VerilogStatement::SliceAssignment { base, width, offset, replacement } => {
                let target = self.target(base)?;
                let low = self.constant_index(offset);
                let name = self.scope.signals[target].rust.clone();
                let Some(low) = low.filter(|low| low + width <= self.scope.signals[target].width)
                else {
                    return self.refuse(format!("a field of `{name}` lies outside of it"));
                };
                let value = self.expect_width(replacement, *width, target)?;
                let low = (*width < self.scope.signals[target].width).then_some(low);
                out.push(Stmt::Assign { target, low, value });
            }
            VerilogStatement::If(conditional) => self.conditional(conditional, out)?,
            VerilogStatement::Match(matching) => self.matching(matching, out)?,
            VerilogStatement::Loop(repeat) => self.repeat(repeat, out)?,
            VerilogStatement::Macro(block) => out.extend(self.block(block)),
            VerilogStatement::Comment(_) => {}
            VerilogStatement::Link(_) => {
                return self.refuse(
                    "`link` and `join` of bundles are not supported; assign the signals one by one"
                        .into(),
                );
            }
        }
        Ok(())
    }

    fn conditional(
        &mut self,
        conditional: &VerilogConditional,
        out: &mut Vec<Stmt>,
    ) -> Lowered<()> {
        let test = self.test(&conditional.test);
        let then = self.block(&conditional.then);
        let mut otherwise = Vec::new();
        match &conditional.otherwise {
            Otherwise::Block(block) => otherwise = self.block(block),
            Otherwise::Conditional(next) => {
                // Refused: reported already.
                let _ = self.statement(next, &mut otherwise);
            }
            Otherwise::None => {}
        }
        let constant = |test: &Expr| test.constant().map(|value| value.bit_length() > 0);
        match test.as_ref().map(constant) {
            Ok(Some(true)) => out.extend(then),
            Ok(Some(false)) => out.extend(otherwise),
            // Refused tests keep their branches, so that no signal looks undriven.
            Ok(None) | Err(Refused) => out.push(Stmt::If {
                test: test.unwrap_or_else(|_| Expr::bit(true)),
                then,
                otherwise,
            }),
        }
        Ok(())
    }

    fn test(&mut self, test: &Ast) -> Lowered<Expr> {
        let test = self.value(test, None)?;
        match test.width {
            1 => Ok(test),
            width => self.refuse(format!("the test of an `if` has {width} bits instead of 1")),
        }
    }

    fn matching(&mut self, matching: &VerilogMatch, out: &mut Vec<Stmt>) -> Lowered<()> {
        let test = self.value(&matching.test, None);
        let mut arms = Vec::new();
        let mut default = None;
        for case in &matching.cases {
            let body = self.block(&case.block);
            if case.condition == "default" {
                default = Some(body);
                break;
            }
            let Ok(test) = &test else { continue };
            let Ok(label) = self.pattern(&case.condition, test.width) else {
                continue;
            };
            arms.push((label, body));
        }
        let test = test.unwrap_or_else(|_| Expr::bit(true));
        // Rust has checked that the arms are exhaustive, so the last one may take what is left.
        let default = match default {
            Some(body) => body,
            None => arms.pop().map(|(_, body)| body).unwrap_or_default(),
        };
        out.push(Stmt::Case { test, arms, default });
        Ok(())
    }

    fn pattern(&mut self, text: &str, width: usize) -> Lowered<Expr> {
        let named = self.scope.constants.get(text);
        if let Some(named) = named.filter(|named| named.width == width) {
            return Ok(named_literal(named));
        }
        let value = match text {
            "true" => Some(1),
            "false" => Some(0),
            _ => parse_integer(text),
        };
        match value.map(Literal::from) {
            Some(value) if value.bit_length() <= width => Ok(Expr::literal(value, width)),
            Some(_) => self.refuse(format!("pattern `{text}` does not fit into {width} bits")),
            None => self.refuse(format!(
                "pattern `{}` is neither an integer nor a variant of an enumeration of {width} bits",
                rust_name(text)
            )),
        }
    }

    fn repeat(&mut self, repeat: &VerilogLoop, out: &mut Vec<Stmt>) -> Lowered<()> {
        let bound =
            |literal| Literal::from_verilog(literal).and_then(|(value, _)| value.to_usize());
        let (Some(from), Some(to)) = (bound(&repeat.from), bound(&repeat.to)) else {
            return self.refuse(format!("the bounds of loop `{}` are negative", repeat.index));
        };
        for value in from..to {
            self.loops.push((repeat.index.clone(), value));
            let body = self.block(&repeat.block);
            self.loops.pop();
            out.extend(body);
        }
        Ok(())
    }

    /// The signal an assignment writes.
    fn target(&mut self, target: &Ast) -> Lowered<SignalId> {
        let Ast::Signal(name) = target else {
            return self.refuse("an assignment writes something that is not a signal".into());
        };
        let id = self.signal(name.strip_suffix("$next").unwrap_or(name))?;
        let signal = &self.scope.signals[id];
        let rust = signal.rust.clone();
        match signal.role {
            role if role.is_target() => Ok(id),
            Role::Input => {
                self.refuse(format!("`{rust}` is an input of the block; only its parent drives it"))
            }
            _ => self.refuse(format!("`{rust}` is an output of a child; only the child drives it")),
        }
    }

    /// The key of a name in a kernel, indices evaluated.
    pub fn key(&mut self, name: &str) -> Lowered<String> {
        match resolve_indices(name, &self.loops) {
            Ok(key) => Ok(key),
            Err(text) => self.refuse(format!("in `{}`: {text}", rust_name(name))),
        }
    }

    /// The signal of that name.
    pub fn signal(&mut self, name: &str) -> Lowered<SignalId> {
        let key = self.key(name)?;
        match self.scope.by_key.get(&key) {
            Some(id) => Ok(*id),
            None => {
                let name = rust_name(&key);
                self.refuse(format!(
                    "`{name}` is not a signal of the block: Rust constants and fields that start with `_` have no hardware; use a literal or a Constant field, and check the length of vectors"
                ))
            }
        }
    }

    fn expect_width(&mut self, value: &Ast, width: usize, target: SignalId) -> Lowered<Expr> {
        let value = self.value(value, Some(width))?;
        if value.width == width {
            return Ok(value);
        }
        let name = self.scope.signals[target].rust.clone();
        let found = value.width;
        self.refuse(format!("`{name}` takes {width} bits but is assigned {found}"))
    }

    /// An integer known when the hardware is built: a literal or arithmetic of loop variables.
    pub fn constant_index(&self, value: &Ast) -> Option<usize> {
        match value {
            Ast::Literal(literal) => match Literal::from_verilog(literal)? {
                (_, 1) => None,
                (value, _) => value.to_usize(),
            },
            Ast::Signal(name) => {
                let variable = self.loops.iter().rev().find(|(index, _)| index == name);
                variable.map(|(_, value)| *value)
            }
            Ast::Paren(inner) => self.constant_index(inner),
            Ast::Binary(left, op, right) => {
                use rust_hdl::core::ast::VerilogOp::{Add, Mul, Shl, Sub};
                let (left, right) = (self.constant_index(left)?, self.constant_index(right)?);
                match op {
                    Add => left.checked_add(right),
                    Sub => left.checked_sub(right),
                    Mul => left.checked_mul(right),
                    Shl => left.checked_mul(1_usize.checked_shl(u32::try_from(right).ok()?)?),
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

/// The constant under its name.
pub(super) fn named_literal(named: &super::scope::Named) -> Expr {
    Expr {
        width: named.width,
        node: super::ir::Node::Literal {
            value: named.value.clone(),
            name: Some(named.name.clone()),
        },
    }
}

/// Builds a comparison, folded where one side makes it constant: tools warn about those.
pub(super) fn comparison(op: Op, left: Expr, right: Expr) -> Expr {
    let width = left.width;
    let is_zero = |e: &Expr| e.constant().is_some_and(|value| value.bit_length() == 0);
    let is_top = |e: &Expr| e.constant() == Some(&Literal::ones(width));
    match op {
        Op::Lt if is_zero(&right) || is_top(&left) => Expr::bit(false),
        Op::Gt if is_zero(&left) || is_top(&right) => Expr::bit(false),
        Op::Ge if is_zero(&right) || is_top(&left) => Expr::bit(true),
        Op::Le if is_zero(&left) || is_top(&right) => Expr::bit(true),
        _ => Expr::binary(1, op, left, right),
    }
}

/// A Rust integer literal.
fn parse_integer(text: &str) -> Option<usize> {
    let digits = text.replace('_', "");
    let digits = ["u8", "u16", "u32", "u64", "usize", "i32"]
        .iter()
        .find_map(|suffix| digits.strip_suffix(suffix))
        .unwrap_or(&digits);
    match digits.split_at_checked(2) {
        Some(("0x", hex)) => usize::from_str_radix(hex, 16).ok(),
        Some(("0b", binary)) => usize::from_str_radix(binary, 2).ok(),
        _ => digits.parse().ok(),
    }
}
