//! The checked-in C header and reference pages are those of the tables.

use backspike_arch::generate;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// With BACKSPIKE_BLESS=1 the files are rewritten instead.
#[test]
fn checked_in_files_are_current() {
    let bless = std::env::var_os("BACKSPIKE_BLESS").is_some();
    let files = generate::files();
    assert!(files.len() >= 6);
    for (path, contents) in files {
        let path = root().join(path);
        if bless {
            std::fs::create_dir_all(path.parent().expect("files lie in a folder")).expect("folder");
            std::fs::write(&path, &contents).expect("file is writable");
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            found == contents,
            "{} differs from the layout tables: run BACKSPIKE_BLESS=1 cargo test -p backspike-arch",
            path.display()
        );
    }
}

/// Runs `gcc` on a program that includes the header, and the program.
fn compile_and_run(program: &str) -> std::process::Output {
    let folder = tempfile::tempdir().expect("temporary folder");
    std::fs::write(folder.path().join("backspike.h"), generate::c_header()).expect("header");
    std::fs::write(folder.path().join("main.c"), program).expect("program");
    let flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic"];
    let header = Command::new("gcc")
        .args(flags)
        .args(["-c", "-x", "c", "backspike.h", "-o", "header.o"])
        .current_dir(&folder)
        .output()
        .expect("gcc is installed");
    assert!(header.status.success(), "{}", String::from_utf8_lossy(&header.stderr));
    let built = Command::new("gcc")
        .args(flags)
        .args(["main.c", "-o", "main"])
        .current_dir(&folder)
        .output()
        .expect("gcc is installed");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    Command::new(folder.path().join("main")).output().expect("the program runs")
}

#[test]
fn header_compiles_and_agrees_with_rust() {
    use backspike_arch::{
        ArchConfig, Counter, HostAddress, Instruction, NeuronWord, PackedWord, Region, Register,
    };

    let output = compile_and_run(
        r#"#include "backspike.h"
#include <stdio.h>
int main(void) {
    uint32_t neuron = backspike_insert((uint32_t)-8, BACKSPIKE_NEURON_GAIN1_OFFSET, BACKSPIKE_NEURON_GAIN1_BITS)
                    | backspike_insert(31u, BACKSPIKE_NEURON_LEAK_K_OFFSET, BACKSPIKE_NEURON_LEAK_K_BITS);
    printf("%lu\n", (unsigned long)backspike_address(BACKSPIKE_REGION_MEMBRANE, 0xfffffu, 31u));
    printf("%lu\n", (unsigned long)backspike_descriptor_address(BACKSPIKE_ENGINE_WG, 5u, 0u));
    printf("%lu\n", (unsigned long)backspike_queue_address(BACKSPIKE_ENGINE_IO, 1u));
    printf("%lu\n", (unsigned long)backspike_instruction(BACKSPIKE_OP_NEURON_BACK, 200u, 9u, 0u));
    printf("%lu\n", (unsigned long)neuron);
    printf("%ld\n", (long)backspike_extract_signed(neuron, BACKSPIKE_NEURON_GAIN1_OFFSET, BACKSPIKE_NEURON_GAIN1_BITS));
    printf("%u\n", backspike_subs(BACKSPIKE_REGION_TRACE, 32u));
    printf("%d\n", BACKSPIKE_REGISTER_BP_SATURATIONS);
    return 0;
}
"#,
    );
    let neuron = NeuronWord {
        gain1: -8,
        leak_k: 31,
        reset: backspike_arch::num::Reset::None,
        ..Default::default()
    };
    let encoded = |address: HostAddress| address.encode().expect("fits");
    let expected = [
        i64::from(encoded(HostAddress::new(Region::Membrane, 0xfffff, 31))),
        i64::from(encoded(HostAddress::descriptor(backspike_arch::Engine::Wg, 5))),
        i64::from(encoded(HostAddress::queue_imm(backspike_arch::Engine::Io))),
        i64::from(Instruction::NeuronBack { slice: 200, slot: 9 }.encode().expect("fits")[0]),
        i64::from(neuron.encode().expect("fits")),
        -8,
        Region::Trace.subs(&ArchConfig::edge().with_lanes(32)) as i64,
        Register::Counter(Counter::BpSaturations).index() as i64,
    ];
    let printed: Vec<i64> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| line.parse().expect("a number"))
        .collect();
    assert_eq!(printed, expected);
}
