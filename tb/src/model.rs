//! A loaded library and its instances.

use std::{
    collections::HashMap,
    ffi::{CStr, CString, c_char, c_int, c_void},
    path::{Path, PathBuf},
    ptr::NonNull,
    sync::Arc,
};

use crate::compile;

/// Why a library or a port cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ModelError {
    #[error("The library {path} cannot be loaded: {reason}. Delete its folder to build it again.")]
    Load { path: PathBuf, reason: String },
    #[error("Module `{top}` has no port `{name}`; its ports are {ports}.")]
    NoPort { top: String, name: String, ports: String },
    #[error("Waves cannot be written to {path}: {reason}.")]
    Trace { path: PathBuf, reason: String },
}

#[repr(C)]
struct PortInfo {
    name: *const c_char,
    width: u32,
    is_input: u32,
}

/// A port: valid for every instance of the library it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port {
    index: u32,
    /// Width in bits.
    pub width: u32,
    /// Driven by the user.
    pub input: bool,
}

struct Code {
    library: libloading::Library,
    top: String,
    ports: HashMap<String, Port>,
    random_start: bool,
    new: unsafe extern "C" fn(u32, u32) -> *mut c_void,
    delete: unsafe extern "C" fn(*mut c_void),
    address: unsafe extern "C" fn(*mut c_void, u32) -> *mut c_void,
    eval: unsafe extern "C" fn(*mut c_void),
    tick: unsafe extern "C" fn(*mut c_void, u64),
    cycles: unsafe extern "C" fn(*const c_void) -> u64,
    peek: unsafe extern "C" fn(*const c_void, *const c_char, *const c_char, *mut u64) -> c_int,
    trace: unsafe extern "C" fn(*mut c_void, *const c_char, u64, u64) -> c_int,
}

/// A Verilated module as loaded code; clones share it.
#[derive(Clone)]
pub struct Library {
    code: Arc<Code>,
}

impl Library {
    /// Opens the library in the cache folder `folder`.
    pub(crate) fn open(folder: &Path, top: &str, random_start: bool) -> Result<Self, ModelError> {
        let path = folder.join(compile::LIBRARY);
        let failed = |error: libloading::Error| ModelError::Load {
            path: path.clone(),
            reason: error.to_string(),
        };
        // SAFETY: the library comes from our own shim; its constructors only set up Verilator's run time, and the types
        // of the functions are those of `cpp/shim.cpp`, whose text is part of the folder's key.
        unsafe {
            let library = libloading::Library::new(&path).map_err(failed)?;
            macro_rules! function {
                ($name:literal) => {
                    *library.get($name).map_err(failed)?
                };
            }
            let count: unsafe extern "C" fn() -> u32 = function!(b"bs_port_count");
            let info: unsafe extern "C" fn(u32) -> *const PortInfo = function!(b"bs_port_info");
            let ports = (0..count())
                .map(|index| {
                    let info = &*info(index);
                    let name = CStr::from_ptr(info.name).to_string_lossy().into_owned();
                    (name, Port { index, width: info.width, input: info.is_input != 0 })
                })
                .collect();
            let code = Code {
                top: top.to_owned(),
                ports,
                random_start,
                new: function!(b"bs_new"),
                delete: function!(b"bs_delete"),
                address: function!(b"bs_port_address"),
                eval: function!(b"bs_eval"),
                tick: function!(b"bs_tick"),
                cycles: function!(b"bs_cycles"),
                peek: function!(b"bs_peek"),
                trace: function!(b"bs_trace"),
                library,
            };
            Ok(Self { code: Arc::new(code) })
        }
    }

    /// A new instance. `seed` draws the initial bits of what has no reset value.
    pub fn instance(&self, seed: u64) -> Model {
        // Verilator reads a seed of 0 as "choose one" and takes a positive int.
        let seed = (seed % 0x7fff_fffe) as u32 + 1;
        // SAFETY: no precondition; the shim never returns null.
        let raw = unsafe { (self.code.new)(seed, u32::from(self.code.random_start)) };
        let raw = NonNull::new(raw).expect("the shim returns an instance");
        let address = |index| {
            // SAFETY: the instance is new, and has as many ports as the library counted.
            let at = unsafe { (self.code.address)(raw.as_ptr(), index) };
            NonNull::new(at).expect("a port has a place")
        };
        let addresses = (0..self.code.ports.len() as u32).map(address).collect();
        Model { library: self.clone(), raw, addresses }
    }

