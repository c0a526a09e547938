//! Messages of peer exchange (BEP 11).

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

use crate::limits::{EXTENDED_LENGTH, HANDSHAKE_DEPTH, HANDSHAKE_TOKENS};
use bencode::{DictWriter, Limits, Value};
use std::net::{IpAddr, SocketAddr};

const LIMITS: Limits =
    Limits { max_bytes: EXTENDED_LENGTH as usize, max_depth: HANDSHAKE_DEPTH, max_tokens: HANDSHAKE_TOKENS };

/// The peers that a message adds, at most `most` of each family; `None` if it is no message. A list that ends in the
/// middle of an address is taken up to there.
pub(crate) fn decode(content: &[u8], most: usize) -> Option<Vec<SocketAddr>> {
    let (document, _) = bencode::decode_prefix(content, LIMITS).ok()?;
    let root = document.root();
    root.dict()?;
    let bytes = |key: &[u8]| root.get(key).and_then(Value::bytes).unwrap_or_default();
    let (v4, _) = bytes(b"added").as_chunks::<6>();
    let (v6, _) = bytes(b"added6").as_chunks::<18>();
    let v4 = v4.iter().take(most).map(|it| address::<4>(it));
    let v6 = v6.iter().take(most).map(|it| address::<16>(it));
    Some(v4.chain(v6).flatten().collect())
}

/// An address of so many bytes, and a port.
fn address<const N: usize>(bytes: &[u8]) -> Option<SocketAddr>
where
    IpAddr: From<[u8; N]>,
{
    let (ip, port) = bytes.split_first_chunk::<N>()?;
    Some(SocketAddr::new(IpAddr::from(*ip).to_canonical(), u16::from_be_bytes(*port.first_chunk()?)))
}

/// A message about peers that came, with their flags, and peers that went.
pub(crate) fn encode(added: &[(SocketAddr, u8)], dropped: &[SocketAddr]) -> Vec<u8> {
    let mut dict = DictWriter::new();
    for (is_v4, suffix) in [(true, ""), (false, "6")] {
        let of_family = |address: &SocketAddr| address.ip().to_canonical().is_ipv4() == is_v4;
        let added: Vec<&(SocketAddr, u8)> = added.iter().filter(|(address, _)| of_family(address)).collect();
        let flags: Vec<u8> = added.iter().map(|(_, flags)| *flags).collect();
        let dropped = compact(dropped.iter().filter(|address| of_family(address)));
        dict.bytes(format!("added{suffix}"), compact(added.iter().map(|(address, _)| address)));
        dict.bytes(format!("added{suffix}.f"), flags);
        dict.bytes(format!("dropped{suffix}"), dropped);
    }
    dict.encode()
}

fn compact<'a>(addresses: impl Iterator<Item = &'a SocketAddr>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for address in addresses {
        match address.ip().to_canonical() {
            IpAddr::V4(ip) => bytes.extend(ip.octets()),
            IpAddr::V6(ip) => bytes.extend(ip.octets()),
        }
        bytes.extend(address.port().to_be_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_message_has_its_lists_for_both_families() {
        let added = [(at("1.2.3.4:258"), 0x12), (at("[2001:db8::1]:1"), 2)];
        let message = encode(&added, &[at("5.6.7.8:9")]);
        let v6 = b"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\0\x01";
        let expected = [
            &b"d5:added6:\x01\x02\x03\x04\x01\x027:added.f1:\x126:added618:"[..],
            v6,
            b"8:added6.f1:\x027:dropped6:\x05\x06\x07\x08\0\x098:dropped60:e",
        ];
        assert_eq!(message, expected.concat(), "{}", message.escape_ascii());
        assert_eq!(decode(&message, 50), Some(vec![added[0].0, added[1].0]));
    }

    #[test]
    fn lists_are_cut_and_nonsense_is_as_good_as_absent() {
        let long = [&b"d5:added600:"[..], &[7; 600], b"e"].concat();
        assert_eq!(decode(&long, 50).map(|peers| peers.len()), Some(50));
        assert_eq!(decode(b"d5:added7:abcdefge", 50).map(|peers| peers.len()), Some(1));
        assert_eq!(decode(b"d5:addedi1e6:added6lee", 50), Some(Vec::new()));
        for content in [&b""[..], b"i1e", b"le", b"d5:added"] {
            assert_eq!(decode(content, 50), None);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes, 50);
        }
    }
}
