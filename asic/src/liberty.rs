//! What is needed of a Liberty library: functions, areas, capacitances and energies of its cells.

use crate::expression::{evaluate, truth_table};
use anyhow::{Context, Result, bail, ensure};
use liberty_parser::ast::Value;
use liberty_parser::liberty::Group;
use std::collections::BTreeMap;
use std::path::Path;

/// A library of standard cells.
#[derive(Clone, Debug)]
pub struct Library {
    pub name: String,
    /// Nominal supply, V.
    pub voltage: f64,
    pub cells: BTreeMap<String, Cell>,
    /// Input capacitance of the smallest inverter, fF: the library's own unit of load.
    pub unit_load: f64,
}

impl Library {
    /// The cell with the smallest area of those of which `pick` gives something, with its name and that.
    pub(crate) fn smallest<'a, T>(
        &'a self,
        pick: impl Fn(&'a Cell) -> Option<T>,
    ) -> Option<(&'a str, &'a Cell, T)> {
        let picked =
            self.cells.iter().filter_map(|(name, cell)| Some((name.as_str(), cell, pick(cell)?)));
        picked.min_by(|a, b| a.1.area.total_cmp(&b.1.area))
    }
}

/// A cell.
#[derive(Clone, Debug)]
pub struct Cell {
    /// um2.
    pub area: f64,
    /// nW.
    pub leakage: f64,
    /// Input pins and their capacitance, fF.
    pub inputs: Vec<(String, f64)>,
    pub outputs: Vec<Output>,
    pub kind: CellKind,
}

/// Tables of gates with one input.
pub(crate) const INVERTER: u64 = 0b01;
pub(crate) const BUFFER: u64 = 0b10;

impl Cell {
    /// A gate with one input and one output, which is `table` of it.
    pub(crate) fn is_single_gate(&self, table: u64) -> bool {
        self.kind == CellKind::Gates
            && self.inputs.len() == 1
            && matches!(&self.outputs[..], [output] if output.table == table)
    }
}

/// What a cell does.
#[derive(Clone, Debug, PartialEq)]
pub enum CellKind {
    Gates,
    /// Takes `next` at the rising edge of input `clock`; `idle` fJ a cycle for the edges alone.
    FlipFlop {
        clock: usize,
        next: u64,
        idle: f64,
    },
    /// Passes the clock on while `enable` was high before its rising edge.
    ClockGate {
        clock: usize,
        enable: usize,
        idle: f64,
    },
}

/// An output pin.
#[derive(Clone, Debug)]
pub struct Output {
    pub name: String,
    /// Truth table over the inputs of a gate; over the stored bit for a flip-flop.
    pub table: u64,
    /// Energy of a transition, fJ, rising and falling averaged.
    pub energy: Table,
}

/// Energy over input slew (ns) and load (fF), of a transition.
#[derive(Clone, Debug, Default)]
pub struct Table {
    slews: Vec<f64>,
    loads: Vec<f64>,
    values: Vec<Vec<f64>>,
}

impl Table {
    /// Interpolated linearly; outside, the value of the border.
    pub fn at(&self, slew: f64, load: f64) -> f64 {
        let (row, down) = position(&self.slews, slew);
        let (column, right) = position(&self.loads, load);
        let value = |r: usize, c: usize| {
            let row = self.values.get(r.min(self.values.len().saturating_sub(1)));
            row.and_then(|row| row.get(c.min(row.len().saturating_sub(1)))).copied().unwrap_or(0.0)
        };
        let along = |r: usize| value(r, column) * (1.0 - right) + value(r, column + 1) * right;
        along(row) * (1.0 - down) + along(row + 1) * down
    }
}

/// The index before `x` and how far it is to the next.
fn position(axis: &[f64], x: f64) -> (usize, f64) {
    let Some(after) = axis.iter().position(|&a| a > x) else {
        return (axis.len().saturating_sub(1), 0.0);
    };
    match after.checked_sub(1) {
        None => (0, 0.0),
        Some(before) => (before, (x - axis[before]) / (axis[after] - axis[before])),
    }
}

/// Slew of every input, ns. Energies hardly depend on it.
pub const SLEW_NS: f64 = 0.05;

/// Units of a library's numbers.
#[derive(Clone, Copy)]
struct Units {
    /// fF of a capacitance; and fJ of an internal energy, whose unit is that of capacitance times the square of 1 V (Liberty reference,
    /// internal_power).
    load: f64,
    /// nW of a leakage.
    leakage: f64,
    /// ns of a time.
    time: f64,
}

