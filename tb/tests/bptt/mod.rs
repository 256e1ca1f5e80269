//! Back-propagation through time in f64, written from the equations and not from the machine, with a bound of how far the machine's
//! fixed point may be from it.
//!
//! # The bound
//!
//! Beside every value runs `r`, a bound of |machine - exact|, both evaluated with the machine's weights. Rounding happens only where
//! docs/architecture/machine.md says so:
//!
//! | value | what the machine adds |
//! |---|---|
//! | x[t] | nothing: the sum is exact; its scaling floors once: 2^-24 |
//! | leak(u) | one floor: 2^-24, on top of (1 - 2^-k) r(u) |
//! | e[t] | one floor of 2^-30 a product, and abs(w) r(d) from each error |
//! | gain | one floor of 2^-30 after the scaling of r(e) |
//! | leak(v), theta scale | one floor of 2^-30 each |
//! | d[t] | the input scale floors (2^-30), then half an ulp of binary16: 2^-11 abs(d) or 2^-25 |
//! | G | one floor of the gradient LSB for each error, and r(d) |
//!
//! Spikes and surrogate codes must be the same in both: [`run`] returns `None` when a membrane is closer to the threshold or to an
//! edge of the surrogate window than its r, because either side would be right then. Saturation is out of scope: the caller
//! chooses inputs that stay below it.

/// One layer as the equations see it. Units are real numbers, not LSBs.
#[derive(Clone, Debug)]
pub struct Layer {
    /// [fan-in][neurons]
    pub weight: Vec<Vec<f64>>,
    /// 2^-k, or None for no leak.
    pub leak: Option<f64>,
    pub hard: bool,
    pub soft: bool,
    pub reset_before_leak: bool,
    pub readout: bool,
    pub input_scale: f64,
    pub detach_reset: bool,
    pub theta: f64,
    /// Half widths of codes 1, 2, 3; 0 disables. Gains of the same codes.
    pub width: [f64; 3],
    pub gain: [f64; 3],
}

/// A value and the bound of the machine's distance from it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Near {
    pub value: f64,
    pub r: f64,
}

/// The gradient of one layer, `[fan-in][neurons]`.
pub type LayerGradient = Vec<Vec<Near>>;

/// What forward left for the way back: `[t][neuron]`.
struct Trace {
    spike: Vec<Vec<bool>>,
    code: Vec<Vec<usize>>,
}

const U_LSB: f64 = 1.0 / (1u64 << 24) as f64;
const V_LSB: f64 = 1.0 / (1u64 << 30) as f64;

/// The gradients of all layers for one sample, or None when a membrane is too close to a decision.
///
/// `input` is `[t][neuron]`, `output_error` the gradient of the loss to the output's membrane (readout) or spikes, `[t][neuron]`,
/// exact in binary16; `gradient_lsb` the LSB of G.
pub fn run(
    layers: &[Layer],
    input: &[Vec<bool>],
    output_error: &[Vec<f64>],
    gradient_lsb: f64,
) -> Option<Vec<LayerGradient>> {
    let mut traces = vec![];
    let mut spikes = input.to_vec();
    let mut inputs = vec![];
    for layer in layers {
        let trace = forward(layer, &spikes)?;
        inputs.push(std::mem::replace(&mut spikes, trace.spike.clone()));
        traces.push(trace);
    }
    let mut e: Vec<Vec<Near>> = output_error
        .iter()
        .map(|row| row.iter().map(|&value| Near { value, r: 0.0 }).collect())
        .collect();
    let mut gradients = vec![];
    for index in (0..layers.len()).rev() {
        let d = backward(&layers[index], &traces[index], &e);
        gradients.push(weight_gradient(&layers[index], &inputs[index], &d, gradient_lsb));
        e = errors_below(&layers[index], &d);
    }
    gradients.reverse();
    Some(gradients)
}

