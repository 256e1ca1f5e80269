//! Bitstreams.

use super::{Flow, Placement};
use anyhow::{Context, Result, bail, ensure};

/// Packs a placement to `<name>.bit` and returns the file's name in the flow's folder.
pub fn pack(flow: &mut Flow, name: &str, placement: &Placement) -> Result<String> {
    let bit = format!("{name}.bit");
    let mut ecppack = flow.tool("ecppack", "--version")?;
    ecppack.args(["--compress", "--input", &placement.config, "--bit", &bit]);
    flow.step("packing", ecppack, &[&placement.config], &[&bit], |_| None)?;
    Ok(bit)
}

/// First bytes of a configuration, after the comments (FPGA-TN-02039, ECP5 sysCONFIG).
const PREAMBLE: [u8; 4] = [0xff, 0xff, 0xbd, 0xb3];
const LSC_RESET_CRC: u8 = 0x3b;
const VERIFY_ID: u8 = 0xe2;
const DUMMY: u8 = 0xff;

/// The IDCODE of the part that an ECP5 bitstream is for: the operand of its VERIFY_ID command.
pub fn bitstream_part(bitstream: &[u8]) -> Result<u32> {
    let start = bitstream
        .windows(PREAMBLE.len())
        .position(|window| window == PREAMBLE)
        .context("it holds no preamble of an ECP5 configuration")?;
    let mut rest = &bitstream[start + PREAMBLE.len()..];
    loop {
        match rest {
            [DUMMY, more @ ..] => rest = more,
            [LSC_RESET_CRC, _, _, _, more @ ..] => rest = more,
            [VERIFY_ID, _, _, _, a, b, c, d, ..] => {
                return Ok(u32::from_be_bytes([*a, *b, *c, *d]));
            }
            [other, ..] => bail!("its command {other:#04x} comes before the check of the part"),
            [] => bail!("it ends before the check of the part"),
        }
    }
}

/// Refuses a bitstream for another part than `idcode`.
pub fn check_part(bitstream: &[u8], idcode: u32, part: &str) -> Result<()> {
    let found = bitstream_part(bitstream)?;
    ensure!(
        found == idcode,
        "it is for a part with IDCODE {found:#010x}, and {part} has {idcode:#010x}"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_is_read_from_a_bitstream() {
        let mut bits = b"\xff\x00Part: x\x00\xff".to_vec();
        bits.extend([0xff, 0xff, 0xbd, 0xb3, 0xff, 0xff, 0xff, 0xff, 0x3b, 0, 0, 0]);
        bits.extend([0xe2, 0, 0, 0, 0x41, 0x11, 0x30, 0x43]);
        assert_eq!(bitstream_part(&bits).unwrap(), 0x4111_3043);
        check_part(&bits, 0x4111_3043, "a").unwrap();
        let error = check_part(&bits, 0x8111_3043, "the board").unwrap_err().to_string();
        assert_eq!(error, "it is for a part with IDCODE 0x41113043, and the board has 0x81113043");
        for cut in 0..bits.len() {
            assert!(bitstream_part(&bits[..cut]).is_err());
        }
        assert!(bitstream_part(b"ELF").unwrap_err().to_string().contains("no preamble"));
    }
}
