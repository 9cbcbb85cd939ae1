//! Steps over the wire.
