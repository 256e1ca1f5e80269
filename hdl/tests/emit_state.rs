//! Registers and memories: the Rust simulation and the Verilog agree cycle by cycle, and memories become
//! block RAM.

mod emit_support;

use backspike_hdl::prim::{Pipe, RAM_ADDRESS_BITS, Ram, RamTdp, Reg, module_name};
use emit_support::{design, elaborate, icarus, lint, rng, settle};
use rand::Rng;
use rust_hdl::prelude::*;

const STEPS: usize = 400;

/// Words of the memories under test: not a power of two.
const DEPTH: usize = 24;

/// A memory of each kind with registers around them, two levels deep.
#[derive(LogicBlock)]
struct Storage {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    pub raddr_i: Signal<In, Bits<5>>,
    pub ren_i: Signal<In, Bit>,
    pub waddr_i: Signal<In, Bits<5>>,
    pub wen_i: Signal<In, Bit>,
    pub data_i: Signal<In, Bits<9>>,
    pub b_en_i: Signal<In, Bit>,
    pub b_we_i: Signal<In, Bit>,
    pub simple_o: Signal<Out, Bits<9>>,
    pub a_o: Signal<Out, Bits<9>>,
    pub b_o: Signal<Out, Bits<9>>,
    pub count_o: Signal<Out, Bits<40>>,
    pub late_o: Signal<Out, Bits<9>>,
    pub inner_o: Signal<Out, Bits<9>>,
    simple: Ram<9>,
    dual: RamTdp<9>,
    count: Reg<Bits<40>>,
    seen: Reg<Bit>,
    late: Vec<Pipe<Bits<9>>>,
    inner: Vec<Stage>,
    address: Signal<Local, Bits<RAM_ADDRESS_BITS>>,
    _stages: usize,
}

#[derive(LogicBlock, Default)]
struct Stage {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    pub data_i: Signal<In, Bits<9>>,
    pub data_o: Signal<Out, Bits<9>>,
    sum: Reg<Bits<9>>,
}

impl Logic for Stage {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, sum);
        self.sum.d.next = self.sum.q.val() + self.data_i.val();
        self.data_o.next = self.sum.q.val();
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("Stage", &[])
    }
}

impl Storage {
    fn new(depth: usize) -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            raddr_i: Default::default(),
            ren_i: Default::default(),
            waddr_i: Default::default(),
            wen_i: Default::default(),
            data_i: Default::default(),
            b_en_i: Default::default(),
            b_we_i: Default::default(),
            simple_o: Default::default(),
            a_o: Default::default(),
            b_o: Default::default(),
            count_o: Default::default(),
            late_o: Default::default(),
            inner_o: Default::default(),
            simple: Ram::new(depth),
            dual: RamTdp::new(depth),
            count: Default::default(),
            seen: Default::default(),
            late: (0..3).map(|_| Default::default()).collect(),
            inner: (0..2).map(|_| Default::default()).collect(),
            address: Default::default(),
            _stages: 2,
        }
    }
}

impl Logic for Storage {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, count, seen);
        clock!(self, clock, simple, dual);
        self.simple.raddr_i.next = bit_cast::<20, 5>(self.raddr_i.val());
        self.simple.ren_i.next = self.ren_i.val();
        self.simple.waddr_i.next = self.waddr_i.val().get_bits::<20>(0);
        self.simple.wen_i.next = self.wen_i.val();
        self.simple.wdata_i.next = self.data_i.val();
        self.address.next = bit_cast::<20, 5>(self.waddr_i.val());
        self.dual.a_addr_i.next = self.address.val();
        self.dual.a_en_i.next = self.wen_i.val() | self.ren_i.val();
        self.dual.a_we_i.next = self.wen_i.val();
        self.dual.a_wdata_i.next = self.data_i.val();
        self.dual.b_addr_i.next = bit_cast::<20, 5>(self.raddr_i.val());
        self.dual.b_en_i.next = self.b_en_i.val();
        self.dual.b_we_i.next = self.b_we_i.val();
        self.dual.b_wdata_i.next = self.data_i.val() + 1;
        self.simple_o.next = self.simple.rdata_o.val();
        self.a_o.next = self.dual.a_rdata_o.val();
        self.b_o.next = self.dual.b_rdata_o.val();
        if self.wen_i.val() {
            self.seen.d.next = true;
        }
        if self.seen.q.val() {
            self.count.d.next = self.count.q.val() + bit_cast::<40, 9>(self.data_i.val());
        }
        self.count_o.next = self.count.q.val();
        self.late[0].d.next = self.data_i.val();
        for i in 0..self._stages {
            self.late[i + 1].d.next = self.late[i].q.val();
            self.inner[i].clock.next = self.clock.val();
            self.inner[i].reset.next = self.reset.val();
        }
        self.late[0].clock.next = self.clock.val();
        self.late[1].clock.next = self.clock.val();
        self.late[2].clock.next = self.clock.val();
        self.late_o.next = self.late[2].q.val();
        self.inner[0].data_i.next = self.data_i.val();
        self.inner[1].data_i.next = self.inner[0].data_o.val();
        self.inner_o.next = self.inner[1].data_o.val();
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("Storage", &[("d", self.simple.depth())])
    }
}

