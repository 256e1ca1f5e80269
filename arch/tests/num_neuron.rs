//! The forward and backward steps, against exact integers and against real arithmetic with derived bounds.

mod num_support;

use backspike_arch::num::*;
use num_support::{Random, floor_div, nearest, saturate};

fn random_reset(random: &mut Random) -> Reset {
    [Reset::None, Reset::Hard, Reset::Soft][random.below(3) as usize]
}

fn random_leak(random: &mut Random) -> Option<u8> {
    random.flip().then(|| random.below(32) as u8)
}

fn random_neuron(random: &mut Random) -> NeuronParams {
    NeuronParams {
        leak: random_leak(random),
        reset: random_reset(random),
        reset_before_leak: random.flip(),
        fire_ge: random.flip(),
        readout: random.below(8) == 0,
        input_shift: random.below(16) as u8,
        theta: random.signed(32) as i32,
        width: std::array::from_fn(|_| random.signed(32) as u32),
    }
}

/// The forward step in exact integers, case by case as machine.md writes it.
fn exact_neuron(p: &NeuronParams, u: i128, spike: bool, x: i128) -> (i128, bool, u8) {
    let reset = |u: i128| match (p.reset, spike) {
        (Reset::Hard, true) => 0,
        (Reset::Soft, true) => u - i128::from(p.theta),
        _ => u,
    };
    let leak = |u: i128| p.leak.map_or(u, |k| u - floor_div(u, k.into()));
    let l = if p.reset_before_leak { leak(reset(u)) } else { reset(leak(u)) };
    assert!(saturate(l, 43) == l, "44 bits suffice");
    let u = saturate(l + floor_div(x, p.input_shift.into()), 32);
    let theta = i128::from(p.theta);
    let fires = !p.readout && (u > theta || p.fire_ge && u == theta);
    let inside = |width: u32| (u - theta).abs() < i128::from(width);
    let code = match p.width.map(inside) {
        _ if p.readout => 0,
        [_, _, true] => 3,
        [_, true, _] => 2,
        [true, _, _] => 1,
        _ => 0,
    };
    (u, fires, code)
}

#[test]
fn forward_step_is_exact() {
    let mut random = Random::new("forward_step_is_exact");
    let (mut spikes, mut codes, mut saturations) = (0, [0; 4], 0);
    for _ in 0..1_000_000 {
        let p = random_neuron(&mut random);
        let u = if random.below(4) == 0 { p.theta } else { random.signed(32) as i32 };
        // A sum near the threshold, at it, or anywhere in 40 bits.
        let x = match random.below(4) {
            0 => i64::from(p.theta) << p.input_shift,
            1 => (i64::from(p.theta) << p.input_shift) + random.signed(12),
            _ => random.signed(40),
        };
        let x = sat40(x);
        let spike = random.flip();
        let got = neuron_step(&p, Fixed(u), spike, Fixed(x));
        let expected = exact_neuron(&p, u.into(), spike, x.into());
        assert_eq!(
            (i128::from(got.u.0), got.spike, got.code),
            expected,
            "{p:?} u={u} s={spike} x={x}"
        );
        spikes += u32::from(got.spike);
        codes[usize::from(got.code)] += 1;
        saturations += u32::from(got.u.0 == i32::MAX || got.u.0 == i32::MIN);
    }
    assert!(
        spikes > 10_000 && saturations > 10_000 && codes.iter().all(|&n| n > 10_000),
        "{spikes} {codes:?} {saturations}"
    );
}

