//! Switching activity for other tools.

use crate::netlist::Netlist;
use crate::simulation::Activity;
use std::fmt::Write;

/// Characters of names that SAIF reads as its own.
const SPECIAL: &str = "\\[]()$.:/\"";

/// `activity` of `netlist` at a clock of `period_ps` as backward SAIF 2.0: of every net how long it was 0 and 1, and its toggles. Names are those of the
/// netlist's Verilog.
pub fn saif(netlist: &Netlist, activity: &Activity, period_ps: u64) -> String {
    let duration = activity.cycles * period_ps;
    let mut text = format!(
        "(SAIFILE\n(SAIFVERSION \"2.0\")\n(DIRECTION \"backward\")\n(DESIGN \"{top}\")\n(PROGRAM_NAME \"backspike\")\n(DIVIDER / )\n\
         (TIMESCALE 1 ps)\n(DURATION {duration})\n(INSTANCE {top}\n(NET\n",
        top = netlist.top
    );
    for (name, net) in &netlist.names {
        let high = activity.high[*net as usize] * period_ps / 2;
        let (name, low) = (escaped(name), duration - high);
        let toggles = activity.toggles[*net as usize];
        // Writing to a String cannot fail.
        let _ = writeln!(text, "({name} (T0 {low}) (T1 {high}) (TX 0) (TC {toggles}))");
    }
    text.push_str(")))\n");
    text
}

fn escaped(name: &str) -> String {
    let mut escaped = String::with_capacity(name.len() + 8);
    for character in name.chars() {
        if SPECIAL.contains(character) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::liberty::{Library, tests::DEMO};
    use crate::simulation::Simulation;

    #[test]
    fn times_and_toggles_are_those_of_the_nets() {
        let netlist = Netlist::parse(
            ".model top\n.inputs clock d[0]\n.outputs q\n.names $false\n\
             .subckt DFF CK=clock D=d[0] Q=q\n.cname r\n.subckt INV A=q Y=$n\n.cname i\n.end\n",
        )
        .unwrap();
        let library = Library::parse(DEMO).unwrap();
        let mut simulation = Simulation::new(&netlist, &library, 1).unwrap();
        let d = simulation.port("d");
        let mut step = |value| {
            simulation.set(&d, value);
            simulation.settle();
            simulation.edge();
            simulation.settle();
            simulation.activity()
        };
        // The register starts at random.
        step(0);
        let before = step(0);
        let after = [1, 1, 0, 1].map(&mut step)[3].since(&before);
        let text = saif(&netlist, &after, 100);
        for line in [
            "(DURATION 400)",
            "(clock (T0 200) (T1 200) (TX 0) (TC 8))",
            "(d\\[0\\] (T0 100) (T1 300) (TX 0) (TC 3))",
            // What an edge stores is seen from then on: 0, 1, 1, 0 in the four cycles.
            "(q (T0 200) (T1 200) (TX 0) (TC 3))",
            "(\\$n (T0 200) (T1 200) (TX 0) (TC 3))",
        ] {
            assert!(text.contains(&format!("{line}\n")), "{line} in {text}");
        }
        assert!(!text.contains("false"));
    }
}
