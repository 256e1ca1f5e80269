//! Round trips, overlaps and refusals of every encoding.

use crate::rng;
use backspike_arch::layout::{
    self, AccumulateArg, Column, ColumnValue, Field, InstructionWord, UpdateArg, coordinates,
    instruction, neuron, optimizer, shape, wg,
};
use backspike_arch::num::{BackwardParams, NeuronParams, Optimizer, OptimizerParams, Reset};
use backspike_arch::{
    ArchConfig, BpDescriptor, Coordinates, Descriptor, Engine, FpDescriptor, HostAddress,
    Instruction, IoDescriptor, NeuronWord, OptimizerWord, PackedWord, Region, Register, Shape,
    Status, WgDescriptor,
};
use rand::Rng;
use std::collections::HashSet;

fn used_bits(fields: &[Field]) -> u32 {
    fields.iter().fold(0, |used, field| used | field.mask() << field.offset)
}

fn no_overlap<W: PackedWord>() {
    let mut used = 0u32;
    for field in W::FIELDS {
        assert!(field.offset + field.bits <= 32, "{}.{} leaves the word", W::NAME, field.name);
        let mask = field.mask() << field.offset;
        assert_eq!(used & mask, 0, "{}.{} overlaps", W::NAME, field.name);
        assert!(mask > used, "{}.{} is out of order", W::NAME, field.name);
        assert!(!field.meaning.trim().is_empty());
        used |= mask;
    }
}

#[test]
fn fields_do_not_overlap() {
    no_overlap::<HostAddress>();
    no_overlap::<InstructionWord>();
    no_overlap::<AccumulateArg>();
    no_overlap::<UpdateArg>();
    no_overlap::<Shape>();
    no_overlap::<NeuronWord>();
    no_overlap::<OptimizerWord>();
    no_overlap::<Coordinates>();
    no_overlap::<Status>();
}

/// Every word either decodes and encodes to its used bits, or is refused; a share of at least `share` in 256 decodes.
fn words_round_trip<W: PackedWord>(share: u32) {
    let mut rng = rng(W::NAME);
    let mut decoded = 0;
    for _ in 0..10_000 {
        let word: u32 = rng.random();
        if let Ok(fields) = W::decode(word) {
            decoded += 1;
            assert_eq!(fields.encode(), Ok(word & used_bits(W::FIELDS)), "{} {word:#x}", W::NAME);
        }
    }
    assert!(decoded * 256 >= 10_000 * share, "only {decoded} words of {} decode", W::NAME);
}

#[test]
fn packed_words_round_trip() {
    words_round_trip::<HostAddress>(160);
    words_round_trip::<InstructionWord>(256);
    words_round_trip::<AccumulateArg>(256);
    words_round_trip::<UpdateArg>(256);
    words_round_trip::<Shape>(256);
    words_round_trip::<NeuronWord>(180);
    words_round_trip::<OptimizerWord>(118);
    words_round_trip::<Coordinates>(256);
    words_round_trip::<Status>(256);
}

#[test]
fn positions_are_those_of_the_machine_page() {
    let word = NeuronWord {
        leak_k: 31,
        leak_on: true,
        reset: Reset::Soft,
        reset_before_leak: true,
        fire_ge: true,
        readout: true,
        input_shift: 15,
        detach_reset: true,
        gain1: -8,
        gain2: 7,
        gain3: -1,
        theta_shift: -2,
    };
    assert_eq!(word.encode(), Ok(0xef78_ffbf));
    assert_eq!(neuron::gain1::OFFSET, 16);
    assert_eq!(neuron::theta_shift::BITS, 4);
    let word =
        OptimizerWord { kind: Optimizer::Lion, b1: 3, b2: 7, weight_max_exp: 3, gradient_shift: 1 };
    assert_eq!(word.encode(), Ok(2 | 3 << 2 | 7 << 6 | 3 << 10 | 1 << 12));
    assert_eq!(optimizer::weight_max_exp::OFFSET, 10);
    assert_eq!(Shape { steps: 5, blocks: 2, last_lanes: 32 }.encode(), Ok(5 | 2 << 8 | 32 << 16));
    assert_eq!(shape::last_lanes::BITS, 6);
    assert_eq!(Coordinates { in_base: 0xffff, out_base: 1 }.encode(), Ok(0x0001_ffff));
    assert_eq!(coordinates::out_base::OFFSET, 16);
    assert_eq!(wg::optimizer::COLUMN, 8);
    assert_eq!(instruction::arg::OFFSET, 20);
    assert_eq!(HostAddress::new(Region::Register, 1, 2).encode(), Ok(10 << 28 | 1 << 5 | 2));
    assert_eq!(HostAddress::queue(Engine::Io).sub, 6);
    assert_eq!(HostAddress::queue_imm(Engine::Wg).sub, 5);
    for engine in Engine::ALL {
        assert_eq!(HostAddress::queue(*engine).queue_of(), Some((*engine, false)));
        assert_eq!(HostAddress::queue_imm(*engine).queue_of(), Some((*engine, true)));
        for sub in 0..8 {
            let at = HostAddress { sub, ..HostAddress::queue_row(*engine) };
            assert_eq!(at.queue_of(), Some((*engine, false)));
        }
    }
    assert_eq!(HostAddress::new(Region::Queue, 5, 0).queue_of(), None);
    assert_eq!(HostAddress::descriptor(Engine::Bp, 3).row, 0x103);
}

