//! The links to a host: a serial line, and a PCI function.

mod crc;
mod frame_receiver;
mod frame_transmitter;
pub mod pci;
mod port;
mod push_buffer;
mod uart;
mod write_buffer;

pub use crc::Crc32;
pub use frame_receiver::FrameReceiver;
pub use frame_transmitter::FrameTransmitter;
pub use port::LinkPort;
pub use push_buffer::PushBuffer;
pub use uart::{UartReceiver, UartTransmitter};
pub use write_buffer::WriteBuffer;

use crate::core::{Core, CoreError, for_lanes};
use crate::emit::{Design, EmitError, emit};
use crate::prim::module_name;
use backspike_arch::ArchConfig;
use rust_hdl::prelude::*;

/// Name of the top module.
pub const SERIAL_TOP: &str = "backspike_serial";

/// The Verilog of the core with configuration `arch` behind a serial link of `arch.baud` in a clock of `arch.clock_mhz`; its top
/// module is [`SERIAL_TOP`].
///
/// Ports: `clock`, `reset` (synchronous, active high), `uart_rx_i`, `uart_tx_o`, `status_o[3:0]` for lamps: see [`LinkPort`].
pub fn serial_design(arch: &ArchConfig) -> Result<Design, CoreError> {
    arch.validate()?;
    Ok(for_lanes!(arch.lanes, write(arch))?)
}

/// The Verilog of the link alone, for `arch.baud` in a clock of `arch.clock_mhz`: a [`LinkPort`].
pub fn link_design(arch: &ArchConfig) -> Result<Design, CoreError> {
    arch.validate()?;
    let mut port = LinkPort::new(arch.baud, arch.clock_mhz);
    port.connect_all();
    Ok(emit(&port)?)
}

fn write<const P: usize>(arch: &ArchConfig) -> Result<Design, EmitError> {
    let mut core = SerialCore::<P>::new(arch);
    core.connect_all();
    emit(&core)
}

/// One training core and its serial link. `P` = 4 bits a lane.
#[derive(LogicBlock)]
pub struct SerialCore<const P: usize> {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    pub uart_rx_i: Signal<In, Bit>,
    pub uart_tx_o: Signal<Out, Bit>,
    pub status_o: Signal<Out, Bits<4>>,
    link: LinkPort,
    core: Core<P>,
}

impl<const P: usize> SerialCore<P> {
    /// The core with configuration `arch`, whose lanes are `P` / 4.
    pub fn new(arch: &ArchConfig) -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            uart_rx_i: Default::default(),
            uart_tx_o: Default::default(),
            status_o: Default::default(),
            link: LinkPort::new(arch.baud, arch.clock_mhz),
            core: Core::new(arch),
        }
    }
}

impl<const P: usize> Logic for SerialCore<P> {
    #[hdl_gen]
    fn update(&mut self) {
        self.link.clock.next = self.clock.val();
        self.link.reset.next = self.reset.val();
        self.link.uart_rx_i.next = self.uart_rx_i.val();
        self.uart_tx_o.next = self.link.uart_tx_o.val();
        self.status_o.next = self.link.status_o.val();
        self.core.clock.next = self.clock.val();
        self.core.reset.next = self.link.core_reset_o.val();
        self.core.host_valid_i.next = self.link.host_valid_o.val();
        self.core.host_addr_i.next = self.link.host_addr_o.val();
        self.core.host_data_i.next = self.link.host_data_o.val();
        self.link.host_ready_i.next = self.core.host_ready_o.val();
        self.link.push_valid_i.next = self.core.push_valid_o.val();
        self.link.push_addr_i.next = self.core.push_addr_o.val();
        self.link.push_data_i.next = self.core.push_data_o.val();
        self.link.push_last_i.next = self.core.push_last_o.val();
        self.core.push_ready_i.next = self.link.push_ready_o.val();
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name(SERIAL_TOP, &[])
    }
}
