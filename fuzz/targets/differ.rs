//! Bytes as a pair of trees of one kind, through the differ.

#![no_main]

#[path = "../src/differ.rs"]
mod differ;
#[path = "../src/shaped.rs"]
mod shaped;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| differ::run(bytes));
