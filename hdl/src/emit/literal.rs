//! Constants of any width.

use rust_hdl::prelude::VerilogLiteral;
use std::fmt;

/// An unsigned number without a width.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Literal {
    /// Bits from the least significant one, without leading zeros.
    bits: Vec<bool>,
}

impl Literal {
    /// The number with these bits, least significant first.
    pub fn from_bits(mut bits: Vec<bool>) -> Self {
        while bits.last() == Some(&false) {
            bits.pop();
        }
        Self { bits }
    }

    /// Reads a constant of `rust-hdl` and its own width; `None` if it is negative.
    pub fn from_verilog(literal: &VerilogLiteral) -> Option<(Self, usize)> {
        Self::parse(&format!("{literal:x}"))
    }

    /// Reads `<width>'h<hexadecimal digits>`.
    pub fn parse(text: &str) -> Option<(Self, usize)> {
        let (width, digits) = text.split_once("'h")?;
        let mut bits = Vec::new();
        for digit in digits.chars().rev() {
            let digit = digit.to_digit(16)?;
            bits.extend((0..4).map(|i| digit >> i & 1 == 1));
        }
        Some((Self::from_bits(bits), width.parse().ok()?))
    }

    /// `2^width - 1`.
    pub fn ones(width: usize) -> Self {
        Self::from_bits(vec![true; width])
    }

    /// The low `width` bits, each inverted.
    pub fn inverted(&self, width: usize) -> Self {
        let bit = |i: usize| !self.bits.get(i).copied().unwrap_or_default();
        Self::from_bits((0..width).map(bit).collect())
    }

    /// Number of bits up to the highest one.
    pub fn bit_length(&self) -> usize {
        self.bits.len()
    }

    /// Bits `low` to `low + width - 1`.
    pub fn part(&self, low: usize, width: usize) -> Self {
        let bits = self.bits.iter().skip(low).take(width);
        Self::from_bits(bits.copied().collect())
    }

    /// The value, if it fits.
    pub fn to_usize(&self) -> Option<usize> {
        if self.bits.len() >= usize::BITS as usize {
            return None;
        }
        let bits = self.bits.iter().rev();
        Some(bits.fold(0, |value, &bit| value << 1 | usize::from(bit)))
    }

    /// The constant as Verilog, `width` bits wide.
    pub fn sized(&self, width: usize) -> String {
        match self.to_usize() {
            Some(value) if width == 1 => format!("1'b{value}"),
            Some(value @ 0..=9) => format!("{width}'d{value}"),
            _ => format!("{width}'h{self}"),
        }
    }
}

impl From<usize> for Literal {
    fn from(value: usize) -> Self {
        Self::from_bits((0..usize::BITS).map(|i| value >> i & 1 == 1).collect())
    }
}

/// Hexadecimal digits.
impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.bits.is_empty() {
            return f.write_str("0");
        }
        for nibble in self.bits.chunks(4).rev() {
            let digit = nibble.iter().rev().fold(0, |v, &bit| v << 1 | u32::from(bit));
            write!(f, "{digit:x}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Literal;

    #[test]
    fn parts_and_digits_agree() {
        let (value, width) = Literal::parse("72'h8000000000000000a5").expect("a literal");
        assert_eq!((value.bit_length(), width), (72, 72));
        assert_eq!(value.part(4, 4).to_usize(), Some(10));
        assert_eq!(value.part(68, 4).to_usize(), Some(8));
        assert_eq!(value.sized(72), "72'h8000000000000000a5");
        assert_eq!(Literal::from(9).sized(4), "4'd9");
        assert_eq!(Literal::from(0).sized(1), "1'b0");
        assert_eq!(Literal::parse("8'h-1"), None);
    }
}
