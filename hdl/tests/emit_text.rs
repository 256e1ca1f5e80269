//! The text itself: a small block word for word, names, sharing of modules, files.

mod emit_support;

use backspike_hdl::emit::emit;
use backspike_hdl::prim::{Reg, described_module, module_name};
use emit_support::{design, lint};
use rust_hdl::prelude::*;

/// Counts events up to a limit.
#[derive(LogicBlock)]
struct EventCounter {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    pub event_i: Signal<In, Bit>,
    pub word_i: Signal<In, Bits<8>>,
    pub count_o: Signal<Out, Bits<12>>,
    pub full_o: Signal<Out, Bit>,
    count: Reg<Bits<12>>,
    grown: Signal<Local, Bits<12>>,
    limit: Constant<Bits<12>>,
}

impl EventCounter {
    fn new(limit: u64) -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            event_i: Default::default(),
            word_i: Default::default(),
            count_o: Default::default(),
            full_o: Default::default(),
            count: Default::default(),
            grown: Default::default(),
            limit: Constant::new(limit.into()),
        }
    }
}

impl Logic for EventCounter {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, count);
        self.grown.next =
            self.count.q.val() + bit_cast::<12, 4>(self.word_i.val().get_bits::<4>(2));
        if self.event_i.val() && (self.grown.val() <= self.limit.val()) {
            self.count.d.next = self.grown.val();
        }
        self.full_o.next = self.count.q.val() == self.limit.val();
        self.count_o.next = self.count.q.val();
    }

    fn timing(&self) -> Vec<TimingInfo> {
        let limit = self.limit.val().to_u64() as usize;
        described_module("EventCounter", &[("limit", limit)], "Counts events up to a limit.")
    }
}

const EVENT_COUNTER: &str = "\
// Counts events up to a limit.
module event_counter_limit100 (
  input wire clock,
  input wire reset,
  input wire event_i,
  input wire [7:0] word_i,
  output wire [11:0] count_o,
  output wire full_o
);

  localparam [11:0] limit = 12'h64;
  wire [11:0] grown;
  reg [11:0] count_d;
  reg [11:0] count_q;

  always @* begin
    count_d = count_q;
    if (event_i && (grown <= limit)) begin
      count_d = grown;
    end
  end

  assign grown = count_q + {8'd0, word_i[5:2]};

  assign full_o = count_q == limit;

  assign count_o = count_q;

  always @(posedge clock) begin
    if (reset) begin
      count_q <= 12'd0;
    end else begin
      count_q <= count_d;
    end
  end

  // Bits this block has no use for.
  wire unused_bits = &{1'b0, word_i[1:0], word_i[7:6]};

endmodule
";

#[test]
fn a_block_is_written_word_for_word() {
    let design = design(EventCounter::new(100));
    assert_eq!(design.modules[0].text, EVENT_COUNTER);
    lint(&design);
}

/// Counters side by side: two limits, four instances.
#[derive(LogicBlock)]
struct Bank {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    pub event_i: Signal<In, Bits<4>>,
    pub word_i: Signal<In, Bits<8>>,
    pub full_o: Signal<Out, Bits<4>>,
    counters: Vec<EventCounter>,
    _counters: usize,
}

impl Bank {
    fn new() -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            event_i: Default::default(),
            word_i: Default::default(),
            full_o: Default::default(),
            counters: [100, 7, 100, 7].map(EventCounter::new).into_iter().collect(),
            _counters: 4,
        }
    }
}

impl Logic for Bank {
    #[hdl_gen]
    fn update(&mut self) {
        self.full_o.next = bits::<4>(0);
        for i in 0..self._counters {
            self.counters[i].clock.next = self.clock.val();
            self.counters[i].reset.next = self.reset.val();
            self.counters[i].event_i.next = self.event_i.val().get_bit(i);
            self.counters[i].word_i.next = self.word_i.val();
            self.full_o.next = self.full_o.val().replace_bit(i, self.counters[i].full_o.val());
        }
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("Bank", &[("n", self._counters)])
    }
}