#[test]
fn forward_step_follows_real_arithmetic() {
    let mut random = Random::new("forward_step_follows_real_arithmetic");
    let unit = 2f64.powi(-24);
    for _ in 0..200_000 {
        let p = random_neuron(&mut random);
        let (u, x, spike) = (random.signed(32) as i32, random.signed(40), random.flip());
        let decay = p.leak.map_or(1.0, |k| 1.0 - 2f64.powi(-i32::from(k)));
        let (v, theta) = (f64::from(u) * unit, f64::from(p.theta) * unit);
        let l = match (p.reset, spike) {
            (Reset::Hard, true) => 0.0,
            (Reset::Soft, true) if p.reset_before_leak => (v - theta) * decay,
            (Reset::Soft, true) => v * decay - theta,
            _ => v * decay,
        };
        let exact = l + x as f64 * unit * 2f64.powi(-i32::from(p.input_shift));
        let clamped = exact.clamp(f64::from(i32::MIN) * unit, f64::from(i32::MAX) * unit);
        let got = neuron_step(&p, Fixed(u), spike, Fixed(x)).u.to_f64();
        // The floor in the leak subtracts too little (error up), the floor of the input adds too little (error down): each
        // by less than one unit. Saturation brings both closer.
        assert!((got - clamped).abs() < unit * 1.0001, "{p:?} u={u} x={x}: {got} for {exact}");
    }
}

#[test]
fn named_edges_of_the_neuron() {
    let one = 1 << 24;
    let lif = NeuronParams {
        leak: Some(1),
        theta: one,
        fire_ge: true,
        width: [one as u32, 4, 1],
        ..Default::default()
    };
    let step = |p: &NeuronParams, u: i32, s: bool, x: i64| neuron_step(p, Fixed(u), s, Fixed(x));
    assert_eq!(
        step(&lif, one, false, 1 << 23),
        NeuronStep { u: Fixed(one), spike: true, code: 3 },
        "at the threshold, >="
    );
    let gt = NeuronParams { fire_ge: false, ..lif };
    assert_eq!(
        step(&gt, one, false, 1 << 23),
        NeuronStep { u: Fixed(one), spike: false, code: 3 },
        "at the threshold, >"
    );
    assert!(step(&gt, one, false, (1 << 23) + 1).spike, "just above");
    assert_eq!(step(&lif, one, true, 5).u.0, 5, "hard reset forgets");
    assert_eq!(
        step(&lif, -1, false, 0).u.0,
        0,
        "-1 - floor(-1 / 2) = 0: a negative membrane leaks to 0"
    );
    assert_eq!(
        step(&lif, 1, false, 0).u.0,
        1,
        "1 - floor(1 / 2) = 1: a positive membrane stays at 1"
    );
    let codes = |x: i64| step(&lif, 0, false, x).code;
    let theta = i64::from(one);
    let at = [
        0,
        1,
        theta - 4,
        theta - 3,
        theta - 1,
        theta,
        theta + 1,
        theta + 3,
        theta + 4,
        2 * theta - 1,
        2 * theta,
    ];
    assert_eq!(at.map(codes), [0, 1, 1, 2, 2, 3, 2, 2, 1, 1, 0], "windows are open intervals");
    let soft = NeuronParams { reset: Reset::Soft, leak: None, ..lif };
    assert_eq!(step(&soft, one + 7, true, 0).u.0, 7, "soft reset keeps the rest");
    let before = NeuronParams { leak: Some(1), reset_before_leak: true, ..soft };
    assert_eq!(step(&before, 3 * one, true, 0).u.0, one, "(3 - 1) / 2");
    assert_eq!(
        step(&NeuronParams { leak: Some(1), ..soft }, 3 * one, true, 0).u.0,
        one / 2,
        "3 / 2 - 1"
    );
    assert_eq!(step(&soft, i32::MAX, false, (1 << 39) - 1).u.0, i32::MAX, "saturates, never wraps");
    assert_eq!(step(&soft, i32::MIN, false, -(1 << 39)).u.0, i32::MIN);
    let far = NeuronParams { theta: i32::MIN, width: [u32::MAX; 3], ..soft };
    assert_eq!(
        step(&far, i32::MAX, false, 0).code,
        0,
        "a distance of 2^32 - 1 is outside the widest window"
    );
    assert_eq!(step(&far, i32::MAX - 1, false, 0).code, 3, "one less is inside");
    let scaled = NeuronParams { input_shift: 1, leak: None, ..lif };
    assert_eq!(step(&scaled, 0, false, -1).u.0, -1, "the scaled input floors");
    let readout = NeuronParams { readout: true, leak: None, ..lif };
    assert_eq!(
        step(&readout, 0, false, 2 * theta),
        NeuronStep { u: Fixed(2 * one), spike: false, code: 0 }
    );
}

