//! A function for others: offered on a vfio-user socket, to one client at a time.

mod backend;
mod gate;
mod worker;

use super::config_space::{CONFIG_BYTES, ConfigSpace, TABLE_BYTES, VECTORS};
use super::memory::DmaMemory;
use super::shared::Shared;
use super::snapshot::watch_path;
use backend::Backend;
use backspike_arch::layout::{PCI_BAR_BYTES, PCI_DOORBELLS};
use backspike_arch::{DeviceError, PciFunction};
use std::io::{self, Write};
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use vfio_bindings::bindings::vfio::{
    VFIO_IRQ_INFO_EVENTFD, VFIO_IRQ_INFO_NORESIZE, VFIO_PCI_BAR0_REGION_INDEX,
    VFIO_PCI_BAR4_REGION_INDEX, VFIO_PCI_CONFIG_REGION_INDEX, VFIO_PCI_MSIX_IRQ_INDEX,
    VFIO_PCI_NUM_IRQS, VFIO_PCI_NUM_REGIONS, VFIO_REGION_INFO_FLAG_MMAP,
    VFIO_REGION_INFO_FLAG_READ, VFIO_REGION_INFO_FLAG_WRITE, vfio_region_info,
    vfio_region_sparse_mmap_area,
};
use vfio_user::{IrqInfo, Server as Socket, ServerRegion, SparseArea};
use worker::{Request, Worker, ask};

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

/// A function on a socket.
pub struct Server {
    /// Where clients come.
    listener: UnixListener,
    path: PathBuf,
    /// What the function has, as the protocol says it.
    regions: Vec<ServerRegion>,
    irqs: Vec<IrqInfo>,
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
        let listener = UnixListener::bind(path)?;
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
        Ok(Self { listener, path: path.to_owned(), regions, irqs, backend })
    }

    /// The protocol's crate, and a connection to it that nobody else can have: its socket has no name any more.
    fn protocol(&self) -> io::Result<(Socket, UnixStream)> {
        let folder = TempDir::with_prefix("backspike-")?;
        let path = folder.path().join("socket");
        let socket = Socket::new(&path, true, self.irqs.clone(), self.regions.clone())
            .map_err(|error| io::Error::other(error.to_string()))?;
        Ok((socket, UnixStream::connect(path)?))
    }

    /// Serves one client until it goes.
    ///
    /// # Errors
    /// When the system gives no sockets.
    pub fn serve_one(&mut self) -> io::Result<()> {
        let (client, _) = self.listener.accept()?;
        let (socket, inner) = self.protocol()?;
        let backend = &mut self.backend;
        let tell = Arc::clone(&backend.tell);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                if !gate::pass(&client, &inner) {
                    tell(Event::Malformed);
                }
            });
            // It ends when the gate closes; a client that goes in the middle of an answer has just gone.
            let _ = socket.run(backend);
            // Whatever ended it, the client must not wait for more.
            let _ = client.shutdown(Shutdown::Both);
        });
        backend.close();
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for path in [watch_path(&self.path), self.path.clone()] {
            let _ = std::fs::remove_file(path);
        }
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
                    let Ok(snapshot) = ask(&requests, Request::Watch) else { return };
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

/// The answer to an access that makes no sense.
fn invalid() -> io::Error {
    io::Error::from(io::ErrorKind::InvalidInput)
}
