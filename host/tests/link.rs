//! The serial link over the RTL of its far end: whatever the wire does, every word arrives once and in order, or an error tells.

mod link_support;

use backspike::link::{CoreFrame, Decoder, HostFrame, LinkError, Session};
use backspike_tb::Library;
use link_support::{Faults, FaultyWire, library};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A generator that prints its seed; BACKSPIKE_SEED sets it.
fn generator(test: &str) -> ChaCha8Rng {
    let seed = match std::env::var("BACKSPIKE_SEED") {
        Ok(text) => text.parse().expect("BACKSPIKE_SEED is an unsigned 64-bit number"),
        Err(_) => rand::rng().random(),
    };
    println!("{test}: BACKSPIKE_SEED={seed}");
    ChaCha8Rng::seed_from_u64(seed)
}

/// Sends `frames` frames of records and receives a pushed word for nearly each of their words, over a wire with `faults`.
fn traffic(
    library: &Library,
    rng: &mut ChaCha8Rng,
    frames: u64,
    faults: Faults,
    drift: f64,
) -> [u64; 8] {
    let seed = ChaCha8Rng::seed_from_u64(rng.random());
    let (wire, board) = FaultyWire::new(library, seed, faults, drift);
    let mut session = Session::open(wire, rng.random(), 12_500_000)
        .unwrap_or_else(|error| panic!("expected a session: {error}"));
    let (mut written, mut pushed) = (Vec::new(), Vec::new());
    while session.statistics().frames_sent < frames {
        for _ in 0..rng.random_range(1..40) {
            let count: u32 = rng.random_range(1..=8);
            // Addresses of any region, row and sub; no carry into the free bits.
            let address = rng.random::<u32>() & 0xF0FF_FFF8;
            let data: Vec<u32> = (0..count).map(|_| rng.random()).collect();
            session.queue([address | (count - 1) << 25]);
            session.queue(data.iter().copied());
            written.extend((address..).zip(data));
        }
        let words = rng.random_range(0..200);
        let mut board = board.lock().unwrap();
        for _ in 0..words {
            let word = (rng.random::<u32>() & 0xF1FF_FFFF, rng.random(), rng.random());
            board.to_push.push_back(word);
            pushed.push([word.0 | u32::from(word.2) << 27, word.1]);
        }
        drop(board);
        let (mut progress, mut idle) = (session.progress(), 0);
        while session.outstanding() > 0 || session.progress().1 < pushed.len() as u64 {
            session.exchange().unwrap_or_else(|error| panic!("expected an answer: {error}"));
            idle = if progress == session.progress() { idle + 1 } else { 0 };
            progress = session.progress();
            assert!(idle < 50, "expected progress: {:?}", session.statistics());
        }
    }
    let got: Vec<[u32; 2]> = session.arrived().drain(..).collect();
    assert!(got == pushed, "expected {} pushed words in order, got {}", pushed.len(), got.len());
    let board = board.lock().unwrap();
    assert!(
        board.written == written,
        "expected {} writes in order, got {}",
        written.len(),
        board.written.len()
    );
    println!("{:?}", session.statistics());
    board.faults
}

#[test]
fn a_thousand_frames_arrive_once_over_a_bad_wire() {
    let mut rng = generator("a_thousand_frames_arrive_once_over_a_bad_wire");
    let faults = traffic(&library(None), &mut rng, 1000, Faults { frame: 60, byte: 1 }, 1.0);
    println!("flipped, lost, doubled, cut, noise; flipped, lost, doubled bytes: {faults:?}");
    assert!(faults.iter().all(|&count| count > 0), "a fault did not happen: {faults:?}");
}

#[test]
fn clocks_may_differ_by_two_percent() {
    let mut rng = generator("clocks_may_differ_by_two_percent");
    for drift in [0.98, 1.02] {
        traffic(&library(None), &mut rng, 60, Faults::default(), drift);
    }
}

#[test]
fn mutations_of_the_link_are_caught() {
    let mut rng = generator("mutations_of_the_link_are_caught");
    for (from, to) in [
        ("mine & (frame_receiver_position_o == write_buffer_accepted_o)", "mine"),
        ("register_q == 32'hdebb20e3", "1'b1"),
        ("sent_d = acknowledged_q", "sent_d = sent_q"),
    ] {
        let library = library(Some((from, to)));
        let faults = Faults { frame: 300, byte: 2 };
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            traffic(&library, &mut rng, 300, faults, 1.0);
        }));
        let message = outcome.err().and_then(|panic| panic.downcast::<String>().ok());
        let message = message.unwrap_or_else(|| panic!("no test sees `{from}` become `{to}`"));
        assert!(message.contains("expected"), "it fails for another reason: {message}");
    }
}

