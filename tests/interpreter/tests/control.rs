//! Branches, calls, barriers and the exchange within warps.

use super::{Case, kernel, module};

#[test]
fn loops_run_as_often_as_each_lane_asks() {
    let text = kernel(
        "mov.u32 %a, 0;\nmov.u32 %b, 0;\nLOOP:\nsetp.ge.u32 %p, %b, %t;\n@%p bra DONE;\nadd.u32 %b, %b, 1;\n\
         add.u32 %a, %a, %b;\nbra.uni LOOP;\nDONE:\nactivemask.b32 %c;\nst.global.v2.u32 [%out], {%a, %c};",
    );
    let (statistics, words) = Case::of(&text).run().unwrap_or_else(|error| panic!("{error}"));
    for (lane, words) in words.chunks_exact(4).enumerate() {
        assert_eq!(words[0] as usize, lane * (lane + 1) / 2);
        assert_eq!(words[1], u32::MAX, "the lanes meet behind the loop");
    }
    // 31 rounds of 5 instructions, the last test, and what is before and behind.
    assert_eq!(statistics.warp_instructions, 7 + 2 + 31 * 5 + 2 + 3);
}

#[test]
fn sides_of_branches_meet_again() {
    let text = kernel(
        "and.b32 %a, %t, 1;\nand.b32 %b, %t, 2;\nsetp.eq.u32 %p, %a, 0;\nsetp.eq.u32 %q, %b, 0;\n\
         @%p bra EVEN;\n{\n.reg .b32 %a;\nmov.u32 %a, 100;\n@%q bra L;\nadd.u32 %a, %a, 10;\nL:\nmov.u32 %d, %a;\n}\nbra MEET;\n\
         EVEN:\n{\n.reg .b32 %a;\nmov.u32 %a, 200;\n@!%q bra L;\nadd.u32 %a, %a, 20;\nL:\nmov.u32 %d, %a;\n}\n\
         MEET:\nactivemask.b32 %c;\nadd.u32 %d, %d, %a;\nsetp.ne.u32 %p, %c, -1;\n@%p trap;\nst.global.u32 [%out], %d;",
    );
    for (lane, word) in Case::of(&text).words().into_iter().enumerate() {
        let expected = [220, 101, 200, 111][lane % 4];
        assert_eq!(word, expected, "lane {lane}");
    }
}

const FUNCTIONS: &str = "
.func (.reg .f32 %sum, .reg .f32 %difference) both(.reg .f32 %a, .reg .f32 %b)
{
  add.f32 %sum, %a, %b;
  sub.f32 %difference, %a, %b;
  ret;
}
.func (.reg .f32 %result) sign(.reg .f32 %a)
{
  .reg .pred %p;
  setp.ge.f32 %p, %a, 0f00000000;
  mov.f32 %result, 0f3F800000;
  @%p ret;
  mov.f32 %result, 0fBF800000;
  ret;
}
.func (.reg .f32 %result) distance(.reg .f32 %a, .reg .f32 %b)
{
  .reg .f32 %s, %d;
  call (%s, %d), both, (%a, %b);
  call.uni (%s), sign, (%d);
  mul.f32 %result, %s, %d;
  ret;
}
.func (.param .b32 result) doubled(.param .b32 value)
{
  .reg .b32 %v;
  ld.param.b32 %v, [value];
  add.u32 %v, %v, %v;
  st.param.b32 [result], %v;
  ret;
}";

#[test]
fn functions_call_functions_and_return_to_each_lane() {
    let text = module(
        FUNCTIONS,
        "cvt.rn.f32.u32 %f0, %t;\nmov.f32 %f1, 0f41200000;\nand.b32 %a, %t, 1;\nsetp.eq.u32 %p, %a, 1;\nmov.f32 %f2, 0f00000000;\n\
         @%p call (%f2), distance, (%f0, %f1);\nactivemask.b32 %b;\nsetp.ne.u32 %q, %b, -1;\n@%q trap;\n\
         call (%f3), distance, (%f1, %f0);\nadd.f32 %f2, %f2, %f3;\nst.global.f32 [%out], %f2;",
    );
    for (lane, word) in Case::of(&text).words().into_iter().enumerate() {
        let distance = (lane as f32 - 10.0).abs();
        assert_eq!(f32::from_bits(word), if lane % 2 == 1 { 2.0 * distance } else { distance });
    }
}

#[test]
fn functions_take_parameters_in_both_forms() {
    let text = module(
        FUNCTIONS,
        "{\n.param .b32 in0;\n.param .b32 out0;\nst.param.b32 [in0+0], %t;\ncall.uni (out0), doubled, (in0);\n\
         ld.param.b32 %d, [out0+0];\n}\nst.global.u32 [%out], %d;",
    );
    for (lane, word) in Case::of(&text).words().into_iter().enumerate() {
        assert_eq!(word as usize, 2 * lane);
    }
}

#[test]
fn shuffles_choose_their_lane() {
    let shuffle = |form: &str, clamp: u32| {
        let text = kernel(&format!(
            "add.u32 %a, %t, 100;\nshfl.sync.{form} %b|%p, %a, 3, {clamp}, -1;\nselp.u32 %c, 1000, 0, %p;\n\
             add.u32 %b, %b, %c;\nst.global.u32 [%out], %b;"
        ));
        Case::of(&text).words()
    };
    for lane in 0..32u32 {
        let at = lane as usize;
        assert_eq!(shuffle("up.b32", 0)[at], if lane >= 3 { 1097 + lane } else { 100 + lane });
        assert_eq!(shuffle("down.b32", 31)[at], if lane < 29 { 1103 + lane } else { 100 + lane });
        assert_eq!(shuffle("bfly.b32", 31)[at], 1100 + (lane ^ 3));
        assert_eq!(shuffle("idx.b32", 31)[at], 1103);
        // Segments of eight lanes.
        assert_eq!(shuffle("idx.b32", 0x181f)[at], 1103 + lane / 8 * 8);
        assert_eq!(shuffle("down.b32", 0x181f)[at], if lane % 8 < 5 { 1103 + lane } else { 100 + lane });
    }
}

