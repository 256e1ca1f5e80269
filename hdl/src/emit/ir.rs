//! Kernels with every name resolved and every width known.

use super::literal::Literal;

/// Index of a signal in the [`super::scope::Scope`] of its module.
pub(super) type SignalId = usize;

/// A value of known width.
#[derive(Clone, Debug)]
pub(super) struct Expr {
    pub width: usize,
    pub node: Node,
}

#[derive(Clone, Debug)]
pub(super) enum Node {
    /// A whole signal.
    Signal(SignalId),
    /// Bits of a signal from `low` up; always fewer than all.
    Part {
        signal: SignalId,
        low: usize,
    },
    /// One bit of a signal at an index that fits.
    Bit {
        signal: SignalId,
        index: Box<Expr>,
    },
    /// Bits of `value` from `index` up, zeros beyond its top. `index` has few enough bits to pad for.
    Window {
        value: Box<Expr>,
        index: Box<Expr>,
    },
    Literal {
        value: Literal,
        /// A local parameter that stands for it.
        name: Option<String>,
    },
    Binary(Op, Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
    /// `&`, `|` or `^` over all bits.
    Reduce(char, Box<Expr>),
    /// Zeros in front.
    Widen(Box<Expr>),
    /// Most significant first.
    Concat(Vec<Expr>),
}

/// Operators; the operands of all but shifts have equal widths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Add,
    Sub,
    Mul,
    And,
    Or,
    Xor,
    AndAlso,
    OrElse,
    Shl,
    Shr,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

impl Op {
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::And => "&",
            Self::Or => "|",
            Self::Xor => "^",
            Self::AndAlso => "&&",
            Self::OrElse => "||",
            Self::Shl => "<<",
            Self::Shr => ">>",
            Self::Eq => "==",
            Self::Ne => "!=",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
        }
    }

    fn is_bitwise(self) -> bool {
        matches!(self, Self::And | Self::Or | Self::Xor)
    }
}

/// A statement of a kernel, loops unrolled.
#[derive(Clone, Debug)]
pub(super) enum Stmt {
    Assign {
        target: SignalId,
        /// Lowest bit written, if not the whole signal is.
        low: Option<usize>,
        value: Expr,
    },
    If {
        test: Expr,
        then: Vec<Stmt>,
        otherwise: Vec<Stmt>,
    },
    Case {
        test: Expr,
        /// Constants of the width of `test`.
        arms: Vec<(Expr, Vec<Stmt>)>,
        default: Vec<Stmt>,
    },
}

impl Expr {
    pub fn literal(value: Literal, width: usize) -> Self {
        let node = Node::Literal { value, name: None };
        Self { width, node }
    }

    pub fn bit(value: bool) -> Self {
        Self::literal(usize::from(value).into(), 1)
    }

    pub fn binary(width: usize, op: Op, left: Self, right: Self) -> Self {
        let node = Node::Binary(op, Box::new(left), Box::new(right));
        Self { width, node }
    }

    /// The constant value, if it is one.
    pub fn constant(&self) -> Option<&Literal> {
        match &self.node {
            Node::Literal { value, .. } => Some(value),
            _ => None,
        }
    }

    /// Zeros in front up to `width`, which is at least the width of the expression.
    pub fn widened(self, width: usize) -> Self {
        if self.width == width {
            return self;
        }
        let node = match self.node {
            Node::Literal { value, .. } => return Self::literal(value, width),
            Node::Widen(inner) => Node::Widen(inner),
            _ => Node::Widen(Box::new(self)),
        };
        Self { width, node }
    }

