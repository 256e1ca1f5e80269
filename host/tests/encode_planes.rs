//! Encoders: the layout, the spikes, and that neither lanes nor order matter.

use backspike::encode::{Encoder, EncoderConfig, PlaneShape};
use std::sync::OnceLock;
use std::time::Instant;

const LANES: [usize; 4] = [4, 8, 16, 32];

/// Statistical tests take their seed from here.
fn seed() -> u32 {
    static SEED: OnceLock<u32> = OnceLock::new();
    *SEED.get_or_init(|| {
        let seed = std::env::var("BACKSPIKE_SEED").map_or(1, |text| {
            text.parse::<u64>().expect("BACKSPIKE_SEED is an unsigned 64-bit number") as u32
        });
        println!("BACKSPIKE_SEED={seed}");
        seed
    })
}

fn encode(
    config: EncoderConfig,
    lanes: usize,
    steps: usize,
    sample: u32,
    features: &[u8],
) -> (PlaneShape, Vec<u32>) {
    let shape = PlaneShape::new(lanes, features.len(), steps);
    let encoder = Encoder::new(config, shape, seed());
    // What was in the buffer before must not shine through.
    let mut words = vec![u32::MAX; shape.len()];
    encoder.encode(3, sample, features, &mut words);
    (shape, words)
}

/// All spikes as `[step][feature]`.
fn spikes(shape: &PlaneShape, words: &[u32]) -> Vec<Vec<bool>> {
    (0..shape.steps())
        .map(|t| (0..shape.features()).map(|j| shape.spike(words, j, t)).collect())
        .collect()
}

/// Features that hold every value, in an order without pattern.
fn ramp(n: usize) -> Vec<u8> {
    (0..n).map(|j| (j * 37 + j / 256) as u8).collect()
}

#[test]
fn words_are_grouped_as_the_machine_page_says() {
    // Two blocks of 3 features: with 4 lanes one tile, words of 16 bits. Feature 2 spikes at every step.
    let (shape, words) = encode(EncoderConfig::Threshold { at: 0.5 }, 4, 6, 0, &[0, 127, 128]);
    assert_eq!((shape.tiles(), shape.blocks(), shape.words(), shape.subs()), (1, 2, 2, 1));
    assert_eq!(words, [0x0f00, 0x0300], "lane 2, steps 0..4; then steps 4 and 5");

    // Five features of 4 lanes: two tiles a block, q = block * tiles + tile.
    let (shape, words) =
        encode(EncoderConfig::Threshold { at: 1.0 }, 4, 5, 0, &[255, 0, 0, 0, 255]);
    assert_eq!(shape.words(), 4);
    assert_eq!(words, [0x000f, 0x000f, 0x0001, 0x0001]);

    // 16 lanes: 64 bits, two subs a word.
    let mut features = [0; 17];
    (features[8], features[16]) = (255, 255);
    let (shape, words) = encode(EncoderConfig::Threshold { at: 0.1 }, 16, 2, 0, &features);
    assert_eq!((shape.words(), shape.subs(), shape.len()), (2, 2, 4));
    assert_eq!(words, [0, 0x0000_0003, 0x0000_0003, 0]);
}

