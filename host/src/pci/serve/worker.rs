//! The function's thread: it runs while there is something to do.

use super::{Event, invalid};
use crate::pci::memory::DmaMemory;
use crate::pci::shared::Shared;
use crate::pci::snapshot::Snapshot;
use backspike_arch::layout::{ControlWord, PCI_DOORBELLS, PackedWord, PciRegister, Ring};
use backspike_arch::{DeviceError, PciFunction};
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::time::{Duration, Instant};

/// How long an idle function watches its doorbells before it sleeps between looks, and how long it sleeps then.
const WATCH: Duration = Duration::from_millis(2);
const NAP: Duration = Duration::from_micros(100);

/// A request of the socket's thread to the function's.
pub enum Request {
    Read(u32, Sender<io::Result<u32>>),
    Write(u32, u32, Sender<io::Result<()>>),
    /// Reset; answered with the time that the function has worked since the last client.
    Reset(Sender<Duration>),
    Watch(Sender<Snapshot>),
}

/// Asks the function's thread, and waits for its answer.
pub fn ask<T>(
    requests: &Sender<Request>,
    request: impl FnOnce(Sender<T>) -> Request,
) -> io::Result<T> {
    let (answered, answer) = channel();
    let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
    requests.send(request(answered)).map_err(|_| gone())?;
    answer.recv().map_err(|_| gone())
}

/// What the function's thread has.
pub struct Worker {
    pub function: Box<dyn PciFunction>,
    pub shared: Arc<Shared>,
    /// Memory behind BAR0, of which clients see the page of doorbells.
    pub bar: DmaMemory,
    pub connected: Arc<AtomicBool>,
    pub rung: [u32; 2],
    pub failed: bool,
    pub begun: Instant,
    /// Time in which the function worked for this client.
    pub busy: Duration,
    pub tell: Arc<dyn Fn(Event) + Send + Sync>,
}

impl Worker {
    pub fn run(mut self, inbox: &Receiver<Request>) {
        let mut last_work = Instant::now();
        let mut works = false;
        loop {
            let request = if works || last_work.elapsed() < WATCH {
                match inbox.try_recv() {
                    Ok(request) => Some(request),
                    Err(TryRecvError::Empty) => None,
                    Err(TryRecvError::Disconnected) => return,
                }
            } else if self.connected.load(Ordering::Acquire) {
                match inbox.recv_timeout(NAP) {
                    Ok(request) => Some(request),
                    Err(RecvTimeoutError::Timeout) => None,
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            } else {
                match inbox.recv() {
                    Ok(request) => Some(request),
                    Err(_) => return,
                }
            };
            let asked = request.is_some();
            if let Some(request) = request {
                self.answer(request);
            }
            let rang = self.look_at_doorbells();
            if works || asked || rang {
                works = self.work();
                last_work = Instant::now();
            } else {
                std::thread::yield_now();
            }
        }
    }

    /// A turn of the function; `false` when it has nothing to do.
    fn work(&mut self) -> bool {
        if self.failed {
            return false;
        }
        let begun = Instant::now();
        let mut interrupts = 0;
        let result = self.function.advance(self.shared.as_ref(), &mut interrupts);
        self.busy += begun.elapsed();
        self.shared.raise(interrupts);
        match result {
            Ok(works) => works,
            Err(error) => {
                self.fail(error);
                false
            }
        }
    }

    fn fail(&mut self, error: DeviceError) {
        self.failed = true;
        (self.tell)(Event::Failed(error));
    }

    /// Takes doorbells that were rung in the page; `true` when there was one.
    fn look_at_doorbells(&mut self) -> bool {
        let cells = self.bar.load(PCI_DOORBELLS);
        let found = [cells as u32, (cells >> 32) as u32];
        let mut any = false;
        for ring in Ring::ALL {
            let count = found[ring as usize];
            if count != self.rung[ring as usize] {
                any = true;
                self.rung[ring as usize] = count;
                let doorbell = PciRegister::ToDeviceDoorbell.of(ring).offset();
                if let Err(error) = self.function.write_register(doorbell, count) {
                    self.fail(error);
                }
            }
        }
        any
    }

    fn reset(&mut self) {
        self.bar.store(PCI_DOORBELLS, 0);
        self.rung = [0; 2];
        // Two bits always fit.
        let word = ControlWord { reset: true, ..ControlWord::default() }.encode().unwrap_or(0);
        let mut interrupts = 0;
        let reset = self.function.write_register(PciRegister::Control.offset(), word);
        let done = reset.and_then(|_| {
            while self.function.advance(self.shared.as_ref(), &mut interrupts)? {}
            Ok(())
        });
        self.failed = false;
        if let Err(error) = done {
            self.fail(error);
        }
    }

    fn snapshot(&mut self) -> Snapshot {
        let mut registers = BTreeMap::new();
        for register in Snapshot::watched() {
            if let Ok(Some(value)) = self.function.read_register(register.offset()) {
                registers.insert(register.name().to_owned(), value);
            }
        }
        Snapshot {
            connected: self.connected.load(Ordering::Acquire),
            seconds: self.begun.elapsed().as_secs_f64(),
            busy_seconds: self.busy.as_secs_f64(),
            registers,
        }
    }

    fn answer(&mut self, request: Request) {
        // Whoever asked may have gone.
        match request {
            Request::Reset(answer) => {
                self.reset();
                let _ = answer.send(std::mem::take(&mut self.busy));
            }
            Request::Watch(answer) => {
                let _ = answer.send(self.snapshot());
            }
            Request::Read(offset, answer) => {
                let value = match self.failed {
                    true => Ok(Some(u32::MAX)),
                    false => self.function.read_register(offset),
                };
                let _ =
                    answer.send(self.checked(value).and_then(|value| value.ok_or_else(invalid)));
            }
            Request::Write(offset, value, answer) => {
                let reset = offset == PciRegister::Control.offset()
                    && ControlWord::decode(value).is_ok_and(|control| control.reset);
                let taken = if reset {
                    self.reset();
                    Ok(true)
                } else if self.failed {
                    Ok(true)
                } else {
                    self.function.write_register(offset, value)
                };
                let taken = self.checked(taken);
                let _ =
                    answer.send(taken.and_then(|taken| taken.then_some(()).ok_or_else(invalid)));
            }
        }
    }

    /// An error of the function is its end until the next reset.
    fn checked<T>(&mut self, result: Result<T, DeviceError>) -> io::Result<T> {
        result.map_err(|error| {
            let text = error.to_string();
            self.fail(error);
            io::Error::other(text)
        })
    }
}
