//! GitOps for Amazon ECS in one binary.
//!
//! The modules stand in the order in which a commit meets them; ARCHITECTURE.md draws the road.

// Before all others: its macro is for them. Empty but for `make museum`.
#[macro_use]
mod museum;

// Floor 0: nouns, and what AWS accepts.
pub mod model;
pub mod shape;

// Floor 1: pure. No I/O, clock, randomness or async.
pub mod manifest;
pub mod plan;
pub mod rollout;
pub mod verify;

// Floor 2: AWS, what runs there as manifests, and the record of what happened.
pub mod aws;
pub mod import;
pub mod journal;

// Floor 3: windows to the outside.
pub mod ledger;
pub mod observe;
pub mod report;
pub mod source;

// Floors 4 and 5: doing it, again and again.
pub mod controller;
pub mod execute;

pub mod cli;
pub mod config;