fn forward(layer: &Layer, input: &[Vec<bool>]) -> Option<Trace> {
    let neurons = layer.weight[0].len();
    let mut u = vec![Near::default(); neurons];
    let mut last = vec![false; neurons];
    let mut trace = Trace { spike: vec![], code: vec![] };
    for step in input {
        let mut codes = vec![0; neurons];
        for o in 0..neurons {
            let x: f64 =
                step.iter().zip(&layer.weight).filter(|(s, _)| **s).map(|(_, row)| row[o]).sum();
            let reset = |n: Near| match last[o] {
                true if layer.hard => Near::default(),
                true if layer.soft => Near { value: n.value - layer.theta, r: n.r },
                _ => n,
            };
            let kept = if layer.reset_before_leak {
                leak(layer, reset(u[o]), U_LSB)
            } else {
                reset(leak(layer, u[o], U_LSB))
            };
            let scale_r = if layer.input_scale == 1.0 { 0.0 } else { U_LSB };
            u[o] = Near { value: kept.value + x * layer.input_scale, r: kept.r + scale_r };
            if layer.readout {
                continue;
            }
            // f64 itself rounds at 2^-53 of values below 2^8: far below one LSB, covered by it.
            let r = u[o].r + U_LSB;
            let distance = (u[o].value - layer.theta).abs();
            let edges = layer.width.iter().filter(|w| **w > 0.0);
            if distance <= r || edges.clone().any(|w| (distance - w).abs() <= r) {
                // Exactly representable decisions (r = one LSB of slack only) are left to the machine's own tests.
                return None;
            }
            codes[o] = (0..3).rev().find(|&c| distance < layer.width[c]).map_or(0, |c| c + 1);
        }
        if !layer.readout {
            last = u.iter().map(|n| n.value > layer.theta).collect();
        }
        trace.spike.push(last.clone());
        trace.code.push(codes);
    }
    Some(trace)
}

fn leak(layer: &Layer, n: Near, lsb: f64) -> Near {
    match layer.leak {
        Some(share) => Near { value: n.value * (1.0 - share), r: n.r * (1.0 - share) + lsb },
        None => n,
    }
}

/// d[t][neuron] from e[t][neuron].
fn backward(layer: &Layer, trace: &Trace, e: &[Vec<Near>]) -> Vec<Vec<Near>> {
    let neurons = e[0].len();
    let mut v = vec![Near::default(); neurons];
    let mut d = vec![vec![Near::default(); neurons]; e.len()];
    for t in (0..e.len()).rev() {
        for o in 0..neurons {
            let leaked = leak(layer, v[o], V_LSB);
            let mut inner = e[t][o];
            if layer.soft && !layer.detach_reset && !layer.readout {
                let through = if layer.reset_before_leak { leaked } else { v[o] };
                inner.value -= layer.theta * through.value;
                inner.r += layer.theta * through.r + V_LSB;
            }
            let gained = match (layer.readout, trace.code[t][o]) {
                (true, _) => inner,
                (false, 0) => Near::default(),
                (false, code) => {
                    let gain = layer.gain[code - 1];
                    Near { value: inner.value * gain, r: inner.r * gain + V_LSB }
                }
            };
            let keep = layer.readout || !(layer.hard && trace.spike[t][o]);
            let carried = if keep { leaked } else { Near::default() };
            v[o] = Near { value: gained.value + carried.value, r: gained.r + carried.r };
            let value = v[o].value * layer.input_scale;
            let r = v[o].r * layer.input_scale + V_LSB;
            // Half an ulp of the number that is rounded, which is at most r away from ours.
            let half_ulp = ((value.abs() + r) * 2f64.powi(-11)).max(2f64.powi(-25));
            d[t][o] = Near { value, r: r + half_ulp };
        }
    }
    d
}

/// e[t][fan-in] = sum over neurons of w d.
fn errors_below(layer: &Layer, d: &[Vec<Near>]) -> Vec<Vec<Near>> {
    let below = |step: &Vec<Near>, row: &Vec<f64>| {
        row.iter().zip(step).fold(Near::default(), |sum, (w, d)| Near {
            value: sum.value + w * d.value,
            r: sum.r + w.abs() * d.r + V_LSB,
        })
    };
    d.iter().map(|step| layer.weight.iter().map(|row| below(step, row)).collect()).collect()
}

fn weight_gradient(
    layer: &Layer,
    input: &[Vec<bool>],
    d: &[Vec<Near>],
    gradient_lsb: f64,
) -> LayerGradient {
    let neurons = layer.weight[0].len();
    (0..layer.weight.len())
        .map(|j| {
            (0..neurons)
                .map(|o| {
                    let active = input.iter().zip(d).filter(|(s, _)| s[j]);
                    active.fold(Near::default(), |sum, (_, step)| Near {
                        value: sum.value + step[o].value,
                        r: sum.r + step[o].r + gradient_lsb,
                    })
                })
                .collect()
        })
        .collect()
}
