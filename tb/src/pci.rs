//! The Verilated PCI function: registers by AXI4-Lite, host memory by AXI4, interrupts by lines.

use crate::axi::{AxiBus, AxiTiming, AxiTraffic};
use crate::device::{EngineState, engine_state};
use crate::{Build, BuildError, Library, Model, ModelError, Optimize, Port, RtlError};
use backspike_arch::layout::PciRegister;
use backspike_arch::{
    ArchConfig, DeviceError, Engine, HostMemory, MeshConfig, MeshPort, PciFunction,
};
use backspike_hdl::link::pci::pci_design;

/// Cycles of a turn of [`PciFunction::advance`].
const TURN: u64 = 2048;
/// Quiet cycles after which the function may be idle: more than completion records wait for others.
const QUIET: u64 = 96;
/// Cycles in which a register must answer.
const PATIENCE: u64 = 10_000;

/// Ports besides the bus.
struct Ports {
    awvalid: Port,
    awready: Port,
    awaddr: Port,
    wvalid: Port,
    wdata: Port,
    wstrb: Port,
    bvalid: Port,
    bready: Port,
    bresp: Port,
    arvalid: Port,
    arready: Port,
    araddr: Port,
    rvalid: Port,
    rready: Port,
    rdata: Port,
    rresp: Port,
    irq: Port,
    irq_ack: Port,
    active: Port,
}

impl Ports {
    fn new(library: &Library) -> Result<Self, ModelError> {
        let port = |name: &str| library.port(&format!("s_axi_{name}"));
        Ok(Self {
            awvalid: port("awvalid")?,
            awready: port("awready")?,
            awaddr: port("awaddr")?,
            wvalid: port("wvalid")?,
            wdata: port("wdata")?,
            wstrb: port("wstrb")?,
            bvalid: port("bvalid")?,
            bready: port("bready")?,
            bresp: port("bresp")?,
            arvalid: port("arvalid")?,
            arready: port("arready")?,
            araddr: port("araddr")?,
            rvalid: port("rvalid")?,
            rready: port("rready")?,
            rdata: port("rdata")?,
            rresp: port("rresp")?,
            irq: library.port("irq_o")?,
            irq_ack: library.port("irq_ack_i")?,
            active: library.port("active_o")?,
        })
    }
}

/// The build of a PCI function's Verilog; every seed is an instance of the same library.
#[derive(Clone)]
pub struct PciLibrary {
    config: ArchConfig,
    mesh: Option<MeshConfig>,
    top: String,
    library: Library,
}

impl PciLibrary {
    /// The function that the generator makes around a core of `config`, or such cores on `mesh`.
    pub fn new(
        config: &ArchConfig,
        mesh: Option<&MeshConfig>,
        optimize: Optimize,
    ) -> Result<Self, RtlError> {
        let design = pci_design(config, mesh)?;
        let verilog = design.to_single_file();
        let function = Self::from_verilog(config, design.top(), &verilog, optimize)?;
        Ok(Self { mesh: mesh.cloned(), ..function })
    }

    /// A function around one core, or the port of one alone, from its Verilog text.
    pub fn from_verilog(
        config: &ArchConfig,
        top: &str,
        verilog: &str,
        optimize: Optimize,
    ) -> Result<Self, BuildError> {
        let build = Build::new(top, verilog).optimize(optimize).watch("output_port*", "flits_q");
        let library = EngineState::watch(build).library()?;
        Ok(Self { config: config.clone(), mesh: None, top: top.to_owned(), library })
    }

