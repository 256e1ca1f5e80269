//! JSON lines: one record per weight update, per epoch, and one at the end.

use crate::train::{BatchRecord, EpochRecord, Summary, Sums};
use backspike_arch::{Counter, Counters};
use serde_json::{Map, Value, json};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// A log file.
pub struct Log {
    file: BufWriter<File>,
    /// The first error of a write; reported at the end, so that a full disk does not stop the training.
    error: Option<io::Error>,
}

impl Log {
    /// Creates the file; with `append` it goes on after what is there.
    pub fn create(path: &Path, append: bool) -> io::Result<Log> {
        let mut options = File::options();
        options.create(true).write(true).append(append).truncate(!append);
        Ok(Log { file: BufWriter::new(options.open(path)?), error: None })
    }

    /// Writes one record.
    pub fn write(&mut self, record: &Value) {
        if self.error.is_none() {
            self.error = writeln!(self.file, "{record}").err();
        }
    }

    /// A weight update.
    pub fn batch(&mut self, record: &BatchRecord) {
        self.write(&json!({
            "kind": "batch",
            "epoch": record.epoch,
            "batch": record.batch,
            "step": record.step,
            "samples": record.sums.samples,
            "loss": record.sums.mean_loss(),
            "accuracy": record.sums.accuracy(),
            "rate_shift": record.rate_shift,
            "loss_scale_exponent": record.exponent,
            "counters": counters(&record.counters),
        }));
    }

    /// An epoch.
    pub fn epoch(&mut self, record: &EpochRecord) {
        self.write(&json!({
            "kind": "epoch",
            "epoch": record.epoch,
            "step": record.step,
            "train": sums(&record.train),
            "test": sums(&record.test),
            "weight_hash": record.weight_hash,
            "seconds": record.seconds,
        }));
    }

    /// The end; reports the first write that failed.
    pub fn finish(mut self, summary: &Summary) -> io::Result<()> {
        let totals: Map<String, Value> =
            Counter::ALL.iter().map(|c| (c.key(), summary.totals[*c].into())).collect();
        self.write(&json!({
            "kind": "summary",
            "samples": summary.samples,
            "seconds": summary.seconds,
            "stopped": summary.stopped,
            "weight_hash": summary.weight_hash,
            "loss_scale_exponent": summary.scale.exponent,
            "loss_scale_lowered": summary.scale.lowered,
            "loss_scale_raised": summary.scale.raised,
            "busiest_cycles": summary.totals.busiest(),
            "counters": totals,
        }));
        match self.error {
            Some(error) => Err(error),
            None => self.file.flush(),
        }
    }
}

fn sums(sums: &Sums) -> Value {
    json!({ "samples": sums.samples, "loss": sums.mean_loss(), "accuracy": sums.accuracy() })
}

fn counters(counters: &Counters) -> Map<String, Value> {
    Counter::ALL.iter().map(|c| (c.key(), counters[*c].into())).collect()
}