impl Library {
    /// Reads the text of a library.
    ///
    /// # Errors
    ///
    /// When it does not parse. Cells of kinds that synthesis does not use (latches, scan flip-flops, tri-state) are left out.
    pub fn parse(text: &str) -> Result<Self> {
        let parsed = liberty_parser::parse_lib(text);
        let parsed = parsed.map_err(|error| {
            let said: String = error.to_string().chars().take(200).collect();
            anyhow::anyhow!("The Liberty file does not parse: {said}")
        })?;
        let group = parsed.0.first().context("The Liberty file holds no library")?;
        let voltage = number(group, "nom_voltage").unwrap_or(1.0);
        let units = units(group)?;
        let mut cells = BTreeMap::new();
        for cell in group.iter_cells() {
            if let Some(read) = read_cell(cell, units)? {
                cells.insert(cell.name.clone(), read);
            }
        }
        let inverters = cells.values().filter(|cell: &&Cell| cell.is_single_gate(INVERTER));
        let unit_load = inverters.map(|cell| cell.inputs[0].1).fold(f64::INFINITY, f64::min);
        ensure!(unit_load.is_finite(), "The Liberty library {} has no inverter", group.name);
        Ok(Self { name: group.name.trim_matches('"').to_owned(), voltage, cells, unit_load })
    }
}

fn number(group: &Group, name: &str) -> Option<f64> {
    match group.simple_attribute(name)? {
        Value::Float(value) => Some(*value),
        other => other.string().parse().ok(),
    }
}

fn string(group: &Group, name: &str) -> Option<String> {
    match group.simple_attribute(name)? {
        Value::String(text) | Value::Expression(text) => Some(text.clone()),
        _ => None,
    }
}

fn units(group: &Group) -> Result<Units> {
    let capacitance = group.complex_attribute("capacitive_load_unit");
    let load = match capacitance.map(Vec::as_slice) {
        Some([Value::Float(count), Value::Expression(unit) | Value::String(unit)]) => {
            match unit.to_lowercase().as_str() {
                "ff" => *count,
                "pf" => count * 1e3,
                other => bail!("The Liberty unit of capacitance {other:?} is not ff or pf"),
            }
        }
        _ => bail!("The Liberty library {} names no capacitive_load_unit", group.name),
    };
    let scaled = |name: &str, units: &[(&str, f64)]| -> Option<f64> {
        let text = string(group, name)?.to_lowercase();
        let (unit, scale) = units.iter().find(|(unit, _)| text.ends_with(unit))?;
        Some(text.trim_end_matches(unit).parse::<f64>().ok()? * scale)
    };
    let leakage =
        scaled("leakage_power_unit", &[("pw", 1e-3), ("nw", 1.0), ("uw", 1e3), ("mw", 1e6)]);
    let time = scaled("time_unit", &[("ps", 1e-3), ("ns", 1.0)]).unwrap_or(1.0);
    Ok(Units { load, leakage: leakage.unwrap_or(1.0), time })
}

/// The mean of rise_power and fall_power of the groups `powers`.
fn mean_energy(powers: &[&Group], units: Units) -> Table {
    let tables: Vec<Table> = powers
        .iter()
        .flat_map(|power| power.iter_subgroups())
        .filter(|group| ["rise_power", "fall_power", "power"].contains(&group.type_.as_str()))
        .map(|group| table(group, units))
        .collect();
    let Some(first) = tables.first().cloned() else { return Table::default() };
    let same = |table: &&Table| table.slews == first.slews && table.loads == first.loads;
    let alike: Vec<&Table> = tables.iter().filter(same).collect();
    let count = alike.len() as f64;
    let values = (0..first.values.len())
        .map(|r| {
            (0..first.values[r].len())
                .map(|c| alike.iter().map(|table| table.values[r][c]).sum::<f64>() / count)
                .collect()
        })
        .collect();
    Table { values, ..first }
}

fn table(group: &Group, units: Units) -> Table {
    let axis = |name: &str, unit: f64| -> Vec<f64> {
        let values = group.complex_attribute(name).map(|values| floats(values)).unwrap_or_default();
        values.concat().iter().map(|value| value * unit).collect()
    };
    let values = group.complex_attribute("values").map(|values| floats(values)).unwrap_or_default();
    let values: Vec<Vec<f64>> =
        values.iter().map(|row| row.iter().map(|value| value * units.load).collect()).collect();
    let (slews, loads) = (axis("index_1", units.time), axis("index_2", units.load));
    // A table over slew alone is one row.
    let values = if loads.is_empty() {
        values.concat().into_iter().map(|value| vec![value]).collect()
    } else {
        values
    };
    Table { slews, loads, values }
}

