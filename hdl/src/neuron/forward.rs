//! The forward step: leaky integrate-and-fire, integrate-and-fire, or the readout that never fires.

use crate::prim::{Pipe, Reg, described_module};
use rust_hdl::prelude::*;

/// Cycles from `valid_i` to `membrane_o`.
pub const FORWARD_NEURON_MEMBRANE_LATENCY: usize = 5;
/// Cycles from `valid_i` to the bits of that step in `spike_o`, `code0_o`, `code1_o`.
pub const FORWARD_NEURON_SPIKE_LATENCY: usize = 7;

/// One neuron, a step every [`NEURON_STEP_CYCLES`](super::NEURON_STEP_CYCLES) at most, steps ascending.
///
/// | cycle | what |
/// |---|---|
/// | 0 | the sum is scaled |
/// | 1 | the threshold is subtracted from it, for a soft reset after the leak |
/// | 2 | spike and distance to the threshold of the step before |
/// | 3 | reset and leak |
/// | 4 | the membrane: addition, saturation |
/// | 5 | spike and distance to the threshold: cycle 2 of the next step |
/// | 6 | surrogate code |
///
/// The membrane goes round cycles 2, 3 and 4. Spike and distance follow it a cycle late, at any time.
#[derive(LogicBlock, Default)]
pub struct ForwardNeuron {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    // The step: sum of weights Q24, step within the block, whether it is the first of the sample.
    pub valid_i: Signal<In, Bit>,
    pub step_i: Signal<In, Bits<2>>,
    pub first_i: Signal<In, Bit>,
    pub sum_i: Signal<In, Bits<40>>,
    // The neuron; constant during a tile.
    pub active_i: Signal<In, Bit>,
    pub leak_shift_i: Signal<In, Bits<5>>,
    pub leak_on_i: Signal<In, Bit>,
    pub reset_i: Signal<In, Bits<2>>,
    pub reset_before_leak_i: Signal<In, Bit>,
    pub fire_ge_i: Signal<In, Bit>,
    pub readout_i: Signal<In, Bit>,
    pub input_shift_i: Signal<In, Bits<4>>,
    pub theta_i: Signal<In, Bits<32>>,
    pub width1_i: Signal<In, Bits<32>>,
    pub width2_i: Signal<In, Bits<32>>,
    pub width3_i: Signal<In, Bits<32>>,
    // Bit t mod 4 of the block; membrane Q24 after the step.
    pub spike_o: Signal<Out, Bits<4>>,
    pub code0_o: Signal<Out, Bits<4>>,
    pub code1_o: Signal<Out, Bits<4>>,
    pub membrane_o: Signal<Out, Bits<32>>,

    // Cycle 0.
    sum_folded: Signal<Local, Bits<40>>,
    sum_shifted: Signal<Local, Bits<40>>,
    scaled: Pipe<Bits<40>>,
    valid1: Reg<Bit>,
    step1: Pipe<Bits<2>>,
    first1: Pipe<Bit>,
    // Cycle 1.
    scaled_wide: Signal<Local, Bits<42>>,
    theta_wide: Signal<Local, Bits<42>>,
    drive: Pipe<Bits<42>>,
    drive_reset: Pipe<Bits<42>>,
    valid2: Reg<Bit>,
    step2: Pipe<Bits<2>>,
    first2: Pipe<Bit>,
    // Cycles 2 and 5.
    membrane_wide: Signal<Local, Bits<34>>,
    theta34: Signal<Local, Bits<34>>,
    distance: Signal<Local, Bits<34>>,
    above: Signal<Local, Bit>,
    fires: Signal<Local, Bit>,
    distance_kept: Pipe<Bits<34>>,
    spike_kept: Pipe<Bit>,
    drive3: Pipe<Bits<42>>,
    drive_reset3: Pipe<Bits<42>>,
    valid3: Reg<Bit>,
    step3: Pipe<Bits<2>>,
    first3: Pipe<Bit>,
    // Cycle 3.
    hard_reset: Signal<Local, Bit>,
    soft_reset: Signal<Local, Bit>,
    base: Signal<Local, Bits<34>>,
    base_folded: Signal<Local, Bits<34>>,
    base_shifted: Signal<Local, Bits<34>>,
    leak: Signal<Local, Bits<34>>,
    leaked: Pipe<Bits<34>>,
    addend: Pipe<Bits<42>>,
    valid4: Reg<Bit>,
    step4: Pipe<Bits<2>>,
    // Cycle 4.
    leaked_wide: Signal<Local, Bits<42>>,
    total: Signal<Local, Bits<42>>,
    total_high: Signal<Local, Bits<11>>,
    membrane: Pipe<Bits<32>>,
    valid5: Reg<Bit>,
    step5: Pipe<Bits<2>>,
    valid6: Reg<Bit>,
    step6: Pipe<Bits<2>>,
    // Cycle 6.
    magnitude: Signal<Local, Bits<34>>,
    within1: Signal<Local, Bit>,
    within2: Signal<Local, Bit>,
    within3: Signal<Local, Bit>,
    coded: Signal<Local, Bit>,
    here: Signal<Local, Bits<4>>,
    spikes_before: Signal<Local, Bits<4>>,
    codes0_before: Signal<Local, Bits<4>>,
    codes1_before: Signal<Local, Bits<4>>,
    spikes: Reg<Bits<4>>,
    codes0: Reg<Bits<4>>,
    codes1: Reg<Bits<4>>,
}