#[test]
fn equal_instances_share_a_module() {
    let design = design(Bank::new());
    let names: Vec<_> = design.modules.iter().map(|m| m.name.as_str()).collect();
    assert_eq!(names, ["event_counter_limit100", "event_counter_limit7", "bank_n4"]);
    assert_eq!(design.top(), "bank_n4");
    let top = &design.modules[2].text;
    for expected in [
        "event_counter_limit100 counters_2 (",
        "event_counter_limit7 counters_3 (",
        ".clock(clock)",
        ".event_i(event_i[3])",
        "wire counters_3_full_o;",
    ] {
        assert!(top.contains(expected), "`{expected}` is missing in\n{top}");
    }
    lint(&design);
}

#[test]
fn the_text_is_the_same_every_time() {
    let first = design(Bank::new());
    for _ in 0..5 {
        assert_eq!(first, design(Bank::new()));
    }
}

#[test]
fn a_simulation_does_not_change_the_text() {
    let mut bank = Bank::new();
    bank.connect_all();
    let before = emit(&bank).expect("the bank is sound");
    for level in [true, false, true] {
        bank.clock.next = level.into();
        bank.event_i.next = bits::<4>(15);
        bank.word_i.next = bits::<8>(0xFF);
        emit_support::settle(&mut bank);
    }
    assert_eq!(before, emit(&bank).expect("the bank is sound"));
}

#[test]
fn files_hold_one_module_each() {
    let design = design(Bank::new());
    let dir = tempfile::tempdir().expect("a temporary folder");
    let files = design.write_to(&dir.path().join("new")).expect("files are written");
    assert_eq!(files.len(), 3);
    for (file, module) in files.iter().zip(&design.modules) {
        assert!(file.ends_with(format!("{}.v", module.name)));
        let text = std::fs::read_to_string(file).expect("the file is there");
        assert_eq!(text, module.text);
    }
}

#[test]
fn one_file_holds_all_modules_and_is_clean() {
    let design = design(Bank::new());
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("all.v");
    std::fs::write(&path, design.to_single_file()).expect("the file is written");
    let mut verilator = std::process::Command::new("verilator");
    verilator.args(["--lint-only", "-Wall", "--top-module", "bank_n4"]).arg(&path);
    assert_eq!(emit_support::run(&mut verilator), "");
}

/// A chain of turns that share a local.
#[derive(LogicBlock, Default)]
struct Turns {
    pub index_i: Signal<In, Bits<2>>,
    pub hits_o: Vec<Signal<Out, Bit>>,
    here: Signal<Local, Bits<2>>,
}

impl Logic for Turns {
    #[hdl_gen]
    fn update(&mut self) {
        for i in 0..4 {
            self.here.next = i.to_bits();
            self.hits_o[i].next = self.index_i.val() == self.here.val();
        }
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("Turns", &[])
    }
}

#[test]
fn constants_of_turns_do_not_tie_signals_together() {
    let turns = Turns { hits_o: (0..4).map(|_| Signal::default()).collect(), ..Default::default() };
    let text = &design(turns).modules[0].text;
    assert!(text.contains("assign hits_o_3 = index_i == 2'd3;"), "{text}");
    assert!(!text.contains("here") && !text.contains("always"), "{text}");
}

/// An output built bit by bit from constants and one input.
#[derive(LogicBlock, Default)]
struct BitByBit {
    pub data_i: Signal<In, Bit>,
    pub fixed_o: Signal<Out, Bits<4>>,
    pub mixed_o: Signal<Out, Bits<4>>,
}

impl Logic for BitByBit {
    #[hdl_gen]
    fn update(&mut self) {
        self.fixed_o.next = bits::<4>(0);
        self.fixed_o.next = self.fixed_o.val().replace_bit(1, true);
        self.fixed_o.next = self.fixed_o.val() + 4;
        self.mixed_o.next = bits::<4>(9);
        self.mixed_o.next = self.mixed_o.val().replace_bit(1, self.data_i.val());
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("BitByBit", &[])
    }
}

#[test]
fn constants_are_folded() {
    let design = design(BitByBit::default());
    let text = &design.modules[0].text;
    assert!(text.contains("assign fixed_o = 4'd6;"), "{text}");
    assert!(text.contains("assign mixed_o = {2'd2, data_i, 1'b1};"), "{text}");
    lint(&design);
}
