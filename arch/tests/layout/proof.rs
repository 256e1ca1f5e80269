//! The accumulator-width proof, against numbers worked out by hand and against exact worst-case sums.

use crate::rng;
use backspike_arch::num::{F16, align_weight, gradient_increment, product_q30};
use backspike_arch::proof::{self, Bound, bounds, prove, smallest_gradient_shift, width};
use backspike_arch::{ArchConfig, Workload};
use rand::Rng;

fn work() -> Workload {
    Workload {
        name: "layer hidden".into(),
        fan_in: 784,
        fan_out: 512,
        steps: 4,
        batch: 64,
        weight_max_exp: 3,
        gradient_shift: 0,
    }
}

fn needed(bounds: &[Bound], quantity: &str) -> u32 {
    bounds.iter().find(|bound| bound.quantity == quantity).expect("a line of the proof").needed()
}

#[test]
fn bits_by_hand() {
    let edge = ArchConfig::edge();
    // 4096 x 8 x 2^24 = 2^39: 40 bits of magnitude and a sign. One input less needs a bit less.
    let at = |fan_in| needed(&bounds(&edge, &Workload { fan_in, ..work() }), "FP accumulator");
    assert_eq!(at(4096), 28 + 12 + 1);
    assert_eq!(at(4095), 40);
    assert_eq!(at(1), 29);
    // 4096 x 8 x 16 x 2^30 = 2^49.
    let at = |fan_out| needed(&bounds(&edge, &Workload { fan_out, ..work() }), "BP accumulator");
    assert_eq!(at(4096), 51);
    assert_eq!(at(4095), 50);
    // 4 x 127 x 16 x 2^18 < 2^31 = 4 x 128 x 16 x 2^18.
    let at = |batch| needed(&bounds(&edge, &Workload { batch, ..work() }), "gradient");
    assert_eq!(at(127), 32);
    assert_eq!(at(128), 33);
    // Fixed lines: 2047 x 2^17 is below 2^28, 2047^2 x 2^17 below 2^39, 65504 x 2^24 + 2^37 above 2^40.
    let fixed = bounds(&edge, &work());
    assert_eq!(needed(&fixed, "aligned weight"), 29);
    assert_eq!(needed(&fixed, "aligned error"), 30);
    assert_eq!(needed(&fixed, "BP product"), 40);
    assert_eq!(needed(&fixed, "momentum before rounding"), 42);
    assert_eq!(needed(&fixed, "weight sum"), 43);
    assert_eq!(needed(&fixed, "backward before saturation"), 55);
}

#[test]
fn needed_bits_of_small_ranges() {
    for (min, max, bits) in
        [(0, 0, 1), (-1, 0, 1), (0, 1, 2), (-2, 1, 2), (-2, 2, 3), (-128, 127, 8), (-129, 0, 9)]
    {
        let bound = Bound { quantity: "", reason: String::new(), min, max, built: 0 };
        assert_eq!(bound.needed(), bits, "{min}..={max}");
    }
}

#[test]
fn gradient_shifts_by_hand() {
    // 2^(31 - 22) = 512 errors of 16 are one too many at shift 0.
    assert_eq!(smallest_gradient_shift(1, 511, 4), Some(0));
    assert_eq!(smallest_gradient_shift(4, 128, 4), Some(1));
    assert_eq!(smallest_gradient_shift(16, 128, 4), Some(3));
    assert_eq!(smallest_gradient_shift(16, 128, 0), Some(0));
    assert_eq!(smallest_gradient_shift(255, 1 << 16, 4), Some(15));
    assert_eq!(smallest_gradient_shift(255, 1 << 17, 4), None);
}

#[test]
fn violations_name_value_and_remedy() {
    let edge = ArchConfig::edge();
    let error = prove(&edge, &Workload { batch: 512, ..work() }).expect_err("too large a batch");
    assert_eq!(
        error.violations,
        [
            "layer hidden: the gradient could overflow: 4 steps x batch 512 x error_max 16, LSB 2^-18 needs 35 bits, but 32 are built; gradient_shift >= 3 would fit, or a batch of at most 127"
        ]
    );
    assert!(prove(&edge, &Workload { batch: 512, gradient_shift: 3, ..work() }).is_ok());

    let wild = Workload {
        fan_in: 9000,
        fan_out: 5000,
        steps: 65,
        batch: usize::MAX,
        weight_max_exp: 4,
        gradient_shift: 16,
        ..work()
    };
    let error = prove(&edge, &wild).expect_err("everything is wrong");
    for sentence in [
        "its fan-in is 9000, but edge was built for max_fan_in = 4095: lower it, or use a configuration with a larger max_fan_in",
        "its number of neurons is 5000, but edge was built for max_fan_out = 4095",
        "its number of time steps is 65",
        "its weight_max_exp is 4",
        "gradient_shift is 16, but must be in 0..=15",
        "the FP accumulator could overflow",
        "the BP accumulator could overflow",
        "no gradient_shift fits; a batch of at most",
    ] {
        assert!(error.to_string().contains(sentence), "{sentence:?} is not in:\n{error}");
    }
}

#[test]
fn the_table_prints_every_line() {
    let proof = prove(&ArchConfig::edge(), &work()).expect("holds");
    let text = proof.to_string();
    assert_eq!(text.lines().count(), proof.bounds.len() + 2);
    assert!(
        text.contains(
            "FP accumulator                   38     40  fan-in 784 x weight_max 8 in Q24"
        ),
        "{text}"
    );
    assert!(proof::prove_config(&ArchConfig::nano()).is_ok());
}

/// The bounds are those of the arithmetic itself: the worst operands, summed exactly, stay within them and reach them.
#[test]
fn worst_operands_meet_the_bounds() {
    let edge = ArchConfig::edge();
    let mut rng = rng("worst operands");
    for _ in 0..200 {
        let work = Workload {
            fan_in: rng.random_range(1..=4095),
            fan_out: rng.random_range(1..=4095),
            steps: rng.random_range(1..=64),
            batch: rng.random_range(1..=512),
            weight_max_exp: rng.random_range(0..=3),
            gradient_shift: rng.random_range(0..=15),
            ..work()
        };
        let lines = bounds(&edge, &work);
        let range = |quantity| {
            let bound: &Bound = lines.iter().find(|b| b.quantity == quantity).expect("a line");
            (bound.min, bound.max)
        };
        for sign in [0u16, 0x8000] {
            let weight = F16(sign | F16::power_of_two(work.weight_max_exp.into()).0);
            let error = F16::power_of_two(4);
            let sums = [
                ("FP accumulator", work.fan_in, i128::from(align_weight(weight).0)),
                ("BP accumulator", work.fan_out, i128::from(product_q30(weight, error))),
                (
                    "gradient",
                    work.steps * work.batch,
                    i128::from(gradient_increment(F16(sign | error.0), work.gradient_shift).0),
                ),
            ];
            for (quantity, terms, term) in sums {
                let (min, max) = range(quantity);
                let expected = if sign == 0 { max } else { min };
                assert_eq!(terms as i128 * term, expected, "{quantity} of {work:?}");
            }
        }
        let any = |rng: &mut rand_chacha::ChaCha8Rng| F16(rng.random::<u16>());
        let (w, d) = (any(&mut rng), any(&mut rng));
        let (min, max) = range("BP product");
        let product = i128::from(product_q30(w, d));
        assert!((min..=max).contains(&product), "{w:?} x {d:?} = {product}");
    }
    assert_eq!(width::GRADIENT, 32);
}
