//! One deliberate mistake per engine: lockstep must report each of them.
//!
//! All mutants are in one build. A further input of the top chooses the mutant; every mutated expression reads it by its
//! hierarchical name. Mutant 0 is the core as it is.

mod common;

use backspike_hdl::core::{TOP, core_design};
use backspike_tb::{Optimize, RtlLibrary, lockstep::LockstepError};
use common::{seeds, small, train};

struct Mutant {
    name: &'static str,
    /// The module begins with this name; parameters may follow.
    module: &'static str,
    expression: &'static str,
    mistake: &'static str,
}

const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "FP hands the sums over with step 1",
        module: "forward_lane",
        expression: "neuron_step_q == 2'd0",
        mistake: "neuron_step_q == 2'd1",
    },
    Mutant {
        name: "the neuron fires at the threshold although it should not",
        module: "forward_neuron",
        expression: "fire_ge_i || (distance != 34'd0)",
        mistake: "1'b1",
    },
    Mutant {
        name: "BP rounds products to nearest instead of down",
        module: "product",
        expression: "shifted[57:18] ^ 40'h8000000000",
        mistake: "(shifted[57:18] + {39'd0, shifted[17]}) ^ 40'h8000000000",
    },
    Mutant {
        name: "BP does not visit neurons of code 3",
        module: "trace_walker",
        expression: "code0_i | code1_i",
        mistake: "code0_i ^ code1_i",
    },
    Mutant {
        name: "the neuron's backward step forgets a soft reset too",
        module: "backward_neuron",
        expression: "reset_i == 2'd1",
        mistake: "reset_i != 2'd0",
    },
    Mutant {
        name: "WG rounds a negative error up",
        module: "gradient_lane_slots4",
        expression: "placed[44:21]",
        mistake: "placed[44:21] + {23'd0, placed[44] && (|placed[20:0])}",
    },
    Mutant {
        name: "the optimizer hashes the wrong coordinate",
        module: "weight_step",
        expression: "{16'd0, inputs_2_q} << 5'h10",
        mistake: "{16'd0, inputs_2_q} << 5'hf",
    },
    Mutant {
        name: "the optimizer's moment leaks too much",
        module: "moment_step",
        expression: "~moment_leak_shifted",
        mistake: "42'd0 - moment_leak_shifted",
    },
    Mutant {
        name: "WG adds the errors of the first slot for all",
        module: "gradient_engine",
        expression: "{17'd0, load_place} << error_shift",
        mistake: "20'd0",
    },
    Mutant {
        name: "WG masks the spikes of all slots by the errors of the first",
        module: "plane_reader_l4_gated1_slots4",
        expression: "{17'd0, gate_place_q} << plane_shift",
        mistake: "20'd0",
    },
    Mutant {
        name: "the walker does not mask silent errors",
        module: "walker_p16_slots4",
        expression: "plane_i & gates",
        mistake: "plane_i",
    },
    Mutant {
        name: "a PUSH reads over the spikes that the walker has not taken",
        module: "kept_word_w16",
        expression: "(kept_q)",
        mistake: "1'b0",
    },
    Mutant {
        name: "a PUSH reads over the non-zero word that is still tested",
        module: "kept_word_w4",
        expression: "(kept_q)",
        mistake: "1'b0",
    },
    Mutant {
        name: "a PUSH takes the errors that WG reads in the same cycle",
        module: TOP,
        expression: "!wg_error_ren_o",
        mistake: "1'b1",
    },
    Mutant {
        name: "the clock of FP's neurons stops before they have written",
        module: "forward_engine",
        expression: "(|drain_q) | reset",
        mistake: "(drain_q > 4'd2) | reset",
    },
    Mutant {
        name: "the clock of BP's neurons stops before their errors are out",
        module: "backward_engine",
        expression: "(step_valid_q | (|drain_q)) | reset",
        mistake: "(step_valid_q | (drain_q > 5'd2)) | reset",
    },
];

/// Replaces the one occurrence of the mutant's expression in its module by a choice between the two.
fn mutate(verilog: &str, number: usize, mutant: &Mutant) -> String {
    let mut found = 0;
    let modules: Vec<String> = verilog
        .split_inclusive("\nendmodule")
        .map(|module| {
            let header = module.split("module ").nth(1).unwrap_or_default();
            let name = header.split([' ', '(']).next().unwrap_or_default();
            let parameters = name.strip_prefix(mutant.module);
            if !parameters.is_some_and(|rest| rest.is_empty() || rest.starts_with("_p")) {
                return module.to_owned();
            }
            found += module.matches(mutant.expression).count();
            let choice = format!(
                "(({TOP}.mutant_i == 8'd{number}) ? ({}) : ({}))",
                mutant.mistake, mutant.expression
            );
            module.replace(mutant.expression, &choice)
        })
        .collect();
    assert_eq!(
        found, 1,
        "`{}` must occur once in module {}: {}. Choose another expression if the hardware has changed",
        mutant.expression, mutant.module, mutant.name
    );
    modules.concat()
}

fn library() -> RtlLibrary {
    let config = small(4);
    let design = core_design(&config).unwrap();
    let mut verilog = design.to_single_file();
    for (index, mutant) in MUTANTS.iter().enumerate() {
        verilog = mutate(&verilog, index + 1, mutant);
    }
    let header = format!("module {TOP} (");
    assert!(verilog.contains(&header), "the top module begins with `{header}`");
    let verilog = verilog.replace(&header, &format!("{header}\n  input wire [7:0] mutant_i,"));
    RtlLibrary::from_verilog(&config, TOP, &verilog, false, Optimize::Quick)
        .unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn lockstep_reports_every_mutant() {
    let library = library();
    let config = small(4);
    for seed in seeds(3) {
        let result = train(&library, &config, seed, |device| device.model().set("mutant_i", 0));
        result.unwrap_or_else(|error| panic!("mutant 0 is the core as it is, but {error}"));
    }
    let mut survivors = Vec::new();
    for (index, mutant) in MUTANTS.iter().enumerate() {
        let choose = |device: &mut backspike_tb::RtlDevice| {
            device.model().set("mutant_i", index as u64 + 1);
        };
        let report = (1..=40).find_map(|seed| train(&library, &config, seed, choose).err());
        match report {
            Some(error @ LockstepError::Divergence(_)) => println!("{}: {error}", mutant.name),
            Some(error) => panic!("{}: no divergence but {error}", mutant.name),
            None => survivors.push(mutant.name),
        }
    }
    assert!(survivors.is_empty(), "no test saw these mistakes: {survivors:#?}");
}
