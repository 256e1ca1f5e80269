//! Markdown tables.

use std::fmt::Write;

/// A table; `|` in cells is escaped.
pub fn table<const N: usize>(header: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let mut text = format!("| {} |\n|{}\n", header.join(" | "), "---|".repeat(N));
    for row in rows {
        let cells = row.map(|cell| cell.replace('|', "\\|"));
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    text
}

/// `[7:4]`, or `[3]` for a single bit.
pub fn bit_range(offset: usize, bits: usize) -> String {
    match bits {
        1 => format!("[{offset}]"),
        _ => format!("[{}:{offset}]", offset + bits - 1),
    }
}

/// A number with its thousands separated.
pub fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
