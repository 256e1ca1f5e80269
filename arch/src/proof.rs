//! The proof that no sum can overflow: from the clips, the fan-in and the batch to the bits each accumulator needs.
//!
//! Sums are order-independent only as long as they neither saturate nor wrap. Values that saturate (membrane, `e`, `v`, errors) do so once per
//! neuron and step, behind the sums; for these the proof covers the exact intermediate value before the saturation.

use crate::config::ArchConfig;
use crate::layout::PackedWord;
use std::fmt;
use thiserror::Error;

/// Widths the machine is built with, in bits, signed.
pub mod width {
    /// A weight aligned to Q24.
    pub const ALIGNED_WEIGHT: u32 = 29;
    /// An error aligned to Q24.
    pub const ALIGNED_ERROR: u32 = 30;
    /// Sum of weights of FP, Q24.
    pub const FP_ACCUMULATOR: u32 = 40;
    /// Membrane, Q24, saturating.
    pub const MEMBRANE: u32 = 32;
    /// Membrane before its saturation, Q24.
    pub const MEMBRANE_SUM: u32 = 44;
    /// One weight x error, Q30, floored.
    pub const BP_PRODUCT: u32 = 40;
    /// Sum of products of BP, Q30.
    pub const BP_ACCUMULATOR: u32 = 50;
    /// Backward membrane and `e`, Q30, saturating.
    pub const BACKWARD_MEMBRANE: u32 = 40;
    /// Backward membrane before its saturation, Q30.
    pub const BACKWARD_SUM: u32 = 56;
    /// Gradient, LSB 2^(-18 + gradient_shift).
    pub const GRADIENT: u32 = 32;
    /// Optimizer state aligned to Q24, and its next value before rounding.
    pub const MOMENTUM: u32 = 42;
    /// Weight minus its change, LSB 2^-36.
    pub const WEIGHT_SUM: u32 = 43;
}

/// Largest `gradient_shift` an optimizer word holds.
const MAX_GRADIENT_SHIFT: u8 = 15;

/// What one slice asks of the accumulators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// How messages call it, for example `layer hidden`.
    pub name: String,
    pub fan_in: usize,
    /// Neurons of the layer.
    pub fan_out: usize,
    /// Time steps of a sample.
    pub steps: usize,
    /// Samples between two updates.
    pub batch: usize,
    /// weight_max = 2^weight_max_exp of this layer.
    pub weight_max_exp: u8,
    /// LSB of the gradient is 2^(-18 + gradient_shift).
    pub gradient_shift: u8,
}

/// One line of the proof: every value of `quantity` lies in `min..=max`, counted in LSBs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    pub quantity: &'static str,
    /// How the bound comes about.
    pub reason: String,
    pub min: i128,
    pub max: i128,
    /// Bits of the register that holds it.
    pub built: u32,
}

impl Bound {
    /// A bound that is symmetric about 0.
    fn symmetric(quantity: &'static str, reason: String, magnitude: i128, built: u32) -> Self {
        Self { quantity, reason, min: -magnitude, max: magnitude, built }
    }

    /// Bits of the smallest signed register that holds the whole range.
    pub fn needed(&self) -> u32 {
        // A negative value -n needs the bits of n - 1, which is its complement.
        let magnitude = self.max.max(0).max(!self.min);
        128 - magnitude.leading_zeros() + 1
    }

    /// The register is wide enough.
    pub fn holds(&self) -> bool {
        self.needed() <= self.built
    }
}

/// Every bound of one workload on one configuration, all of them held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    pub name: String,
    pub bounds: Vec<Bound>,
}

/// Why sums could overflow, or a layer exceeds the configuration; one sentence each with its remedy.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}", .violations.join("\n"))]
pub struct ProofError {
    pub violations: Vec<String>,
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.name)?;
        writeln!(f, "{:<28} {:>6} {:>6}  bound", "quantity", "needed", "built")?;
        for bound in &self.bounds {
            writeln!(
                f,
                "{:<28} {:>6} {:>6}  {}",
                bound.quantity,
                bound.needed(),
                bound.built,
                bound.reason
            )?;
        }
        Ok(())
    }
}

const fn pow2(exponent: u32) -> i128 {
    1 << exponent
}

/// Largest number of terms of magnitude 2^`exponent` whose sum always fits in `bits` signed bits.
const fn most_terms(exponent: u32, bits: u32) -> i128 {
    (pow2(bits - 1) - 1) / pow2(exponent)
}

