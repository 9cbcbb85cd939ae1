//! Floors 0 and 1 of the reconciler, compiled from where they are.

#![allow(dead_code)]

#[macro_use]
#[path = "../src/museum.rs"]
mod museum;

#[path = "../src/manifest/mod.rs"]
pub mod manifest;
#[path = "../src/model/mod.rs"]
pub mod model;
#[path = "../src/plan/mod.rs"]
pub mod plan;
#[path = "../src/shape/mod.rs"]
pub mod shape;
