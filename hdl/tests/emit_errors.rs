//! What is refused, by its sentences.

mod emit_support;

use backspike_hdl::prim::{Pipe, Reg, module_name};
use emit_support::problems;
use rust_hdl::prelude::*;

/// Gives a block its name.
macro_rules! named {
    ($name:literal) => {
        fn timing(&self) -> Vec<TimingInfo> {
            module_name($name, &[])
        }
    };
}

#[derive(LogicBlock, Default)]
struct Adder {
    pub a_i: Signal<In, Bits<8>>,
    pub b_i: Signal<In, Bits<8>>,
    pub sum_o: Signal<Out, Bits<8>>,
}

impl Logic for Adder {
    #[hdl_gen]
    fn update(&mut self) {
        self.sum_o.next = self.a_i.val() + self.b_i.val();
    }
    named!("Adder");
}

#[derive(LogicBlock)]
struct Unconnected {
    pub clock: Signal<In, Clock>,
    pub data_i: Signal<In, Bits<8>>,
    pub data_o: Signal<Out, Bits<8>>,
    pub other_o: Signal<Out, Bits<8>>,
    adders: Vec<Adder>,
    held: Reg<Bits<8>>,
    loose: Pipe<Bit>,
    undriven: Signal<Local, Bits<8>>,
    latch: Signal<Local, Bits<8>>,
    early: Signal<Local, Bits<8>>,
}

impl Logic for Unconnected {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, held);
        self.adders[0].a_i.next = self.data_i.val();
        self.adders[1].a_i.next = self.early.val();
        self.adders[1].b_i.next = self.undriven.val();
        self.early.next = self.data_i.val();
        if self.data_i.val().any() {
            self.latch.next = self.data_i.val();
        }
        self.data_o.next = self.latch.val() + self.adders[1].sum_o.val();
    }
    named!("Unconnected");
}

#[test]
fn missing_connections_are_listed_together() {
    let block = Unconnected {
        clock: Default::default(),
        data_i: Default::default(),
        data_o: Default::default(),
        other_o: Default::default(),
        adders: vec![Adder::default(), Adder::default()],
        held: Default::default(),
        loose: Default::default(),
        undriven: Default::default(),
        latch: Default::default(),
        early: Default::default(),
    };
    let expected = [
        "register `held` is a Reg but the block has no `reset: Signal<In, Bit>`; add the port or use a Pipe",
        "`early` is read before it is assigned on every path; assign it first",
        "`undriven` is read but nothing assigns it",
        "`latch` is read before it is assigned on every path; assign it first",
        "output `other_o` is never assigned",
        "`latch` is not assigned on every path and would be a latch; give it a value at the top of the kernel",
        "input `adders[0].b_i` of a child is never assigned",
        "input `loose.d` of a child is never assigned",
        "input `loose.clock` of a child is never assigned",
        "register `loose` has no clock; connect it with dff_setup!",
    ];
    let expected = expected.map(|text| format!("unconnected (unconnected): {text}"));
    assert_eq!(problems(block), expected);
}

const OFFSET: usize = 3;

#[derive(LogicBlock, Default)]
struct Expressions {
    pub a_i: Signal<In, Bits<8>>,
    pub b_i: Signal<In, Bits<8>>,
    pub wide_i: Signal<In, Bits<12>>,
    pub index_i: Signal<In, Bits<7>>,
    pub cast_o: Signal<Out, Bits<4>>,
    pub bits_o: Signal<Out, Bits<2>>,
    pub shifted_o: Signal<Out, Bits<2>>,
    pub constant_o: Signal<Out, Bit>,
    pub index_o: Signal<Out, Bit>,
    pub far_o: Signal<Out, Bit>,
    pub signed_o: Signal<Out, Signed<8>>,
    pub element_o: Signal<Out, Bits<8>>,
    words: Vec<Signal<Local, Bits<8>>>,
    _offset: usize,
}

impl Logic for Expressions {
    #[hdl_gen]
    fn update(&mut self) {
        self.cast_o.next = bit_cast::<4, 8>(self.a_i.val() >> self.b_i.val());
        self.bits_o.next = (self.a_i.val() - self.b_i.val()).get_bits::<2>(3);
        self.shifted_o.next = (self.wide_i.val() << self.index_i.val()).get_bits::<2>(1);
        self.constant_o.next = self.a_i.val().get_bit(OFFSET);
        self.index_o.next = self.a_i.val().get_bit(self._offset);
        self.far_o.next = self.a_i.val().get_bit(8);
        self.signed_o.next = -self.signed_o.val();
        self.words[0].next = self.a_i.val();
        self.element_o.next = self.words[1].val();
    }
    named!("Expressions");
}

#[test]
fn expressions_without_a_verilog_meaning_are_refused() {
    let block = Expressions { words: vec![Signal::default()], ..Default::default() };
    let expected = [
        "a cast narrows an expression from 8 to 4 bits; assign it to a local signal first and cast that",
        "bits of an expression of 8 bits are taken; assign it to a local signal first",
        "bits of an expression of 12 bits are taken; assign it to a local signal first",
        "`OFFSET` is not a signal of the block: Rust constants and fields that start with `_` have no hardware; use a literal or a Constant field, and check the length of vectors",
        "`_offset` is not a signal of the block: Rust constants and fields that start with `_` have no hardware; use a literal or a Constant field, and check the length of vectors",
        "bit 8 of a value of 8 bits is read",
        "negation is not supported; subtract from 0",
        "`words[1]` is not a signal of the block: Rust constants and fields that start with `_` have no hardware; use a literal or a Constant field, and check the length of vectors",
    ];
    let expected = expected.map(|text| format!("expressions (expressions): {text}"));
    assert_eq!(problems(block), expected);
}

