//! Races between threads, however the interpreter happens to order them.

use super::{Case, kernel, module};

/// Two words per thread in shared memory, at `%a` that of the thread.
const ARRAY: &str = ".shared .align 4 .b32 s[64];\nmov.u32 %a, s;\nshl.b32 %b, %t, 2;\nadd.u32 %a, %a, %b;\n\
                     xor.b32 %c, %t, PARTNER;\nshl.b32 %c, %c, 2;\nmov.u32 %d, s;\nadd.u32 %c, %c, %d;\n";

/// Two warps exchange values with a partner in another warp, or in the own one.
fn exchange(partner: u32, body: &str) -> String {
    kernel(&format!("{}{body}", ARRAY.replace("PARTNER", &partner.to_string())))
}

#[test]
fn reading_what_another_warp_wrote_needs_a_barrier() {
    let read = |between: &str| exchange(32, &format!("st.shared.u32 [%a], %t;\n{between}\nld.shared.u32 %e, [%c];"));
    Case::of(&read("bar.sync 0;")).threads(64).words();
    let faulty = read("bar.warp.sync -1;");
    Case::of(&faulty).threads(64).fails(&["nothing has written", "ld.shared"]);
    let later = exchange(32, "st.shared.u32 [%a], %t;\nbar.sync 0;\nst.shared.u32 [%a], 5;\nld.shared.u32 %e, [%c];")
        .replace(", 5;", ", %b;");
    Case::of(&later).threads(64).fails(&["race", "has read"]);
}

#[test]
fn reading_what_another_lane_wrote_needs_the_warp_to_meet() {
    let read = |between: &str| exchange(1, &format!("st.shared.u32 [%a], %t;\n{between}\nld.shared.u32 %e, [%c];"));
    Case::of(&read("bar.warp.sync -1;")).threads(64).words();
    Case::of(&read("shfl.sync.idx.b32 %e, %t, 0, 31, -1;")).threads(64).words();
    Case::of(&read("")).threads(64).fails(&["race", "reads", "lane 1 of warp 0 of block 0 has written"]);
}

#[test]
fn overwriting_what_another_warp_reads_needs_a_barrier() {
    let text = |between: &str| {
        exchange(
            32,
            &format!(
                "st.shared.u32 [%a], %t;\nbar.sync 0;\nld.shared.u32 %e, [%c];\n{between}\nst.shared.u32 [%a], %b;"
            ),
        )
    };
    Case::of(&text("bar.sync 0;")).threads(64).words();
    // Warp 0 runs ahead, so that the race shows when warp 1 reads; as the order is another, so is the sentence.
    Case::of(&text("")).threads(64).fails(&["race", "ld.shared", "has written"]);
}

#[test]
fn two_writers_may_only_agree() {
    let text = |value: &str| kernel(&format!(".shared .align 4 .b32 s;\nmov.u32 %a, 7;\nst.shared.u32 [s], {value};"));
    Case::of(&text("%a")).threads(64).words();
    Case::of(&text("%t")).threads(64).fails(&["race", "has written"]);
}

#[test]
fn neighbouring_halves_of_a_word_are_no_race() {
    let text = kernel(
        ".shared .align 4 .b16 s[32];\nmov.u32 %a, s;\nshl.b32 %b, %t, 1;\nadd.u32 %a, %a, %b;\ncvt.u16.u32 %h0, %t;\n\
         st.shared.u16 [%a], %h0;\nld.shared.u16 %h1, [%a];\nbar.sync 0;\nand.b32 %c, %b, 60;\nmov.u32 %d, s;\n\
         add.u32 %c, %c, %d;\nld.shared.u32 %e, [%c];\nst.global.u32 [%out], %e;",
    );
    let words = Case::of(&text).words();
    assert_eq!(words[5], 5 << 16 | 4);
}

#[test]
fn a_barrier_for_some_warps_orders_only_those() {
    // Warps 0 and 1 exchange behind their own barrier; reading warp 2 as well is a race.
    let text = |partner: u32| {
        let exchange = exchange(
            partner,
            "setp.ge.u32 %p, %t, 64;\nst.shared.u32 [%a], %t;\n@%p bra END;\nbar.sync 1, 64;\nld.shared.u32 %e, [%c];\nEND:",
        );
        exchange.replace("s[64]", "s[128]")
    };
    Case::of(&text(32)).threads(128).words();
    Case::of(&text(64)).threads(128).fails(&["ld.shared"]);
}

