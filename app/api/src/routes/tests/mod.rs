//! What each path answers, refusals included.

#![allow(clippy::unwrap_used)]

mod document;
mod jobs;
mod reports;
mod service;
mod submit;
mod uploads;