#[test]
fn every_value_that_does_not_fit_is_named() {
    let word = NeuronWord { leak_k: 32, input_shift: 16, gain2: 8, ..Default::default() };
    assert_eq!(
        word.encode().expect_err("does not fit").to_string(),
        "neuron.leak_k is 32, but its 5 bits hold 0..=31; \
         neuron.input_shift is 16, but its 4 bits hold 0..=15; \
         neuron.gain2 is 8, but its 4 bits hold -8..=7"
    );
    let refused = NeuronWord::decode(3 << neuron::reset::OFFSET).expect_err("no such reset");
    assert_eq!(refused.to_string(), "neuron.reset holds 3, a code without meaning");
    let row = HostAddress::new(Region::Weight, 1 << 20, 32).encode().expect_err("does not fit");
    assert_eq!(row.problems.len(), 2);
}

fn random_instruction(rng: &mut impl Rng) -> Instruction {
    let (slice, slot) = (rng.random(), rng.random());
    match rng.random_range(0..9) {
        0 => Instruction::Wait { token: rng.random_range(0..128) },
        1 => Instruction::Post { token: rng.random_range(0..128) },
        2 => Instruction::Forward { slice, slot },
        3 => Instruction::NeuronBack { slice, slot },
        4 => Instruction::Backprop { slice, slot },
        5 => Instruction::Accumulate { slice, slot, further: rng.random_range(0..8) },
        6 => Instruction::Update {
            slice,
            rate_shift: rng.random_range(0..64),
            scale_shift: rng.random_range(0..64),
            key: rng.random(),
        },
        7 => Instruction::Clear { slice },
        _ => Instruction::Push { slice, slot },
    }
}

#[test]
fn instructions_round_trip_on_their_queue_only() {
    let mut rng = rng("instructions");
    let mut seen = HashSet::new();
    for _ in 0..5_000 {
        let instruction = random_instruction(&mut rng);
        seen.insert(instruction.op());
        let words = instruction.encode().expect("fits");
        for &engine in Engine::ALL {
            let decoded = Instruction::decode(engine, words);
            match instruction.op().engine() {
                Some(owner) if owner != engine => {
                    let text = decoded.expect_err("wrong queue").to_string();
                    assert!(
                        text.contains(engine.label()) && text.contains(owner.label()),
                        "{text}"
                    );
                }
                _ => assert_eq!(decoded, Ok(instruction)),
            }
        }
    }
    assert_eq!(seen.len(), 9);
}

#[test]
fn illegal_instructions_are_sentences() {
    for code in [0, 10, 11, 12, 13, 14, 15] {
        for &engine in Engine::ALL {
            assert!(Instruction::decode(engine, [0xffff_fff0 | code, 0]).is_err());
        }
    }
    let unknown = Instruction::decode(Engine::Wg, [0x1234_000f, 0]).expect_err("unknown");
    assert_eq!(
        unknown.to_string(),
        "the WG queue got the word 0x1234000f, whose operation code 15 is not an instruction"
    );
    let forward = Instruction::Forward { slice: 0, slot: 0 }.encode().expect("fits");
    assert_eq!(
        Instruction::decode(Engine::Bp, forward).expect_err("wrong queue").to_string(),
        "the BP queue got FORWARD, which only the FP queue executes"
    );
    assert_eq!(
        Instruction::Wait { token: 128 }.encode().expect_err("token 128").to_string(),
        "WAIT names token 128, but there are 128 at most: use 0..=127"
    );
    let update = Instruction::Update { slice: 0, rate_shift: 64, scale_shift: 0, key: 0 };
    assert_eq!(
        update.encode().expect_err("64").to_string(),
        "update_arg.rate_shift is 64, but its 6 bits hold 0..=63"
    );
}

