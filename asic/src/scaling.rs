//! From one process to another, by published factors.

use serde::Serialize;

/// A figure with its uncertainty.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Range {
    pub low: f64,
    pub mid: f64,
    pub high: f64,
}

impl Range {
    /// Without uncertainty.
    pub const fn exactly(value: f64) -> Self {
        Self { low: value, mid: value, high: value }
    }

    /// All three times `factor`.
    pub fn times(self, factor: f64) -> Self {
        Self { low: self.low * factor, mid: self.mid * factor, high: self.high * factor }
    }

    /// `value` divided by each: the lowest energy gives the highest efficiency.
    pub fn under(self, value: f64) -> Self {
        Self { low: value / self.high, mid: value / self.mid, high: value / self.low }
    }

    /// The product of both, lows with lows.
    pub fn by(self, other: Self) -> Self {
        Self { low: self.low * other.low, mid: self.mid * other.mid, high: self.high * other.high }
    }

    /// The sum of both, lows with lows.
    pub fn plus(self, other: Self) -> Self {
        Self { low: self.low + other.low, mid: self.mid + other.mid, high: self.high + other.high }
    }
}

/// Energy of logic from 45 nm at 1.1 V to 28 nm at 0.9 V: Stillmaker and Baas, "Scaling equations for the accurate prediction of CMOS device
/// performance from 180 nm to 7 nm", Integration 58, 2017, interpolated between their 32 nm and 20 nm.
pub const SCALE_45_TO_28: Range = Range { low: 0.27, mid: 0.35, high: 0.44 };

/// The same for memories, whose 45 nm figures are at 0.9 V already: without the voltage's part, (1.1 / 0.9)^2.
pub const SRAM_45_TO_28: Range = Range { low: 0.40, mid: 0.52, high: 0.66 };

/// How much zero-delay simulation leaves out of the switching of logic: glitches. Event-driven simulation with delays, of binary16
/// multiply-add units in this flow, gave 1.2 to 1.6 times the energy.
pub const GLITCHES: Range = Range { low: 1.2, mid: 1.4, high: 1.6 };
