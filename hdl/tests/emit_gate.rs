//! Clock gates in Icarus: with them registers miss the edges they do not need, without them none.

mod emit_support;

use backspike_hdl::prim::{CLOCK_GATES, ClockGate, Reg, module_name};
use emit_support::{design, icarus, lint, rng};
use rand::Rng;
use rust_hdl::prelude::*;

const STEPS: usize = 400;

/// Counts the edges of its clock.
#[derive(LogicBlock, Default)]
struct Edges {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    pub count_o: Signal<Out, Bits<16>>,
    count: Reg<Bits<16>>,
}

impl Logic for Edges {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, count);
        self.count.d.next = self.count.q.val() + 1;
        self.count_o.next = self.count.q.val();
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("Edges", &[])
    }
}

/// Edges behind one gate and behind two, and those that there should be.
#[derive(LogicBlock, Default)]
struct Gated {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    pub a_i: Signal<In, Bit>,
    pub b_i: Signal<In, Bit>,
    pub a_o: Signal<Out, Bits<16>>,
    pub ab_o: Signal<Out, Bits<16>>,
    pub a_expected_o: Signal<Out, Bits<16>>,
    pub ab_expected_o: Signal<Out, Bits<16>>,
    /// Follows `a_i` by a cycle: a gate that opens by a register.
    late: Reg<Bit>,
    gate_a: ClockGate,
    gate_b: ClockGate,
    a: Edges,
    ab: Edges,
    a_expected: Reg<Bits<16>>,
    ab_expected: Reg<Bits<16>>,
}

impl Logic for Gated {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, late, a_expected, ab_expected);
        self.late.d.next = self.a_i.val();
        self.gate_a.clock.next = self.clock.val();
        self.gate_a.run_i.next = self.late.q.val() | self.reset.val();
        self.gate_b.clock.next = self.gate_a.clock_o.val();
        self.gate_b.run_i.next = self.b_i.val() | self.reset.val();
        self.a.clock.next = self.gate_a.clock_o.val();
        self.a.reset.next = self.reset.val();
        self.ab.clock.next = self.gate_b.clock_o.val();
        self.ab.reset.next = self.reset.val();
        if self.late.q.val() {
            self.a_expected.d.next = self.a_expected.q.val() + 1;
        }
        if self.late.q.val() & self.b_i.val() {
            self.ab_expected.d.next = self.ab_expected.q.val() + 1;
        }
        self.a_o.next = self.a.count_o.val();
        self.ab_o.next = self.ab.count_o.val();
        self.a_expected_o.next = self.a_expected.q.val();
        self.ab_expected_o.next = self.ab_expected.q.val();
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("Gated", &[])
    }
}

#[test]
fn a_gate_passes_the_edges_it_should() {
    let mut rng = rng();
    let free = design(Gated::default());
    lint(&free);
    let mut gated = free.clone();
    gated.modules[0].text.insert_str(0, &format!("`define {CLOCK_GATES}\n"));
    let mut bit = || u8::from(rng.random::<bool>()).to_string();
    let rows: Vec<Vec<String>> = (0..STEPS).map(|_| vec![bit(), bit()]).collect();
    let outputs = [("a_o", 16), ("ab_o", 16), ("a_expected_o", 16), ("ab_expected_o", 16)];
    let run = |design| icarus(design, &[("a_i", 1), ("b_i", 1)], &outputs, &rows, true);
    for (step, row) in run(&gated).iter().enumerate() {
        assert_eq!(row[..2], row[2..], "step {step}");
    }
    for (step, row) in run(&free).iter().enumerate() {
        let edges = format!("{step:x}");
        assert_eq!(row[..2], [edges.clone(), edges], "step {step}");
    }
}
