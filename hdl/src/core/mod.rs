//! One training core: engines, memories and host port wired together.

mod wiring;

use crate::control::{
    BackwardEngine, EngineFront, ForwardEngine, GradientEngine, Tokens, UpdateEngine,
};
use crate::emit::{Design, EmitError, emit};
use crate::host_port::{HostPort, PushEngine, Registers};
use crate::memory::{KeptWord, LaneMemory, LaneWriter, PlaneWriter, StepMemory, WeightMemory};
use crate::prim::{ClockGate, Ram};
use backspike_arch::layout::{Engine, Op};
use backspike_arch::{ArchConfig, ConfigError, TIME_BLOCK};
use rust_hdl::prelude::*;
use thiserror::Error;

/// Name of the top module.
pub const TOP: &str = "backspike_core";

/// Why no core can be written.
#[derive(Debug, Error)]
pub enum CoreError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Emit(#[from] EmitError),
}

/// Calls a function whose last generic parameter is the width of a plane word, 4 bits a lane.
macro_rules! for_lanes {
    ($lanes:expr, $function:ident$(::<$width:literal>)?($($argument:expr),*)) => {
        match $lanes {
            4 => $function::<$($width,)? 16>($($argument),*),
            8 => $function::<$($width,)? 32>($($argument),*),
            16 => $function::<$($width,)? 64>($($argument),*),
            _ => $function::<$($width,)? 128>($($argument),*),
        }
    };
}
pub(crate) use for_lanes;

/// The Verilog of the core with configuration `arch`; its top module is [`TOP`].
///
/// Ports: `clock`, `reset` (synchronous, active high); `host_{valid_i,ready_o,addr_i,data_i}`;
/// `push_{valid_o,ready_i,addr_o,data_o,last_o}`, with `push_nodes_o` for a mesh. A word moves when valid and ready are both high at a
/// rising edge; both channels carry 32 bits of data beside a 32-bit address.
pub fn core_design(arch: &ArchConfig) -> Result<Design, CoreError> {
    arch.validate()?;
    Ok(for_lanes!(arch.lanes, write(arch))?)
}

fn write<const P: usize>(arch: &ArchConfig) -> Result<Design, EmitError> {
    let mut core = Core::<P>::new(arch);
    core.connect_all();
    emit(&core)
}

/// One training core. `P` = 4 bits a lane.
///
/// Its kernel is purely a wiring exercise: engines to their queues, memories and counters, and the host to all
/// of them.
#[derive(LogicBlock)]
pub struct Core<const P: usize> {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    pub host_valid_i: Signal<In, Bit>,
    pub host_ready_o: Signal<Out, Bit>,
    pub host_addr_i: Signal<In, Bits<32>>,
    pub host_data_i: Signal<In, Bits<32>>,
    pub push_valid_o: Signal<Out, Bit>,
    pub push_ready_i: Signal<In, Bit>,
    pub push_addr_o: Signal<Out, Bits<32>>,
    pub push_data_o: Signal<Out, Bits<32>>,
    pub push_last_o: Signal<Out, Bit>,
    /// The cores of a mesh that the word goes to, one bit each; none: the host.
    pub push_nodes_o: Signal<Out, Bits<64>>,

    host_port: HostPort,
    tokens: Tokens,
    registers: Registers,
    fp_front: EngineFront,
    bp_front: EngineFront,
    wg_front: EngineFront,
    io_front: EngineFront,
    // An engine's clock runs while it has an instruction.
    fp_gate: ClockGate,
    bp_gate: ClockGate,
    wg_gate: ClockGate,
    update_gate: ClockGate,
    fp: ForwardEngine<P>,
    bp: BackwardEngine<P>,
    wg: GradientEngine<P>,
    update_engine: UpdateEngine,
    push_engine: PushEngine<P>,

    weight: WeightMemory,
    state_writer: LaneWriter,
    state: LaneMemory<16>,
    gradient: LaneMemory<32>,
    spike_writer: PlaneWriter<P>,
    spike_fp: Ram<P>,
    spike_wg: Ram<P>,
    spike_kept: KeptWord<P>,
    trace_spike: Ram<P>,
    trace_code0: Ram<P>,
    trace_code1: Ram<P>,
    nonzero_bp: Ram<4>,
    nonzero_wg: Ram<4>,
    nonzero_kept: KeptWord<4>,
    error_writer: LaneWriter,
    error_bp: StepMemory,
    error_wg: LaneMemory<16>,
    membrane: LaneMemory<32>,

