//! The planner's promises, one test each.
#![allow(clippy::unwrap_used)]

mod bodies;
mod by_hand;
mod consequences;
mod decisions;
mod hooks;
mod leaving;
mod phantoms;
mod properties;
mod read_back;
mod secrecy;
mod spellings;
mod three_way;
mod whole_service;
mod windows;
mod world;
