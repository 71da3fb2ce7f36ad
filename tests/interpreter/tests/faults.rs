//! Every fault that is found, beside the corrected kernel.

use super::{Case, kernel, line_of, module};
use crate::interpreter::{Memory, Module, launch};

/// The faulty text fails in the marked line; the corrected one passes.
fn found(faulty: &str, corrected: &str, marked: &str, parts: &[&str]) {
    let (faulty, corrected) = (kernel(faulty), kernel(corrected));
    let line = line_of(&faulty, marked);
    Case::of(&faulty).threads(64).fails(&[&[line.as_str()], parts].concat());
    Case::of(&corrected).threads(64).words();
}

#[test]
fn accesses_beyond_a_buffer() {
    found("ld.global.u32 %a, [%in+32768];", "ld.global.u32 %a, [%in+24];", "+32768", &["out of bounds", "lane 0"]);
}

#[test]
fn stores_where_a_launch_may_only_read() {
    found("st.global.u32 [%in], %t;", "st.global.u32 [%out], %t;", "[%in]", &["may only read"]);
}

#[test]
fn accesses_beside_a_slice_within_a_buffer() {
    let text = kernel("ld.global.u32 %a, [%in+28];\nst.global.u32 [%out], %a;");
    let module = Module::parse(&text).unwrap_or_else(|error| panic!("{error}"));
    let mut memory = Memory::new();
    let buffer = memory.allocate(4096);
    let mut run = |bytes: u64| {
        let slices = [(buffer, bytes, false), (buffer + 2048, 512, true)];
        let parameters: [&[u8]; 2] = [&buffer.to_le_bytes(), &(buffer + 2048).to_le_bytes()];
        launch(&mut memory, &module, "kernel", [1; 3], [32, 1, 1], 0, &parameters, Some(&slices))
    };
    assert!(run(1024).is_ok());
    assert!(run(1020).is_err_and(|error| error.contains("no slice") && error.contains("lane 31")));
}

#[test]
fn wild_null_and_freed_addresses() {
    let text = kernel("ld.global.u32 %a, [%in];");
    let module = Module::parse(&text).unwrap_or_else(|error| panic!("{error}"));
    let mut memory = Memory::new();
    let buffer = memory.allocate(1024);
    let run = |memory: &mut Memory, address: u64| {
        let parameters: [&[u8]; 2] = [&address.to_le_bytes(), &address.to_le_bytes()];
        launch(memory, &module, "kernel", [1; 3], [32, 1, 1], 0, &parameters, None)
    };
    assert!(run(&mut memory, buffer).is_ok());
    assert!(run(&mut memory, 0).is_err_and(|error| error.contains("null")));
    assert!(run(&mut memory, 1 << 50).is_err_and(|error| error.contains("no buffer")));
    let other = memory.allocate(16);
    assert_eq!(memory.copy(buffer, other, 16), Ok(()));
    assert!(memory.copy(buffer, other, 17).is_err());
    assert!(memory.free(buffer + 4).is_err());
    assert_eq!(memory.free(buffer), Ok(()));
    assert!(run(&mut memory, buffer).is_err_and(|error| error.contains("freed")));
}

#[test]
fn misaligned_accesses() {
    found("ld.global.u32 %a, [%in+2];", "ld.global.u16 %h0, [%in+2];", "%in+2", &["misaligned"]);
    found(
        "ld.global.v4.f32 {%f0, %f1, %f2, %f3}, [%in+8];",
        "ld.global.v4.f32 {%f0, %f1, %f2, %f3}, [%in+16];",
        "v4",
        &["misaligned", "16 bytes"],
    );
}

#[test]
fn reading_shared_memory_that_nothing_has_written() {
    found(
        ".shared .align 4 .b32 s[64];\nld.shared.u32 %a, [s];",
        ".shared .align 4 .b32 s[64];\nmov.u32 %b, 7;\nst.shared.u32 [s], %b;\nbar.sync 0;\nld.shared.u32 %a, [s];",
        "ld.shared",
        &["nothing has written"],
    );
}

#[test]
fn reading_registers_that_are_not_set() {
    found("add.u32 %a, %t, %b;", "mov.u32 %b, 1;\nadd.u32 %a, %t, %b;", "add.u32 %a", &["`%b`"]);
    found(
        "setp.lt.u32 %p, %t, 40;\n@%p mov.u32 %b, 1;\nadd.u32 %a, %t, %b;",
        "setp.lt.u32 %p, %t, 40;\n@%p mov.u32 %b, 1;\n@!%p mov.u32 %b, 2;\nadd.u32 %a, %t, %b;",
        "add.u32 %a",
        &["`%b`", "lane 8", "warp 1"],
    );
    found("@%p bra END;\nEND:", "setp.eq.u32 %p, %t, 0;\n@%p bra END;\nEND:", "bra END", &["`%p`"]);
    found("ld.global.u32 %a, [%w3];", "mov.b64 %w3, %in;\nld.global.u32 %a, [%w3];", "%w3", &["`%w3`"]);
}

#[test]
fn barriers_in_divergent_code() {
    found(
        "setp.lt.u32 %p, %t, 7;\n@%p bra OTHER;\nbar.sync 0;\nbra END;\nOTHER:\nbar.sync 0;\nEND:",
        "setp.lt.u32 %p, %t, 7;\n@%p bra OTHER;\nbra END;\nOTHER:\nmov.u32 %a, 0;\nEND:\nbar.sync 0;",
        "bar.sync 0",
        &["wait for each other"],
    );
}

#[test]
fn barriers_behind_a_predicate() {
    found(
        "setp.lt.u32 %p, %t, 7;\n@%p bar.sync 0;",
        "setp.lt.u32 %p, %t, 32;\n@%p bar.sync 1, 32;",
        "bar.sync",
        &["predicate"],
    );
}

