//! The whole core: every tool takes it without a word, and it is the same every time.

mod emit_support;

use backspike_arch::ArchConfig;
use backspike_hdl::core::core_design;
use backspike_hdl::link::serial_design;
use emit_support::lint;

#[test]
fn the_core_is_clean_for_every_lane_count() {
    // WG takes one slot at once, or up to all four of them, BP one step of a row or all.
    for (lanes, gradient_slots, backward_steps) in [(4, 4, 4), (8, 1, 1), (16, 2, 1), (32, 4, 4)] {
        let core = ArchConfig::tiny().with_lanes(lanes);
        let config = ArchConfig { gradient_slots, backward_steps, ..core };
        let design = core_design(&config).unwrap_or_else(|e| panic!("{lanes} lanes: {e}"));
        lint(&design);
    }
}

#[test]
fn the_serial_link_is_clean() {
    lint(&serial_design(&ArchConfig::nano()).unwrap_or_else(|e| panic!("{e}")));
}

#[test]
fn the_core_is_the_same_every_time() {
    let config = ArchConfig::tiny();
    let text = || core_design(&config).map(|design| design.to_single_file());
    let first = text().expect("the smallest core is sound");
    assert_eq!(first, text().expect("the smallest core is sound"));
}