/// A legal column of a kind.
fn random_column(column: &Column, rng: &mut impl Rng) -> u32 {
    loop {
        let value = match column.kind {
            "region" => rng.random_range(0..11),
            _ => rng.random(),
        };
        let legal = match column.kind {
            "shape" => Shape::from_column(value).and_then(ColumnValue::to_column),
            "neuron" => NeuronWord::from_column(value).and_then(ColumnValue::to_column),
            "optimizer" => OptimizerWord::from_column(value).and_then(ColumnValue::to_column),
            "coordinates" => Coordinates::from_column(value).and_then(ColumnValue::to_column),
            "region" | "unsigned" | "signed" => Ok(value),
            other => panic!("column {} has the unknown kind {other}", column.name),
        };
        if let Ok(value) = legal {
            return value;
        }
    }
}

fn descriptors_round_trip<D: Descriptor>() {
    let mut rng = rng(D::NAME);
    for _ in 0..1_000 {
        let columns: Vec<u32> = D::COLUMNS.iter().map(|c| random_column(c, &mut rng)).collect();
        let descriptor = D::decode(&columns).expect("legal columns");
        assert_eq!(descriptor.encode(), Ok(columns));
    }
    assert_eq!(D::COLUMNS.len(), D::ENGINE.columns());
}

#[test]
fn descriptors_round_trip_for_every_engine() {
    descriptors_round_trip::<FpDescriptor>();
    descriptors_round_trip::<BpDescriptor>();
    descriptors_round_trip::<WgDescriptor>();
    descriptors_round_trip::<IoDescriptor>();
}

#[test]
fn a_descriptor_lists_everything_that_does_not_fit() {
    let descriptor = WgDescriptor {
        shape: Shape { last_lanes: 64, ..Default::default() },
        optimizer: OptimizerWord { b1: 16, weight_max_exp: 4, ..Default::default() },
        ..Default::default()
    };
    assert_eq!(descriptor.encode().expect_err("does not fit").problems.len(), 3);
    assert_eq!(
        IoDescriptor::decode(&[12, 0, 0]).expect_err("no such region").to_string(),
        "there is no memory region 12"
    );
}

#[test]
fn parameters_survive_their_words() {
    let mut rng = rng("parameters");
    for _ in 0..1_000 {
        let reset = [Reset::None, Reset::Hard, Reset::Soft][rng.random_range(0..3)];
        let forward = NeuronParams {
            leak: rng.random::<bool>().then(|| rng.random_range(0..32)),
            reset,
            reset_before_leak: rng.random(),
            fire_ge: rng.random(),
            readout: rng.random(),
            input_shift: rng.random_range(0..16),
            theta: rng.random(),
            width: rng.random(),
        };
        let backward = BackwardParams {
            leak: forward.leak,
            reset,
            reset_before_leak: forward.reset_before_leak,
            readout: forward.readout,
            input_shift: forward.input_shift,
            detach_reset: rng.random(),
            gain: std::array::from_fn(|_| rng.random_range(-8..8)),
            theta_shift: rng.random_range(-8..8),
            error_max_exp: rng.random_range(0..5),
        };
        let word = NeuronWord::new(&forward, &backward);
        let word = NeuronWord::decode(word.encode().expect("fits")).expect("legal");
        assert_eq!(word.forward(forward.theta, forward.width), forward);
        assert_eq!(word.backward(backward.error_max_exp), backward);

        let params = OptimizerParams {
            kind: [Optimizer::Sgd, Optimizer::Lion][rng.random_range(0..2)],
            b1: rng.random_range(0..16),
            b2: rng.random_range(0..16),
            weight_max_exp: rng.random_range(0..4),
            gradient_shift: rng.random_range(0..16),
        };
        let word = OptimizerWord::from(params).encode().expect("fits");
        assert_eq!(OptimizerParams::from(OptimizerWord::decode(word).expect("legal")), params);
    }
}