impl Logic for ForwardNeuron {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, scaled, valid1, step1, first1, drive, drive_reset, valid2, step2);
        dff_setup!(self, clock, first2, distance_kept, spike_kept, drive3, drive_reset3, valid3);
        dff_setup!(self, clock, step3, first3, leaked, addend, valid4, step4, membrane, valid5);
        dff_setup!(self, clock, step5, valid6, step6, spikes, codes0, codes1);

        // What a step works with holds until the next one, so that between steps no clock need reach it.
        // Cycle 0. x >>> input_shift: a right shift of the two's complement floors; negative numbers are complemented around an
        // unsigned shift. 40 bits: the FP accumulator.
        if self.sum_i.val().get_bit(39) {
            self.sum_folded.next = !self.sum_i.val();
        } else {
            self.sum_folded.next = self.sum_i.val();
        }
        self.sum_shifted.next = self.sum_folded.val() >> self.input_shift_i.val();
        if self.valid_i.val() {
            if self.sum_i.val().get_bit(39) {
                self.scaled.d.next = !self.sum_shifted.val();
            } else {
                self.scaled.d.next = self.sum_shifted.val();
            }
        }
        self.valid1.d.next = self.valid_i.val();
        self.step1.d.next = self.step_i.val();
        self.first1.d.next = self.first_i.val();

        // Cycle 1. 42 bits hold a 40-bit sum plus a membrane and a threshold of 32 bits each without overflow.
        if self.scaled.q.val().get_bit(39) {
            self.scaled_wide.next =
                bit_cast::<42, 40>(self.scaled.q.val()) | bits::<42>(0x300_0000_0000_u64);
        } else {
            self.scaled_wide.next = bit_cast::<42, 40>(self.scaled.q.val());
        }
        if self.theta_i.val().get_bit(31) {
            self.theta_wide.next =
                bit_cast::<42, 32>(self.theta_i.val()) | bits::<42>(0x3FF_0000_0000_u64);
            self.theta34.next =
                bit_cast::<34, 32>(self.theta_i.val()) | bits::<34>(0x3_0000_0000_u64);
        } else {
            self.theta_wide.next = bit_cast::<42, 32>(self.theta_i.val());
            self.theta34.next = bit_cast::<34, 32>(self.theta_i.val());
        }
        if self.valid1.q.val() {
            self.drive.d.next = self.scaled_wide.val();
            self.drive_reset.d.next = self.scaled_wide.val() - self.theta_wide.val();
        }
        self.valid2.d.next = self.valid1.q.val();
        self.step2.d.next = self.step1.q.val();
        self.first2.d.next = self.first1.q.val();

        // Cycle 2. 34 bits hold u - theta, and the leak of it.
        if self.membrane.q.val().get_bit(31) {
            self.membrane_wide.next =
                bit_cast::<34, 32>(self.membrane.q.val()) | bits::<34>(0x3_0000_0000_u64);
        } else {
            self.membrane_wide.next = bit_cast::<34, 32>(self.membrane.q.val());
        }
        self.distance.next = self.membrane_wide.val() - self.theta34.val();
        self.above.next = !self.distance.val().get_bit(33)
            && (self.fire_ge_i.val() || (self.distance.val() != bits::<34>(0)));
        // Lanes without a neuron never spike, so their membrane is never reset and stays zero.
        self.fires.next = (self.above.val() && self.active_i.val()) && !self.readout_i.val();
        if self.valid2.q.val() || self.valid5.q.val() {
            self.distance_kept.d.next = self.distance.val();
            self.spike_kept.d.next = self.fires.val();
        }
        if self.valid2.q.val() {
            self.drive3.d.next = self.drive.q.val();
            self.drive_reset3.d.next = self.drive_reset.q.val();
        }
        self.valid3.d.next = self.valid2.q.val();
        self.step3.d.next = self.step2.q.val();
        self.first3.d.next = self.first2.q.val();

        // Cycle 3.
        self.hard_reset.next = (self.spike_kept.q.val() && !self.first3.q.val())
            && (self.reset_i.val() == bits::<2>(1));
        self.soft_reset.next = (self.spike_kept.q.val() && !self.first3.q.val())
            && (self.reset_i.val() == bits::<2>(2));
        if self.first3.q.val() || (self.reset_before_leak_i.val() && self.hard_reset.val()) {
            self.base.next = bits::<34>(0);
        } else if self.reset_before_leak_i.val() && self.soft_reset.val() {
            self.base.next = self.distance_kept.q.val();
        } else {
            self.base.next = self.membrane_wide.val();
        }
        // u >>> k floors.
        if self.base.val().get_bit(33) {
            self.base_folded.next = !self.base.val();
        } else {
            self.base_folded.next = self.base.val();
        }
        self.base_shifted.next = self.base_folded.val() >> self.leak_shift_i.val();
        if !self.leak_on_i.val() {
            self.leak.next = bits::<34>(0);
        } else if self.base.val().get_bit(33) {
            self.leak.next = !self.base_shifted.val();
        } else {
            self.leak.next = self.base_shifted.val();
        }
        // A reset after the leak: a hard one drops what leaked, a soft one takes the input less the threshold.
        if self.valid3.q.val() {
            if self.hard_reset.val() && !self.reset_before_leak_i.val() {
                self.leaked.d.next = bits::<34>(0);
            } else {
                self.leaked.d.next = self.base.val() - self.leak.val();
            }
            if self.soft_reset.val() && !self.reset_before_leak_i.val() {
                self.addend.d.next = self.drive_reset3.q.val();
            } else {
                self.addend.d.next = self.drive3.q.val();
            }
        }
        self.valid4.d.next = self.valid3.q.val();
        self.step4.d.next = self.step3.q.val();

        // Cycle 4.
        if self.leaked.q.val().get_bit(33) {
            self.leaked_wide.next =
                bit_cast::<42, 34>(self.leaked.q.val()) | bits::<42>(0x3FC_0000_0000_u64);
        } else {
            self.leaked_wide.next = bit_cast::<42, 34>(self.leaked.q.val());
        }
        self.total.next = self.leaked_wide.val() + self.addend.q.val();
        // The one saturation of a step: in range when bits 41..31 are all the sign.
        self.total_high.next = self.total.val().get_bits::<11>(31);
        if self.valid4.q.val() {
            if self.total.val().get_bit(41) && !self.total_high.val().all() {
                self.membrane.d.next = bits::<32>(0x8000_0000_u64);
            } else if !self.total.val().get_bit(41) && self.total_high.val().any() {
                self.membrane.d.next = bits::<32>(0x7FFF_FFFF);
            } else {
                self.membrane.d.next = self.total.val().get_bits::<32>(0);
            }
        }
        self.valid5.d.next = self.valid4.q.val();
        self.step5.d.next = self.step4.q.val();
        self.membrane_o.next = self.membrane.q.val();

        // Cycle 5 is cycle 2 without the sum.
        self.valid6.d.next = self.valid5.q.val();
        self.step6.d.next = self.step5.q.val();

        // Cycle 6. The narrowest window wins; a width of zero contains nothing.
        if self.distance_kept.q.val().get_bit(33) {
            self.magnitude.next = bits::<34>(0) - self.distance_kept.q.val();
        } else {
            self.magnitude.next = self.distance_kept.q.val();
        }
        self.within1.next = self.magnitude.val() < bit_cast::<34, 32>(self.width1_i.val());
        self.within2.next = self.magnitude.val() < bit_cast::<34, 32>(self.width2_i.val());
        self.within3.next = self.magnitude.val() < bit_cast::<34, 32>(self.width3_i.val());
        self.coded.next = self.active_i.val() && !self.readout_i.val();
        self.here.next = bits::<4>(1) << self.step6.q.val();
        // The first step of a block clears what the block before left.
        if self.step6.q.val() == bits::<2>(0) {
            self.spikes_before.next = bits::<4>(0);
            self.codes0_before.next = bits::<4>(0);
            self.codes1_before.next = bits::<4>(0);
        } else {
            self.spikes_before.next = self.spikes.q.val();
            self.codes0_before.next = self.codes0.q.val();
            self.codes1_before.next = self.codes1.q.val();
        }
        if self.valid6.q.val() {
            if self.spike_kept.q.val() {
                self.spikes.d.next = self.spikes_before.val() | self.here.val();
            } else {
                self.spikes.d.next = self.spikes_before.val();
            }
            // Codes 1 and 3 set bit 0, codes 2 and 3 bit 1.
            if self.coded.val()
                && (self.within3.val() || (self.within1.val() && !self.within2.val()))
            {
                self.codes0.d.next = self.codes0_before.val() | self.here.val();
            } else {
                self.codes0.d.next = self.codes0_before.val();
            }
            if self.coded.val() && (self.within3.val() || self.within2.val()) {
                self.codes1.d.next = self.codes1_before.val() | self.here.val();
            } else {
                self.codes1.d.next = self.codes1_before.val();
            }
        }
        self.spike_o.next = self.spikes.q.val();
        self.code0_o.next = self.codes0.q.val();
        self.code1_o.next = self.codes1.q.val();
    }

    fn timing(&self) -> Vec<TimingInfo> {
        described_module("forward_neuron", &[], "One neuron, a forward step every three cycles.")
    }
}
