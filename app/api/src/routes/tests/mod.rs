//! What each path answers, refusals included.

#![allow(clippy::unwrap_used)]

mod document;
mod events;
mod jobs;
mod metrics;
mod page;
mod reports;
mod scaling;
mod scaling_by_two;
mod service;
mod submit;
mod uploads;
