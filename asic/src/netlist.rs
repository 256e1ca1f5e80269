//! A flat netlist of cells, from BLIF.

use anyhow::{Context, Result, bail, ensure};
use std::collections::HashMap;

/// Number of a net.
pub type Net = u32;

/// The nets that are always 0 and always 1.
pub const ZERO: Net = 0;
pub const ONE: Net = 1;

/// A cell and what its pins are connected to.
#[derive(Clone, Debug)]
pub struct Instance {
    /// With the blocks above it, separated by dots.
    pub name: String,
    pub cell: String,
    pub pins: Vec<(String, Net)>,
}

impl Instance {
    /// The net at a pin, if it is connected.
    pub fn net(&self, pin: &str) -> Option<Net> {
        self.pins.iter().find(|(name, _)| name == pin).map(|(_, net)| *net)
    }
}

/// A flat netlist.
#[derive(Clone, Debug, Default)]
pub struct Netlist {
    pub top: String,
    pub nets: usize,
    pub inputs: Vec<(String, Net)>,
    pub outputs: Vec<(String, Net)>,
    pub instances: Vec<Instance>,
    /// Names of nets, without the constants; a net may have several.
    pub names: Vec<(String, Net)>,
}

/// Gives nets their numbers.
struct Names {
    numbers: HashMap<String, Net>,
    /// Nets that are other nets: what BLIF's one-line functions say.
    alias: HashMap<Net, Net>,
}

impl Names {
    fn net(&mut self, name: &str) -> Net {
        let next = self.numbers.len() as Net;
        *self.numbers.entry(name.to_owned()).or_insert(next)
    }

    fn resolve(&self, mut net: Net) -> Net {
        while let Some(&other) = self.alias.get(&net) {
            net = other;
        }
        net
    }
}

impl Netlist {
    /// Reads the BLIF that Yosys writes with `-cname`: `.subckt` for cells, `.names` for constants and other names of a net.
    pub fn parse(text: &str) -> Result<Self> {
        let mut names = Names { numbers: HashMap::new(), alias: HashMap::new() };
        // Undefined bits are 0, as synthesis is free to choose.
        for constant in ["$false", "$true"] {
            names.net(constant);
        }
        let joined = text.replace("\\\n", " ");
        let mut lines = joined.lines().peekable();
        let mut netlist = Self::default();
        while let Some(line) = lines.next() {
            let mut words = line.split_whitespace();
            let Some(keyword) = words.next() else { continue };
            match keyword {
                ".model" => netlist.top = words.next().unwrap_or_default().to_owned(),
                ".inputs" => {
                    netlist.inputs.extend(words.map(|name| (name.to_owned(), names.net(name))));
                }
                ".outputs" => {
                    netlist.outputs.extend(words.map(|name| (name.to_owned(), names.net(name))));
                }
                ".subckt" | ".gate" => {
                    let cell = words.next().context("a .subckt without a cell")?.to_owned();
                    let pins = words.map(|word| {
                        let (pin, net) = word.split_once('=').context("a pin without a net")?;
                        Ok((pin.to_owned(), names.net(net)))
                    });
                    let pins = pins.collect::<Result<_>>()?;
                    netlist.instances.push(Instance { name: String::new(), cell, pins });
                }
                ".cname" => {
                    if let (Some(last), Some(name)) = (netlist.instances.last_mut(), words.next()) {
                        // Flattening marks what it moved up.
                        last.name = name.replace("$flatten", "").replace('\\', "");
                    }
                }
                ".names" => {
                    let nets: Vec<&str> = words.collect();
                    let covers = lines.peek().is_some_and(|next| !next.starts_with('.'));
                    match nets[..] {
                        ["$false" | "$true" | "$undef"] => {}
                        [constant] => {
                            let (net, value) =
                                (names.net(constant), if covers { ONE } else { ZERO });
                            names.alias.insert(net, value);
                        }
                        [from, to] => {
                            let (from, to) = (names.net(from), names.net(to));
                            names.alias.insert(to, from);
                        }
                        _ => bail!("a function of several nets was left in the netlist: {line:?}"),
                    }
                    while lines.next_if(|next| !next.starts_with('.')).is_some() {}
                }
                _ => {}
            }
        }
        let undefined = names.net("$undef");
        names.alias.insert(undefined, ZERO);
        ensure!(!netlist.instances.is_empty(), "the netlist holds no cells");
        for (_, net) in &mut netlist.outputs {
            *net = names.resolve(*net);
        }
        for (_, net) in netlist.instances.iter_mut().flat_map(|instance| &mut instance.pins) {
            *net = names.resolve(*net);
        }
        netlist.nets = names.numbers.len();
        let named = names.numbers.iter().map(|(name, net)| (name.clone(), names.resolve(*net)));
        netlist.names = named.filter(|&(_, net)| net != ZERO && net != ONE).collect();
        netlist.names.sort_unstable();
        Ok(netlist)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blif_is_read_with_its_constants_and_second_names() {
        let text = ".model top\n.inputs a clock\n.outputs y z\n.names $false\n.names $true\n1\n.names $undef\n\
            .subckt INV A=a Y=n\n.cname $flatten\\fp.$flatten\\lane_0.$abc$1\n.subckt OR2 A=n B=$true \\\nY=m\n.cname _2_\n.names n y\n1 1\n.names z\n.end\n";
        let netlist = Netlist::parse(text).unwrap();
        assert_eq!(netlist.top, "top");
        assert_eq!(netlist.instances[0].name, "fp.lane_0.$abc$1");
        let net = |i: usize, pin: &str| netlist.instances[i].net(pin).unwrap();
        assert_eq!(net(0, "Y"), netlist.outputs[0].1);
        assert_eq!(net(1, "B"), ONE);
        assert_eq!(net(1, "A"), net(0, "Y"));
        assert_eq!(netlist.outputs[1].1, ZERO);
        assert!(Netlist::parse(".model x\n.names a b c\n11 1\n").is_err());
    }
}