#[test]
fn barriers_that_some_warps_never_reach() {
    found(
        "setp.lt.u32 %p, %t, 32;\n@%p bra OTHER;\nbar.sync 1;\nOTHER:\nbar.sync 0;",
        "setp.lt.u32 %p, %t, 32;\n@%p bra OTHER;\nbar.sync 1, 32;\nOTHER:\nbar.sync 0;",
        "bar.sync 0",
        &["deadlock", "warp 0", "warp 1"],
    );
    // Warps that have left count as having come.
    Case::of(&kernel("setp.lt.u32 %p, %t, 32;\n@%p exit;\nbar.sync 0;")).threads(64).words();
    // So do lanes that have left.
    Case::of(&kernel("setp.lt.u32 %p, %t, 40;\n@%p exit;\nbar.sync 0;")).threads(64).words();
}

#[test]
fn shuffles_from_lanes_elsewhere() {
    found(
        "setp.ge.u32 %p, %t, 48;\n@%p bra END;\nshfl.sync.bfly.b32 %a, %t, 16, 31, -1;\nEND:\nbar.warp.sync -1;",
        "setp.ge.u32 %p, %t, 48;\nshfl.sync.bfly.b32 %a, %t, 16, 31, -1;\nbar.warp.sync -1;",
        "shfl",
        &["wait for each other"],
    );
    found(
        "setp.ge.u32 %p, %t, 48;\n@%p exit;\nshfl.sync.bfly.b32 %a, %t, 16, 31, -1;",
        "setp.ge.u32 %p, %t, 48;\n@%p exit;\nshfl.sync.bfly.b32 %a, %t, 8, 31, -1;",
        "shfl",
        &["takes no part"],
    );
    found(
        "shfl.sync.bfly.b32 %a, %t, 16, 31, 0xffff;",
        "shfl.sync.bfly.b32 %a, %t, 16, 31, 0xffffffff;",
        "shfl",
        &["none of the members"],
    );
}

#[test]
fn endless_recursion_and_missing_functions() {
    let error = |before: &str, body: &str| Module::parse(&module(before, body)).err().unwrap_or_default();
    let again = ".func again(.reg .b32 %x)\n{\ncall again, (%x);\nret;\n}";
    assert!(error(again, "call again, (%t);").contains("`again` calls itself"));
    assert!(error("", "call (%a), missing, (%t);").contains("no function `missing`"));
    let one = ".func one(.reg .b32 %x)\n{\nret;\n}";
    assert!(error(one, "call one, (%t, %t);").contains("takes 1 inputs"));
    let silent = ".func (.reg .b32 %y) silent(.reg .b32 %x)\n{\n.reg .pred %p;\nsetp.eq.u32 %p, %x, 0;\n@%p ret;\nmov.u32 %y, 1;\nret;\n}";
    Case::of(&module(silent, "call (%a), silent, (%t);")).fails(&["a result of the called function", "lane 0"]);
}

#[test]
fn texts_that_are_not_ptx() {
    let error = |body: &str| Module::parse(&kernel(body)).err().unwrap_or_default();
    let unknown = error("foo.bar %a, %t;");
    assert!(unknown.contains("`foo` is not an instruction that the interpreter knows"), "{unknown}");
    assert!(unknown.contains(&line_of(&kernel("foo.bar %a, %t;"), "foo.bar")), "{unknown}");
    for (body, part) in [
        ("add.sat.s32 %a, %t, %t;", "no `.sat`"),
        ("add.u32 %a, %t;", "3 operands"),
        ("add.u32 %nothing, %t, %t;", "not a declared register"),
        ("add.u32 %a, %t, %nothing;", "neither a declared name nor a number"),
        ("add.u64 %a, %in, %in;", "size"),
        ("bra NOWHERE;", "no label `NOWHERE`"),
        ("ld.u32 %a, [%in];", "name its memory"),
        (".local .align 4 .b8 stack[16];", "local memory"),
        (".reg .b32 %a;", "declared twice"),
        ("ld.global.u32 %a, [%t];", "size of a .global address"),
        ("add.u32 %a, %t, %t", "neither a declared name"),
        ("L:\nL:", "twice"),
        ("mma.sync.aligned.m8n8k4.row.col.f32.f16.f16.f32 {%f0}, {%a}, {%b}, {%f1};", "shape"),
        ("cvt.f32.s32 %f0, %t;", "rounding"),
    ] {
        let found = error(body);
        assert!(found.contains(part), "{body}: {found}");
    }
}

#[test]
fn launches_that_do_not_fit() {
    let text = kernel("").replace(".param .u64 output)", ".param .u64 output)\n.reqntid 64, 1, 1");
    let module = Module::parse(&text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(module.entries()[0].parameters[1].offset, 8);
    let mut memory = Memory::new();
    let mut run = |block: u32, shared: u32, parameters: &[&[u8]]| {
        launch(&mut memory, &module, "kernel", [1; 3], [block, 1, 1], shared, parameters, None)
            .err()
            .unwrap_or_default()
    };
    let parameters: [&[u8]; 2] = [&[0; 8], &[0; 9]];
    assert_eq!(run(64, 0, &parameters), "");
    assert!(run(32, 0, &parameters).contains(".reqntid"));
    assert!(run(64, 1 << 20, &parameters).contains("shared memory"));
    assert!(run(64, 0, &parameters[..1]).contains("2 parameters, not 1"));
    assert!(run(64, 0, &[&[0; 8], &[0; 4]]).contains("`output` has 8 bytes"));
    assert!(module.entry("other").is_err_and(|error| error.contains("kernel")));
}