#[test]
fn spikes_do_not_depend_on_lanes() {
    for features in [1, 3, 4, 5, 7, 8, 9, 31, 32, 33, 64, 100, 784] {
        for steps in [1, 3, 4, 5, 8, 17] {
            for config in [
                EncoderConfig::Rate { gain: 1.0 },
                EncoderConfig::Rate { gain: 0.3 },
                EncoderConfig::Latency,
                EncoderConfig::Threshold { at: 0.4 },
            ] {
                let features = ramp(features);
                let (shape, words) = encode(config, 4, steps, 7, &features);
                let expected = spikes(&shape, &words);
                for lanes in LANES {
                    let (shape, words) = encode(config, lanes, steps, 7, &features);
                    assert_eq!(words.len(), shape.words() * (lanes * 4).div_ceil(32));
                    let found = spikes(&shape, &words);
                    assert!(
                        found == expected,
                        "{lanes} lanes, {} features, {steps} steps, {config:?}",
                        features.len()
                    );
                    // No bit is set that is not a spike: beyond the features, or beyond the steps.
                    let set: u32 = words.iter().map(|word| word.count_ones()).sum();
                    let spikes = expected.iter().flatten().filter(|&&spike| spike).count();
                    assert_eq!(
                        set as usize, spikes,
                        "padding is zero: {lanes} lanes, {steps} steps, {config:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn spikes_depend_on_seed_epoch_and_sample_only() {
    let shape = PlaneShape::new(16, 784, 8);
    let features = ramp(784);
    let run = |seed: u32, epoch: u32, sample: u32| {
        let mut words = vec![0; shape.len()];
        Encoder::new(EncoderConfig::Rate { gain: 1.0 }, shape, seed)
            .encode(epoch, sample, &features, &mut words);
        words
    };
    let first = run(1, 2, 3);
    assert_eq!(run(1, 2, 3), first, "reproducible");
    let differing =
        |words: Vec<u32>| words.iter().zip(&first).map(|(a, b)| (a ^ b).count_ones()).sum::<u32>();
    // Two independent spikes of a uniform feature differ with probability 2x(1-x), one third on average.
    let expected = 784.0 * 8.0 / 3.0;
    for (name, words) in [
        ("seed", run(2, 2, 3)),
        ("epoch", run(1, 3, 3)),
        ("sample", run(1, 2, 4)),
        ("swapped", run(1, 3, 2)),
    ] {
        let found = f64::from(differing(words));
        assert!(
            (found - expected).abs() < 0.1 * expected,
            "another {name}: {found} spikes differ, expected {expected}"
        );
    }
}

#[test]
fn rate_has_the_probability_of_the_feature() {
    let (samples, steps) = (400u32, 16);
    let features: Vec<u8> = (0..=255).collect();
    for gain in [1.0, 0.5] {
        let shape = PlaneShape::new(32, 256, steps);
        let encoder = Encoder::new(EncoderConfig::Rate { gain }, shape, seed());
        let mut counts = vec![0u32; 256];
        let mut together = 0u32;
        let mut words = vec![0; shape.len()];
        for sample in 0..samples {
            encoder.encode(0, sample, &features, &mut words);
            for (j, count) in counts.iter_mut().enumerate() {
                let train: Vec<bool> = (0..steps).map(|t| shape.spike(&words, j, t)).collect();
                *count += train.iter().filter(|&&spike| spike).count() as u32;
                together += u32::from(j == 128 && train[0] && train[1]);
            }
        }
        let n = f64::from(samples) * steps as f64;
        for (x, &count) in counts.iter().enumerate() {
            let p = gain * x as f64 / 255.0;
            let deviation = (n * p * (1.0 - p)).sqrt();
            assert!(
                (f64::from(count) - n * p).abs() <= 5.0 * deviation + 0.1,
                "feature {x}: {count} of {n}, gain {gain}"
            );
        }
        assert_eq!(counts[0], 0, "a feature of 0 is silent");
        let p = (gain * 128.0 / 255.0).powi(2);
        let deviation = (f64::from(samples) * p * (1.0 - p)).sqrt();
        assert!(
            (f64::from(together) - f64::from(samples) * p).abs() < 5.0 * deviation,
            "steps are independent: {together}"
        );
    }
    let (shape, words) = encode(EncoderConfig::Rate { gain: 1.0 }, 8, 16, 0, &[255; 8]);
    assert!(
        spikes(&shape, &words).iter().flatten().all(|&spike| spike),
        "probability one spikes always"
    );
}

#[test]
fn latency_spikes_once_and_earlier_for_more() {
    for steps in [1, 2, 4, 5, 16, 255] {
        let features: Vec<u8> = (0..=255).collect();
        let (shape, words) = encode(EncoderConfig::Latency, 16, steps, 0, &features);
        let trains = spikes(&shape, &words);
        let mut last = steps;
        for x in features.iter().map(|&x| usize::from(x)) {
            let times: Vec<usize> = (0..steps).filter(|&t| trains[t][x]).collect();
            if x == 0 {
                assert!(times.is_empty(), "a feature of 0 is silent");
                continue;
            }
            let expected = ((255 - x) as f64 / 255.0 * (steps - 1) as f64).round() as usize;
            assert_eq!(times, [expected], "feature {x} of {steps} steps");
            assert!(expected <= last);
            last = expected;
        }
        assert_eq!(last, 0, "the largest feature is the first");
    }
}

#[test]
fn threshold_compares_the_feature_itself() {
    for (at, first) in [(0.0, 0), (0.5, 128), (100.0 / 255.0, 100), (1.0, 255)] {
        let features: Vec<u8> = (0..=255).collect();
        let (shape, words) = encode(EncoderConfig::Threshold { at }, 32, 6, 0, &features);
        for train in spikes(&shape, &words) {
            let found: Vec<usize> = (0..256).filter(|&j| train[j]).collect();
            assert_eq!(found, (first..256).collect::<Vec<_>>(), "at {at}");
        }
    }
}

#[test]
fn a_sample_of_mnist_size_is_encoded_in_microseconds() {
    // The bound is far above what it takes, to hold on a busy machine; the time is printed.
    let shape = PlaneShape::new(16, 784, 4);
    let encoder = Encoder::new(EncoderConfig::Rate { gain: 1.0 }, shape, 1);
    let mut words = vec![0; shape.len()];
    for (name, features) in [
        ("no feature is zero", ramp(784).iter().map(|x| x | 1).collect::<Vec<_>>()),
        (
            "80 % background",
            (0..784).map(|j| if j % 140 < 112 { 0 } else { j as u8 | 1 }).collect(),
        ),
    ] {
        let start = Instant::now();
        let rounds = 2_000;
        let mut spikes = 0;
        for sample in 0..rounds {
            encoder.encode(0, sample, &features, &mut words);
            spikes += words[0].count_ones();
        }
        let micros = start.elapsed().as_secs_f64() * 1e6 / f64::from(rounds);
        println!("{name}: {micros:.2} us ({spikes})");
        assert!(micros < 50.0, "{name}: {micros:.2} us");
    }
}
