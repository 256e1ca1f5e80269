//! Loss, learning rate and loss scale: the arithmetic of the host.

mod common;

use backspike::compiler::compile;
use backspike::network::{LearningRate, Network, Schedule};
use backspike::train::batch::shuffled;
use backspike::train::loss::LossUnit;
use backspike::train::scale::ScaleRule;
use backspike_arch::num::{F16, mix};
use backspike_arch::{ArchConfig, HostAddress, PushWord, Region, TIME_BLOCK};
use common::{SMALL, small};

/// `BACKSPIKE_SEED`, or a fixed one; printed, so that a failure can be repeated.
fn seed() -> u32 {
    let seed = std::env::var("BACKSPIKE_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    println!("BACKSPIKE_SEED={seed}");
    seed
}

fn words(values: impl Iterator<Item = u32>) -> Vec<PushWord> {
    let addr = HostAddress::new(Region::Membrane, 0, 0);
    values.map(|data| PushWord { addr, data, last: false }).collect()
}

/// Output gradients against central differences of the loss, and where they lie in the error rows.
#[test]
fn gradient_of_the_mean_membrane() {
    let config = ArchConfig::nano();
    let network = small();
    let program = compile(&network, &config).unwrap();
    let (steps, classes) = (program.steps, 4);
    let mut unit = LossUnit::new(&network, &program.config);
    let seed = seed();
    for label in 0..classes as u16 {
        let membrane = |i: usize| mix(seed ^ mix(i as u32 + 100 * u32::from(label))) as i32 >> 7;
        // Rows of one tile: step t of 8 (two blocks), lane c.
        let sample = |changed: Option<(usize, usize, i32)>| {
            words((0..2 * TIME_BLOCK * config.lanes).map(|i| {
                let (t, c) = (i / config.lanes, i % config.lanes);
                let change = changed.filter(|(ct, cc, _)| (*ct, *cc) == (t, c));
                (membrane(i) + change.map_or(0, |(_, _, by)| by)) as u32
            }))
        };
        let outcome = unit.evaluate(&sample(None), label);
        assert_eq!(outcome.correct, outcome.predicted == usize::from(label));
        let exponent = 3;
        let errors = unit.errors(exponent).to_vec();
        let step = 1 << 10; // 2^-14 in Q24
        for t in 0..2 * TIME_BLOCK {
            for c in 0..classes {
                let word = errors[t * config.lanes / 2 + c / 2];
                let error = F16((word >> (16 * (c % 2))) as u16).to_f64();
                let above = unit.evaluate(&sample(Some((t, c, step))), label).loss;
                let below = unit.evaluate(&sample(Some((t, c, -step))), label).loss;
                let difference = (above - below) / 2f64.powi(-13);
                let wanted = difference * steps as f64 * 2f64.powi(exponent);
                // binary16 keeps 11 bits, central differences of step 2^-14 are better than that.
                assert!(
                    (error - wanted).abs() <= wanted.abs() * 2e-3 + 1e-4,
                    "t {t} c {c}: {error}, wanted {wanted}"
                );
                assert_eq!(t < steps, error != 0.0, "t {t} c {c}: {error}");
            }
        }
    }
}

#[test]
fn gradient_of_the_last_membrane() {
    let text =
        SMALL.replace("loss = \"cross_entropy\"", "loss = \"cross_entropy\"\nreadout = \"last\"");
    let network = Network::from_toml(&text).unwrap();
    let config = ArchConfig::nano();
    let program = compile(&network, &config).unwrap();
    // Only the last block is pushed: steps 4 and 5, of which step 5 counts.
    assert_eq!((program.descriptors.io[0].base, program.descriptors.io[0].rows), (4, 4));
    let mut unit = LossUnit::new(&network, &program.config);
    let score = [1.0, 2.0, -1.0, 0.5];
    let pushed = words((0..16).map(|i| {
        let value = if i / 4 == 1 { score[i % 4] } else { 100.0 };
        (value * 2f64.powi(24)) as i32 as u32
    }));
    let outcome = unit.evaluate(&pushed, 0);
    let sum: f64 = score.iter().map(|x: &f64| x.exp()).sum();
    assert!((outcome.loss - (sum.ln() - 1.0)).abs() < 1e-12);
    assert_eq!((outcome.predicted, outcome.correct), (1, false));
    let errors = unit.errors(0);
    for (row, errors) in errors.chunks(2).enumerate() {
        // The gradient of one step, times all 6 steps.
        let wanted = if row == 5 { 6.0 * (1f64.exp() / sum - 1.0) } else { 0.0 };
        assert!((F16(errors[0] as u16).to_f64() - wanted).abs() < 4e-3, "row {row}");
    }
}

#[test]
fn gradient_of_the_rate() {
    let text = SMALL
        .replace(
            "{ kind = \"readout\", leak = 3, input_scale = 0.5 }",
            "{ kind = \"spiking\", leak = 1, reset = \"none\", reset_order = \"before_leak\", fires_at = \">\", detach_reset = true, \
             input_scale = 1, threshold = 1, surrogate = { kind = \"rectangular\", width = 1, gain = 1 } }",
        )
        .replace("cross_entropy", "mse_rate");
    let network = Network::from_toml(&text).unwrap();
    let program = compile(&network, &ArchConfig::nano()).unwrap();
    let mut unit = LossUnit::new(&network, &program.config);
    // Neuron 0 spikes at 3 of 6 steps, neuron 1 at all, 2 never, 3 once.
    let pushed = words([0x10f5, 0x0032].into_iter());
    let outcome = unit.evaluate(&pushed, 1);
    // Block 0: neuron 0 has bits 0 and 2, neuron 1 all, neuron 3 bit 0; block 1: neuron 0 bit 1, neuron 1 both.
    let rates = [3.0 / 6.0, 6.0 / 6.0, 0.0, 1.0 / 6.0];
    let loss: f64 =
        rates.iter().zip([0.0, 1.0, 0.0, 0.0]).map(|(r, y): (&f64, f64)| (r - y).powi(2)).sum();
    assert!((outcome.loss - loss).abs() < 1e-12 && outcome.correct);
    let errors = unit.errors(2);
    let error = |c: usize| F16((errors[c / 2] >> (16 * (c % 2))) as u16).to_f64();
    assert_eq!([error(0), error(1), error(2)], [4.0, 0.0, 0.0]);
    assert!((error(3) - 8.0 / 6.0).abs() < 1e-3);
}

#[test]
fn cosine_has_the_right_mean() {
    let rate = LearningRate { shift: 8, schedule: Schedule::Cosine { last_shift: 12 } };
    let total = 4000u64;
    let power = |shift: u8| 2f64.powi(-i32::from(shift));
    let mut sum = 0.0;
    for step in 0..total {
        let shift = rate.at(0, step, total, mix(step as u32 ^ mix(seed())));
        assert!((8..=12).contains(&shift));
        sum += power(shift);
    }
    // The mean of half a cosine is the mean of its ends.
    let wanted = (power(8) + power(12)) / 2.0;
    assert!(
        (sum / total as f64 / wanted - 1.0).abs() < 0.02,
        "{} for {wanted}",
        sum / total as f64
    );
    assert_eq!(rate.at(0, 0, total, u32::MAX), 8);
    assert_eq!(rate.at(0, total, total, u32::MAX), 12);
}

#[test]
fn steps_halve() {
    let rate = LearningRate { shift: 9, schedule: Schedule::Steps(vec![2, 5]) };
    let shifts: Vec<u8> = (0..7).map(|epoch| rate.at(epoch, 0, 1, 0)).collect();
    assert_eq!(shifts, [9, 9, 10, 10, 10, 11, 11]);
}

#[test]
fn loss_scale_follows_saturations() {
    // start = 1, interval = 3, error_max = 16: the exponent lives in -3..=4.
    let rule = ScaleRule::new(&small(), 4).unwrap();
    let mut scale = rule.first();
    assert_eq!((scale.exponent, rule.scale_shift(&scale)), (1, 4));
    let errors = 1 << 20;
    for _ in 0..3 {
        scale = rule.after(scale, 1 << 6, errors); // one in 2^14: still few
    }
    assert_eq!((scale.exponent, scale.raised, rule.scale_shift(&scale)), (2, 1, 5));
    scale = rule.after(scale, 1 << 10, errors); // one in 2^10: neither few nor too many
    assert_eq!((scale.exponent, scale.quiet), (2, 0));
    scale = rule.after(scale, (1 << 10) + 1, errors);
    assert_eq!((scale.exponent, scale.lowered, scale.interval), (1, 1, 6));
    for _ in 0..100 {
        scale = rule.after(scale, errors, errors);
    }
    assert_eq!((scale.exponent, rule.scale_shift(&scale)), (-3, 0));
    for _ in 0..1_000_000 {
        scale = rule.after(scale, 0, errors);
    }
    assert_eq!((scale.exponent, rule.scale_shift(&scale)), (4, 7));
}

#[test]
fn fixed_loss_scale_stays() {
    let text = SMALL.replace("start = 1, interval = 3", "start = 1, adapt = false");
    let rule = ScaleRule::new(&Network::from_toml(&text).unwrap(), 4).unwrap();
    let scale = rule.first();
    assert_eq!(rule.after(scale, 100, 100), scale);
}

#[test]
fn sgd_divides_the_scale_out() {
    let text = SMALL.replace("{ kind = \"lion\", b1 = 3, b2 = 5 }", "{ kind = \"sgd\", b1 = 3 }");
    // 6 steps x batch 10 is within 2^6; m has 2^start / 2^4 of it.
    let rule = ScaleRule::new(&Network::from_toml(&text).unwrap(), 4).unwrap();
    assert_eq!(rule.rate_shift(5), 5 + 6 + 1 - 4);
    let tiny = text
        .replace("steps = 6", "steps = 1")
        .replace("batch = 10", "batch = 1")
        .replace("start = 1, interval = 3", "start = -8")
        .replace("{ shift = 8, schedule = \"cosine\", last_shift = 11 }", "{ shift = 8 }");
    let error = ScaleRule::new(&Network::from_toml(&tiny).unwrap(), 4).unwrap_err().to_string();
    assert!(error.contains("raise the shift to at least 12"), "{error}");
}

#[test]
fn shuffles_are_permutations_that_differ() {
    for samples in [0, 1, 2, 1000] {
        let mut order = shuffled(samples, seed(), 3);
        order.sort_unstable();
        assert!(order.iter().enumerate().all(|(i, sample)| i as u32 == *sample), "{samples}");
    }
    assert_eq!(shuffled(100, 1, 2), shuffled(100, 1, 2));
    assert_ne!(shuffled(100, 1, 2), shuffled(100, 1, 3));
    assert_ne!(shuffled(100, 1, 2), shuffled(100, 2, 2));
    // Each position sees each sample about equally often.
    let mut first = [0u32; 8];
    (0..8000).for_each(|epoch| first[shuffled(8, seed(), epoch)[0] as usize] += 1);
    assert!(first.iter().all(|count| (850..1150).contains(count)), "{first:?}");
}
