//! Standard output that may be closed by whoever reads it, as in `backspike info ... | head`.

use std::fmt;
use std::io::{Write, stdout};

/// Writes `text`; once nobody reads any more it goes nowhere, and the command does its work all the same. `false` then.
pub fn text(text: fmt::Arguments) -> bool {
    stdout().lock().write_fmt(text).is_ok()
}

/// As the standard one, by [`text`].
macro_rules! print {
    ($($text:tt)*) => {
        let _ = $crate::cli::print::text(format_args!($($text)*));
    };
}

/// As the standard one, by [`text`].
macro_rules! println {
    () => {
        print!("\n")
    };
    ($($text:tt)*) => {
        print!("{}\n", format_args!($($text)*))
    };
}
