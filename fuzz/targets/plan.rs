//! Bytes as what AWS has, through the whole planner.

#![no_main]

#[path = "../src/plan.rs"]
mod plan;
#[path = "../src/shaped.rs"]
mod shaped;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| plan::run(bytes));
