//! Training on the emulator: it learns, and nothing but the seed decides the weights.

mod common;

use backspike::checkpoint::{Checkpoint, Store};
use backspike::compiler::compile;
use backspike::device::emulator;
use backspike::network::Network;
use backspike::train::{BatchRecord, EpochRecord, Observer, RunOptions, Summary, Trainer};
use backspike_arch::{ArchConfig, Counter};
use common::{SMALL, quadrants, small};
use std::sync::atomic::AtomicBool;

#[derive(Default)]
struct Records(Vec<BatchRecord>);

impl Observer for Records {
    fn batch(&mut self, record: &BatchRecord) {
        self.0.push(record.clone());
    }
    fn epoch(&mut self, _: &EpochRecord) {}
}

struct Run {
    summary: Summary,
    records: Vec<BatchRecord>,
    trainer: Trainer,
}

#[derive(Clone, Copy, Default)]
struct With<'a> {
    threads: usize,
    steps: Option<u64>,
    from: Option<&'a Checkpoint>,
    store: Option<&'a Store>,
}

fn run(network: &Network, config: &ArchConfig, with: With) -> Run {
    let program = compile(network, config).unwrap();
    let device = emulator(config, with.threads.max(1)).unwrap();
    let mut trainer = Trainer::new(network, program, device, with.from).unwrap();
    let stop = AtomicBool::new(false);
    let options =
        RunOptions { threads: with.threads, steps: with.steps, stop: &stop, store: with.store };
    let mut records = Records::default();
    let summary = trainer.run(&quadrants(64, 32), &options, &mut records).unwrap();
    Run { summary, records: records.0, trainer }
}

#[test]
fn it_learns() {
    let mut network = small();
    network.training.epochs = 20;
    let run = run(&network, &ArchConfig::nano(), With::default());
    let last = run.summary.last.unwrap();
    assert!(last.test.accuracy() > 0.9, "test accuracy {}", last.test.accuracy());
    let first: f64 = run.records[..6].iter().map(|r| r.sums.mean_loss()).sum::<f64>() / 6.0;
    assert!(last.train.mean_loss() < 0.5 * first, "loss {first} to {}", last.train.mean_loss());
}

#[test]
fn rate_readout_learns() {
    let text = SMALL
        .replace(
            "neuron = { kind = \"readout\", leak = 3, input_scale = 0.5 }",
            "neuron = { kind = \"spiking\", leak = \"off\", reset = \"hard\", reset_order = \"before_leak\", fires_at = \">=\", \
             detach_reset = true, input_scale = 1.0, threshold = 0.5, surrogate = { kind = \"rectangular\", width = 0.5, gain = 1.0 } }",
        )
        .replace("cross_entropy", "mse_rate")
        .replace("epochs = 3", "epochs = 20");
    let network = Network::from_toml(&text).unwrap();
    let run = run(&network, &ArchConfig::nano(), With::default());
    let accuracy = run.summary.last.unwrap().test.accuracy();
    assert!(accuracy > 0.8, "test accuracy {accuracy}");
}

#[test]
fn sgd_learns() {
    let text = SMALL
        .replace("{ kind = \"lion\", b1 = 3, b2 = 5 }", "{ kind = \"sgd\", b1 = 3 }")
        .replace("{ shift = 8, schedule = \"cosine\", last_shift = 11 }", "{ shift = 3 }")
        .replace("epochs = 3", "epochs = 20");
    let network = Network::from_toml(&text).unwrap();
    let run = run(&network, &ArchConfig::nano(), With::default());
    let accuracy = run.summary.last.unwrap().test.accuracy();
    assert!(accuracy > 0.9, "test accuracy {accuracy}");
}

/// The last batch has 4 of 10 samples, and groups of samples are cut differently by each number of slots.
#[test]
fn weights_do_not_depend_on_the_core() {
    let network = small();
    let wanted = run(&network, &ArchConfig::nano(), With::default());
    for lanes in [4, 8, 16, 32] {
        for (slots, gradient_slots) in [(1, 1), (2, 1), (2, 2), (4, 1), (8, 4), (16, 8)] {
            for threads in [1, 2] {
                let core = ArchConfig::nano().with_lanes(lanes);
                let config = ArchConfig { slots, gradient_slots, ..core };
                let run = run(&network, &config, With { threads, ..With::default() });
                let what = format!(
                    "{lanes} lanes, {slots} slots, {gradient_slots} at once, {threads} threads"
                );
                assert_eq!(run.summary.weight_hash, wanted.summary.weight_hash, "{what}");
                let losses = |records: &[BatchRecord]| -> Vec<(u64, i32)> {
                    records.iter().map(|r| (r.sums.loss.to_bits(), r.exponent)).collect()
                };
                assert_eq!(losses(&run.records), losses(&wanted.records), "{what}");
            }
        }
    }
    let changes = wanted.records.windows(2).filter(|pair| pair[0].exponent != pair[1].exponent);
    assert!(changes.count() > 0, "the loss scale never changed, so the test says nothing about it");
}

#[test]
fn another_seed_gives_other_weights() {
    let wanted = run(&small(), &ArchConfig::nano(), With::default());
    let mut network = small();
    network.training.seed += 1;
    let other = run(&network, &ArchConfig::nano(), With::default());
    assert_ne!(other.summary.weight_hash, wanted.summary.weight_hash);
}

/// Stopped after any batch and resumed, once or at every batch, training ends with the same bits.
#[test]
fn resume_is_exact() {
    let (network, config) = (small(), ArchConfig::nano());
    let whole = run(&network, &config, With::default());
    let total = whole.records.len() as u64;
    assert_eq!(total, 3 * 7);
    let directory = tempfile::tempdir().unwrap();
    let store = Store::new(directory.path()).unwrap();
    for stop in [1, 5, 7, 8, 20] {
        let first = With { steps: Some(stop), store: Some(&store), ..With::default() };
        let first = run(&network, &config, first);
        assert_eq!(first.trainer.position().step, stop);
        let (checkpoint, damaged) = store.load().unwrap();
        assert_eq!(damaged, None);
        checkpoint.check_resume(&network, 64).unwrap();
        let rest = run(&network, &config, With { from: Some(&checkpoint), ..With::default() });
        assert_eq!(rest.trainer.weights(), whole.trainer.weights(), "stopped after {stop}");
        assert_eq!(rest.trainer.position(), whole.trainer.position(), "stopped after {stop}");
        let train = |run: &Run| run.summary.last.as_ref().unwrap().train;
        assert_eq!(train(&rest), train(&whole), "stopped after {stop}");
    }
    let mut checkpoint: Option<Checkpoint> = None;
    for step in 1..=total {
        let with = With {
            steps: Some(step),
            from: checkpoint.as_ref(),
            store: Some(&store),
            ..With::default()
        };
        run(&network, &config, with);
        checkpoint = Some(store.load().unwrap().0);
    }
    assert_eq!(&checkpoint.unwrap().weights, whole.trainer.weights());
}

#[test]
fn counters_add_up() {
    let run = run(&small(), &ArchConfig::nano(), With::default());
    let totals = &run.summary.totals;
    // 21 updates of 48 + 12 rows, and 64 samples x 3 epochs, each writing (3 + 1) tiles x 2 blocks.
    assert_eq!(totals[Counter::WgUpdateRows], 21 * 60);
    assert_eq!(totals[Counter::FpTileBlocks], 64 * 3 * 8);
    assert!(totals[Counter::FpEvents] > 0 && totals[Counter::WgEvents] > 0);
}
