//! What the value of a register says.

use backspike_arch::layout::{
    ControlWord, Interrupts, LinkStatus, MeshLinkWord, MeshWord, PciRegister, TransferOutcome,
};
use backspike_arch::{LayoutError, PackedWord, Register, Status};

/// A register of the PCI function; empty where the number says it all.
pub fn pci_register(register: PciRegister, value: u32) -> String {
    // Bits that mean nothing are left to the number beside.
    decoded(register, value).unwrap_or_default()
}

fn decoded(register: PciRegister, value: u32) -> Result<String, LayoutError> {
    Ok(match register {
        PciRegister::Magic => ascii(value),
        PciRegister::Version => version(value),
        PciRegister::Control => {
            let ControlWord { enable, loopback, reset } = ControlWord::decode(value)?;
            names(&[(enable, "enabled"), (loopback, "loop-back"), (reset, "in reset")], "disabled")
        }
        PciRegister::Status => {
            let LinkStatus { to_device, to_host, busy } = LinkStatus::decode(value)?;
            let mut says = vec![if busy { "busy" } else { "idle" }.to_owned()];
            for (name, code) in [("to_device", to_device), ("to_host", to_host)] {
                if code != 0 {
                    let why = TransferOutcome::from_code(code);
                    let why = why.map_or("a code without meaning", TransferOutcome::meaning);
                    says.push(format!("{name} stopped: {why}"));
                }
            }
            says.join("; ")
        }
        PciRegister::Cause | PciRegister::Mask => {
            let Interrupts { to_device, to_host, error } = Interrupts::decode(value)?;
            names(&[(to_device, "to_device"), (to_host, "to_host"), (error, "error")], "none")
        }
        PciRegister::Mesh => match MeshWord::decode(value)? {
            MeshWord { width: 0, .. } => "a core that stands alone".into(),
            MeshWord { width, height } => format!("a mesh of {width} x {height} cores"),
        },
        PciRegister::MeshLink => {
            let MeshLinkWord { router, counter } = MeshLinkWord::decode(value)?;
            format!("counter {counter} of router {router}")
        }
        _ => String::new(),
    })
}

/// A register of a core; empty where the number says it all.
pub fn core_register(register: Register, value: u32) -> String {
    match register {
        Register::Magic => ascii(value),
        Register::Version => version(value),
        Register::Status => match Status::decode(value).map(|status| status.problems()) {
            Ok(problems) if problems.is_empty() => "nothing wrong".into(),
            Ok(problems) => problems.join("; "),
            Err(_) => String::new(),
        },
        _ => String::new(),
    }
}

fn ascii(value: u32) -> String {
    let bytes = value.to_be_bytes();
    let printable = bytes.iter().all(u8::is_ascii_graphic);
    if printable { bytes.iter().map(|byte| char::from(*byte)).collect() } else { String::new() }
}

/// Major, minor and patch, 8 bits each.
fn version(value: u32) -> String {
    let [_, major, minor, patch] = value.to_be_bytes();
    format!("{major}.{minor}.{patch}")
}

/// The names of what is set.
fn names(bits: &[(bool, &str)], none: &str) -> String {
    let set: Vec<&str> = bits.iter().filter(|(set, _)| *set).map(|(_, name)| *name).collect();
    if set.is_empty() { none.into() } else { set.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_say_what_they_hold() {
        for (register, value, says) in [
            (PciRegister::Magic, 0x424b_5046, "BKPF"),
            (PciRegister::Magic, u32::MAX, ""),
            (PciRegister::Version, 0x0001_0203, "1.2.3"),
            (PciRegister::Control, 5, "enabled, in reset"),
            (PciRegister::Control, 0, "disabled"),
            (PciRegister::Status, 0x100, "busy"),
            (PciRegister::Status, 0x20, "idle; to_host stopped: a length of 0, or above 1 MiB"),
            (PciRegister::Cause, 6, "to_host, error"),
            (PciRegister::Mask, 0, "none"),
            (PciRegister::Mesh, 0, "a core that stands alone"),
            (PciRegister::Mesh, 0x504, "a mesh of 4 x 5 cores"),
            (PciRegister::MeshLink, 0x203, "counter 2 of router 3"),
            (PciRegister::BeatsRead, 7, ""),
        ] {
            assert_eq!(pci_register(register, value), says, "{} {value:#x}", register.name());
        }
        assert_eq!(core_register(Register::Status, 0), "nothing wrong");
        assert!(core_register(Register::Status, 1).contains("same cycle"));
    }
}
