//! The packed words inside descriptors and registers.

use super::field::{FieldValue, packed_word};
use crate::num::{BackwardParams, NeuronParams, Optimizer, OptimizerParams, Reset};

/// A field whose codes belong to a type of [`crate::num`].
macro_rules! coded {
    ($ty:ty { $($variant:ident = $code:literal),+ }) => {
        impl FieldValue for $ty {
            const SIGNED: bool = false;
            fn to_field(self) -> i64 {
                match self {
                    $(Self::$variant => $code,)+
                }
            }
            fn from_field(value: i64) -> Option<Self> {
                match value {
                    $($code => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}
coded!(Reset { None = 0, Hard = 1, Soft = 2 });
coded!(Optimizer { Sgd = 1, Lion = 2 });

packed_word! {
    /// Steps and lanes of a slice.
    pub struct Shape in shape {
        /// time steps T of a sample, 1..=255
        steps: u8 = 0, 8;
        /// time blocks, ceil(T / 4)
        blocks: u8 = 8, 8;
        /// valid lanes in the last tile, 1..=lanes
        last_lanes: u8 = 16, 6;
    }
}

packed_word! {
    /// The neuron of a population. FP reads bits 15..0, BP all.
    pub struct NeuronWord in neuron {
        /// leak: u - (u >>> leak_k)
        leak_k: u8 = 0, 5;
        /// 0 switches the leak off (IF)
        leak_on: bool = 5, 1;
        /// what a spike does to the membrane (0 none, 1 hard, 2 soft)
        reset: Reset = 6, 2;
        /// reset, then leak (1) or leak, then reset (0)
        reset_before_leak: bool = 8, 1;
        /// fires at u >= theta (1) or u > theta (0)
        fire_ge: bool = 9, 1;
        /// leaky integrator that never fires; its membrane is stored
        readout: bool = 10, 1;
        /// right shift of the input sum
        input_shift: u8 = 11, 4;
        /// the gradient does not flow through a soft reset
        detach_reset: bool = 15, 1;
        /// gain of surrogate code 1 is 2^gain1
        gain1: i8 = 16, 4;
        /// gain of surrogate code 2 is 2^gain2
        gain2: i8 = 20, 4;
        /// gain of surrogate code 3 is 2^gain3
        gain3: i8 = 24, 4;
        /// theta = 2^theta_shift, for a reset gradient that is not detached
        theta_shift: i8 = 28, 4;
    }
}

packed_word! {
    /// The optimizer of a slice.
    pub struct OptimizerWord in optimizer {
        /// 1 SGD, 2 Lion
        kind: Optimizer = 0, 2;
        /// momentum shift b1
        b1: u8 = 2, 4;
        /// momentum shift b2 (Lion)
        b2: u8 = 6, 4;
        /// weight_max = 2^weight_max_exp
        weight_max_exp: u8 = 10, 2;
        /// LSB of the gradient is 2^(-18 + gradient_shift)
        gradient_shift: u8 = 12, 4;
    }
}

packed_word! {
    /// Network coordinates of a slice's first weight, for the stochastic rounding.
    pub struct Coordinates in coordinates {
        /// network index of fan-in 0
        in_base: u16 = 0, 16;
        /// network index of lane 0 of tile 0
        out_base: u16 = 16, 16;
    }
}

packed_word! {
    /// Sticky bits of the status register.
    pub struct Status in status {
        /// the weight memory's port A was asked to read and write in one cycle
        conflict_a: bool = 0, 1;
        /// the weight memory's port B was asked for by two engines in one cycle
        conflict_b: bool = 1, 1;
        /// an illegal instruction was dropped by FP
        illegal_fp: bool = 4, 1;
        /// an illegal instruction was dropped by BP
        illegal_bp: bool = 5, 1;
        /// an illegal instruction was dropped by WG
        illegal_wg: bool = 6, 1;
        /// an illegal instruction was dropped by IO
        illegal_io: bool = 7, 1;
    }
}

impl Status {
    /// Every set bit as a sentence; empty when all is well.
    pub fn problems(&self) -> Vec<String> {
        let bits = [
            (self.conflict_a, "FP read and UPDATE wrote the weight memory in the same cycle"),
            (
                self.conflict_b,
                "BP, UPDATE or a push used port B of the weight memory in the same cycle",
            ),
            (self.illegal_fp, "the FP queue dropped an illegal instruction"),
            (self.illegal_bp, "the BP queue dropped an illegal instruction"),
            (self.illegal_wg, "the WG queue dropped an illegal instruction"),
            (self.illegal_io, "the IO queue dropped an illegal instruction"),
        ];
        bits.iter().filter(|(set, _)| *set).map(|(_, text)| (*text).to_owned()).collect()
    }
}

impl NeuronWord {
    /// The word of a population; `detach_reset`, the gains and `theta_shift` come from `backward`.
    pub fn new(forward: &NeuronParams, backward: &BackwardParams) -> Self {
        Self {
            leak_k: forward.leak.unwrap_or(0),
            leak_on: forward.leak.is_some(),
            reset: forward.reset,
            reset_before_leak: forward.reset_before_leak,
            fire_ge: forward.fire_ge,
            readout: forward.readout,
            input_shift: forward.input_shift,
            detach_reset: backward.detach_reset,
            gain1: backward.gain[0],
            gain2: backward.gain[1],
            gain3: backward.gain[2],
            theta_shift: backward.theta_shift,
        }
    }

    fn leak(&self) -> Option<u8> {
        self.leak_on.then_some(self.leak_k)
    }

    /// What the forward step needs; threshold and widths are columns of their own.
    pub fn forward(&self, theta: i32, width: [u32; 3]) -> NeuronParams {
        NeuronParams {
            leak: self.leak(),
            reset: self.reset,
            reset_before_leak: self.reset_before_leak,
            fire_ge: self.fire_ge,
            readout: self.readout,
            input_shift: self.input_shift,
            theta,
            width,
        }
    }

    /// What the backward step needs; `error_max_exp` belongs to the configuration.
    pub fn backward(&self, error_max_exp: u8) -> BackwardParams {
        BackwardParams {
            leak: self.leak(),
            reset: self.reset,
            reset_before_leak: self.reset_before_leak,
            readout: self.readout,
            input_shift: self.input_shift,
            detach_reset: self.detach_reset,
            gain: [self.gain1, self.gain2, self.gain3],
            theta_shift: self.theta_shift,
            error_max_exp,
        }
    }
}

impl From<OptimizerParams> for OptimizerWord {
    fn from(params: OptimizerParams) -> Self {
        let OptimizerParams { kind, b1, b2, weight_max_exp, gradient_shift } = params;
        Self { kind, b1, b2, weight_max_exp, gradient_shift }
    }
}

impl From<OptimizerWord> for OptimizerParams {
    fn from(word: OptimizerWord) -> Self {
        let OptimizerWord { kind, b1, b2, weight_max_exp, gradient_shift } = word;
        Self { kind, b1, b2, weight_max_exp, gradient_shift }
    }
}
