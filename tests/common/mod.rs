//! Helpers of the test suites. Each suite uses a part of them.
#![allow(dead_code, reason = "each suite uses a part")]

pub mod compare;
pub mod golden;
