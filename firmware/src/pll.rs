//! Dividers of the phase-locked loop.

use anyhow::{Result, ensure};

/// Dividers of an ECP5's EHXPLLL that feeds its output back: output = input x `feedback` / `input_divider`, and the oscillator
/// runs at output x `output_divider`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ecp5Pll {
    pub input_divider: usize,
    pub feedback: usize,
    pub output_divider: usize,
}

/// Limits in MHz (FPGA-DS-02012, ECP5 family data sheet, sysCLOCK PLL timing).
const PHASE_DETECTOR: std::ops::RangeInclusive<usize> = 10..=400;
const OSCILLATOR: std::ops::RangeInclusive<usize> = 400..=800;
/// Every divider is at most this.
const DIVIDER_MAX: usize = 128;

impl Ecp5Pll {
    /// The dividers that make `output` MHz from `input` MHz exactly; of these the ones with the fastest phase detector, which
    /// filters jitter best, and then with the oscillator nearest the middle of its range.
    ///
    /// # Errors
    ///
    /// When there are none.
    pub fn search(input: usize, output: usize) -> Result<Self> {
        let middle = (OSCILLATOR.start() + OSCILLATOR.end()) / 2;
        let dividers = (1..=DIVIDER_MAX)
            // The phase detector's frequency need not be whole: compare products.
            .filter(|i| input >= PHASE_DETECTOR.start() * i && input <= PHASE_DETECTOR.end() * i)
            .filter(|i| (output * i).is_multiple_of(input))
            .map(|i| (i, output * i / input))
            .find(|&(_, feedback)| (1..=DIVIDER_MAX).contains(&feedback));
        let best = dividers.and_then(|(input_divider, feedback)| {
            (1..=DIVIDER_MAX)
                .filter(|o| OSCILLATOR.contains(&(output * o)))
                .min_by_key(|o| (output * o).abs_diff(middle))
                .map(|output_divider| Self { input_divider, feedback, output_divider })
        });
        ensure!(
            best.is_some(),
            "The phase-locked loop cannot make {output} MHz from {input} MHz: choose a clock_mhz of whole ratio to {input}, such as {} or {}.",
            input * 2,
            input * 3
        );
        Ok(best.expect("checked above"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ratio_found_is_exact_and_within_the_limits() {
        for input in [12, 25, 27, 100] {
            for output in 10..=200 {
                let Ok(pll) = Ecp5Pll::search(input, output) else { continue };
                assert_eq!(input * pll.feedback, output * pll.input_divider, "{input} {output}");
                assert!(OSCILLATOR.contains(&(output * pll.output_divider)));
                assert!(input / pll.input_divider >= *PHASE_DETECTOR.start());
            }
        }
        let pll = Ecp5Pll::search(25, 50).unwrap();
        assert_eq!(pll, Ecp5Pll { input_divider: 1, feedback: 2, output_divider: 12 });
        let pll = Ecp5Pll::search(100, 80).unwrap();
        assert_eq!((pll.input_divider, pll.feedback), (5, 4));
        let error = Ecp5Pll::search(25, 53).unwrap_err().to_string();
        assert!(error.contains("53 MHz from 25 MHz") && error.contains("such as 50"), "{error}");
    }
}