fn floats(values: &[Value]) -> Vec<Vec<f64>> {
    values
        .iter()
        .map(|value| match value {
            Value::Float(value) => vec![*value],
            Value::FloatGroup(values) => values.clone(),
            _ => Vec::new(),
        })
        .collect()
}

/// The cell, or nothing when synthesis cannot use it.
fn read_cell(group: &Group, units: Units) -> Result<Option<Cell>> {
    let pins: Vec<&Group> = group.iter_pins().collect();
    let direction = |pin: &Group| string(pin, "direction").unwrap_or_default();
    let inputs: Vec<(String, f64)> = pins
        .iter()
        .filter(|pin| direction(pin) == "input")
        .map(|pin| (pin.name.clone(), number(pin, "capacitance").unwrap_or(0.0) * units.load))
        .collect();
    let names: Vec<&str> = inputs.iter().map(|(name, _)| name.as_str()).collect();
    let index = |name: &str| names.iter().position(|&n| n == name);
    let of = |name: &'static str| group.iter_subgroups_of_type(name).next();
    let unused = ["latch", "statetable", "test_cell"].iter().any(|kind| of(kind).is_some());
    let gate = string(group, "clock_gating_integrated_cell");
    let (kind, stored) = if let Some(gate) = gate {
        let marked = |mark: &str| {
            pins.iter()
                .find(|pin| pin.simple_attribute(mark).is_some())
                .and_then(|p| index(&p.name))
        };
        let (clock, enable) = (marked("clock_gate_clock_pin"), marked("clock_gate_enable_pin"));
        let (Some(clock), Some(enable)) = (clock, enable) else { return Ok(None) };
        if gate.trim_matches('"') != "latch_posedge" {
            return Ok(None);
        }
        let idle = clock_energy(pins.iter().find(|p| p.name == names[clock]), units)?;
        (CellKind::ClockGate { clock, enable, idle }, None)
    } else if let Some(flop) = of("ff") {
        let text = |name: &str| string(flop, name).unwrap_or_default();
        let Some(clock) = index(&text("clocked_on")) else { return Ok(None) };
        if !text("clear").is_empty() || !text("preset").is_empty() || inputs.len() > 2 {
            return Ok(None);
        }
        let idle = clock_energy(pins.iter().find(|p| p.name == names[clock]), units)?;
        let next = truth_table(&text("next_state"), &names)?;
        let stored: Vec<String> =
            flop.name.split(',').map(|n| n.trim().trim_matches('"').to_owned()).collect();
        (CellKind::FlipFlop { clock, next, idle }, Some(stored))
    } else if unused {
        return Ok(None);
    } else {
        (CellKind::Gates, None)
    };
    let mut outputs = Vec::new();
    for pin in pins.iter().filter(|pin| direction(pin) == "output") {
        let function = string(pin, "function");
        let table = match (&kind, &stored, function) {
            (CellKind::ClockGate { .. }, ..) => 0,
            (_, Some(stored), Some(function)) => {
                let value = |one: bool| {
                    evaluate(&function, &|name: &str| {
                        stored.iter().position(|s| s == name).map(|i| one ^ (i == 1))
                    })
                };
                u64::from(value(false)?) | u64::from(value(true)?) << 1
            }
            (_, None, Some(function)) if names.len() <= crate::expression::INPUTS_MAX => {
                truth_table(&function, &names)?
            }
            _ => return Ok(None),
        };
        let powers: Vec<&Group> = pin.iter_subgroups_of_type("internal_power").collect();
        outputs.push(Output { name: pin.name.clone(), table, energy: mean_energy(&powers, units) });
    }
    Ok(Some(Cell {
        area: number(group, "area").unwrap_or(0.0),
        leakage: number(group, "cell_leakage_power").unwrap_or(0.0) * units.leakage,
        inputs,
        outputs,
        kind,
    }))
}

