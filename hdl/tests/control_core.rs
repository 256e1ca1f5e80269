//! The whole core becomes Verilog for every number of lanes.

use backspike_arch::ArchConfig;
use backspike_hdl::core::{TOP, core_design};

#[test]
fn every_lane_count_elaborates() {
    for lanes in [4, 8, 16, 32] {
        let design = core_design(&ArchConfig::tiny().with_lanes(lanes))
            .unwrap_or_else(|error| panic!("{lanes} lanes: {error}"));
        assert_eq!(design.top(), TOP, "{lanes} lanes");
        if let Ok(directory) = std::env::var("BACKSPIKE_VERILOG_OUT") {
            let path = format!("{directory}/core{lanes}.v");
            std::fs::write(path, design.to_single_file()).expect("the directory can be written");
        }
    }
}

#[test]
fn an_unusable_configuration_is_refused() {
    let arch = ArchConfig { lanes: 5, ..ArchConfig::tiny() };
    let error = core_design(&arch).expect_err("5 lanes do not exist").to_string();
    assert!(error.contains("lanes is 5"), "{error}");
}
