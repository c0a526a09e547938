//! Ids that an address may have (BEP 42): an attacker cannot sit next to a target of his choice.

use crate::address::is_exempt;
use crate::id::Id;
use std::net::IpAddr;

const V4_MASK: [u8; 4] = [0x03, 0x0f, 0x3f, 0xff];
const V6_MASK: [u8; 8] = [0x01, 0x03, 0x07, 0x0f, 0x1f, 0x3f, 0x7f, 0xff];

/// May a node at this address have this id? Local addresses may have any.
pub fn id_fits(id: Id, address: IpAddr) -> bool {
    if is_exempt(address) {
        return true;
    }
    let crc = checksum(address, id.0[19]);
    let [first, second, third, ..] = crc.to_be_bytes();
    id.0[0] == first && id.0[1] == second && (id.0[2] ^ third) & 0xf8 == 0
}

/// An id chosen by chance among those that a node at this address may have.
pub fn id_for(address: IpAddr, rng: &mut fastrand::Rng) -> Id {
    let mut id = Id::random(rng);
    let [first, second, third, ..] = checksum(address, id.0[19]).to_be_bytes();
    id.0[0] = first;
    id.0[1] = second;
    id.0[2] = third & 0xf8 | id.0[2] & 0x07;
    id
}

/// The number whose first 21 bits an id begins with. `random`: the id's last byte.
fn checksum(address: IpAddr, random: u8) -> u32 {
    let mut bytes = [0; 8];
    let length = match address {
        IpAddr::V4(v4) => {
            bytes.iter_mut().zip(v4.octets()).zip(V4_MASK).for_each(|((out, byte), mask)| *out = byte & mask);
            V4_MASK.len()
        }
        IpAddr::V6(v6) => {
            bytes.iter_mut().zip(v6.octets()).zip(V6_MASK).for_each(|((out, byte), mask)| *out = byte & mask);
            V6_MASK.len()
        }
    };
    bytes[0] |= (random & 7) << 5;
    crc32c(&bytes[..length])
}

/// CRC-32C (Castagnoli), bit by bit: eight bytes at a time need no table.
fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = crc >> 1 ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 };
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(hex: &str) -> Id {
        Id(std::array::from_fn(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap()))
    }

    /// The table of BEP 42, and an IPv6 address of libtorrent's tests.
    const VECTORS: [(&str, &str); 6] = [
        ("124.31.75.21", "5fbfbff10c5d6a4ec8a88e4c6ab4c28b95eee401"),
        ("21.75.31.124", "5a3ce9c14e7a08645677bbd1cfe7d8f956d53256"),
        ("65.23.51.170", "a5d43220bc8f112a3d426c84764f8c2a1150e616"),
        ("84.124.73.14", "1b0321dd1bb1fe518101ceef99462b947a01ff41"),
        ("43.213.53.83", "e56f6cbf5b7c4be0237986d5243b87aa6d51305a"),
        ("2001:b829:2123:be84:e16c:d6ae:5290:49f1", "0a8ad123be84e16cd6ae529049f1f1bbe9ebb304"),
    ];

    #[test]
    fn ids_of_the_specification_fit_their_addresses_only() {
        for (address, hex) in VECTORS {
            assert!(id_fits(id(hex), address.parse().unwrap()), "{address}");
            assert!(!id_fits(id(hex), "8.8.8.8".parse().unwrap()), "{hex}");
        }
    }

    #[test]
    fn a_made_id_fits_and_keeps_its_chance() {
        let mut rng = fastrand::Rng::with_seed(1);
        for address in ["8.8.8.8", "203.0.113.77", "2a00:1450::1"].map(|text| text.parse().unwrap()) {
            let (one, other) = (id_for(address, &mut rng), id_for(address, &mut rng));
            assert!(id_fits(one, address) && id_fits(other, address));
            assert_ne!(one, other);
        }
    }

    #[test]
    fn local_nodes_may_have_any_id() {
        for address in ["127.5.5.5", "10.1.2.3", "192.168.1.1", "172.16.0.1", "169.254.1.1", "::1", "fe80::1"]
        {
            assert!(id_fits(Id([7; 20]), address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn the_checksum_is_castagnolis() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }
}
