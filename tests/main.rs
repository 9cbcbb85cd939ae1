//! All integration tests in one binary: one link, one start.

#![allow(clippy::unwrap_used)]

mod architecture;
mod clients;
mod editor;
mod end_to_end;
mod fields;
mod fuzzing;
mod matrix;
mod museum;
mod scenarios;
mod world;