    /// The port `name`.
    pub fn port(&self, name: &str) -> Result<Port, ModelError> {
        self.code.ports.get(name).copied().ok_or_else(|| {
            let mut ports: Vec<&str> = self.code.ports.keys().map(String::as_str).collect();
            ports.sort_unstable();
            ModelError::NoPort {
                top: self.code.top.clone(),
                name: name.to_owned(),
                ports: ports.join(", "),
            }
        })
    }

    /// An entry point of the build's extension text.
    ///
    /// # Safety
    /// `F` must be the `extern "C"` function type that the extension gives `name`, and the pointer must not outlive the library.
    pub unsafe fn function<F: Copy>(&self, name: &str) -> Result<F, ModelError> {
        // SAFETY: the caller vouches for the type.
        let symbol = unsafe { self.code.library.get::<F>(name.as_bytes()) };
        symbol.map(|symbol| *symbol).map_err(|error| ModelError::Load {
            path: PathBuf::from(compile::LIBRARY),
            reason: error.to_string(),
        })
    }
}

/// One instance of a Verilated module.
///
/// Inputs keep their value until they are set again. Outputs are those of the last [`Model::tick`] or [`Model::eval`]: after setting
/// inputs, `eval` shows combinational outputs of the present cycle; `tick(1)` then completes the cycle with a rising edge.
pub struct Model {
    library: Library,
    raw: NonNull<c_void>,
    /// Where the ports are, by index.
    addresses: Vec<NonNull<c_void>>,
}

// SAFETY: the addresses lie in the instance. An instance owns its VerilatedContext and shares nothing; it is used by one thread at a time (`&mut`).
unsafe impl Send for Model {}

impl Drop for Model {
    fn drop(&mut self) {
        // SAFETY: `raw` came from `new` and is not used afterwards.
        unsafe { (self.library.code.delete)(self.raw.as_ptr()) }
    }
}

impl Model {
    /// The library this is an instance of.
    pub fn library(&self) -> &Library {
        &self.library
    }

    /// The instance as the extension's functions take it.
    pub fn as_ptr(&mut self) -> *mut c_void {
        self.raw.as_ptr()
    }