    nonzero_wen: Signal<Local, Bit>,
    nonzero_waddr: Signal<Local, Bits<20>>,
    nonzero_word: Signal<Local, Bits<4>>,
    reads: Signal<Local, Bits<16>>,
    free: Signal<Local, Bits<16>>,
    wg_accumulates: Signal<Local, Bit>,
    wg_updates: Signal<Local, Bit>,
    accumulate: Signal<Local, Bit>,
    op_backprop: Constant<Bits<4>>,
    op_accumulate: Constant<Bits<4>>,
    op_clear: Constant<Bits<4>>,
    _lanes: usize,
    /// Lanes of the errors that BP takes beside those of one step.
    _more: usize,
    _fp_columns: usize,
    _bp_columns: usize,
    _wg_columns: usize,
    _io_columns: usize,
}

/// The queue and table of `engine`, with its operations.
fn front(arch: &ArchConfig, engine: Engine) -> EngineFront {
    let own = Op::ALL.iter().filter(|op| op.engine() == Some(engine));
    let ops: Vec<u8> = own.map(|op| op.code()).collect();
    EngineFront::new(arch.queue_depth, &ops, engine.columns(), arch.slices)
}

impl<const P: usize> Core<P> {
    /// The core with configuration `arch`, whose lanes are `P` / 4.
    pub fn new(arch: &ArchConfig) -> Self {
        let planes = arch.slots * arch.plane_words();
        let errors = arch.slots * arch.error_blocks() * TIME_BLOCK;
        let membranes = arch.slots * arch.membrane_blocks() * TIME_BLOCK;
        Self {
            clock: Default::default(),
            reset: Default::default(),
            host_valid_i: Default::default(),
            host_ready_o: Default::default(),
            host_addr_i: Default::default(),
            host_data_i: Default::default(),
            push_valid_o: Default::default(),
            push_ready_i: Default::default(),
            push_addr_o: Default::default(),
            push_data_o: Default::default(),
            push_last_o: Default::default(),
            push_nodes_o: Default::default(),
            host_port: Default::default(),
            tokens: Tokens::new(arch.tokens),
            registers: Registers::new(arch),
            fp_front: front(arch, Engine::Fp),
            bp_front: front(arch, Engine::Bp),
            wg_front: front(arch, Engine::Wg),
            io_front: front(arch, Engine::Io),
            fp_gate: Default::default(),
            bp_gate: Default::default(),
            wg_gate: Default::default(),
            update_gate: Default::default(),
            fp: ForwardEngine::new(arch),
            bp: BackwardEngine::new(arch),
            wg: GradientEngine::new(arch),
            update_engine: UpdateEngine::new(P / 4, arch.optimizers),
            push_engine: PushEngine::new(arch),
            weight: WeightMemory::new(P / 4, arch.weight_rows()),
            state_writer: LaneWriter::new(P / 4),
            state: LaneMemory::new(P / 4, arch.weight_rows()),
            gradient: LaneMemory::new(P / 4, arch.weight_rows()),
            spike_writer: Default::default(),
            spike_fp: Ram::new(planes),
            spike_wg: Ram::new(planes),
            spike_kept: Default::default(),
            trace_spike: Ram::new(planes),
            trace_code0: Ram::new(planes),
            trace_code1: Ram::new(planes),
            nonzero_bp: Ram::new(planes),
            nonzero_wg: Ram::new(planes),
            nonzero_kept: Default::default(),
            error_writer: LaneWriter::new(P / 4),
            error_bp: StepMemory::new(P / 4, errors / TIME_BLOCK, arch.backward_steps),
            error_wg: LaneMemory::new(P / 4, errors),
            membrane: LaneMemory::new(P / 4, membranes),
            nonzero_wen: Default::default(),
            nonzero_waddr: Default::default(),
            nonzero_word: Default::default(),
            reads: Default::default(),
            free: Default::default(),
            wg_accumulates: Default::default(),
            wg_updates: Default::default(),
            accumulate: Default::default(),
            op_backprop: Constant::new((Op::Backprop as u64).into()),
            op_accumulate: Constant::new((Op::Accumulate as u64).into()),
            op_clear: Constant::new((Op::Clear as u64).into()),
            _lanes: P / 4,
            _more: if arch.backward_steps > 1 { P / 4 } else { 0 },
            _fp_columns: Engine::Fp.columns(),
            _bp_columns: Engine::Bp.columns(),
            _wg_columns: Engine::Wg.columns(),
            _io_columns: Engine::Io.columns(),
        }
    }
}
