//! Progress on the terminal, records into the log.

use backspike::report::Log;
use backspike::train::{BatchRecord, EpochRecord, Observer, Position};
use indicatif::{ProgressBar, ProgressStyle};
use std::time::Duration;

/// A spinner with the time and what is done now.
pub fn spinner() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {wide_msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// A bar over all samples of the run, and the log.
pub struct Progress {
    bar: ProgressBar,
    pub log: Option<Log>,
}

impl Progress {
    /// For `epochs` epochs of `samples` samples, from `position` on.
    pub fn new(samples: usize, epochs: u32, position: &Position, log: Option<Log>) -> Progress {
        let bar = ProgressBar::new(samples as u64 * u64::from(epochs));
        let template = "{msg} [{bar:30}] {pos}/{len} samples, {per_sec}, {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        let done = u64::from(position.epoch) * samples as u64 + position.sums.samples;
        bar.set_position(done);
        // The rate is that of this run, not of what was done before.
        bar.reset_eta();
        Progress { bar, log }
    }

    /// Takes the bar away.
    pub fn finish(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl Observer for Progress {
    fn batch(&mut self, record: &BatchRecord) {
        self.bar.inc(record.sums.samples);
        self.bar.set_message(format!(
            "epoch {} loss {:.3} correct {:.1} %",
            record.epoch + 1,
            record.sums.mean_loss(),
            100.0 * record.sums.accuracy()
        ));
        if let Some(log) = &mut self.log {
            log.batch(record);
        }
    }

    fn epoch(&mut self, record: &EpochRecord) {
        let test = if record.test.samples > 0 {
            format!("{:.2} %", 100.0 * record.test.accuracy())
        } else {
            "not measured".to_string()
        };
        self.bar.suspend(|| {
            println!(
                "epoch {}/{}: loss {:.4}, training {:.2} %, test {test}, {:.1} s, weights {}",
                record.epoch + 1,
                record.epochs,
                record.train.mean_loss(),
                100.0 * record.train.accuracy(),
                record.seconds,
                record.weight_hash
            );
        });
        if let Some(log) = &mut self.log {
            log.epoch(record);
        }
    }
}
