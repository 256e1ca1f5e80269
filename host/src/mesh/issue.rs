//! What a core is told to do for a sample.

use super::program::{CoreProgram, Sending};
use super::schedule::Task;
use crate::compiler::{IO_OUTPUT, IO_SLOT_FREE};
use crate::port::{Port, token};
use backspike_arch::{DeviceError, Engine, Instruction};

/// Enqueues a task for a slot.
pub(super) fn issue(
    port: &mut Port,
    core: &CoreProgram,
    task: Task,
    slot: usize,
) -> Result<(), DeviceError> {
    match task {
        Task::Forward { slice } => forward(port, core, slice, slot),
        Task::SendSpikes { slice } => send_spikes(port, core, slice, slot),
        Task::Backward { slice } => backward(port, core, slice, slot),
        Task::SendErrors { slice } => send(port, &core.slices[slice].errors, token::ERRORS, slot),
        Task::Free => {
            port.post(Engine::Wg, token::FREE)?;
            port.wait(Engine::Io, token::FREE)?;
            port.push(IO_SLOT_FREE, 0)
        }
    }
}

/// An engine waits for a token of each sender.
pub(super) fn wait_all(port: &mut Port, engine: Engine, tokens: &[u8]) -> Result<(), DeviceError> {
    tokens.iter().try_for_each(|token| port.wait(engine, *token))
}

/// Enqueues pushes of a slot, which wait for `token`.
pub(super) fn send(
    port: &mut Port,
    sending: &Sending,
    token: u8,
    slot: usize,
) -> Result<(), DeviceError> {
    let Some(post) = sending.post else { return Ok(()) };
    port.wait(Engine::Io, token)?;
    for push in &sending.pushes {
        port.push(*push, slot)?;
    }
    port.push(post, 0)
}

/// FORWARD of a slice.
fn forward(
    port: &mut Port,
    core: &CoreProgram,
    slice: usize,
    slot: usize,
) -> Result<(), DeviceError> {
    let of = &core.slices[slice];
    wait_all(port, Engine::Fp, &of.spikes_from)?;
    port.issue(Engine::Fp, Instruction::Forward { slice: slice as u8, slot: slot as u8 })?;
    if of.spikes.post.is_some() || of.holding.back_base.is_none() {
        port.post(Engine::Fp, token::FORWARD)?;
    }
    Ok(())
}

/// What FORWARD made.
fn send_spikes(
    port: &mut Port,
    core: &CoreProgram,
    slice: usize,
    slot: usize,
) -> Result<(), DeviceError> {
    let of = &core.slices[slice];
    send(port, &of.spikes, token::FORWARD, slot)?;
    if of.holding.back_base.is_none() {
        port.wait(Engine::Io, token::FORWARD)?;
        port.push(IO_OUTPUT, slot)?;
    }
    Ok(())
}

/// NEURON_BACK or BACKPROP of a slice, then its ACCUMULATE.
fn backward(
    port: &mut Port,
    core: &CoreProgram,
    slice: usize,
    slot: usize,
) -> Result<(), DeviceError> {
    let of = &core.slices[slice];
    wait_all(port, Engine::Bp, &of.errors_from)?;
    let (slice, slot_number) = (slice as u8, slot as u8);
    port.issue(
        Engine::Bp,
        match of.holding.back_base {
            Some(_) => Instruction::Backprop { slice, slot: slot_number },
            None => Instruction::NeuronBack { slice, slot: slot_number },
        },
    )?;
    if of.errors.post.is_some() {
        port.post(Engine::Bp, token::ERRORS)?;
    }
    port.post(Engine::Bp, token::BACKWARD)?;
    port.wait(Engine::Wg, token::BACKWARD)?;
    port.issue(Engine::Wg, Instruction::Accumulate { slice, slot: slot_number, further: 0 })
}
