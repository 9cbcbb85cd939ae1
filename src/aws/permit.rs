//! The right to make one mutating call.

/// Consumed by every method of [`Writer`](super::Writer). Only the ledger hands permits out, and only
/// while its lease holds; they can't be kept in stock, copied or made up elsewhere.
#[derive(Debug)]
pub struct Permit {
    _private: (),
}

impl Permit {
    pub(crate) fn grant() -> Self {
        Self { _private: () }
    }
}
