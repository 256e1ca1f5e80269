//! Running the programs of a flow, step by step, so that a step whose inputs have not changed is not run again.

use anyhow::{Context, Result, bail};
use backspike_tb::Tool;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder of results and who is told about progress.
pub struct Flow<'a> {
    folder: PathBuf,
    progress: &'a mut dyn FnMut(&str),
    tools: BTreeMap<String, String>,
}

/// Lines of a log that a failure shows.
const SHOWN: usize = 12;

impl<'a> Flow<'a> {
    /// A flow whose logs and results go to `folder`; `progress` hears what is done now.
    pub fn new(folder: &Path, progress: &'a mut dyn FnMut(&str)) -> Result<Self> {
        fs::create_dir_all(folder)
            .with_context(|| format!("The folder {} cannot be made", folder.display()))?;
        // Tools run within the folder, and their arguments must not depend on where the command was called.
        let folder = fs::canonicalize(folder)?;
        Ok(Self { folder, progress, tools: BTreeMap::new() })
    }

    /// Where the results are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Versions of the programs that were used.
    pub fn tools(&self) -> &BTreeMap<String, String> {
        &self.tools
    }

    /// Says what is done now.
    pub fn say(&mut self, text: &str) {
        (self.progress)(text);
    }

    /// Writes `text` to the file `name` of the folder.
    pub fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.folder.join(name);
        fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))
    }

    /// Reads the file `name` of the folder.
    pub fn read(&self, name: &str) -> Result<String> {
        let path = self.folder.join(name);
        fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))
    }

    /// Finds the program `name` and notes its version.
    pub fn tool(&mut self, name: &str, version: &str) -> Result<Command> {
        let tool = Tool::find(name)?;
        if !self.tools.contains_key(name) {
            self.tools.insert(name.into(), tool.version(version)?);
        }
        let mut command = tool.command();
        command.current_dir(&self.folder);
        Ok(command)
    }

    /// Runs `command` as the step `name`, which reads the files `inputs` and writes the files `outputs` of the folder. Nothing is run
    /// when the outputs are those of the same program, arguments and inputs. `phase` picks what is worth saying from a line of output.
    ///
    /// # Errors
    ///
    /// When the program fails, with the lines of its log that say why.
    pub fn step(
        &mut self,
        name: &str,
        mut command: Command,
        inputs: &[&str],
        outputs: &[&str],
        phase: fn(&str) -> Option<&str>,
    ) -> Result<()> {
        let key = self.key(&command, inputs)?;
        let stem = stem(name);
        let stamp = format!("{stem}.key");
        let there = outputs.iter().all(|output| self.folder.join(output).is_file());
        if there && self.read(&stamp).is_ok_and(|known| known == key) {
            self.say(&format!("{name}: as before"));
            return Ok(());
        }
        // An interrupted step leaves no stamp.
        let _ = fs::remove_file(self.folder.join(&stamp));
        self.say(name);
        let log = self.folder.join(format!("{stem}.log"));
        let (reader, writer) = std::io::pipe()?;
        command.stdout(writer.try_clone()?).stderr(writer).stdin(std::process::Stdio::null());
        let program = command.get_program().to_owned();
        let child = command.spawn();
        // The command holds the writing ends: they must be gone for the reader to see the end.
        drop(command);
        let mut child =
            child.with_context(|| format!("{} cannot be run", program.to_string_lossy()))?;
        let mut lines = Vec::new();
        let mut file = fs::File::create(&log)?;
        for line in BufReader::new(reader).split(b'\n') {
            let line = String::from_utf8_lossy(&line?).trim_end().to_owned();
            writeln!(file, "{line}")?;
            if let Some(text) = phase(&line) {
                (self.progress)(&format!("{name}: {text}"));
            }
            lines.push(line);
        }
        let status = child.wait()?;
        if !status.success() {
            bail!(
                "{name} failed ({status}); the whole log is {}. It says:\n{}",
                log.display(),
                reasons(&lines).join("\n")
            );
        }
        self.write(&stamp, &key)
    }

    /// Runs a script of Yosys as a step.
    pub fn yosys(
        &mut self,
        name: &str,
        script: &str,
        inputs: &[&str],
        outputs: &[&str],
    ) -> Result<()> {
        let mut yosys = self.tool("yosys", "-V")?;
        yosys.args(["-p", script]);
        self.step(name, yosys, inputs, outputs, |line| {
            // "2.31.5. Executing ABC9 pass": passes of the script's commands, not theirs.
            let (number, pass) = line.split_once(" Executing ")?;
            (number.matches('.').count() <= 2).then_some(pass)
        })
    }

    fn key(&self, command: &Command, inputs: &[&str]) -> Result<String> {
        let mut hasher = blake3::Hasher::new();
        hasher.update(format!("{command:?} {:?}", self.tools).as_bytes());
        for input in inputs {
            hasher.update(blake3::hash(self.read(input)?.as_bytes()).as_bytes());
        }
        Ok(hasher.finalize().to_hex().to_string())
    }
}

/// Name of a step's files.
pub fn stem(name: &str) -> String {
    name.replace(' ', "-")
}

/// The lines that name errors, or else the last ones.
fn reasons(lines: &[String]) -> Vec<&str> {
    let named: Vec<&str> = lines
        .iter()
        .map(String::as_str)
        .filter(|line| line.contains("ERROR"))
        .take(SHOWN)
        .collect();
    if !named.is_empty() {
        return named;
    }
    lines[lines.len().saturating_sub(SHOWN)..].iter().map(String::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(flow: &Flow, script: &str) -> Command {
        let mut command = Command::new("sh");
        command.current_dir(flow.folder()).args(["-c", script]);
        command
    }

    #[test]
    fn a_step_runs_again_only_when_something_changed() {
        let folder = tempfile::tempdir().unwrap();
        let mut heard = Vec::new();
        let mut hear = |text: &str| heard.push(text.to_owned());
        let mut flow = Flow::new(folder.path(), &mut hear).unwrap();
        let copy = |flow: &mut Flow, text: &str| {
            flow.write("in", text).unwrap();
            let command = shell(flow, "cat in >> out; echo phase done");
            flow.step("copy", command, &["in"], &["out"], |line| line.strip_prefix("phase "))
                .unwrap();
            flow.read("out").unwrap()
        };
        assert_eq!(copy(&mut flow, "a"), "a");
        assert_eq!(copy(&mut flow, "a"), "a");
        assert_eq!(copy(&mut flow, "b"), "ab");
        fs::remove_file(folder.path().join("out")).unwrap();
        assert_eq!(copy(&mut flow, "b"), "b");
        assert_eq!(heard[..3], ["copy", "copy: done", "copy: as before"]);
    }

    #[test]
    fn a_step_that_fails_says_why_and_runs_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut quiet = |_: &str| {};
        let mut flow = Flow::new(folder.path(), &mut quiet).unwrap();
        for _ in 0..2 {
            let command = shell(&flow, "touch out; echo first; echo 'ERROR: no room' >&2; exit 3");
            let error = flow.step("place", command, &[], &["out"], |_| None).unwrap_err();
            let error = error.to_string();
            assert!(error.contains("place failed") && error.contains("ERROR: no room"), "{error}");
            assert!(!error.contains("first"), "{error}");
        }
    }
}
