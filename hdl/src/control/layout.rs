//! Kernels take bit positions and column numbers as integers only. This file holds them to the layouts of
//! `arch`: when one of those moves, it names the kernels' number that has to follow.

use backspike_arch::layout::{
    address, bp, coordinates, fp, instruction, io, neuron, optimizer, shape, status, update_arg, wg,
};
use backspike_arch::{MAX_TOKENS, Region, TIME_BLOCK};

macro_rules! columns {
    ($table:ident: $($name:ident = $column:literal),+ $(,)?) => {
        $(const _: () = assert!($table::$name::COLUMN == $column);)+
    };
}

macro_rules! fields {
    ($word:ident: $($name:ident = $offset:literal, $bits:literal);+ $(;)?) => {
        $(const _: () = assert!($word::$name::OFFSET == $offset && $word::$name::BITS == $bits);)+
    };
}

columns!(fp: weight_base = 0, fan_in = 1, tiles = 2, in_words = 3, shape = 4, in_plane_base = 5, out_plane_base = 6, membrane_base = 7, neuron = 8, theta = 9, width1 = 10, width2 = 11, width3 = 12);
columns!(bp: weight_base = 0, fan_in = 1, tiles = 2, in_words = 3, shape = 4, in_plane_base = 5, out_plane_base = 6, in_error_base = 7, out_error_base = 8, neuron = 9);
columns!(wg: weight_base = 0, fan_in = 1, tiles = 2, in_words = 3, shape = 4, in_plane_base = 5, out_plane_base = 6, error_base = 7, optimizer = 8, coordinates = 9);
columns!(io: region = 0, base = 1, rows = 2, to = 3, nodes_low = 4, nodes_high = 5);
fields!(neuron: leak_k = 0, 5; leak_on = 5, 1; reset = 6, 2; reset_before_leak = 8, 1; fire_ge = 9, 1; readout = 10, 1; input_shift = 11, 4; detach_reset = 15, 1; gain1 = 16, 4; gain2 = 20, 4; gain3 = 24, 4; theta_shift = 28, 4);
fields!(shape: steps = 0, 8; blocks = 8, 8; last_lanes = 16, 6);
fields!(optimizer: kind = 0, 2; b1 = 2, 4; b2 = 6, 4; weight_max_exp = 10, 2; gradient_shift = 12, 4);
fields!(coordinates: in_base = 0, 16; out_base = 16, 16);
fields!(update_arg: rate_shift = 0, 6; scale_shift = 6, 6);
fields!(instruction: op = 0, 4; slice = 4, 8; slot = 12, 8; arg = 20, 12);
fields!(address: sub = 0, 5; row = 5, 20; region = 28, 4);
fields!(status: conflict_a = 0, 1; conflict_b = 1, 1; illegal_fp = 4, 1; illegal_bp = 5, 1; illegal_wg = 6, 1; illegal_io = 7, 1);

macro_rules! regions {
    ($($name:ident = $code:literal),+ $(,)?) => {
        $(const _: () = assert!(Region::$name.code() == $code);)+
    };
}

// The host port decodes these, PUSH and its grants name them.
regions!(Queue = 0, Descriptor = 1, Weight = 2, State = 3, Gradient = 4, Spike = 5);
regions!(Trace = 6, Nonzero = 7, Error = 8, Membrane = 9, Register = 10, Token = 11);

// Masks and non-zero words are 4 bits wide, a token's number is 7.
const _: () = assert!(TIME_BLOCK == 4 && MAX_TOKENS == 128);
