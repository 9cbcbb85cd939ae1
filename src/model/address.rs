//! Which addresses a URL of a manifest may lead to. A committer may name a URL, and must not reach with it
//! what only this process can: its own machine, and the credentials of its task.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an address means to whoever asks a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressKind {
    /// Public, or private as an internal load balancer's.
    Fine,
    /// This machine: for `reconciler local` alone.
    Loopback,
    /// Never asked, for the reason given.
    Forbidden(&'static str),
}

impl AddressKind {
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => of_v4(address),
            IpAddr::V6(address) => of_v6(address),
        }
    }
}

fn of_v4(address: Ipv4Addr) -> AddressKind {
    match address {
        // Instance and task metadata, with their credentials, are at 169.254.169.254 and 169.254.170.2.
        it if it.is_link_local() => AddressKind::Forbidden("link-local, where metadata and credentials are"),
        it if it.is_loopback() => AddressKind::Loopback,
        // "This network", RFC 1122 section 3.2.1.3: connecting to it reaches this machine.
        it if it.octets()[0] == 0 => AddressKind::Forbidden("no host's address"),
        it if it.is_multicast() || it.is_broadcast() || it.octets()[0] >= 240 => {
            AddressKind::Forbidden("no host's address")
        }
        _ => AddressKind::Fine,
    }
}

fn of_v6(address: Ipv6Addr) -> AddressKind {
    if address.is_loopback() {
        return AddressKind::Loopback;
    }
    if let Some(inside) = v4_inside(address) {
        return of_v4(inside);
    }
    let [first, ..] = address.segments();
    match address {
        // Instance metadata is at fd00:ec2::254, the credentials of EKS pods and Amazon DNS beside it.
        // <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html>
        it if it.segments()[..2] == [0xfd00, 0x0ec2] => {
            AddressKind::Forbidden("Amazon's own, where metadata and credentials are")
        }
        _ if first & 0xffc0 == 0xfe80 => {
            AddressKind::Forbidden("link-local, where metadata and credentials are")
        }
        it if it.is_unspecified() || it.is_multicast() => AddressKind::Forbidden("no host's address"),
        _ => AddressKind::Fine,
    }
}

/// An IPv4 address that an IPv6 address stands for: mapped or compatible (RFC 4291 section 2.5.5), NAT64
/// (RFC 6052), 6to4 (RFC 3056).
fn v4_inside(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let segments = address.segments();
    let from = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match segments {
        [0, 0, 0, 0, 0, 0xffff, high, low] => Some(from(high, low)),
        [0, 0, 0, 0, 0, 0, high, low] if (high, low) != (0, 0) => Some(from(high, low)),
        [0x0064, 0xff9b, _, _, _, _, high, low] => Some(from(high, low)),
        [0x2002, high, low, ..] => Some(from(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn metadata_link_local_and_nobodys_addresses_are_forbidden_however_they_are_written() {
        let kinds = [
            ("169.254.169.254", "forbidden"),
            ("169.254.170.2", "forbidden"),
            ("169.254.170.23", "forbidden"),
            ("fe80::1", "forbidden"),
            ("fd00:ec2::254", "forbidden"),
            ("fd00:ec2::23", "forbidden"),
            ("::ffff:169.254.169.254", "forbidden"),
            ("::169.254.169.254", "forbidden"),
            ("64:ff9b::a9fe:a9fe", "forbidden"),
            ("64:ff9b:1::a9fe:a9fe", "forbidden"),
            ("2002:a9fe:a9fe::1", "forbidden"),
            ("0.0.0.0", "forbidden"),
            ("0.1.2.3", "forbidden"),
            ("::", "forbidden"),
            ("224.0.0.1", "forbidden"),
            ("255.255.255.255", "forbidden"),
            ("240.0.0.1", "forbidden"),
            ("ff02::1", "forbidden"),
            ("127.0.0.1", "loopback"),
            ("127.8.8.8", "loopback"),
            ("::1", "loopback"),
            ("::ffff:127.0.0.1", "loopback"),
            ("10.0.0.7", "fine"),
            ("192.168.1.1", "fine"),
            ("172.16.0.1", "fine"),
            ("52.95.110.1", "fine"),
            ("2a05:d018::1", "fine"),
            ("fd12:3456::1", "fine"),
            ("::ffff:10.0.0.7", "fine"),
        ];
        for (address, expected) in kinds {
            let kind = match AddressKind::of(address.parse().unwrap()) {
                AddressKind::Fine => "fine",
                AddressKind::Loopback => "loopback",
                AddressKind::Forbidden(_) => "forbidden",
            };
            assert_eq!(kind, expected, "{address}");
        }
    }
}
