//! Boolean functions of Liberty.

use anyhow::{Context, Result, ensure};

/// Inputs that a truth table of 64 rows takes.
pub const INPUTS_MAX: usize = 6;

/// The truth table of `text` over `inputs`: bit i is the value when input k is bit k of i. Operators, tightest first: `!` before and `'` after,
/// `&`, `*` or a space, `^`, `|` or `+`.
///
/// # Errors
///
/// When it is no expression, names something else, or has more than six inputs.
pub fn truth_table(text: &str, inputs: &[&str]) -> Result<u64> {
    ensure!(
        inputs.len() <= INPUTS_MAX,
        "the function {text:?} has {} inputs, more than {INPUTS_MAX}",
        inputs.len()
    );
    let mut table = 0;
    for row in 0..1u64 << inputs.len() {
        let value = |name: &str| inputs.iter().position(|&i| i == name).map(|k| row >> k & 1 != 0);
        table |= u64::from(evaluate(text, &value)?) << row;
    }
    Ok(table)
}

/// The value of `text` where `value` knows the names.
pub fn evaluate(text: &str, value: &dyn Fn(&str) -> Option<bool>) -> Result<bool> {
    let mut parser = Parser { rest: text, value };
    let result = parser.or().with_context(|| format!("in the function {text:?}"))?;
    parser.skip();
    ensure!(parser.rest.is_empty(), "the function {text:?} goes on with {:?}", parser.rest);
    Ok(result)
}

struct Parser<'a> {
    rest: &'a str,
    value: &'a dyn Fn(&str) -> Option<bool>,
}

impl Parser<'_> {
    fn skip(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, symbols: &[char]) -> bool {
        self.skip();
        let found = self.rest.starts_with(symbols);
        if found {
            self.rest = &self.rest[1..];
        }
        found
    }

    fn or(&mut self) -> Result<bool> {
        let mut left = self.xor()?;
        while self.take(&['|', '+']) {
            left |= self.xor()?;
        }
        Ok(left)
    }

    fn xor(&mut self) -> Result<bool> {
        let mut left = self.and()?;
        while self.take(&['^']) {
            left ^= self.and()?;
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<bool> {
        let mut left = self.not()?;
        loop {
            self.skip();
            let implicit =
                self.rest.starts_with(|c: char| c.is_alphanumeric() || "_(!".contains(c));
            if !self.take(&['&', '*']) && !implicit {
                return Ok(left);
            }
            left &= self.not()?;
        }
    }

    fn not(&mut self) -> Result<bool> {
        let mut value = if self.take(&['!']) {
            !self.not()?
        } else if self.take(&['(']) {
            let inner = self.or()?;
            ensure!(self.take(&[')']), "a parenthesis is not closed");
            inner
        } else {
            self.name()?
        };
        while self.take(&['\'']) {
            value = !value;
        }
        Ok(value)
    }

    fn name(&mut self) -> Result<bool> {
        self.skip();
        let end = self.rest.find(|c: char| !c.is_alphanumeric() && !"_[]".contains(c));
        let (name, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        match name {
            "0" => Ok(false),
            "1" => Ok(true),
            _ => (self.value)(name).with_context(|| format!("{name:?} is no pin")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_bind_as_in_liberty() {
        let table = |text: &str, inputs: &[&str]| truth_table(text, inputs).unwrap();
        assert_eq!(table("A & B", &["A", "B"]), 0b1000);
        assert_eq!(table("A B", &["A", "B"]), 0b1000);
        assert_eq!(table("!(A | B)", &["A", "B"]), 0b0001);
        assert_eq!(table("(A+B)'", &["A", "B"]), 0b0001);
        assert_eq!(table("A ^ B & C", &["A", "B", "C"]), table("A ^ (B*C)", &["A", "B", "C"]));
        assert_eq!(table("!A B + A !B", &["A", "B"]), table("A ^ B", &["A", "B"]));
        assert_eq!(table("1", &[]), 1);
        assert!(
            truth_table("A & X", &["A"]).unwrap_err().root_cause().to_string().contains("\"X\"")
        );
        assert!(truth_table("(A", &["A"]).is_err());
        assert!(truth_table("A)", &["A"]).is_err());
    }
}