    /// Bits `low` to `low + width - 1` of the expression, where they can be had without a temporary:
    /// low bits of sums need only low bits of the operands, and bitwise operators any bits.
    pub fn part(&self, low: usize, width: usize) -> Option<Self> {
        if low == 0 && width == self.width {
            return Some(self.clone());
        }
        let node = match &self.node {
            Node::Signal(signal) => Node::Part { signal: *signal, low },
            Node::Part { signal, low: base } => Node::Part { signal: *signal, low: base + low },
            Node::Literal { value, .. } => {
                return Some(Self::literal(value.part(low, width), width));
            }
            Node::Widen(inner) => {
                if low >= inner.width {
                    return Some(Self::literal(0.into(), width));
                }
                let inner = inner.part(low, width.min(inner.width - low))?;
                return Some(inner.widened(width));
            }
            Node::Concat(pieces) => return part_of_concat(pieces, low, width),
            Node::Not(inner) => Node::Not(Box::new(inner.part(low, width)?)),
            Node::Binary(op, left, right) => return part_of_binary(*op, left, right, low, width),
            Node::Bit { .. } | Node::Window { .. } | Node::Reduce(..) => return None,
        };
        Some(Self { width, node })
    }

    /// Calls `visit` for every signal read, with the lowest bit and the number of bits, or `None`
    /// for all of them.
    pub fn reads(&self, visit: &mut dyn FnMut(SignalId, Option<(usize, usize)>)) {
        match &self.node {
            Node::Signal(signal) => visit(*signal, None),
            Node::Part { signal, low } => visit(*signal, Some((*low, self.width))),
            Node::Bit { signal, index } => {
                visit(*signal, None);
                index.reads(visit);
            }
            Node::Window { value: a, index: b } | Node::Binary(_, a, b) => {
                a.reads(visit);
                b.reads(visit);
            }
            Node::Not(a) | Node::Reduce(_, a) | Node::Widen(a) => a.reads(visit),
            Node::Concat(pieces) => pieces.iter().for_each(|piece| piece.reads(visit)),
            Node::Literal { .. } => {}
        }
    }
}

fn part_of_concat(pieces: &[Expr], low: usize, width: usize) -> Option<Expr> {
    let mut out = Vec::new();
    let mut base = 0;
    for piece in pieces.iter().rev() {
        let (from, to) = (low.max(base), (low + width).min(base + piece.width));
        if from < to {
            out.insert(0, piece.part(from - base, to - from)?);
        }
        base += piece.width;
    }
    if out.len() == 1 {
        return out.pop();
    }
    let node = Node::Concat(out);
    Some(Expr { width, node })
}

fn part_of_binary(op: Op, left: &Expr, right: &Expr, low: usize, width: usize) -> Option<Expr> {
    let part = |expr: &Expr| expr.part(low, width);
    match op {
        _ if op.is_bitwise() => Some(Expr::binary(width, op, part(left)?, part(right)?)),
        Op::Add | Op::Sub | Op::Mul if low == 0 => {
            Some(Expr::binary(width, op, part(left)?, part(right)?))
        }
        Op::Shl if low == 0 => Some(Expr::binary(width, op, part(left)?, right.clone())),
        Op::Shr => {
            let low = low.checked_add(right.constant()?.to_usize()?)?;
            if low >= left.width {
                return Some(Expr::literal(0.into(), width));
            }
            let kept = left.part(low, width.min(left.width - low))?;
            Some(kept.widened(width))
        }
        _ => None,
    }
}

impl Stmt {
    /// Calls `visit` for every signal assigned, in order.
    pub fn targets(&self, visit: &mut dyn FnMut(SignalId)) {
        match self {
            Self::Assign { target, .. } => visit(*target),
            Self::If { then, otherwise, .. } => {
                then.iter().for_each(|s| s.targets(visit));
                otherwise.iter().for_each(|s| s.targets(visit));
            }
            Self::Case { arms, default, .. } => {
                for (_, body) in arms {
                    body.iter().for_each(|s| s.targets(visit));
                }
                default.iter().for_each(|s| s.targets(visit));
            }
        }
    }

    /// Calls `visit` for every expression in the statement and below.
    pub fn expressions<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        match self {
            Self::Assign { value, .. } => visit(value),
            Self::If { test, then, otherwise } => {
                visit(test);
                then.iter().for_each(|s| s.expressions(visit));
                otherwise.iter().for_each(|s| s.expressions(visit));
            }
            Self::Case { test, arms, default } => {
                visit(test);
                for (label, body) in arms {
                    visit(label);
                    body.iter().for_each(|s| s.expressions(visit));
                }
                default.iter().for_each(|s| s.expressions(visit));
            }
        }
    }
}
