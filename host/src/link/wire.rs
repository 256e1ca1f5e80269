//! What carries the bytes.

use anyhow::{Result, bail};
use std::io;
use std::time::Duration;

/// Two wires: bytes out, bytes in.
pub trait Wire: Send {
    /// Sends all of `bytes`, a whole frame.
    fn send(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Waits at most `patience` for bytes; 0 when none came.
    fn receive(&mut self, buffer: &mut [u8], patience: Duration) -> io::Result<usize>;
}

/// A serial port of this machine.
pub struct SerialPort {
    port: Box<dyn serialport::SerialPort>,
}

impl SerialPort {
    /// Opens `path` with `baud` bits a second, 8 data bits, no parity, one stop bit, no flow control.
    pub fn open(path: &str, baud: u32) -> Result<Self> {
        let port = serialport::new(path, baud).timeout(Duration::from_secs(5)).open();
        match port {
            Ok(port) => Ok(Self { port }),
            Err(error) => bail!("{}", explain(path, baud, &error)),
        }
    }
}

fn explain(path: &str, baud: u32, error: &serialport::Error) -> String {
    let remedy = match error.kind {
        serialport::ErrorKind::NoDevice | serialport::ErrorKind::Io(io::ErrorKind::NotFound) => {
            let ports = serialport::available_ports().unwrap_or_default();
            let names: Vec<String> = ports.into_iter().map(|port| port.port_name).collect();
            match &names[..] {
                [] => "plug the board in; this machine shows no serial port".to_string(),
                _ => format!("plug the board in; this machine shows {}", names.join(", ")),
            }
        }
        serialport::ErrorKind::Io(io::ErrorKind::PermissionDenied) => {
            "you have no right to use it: join its group (sudo usermod -aG dialout $USER, then log in again)".to_string()
        }
        serialport::ErrorKind::InvalidInput => {
            format!("it may not know {baud} bits a second: lower baud in the configuration")
        }
        _ => "check that nothing else has it open".to_string(),
    };
    format!("The serial port {path} cannot be opened ({error}): {remedy}.")
}

impl Wire for SerialPort {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.port.write_all(bytes)
    }

    fn receive(&mut self, buffer: &mut [u8], patience: Duration) -> io::Result<usize> {
        self.port.set_timeout(patience).map_err(io::Error::from)?;
        match self.port.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::TimedOut => Ok(0),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(0),
            other => other,
        }
    }
}
