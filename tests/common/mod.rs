//! Helpers of the test suites. Each suite uses a part of them.
#![allow(dead_code)]

pub mod compare;
pub mod golden;
