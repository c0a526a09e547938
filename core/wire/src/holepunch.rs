//! Messages of holepunching (BEP 55): a peer that two others are connected to tells both, at the same moment, to connect to
//! each other, so that the routers in front of both let them through.

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

use std::net::{IpAddr, SocketAddr};

/// What one says to another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Holepunch {
    /// Tell the peer at this address and me to connect to each other.
    Rendezvous(SocketAddr),
    /// Connect to this address, now.
    Connect(SocketAddr),
    /// There will be no connection with this address.
    Failed(SocketAddr, HolepunchError),
}

/// Why a rendezvous does not come about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HolepunchError {
    /// The address is none.
    NoSuchPeer = 1,
    /// The relay is not connected to it.
    NotConnected = 2,
    /// It does not speak of holepunching.
    NoSupport = 3,
    /// It is the asker itself.
    NoSelf = 4,
}

impl Holepunch {
    /// The wire form.
    pub(crate) fn encode(self) -> Vec<u8> {
        let (kind, address, error) = match self {
            Self::Rendezvous(address) => (0, address, None),
            Self::Connect(address) => (1, address, None),
            Self::Failed(address, error) => (2, address, Some(error)),
        };
        let mut bytes = vec![kind];
        match address.ip().to_canonical() {
            IpAddr::V4(ip) => {
                bytes.push(0);
                bytes.extend(ip.octets());
            }
            IpAddr::V6(ip) => {
                bytes.push(1);
                bytes.extend(ip.octets());
            }
        }
        bytes.extend(address.port().to_be_bytes());
        bytes.extend(error.map(|error| (error as u32).to_be_bytes()).into_iter().flatten());
        bytes
    }

    /// Reads the wire form; `None` for what is no message. Bytes behind one are ignored: some send an error code with
    /// each.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (&[kind, family], rest) = bytes.split_first_chunk()?;
        let (ip, rest) = match family {
            0 => rest.split_first_chunk::<4>().map(|(ip, rest)| (IpAddr::from(*ip), rest))?,
            1 => rest.split_first_chunk::<16>().map(|(ip, rest)| (IpAddr::from(*ip), rest))?,
            _ => return None,
        };
        let (port, rest) = rest.split_first_chunk()?;
        let address = SocketAddr::new(ip.to_canonical(), u16::from_be_bytes(*port));
        match kind {
            0 => Some(Self::Rendezvous(address)),
            1 => Some(Self::Connect(address)),
            2 => {
                let error = match rest.first_chunk().copied().map(u32::from_be_bytes) {
                    Some(1) => HolepunchError::NoSuchPeer,
                    Some(3) => HolepunchError::NoSupport,
                    Some(4) => HolepunchError::NoSelf,
                    _ => HolepunchError::NotConnected,
                };
                Some(Self::Failed(address, error))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn layout() {
        let address = SocketAddr::from(([1, 2, 3, 4], 0x1ae1));
        assert_eq!(Holepunch::Rendezvous(address).encode(), [0, 0, 1, 2, 3, 4, 0x1a, 0xe1]);
        let failed = Holepunch::Failed(address, HolepunchError::NoSupport);
        assert_eq!(failed.encode(), [2, 0, 1, 2, 3, 4, 0x1a, 0xe1, 0, 0, 0, 3]);
        let v6 = Holepunch::Connect("[2001:db8::1]:6881".parse().unwrap());
        assert_eq!(v6.encode()[..4], [1, 1, 0x20, 0x01]);
        assert_eq!(Holepunch::decode(&v6.encode()), Some(v6));
        // With an error code where none belongs.
        let padded = [0, 0, 1, 2, 3, 4, 0x1a, 0xe1, 0, 0, 0, 0];
        assert_eq!(Holepunch::decode(&padded), Some(Holepunch::Rendezvous(address)));
        assert_eq!(Holepunch::decode(&[0, 2, 1, 2, 3, 4, 5, 6]), None);
        assert_eq!(Holepunch::decode(&[3, 0, 1, 2, 3, 4, 5, 6]), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            if let Some(message) = Holepunch::decode(&bytes) {
                prop_assert_eq!(Holepunch::decode(&message.encode()), Some(message));
            }
        }
    }
}