    /// The function after reset. `seed` draws what has no reset value.
    pub fn function(&self, seed: u64, timing: AxiTiming) -> Result<RtlFunction, ModelError> {
        let mut model = self.library.instance(seed);
        let ports = Ports::new(&self.library)?;
        // Whatever the inputs began with must not look like an access after the reset.
        for port in [ports.awvalid, ports.wvalid, ports.arvalid, ports.bready, ports.rready] {
            model.write(port, 0);
        }
        // A port alone has no cores that would drive these.
        for port in ["beat_valid_i", "count_i"] {
            if let Ok(port) = self.library.port(port) {
                model.write(port, 0);
            }
        }
        let bus = AxiBus::new(&self.library, timing)?;
        bus.hold(&mut model);
        model.write(ports.irq_ack, 0);
        model.set("reset", 1);
        model.tick(4);
        model.set("reset", 0);
        Ok(RtlFunction {
            bus,
            library: self.clone(),
            model,
            ports,
            quiet: 0,
            stood: None,
            pending: 0,
        })
    }
}

/// A Verilated PCI function.
pub struct RtlFunction {
    library: PciLibrary,
    model: Model,
    ports: Ports,
    bus: AxiBus,
    /// Cycles in which nothing moved on the bus; the flits that had moved in all when all engines stood before the first of them.
    quiet: u64,
    stood: Option<u64>,
    /// Interrupts that came while a register was accessed.
    pending: u32,
}

fn failed(problem: String) -> DeviceError {
    DeviceError::Failed(format!("the function broke a rule of AXI: {problem}"))
}

impl RtlFunction {
    /// Clock cycles since power-on.
    pub fn cycles(&self) -> u64 {
        self.model.cycles()
    }

    /// What the bus has seen.
    pub fn traffic(&self) -> AxiTraffic {
        self.bus.traffic()
    }

    /// One cycle with the bus at work.
    pub fn cycle(&mut self, memory: &dyn HostMemory) -> Result<(), DeviceError> {
        let raised = self.model.read(self.ports.irq);
        self.pending |= raised as u32;
        self.model.write(self.ports.irq_ack, raised);
        self.bus.drive(&mut self.model, memory);
        self.model.eval();
        self.bus.sample(&self.model, memory).map_err(failed)?;
        self.model.tick(1);
        Ok(())
    }

    /// Cycles until `port` is high with the inputs as they are; `false` when it stays low.
    fn until(&mut self, port: Port) -> bool {
        for _ in 0..PATIENCE {
            self.model.eval();
            if self.model.read(port) == 1 {
                return true;
            }
            self.model.tick(1);
        }
        false
    }

    /// The bus neither takes nor gives anything during the next cycles.
    fn hold_bus(&mut self) {
        self.bus.hold(&mut self.model);
        self.model.write(self.ports.irq_ack, 0);
    }

    fn silent(offset: u32) -> DeviceError {
        let name = PciRegister::at(offset).map_or("unknown", PciRegister::name);
        DeviceError::Failed(format!(
            "register {name} at {offset:#x} did not answer within {PATIENCE} cycles"
        ))
    }

    /// Instances of the cores; a port alone has none of them.
    fn cores(&self) -> Vec<String> {
        let PciLibrary { top, mesh, .. } = &self.library;
        match mesh {
            None => vec![format!("{top}.cores.alone_0")],
            Some(mesh) => (0..mesh.cores())
                .map(|core| format!("{top}.cores.mesh_0.tile_{core}.core"))
                .collect(),
        }
    }

    /// The flits that have left all routers of a mesh, if nothing is under way but there.
    fn stands(&self) -> Option<u64> {
        let stands = |core: &String| {
            Engine::ALL.iter().all(|&engine| {
                engine_state(&self.model, core, engine).is_none_or(|state| state.stands())
            })
        };
        let still = self.bus.outstanding() == 0 && self.cores().iter().all(stands);
        still.then(|| self.outputs().filter_map(|output| self.model.peek(&output, "flits_q")).sum())
    }

    /// Instances of the routers' outputs.
    fn outputs(&self) -> impl Iterator<Item = String> {
        let PciLibrary { top, mesh, .. } = &self.library;
        let routers = mesh.as_ref().map_or(0, MeshConfig::cores);
        (0..routers).flat_map(move |router| {
            (0..MeshPort::ALL.len()).map(move |output| {
                format!("{top}.cores.mesh_0.network.router_{router}.output_{output}")
            })
        })
    }
}

