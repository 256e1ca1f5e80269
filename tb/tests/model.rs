//! The Verilated model itself, on small Verilog written here.

use std::time::Instant;

use backspike_tb::{Build, Optimize, lint};

const COUNTER: &str = "
module counter(input clock, input reset, input enable_i, input [39:0] step_i, output reg [39:0] count_o, output [39:0] next_o);
    assign next_o = count_o + step_i;
    always @(posedge clock) if (reset) count_o <= 40'd0; else if (enable_i) count_o <= next_o;
endmodule
";

const WIDE: &str = "
module wide(input clock, input [99:0] a_i, input [99:0] b_i, output [99:0] sum_o, output reg [15:0] kept_o);
    assign sum_o = a_i + b_i;
    reg [15:0] memory [0:7];
    always @(posedge clock) begin kept_o <= memory[a_i[2:0]]; memory[7] <= sum_o[15:0]; end
endmodule
";

fn quick(top: &str, text: &str) -> Build {
    Build::new(top, text).optimize(Optimize::Quick)
}

#[test]
fn ports_clock_and_reset() {
    let library = quick("counter", COUNTER).library().unwrap();
    let mut model = library.instance(1);
    model.set("reset", 1);
    model.tick(2);
    model.set("reset", 0);
    model.set("enable_i", 1);
    model.set("step_i", 0x1_0000_0001);
    assert_eq!(model.get("count_o"), 0);
    model.eval();
    assert_eq!(model.get("next_o"), 0x1_0000_0001);
    model.tick(3);
    assert_eq!(model.get("count_o"), 3 * 0x1_0000_0001);
    model.tick(253);
    assert_eq!(model.get("count_o"), (0x100 * 0x1_0000_0001) & 0xff_ffff_ffff);
    assert_eq!(model.cycles(), 258);
}

#[test]
fn wide_ports_and_random_start() {
    let library = quick("wide", WIDE).library().unwrap();
    let mut model = library.instance(1);
    model.set_wide("a_i", &[u32::MAX, u32::MAX, u32::MAX, 0xf]);
    model.set_wide("b_i", &[1]);
    model.eval();
    assert_eq!(model.get_wide("sum_o"), [0, 0, 0, 0]);
    model.set_wide("b_i", &[0, 5, 0, 0]);
    model.eval();
    assert_eq!(model.get_wide("sum_o"), [u32::MAX, 4, 0, 0]);

    // The memory starts with bits of the seed: different for different seeds, the same for the same.
    let start = |seed| {
        let mut model = library.instance(seed);
        (0..7)
            .map(|at| {
                model.set("a_i", at);
                model.tick(1);
                model.get("kept_o")
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(start(5), start(5));
    assert_ne!(start(5), start(6));
    let zero = quick("wide", WIDE).random_start(false).library().unwrap();
    let mut model = zero.instance(5);
    model.tick(1);
    assert_eq!(model.get("kept_o"), 0);
}

#[test]
fn instances_run_side_by_side() {
    let library = quick("counter", COUNTER).library().unwrap();
    let workers: Vec<_> = (1..=8u64)
        .map(|step| {
            let library = library.clone();
            std::thread::spawn(move || {
                let mut model = library.instance(step);
                model.set("reset", 1);
                model.tick(1);
                model.set("reset", 0);
                model.set("enable_i", 1);
                model.set("step_i", step);
                model.tick(10_000);
                assert_eq!(model.get("count_o"), step * 10_000);
            })
        })
        .collect();
    workers.into_iter().for_each(|worker| worker.join().unwrap());
}

#[test]
fn watched_signals_are_read_by_path() {
    let text = format!(
        "{COUNTER}\nmodule pair(input clock, input reset, input [39:0] step_i, output [39:0] sum_o);
            wire [39:0] a, b;
            counter first(.clock(clock), .reset(reset), .enable_i(1'b1), .step_i(step_i), .count_o(a), .next_o());
            counter second(.clock(clock), .reset(reset), .enable_i(1'b1), .step_i(a), .count_o(b), .next_o());
            assign sum_o = a + b;
        endmodule"
    );
    let library = quick("pair", &text).watch("counter*", "count_o").library().unwrap();
    let mut model = library.instance(1);
    model.set("reset", 1);
    model.tick(1);
    model.set("reset", 0);
    model.set("step_i", 7);
    model.tick(3);
    assert_eq!(model.peek("pair.first", "count_o"), Some(21));
    assert_eq!(model.peek("pair.second", "count_o"), Some(7 + 14));
    assert_eq!(model.peek("pair.second", "missing"), None);
    assert_eq!(model.peek("pair.third", "count_o"), None);
}

#[test]
fn parallel_builders_share_one_library() {
    let text = format!("{COUNTER}\n// built by many at once: {:?}\n", Instant::now());
    let build = quick("counter", &text);
    std::thread::scope(|scope| {
        for seed in 0..4 {
            let build = &build;
            scope.spawn(move || build.library().unwrap().instance(seed).tick(1));
        }
    });
    let start = Instant::now();
    build.library().unwrap();
    assert!(start.elapsed().as_millis() < 500, "the second build came from the cache");
}

#[test]
fn waves_cover_the_window() {
    let folder = tempfile::tempdir().unwrap();
    let library = quick("counter", COUNTER).trace(true).library().unwrap();
    let size = |name: &str, window| {
        let path = folder.path().join(name);
        let mut model = library.instance(1);
        model.trace(&path, window).unwrap();
        model.set("enable_i", 1);
        for cycle in 0..2000u64 {
            model.set("step_i", cycle.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 24);
            model.tick(1);
        }
        drop(model);
        std::fs::metadata(path).unwrap().len()
    };
    let (all, some) = (size("all.fst", 0..2000), size("some.fst", 100..200));
    assert!(some > 0 && all > 2 * some, "{all} bytes for 2000 cycles, {some} for 100");

    let plain = quick("counter", COUNTER).library().unwrap();
    let error = plain.instance(1).trace(&folder.path().join("no.fst"), 0..1).unwrap_err();
    assert!(error.to_string().contains("built without tracing"), "{error}");
}

#[test]
fn errors_are_sentences() {
    let error = quick("counter", "module counter(input clock; endmodule").library().err().unwrap();
    let text = error.to_string();
    assert!(
        text.contains("Verilator refuses module `counter`") && text.contains("syntax error"),
        "{text}"
    );
    let log = text.split("log is in ").nth(1).unwrap().split(". It says").next().unwrap();
    assert!(std::fs::read_to_string(log).unwrap().contains("syntax error"));

    let library = quick("counter", COUNTER).library().unwrap();
    let error = library.port("missing_i").unwrap_err().to_string();
    assert_eq!(
        error,
        "Module `counter` has no port `missing_i`; its ports are clock, count_o, enable_i, next_o, reset, step_i."
    );

    let error =
        quick("counter", COUNTER).extension("nonsense").library().err().unwrap().to_string();
    assert!(error.contains("does not compile") && error.contains("nonsense"), "{error}");
}

#[test]
fn lint_reports_each_message() {
    assert_eq!(lint("counter", COUNTER).unwrap(), Vec::<String>::new());
    let bad = COUNTER.replace("output [39:0] next_o", "output [38:0] next_o, input idle_i");
    let messages = lint("counter", &bad).unwrap();
    assert!(messages.iter().any(|message| message.contains("WIDTH")), "{messages:#?}");
    assert!(
        messages.iter().any(|message| message.contains("UNUSED") && message.contains("idle_i")),
        "{messages:#?}"
    );
}
