//! A pseudo-terminal whose far end is the UART of a model: what opens it cannot tell it from a board.

use crate::{Model, Uart};
use rustix::fs::{Mode, OFlags, fcntl_setfl};
use rustix::io::Errno;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// Cycles between two looks at the terminal: a few bit times.
const GLANCE: usize = 256;

/// A model behind a pseudo-terminal; its clock runs until the bridge is dropped.
pub struct PtyBridge {
    path: String,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Model>>,
    /// Keeps the terminal there while nobody has it open.
    _held: OwnedFd,
}

impl PtyBridge {
    /// Opens a terminal and lets the model run behind it.
    pub fn new(model: Model, uart: Uart) -> io::Result<Self> {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let name = ptsname(&master, Vec::new())?;
        let path = name.to_string_lossy().into_owned();
        let held = rustix::fs::open(&*name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty())?;
        // Bytes as they are: no echo, no line editing.
        let mut terminal = tcgetattr(&held)?;
        terminal.make_raw();
        tcsetattr(&held, OptionalActions::Now, &terminal)?;
        fcntl_setfl(&master, OFlags::NONBLOCK)?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || run(model, uart, &master, &stopped));
        Ok(Self { path, stop, thread: Some(thread), _held: held })
    }

    /// The name to open.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Stops the clock and returns the model.
    pub fn stop(mut self) -> Option<Model> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().and_then(|thread| thread.join().ok())
    }
}

impl Drop for PtyBridge {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic in the thread has been printed; there is nobody to tell.
            let _ = thread.join();
        }
    }
}

fn run(mut model: Model, mut uart: Uart, master: &OwnedFd, stop: &AtomicBool) -> Model {
    let mut buffer = [0; 1024];
    while !stop.load(Ordering::Relaxed) {
        // No more than the wire could carry, so that the sender feels it.
        if uart.queue().is_empty() {
            match rustix::io::read(master, &mut buffer) {
                Ok(count) => uart.queue().extend(&buffer[..count]),
                Err(Errno::AGAIN | Errno::IO | Errno::INTR) => {}
                Err(_) => break,
            }
        }
        for _ in 0..GLANCE {
            uart.tick(&mut model);
        }
        let (front, _) = uart.received().as_slices();
        if !front.is_empty() {
            match rustix::io::write(master, front) {
                Ok(count) => drop(uart.received().drain(..count)),
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(_) => break,
            }
        }
    }
    model
}