/// The smallest `gradient_shift` with which `steps` x `batch` errors of at most 2^`error_max_exp` cannot overflow a gradient; `None` when not
/// even the largest does.
pub fn smallest_gradient_shift(steps: usize, batch: usize, error_max_exp: u8) -> Option<u8> {
    let errors = steps as i128 * batch as i128;
    (0..=MAX_GRADIENT_SHIFT).find(|&shift| errors <= most_errors(shift, error_max_exp))
}

/// Errors a gradient holds at a shift: each is floored to at most 2^(18 + error_max_exp - shift) LSBs.
fn most_errors(gradient_shift: u8, error_max_exp: u8) -> i128 {
    let exponent = 18 + u32::from(error_max_exp) - u32::from(gradient_shift);
    most_terms(exponent, width::GRADIENT)
}

/// Every bound for `work` on `config`, whether it holds or not.
pub fn bounds(config: &ArchConfig, work: &Workload) -> Vec<Bound> {
    let weight_exp = u32::from(work.weight_max_exp);
    let error_exp = config.error_max_exp as u32;
    let (fan_in, fan_out) = (work.fan_in as i128, work.fan_out as i128);
    let errors = work.steps as i128 * work.batch as i128;
    let sum = fan_in * pow2(24 + weight_exp);
    // A clamped exponent bounds every bit pattern, whatever a memory holds: significand 2047 at the largest shift.
    let any_weight = 2047 * pow2(17);
    let any_error = 2047 * pow2(18);
    vec![
        Bound::symmetric(
            "aligned weight",
            "any bit pattern, exponent clamped to 18".into(),
            any_weight,
            width::ALIGNED_WEIGHT,
        ),
        Bound::symmetric(
            "aligned error",
            "any bit pattern, exponent clamped to 19".into(),
            any_error,
            width::ALIGNED_ERROR,
        ),
        Bound::symmetric(
            "FP accumulator",
            format!("fan-in {fan_in} x weight_max {} in Q24", pow2(weight_exp)),
            sum,
            width::FP_ACCUMULATOR,
        ),
        Bound::symmetric(
            "membrane before saturation",
            "membrane and threshold of 32 bits, and the FP sum, in Q24".into(),
            pow2(32) + sum,
            width::MEMBRANE_SUM,
        ),
        Bound::symmetric(
            "BP product",
            "any two bit patterns, exponents clamped, in Q30".into(),
            2047 * 2047 * pow2(18 + 19 - 20),
            width::BP_PRODUCT,
        ),
        Bound::symmetric(
            "BP accumulator",
            format!(
                "{fan_out} neurons x weight_max {} x error_max {} in Q30",
                pow2(weight_exp),
                pow2(error_exp)
            ),
            fan_out * pow2(30 + weight_exp + error_exp),
            width::BP_ACCUMULATOR,
        ),
        Bound::symmetric(
            "backward before saturation",
            "e and v of 40 bits, theta_shift and gain of at most 7, in Q30".into(),
            // (|e| + |v| 2^7) 2^7 + |v|
            (pow2(39) + pow2(39 + 7)) * pow2(7) + pow2(39),
            width::BACKWARD_SUM,
        ),
        Bound::symmetric(
            "gradient",
            format!(
                "{} steps x batch {} x error_max {}, LSB 2^{}",
                work.steps,
                work.batch,
                pow2(error_exp),
                i32::from(work.gradient_shift) - 18
            ),
            errors * pow2(18 + error_exp)
                / pow2(work.gradient_shift.min(MAX_GRADIENT_SHIFT).into()),
            width::GRADIENT,
        ),
        Bound::symmetric(
            "momentum before rounding",
            "binary16 65504 and a gradient of 32 bits, in Q24".into(),
            65504 * pow2(24) + pow2(31 + 6),
            width::MOMENTUM,
        ),
        Bound::symmetric(
            "weight sum",
            "any weight and a change of at most 2^41, LSB 2^-36".into(),
            any_weight * pow2(12) + pow2(41),
            width::WEIGHT_SUM,
        ),
    ]
}

