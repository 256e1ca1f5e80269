//! Names: from Rust to Verilog, and the index arithmetic inside them.

/// A loop variable and its value in the present turn.
pub(super) type Loops = [(String, usize)];

/// `lane$3$q` becomes `lane_3_q`.
pub(super) fn verilog_name(name: &str) -> String {
    name.replace('$', "_")
}

/// Words that Verilog-2005 or SystemVerilog reserve and that could be Rust field names.
const KEYWORDS: &str = "accept_on alias always always_comb always_ff always_latch and assert assign \
    automatic before begin bind bins binsof bit bufif0 bufif1 buf byte case casex casez cell chandle \
    checker class clocking cmos config constraint context cover covergroup coverpoint cross deassign \
    default defparam design disable dist edge end endcase endclass endfunction endmodule enum event \
    eventually expect export extends extern final first_match force foreach forever fork forkjoin \
    function generate genvar global highz0 highz1 iff ifnone ignore_bins illegal_bins implements \
    implies import incdir include initial inout input inside instance int integer interconnect \
    interface intersect join join_any join_none large let liblist library local localparam logic \
    longint macromodule matches medium modport module nand negedge nettype new nexttime nmos nor \
    noshowcancelled not notif0 notif1 null or output package packed parameter pmos posedge primitive \
    priority program property protected pull0 pull1 pulldown pullup pulsestyle_ondetect pure rand \
    randc randcase randsequence rcmos real realtime ref reg reject_on release repeat restrict rnmos \
    rpmos rtran s_always s_eventually s_nexttime s_until scalared sequence shortint shortreal \
    showcancelled signed small soft solve specify specparam static string strong strong0 strong1 \
    struct super supply0 supply1 sync_accept_on sync_reject_on table tagged task this throughout time \
    timeprecision timeunit tran tranif0 tranif1 tri tri0 tri1 triand trior trireg type typedef \
    unique unique0 unsigned until untyped use uwire var vectored virtual void wait wait_order wand \
    weak weak0 weak1 wildcard wire with within wor xnor xor";

/// Whether Verilog reserves `name`.
pub(super) fn is_reserved(name: &str) -> bool {
    KEYWORDS.split_ascii_whitespace().any(|word| word == name)
}

/// Replaces every `[arithmetic]` in a name from a kernel by `$<value>`.
///
/// Errors name the part that is not known.
pub(super) fn resolve_indices(name: &str, loops: &Loops) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = name;
    while let Some((before, after)) = rest.split_once('[') {
        let (index, after) =
            after.split_once(']').ok_or_else(|| format!("the index in `{name}` has no end"))?;
        out.push_str(before);
        out.push_str(&format!("${}", evaluate(index, loops)?));
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// Evaluates sums and products of integers and loop variables.
fn evaluate(text: &str, loops: &Loops) -> Result<usize, String> {
    let mut reader = Reader { text, rest: text, loops };
    let value = reader.sum()?;
    if reader.rest.is_empty() { Ok(value) } else { Err(reader.unknown()) }
}

struct Reader<'a> {
    text: &'a str,
    rest: &'a str,
    loops: &'a Loops,
}

impl Reader<'_> {
    fn unknown(&self) -> String {
        format!(
            "index `{}` is not arithmetic (+, -, *, /) of integers and loop variables",
            self.text
        )
    }

    fn eat(&mut self, token: char) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn sum(&mut self) -> Result<usize, String> {
        let mut value = self.product()?;
        loop {
            let next = if self.eat('+') {
                value.checked_add(self.product()?)
            } else if self.eat('-') {
                value.checked_sub(self.product()?)
            } else {
                return Ok(value);
            };
            value = next.ok_or_else(|| format!("index `{}` is out of range", self.text))?;
        }
    }

    fn product(&mut self) -> Result<usize, String> {
        let mut value = self.atom()?;
        loop {
            let next = if self.eat('*') {
                value.checked_mul(self.atom()?)
            } else if self.eat('/') {
                value.checked_div(self.atom()?)
            } else {
                return Ok(value);
            };
            value = next.ok_or_else(|| format!("index `{}` is out of range", self.text))?;
        }
    }

    fn atom(&mut self) -> Result<usize, String> {
        if self.eat('(') {
            let value = self.sum()?;
            return if self.eat(')') { Ok(value) } else { Err(self.unknown()) };
        }
        let end = self
            .rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        let variable = self.loops.iter().rev().find(|(name, _)| name == word);
        match variable {
            Some((_, value)) => Ok(*value),
            None => {
                word.trim_end_matches("usize").replace('_', "").parse().map_err(|_| self.unknown())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::resolve_indices;

    #[test]
    fn indices_are_evaluated_with_precedence() {
        let loops = [("i".to_string(), 3), ("j".to_string(), 5)];
        let resolve = |name| resolve_indices(name, &loops);
        assert_eq!(resolve("lane[i]$d").as_deref(), Ok("lane$3$d"));
        assert_eq!(resolve("a[2+i*4][(j-1)/2]").as_deref(), Ok("a$14$2"));
        assert_eq!(resolve("plain").as_deref(), Ok("plain"));
        assert!(resolve("a[_last]").is_err_and(|e| e.contains("`_last`")));
        assert!(resolve("a[i-4]").is_err_and(|e| e.contains("out of range")));
    }
}
