//! A function for others: offered on a vfio-user socket, to one client at a time.

use super::config_space::{CONFIG_BYTES, ConfigSpace, TABLE_BYTES, VECTORS, range};
use super::memory::DmaMemory;
use super::shared::Shared;
use super::snapshot::{Snapshot, watch_path};
use backspike_arch::layout::{
    ControlWord, PCI_BAR_BYTES, PCI_DOORBELLS, PackedWord, PciRegister, Ring,
};
use backspike_arch::{DeviceError, PciFunction};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::time::{Duration, Instant};
use vfio_bindings::bindings::vfio::{
    VFIO_IRQ_INFO_EVENTFD, VFIO_IRQ_INFO_NORESIZE, VFIO_PCI_BAR0_REGION_INDEX,
    VFIO_PCI_BAR4_REGION_INDEX, VFIO_PCI_CONFIG_REGION_INDEX, VFIO_PCI_MSIX_IRQ_INDEX,
    VFIO_PCI_NUM_IRQS, VFIO_PCI_NUM_REGIONS, VFIO_REGION_INFO_FLAG_MMAP,
    VFIO_REGION_INFO_FLAG_READ, VFIO_REGION_INFO_FLAG_WRITE, vfio_region_info,
    vfio_region_sparse_mmap_area,
};
use vfio_user::{
    DmaMapFlags, DmaUnmapFlags, IrqInfo, Server as Socket, ServerBackend, ServerRegion, SparseArea,
};

/// How long an idle function watches its doorbells before it sleeps between looks, and how long it sleeps then.
const WATCH: Duration = Duration::from_millis(2);
const NAP: Duration = Duration::from_micros(100);
/// Longest access of a region: the configuration space as a whole.
const LONGEST: usize = CONFIG_BYTES;

/// What a server tells.
#[derive(Debug)]
pub enum Event {
    /// A client sent what is no message of the protocol; it is dropped.
    Malformed,
    /// A client has gone; the function worked for the first time of the second.
    Closed { busy: Duration, connected: Duration },
    /// The function failed: it reads as all ones until it is reset.
    Failed(DeviceError),
}

/// A request of the socket's thread to the function's.
enum Request {
    Read(u32, Sender<io::Result<u32>>),
    Write(u32, u32, Sender<io::Result<()>>),
    /// Reset; answered with the time that the function has worked since the last client.
    Reset(Sender<Duration>),
    Watch(Sender<Snapshot>),
}

/// A function on a socket.
pub struct Server {
    socket: Socket,
    path: PathBuf,
    backend: Backend,
}

impl Server {
    /// Offers `function` on the socket `path`; `tell` hears what happens, from two threads.
    pub fn new(
        function: Box<dyn PciFunction>,
        path: &Path,
        tell: Arc<dyn Fn(Event) + Send + Sync>,
    ) -> io::Result<Self> {
        remove_stale(path)?;
        // Bus address 0: this page is a part of the function, not of a bus.
        let bar = DmaMemory::new(0, PCI_BAR_BYTES)?;
        let regions = (0..VFIO_PCI_NUM_REGIONS).map(|index| region(index, &bar)).collect();
        let irqs = (0..VFIO_PCI_NUM_IRQS)
            .map(|index| {
                let ours = index == VFIO_PCI_MSIX_IRQ_INDEX;
                let flags = VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE;
                IrqInfo {
                    index,
                    count: if ours { VECTORS as u32 } else { 0 },
                    flags: if ours { flags } else { 0 },
                }
            })
            .collect();
        let socket = Socket::new(path, true, irqs, regions)
            .map_err(|error| io::Error::other(error.to_string()))?;
        let shared = Arc::new(Shared::default());
        let connected = Arc::new(AtomicBool::new(false));
        let (requests, inbox) = channel();
        let worker = Worker {
            function,
            shared: Arc::clone(&shared),
            bar,
            connected: Arc::clone(&connected),
            rung: [0; 2],
            failed: false,
            begun: Instant::now(),
            busy: Duration::ZERO,
            tell: Arc::clone(&tell),
        };
        std::thread::spawn(move || worker.run(&inbox));
        watch(path, requests.clone())?;
        let backend = Backend {
            config: ConfigSpace::default(),
            table: vec![0; TABLE_BYTES],
            shared,
            requests,
            connected,
            since: None,
            tell,
        };
        Ok(Self { socket, path: path.to_owned(), backend })
    }