/// The proof for one layer, or everything that forbids it.
pub fn prove(config: &ArchConfig, work: &Workload) -> Result<Proof, ProofError> {
    let mut violations = limits(config, work);
    let bounds = bounds(config, work);
    let broken = bounds.iter().filter(|bound| !bound.holds());
    violations.extend(broken.map(|bound| violation(config, work, bound)));
    if violations.is_empty() {
        Ok(Proof { name: work.name.clone(), bounds })
    } else {
        Err(ProofError { violations })
    }
}

/// What a configuration alone can promise: its largest fan-in and fan-out at its largest weights, one sample of the longest length.
pub fn prove_config(config: &ArchConfig) -> Result<Proof, ProofError> {
    let error_exp = config.error_max_exp as u8;
    let work = Workload {
        name: "the largest layer (max_fan_in, max_fan_out, max_steps)".into(),
        fan_in: config.max_fan_in,
        fan_out: config.max_fan_out,
        steps: config.max_steps,
        batch: 1,
        weight_max_exp: config.weight_max_exp as u8,
        gradient_shift: smallest_gradient_shift(config.max_steps, 1, error_exp).unwrap_or(0),
    };
    prove(config, &work)
}

/// What the configuration excludes whatever the widths.
fn limits(config: &ArchConfig, work: &Workload) -> Vec<String> {
    let shift_field = crate::layout::OptimizerWord::FIELDS[4];
    let checks = [
        ("fan-in", work.fan_in, config.max_fan_in, "max_fan_in"),
        ("number of neurons", work.fan_out, config.max_fan_out, "max_fan_out"),
        ("number of time steps", work.steps, config.max_steps, "max_steps"),
        ("weight_max_exp", work.weight_max_exp.into(), config.weight_max_exp, "weight_max_exp"),
    ];
    let mut problems: Vec<String> = checks
        .iter()
        .filter(|(_, value, limit, _)| value > limit)
        .map(|(what, value, limit, key)| {
            format!(
                "{}: its {what} is {value}, but {} was built for {key} = {limit}: lower it, or use a configuration with a larger {key}",
                work.name, config.name
            )
        })
        .collect();
    if i64::from(work.gradient_shift) > shift_field.range().1 {
        problems.push(format!(
            "{}: gradient_shift is {}, but must be in 0..={MAX_GRADIENT_SHIFT}",
            work.name, work.gradient_shift
        ));
    }
    problems
}

fn violation(config: &ArchConfig, work: &Workload, bound: &Bound) -> String {
    let weight_exp = u32::from(work.weight_max_exp);
    let error_exp = config.error_max_exp as u32;
    let remedy = match bound.quantity {
        "FP accumulator" | "membrane before saturation" => {
            let most = most_terms(24 + weight_exp, width::FP_ACCUMULATOR);
            let alternative = smaller_weights(work, |exp| {
                work.fan_in as i128 <= most_terms(24 + exp, width::FP_ACCUMULATOR)
            });
            format!("a fan-in of at most {most} would fit{alternative}")
        }
        "BP accumulator" => {
            let most = most_terms(30 + weight_exp + error_exp, width::BP_ACCUMULATOR);
            let alternative = smaller_weights(work, |exp| {
                work.fan_out as i128 <= most_terms(30 + exp + error_exp, width::BP_ACCUMULATOR)
            });
            format!("at most {most} neurons would fit{alternative}")
        }
        "gradient" => {
            let shift = smallest_gradient_shift(work.steps, work.batch, config.error_max_exp as u8);
            let batch = most_errors(
                work.gradient_shift.min(MAX_GRADIENT_SHIFT),
                config.error_max_exp as u8,
            ) / (work.steps.max(1) as i128);
            match shift {
                Some(shift) => {
                    format!("gradient_shift >= {shift} would fit, or a batch of at most {batch}")
                }
                None => format!("no gradient_shift fits; a batch of at most {batch} would"),
            }
        }
        _ => "this is a fault of the machine, not of the network".into(),
    };
    format!(
        "{}: the {} could overflow: {} needs {} bits, but {} are built; {remedy}",
        work.name,
        bound.quantity,
        bound.reason,
        bound.needed(),
        bound.built
    )
}

/// Names the largest smaller weight_max that fits.
fn smaller_weights(work: &Workload, fits: impl Fn(u32) -> bool) -> String {
    let exps = (0..u32::from(work.weight_max_exp)).rev();
    match exps.into_iter().find(|&exp| fits(exp)) {
        Some(exp) => format!(", or weight_max_exp = {exp} (weight_max {})", pow2(exp)),
        None => String::new(),
    }
}
