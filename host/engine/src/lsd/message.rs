//! The one message of BEP 14, which looks like an HTTP request.

use crate::limits::LSD_HASHES_PER_PACKET;
use std::fmt::Write;
use std::net::SocketAddr;

const METHOD: &str = "BT-SEARCH * HTTP/1.";

/// The longest cookie that is compared; ours is shorter.
const MAX_COOKIE: usize = 64;

/// An announce on the local network.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Announce {
    /// Where the sender takes connections.
    pub(super) port: u16,
    /// Its torrents.
    pub(super) info_hashes: Vec<[u8; 20]>,
    /// By which a sender knows its own packets.
    pub(super) cookie: Option<String>,
}

impl Announce {
    /// The packet for one group.
    pub(super) fn encode(&self, group: SocketAddr) -> Vec<u8> {
        let mut text = format!("{METHOD}1\r\nHost: {group}\r\nPort: {}\r\n", self.port);
        for hash in self.info_hashes.iter().take(LSD_HASHES_PER_PACKET) {
            text.push_str("Infohash: ");
            // Writing to a String cannot fail.
            let _ = hash.iter().try_for_each(|byte| write!(text, "{byte:02x}"));
            text.push_str("\r\n");
        }
        if let Some(cookie) = &self.cookie {
            let _ = write!(text, "cookie: {cookie}\r\n");
        }
        text.push_str("\r\n\r\n");
        text.into_bytes()
    }

    /// Reads a packet; `None` if it is no announce. Lines that are not known, and info-hashes that are none, are
    /// passed over.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let mut lines = text.lines();
        lines.next()?.strip_prefix(METHOD)?;
        let mut announce = Self { port: 0, info_hashes: Vec::new(), cookie: None };
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            let value = value.trim();
            if name.eq_ignore_ascii_case("port") {
                announce.port = value.parse().ok()?;
            } else if name.eq_ignore_ascii_case("infohash")
                && announce.info_hashes.len() < 2 * LSD_HASHES_PER_PACKET
            {
                announce.info_hashes.extend(parse_hash(value));
            } else if name.eq_ignore_ascii_case("cookie") && value.len() <= MAX_COOKIE {
                announce.cookie = Some(value.to_owned());
            }
        }
        (announce.port != 0 && !announce.info_hashes.is_empty()).then_some(announce)
    }
}

fn parse_hash(text: &str) -> Option<[u8; 20]> {
    let mut hash = [0; 20];
    if text.len() != 40 {
        return None;
    }
    for (byte, digits) in hash.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let digit = |at: usize| digits.get(at).and_then(|digit| char::from(*digit).to_digit(16));
        *byte = (digit(0)? << 4 | digit(1)?) as u8;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_form_of_bep_14() {
        let announce =
            Announce { port: 6881, info_hashes: vec![[0xab; 20], [1; 20]], cookie: Some("c0".into()) };
        let v4 = String::from_utf8(announce.encode("239.192.152.143:6771".parse().unwrap())).unwrap();
        let (ab, one) = ("ab".repeat(20), "01".repeat(20));
        assert_eq!(
            v4,
            format!(
                "BT-SEARCH * HTTP/1.1\r\nHost: 239.192.152.143:6771\r\nPort: 6881\r\nInfohash: {ab}\r\n\
                 Infohash: {one}\r\ncookie: c0\r\n\r\n\r\n"
            )
        );
        let v6 = announce.encode("[ff15::efc0:988f]:6771".parse().unwrap());
        assert!(v6.windows(30).any(|window| window == b"Host: [ff15::efc0:988f]:6771\r\n"));
        assert_eq!(Announce::parse(&v6), Some(announce));
    }

    #[test]
    fn a_full_packet_is_never_split() {
        let announce = Announce {
            port: 65535,
            info_hashes: vec![[0; 20]; 100],
            cookie: Some("0123456789abcdef".into()),
        };
        let bytes = announce.encode("[ff15::efc0:988f]:6771".parse().unwrap());
        assert!(bytes.len() <= 1400, "{}", bytes.len());
        assert_eq!(Announce::parse(&bytes).unwrap().info_hashes.len(), LSD_HASHES_PER_PACKET);
    }

    #[test]
    fn other_clients_ways_are_read() {
        let hash = "AB".repeat(20);
        let text = format!(
            "BT-SEARCH * HTTP/1.1\r\nX: y\r\nHOST:239.192.152.143:6771\r\nport:51413\r\nInfoHash:{hash}\r\ninfohash: short\r\n\r\n"
        );
        let wanted = Announce { port: 51413, info_hashes: vec![[0xab; 20]], cookie: None };
        assert_eq!(Announce::parse(text.as_bytes()), Some(wanted));
    }

    #[test]
    fn what_is_no_announce_is_none() {
        let hash = "ab".repeat(20);
        for text in [
            "M-SEARCH * HTTP/1.1\r\n\r\n".to_owned(),
            "BT-SEARCH * HTTP/1.1\r\nPort: 1\r\n\r\n".into(),
            format!("BT-SEARCH * HTTP/1.1\r\nPort: 0\r\nInfohash: {hash}\r\n\r\n"),
            format!("BT-SEARCH * HTTP/1.1\r\nPort: 65536\r\nInfohash: {hash}\r\n\r\n"),
            format!("BT-SEARCH * HTTP/1.1\r\nInfohash: {hash}\r\n\r\n"),
            format!("BT-SEARCH * HTTP/1.1\r\nPort: 1\r\nInfohash: {}\u{e4}\r\n\r\n", &hash[..38]),
        ] {
            assert_eq!(Announce::parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(Announce::parse(b"\xff\xfe"), None);
    }

    proptest! {
        #[test]
        fn no_packet_harms(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "\\PC{0,200}") {
            Announce::parse(&bytes);
            Announce::parse(format!("BT-SEARCH * HTTP/1.1\r\nPort: 1\r\nInfohash:{text}").as_bytes());
        }
    }
}
