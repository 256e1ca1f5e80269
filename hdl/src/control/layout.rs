//! Kernels take bit positions and column numbers as integers only. This file holds them to the layouts of
//! `arch`: when one of those moves, it names the kernels' number that has to follow.

use backspike_arch::layout::{bp, coordinates, fp, io, neuron, optimizer, shape, update_arg, wg};

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
columns!(io: region = 0, base = 1, rows = 2);
fields!(neuron: leak_k = 0, 5; leak_on = 5, 1; reset = 6, 2; reset_before_leak = 8, 1; fire_ge = 9, 1; readout = 10, 1; input_shift = 11, 4; detach_reset = 15, 1; gain1 = 16, 4; gain2 = 20, 4; gain3 = 24, 4; theta_shift = 28, 4);
fields!(shape: steps = 0, 8; blocks = 8, 8; last_lanes = 16, 6);
fields!(optimizer: kind = 0, 2; b1 = 2, 4; b2 = 6, 4; weight_max_exp = 10, 2; gradient_shift = 12, 4);
fields!(coordinates: in_base = 0, 16; out_base = 16, 16);
fields!(update_arg: rate_shift = 0, 6; scale_shift = 6, 6);