/// fJ of a clock cycle at a clock pin while nothing changes: its energy rising and falling, in the states in which data and output agree.
fn clock_energy(pin: Option<&&Group>, units: Units) -> Result<f64> {
    let Some(pin) = pin else { return Ok(0.0) };
    let mut powers: Vec<&Group> = Vec::new();
    for power in pin.iter_subgroups_of_type("internal_power") {
        let agrees = |one: bool, when: &str| {
            evaluate(when, &|name: &str| match name {
                "D" | "Q" | "IQ" | "GCK" | "SI" => Some(one),
                "QN" | "IQN" => Some(!one),
                _ => Some(false),
            })
        };
        let holds = match string(power, "when") {
            None => true,
            Some(when) => agrees(false, &when)? || agrees(true, &when)?,
        };
        if holds {
            powers.push(power);
        }
    }
    // The mean of an edge, twice.
    Ok(2.0 * mean_energy(&powers, units).at(SLEW_NS, 0.0))
}

/// The library of Debian's package qflow-tech-osu018, where `make setup` unpacks it: the only one in a package registry, of Oklahoma State
/// University for 180 nm.
const PACKAGED: &str = "build/osu018/usr/share/qflow/tech/osu018/osu018_stdcells.lib";

/// The text of the Liberty file at `path`; without one of the library that `make setup` installs: below this folder, those above it, or
/// the source tree.
pub fn read_liberty(path: Option<&Path>) -> Result<String> {
    if let Some(path) = path {
        return std::fs::read_to_string(path)
            .with_context(|| format!("The Liberty file {} cannot be read", path.display()));
    }
    let here = std::env::current_dir().unwrap_or_default();
    let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    here.ancestors()
        .chain([tree.as_path()])
        .find_map(|folder| std::fs::read_to_string(folder.join(PACKAGED)).ok())
        .with_context(|| {
            format!("The library {PACKAGED} was not found: run `make setup`, or name another one with --liberty")
        })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const DEMO: &str = r#"library(demo) {
  nom_voltage : 1.1;
  time_unit : "1ns";
  capacitive_load_unit (1, ff);
  leakage_power_unit : "1nW";
  cell(INV) { area : 0.5; cell_leakage_power : 10;
    pin(A) { direction : input; capacitance : 1.5; }
    pin(Y) { direction : output; function : "!A";
      internal_power() { related_pin : "A";
        rise_power(t) { index_1 ("0.0, 0.1"); index_2 ("0, 10"); values ("1, 3", "2, 4"); }
        fall_power(t) { index_1 ("0.0, 0.1"); index_2 ("0, 10"); values ("3, 5", "4, 6"); } } } }
  cell(DFF) { area : 4; ff("IQ","IQN") { clocked_on : "CK"; next_state : "D"; }
    pin(CK) { direction : input; capacitance : 1; clock : true;
      internal_power() { when : "!D & !Q"; rise_power(p) { index_1 ("0, 1"); values ("2, 2"); } fall_power(p) { index_1 ("0, 1"); values ("4, 4"); } }
      internal_power() { when : "D & !Q"; rise_power(p) { index_1 ("0, 1"); values ("50, 50"); } fall_power(p) { index_1 ("0, 1"); values ("50, 50"); } } }
    pin(D) { direction : input; capacitance : 1; }
    pin(Q) { direction : output; function : "IQ"; }
    pin(QN) { direction : output; function : "IQN"; } }
  cell(LAT) { latch("IQ","IQN") { enable : "G"; data_in : "D"; } pin(G) { direction : input; } pin(Q) { direction : output; function : "IQ"; } }
}"#;

    #[test]
    fn cells_are_read_with_their_energies() {
        let library = Library::parse(DEMO).unwrap();
        assert_eq!((library.name.as_str(), library.voltage, library.unit_load), ("demo", 1.1, 1.5));
        let inverter = &library.cells["INV"];
        assert_eq!((inverter.area, inverter.leakage, inverter.outputs[0].table), (0.5, 10.0, 0b01));
        // Between slews 2 and 3 at no load and 4 and 5 at 10.
        assert_eq!(inverter.outputs[0].energy.at(0.05, 5.0), 3.5);
        assert_eq!(inverter.outputs[0].energy.at(9.0, 99.0), 5.0);
        let flop = &library.cells["DFF"];
        // Only the state in which D and Q agree: 2 + 4.
        let CellKind::FlipFlop { clock: 0, next: 0b1100, idle } = flop.kind else {
            panic!("{:?}", flop.kind)
        };
        assert!((idle - 6.0).abs() < 1e-9);
        assert_eq!((flop.outputs[0].table, flop.outputs[1].table), (0b10, 0b01));
        assert!(!library.cells.contains_key("LAT"));
        assert!(Library::parse("library(x) {").unwrap_err().to_string().contains("does not parse"));
    }
}
