//! Addresses and nodes in their compact form (BEP 5, BEP 32).
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

use crate::contract::{Contact, Family};
use crate::id::Id;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Bytes of one IPv4 node.
pub(super) const NODE_V4_BYTES: usize = 26;

/// Bytes of one IPv6 node.
pub(super) const NODE_V6_BYTES: usize = 38;

/// Bytes that a peer in a list costs beside its address: `6:` or `18:`.
pub(super) const VALUE_OVERHEAD: usize = 3;

/// An address of 4 or 16 bytes and its port. Also without a port, as some send in `ip`.
pub(super) fn address_from(bytes: &[u8]) -> Option<SocketAddr> {
    let (ip, port) = match bytes.len() {
        4 | 16 => (bytes, 0),
        6 | 18 => {
            let (ip, port) = bytes.split_at_checked(bytes.len() - 2)?;
            (ip, u16::from_be_bytes(port.try_into().ok()?))
        }
        _ => return None,
    };
    let ip: IpAddr = match <[u8; 4]>::try_from(ip) {
        Ok(v4) => Ipv4Addr::from(v4).into(),
        Err(_) => Ipv6Addr::from(<[u8; 16]>::try_from(ip).ok()?).into(),
    };
    Some(SocketAddr::new(ip, port))
}

pub(super) fn address_to(address: SocketAddr, out: &mut Vec<u8>) {
    match address.ip() {
        IpAddr::V4(v4) => out.extend(v4.octets()),
        IpAddr::V6(v6) => out.extend(v6.octets()),
    }
    out.extend(address.port().to_be_bytes());
}

/// The nodes in a string of whole entries; of a string with a rest none, for nobody knows where it is broken.
pub(crate) fn nodes_from(bytes: &[u8], family: Family) -> Vec<Contact> {
    let size = if family == Family::V4 { NODE_V4_BYTES } else { NODE_V6_BYTES };
    if !bytes.len().is_multiple_of(size) {
        return Vec::new();
    }
    let contact = |entry: &[u8]| {
        let (id, address) = entry.split_at_checked(20)?;
        Some(Contact { id: Id::from_slice(id)?, address: address_from(address)? })
    };
    bytes.chunks_exact(size).filter_map(contact).collect()
}

pub(crate) fn nodes_to<'a>(nodes: impl IntoIterator<Item = &'a Contact>) -> Vec<u8> {
    let mut out = Vec::new();
    for node in nodes {
        out.extend(node.id.0);
        address_to(node.address, &mut out);
    }
    out
}