fn random_backward(random: &mut Random) -> BackwardParams {
    BackwardParams {
        leak: random_leak(random),
        reset: random_reset(random),
        reset_before_leak: random.flip(),
        readout: random.below(8) == 0,
        input_shift: random.below(16) as u8,
        detach_reset: random.flip(),
        gain: std::array::from_fn(|_| random.below(16) as i8 - 8),
        theta_shift: random.below(16) as i8 - 8,
        error_max_exp: random.below(5) as u8,
    }
}

/// `x * 2^shift`, floored.
fn scaled(x: i128, shift: i8) -> i128 {
    if shift < 0 { floor_div(x, (-i32::from(shift)) as u32) } else { x * 2i128.pow(shift as u32) }
}

/// The backward step in exact integers: v, the pattern of d, whether it was clipped.
fn exact_backward(
    p: &BackwardParams,
    next: i128,
    e: i128,
    code: u8,
    spike: bool,
) -> (i128, u16, bool) {
    let leaked = p.leak.map_or(next, |k| next - floor_div(next, k.into()));
    let gain = |e: i128| if code == 0 { 0 } else { scaled(e, p.gain[usize::from(code - 1)]) };
    let source = if p.reset_before_leak { leaked } else { next };
    let error = if p.readout {
        e
    } else if p.reset == Reset::Soft && !p.detach_reset {
        gain(e - scaled(source, p.theta_shift))
    } else {
        gain(e)
    };
    let kept = if p.reset == Reset::Hard && spike { 0 } else { leaked };
    let v = saturate(error + kept, 40);
    let stored = floor_div(v, p.input_shift.into());
    let limit = 2i128.pow(30 + u32::from(p.error_max_exp));
    let clipped = stored.abs() > limit;
    (v, nearest(if clipped { limit * stored.signum() } else { stored }, -30), clipped)
}

#[test]
fn backward_step_is_exact() {
    let mut random = Random::new("backward_step_is_exact");
    let (mut clipped, mut zeros, mut saturated) = (0, 0, 0);
    for _ in 0..1_000_000 {
        let p = random_backward(&mut random);
        let (next, e) = (random.signed(40), random.signed(40));
        let (code, spike) = (random.below(4) as u8, random.flip());
        let got = backward_step(&p, Fixed(next), Fixed(e), code, spike);
        let expected = exact_backward(&p, next.into(), e.into(), code, spike);
        let found = (i128::from(got.v.0), got.d.to_bits(), got.saturated);
        assert_eq!(found, expected, "{p:?} v={next} e={e} code={code} s={spike}");
        assert_eq!(got.nonzero(), got.d.to_f64() != 0.0);
        assert_ne!(got.d.to_bits(), 0x8000, "zero is +0");
        assert!(got.d.to_f64().abs() <= 2f64.powi(p.error_max_exp.into()));
        clipped += u32::from(got.saturated);
        zeros += u32::from(!got.nonzero());
        saturated += u32::from(got.v.0 == (1 << 39) - 1 || got.v.0 == -(1 << 39));
    }
    assert!(
        clipped > 10_000 && zeros > 10_000 && saturated > 1_000,
        "{clipped} {zeros} {saturated}"
    );
}

