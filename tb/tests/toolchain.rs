//! What is said when tools are missing or wrong.

use std::ffi::OsStr;

use backspike_tb::Toolchain;

#[test]
fn a_missing_verilator_names_what_was_searched() {
    let empty = tempfile::tempdir().unwrap();
    let Err(error) = Toolchain::search(None, Some(empty.path().as_os_str())) else {
        // The wheel in build/venv was found: then the search has succeeded without PATH, which is right.
        return;
    };
    let text = error.to_string();
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
    let text =
        Toolchain::search(Some(OsStr::new("/nowhere/verilator")), None).unwrap_err().to_string();
    assert!(
        text.contains(
            "`/nowhere/verilator` does not work as Verilator: BACKSPIKE_VERILATOR names no file"
        ),
        "{text}"
    );
    let text = Toolchain::search(Some(OsStr::new("/bin/false")), None).unwrap_err().to_string();
    assert!(text.contains("`/bin/false` does not work as Verilator: it failed"), "{text}");
}
