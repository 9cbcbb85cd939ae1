//! The right to make one mutating call.

/// A call's turn in the budget, waited for with [`Writer::turn`](super::Writer::turn).
///
/// The wait may last minutes, so it comes before the permit: a permit that had to wait would speak
/// of a lease that may be gone.
#[derive(Debug)]
#[must_use]
pub struct Turn {
    _private: (),
}

impl Turn {
    pub(crate) fn has_come() -> Self {
        Self { _private: () }
    }
}

/// Consumed by every method of [`Writer`](super::Writer). Only the ledger hands permits out, for a
/// [`Turn`] that has come, and only while its lease holds; they can't be kept in stock, copied or
/// made up elsewhere.
#[derive(Debug)]
pub struct Permit {
    _private: (),
}

impl Permit {
    pub(crate) fn grant(_turn: Turn) -> Self {
        Self { _private: () }
    }
}