#[derive(LogicBlock, Default)]
struct Nameless {
    pub data_i: Signal<In, Bit>,
    pub data_o: Signal<Out, Bit>,
}

impl Logic for Nameless {
    #[hdl_gen]
    fn update(&mut self) {
        self.data_o.next = !self.data_i.val();
    }
}

#[derive(LogicBlock, Default)]
struct ByHand {
    pub data_i: Signal<In, Bit>,
}

impl Logic for ByHand {
    fn update(&mut self) {}
    named!("ByHand");
}

/// Blocks that share a name but not their hardware, and other trouble with names.
#[derive(LogicBlock)]
struct Names {
    pub data_i: Signal<In, Bit>,
    pub data_o: Signal<Out, Bit>,
    nameless: Nameless,
    by_hand: ByHand,
    plain: Twin,
    inverting: Twin,
    bit: Signal<Local, Bit>,
    plain_data_i: Signal<Local, Bit>,
}

#[derive(LogicBlock)]
struct Twin {
    pub data_i: Signal<In, Bit>,
    pub data_o: Signal<Out, Bit>,
    flip: Constant<Bit>,
}

impl Twin {
    fn new(flip: bool) -> Self {
        Self { data_i: Default::default(), data_o: Default::default(), flip: Constant::new(flip) }
    }
}

impl Logic for Twin {
    #[hdl_gen]
    fn update(&mut self) {
        self.data_o.next = self.data_i.val() ^ self.flip.val();
    }
    named!("Twin");
}

impl Logic for Names {
    #[hdl_gen]
    fn update(&mut self) {
        self.nameless.data_i.next = self.data_i.val();
        self.by_hand.data_i.next = self.data_i.val();
        self.plain.data_i.next = self.data_i.val();
        self.inverting.data_i.next = self.plain.data_o.val();
        self.bit.next = self.nameless.data_o.val();
        self.plain_data_i.next = self.bit.val();
        self.data_o.next = self.plain_data_i.val() & self.inverting.data_o.val();
    }
    named!("Names");
}

#[test]
fn names_are_checked() {
    let block = Names {
        data_i: Default::default(),
        data_o: Default::default(),
        nameless: Default::default(),
        by_hand: Default::default(),
        plain: Twin::new(false),
        inverting: Twin::new(true),
        bit: Default::default(),
        plain_data_i: Default::default(),
    };
    let expected = [
        "nameless (names.nameless): the block gives no module name; implement `timing` with prim::module_name",
        "by_hand (names.by_hand): the block has no kernel; mark `update` with #[hdl_gen]",
        "twin (names.inverting): differs from `names.plain`, which has the same module name; add what differs as a parameter of module_name",
        "names (names): signal `bit` has a name that Verilog reserves; rename it",
        "names (names): signal `plain_data_i` and signal `plain.data_i` would all be called `plain_data_i` in Verilog; rename all but one",
    ];
    assert_eq!(problems(block), expected);
}

/// Drives what is not its own and clocks a register by logic.
#[derive(LogicBlock, Default)]
struct Drivers {
    pub clock: Signal<In, Clock>,
    pub fast: Signal<In, Clock>,
    pub choose_i: Signal<In, Bit>,
    pub data_o: Signal<Out, Bits<8>>,
    adder: Adder,
    stage: Pipe<Bits<8>>,
}

impl Logic for Drivers {
    #[hdl_gen]
    fn update(&mut self) {
        self.choose_i.next = true;
        self.adder.a_i.next = bits::<8>(1);
        self.adder.b_i.next = bits::<8>(2);
        self.adder.sum_o.next = bits::<8>(3);
        self.stage.clock.next = self.clock.val();
        if self.choose_i.val() {
            self.stage.clock.next = self.fast.val();
        }
        self.stage.d.next = self.adder.sum_o.val();
        self.data_o.next = self.stage.q.val();
    }
    named!("Drivers");
}

#[test]
fn drivers_and_clocks_are_checked() {
    let expected = [
        "`choose_i` is an input of the block; only its parent drives it",
        "`adder.sum_o` is an output of a child; only the child drives it",
        "clock `stage.clock` is not simply connected; assign it once from a clock input",
        "register `stage` has no clock; connect it with dff_setup!",
    ];
    let expected = expected.map(|text| format!("drivers (drivers): {text}"));
    assert_eq!(problems(Drivers::default()), expected);
}

/// A process that would wait for nothing.
#[derive(LogicBlock, Default)]
struct Still {
    pub wide_o: Signal<Out, Bits<100>>,
}

impl Logic for Still {
    #[hdl_gen]
    fn update(&mut self) {
        self.wide_o.next = bits::<100>(3);
        self.wide_o.next = self.wide_o.val() << 70;
        self.wide_o.next = self.wide_o.val() + self.wide_o.val();
    }
    named!("Still");
}

#[test]
fn processes_without_inputs_are_refused() {
    let expected = "still (still): `wide_o` is computed from constants alone, so no process would ever run; assign the result";
    assert_eq!(problems(Still::default()), [expected]);
}
