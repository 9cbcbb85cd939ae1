//! EMPTY for now.
