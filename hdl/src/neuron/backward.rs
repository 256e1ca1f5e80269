//! The backward step: surrogate gradient, leak and reset of the backward membrane.

use crate::prim::{Pipe, Reg, described_module};
use rust_hdl::prelude::*;

/// Cycles from `valid_i` to `v_o`.
pub const BACKWARD_NEURON_LATENCY: usize = 3;

/// `v(t) = gain(e(t), code(t)) + leak(v(t+1))` and its variants, a step every [`NEURON_STEP_CYCLES`](super::NEURON_STEP_CYCLES) at
/// most, steps descending. What comes with `valid_i` holds until the next step may.
///
/// | cycle | what |
/// |---|---|
/// | 0 | v(t+1) after leak and hard reset |
/// | 1 | e less the gradient through a soft reset |
/// | 2 | surrogate gain, sum, saturation: v(t) |
#[derive(LogicBlock, Default)]
pub struct BackwardNeuron {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    // The step: error sum Q30, spike and surrogate code of the same step, whether it is the last of the sample (v(t+1) = 0).
    pub valid_i: Signal<In, Bit>,
    pub first_i: Signal<In, Bit>,
    pub e_i: Signal<In, Bits<40>>,
    pub spike_i: Signal<In, Bit>,
    pub code_i: Signal<In, Bits<2>>,
    // The neuron; constant during a tile. Gains and threshold shift are two's complement.
    pub leak_shift_i: Signal<In, Bits<5>>,
    pub leak_on_i: Signal<In, Bit>,
    pub reset_i: Signal<In, Bits<2>>,
    pub reset_before_leak_i: Signal<In, Bit>,
    pub readout_i: Signal<In, Bit>,
    pub detach_reset_i: Signal<In, Bit>,
    pub gain1_i: Signal<In, Bits<4>>,
    pub gain2_i: Signal<In, Bits<4>>,
    pub gain3_i: Signal<In, Bits<4>>,
    pub theta_shift_i: Signal<In, Bits<4>>,
    /// v(t), Q30.
    pub v_o: Signal<Out, Bits<40>>,
    pub valid_o: Signal<Out, Bit>,

    // Cycle 0, and cycle 1 for the gradient through a reset before the leak.
    later: Signal<Local, Bits<40>>,
    later_folded: Signal<Local, Bits<40>>,
    later_shifted: Signal<Local, Bits<40>>,
    leak: Signal<Local, Bits<40>>,
    leaked: Pipe<Bits<40>>,
    valid1: Reg<Bit>,
    // Cycle 1.
    through: Signal<Local, Bits<40>>,
    through_wide: Signal<Local, Bits<55>>,
    theta_up: Signal<Local, Bits<4>>,
    through_up: Signal<Local, Bits<55>>,
    through_scaled: Signal<Local, Bits<48>>,
    e_wide: Signal<Local, Bits<48>>,
    difference: Pipe<Bits<48>>,
    gain: Signal<Local, Bits<4>>,
    gain_up: Pipe<Bits<4>>,
    valid2: Reg<Bit>,
    // Cycle 2.
    difference_wide: Signal<Local, Bits<63>>,
    difference_up: Signal<Local, Bits<63>>,
    gained: Signal<Local, Bits<56>>,
    kept: Signal<Local, Bits<56>>,
    total: Signal<Local, Bits<56>>,
    total_high: Signal<Local, Bits<17>>,
    v: Pipe<Bits<40>>,
    valid: Reg<Bit>,
}

