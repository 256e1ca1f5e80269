//! A bitstream to a board.

use super::pack::check_part;
use crate::Board;
use anyhow::{Context, Result, bail};
use backspike_tb::Tool;
use std::path::Path;
use std::process::Command;

/// How to load.
#[derive(Clone, Debug, Default)]
pub struct Flash<'a> {
    /// Write to the board's flash memory, so that it stays; else to the FPGA until power goes.
    pub permanent: bool,
    /// A cable of openFPGALoader instead of the board's own.
    pub cable: Option<&'a str>,
}

/// Loads the bitstream at `path` into `board`; what the loader says goes to the terminal.
///
/// # Errors
///
/// When the bitstream is for another part, before the board is touched; when no board is found or permission is missing, with what helps.
pub fn flash(board: &Board, path: &Path, options: &Flash) -> Result<()> {
    let bitstream = std::fs::read(path).with_context(|| {
        format!(
            "The bitstream {} cannot be read: make it with backspike bitstream --board {}",
            path.display(),
            board.name
        )
    })?;
    check_part(&bitstream, board.part.idcode, board.title)
        .with_context(|| format!("The bitstream {} is not for this board", path.display()))?;
    let tool = Tool::find("openFPGALoader")?;
    let output = command(&tool, board, path, options)
        .output()
        .with_context(|| format!("{} cannot be run", tool.path().display()))?;
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    print!("{said}");
    if output.status.success() {
        return Ok(());
    }
    bail!("{}", advice(board, &said))
}

fn command(tool: &Tool, board: &Board, path: &Path, options: &Flash) -> Command {
    let mut command = tool.command();
    command.args(["--board", board.loader]);
    if let Some(cable) = options.cable {
        command.args(["--cable", cable]);
    }
    command.arg(if options.permanent { "--write-flash" } else { "--write-sram" }).arg(path);
    command
}

/// Why the loader failed, as far as its words tell, and what to do.
fn advice(board: &Board, said: &str) -> String {
    let said = said.to_lowercase();
    let title = board.title;
    if ["permission", "access denied", "insufficient", "-4"].iter().any(|word| said.contains(word))
    {
        format!(
            "{title} is there, but this user may not open its USB device: install the udev rules of openFPGALoader (99-openfpgaloader.rules), add the user to the group plugdev, and plug the board in again."
        )
    } else if ["no device", "unable to open", "not found", "no cable", "cannot find"]
        .iter()
        .any(|word| said.contains(word))
    {
        format!(
            "No cable of {title} was found: plug the board's USB port in and look for it with lsusb; another programmer is named with --cable (openFPGALoader --list-cables)."
        )
    } else {
        format!("openFPGALoader could not load {title}; what it said is above.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_come_with_what_to_do() {
        let board = Board::find("ulx3s").unwrap();
        let of = |said: &str| advice(board, said);
        assert!(of("unable to open ftdi device: -3 (device not found)").contains("plug the board"));
        assert!(of("unable to open ftdi device: -4 (usb_open failed)").contains("plugdev"));
        assert!(of("CRC error").contains("what it said is above"));
    }
}