    /// Serves one client until it goes.
    pub fn serve_one(&mut self) {
        let Self { socket, backend, .. } = self;
        // The protocol's crate panics at some malformed messages: that is the end of the client, not of the server.
        if catch_unwind(AssertUnwindSafe(|| socket.run(backend))).is_err() {
            (backend.tell)(Event::Malformed);
        }
        backend.close();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The other socket goes with the protocol's server.
        let _ = std::fs::remove_file(watch_path(&self.path));
    }
}

/// Sends a snapshot a second to everyone who connects to the socket beside `path`.
fn watch(path: &Path, requests: Sender<Request>) -> io::Result<()> {
    let path = watch_path(path);
    remove_stale(&path)?;
    let listener = UnixListener::bind(path)?;
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (Ok(mut stream), requests) = (stream, requests.clone()) else { continue };
            std::thread::spawn(move || {
                loop {
                    let (answered, answer) = channel();
                    if requests.send(Request::Watch(answered)).is_err() {
                        return;
                    }
                    let Ok(snapshot) = answer.recv() else { return };
                    let Ok(mut line) = serde_json::to_vec(&snapshot) else { return };
                    line.push(b'\n');
                    // Whoever watched has seen enough.
                    if stream.write_all(&line).is_err() {
                        return;
                    }
                    std::thread::sleep(Duration::from_secs(1));
                }
            });
        }
    });
    Ok(())
}

/// Removes a socket that nobody listens on.
fn remove_stale(path: &Path) -> io::Result<()> {
    if !path.exists() {
        return Ok(());
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            "another process serves a function there: name another socket",
        )),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path)
        }
        Err(error) => Err(error),
    }
}

/// A region as clients see it.
fn region(index: u32, bar: &DmaMemory) -> ServerRegion {
    let mut info = vfio_region_info {
        argsz: size_of::<vfio_region_info>() as u32,
        index,
        ..Default::default()
    };
    let access = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
    let mut region = ServerRegion { region_info: info, sparse_areas: Vec::new(), mmap_fd: None };
    match index {
        VFIO_PCI_BAR0_REGION_INDEX => {
            (info.size, info.flags) = (PCI_BAR_BYTES as u64, access | VFIO_REGION_INFO_FLAG_MMAP);
            let page = (PCI_BAR_BYTES - PCI_DOORBELLS) as u64;
            let area = vfio_region_sparse_mmap_area { offset: PCI_DOORBELLS as u64, size: page };
            region.sparse_areas.push(SparseArea { area });
            region.mmap_fd = Some(bar.file().as_raw_fd());
        }
        VFIO_PCI_BAR4_REGION_INDEX => (info.size, info.flags) = (TABLE_BYTES as u64, access),
        VFIO_PCI_CONFIG_REGION_INDEX => (info.size, info.flags) = (CONFIG_BYTES as u64, access),
        _ => {}
    }
    region.region_info = info;
    region
}

/// What the socket's thread has.
struct Backend {
    config: ConfigSpace,
    table: Vec<u8>,
    shared: Arc<Shared>,
    requests: Sender<Request>,
    /// Somebody may ring the doorbells: the worker looks at them.
    connected: Arc<AtomicBool>,
    /// When the client first accessed anything.
    since: Option<Instant>,
    tell: Arc<dyn Fn(Event) + Send + Sync>,
}

impl Backend {
    /// A client has sent a message.
    fn meet(&mut self) {
        self.since.get_or_insert_with(Instant::now);
        self.connected.store(true, Ordering::Release);
    }

    fn ask<T>(&self, request: impl FnOnce(Sender<T>) -> Request) -> io::Result<T> {
        let (answered, answer) = channel();
        let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
        self.requests.send(request(answered)).map_err(|_| gone())?;
        answer.recv().map_err(|_| gone())
    }

    /// The client has gone: everything is as before it came.
    fn close(&mut self) {
        self.connected.store(false, Ordering::Release);
        let connected = self.since.take().map_or(Duration::ZERO, |since| since.elapsed());
        let busy = self.ask(Request::Reset).unwrap_or_default();
        self.shared.unmap_all();
        self.shared.clear_interrupts();
        self.config = ConfigSpace::default();
        self.table.fill(0);
        (self.tell)(Event::Closed { busy, connected });
    }
}