    /// The port `name`.
    ///
    /// # Panics
    /// When there is none; the message lists the ports. [`Library::port`] returns an error instead.
    pub fn port(&self, name: &str) -> Port {
        self.library.port(name).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Sets input `name`. See [`Model::write`].
    pub fn set(&mut self, name: &str, value: u64) {
        let port = self.port(name);
        self.write(port, value);
    }

    /// Output (or input) `name`. See [`Model::read`].
    pub fn get(&self, name: &str) -> u64 {
        self.read(self.port(name))
    }

    /// Sets a wide input by name. See [`Model::write_wide`].
    pub fn set_wide(&mut self, name: &str, words: &[u32]) {
        let port = self.port(name);
        self.write_wide(port, words);
    }

    /// A port by name as 32-bit words, least significant first.
    pub fn get_wide(&self, name: &str) -> Vec<u32> {
        self.read_wide(self.port(name))
    }

    /// Sets an input; upper words of one wider than 64 bits become zero.
    ///
    /// # Panics
    /// When `value` has bits beyond the port's width: Verilator would compute with them.
    pub fn write(&mut self, port: Port, value: u64) {
        assert!(
            port.width >= 64 || value >> port.width == 0,
            "{value:#x} does not fit {} bits",
            port.width
        );
        let at = self.address(port);
        // SAFETY: Verilator stores a port of 1-8, 9-16, 17-32, 33-64 bits as u8, u16, u32, u64, and wider ones as words.
        unsafe {
            match port.width {
                0..=8 => at.cast::<u8>().write(value as u8),
                9..=16 => at.cast::<u16>().write(value as u16),
                17..=32 => at.cast::<u32>().write(value as u32),
                33..=64 => at.cast::<u64>().write(value),
                _ => {
                    let words = self.words(port);
                    words.fill(0);
                    words[0] = value as u32;
                    words[1] = (value >> 32) as u32;
                }
            }
        }
    }

    /// A port of up to 64 bits; the low 64 bits of a wider one.
    pub fn read(&self, port: Port) -> u64 {
        let at = self.address(port);
        // SAFETY: as in `write`.
        unsafe {
            match port.width {
                0..=8 => u64::from(at.cast::<u8>().read()),
                9..=16 => u64::from(at.cast::<u16>().read()),
                17..=32 => u64::from(at.cast::<u32>().read()),
                33..=64 => at.cast::<u64>().read(),
                _ => {
                    let words = at.cast::<u32>();
                    u64::from(words.read()) | u64::from(words.add(1).read()) << 32
                }
            }
        }
    }

    /// Sets an input from words, least significant first; missing words are zero.
    ///
    /// # Panics
    /// When there are more words than the port holds, or bits beyond its width.
    pub fn write_wide(&mut self, port: Port, words: &[u32]) {
        let count = port.width.div_ceil(32) as usize;
        assert!(words.len() <= count, "{} words do not fit {} bits", words.len(), port.width);
        if port.width <= 64 {
            let low = words.first().copied().unwrap_or(0);
            let high = words.get(1).copied().unwrap_or(0);
            return self.write(port, u64::from(low) | u64::from(high) << 32);
        }
        let spare = count as u32 * 32 - port.width;
        if words.len() == count {
            let top = words[count - 1];
            assert!(
                spare == 0 || top >> (32 - spare) == 0,
                "the top word {top:#x} has bits beyond {}",
                port.width
            );
        }
        let stored = self.words(port);
        stored.fill(0);
        stored[..words.len()].copy_from_slice(words);
    }

    /// A port as words, least significant first.
    pub fn read_wide(&self, port: Port) -> Vec<u32> {
        let count = port.width.div_ceil(32) as usize;
        if port.width <= 64 {
            let value = self.read(port);
            return [value as u32, (value >> 32) as u32][..count].to_vec();
        }
        let at = self.address(port).cast::<u32>();
        // SAFETY: a port wider than 64 bits is `count` words.
        unsafe { std::slice::from_raw_parts(at, count).to_vec() }
    }

    /// Lets combinational logic follow the inputs; no clock edge.
    pub fn eval(&mut self) {
        // SAFETY: `raw` is alive.
        unsafe { (self.library.code.eval)(self.raw.as_ptr()) }
    }

    /// `cycles` clock cycles, the loop in C++. Ends just after the rising edge, with the outputs of the new state.
    pub fn tick(&mut self, cycles: u64) {
        // SAFETY: `raw` is alive.
        unsafe { (self.library.code.tick)(self.raw.as_ptr(), cycles) }
    }

    /// Cycles since the instance was made.
    pub fn cycles(&self) -> u64 {
        // SAFETY: `raw` is alive.
        unsafe { (self.library.code.cycles)(self.raw.as_ptr()) }
    }

    /// A signal inside the model that the build watches ([`crate::Build::watch`]): `scope` is the path of instances from the top module
    /// on (`core.front`). `None` when there is no such signal, or it has more than 64 bits.
    pub fn peek(&self, scope: &str, name: &str) -> Option<u64> {
        let scope = CString::new(format!("top.{scope}")).ok()?;
        let name = CString::new(name).ok()?;
        let mut value = 0;
        // SAFETY: `raw` is alive, the names end in zero bytes, and the value is written during the call only.
        let found = unsafe {
            let peek = self.library.code.peek;
            peek(self.raw.as_ptr(), scope.as_ptr(), name.as_ptr(), &raw mut value)
        };
        (found != 0).then_some(value)
    }

    /// Writes waves (FST) of the cycles in `window` to `path`; needs [`crate::Build::trace`].
    pub fn trace(&mut self, path: &Path, window: std::ops::Range<u64>) -> Result<(), ModelError> {
        let failed =
            |reason: &str| ModelError::Trace { path: path.to_owned(), reason: reason.to_owned() };
        let text = CString::new(path.as_os_str().as_encoded_bytes())
            .map_err(|_| failed("the path holds a zero byte"))?;
        // SAFETY: `raw` is alive and `text` outlives the call.
        let open = unsafe {
            (self.library.code.trace)(self.raw.as_ptr(), text.as_ptr(), window.start, window.end)
        };
        if open == 0 {
            return Err(failed(
                "the model was built without tracing, or the file cannot be created",
            ));
        }
        Ok(())
    }

    fn address(&self, port: Port) -> *mut c_void {
        self.addresses[port.index as usize].as_ptr()
    }

    fn words(&mut self, port: Port) -> &mut [u32] {
        let count = port.width.div_ceil(32) as usize;
        // SAFETY: a port wider than 64 bits is `count` words inside the instance, which `self` borrows.
        unsafe { std::slice::from_raw_parts_mut(self.address(port).cast(), count) }
    }
}