#[test]
fn regions_fit_their_address_and_walk_in_order() {
    for preset in ArchConfig::PRESETS {
        for lanes in [4, 8, 16, 32] {
            let config = ArchConfig::preset(preset).expect("a preset").with_lanes(lanes);
            for &region in Region::ALL {
                assert!((1..=32).contains(&region.subs(&config)), "{region:?}");
                assert!((1..=1 << 20).contains(&region.rows(&config)), "{region:?}");
                let mut at = HostAddress::new(region, 0, 0);
                for word in 0..3 * region.subs(&config) {
                    assert_eq!(usize::from(at.sub), word % region.subs(&config));
                    assert_eq!(at.row as usize, word / region.subs(&config));
                    at = at.next(&config);
                }
            }
        }
    }
    let config = ArchConfig::edge();
    assert_eq!(Region::Weight.rows(&config), 32768);
    assert_eq!(Region::Spike.rows(&config), 16 * 512);
    assert_eq!(Region::Error.rows(&config), 16 * 256 * 4);
    assert_eq!(config.error_row(15, 255, 3) + 1, Region::Error.rows(&config));
    assert_eq!(config.plane_row(15, 511) + 1, Region::Trace.rows(&config));
    assert_eq!(config.membrane_row(15, 31, 3) + 1, Region::Membrane.rows(&config));
}

#[test]
fn writes_are_checked_in_sentences() {
    let config = ArchConfig::edge();
    let check = |region, row, sub, words| {
        HostAddress::new(region, row, sub).check_write(words, &config).map_err(|e| e.to_string())
    };
    assert_eq!(check(Region::Weight, 0, 0, 8 * 32768), Ok(()));
    assert_eq!(check(Region::Descriptor, 0x21f, 0, 10), Ok(()));
    assert_eq!(check(Region::Queue, 0, 7, 1), Ok(()));
    assert_eq!(check(Region::Queue, 4, 0, 8), Ok(()));
    assert!(check(Region::Queue, 4, 1, 8).is_err());
    assert_eq!(
        check(Region::Weight, 32767, 0, 16),
        Err("16 words from row 32767 word 0 reach beyond the 32768 rows of Weight: write fewer, or use a larger configuration".into())
    );
    assert_eq!(
        check(Region::Spike, 1, 1, 1),
        Err("1 words from word 1 of a row are not whole rows of Spike, which have 2 words: write whole rows".into())
    );
    assert_eq!(
        check(Region::Gradient, 0, 0, 16),
        Err("the region Gradient cannot be written by the host".into())
    );
    for (row, sub, words) in [(0x120, 0, 10), (0x11f, 1, 10), (0x400, 0, 1), (0x304, 0, 7)] {
        let text = check(Region::Descriptor, row, sub, words).expect_err("illegal");
        assert!(text.contains("an engine has 32 slices, and FP 13 columns, BP 10 columns, WG 10 columns, IO 6 columns"), "{text}");
    }
}

#[test]
fn registers_have_stable_indices() {
    let names: Vec<String> = Register::all().map(Register::name).collect();
    let unique: HashSet<&String> = names.iter().collect();
    assert_eq!(unique.len(), Register::COUNT);
    for (index, register) in Register::all().enumerate() {
        assert_eq!(register.index(), index);
        assert_eq!(Register::from_index(index), Some(register));
    }
    assert_eq!(Register::from_index(Register::COUNT), None);
    // Deployed hosts know these numbers: a change is a new layout version.
    assert_eq!(layout::LAYOUT_VERSION, 2);
    assert_eq!(names[7..10], ["status", "cycles", "fp_busy"]);
    assert_eq!(names[24], "bp_saturations");
    assert_eq!(names[40], "host_stalled");
    let config = ArchConfig::edge();
    let hash = config.config_hash();
    assert_eq!(Register::ConfigHashHigh.identity(&config), Some((hash >> 32) as u32));
    assert_eq!(Register::Status.identity(&config), None);
}

#[test]
fn status_bits_are_sentences() {
    assert!(Status::default().problems().is_empty());
    let status = Status::decode(0xffff_ffff).expect("all bits are legal");
    assert_eq!(status.problems().len(), 6);
    assert!(status.problems()[3].contains("BP queue dropped"));
}