#[test]
fn backward_step_follows_real_arithmetic() {
    let mut random = Random::new("backward_step_follows_real_arithmetic");
    let unit = 2f64.powi(-30);
    for _ in 0..200_000 {
        let p = random_backward(&mut random);
        // Small enough that 40 bits do not saturate: 2^28 * 2^7 for the threshold, 2^28+7+... times the gain needs 2^38.
        let (next, e) = (random.signed(22), random.signed(22));
        let (code, spike) = (random.below(4) as u8, random.flip());
        let gain = if code == 0 { 0.0 } else { 2f64.powi(p.gain[usize::from(code - 1)].into()) };
        let decay = p.leak.map_or(1.0, |k| 1.0 - 2f64.powi(-i32::from(k)));
        let leaked = next as f64 * unit * decay;
        let through_reset = match (p.readout, p.reset, p.detach_reset) {
            (false, Reset::Soft, false) => {
                (if p.reset_before_leak { leaked } else { next as f64 * unit })
                    * 2f64.powi(p.theta_shift.into())
            }
            _ => 0.0,
        };
        let gain = if p.readout { 1.0 } else { gain };
        let kept = if p.reset == Reset::Hard && spike { 0.0 } else { leaked };
        let exact = gain * (e as f64 * unit - through_reset) + kept;
        // Floors, each below one unit: the leak (once in `kept`, once scaled by 2^theta_shift and the gain), the threshold
        // scaling (times the gain), the gain itself.
        let bound = unit * (2.0 + gain * (1.0 + 2f64.powi(p.theta_shift.into())));
        let got = backward_step(&p, Fixed(next), Fixed(e), code, spike);
        assert!(
            (got.v.to_f64() - exact).abs() <= bound,
            "{p:?} v={next} e={e} code={code}: {:?} for {exact}",
            got.v
        );
        if !got.saturated {
            // One more floor, then half an ulp of binary16: 2^-11 of the value, or 2^-25 among the subnormals.
            let d = got.v.to_f64() * 2f64.powi(-i32::from(p.input_shift));
            let bound = unit + (d.abs() * 2f64.powi(-11)).max(2f64.powi(-25));
            assert!((got.d.to_f64() - d).abs() <= bound, "{p:?}: d {:?} for {d}", got.d);
        }
    }
}

#[test]
fn named_edges_of_the_backward_step() {
    let p =
        BackwardParams { leak: Some(1), gain: [0, 1, 2], error_max_exp: 4, ..Default::default() };
    let one = 1i64 << 30;
    let step = |p: &BackwardParams, v: i64, e: i64, code: u8, s: bool| {
        backward_step(p, Fixed(v), Fixed(e), code, s)
    };
    assert_eq!(step(&p, 2 * one, one, 0, false).v.0, one, "code 0 passes only the leak");
    assert_eq!(step(&p, 2 * one, one, 3, false).v.0, 5 * one, "gain 2^2");
    assert_eq!(
        step(&p, 2 * one, one, 3, true).v.0,
        4 * one,
        "a hard reset cuts the path through time"
    );
    let limit = 16 * one;
    let readout = BackwardParams { readout: true, leak: None, ..p };
    for (name, e, d, saturated) in [
        ("at error_max", limit, 0x4c00, false),
        ("one unit above", limit + 1, 0x4c00, true),
        ("at minus error_max", -limit, 0xcc00, false),
        ("one unit below", -limit - 1, 0xcc00, true),
        ("half the smallest error: tie to zero", 1 << 5, 0x0000, false),
        ("just above: the smallest error", (1 << 5) + 1, 0x0001, false),
        ("minus half the smallest error: +0", -(1 << 5), 0x0000, false),
        ("largest subnormal error", 1023 << 6, 0x03ff, false),
        ("smallest normal error", 1024 << 6, 0x0400, false),
    ] {
        let got = step(&readout, 0, e, 0, false);
        assert_eq!((got.d.to_bits(), got.saturated), (d, saturated), "{name}");
    }
    let soft = BackwardParams { reset: Reset::Soft, theta_shift: -1, leak: Some(1), ..p };
    assert_eq!(
        step(&soft, 4 * one, one, 1, true).v.0,
        one,
        "reset after the leak sees v(t+1): 1 - 4/2 + 2"
    );
    let before = BackwardParams { reset_before_leak: true, ..soft };
    assert_eq!(
        step(&before, 4 * one, one, 1, true).v.0,
        2 * one,
        "reset before the leak sees the leaked v: 1 - 2/2 + 2"
    );
    let detached = BackwardParams { detach_reset: true, ..soft };
    assert_eq!(
        step(&detached, 4 * one, one, 1, true).v.0,
        3 * one,
        "detached: the reset does not count"
    );
    assert_eq!(
        step(&p, (1 << 39) - 1, (1 << 39) - 1, 3, false).v.0,
        (1 << 39) - 1,
        "saturates, never wraps"
    );
    assert_eq!(step(&p, -(1 << 39), -(1 << 39), 3, false).v.0, -(1 << 39));
}
