//! Canonical peer priority (BEP 40): a number that both ends of a connection agree on, so that nobody's place in a full
//! swarm depends on who came first.

use std::net::{IpAddr, SocketAddr};

/// The priority of the connection between two peers, whichever is which. More is better.
pub(crate) fn priority(one: SocketAddr, other: SocketAddr) -> u32 {
    let (a, b) = (one.ip().to_canonical(), other.ip().to_canonical());
    if a == b {
        return of_parts(one.port().to_be_bytes().to_vec(), other.port().to_be_bytes().to_vec());
    }
    match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => of_masked(a.octets(), b.octets(), 2),
        (IpAddr::V6(a), IpAddr::V6(b)) => of_masked(a.octets(), b.octets(), 6),
        // They cannot be connected.
        _ => 0,
    }
}

/// Of the bytes behind the first `network` half of the bits count, but for one byte more than two addresses have in
/// common.
fn of_masked<const N: usize>(a: [u8; N], b: [u8; N], network: usize) -> u32 {
    let common = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let whole = if common < network { network } else { common + 1 };
    let masked = |address: [u8; N]| -> Vec<u8> {
        address.iter().enumerate().map(|(at, byte)| if at < whole { *byte } else { byte & 0x55 }).collect()
    };
    of_parts(masked(a), masked(b))
}

fn of_parts(a: Vec<u8>, b: Vec<u8>) -> u32 {
    let (low, high) = if a <= b { (a, b) } else { (b, a) };
    crc32c(&[low, high].concat())
}

/// CRC-32C, bit by bit: the few bytes of two addresses are not worth a table.
fn crc32c(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0x82f6_3b78;
    let crc = bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (POLYNOMIAL & (crc & 1).wrapping_neg()))
    });
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_specification_and_of_others() {
        for (one, other, expected) in [
            ("123.213.32.10:0", "98.76.54.32:0", 0xec2d_7224),
            ("123.213.32.10:0", "123.213.32.234:0", 0x9956_8189),
            ("206.248.98.111:0", "142.147.89.224:0", 0x2b41_d456),
            ("230.12.123.3:1234", "230.12.123.3:300", 0xae8b_7034),
            ("230.120.23.1:1234", "230.12.123.3:300", 0xfa9a_860e),
        ] {
            let (one, other) = (one.parse().unwrap(), other.parse().unwrap());
            assert_eq!((priority(one, other), priority(other, one)), (expected, expected), "{one} {other}");
        }
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn masks_grow_with_what_is_common() {
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        let own = at("10.1.2.3:1");
        assert_eq!(priority(own, at("10.2.0.0:1")), priority(own, at("10.2.170.170:1")), "outside the /16");
        assert_ne!(priority(own, at("10.1.0.0:1")), priority(own, at("10.1.170.0:1")), "inside the /16");
        assert_eq!(priority(own, at("10.1.4.0:1")), priority(own, at("10.1.4.170:1")), "outside the /24");
        assert_ne!(priority(own, at("10.1.2.0:1")), priority(own, at("10.1.2.170:1")), "inside the /24");
        let own = at("[2001:db8:1:1::1]:1");
        assert_eq!(priority(own, at("[2001:db8:2:aa00::]:1")), priority(own, at("[2001:db8:2::]:1")));
        assert_ne!(priority(own, at("[2001:db8:1:aa00::]:1")), priority(own, at("[2001:db8:1::]:1")));
    }
}
