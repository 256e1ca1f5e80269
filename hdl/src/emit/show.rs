//! The text of expressions.

use super::ir::{Expr, Node};
use super::literal::Literal;
use super::scope::Scope;

impl Scope {
    /// The expression as it stands alone.
    pub fn show(&self, value: &Expr) -> String {
        match &value.node {
            Node::Signal(id) => self.signals[*id].name.clone(),
            Node::Part { signal, low } => {
                format!("{}{}", self.signals[*signal].name, select(*low, value.width))
            }
            Node::Bit { signal, index } => {
                format!("{}[{}]", self.signals[*signal].name, self.show(index))
            }
            Node::Window { value: inner, index } => {
                let window = Window::new(inner, value.width, index);
                let inner = inner.clone().widened(window.padded);
                let index = index.clone().widened(window.index_bits());
                format!("{}({}, {})", window.name(), self.show(&inner), self.show(&index))
            }
            Node::Literal { value: literal, name } => match name {
                Some(name) => name.clone(),
                None => literal.sized(value.width),
            },
            Node::Binary(op, left, right) => {
                let (left, right) = (self.nested(left), self.nested(right));
                format!("{left} {} {right}", op.symbol())
            }
            Node::Not(inner) => {
                let symbol = if value.width == 1 { '!' } else { '~' };
                format!("{symbol}{}", self.nested(inner))
            }
            Node::Reduce(symbol, inner) => format!("{symbol}{}", self.nested(inner)),
            Node::Widen(inner) => {
                let zeros = Literal::from(0).sized(value.width - inner.width);
                format!("{{{zeros}, {}}}", self.show(inner))
            }
            Node::Concat(pieces) => {
                let pieces: Vec<_> = pieces.iter().map(|piece| self.show(piece)).collect();
                format!("{{{}}}", pieces.join(", "))
            }
        }
    }

    /// The expression as an operand: in parentheses if it has an operator.
    pub fn nested(&self, value: &Expr) -> String {
        let text = self.show(value);
        match &value.node {
            Node::Binary(..) | Node::Reduce(..) | Node::Not(_) => format!("({text})"),
            _ => text,
        }
    }
}

/// A function that takes bits of a value from an index up, zeros beyond the top.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Window {
    /// Bits of the value, padded so that no index leads out of it.
    pub padded: usize,
    /// Bits of the result.
    pub width: usize,
}

impl Window {
    /// The function for `width` bits of `value` from `index` up.
    pub fn new(value: &Expr, width: usize, index: &Expr) -> Self {
        let reach = (1 << index.width) - 1 + width;
        Self { padded: value.width.max(reach), width }
    }

    /// Bits of an index into the padded value; tools ask for exactly as many.
    pub fn index_bits(self) -> usize {
        Literal::from(self.padded - 1).bit_length().max(1)
    }

    pub fn name(self) -> String {
        format!("window_{}_{}", self.padded, self.width)
    }
}

/// A range such as `[7:0] `, empty for one bit.
pub(super) fn range(width: usize) -> String {
    match width {
        1 => String::new(),
        _ => format!("[{}:0] ", width - 1),
    }
}

/// A part select such as `[7:0]` or `[3]`.
pub(super) fn select(low: usize, width: usize) -> String {
    match width {
        1 => format!("[{low}]"),
        _ => format!("[{}:{low}]", low + width - 1),
    }
}