impl PciFunction for RtlFunction {
    fn config(&self) -> &ArchConfig {
        &self.library.config
    }

    fn mesh(&self) -> Option<&MeshConfig> {
        self.library.mesh.as_ref()
    }

    fn read_register(&mut self, offset: u32) -> Result<Option<u32>, DeviceError> {
        self.hold_bus();
        self.model.write(self.ports.araddr, u64::from(offset));
        self.model.write(self.ports.arvalid, 1);
        self.model.write(self.ports.rready, 0);
        if !self.until(self.ports.arready) {
            return Err(Self::silent(offset));
        }
        self.model.tick(1);
        self.model.write(self.ports.arvalid, 0);
        if !self.until(self.ports.rvalid) {
            return Err(Self::silent(offset));
        }
        let value = self.model.read(self.ports.rdata) as u32;
        let good = self.model.read(self.ports.rresp) == 0;
        self.model.write(self.ports.rready, 1);
        self.model.tick(1);
        self.model.write(self.ports.rready, 0);
        Ok(good.then_some(value))
    }

    fn write_register(&mut self, offset: u32, value: u32) -> Result<bool, DeviceError> {
        self.hold_bus();
        self.model.write(self.ports.awaddr, u64::from(offset));
        self.model.write(self.ports.wdata, u64::from(value));
        self.model.write(self.ports.wstrb, 15);
        self.model.write(self.ports.awvalid, 1);
        self.model.write(self.ports.wvalid, 1);
        self.model.write(self.ports.bready, 0);
        if !self.until(self.ports.awready) {
            return Err(Self::silent(offset));
        }
        self.model.tick(1);
        self.model.write(self.ports.awvalid, 0);
        self.model.write(self.ports.wvalid, 0);
        if !self.until(self.ports.bvalid) {
            return Err(Self::silent(offset));
        }
        let good = self.model.read(self.ports.bresp) == 0;
        self.model.write(self.ports.bready, 1);
        self.model.tick(1);
        self.model.write(self.ports.bready, 0);
        self.quiet = 0;
        self.stood = None;
        Ok(good)
    }

    fn advance(
        &mut self,
        memory: &dyn HostMemory,
        interrupts: &mut u32,
    ) -> Result<bool, DeviceError> {
        let end = self.cycles() + TURN;
        while self.cycles() < end && self.quiet < QUIET {
            self.cycle(memory)?;
            if self.bus.outstanding() != 0 || self.model.read(self.ports.active) == 1 {
                self.quiet = 0;
                self.stood = None;
                continue;
            }
            self.quiet += 1;
            // Looking into the engines costs more than a cycle of theirs. What one has sent may still be on a mesh, where it moves while all
            // stand: the function is idle if they stand twice and no flit has moved in between.
            if self.quiet == QUIET {
                let stands = self.stands();
                if stands.is_none() || stands != self.stood {
                    self.stood = stands;
                    self.quiet = 0;
                }
            }
        }
        *interrupts |= std::mem::take(&mut self.pending);
        Ok(self.quiet < QUIET)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engines_and_links_are_found_whatever_the_function_carries() {
        let config = ArchConfig::nano();
        for mesh in [None, Some(MeshConfig::new(2, 2))] {
            let library = PciLibrary::new(&config, mesh.as_ref(), Optimize::Full).unwrap();
            let function = library.function(1, AxiTiming::default()).unwrap();
            for core in function.cores() {
                for engine in Engine::ALL {
                    assert!(engine_state(&function.model, &core, *engine).is_some(), "{core}");
                }
            }
            let outputs: Vec<String> = function.outputs().collect();
            assert_eq!(outputs.len(), mesh.map_or(0, |mesh| mesh.links_in_all()));
            for output in outputs {
                assert!(function.model.peek(&output, "flits_q").is_some(), "{output}");
            }
        }
    }
}