fn invalid() -> io::Error {
    io::Error::from(io::ErrorKind::InvalidInput)
}

/// The register at an access of BAR0, which takes whole words.
fn word_at(offset: u64, len: usize) -> io::Result<u32> {
    let offset = u32::try_from(offset).map_err(|_| invalid())?;
    (len == 4 && offset.is_multiple_of(4)).then_some(offset).ok_or_else(invalid)
}

impl ServerBackend for Backend {
    fn region_read(&mut self, region: u32, offset: u64, data: &mut [u8]) -> io::Result<()> {
        self.meet();
        if data.len() > LONGEST {
            return Err(invalid());
        }
        match region {
            VFIO_PCI_BAR0_REGION_INDEX => {
                let offset = word_at(offset, data.len())?;
                let value = self.ask(|answer| Request::Read(offset, answer))??;
                data.copy_from_slice(&value.to_le_bytes());
                Ok(())
            }
            VFIO_PCI_BAR4_REGION_INDEX => {
                data.copy_from_slice(&self.table[range(offset, data.len(), TABLE_BYTES)?]);
                Ok(())
            }
            VFIO_PCI_CONFIG_REGION_INDEX => self.config.read(offset, data),
            _ => Err(invalid()),
        }
    }

    fn region_write(&mut self, region: u32, offset: u64, data: &[u8]) -> io::Result<()> {
        self.meet();
        match region {
            VFIO_PCI_BAR0_REGION_INDEX => {
                let offset = word_at(offset, data.len())?;
                let value = u32::from_le_bytes(data.try_into().map_err(|_| invalid())?);
                self.ask(|answer| Request::Write(offset, value, answer))?
            }
            VFIO_PCI_BAR4_REGION_INDEX => {
                self.table[range(offset, data.len(), TABLE_BYTES)?].copy_from_slice(data);
                Ok(())
            }
            VFIO_PCI_CONFIG_REGION_INDEX => self.config.write(offset, data),
            _ => Err(invalid()),
        }
    }

    fn dma_map(
        &mut self,
        _: DmaMapFlags,
        offset: u64,
        address: u64,
        size: u64,
        file: Option<File>,
    ) -> io::Result<()> {
        // Memory without a file can only be reached by messages; a client sends all of its memory, and what we need has one.
        match file {
            Some(file) => self.shared.map(&file, offset, address, size),
            None => Ok(()),
        }
    }

    fn dma_unmap(&mut self, flags: DmaUnmapFlags, address: u64, size: u64) -> io::Result<()> {
        if flags.contains(DmaUnmapFlags::UNMAP_ALL) {
            self.shared.unmap_all();
        } else {
            self.shared.unmap(address, size);
        }
        Ok(())
    }

    fn reset(&mut self) -> io::Result<()> {
        self.ask(Request::Reset).map(|_| ())
    }

    fn set_irqs(
        &mut self,
        index: u32,
        _: u32,
        start: u32,
        count: u32,
        files: Vec<File>,
    ) -> io::Result<()> {
        if index != VFIO_PCI_MSIX_IRQ_INDEX {
            return Ok(());
        }
        if count == 0 {
            self.shared.clear_interrupts();
            return Ok(());
        }
        if count as usize > VECTORS {
            return Err(invalid());
        }
        let mut files = files.into_iter().map(Some);
        let files = (0..count).map(|_| files.next().flatten()).collect();
        self.shared.set_interrupts(start as usize, files, VECTORS)
    }
}

/// What the function's thread has.
struct Worker {
    function: Box<dyn PciFunction>,
    shared: Arc<Shared>,
    /// Memory behind BAR0, of which clients see the page of doorbells.
    bar: DmaMemory,
    connected: Arc<AtomicBool>,
    rung: [u32; 2],
    failed: bool,
    begun: Instant,
    /// Time in which the function worked for this client.
    busy: Duration,
    tell: Arc<dyn Fn(Event) + Send + Sync>,
}

impl Worker {
    fn run(mut self, inbox: &Receiver<Request>) {
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