#[test]
fn blocks_are_never_ordered() {
    let same_word = kernel("mov.u32 %r0, %ctaid.x;\nst.global.u32 [%out], %r0;");
    Case::of(&same_word).blocks(1).words();
    Case::of(&same_word).blocks(2).fails(&["race", "block 0 has written", "block 1"]);
    let read = kernel(
        "mov.u32 %r0, %ctaid.x;\nsetp.eq.u32 %p, %r0, 0;\n@%p ld.global.u32 %a, [%out];\n@!%p st.global.u32 [%out], %t;",
    );
    Case::of(&read).blocks(1).words();
    Case::of(&read).blocks(2).fails(&["race", "block 0 has read"]);
    let added = kernel("red.global.add.u32 [%out], %t;");
    Case::of(&added).blocks(4).words();
    let added_and_read = kernel("red.global.add.u32 [%out], %t;\nld.global.u32 %a, [%out];");
    Case::of(&added_and_read).blocks(1).words();
    Case::of(&added_and_read).blocks(2).fails(&["race", "changes atomically"]);
}

#[test]
fn threads_of_a_block_exchange_through_global_memory_only_across_a_barrier() {
    let text = |between: &str| {
        kernel(&format!(
            "st.global.u32 [%out], %t;\n{between}\nxor.b32 %a, %t, 32;\nsub.s32 %a, %a, %t;\nmul.wide.s32 %w1, %a, 16;\n\
             add.s64 %w1, %w1, %out;\nld.global.u32 %b, [%w1];\nst.global.u32 [%out+4], %b;"
        ))
    };
    let (_, words) = Case::of(&text("bar.sync 0;")).threads(64).run().unwrap_or_else(|error| panic!("{error}"));
    assert!(words.chunks_exact(4).enumerate().all(|(thread, words)| words[1] as usize == thread ^ 32));
    Case::of(&text("")).threads(64).fails(&["race"]);
}

#[test]
fn asynchronous_copies_need_a_wait_and_a_barrier() {
    let text = |wait: &str, barrier: &str, size: &str| {
        kernel(&format!(
            ".shared .align 16 .b8 s[1024];\nmov.u32 %a, s;\nshl.b32 %b, %t, 4;\nadd.u32 %c, %a, %b;\n\
             cp.async.cg.shared.global [%c], [%in], 16{size};\ncp.async.commit_group;\n{wait}\n{barrier}\n\
             xor.b32 %b, %b, 512;\nadd.u32 %c, %a, %b;\nld.shared.v4.b32 {{%r0, %r1, %r2, %r3}}, [%c];\n\
             st.global.v4.b32 [%out], {{%r0, %r1, %r2, %r3}};"
        ))
    };
    let input: Vec<u8> = (0..64 * 8u32).flat_map(u32::to_le_bytes).collect();
    let run = |text: &str| Case { input: &input, ..Case::of(text).threads(64) }.run();
    let (_, words) = run(&text("cp.async.wait_group 0;", "bar.sync 0;", "")).unwrap_or_else(|error| panic!("{error}"));
    assert!(words.iter().enumerate().all(|(at, word)| *word as usize == ((at / 4) ^ 32) * 8 + at % 4));
    let (_, words) = run(&text("cp.async.wait_all;", "bar.sync 0;", ", 4")).unwrap_or_else(|error| panic!("{error}"));
    assert!(words.chunks_exact(4).all(|words| words[0] % 8 == 0 && words[1..] == [0; 3]));
    for (wait, barrier) in
        [("", "bar.sync 0;"), ("cp.async.wait_group 1;", "bar.sync 0;"), ("cp.async.wait_group 0;", "")]
    {
        assert!(run(&text(wait, barrier, "")).is_err(), "{wait} {barrier}");
    }
}

#[test]
fn traces_start_anew_with_every_launch_and_block() {
    // Every block uses the same shared memory and its own part of the output.
    let text = module(
        "",
        ".shared .align 4 .b32 s[32];\nmov.u32 %a, s;\nshl.b32 %b, %t, 2;\nadd.u32 %a, %a, %b;\nmov.u32 %r0, %ctaid.x;\n\
         setp.eq.u32 %p, %r0, 0;\n@%p st.shared.u32 [%a], %t;\nld.shared.u32 %c, [%a];",
    );
    Case::of(&text).words();
    Case::of(&text).blocks(2).fails(&["nothing has written", "block 1"]);
}
