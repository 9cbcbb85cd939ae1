//! Bytes as the manifest files of a commit.

#![no_main]

#[path = "../src/manifests.rs"]
mod manifests;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| manifests::run(bytes));
