//! Finds free ports of this machine for container ports.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

// Below the range from which the kernel takes ports for outgoing connections: a port is found some
// time before its process listens on it, and no connection may take it meanwhile.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// A port nobody listens on now, and that no other caller gets in the next 12,000 calls.
///
/// `None` if there is none.
pub(super) fn free() -> Option<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Simulators in other processes look for ports too; they start elsewhere in the range.
    let start = (std::process::id() % u32::from(COUNT)) as u16;
    (0..COUNT).find_map(|_| {
        let step = NEXT.fetch_add(1, Ordering::Relaxed) % COUNT;
        let port = FIRST + (start + step) % COUNT;
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()?;
        Some(port)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_port_in_use_is_not_given_out_and_none_twice() {
        let (first, second) = (free().unwrap(), free().unwrap());
        assert_ne!(first, second);
        let in_use = TcpListener::bind((Ipv4Addr::LOCALHOST, second)).unwrap();
        for _ in 0..100 {
            assert_ne!(free(), Some(second));
        }
        drop(in_use);
    }
}
