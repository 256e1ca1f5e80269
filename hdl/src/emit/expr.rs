//! From the expressions of a kernel to expressions of known width.
//!
//! Rust has checked widths by type; the syntax tree has lost them where a literal, a loop index or
//! `into()` stands, so those take the width of what they meet.

use super::ir::{Expr, Node, Op};
use super::literal::Literal;
use super::lower::{Lowered, Lowering, comparison, named_literal};
use rust_hdl::core::ast::{VerilogExpression as Ast, VerilogOp, VerilogOpUnary};

/// Width of a Rust integer literal that is shifted by a signal.
const LITERAL_BITS: usize = 64;

/// Widths of the factors `rust-hdl` can multiply.
const FACTOR_BITS: usize = 16;

impl Lowering<'_> {
    /// The width the expression has by itself; `None` where it takes what it meets.
    fn natural(&self, value: &Ast) -> Option<usize> {
        if !matches!(value, Ast::Literal(_)) && self.constant_index(value).is_some() {
            return None;
        }
        match value {
            Ast::Literal(literal) => {
                Literal::from_verilog(literal).filter(|(_, width)| *width == 1).map(|_| 1)
            }
            Ast::Signal(name) => {
                let key = super::names::resolve_indices(name, &self.loops).ok()?;
                match self.scope.by_key.get(&key) {
                    Some(id) => Some(self.scope.signals[*id].width),
                    None => self.scope.constants.get(&key).map(|named| named.width),
                }
            }
            Ast::Cast(_, width) | Ast::Slice(_, width, _) => Some(*width),
            Ast::Paren(inner)
            | Ast::Signed(inner)
            | Ast::Unsigned(inner)
            | Ast::IndexReplace(inner, ..)
            | Ast::Unary(VerilogOpUnary::Not | VerilogOpUnary::Neg, inner) => self.natural(inner),
            Ast::Unary(..) | Ast::Index(..) => Some(1),
            Ast::Binary(left, op, right) => match op {
                VerilogOp::Shl | VerilogOp::Shr => self.natural(left).or(Some(LITERAL_BITS)),
                VerilogOp::Mul => Some(2 * FACTOR_BITS),
                VerilogOp::Add
                | VerilogOp::Sub
                | VerilogOp::BitAnd
                | VerilogOp::BitOr
                | VerilogOp::BitXor => self.natural(left).or_else(|| self.natural(right)),
                _ => Some(1),
            },
        }
    }

    /// Translates an expression; `want` is the width it meets, for expressions without their own.
    pub fn value(&mut self, value: &Ast, want: Option<usize>) -> Lowered<Expr> {
        if self.natural(value).is_none()
            && let Some(constant) = self.constant_index(value)
        {
            return self.sized(constant.into(), want);
        }
        match value {
            Ast::Literal(literal) => match Literal::from_verilog(literal) {
                Some((value, 1)) => Ok(Expr::literal(value, 1)),
                Some((value, _)) => self.sized(value, want),
                None => self.refuse("a literal is negative".into()),
            },
            Ast::Signal(name) => {
                let key = self.key(name)?;
                if let Some(named) = self.scope.constants.get(&key) {
                    return Ok(named_literal(named));
                }
                let id = self.signal(name)?;
                let width = self.scope.signals[id].width;
                Ok(Expr { width, node: Node::Signal(id) })
            }
            Ast::Cast(inner, width) => {
                let want = self.natural(inner).is_none().then_some(*width);
                let inner = self.value(inner, want)?;
                if inner.width <= *width {
                    return Ok(inner.widened(*width));
                }
                match inner.part(0, *width) {
                    Some(part) => Ok(part),
                    None => self.refuse(format!(
                        "a cast narrows an expression from {} to {width} bits; assign it to a local signal first and cast that",
                        inner.width
                    )),
                }
            }
            Ast::Paren(inner) => self.value(inner, want),
            Ast::Signed(_) | Ast::Unsigned(_) => self.refuse(
                "signed numbers are not supported; use Bits with the sign extended by hand".into(),
            ),
            Ast::Unary(op, inner) => self.unary(op, inner, want),
            Ast::Binary(left, op, right) => self.binary(left, op, right, want),
            Ast::Index(inner, index) => self.slice(inner, 1, index),
            Ast::Slice(inner, width, index) => self.slice(inner, *width, index),
            Ast::IndexReplace(inner, index, bit) => self.replace_bit(inner, index, bit, want),
        }
    }

    /// A constant of the width it meets.
    fn sized(&mut self, value: Literal, want: Option<usize>) -> Lowered<Expr> {
        match want {
            Some(width) if value.bit_length() <= width => Ok(Expr::literal(value, width)),
            Some(width) => self.refuse(format!("literal 0x{value} does not fit into {width} bits")),
            None => self.refuse(format!(
                "nothing gives literal 0x{value} a width; write bits::<N>({value})"
            )),
        }
    }

    fn unary(&mut self, op: &VerilogOpUnary, inner: &Ast, want: Option<usize>) -> Lowered<Expr> {
        let symbol = match op {
            VerilogOpUnary::Not => {
                let inner = self.value(inner, want)?;
                let width = inner.width;
                return Ok(match inner.constant() {
                    Some(value) => Expr::literal(value.inverted(width), width),
                    None => Expr { width, node: Node::Not(Box::new(inner)) },
                });
            }
            VerilogOpUnary::Neg => {
                return self.refuse("negation is not supported; subtract from 0".into());
            }
            VerilogOpUnary::All => '&',
            VerilogOpUnary::Any => '|',
            VerilogOpUnary::Xor => '^',
        };
        let inner = self.value(inner, None)?;
        if inner.width == 1 {
            return Ok(inner);
        }
        let node = Node::Reduce(symbol, Box::new(inner));
        Ok(Expr { width: 1, node })
    }

    fn binary(
        &mut self,
        left: &Ast,
        op: &VerilogOp,
        right: &Ast,
        want: Option<usize>,
    ) -> Lowered<Expr> {
        let op = match op {
            VerilogOp::Add => Op::Add,
            VerilogOp::Sub => Op::Sub,
            VerilogOp::Mul => return self.product(left, right),
            VerilogOp::BitAnd => Op::And,
            VerilogOp::BitOr => Op::Or,
            VerilogOp::BitXor => Op::Xor,
            VerilogOp::LogicalAnd => Op::AndAlso,
            VerilogOp::LogicalOr => Op::OrElse,
            VerilogOp::Shl => return self.shift(Op::Shl, left, right),
            VerilogOp::Shr => return self.shift(Op::Shr, left, right),
            VerilogOp::Eq => Op::Eq,
            VerilogOp::Ne => Op::Ne,
            VerilogOp::Lt => Op::Lt,
            VerilogOp::Le => Op::Le,
            VerilogOp::Gt => Op::Gt,
            VerilogOp::Ge => Op::Ge,
        };
        let compares = matches!(op, Op::Eq | Op::Ne | Op::Lt | Op::Le | Op::Gt | Op::Ge);
        let logical = matches!(op, Op::AndAlso | Op::OrElse);
        let want = if compares || logical { None } else { want };
        let width = self.natural(left).or_else(|| self.natural(right)).or(want);
        let left = self.value(left, width);
        let right = self.value(right, width);
        let (left, mut right) = (left?, right?);
        if op == Op::Add && right.width == 1 {
            // Bits<N> + bool is a carry in.
            right = right.widened(left.width);
        }
        if left.width != right.width || logical && left.width != 1 {
            let (left, right) = (left.width, right.width);
            let symbol = op.symbol();
            return self.refuse(format!(
                "the operands of `{symbol}` have {left} and {right} bits; cast one of them"
            ));
        }
        if compares {
            return Ok(comparison(op, left, right));
        }
        Ok(Expr::binary(left.width, op, left, right))
    }

    fn product(&mut self, left: &Ast, right: &Ast) -> Lowered<Expr> {
        let left = self.value(left, Some(FACTOR_BITS));
        let right = self.value(right, Some(FACTOR_BITS));
        let (left, right) = (left?, right?);
        if (left.width, right.width) != (FACTOR_BITS, FACTOR_BITS) {
            let (left, right) = (left.width, right.width);
            return self.refuse(format!(
                "a product has factors of {left} and {right} bits; only Bits<16> * Bits<16> exists"
            ));
        }
        let width = 2 * FACTOR_BITS;
        let (left, right) = (left.widened(width), right.widened(width));
        Ok(Expr::binary(width, Op::Mul, left, right))
    }

    fn shift(&mut self, op: Op, left: &Ast, right: &Ast) -> Lowered<Expr> {
        let want = self.natural(left).is_none().then_some(LITERAL_BITS);
        let left = self.value(left, want)?;
        let width = left.width;
        let Some(amount) = self.constant_index(right) else {
            let right = self.value(right, None)?;
            return Ok(Expr::binary(width, op, left, right));
        };
        if amount == 0 {
            return Ok(left);
        }
        if amount >= width {
            return Ok(Expr::literal(0.into(), width));
        }
        let amount = Literal::from(amount);
        let right = Expr::literal(amount.clone(), amount.bit_length());
        Ok(Expr::binary(width, op, left, right))
    }

    /// `width` bits of `inner` from `index` up, zeros beyond the top.
    fn slice(&mut self, inner: &Ast, width: usize, index: &Ast) -> Lowered<Expr> {
        let inner = self.value(inner, None)?;
        let Some(low) = self.constant_index(index) else {
            let index = self.value(index, None)?;
            return self.dynamic_slice(inner, width, index);
        };
        if low >= inner.width {
            if width == 1 || low > inner.width {
                let have = inner.width;
                return self.refuse(format!("bit {low} of a value of {have} bits is read"));
            }
            return Ok(Expr::literal(0.into(), width));
        }
        match inner.part(low, width.min(inner.width - low)) {
            Some(part) => Ok(part.widened(width)),
            None => self.refuse(format!(
                "bits of an expression of {} bits are taken; assign it to a local signal first",
                inner.width
            )),
        }
    }

    fn dynamic_slice(&mut self, inner: Expr, width: usize, index: Expr) -> Lowered<Expr> {
        // Rust panics for an index above the width, so higher index bits carry nothing.
        let needed = if width == 1 { inner.width - 1 } else { inner.width };
        let bits = Literal::from(needed).bit_length().max(1);
        let Some(index) = index.part(0, bits.min(index.width)) else {
            let have = index.width;
            return self.refuse(format!(
                "an index expression has {have} bits where {bits} are enough; assign it to a local signal first"
            ));
        };
        let node = match inner.node {
            Node::Signal(_) if inner.width == 1 => return Ok(inner),
            Node::Signal(signal) if width == 1 => {
                Node::Bit { signal, index: Box::new(index.widened(bits)) }
            }
            _ => Node::Window { value: Box::new(inner), index: Box::new(index) },
        };
        Ok(Expr { width, node })
    }

    fn replace_bit(
        &mut self,
        inner: &Ast,
        index: &Ast,
        bit: &Ast,
        want: Option<usize>,
    ) -> Lowered<Expr> {
        let inner = self.value(inner, want);
        let bit = self.value(bit, Some(1));
        let (inner, bit) = (inner?, bit?);
        let width = inner.width;
        if bit.width != 1 {
            return self.refuse("replace_bit takes one bit".into());
        }
        if let Some(low) = self.constant_index(index) {
            if low >= width {
                return self.refuse(format!("bit {low} of a value of {width} bits is replaced"));
            }
            let above = (low + 1 < width).then(|| inner.part(low + 1, width - low - 1));
            let below = (low > 0).then(|| inner.part(0, low));
            if above.as_ref().is_none_or(Option::is_some)
                && below.as_ref().is_none_or(Option::is_some)
            {
                let pieces = [above.flatten(), Some(bit), below.flatten()];
                let mut pieces: Vec<_> = pieces.into_iter().flatten().collect();
                return Ok(match pieces.len() {
                    1 => pieces.remove(0),
                    _ => Expr { width, node: Node::Concat(pieces) },
                });
            }
        }
        let index = match self.constant_index(index) {
            Some(low) => Expr::literal(low.into(), Literal::from(low).bit_length().max(1)),
            None => self.value(index, None)?,
        };
        let one = Expr::literal(1.into(), width);
        let mask = Expr::binary(width, Op::Shl, one, index.clone());
        let mask = Expr { width, node: Node::Not(Box::new(mask)) };
        let kept = Expr::binary(width, Op::And, inner, mask);
        let set = Expr::binary(width, Op::Shl, bit.widened(width), index);
        Ok(Expr::binary(width, Op::Or, kept, set))
    }
}