#[test]
fn state_agrees_cycle_by_cycle() {
    let mut rng = rng();
    let verilog = design(Storage::new(DEPTH));
    lint(&verilog);
    let mut uut = Storage::new(DEPTH);
    uut.connect_all();
    let (mut rows, mut expected) = (Vec::new(), Vec::new());
    // From which step on the outputs are defined: a port with its first read, the delay when it is full, the rest by reset.
    let mut defined = [usize::MAX, usize::MAX, usize::MAX, 0, 3, 0];
    for step in 0..STEPS {
        let mut row = drive!(rng, uut, raddr_i, ren_i, waddr_i, wen_i, data_i, b_en_i, b_we_i);
        // Addresses stay below the depth and differ, as the memories demand; the first steps fill them.
        let waddr = rng.random_range(0..DEPTH);
        let raddr = (waddr + rng.random_range(1..DEPTH)) % DEPTH;
        let fill = step < DEPTH;
        let (waddr, raddr) = if fill { (step, (step + 1) % DEPTH) } else { (waddr, raddr) };
        uut.waddr_i.next = waddr.to_bits();
        uut.raddr_i.next = raddr.to_bits();
        uut.wen_i.next |= fill;
        uut.ren_i.next &= !fill;
        uut.b_en_i.next &= !fill;
        let ports = [
            (0, emit_support::hex(uut.raddr_i.next)),
            (1, emit_support::hex(uut.ren_i.next)),
            (2, emit_support::hex(uut.waddr_i.next)),
            (3, emit_support::hex(uut.wen_i.next)),
            (5, emit_support::hex(uut.b_en_i.next)),
        ];
        for (column, value) in ports {
            row[column] = value;
        }
        let [ren, wen, b_en, b_we] =
            [&uut.ren_i, &uut.wen_i, &uut.b_en_i, &uut.b_we_i].map(|port| port.next);
        for (output, reads) in [ren, ren && !wen, b_en && !b_we].into_iter().enumerate() {
            if reads {
                defined[output] = defined[output].min(step + 1);
            }
        }
        settle(&mut uut);
        rows.push(row);
        expected.push(observe!(uut, simple_o, a_o, b_o, count_o, late_o, inner_o));
        uut.clock.next = true.into();
        settle(&mut uut);
        uut.clock.next = false.into();
        settle(&mut uut);
    }
    let inputs = ports!(uut, raddr_i, ren_i, waddr_i, wen_i, data_i, b_en_i, b_we_i);
    let outputs = ports!(uut, simple_o, a_o, b_o, count_o, late_o, inner_o);
    let found = icarus(&verilog, &inputs, &outputs, &rows, true);
    let mut compared = 0;
    for (step, (expected, found)) in expected.iter().zip(&found).enumerate() {
        for (column, (expected, found)) in expected.iter().zip(found).enumerate() {
            if found.contains('x') {
                let output = outputs[column].0;
                assert!(step < defined[column], "step {step}, output {output}: {found}");
                continue;
            }
            assert_eq!(expected, found, "step {step}, output {}", outputs[column].0);
            compared += 1;
        }
    }
    assert!(compared > 5 * STEPS);
}

#[test]
fn memories_become_block_ram() {
    let verilog = design(Storage::new(2048));
    let dir = tempfile::tempdir().expect("a temporary folder");
    let files = verilog.write_to(dir.path()).expect("files are written");
    let names: Vec<_> = files.iter().filter_map(|file| file.file_name()?.to_str()).collect();
    let script = format!(
        "read_verilog {}; synth_ecp5 -top {} -run begin:map_ffram; stat",
        names.join(" "),
        verilog.top()
    );
    let text =
        emit_support::run(emit_support::yosys().current_dir(dir.path()).args(["-p", &script]));
    for memory in ["simple", "dual"] {
        let line = format!("mapping memory storage_d2048.{memory}.memory via $__DP16KD_");
        assert!(text.contains(&line), "{memory} is no block RAM:\n{text}");
    }
}

#[test]
fn memories_of_every_depth_are_clean() {
    for depth in [0, 2, 3, 1 << 19, 1 << RAM_ADDRESS_BITS] {
        lint(&design(Ram::<1>::new(depth)));
        lint(&design(RamTdp::<65>::new(depth.min(1 << 12))));
    }
}

#[test]
fn a_memory_deeper_than_its_addresses_is_refused() {
    let problems = emit_support::problems(Ram::<8>::new((1 << RAM_ADDRESS_BITS) + 1));
    assert_eq!(
        problems,
        [
            "ram_w8_d1048577 (ram_w8_d1048577): a memory of 1048577 words of 8 bits does not exist: the width is at least 1, the depth at most 2^20"
        ]
    );
}

#[test]
fn yosys_finds_a_missing_module() {
    // The lint of this file is worth nothing if it accepts a broken design.
    let mut broken = design(Storage::new(DEPTH));
    broken.modules.retain(|module| module.name != "stage");
    let dir = tempfile::tempdir().expect("a temporary folder");
    let files = broken.write_to(dir.path()).expect("files are written");
    let top = broken.top().to_string();
    let result = std::panic::catch_unwind(|| elaborate(dir.path(), &files, &top, ""));
    assert!(result.is_err(), "a missing module passed");
}