impl Logic for BackwardNeuron {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, leaked, valid1, difference, gain_up, valid2, v, valid);
        if self.first_i.val() {
            self.later.next = bits::<40>(0);
        } else {
            self.later.next = self.v.q.val();
        }
        // Cycle 0. v >>> k floors: negative numbers are complemented around an unsigned shift. The leak takes v towards zero: 40 bits still.
        if self.later.val().get_bit(39) {
            self.later_folded.next = !self.later.val();
        } else {
            self.later_folded.next = self.later.val();
        }
        self.later_shifted.next = self.later_folded.val() >> self.leak_shift_i.val();
        if !self.leak_on_i.val() {
            self.leak.next = bits::<40>(0);
        } else if self.later.val().get_bit(39) {
            self.leak.next = !self.later_shifted.val();
        } else {
            self.leak.next = self.later_shifted.val();
        }
        // A hard reset cuts the path to later steps.
        if self.valid_i.val() {
            if self.spike_i.val() && (self.reset_i.val() == bits::<2>(1)) {
                self.leaked.d.next = bits::<40>(0);
            } else {
                self.leaked.d.next = self.later.val() - self.leak.val();
            }
        }
        self.valid1.d.next = self.valid_i.val();

        // Cycle 1. A soft reset that is not detached: e less the gradient that flows through the subtracted threshold. Scaling by -8..7
        // is a shift up by 0..15 (the shift amount with its sign bit flipped) and down by 8, which floors: 40 + 15 - 8 bits.
        if self.reset_before_leak_i.val() {
            self.through.next = self.leaked.q.val();
        } else {
            self.through.next = self.later.val();
        }
        if self.through.val().get_bit(39) {
            self.through_wide.next =
                bit_cast::<55, 40>(self.through.val()) | bits::<55>(0x7F_FF00_0000_0000_u64);
        } else {
            self.through_wide.next = bit_cast::<55, 40>(self.through.val());
        }
        self.theta_up.next = self.theta_shift_i.val() ^ bits::<4>(8);
        self.through_up.next = self.through_wide.val() << self.theta_up.val();
        if (self.detach_reset_i.val() || self.readout_i.val())
            || (self.reset_i.val() != bits::<2>(2))
        {
            self.through_scaled.next = bits::<48>(0);
        } else if self.through_up.val().get_bit(54) {
            self.through_scaled.next = bit_cast::<48, 47>(self.through_up.val().get_bits::<47>(8))
                | bits::<48>(0x8000_0000_0000_u64);
        } else {
            self.through_scaled.next = bit_cast::<48, 47>(self.through_up.val().get_bits::<47>(8));
        }
        if self.e_i.val().get_bit(39) {
            self.e_wide.next =
                bit_cast::<48, 40>(self.e_i.val()) | bits::<48>(0xFF00_0000_0000_u64);
        } else {
            self.e_wide.next = bit_cast::<48, 40>(self.e_i.val());
        }
        // 48 bits: a 47-bit and a 40-bit number. Outside the surrogate's windows no gradient passes. The readout takes its error as it
        // is: a gain of one.
        if self.valid1.q.val() {
            if !self.readout_i.val() && (self.code_i.val() == bits::<2>(0)) {
                self.difference.d.next = bits::<48>(0);
            } else {
                self.difference.d.next = self.e_wide.val() - self.through_scaled.val();
            }
        }
        if self.readout_i.val() {
            self.gain.next = bits::<4>(0);
        } else if self.code_i.val() == bits::<2>(1) {
            self.gain.next = self.gain1_i.val();
        } else if self.code_i.val() == bits::<2>(2) {
            self.gain.next = self.gain2_i.val();
        } else {
            self.gain.next = self.gain3_i.val();
        }
        self.gain_up.d.next = self.gain.val() ^ bits::<4>(8);
        self.valid2.d.next = self.valid1.q.val();

        // Cycle 2. The surrogate gain, again up by 0..15 and down by 8: 48 + 15 - 8 bits, one floor.
        if self.difference.q.val().get_bit(47) {
            self.difference_wide.next =
                bit_cast::<63, 48>(self.difference.q.val()) | bits::<63>(0x7FFF_0000_0000_0000_u64);
        } else {
            self.difference_wide.next = bit_cast::<63, 48>(self.difference.q.val());
        }
        self.difference_up.next = self.difference_wide.val() << self.gain_up.q.val();
        if self.difference_up.val().get_bit(62) {
            self.gained.next = bit_cast::<56, 55>(self.difference_up.val().get_bits::<55>(8))
                | bits::<56>(0x80_0000_0000_0000_u64);
        } else {
            self.gained.next = bit_cast::<56, 55>(self.difference_up.val().get_bits::<55>(8));
        }
        if self.leaked.q.val().get_bit(39) {
            self.kept.next =
                bit_cast::<56, 40>(self.leaked.q.val()) | bits::<56>(0xFF_FF00_0000_0000_u64);
        } else {
            self.kept.next = bit_cast::<56, 40>(self.leaked.q.val());
        }
        // 56 bits: a 55-bit and a 40-bit number.
        self.total.next = self.gained.val() + self.kept.val();
        // The one saturation of a step: in range when bits 55..39 are all the sign.
        self.total_high.next = self.total.val().get_bits::<17>(39);
        if self.valid2.q.val() {
            if self.total.val().get_bit(55) && !self.total_high.val().all() {
                self.v.d.next = bits::<40>(0x80_0000_0000_u64);
            } else if !self.total.val().get_bit(55) && self.total_high.val().any() {
                self.v.d.next = bits::<40>(0x7F_FFFF_FFFF_u64);
            } else {
                self.v.d.next = self.total.val().get_bits::<40>(0);
            }
        }
        self.valid.d.next = self.valid2.q.val();
        self.v_o.next = self.v.q.val();
        self.valid_o.next = self.valid.q.val();
    }

    fn timing(&self) -> Vec<TimingInfo> {
        described_module(
            "backward_neuron",
            &[],
            "Backward membrane of one neuron, a step every three cycles.",
        )
    }
}
