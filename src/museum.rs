//! Mistakes that other controllers made, planted in this one, so that the tests can show that they would find them.
//!
//! `planted!("name")` is where a mistake would be made. It is `false`, and nothing is left of it, in every build but one
//! with the feature `museum`; there `RECONCILER_MUSEUM` names the one that is alive. `tests/museum/exhibits.rs` lists them,
//! and `make museum` shows that each is found.

/// `planted!("name")`: whether this mistake is alive. `planted!("name" => statement)`: makes it, if it is.
macro_rules! planted {
    ($name:literal) => {
        cfg!(feature = "museum") && $crate::museum::is_alive($name)
    };
    ($name:literal => $($mistake:tt)+) => {
        if planted!($name) {
            $($mistake)+;
        }
    };
}

#[cfg(feature = "museum")]
pub(crate) fn is_alive(name: &str) -> bool {
    use std::sync::LazyLock;

    static ALIVE: LazyLock<Option<String>> = LazyLock::new(|| std::env::var("RECONCILER_MUSEUM").ok());
    ALIVE.as_deref() == Some(name)
}

#[cfg(not(feature = "museum"))]
pub(crate) const fn is_alive(_name: &str) -> bool {
    false
}