#[test]
fn noise_writes_nothing_and_does_no_lasting_harm() {
    let mut rng = generator("noise_writes_nothing_and_does_no_lasting_harm");
    let library = library(None);
    for _ in 0..20 {
        use backspike::link::Wire;
        let seed = ChaCha8Rng::seed_from_u64(rng.random());
        let (mut wire, board) = FaultyWire::new(&library, seed, Faults::default(), 1.0);
        let mut noise: Vec<u8> = (0..rng.random_range(1..600)).map(|_| rng.random()).collect();
        // Marks often, so that there are frames in it.
        noise.iter_mut().for_each(|byte| {
            if rng.random_bool(0.05) {
                *byte = if rng.random() { 0xC0 } else { 0xDB };
            }
        });
        wire.send(&noise).unwrap();
        let mut session =
            Session::open(wire, rng.random(), 12_500_000).unwrap_or_else(|error| panic!("{error}"));
        session.queue([0x2000_0000, 7]);
        while session.outstanding() > 0 {
            session.exchange().unwrap_or_else(|error| panic!("{error}"));
        }
        assert_eq!(board.lock().unwrap().written, [(0x2000_0000, 7)]);
    }
}

/// A frame as the core would send it.
fn core_frame(frame: &CoreFrame) -> Vec<u8> {
    let mut body = vec![u8::from(frame.refused), frame.session];
    for word in [frame.position, frame.accepted, frame.consumed] {
        body.extend(word.to_le_bytes());
    }
    body.extend(frame.pushed.iter().flatten().flat_map(|word| word.to_le_bytes()));
    body.extend(crc32fast::hash(&body).to_le_bytes());
    let mut out = Vec::new();
    for byte in body {
        match byte {
            0xC0 => out.extend([0xDB, 0xDC]),
            0xDB => out.extend([0xDB, 0xDD]),
            _ => out.push(byte),
        }
    }
    out.push(0xC0);
    out
}

#[test]
fn the_parser_takes_frames_and_nothing_else() {
    let mut rng = generator("the_parser_takes_frames_and_nothing_else");
    for _ in 0..20_000 {
        let frame = CoreFrame {
            refused: rng.random(),
            session: rng.random(),
            position: rng.random(),
            accepted: rng.random(),
            consumed: rng.random(),
            pushed: (0..rng.random_range(0..=16))
                .map(|_| [rng.random(), rng.random::<u32>() & 0xC0DB_C0DB])
                .collect(),
        };
        let mut bytes = core_frame(&frame);
        let damaged = rng.random_bool(0.7);
        for _ in 0..if damaged { rng.random_range(1..4) } else { 0 } {
            let at = rng.random_range(0..bytes.len());
            match rng.random_range(if bytes.len() > 1 { 0..4 } else { 2..4 }) {
                0 => bytes[at] ^= 1 << rng.random_range(0..8),
                1 => drop(bytes.remove(at)),
                2 => bytes.insert(at, rng.random()),
                _ => bytes.truncate(at.max(1)),
            }
        }
        let mut decoder = Decoder::default();
        let found: Vec<_> = bytes.iter().filter_map(|&byte| decoder.push(byte)).collect();
        for result in found.iter().flatten() {
            assert_eq!(*result, frame, "a damaged frame passed");
        }
        assert!(damaged || found == [Ok(frame)], "a whole frame was refused");
        // Whatever came before, the next frame is taken.
        decoder.push(0xC0);
        let next = CoreFrame {
            refused: true,
            session: 1,
            position: 2,
            accepted: 3,
            consumed: 4,
            pushed: vec![[5, 6]],
        };
        let found: Vec<_> =
            core_frame(&next).iter().filter_map(|&byte| decoder.push(byte)).collect();
        assert_eq!(found, [Ok(next)]);
    }
}

/// A wire that nothing is at the end of.
struct DeadWire;

impl backspike::link::Wire for DeadWire {
    fn send(&mut self, _: &[u8]) -> std::io::Result<()> {
        Ok(())
    }

    fn receive(&mut self, _: &mut [u8], _: std::time::Duration) -> std::io::Result<usize> {
        Ok(0)
    }
}

#[test]
fn silence_is_an_error() {
    let error = Session::open(DeadWire, 1, 3_000_000).err().expect("no core");
    assert!(matches!(error, LinkError::Silent { .. }), "{error}");
    assert!(error.to_string().contains("baud (3000000)"), "{error}");
}

#[test]
fn a_frame_has_no_mark_inside() {
    let words = [0xC0C0_C0C0, 0xDBDB_DBDB, 0xDCDD_DEDF];
    let frame = HostFrame {
        hello: false,
        rewind: true,
        session: 0xC0,
        position: 0xDB,
        acknowledged: 0,
        words: &words,
    };
    let bytes = frame.encode();
    let (first, rest) = bytes.split_first().unwrap();
    let (last, body) = rest.split_last().unwrap();
    assert_eq!((*first, *last), (0xC0, 0xC0));
    assert!(!body.contains(&0xC0));
}
