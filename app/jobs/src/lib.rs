//! What the API and the worker share: jobs, the store and its outbox, the queue, and how a process starts and stops.

pub mod address;
mod id;
pub mod job;
pub mod timestamp;
pub mod work;

pub mod objects;
pub mod store;

mod housekeeping;
pub mod message;
pub mod queue;
pub mod relay;

pub mod environment;
pub mod log;
pub mod settings;
pub mod shutdown;
pub mod start;

#[cfg(any(test, feature = "testing"))]
pub mod testing;