#[test]
fn votes_and_matches_count_their_members() {
    let text = kernel(
        "setp.lt.u32 %p, %t, 5;\nvote.sync.ballot.b32 %a, %p, -1;\nvote.sync.any.pred %q, !%p, -1;\n\
         vote.sync.all.pred %s, %p, -1;\nselp.b32 %b, 1, 0, %q;\n@%s add.u32 %b, %b, 2;\nand.b32 %c, %t, 3;\n\
         match.any.sync.b32 %d, %c, -1;\nst.global.v4.b32 [%out], {%a, %b, %c, %d};",
    );
    let (_, words) = Case::of(&text).run().unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(words[..4], [31, 1, 0, 0x1111_1111]);
}

#[test]
fn lanes_wait_for_others_at_a_shuffle() {
    // The lanes of the else side are later; both sides shuffle among themselves first.
    let text = kernel(
        "setp.lt.u32 %p, %t, 16;\n@!%p bra HIGH;\nshfl.sync.idx.b32 %a, %t, 3, 31, 0xffff;\nbra MEET;\n\
         HIGH:\nshfl.sync.idx.b32 %a, %t, 20, 31, 0xffff0000;\nMEET:\nbar.warp.sync -1;\nst.global.u32 [%out], %a;",
    );
    for (lane, word) in Case::of(&text).words().into_iter().enumerate() {
        assert_eq!(word, if lane < 16 { 3 } else { 20 });
    }
}

#[test]
fn atomics_add_up() {
    let text = kernel(
        ".shared .align 4 .b32 total[2];\nsetp.eq.u32 %p, %t, 0;\n@%p st.shared.v2.b32 [total], {%a, %a};\n\
         bar.sync 0;\natom.shared.add.u32 %b, [total], %t;\nred.shared.max.u32 [total+4], %t;\nbar.sync 0;\n\
         ld.shared.v2.u32 {%c, %d}, [total];\nst.global.v2.u32 [%out], {%c, %d};",
    );
    let text = text.replace(".shared .align 4", "mov.u32 %a, 0;\n.shared .align 8");
    let (statistics, words) = Case::of(&text).threads(96).run().unwrap_or_else(|error| panic!("{error}"));
    assert!(words.chunks_exact(4).all(|words| words[..2] == [95 * 96 / 2, 95]));
    assert_eq!(statistics.barriers, 2);
}

#[test]
fn compare_and_swap_takes_one_winner() {
    let text = kernel(
        ".shared .align 4 .b32 lock;\nmov.u32 %a, 77;\nsetp.eq.u32 %p, %t, 0;\n@%p st.shared.b32 [lock], %a;\nbar.sync 0;\n\
         atom.shared.cas.b32 %b, [lock], 77, %t;\nst.global.u32 [%out], %b;",
    );
    let words = Case::of(&text).words();
    assert_eq!(words[0], 77);
    assert!(words[1..].iter().all(|word| *word == 0));
}

#[test]
fn barriers_may_join_some_of_the_warps() {
    let text = kernel(
        ".shared .align 4 .b32 values[128];\nmov.u32 %a, values;\nshl.b32 %b, %t, 2;\nadd.u32 %a, %a, %b;\n\
         st.shared.u32 [%a], %t;\nshr.u32 %c, %t, 6;\nadd.u32 %c, %c, 1;\nbar.sync %c, 64;\nand.b32 %r0, %t, 64;\nxor.b32 %r1, %t, 63;\n\
         shl.b32 %r1, %r1, 2;\nmov.u32 %r2, values;\nadd.u32 %r1, %r1, %r2;\nld.shared.u32 %d, [%r1];\nst.global.u32 [%out], %d;",
    );
    for (thread, word) in Case::of(&text).threads(128).words().into_iter().enumerate() {
        assert_eq!(word as usize, thread ^ 63);
    }
}

#[test]
fn statistics_tell_sectors_and_bank_conflicts() {
    let text = kernel(
        ".shared .align 4 .b32 values[1024];\nmov.u32 %a, values;\nshl.b32 %b, %t, 7;\nadd.u32 %a, %a, %b;\n\
         st.shared.u32 [%a], %t;\nst.global.u32 [%out], %t;",
    );
    let (statistics, _) = Case::of(&text).run().unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((statistics.shared_passes, statistics.bank_conflicts), (32, 31));
    assert_eq!((statistics.global_requests, statistics.global_sectors), (1, 16));
}

#[test]
fn dynamic_shared_memory_follows_the_static() {
    let text = module(
        ".extern .shared .align 16 .b8 room[];",
        ".shared .align 4 .b32 fixed[3];\nst.shared.u32 [fixed], %t;\nmov.u32 %a, room;\nshl.b32 %b, %t, 2;\nadd.u32 %a, %a, %b;\n\
         st.shared.u32 [%a+4], %t;\nld.shared.u32 %c, [%a+4];\nst.global.u32 [%out], %c;",
    )
    .replace("st.shared.u32 [fixed], %t", "mov.u32 %d, fixed");
    let words = Case { shared: 132, ..Case::of(&text) }.words();
    assert!((0..32).all(|lane| words[lane as usize] == lane));
    Case { shared: 128, ..Case::of(&text) }.fails(&["out of bounds", "lane 31"]);
}
