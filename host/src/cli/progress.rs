//! Progress on the terminal, records into the log.

use backspike::mesh::MeshProgram;
use backspike::report::Log;
use backspike::train::{BatchRecord, EpochRecord, Observer, Position, Totals};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
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

/// A line for each row of a mesh: the layers of its cores, and how busy each was in the last batch against the busiest of all.
struct Rows {
    lines: Vec<ProgressBar>,
    /// By node: the logical core, with its layers.
    cores: Vec<Option<(usize, String)>>,
    width: usize,
}

impl Rows {
    fn new(program: &MeshProgram, bars: &MultiProgress) -> Rows {
        let mut cores = vec![None; program.mesh.cores()];
        for (c, (core, node)) in program.cores.iter().zip(&program.nodes).enumerate() {
            let layers: Vec<String> =
                (core.slices.iter()).map(|slice| slice.holding.share.layer.to_string()).collect();
            cores[*node] = Some((c, format!("L{}", layers.join("+"))));
        }
        let style = ProgressStyle::with_template("{wide_msg}").ok();
        let line = |_| {
            let line = bars.add(ProgressBar::new_spinner());
            if let Some(style) = &style {
                line.set_style(style.clone());
            }
            line
        };
        let lines = (0..program.mesh.height).map(line).collect();
        Rows { lines, cores, width: program.mesh.width }
    }

    fn show(&self, record: &BatchRecord) {
        let busy: Vec<u64> = record.cores.iter().map(|core| Totals::from(core).busiest()).collect();
        let most = busy.iter().copied().max().unwrap_or(0).max(1);
        for (row, (line, cores)) in self.lines.iter().zip(self.cores.chunks(self.width)).enumerate()
        {
            let core = |core: &Option<(usize, String)>| match core {
                Some((core, layers)) => {
                    format!("{layers:>6} {:>3} %", 100 * busy[*core] / most)
                }
                None => format!("{:>12}", "free"),
            };
            let cores: Vec<String> = cores.iter().map(core).collect();
            line.set_message(format!("row {row}: {}", cores.join(" |")));
        }
    }
}

/// A bar over all samples of the run, with a line for each row of a mesh, and the log.
pub struct Progress {
    bar: ProgressBar,
    rows: Option<Rows>,
    pub log: Option<Log>,
}

impl Progress {
    /// For `epochs` epochs of `samples` samples, from `position` on.
    pub fn new(
        samples: usize,
        epochs: u32,
        position: &Position,
        mesh: Option<&MeshProgram>,
        log: Option<Log>,
    ) -> Progress {
        let bars = MultiProgress::new();
        let rows = mesh.map(|program| Rows::new(program, &bars));
        let bar = bars.add(ProgressBar::new(samples as u64 * u64::from(epochs)));
        let template = "{msg} [{bar:30}] {pos}/{len} samples, {per_sec}, {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        let done = u64::from(position.epoch) * samples as u64 + position.sums.samples;
        bar.set_position(done);
        // The rate is that of this run, not of what was done before.
        bar.reset_eta();
        Progress { bar, rows, log }
    }

    /// Takes the bar away.
    pub fn finish(&mut self) {
        self.bar.finish_and_clear();
        for line in self.rows.iter().flat_map(|rows| &rows.lines) {
            line.finish_and_clear();
        }
    }
}

impl Observer for Progress {
    fn batch(&mut self, record: &BatchRecord) {
        self.bar.inc(record.sums.samples);
        if let Some(rows) = &self.rows {
            rows.show(record);
        }
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
