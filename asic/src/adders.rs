//! The fixed-point accumulator against a loop of a binary16 adder, in the same flow.

use crate::energy::EnergyModel;
use crate::liberty::Library;
use crate::simulation::Simulation;
use crate::synthesis::synthesise_chip;
use crate::timing::analyse;
use anyhow::{Context, Result};
use backspike_arch::ArchConfig;
use backspike_arch::num::F16;
use backspike_firmware::flow::Flow;
use backspike_hdl::core::core_design;
use backspike_hdl::emit::{Design, Module};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

/// An accumulator and what it takes.
#[derive(Clone, Debug, Serialize)]
pub struct Adder {
    pub name: &'static str,
    /// um2.
    pub area: f64,
    pub fmax_mhz: f64,
    /// pJ of an add without glitches: gates, clock pins.
    pub gates_pj: f64,
    pub clock_pj: f64,
}

const FIXED: &str = include_str!("../adders/fixed.v");
const BINARY16: &str = include_str!("../adders/binary16.v");
/// Adds that are simulated, a sum of this many weights at a time.
const ADDS: usize = 20_000;
const FAN_IN: usize = 256;
/// Standard deviation of the weights.
const SIGMA: f64 = 0.05;

/// Both accumulators in the cells of the Liberty file `liberty`, adding weights of mean 0 and standard deviation 0.05.
pub fn compare_adders(
    flow: &mut Flow,
    library: &Library,
    liberty: &str,
    period_ps: u32,
) -> Result<[Adder; 2]> {
    let core = core_design(&ArchConfig::nano())?;
    let align = core.modules.into_iter().find(|module| module.name == "align_weight");
    let align = align.context("The core has no module align_weight")?;
    let top = |name: &str, text: &str| Module { name: name.into(), text: text.into() };
    let fixed = Design { modules: vec![align, top("fixed_loop", FIXED)] };
    let float = Design { modules: vec![top("binary16_loop", BINARY16)] };
    let mut measure =
        |name, design: &Design| measure(flow, name, design, library, liberty, period_ps);
    Ok([
        measure("fixed point, 40 bits, exact", &fixed)?,
        measure("binary16, rounded at every add", &float)?,
    ])
}

fn measure(
    flow: &mut Flow,
    name: &'static str,
    design: &Design,
    library: &Library,
    liberty: &str,
    period_ps: u32,
) -> Result<Adder> {
    let chip = synthesise_chip(flow, design, library, liberty, period_ps)?;
    let timing = analyse(flow, design.top(), &chip.verilog, liberty)?;
    let mut simulation = Simulation::new(&chip.netlist, library, 1)?;
    let [reset, add, weight] = ["reset", "add_i", "weight_i"].map(|port| simulation.port(port));
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut cycle = |simulation: &mut Simulation, number: usize| {
        // A new sum begins with a cycle of reset, which is not one of the adds.
        let first = number.is_multiple_of(FAN_IN);
        simulation.set(&reset, u64::from(first));
        simulation.set(&add, 1);
        simulation.set(&weight, F16::from_f64(normal(&mut rng) * SIGMA).to_bits().into());
        simulation.settle();
        simulation.edge();
    };
    cycle(&mut simulation, 0);
    let before = simulation.activity();
    (1..=ADDS).for_each(|number| cycle(&mut simulation, number));
    let model = EnergyModel::new(&chip.netlist, library);
    let energy = model.energy(&simulation.activity().since(&before), 1e6 / f64::from(period_ps));
    Ok(Adder {
        name,
        area: model.area().values().sum(),
        fmax_mhz: timing.fmax_mhz,
        gates_pj: energy.switching() / ADDS as f64 / 1e3,
        clock_pj: energy.clock() / ADDS as f64 / 1e3,
    })
}

/// A normal variate (Box and Muller 1958).
fn normal(rng: &mut impl Rng) -> f64 {
    let (radius, angle): (f64, f64) = (1.0 - rng.random::<f64>(), rng.random());
    (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}

#[cfg(test)]
mod tests {
    use super::*;
    use backspike_tb::{Build, Optimize};

    #[test]
    fn the_binary16_adder_rounds_to_nearest_even() {
        let build = Build::new("binary16_loop", BINARY16).optimize(Optimize::Quick);
        let library = build.library().unwrap_or_else(|error| panic!("{error}"));
        let mut model = library.instance(1);
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut sum = F16::from_bits(0);
        model.set("reset", 1);
        model.set("add_i", 1);
        model.set("weight_i", 0);
        model.tick(1);
        model.set("reset", 0);
        model.tick(1);
        for trial in 0..200_000 {
            // Random codes below 2^13, opposites of the sum and its neighbours, subnormals.
            let exponent = rng.random_range(0..28u16) << 10;
            let weight = match trial % 4 {
                0 => (sum.to_bits() ^ 0x8000).wrapping_add(rng.random_range(0..3)),
                1 => rng.random_range(0..0x800) | rng.random::<u16>() & 0x8000,
                _ => exponent | rng.random::<u16>() & 0x83ff,
            };
            let weight = F16::from_bits(weight);
            let exact = sum.to_f64() + weight.to_f64();
            if exact.abs() > 60_000.0 || !weight.is_finite() {
                continue;
            }
            model.set("weight_i", weight.to_bits().into());
            model.set("add_i", 1);
            model.tick(1);
            model.set("add_i", 0);
            model.tick(1);
            sum = F16::from_f64(exact).canonical();
            assert_eq!(model.get("sum_o") as u16, sum.to_bits(), "{trial}: {exact}");
        }
    }
}
