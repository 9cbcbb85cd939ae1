//! Observation over the wire.
