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
    let start = start(std::process::id());
    (0..COUNT).find_map(|_| {
        let step = NEXT.fetch_add(1, Ordering::Relaxed) % COUNT;
        let port = FIRST + (start + step) % COUNT;
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()?;
        Some(port)
    })
}

/// Where a process begins to look. Simulators in other processes look for ports too, and those that
/// are started together have neighbouring numbers: they begin far apart.
fn start(process: u32) -> u16 {
    // About the golden section of the range, and coprime to it.
    const STRIDE: u64 = 7_417;
    (u64::from(process) * STRIDE % u64::from(COUNT)) as u16
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn simulators_that_are_started_together_look_far_apart() {
        for first in [1, 4_711, u32::MAX - 20] {
            for second in first + 1..first + 20 {
                let apart = start(first).abs_diff(start(second));
                assert!(apart.min(COUNT - apart) > 200, "{first} and {second} are {apart} apart");
            }
        }
    }

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
