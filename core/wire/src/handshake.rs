//! The 68 bytes every connection begins with (BEP 3), and the reserved bits in them.

use crate::Violation;
use metainfo::PeerId;

/// Bytes of a handshake.
pub const HANDSHAKE_LENGTH: usize = 68;

/// The length-prefixed name of the protocol, the same for everybody.
const PROTOCOL: &[u8; 20] = b"\x13BitTorrent protocol";

/// Reserved bits we set: extension protocol (BEP 10) and fast extension (BEP 6).
pub(crate) const OUR_RESERVED: [u8; 8] = [0, 0, 0, 0, 0, 0x10, 0, 0x04];

/// The same with a node of the DHT (BEP 5).
pub(crate) const OUR_RESERVED_WITH_DHT: [u8; 8] = [0, 0, 0, 0, 0, 0x10, 0, 0x05];

/// A handshake, either end's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Handshake {
    /// Feature bits; unknown ones are ignored.
    pub reserved: [u8; 8],
    /// The torrent, as cut to 20 bytes for the wire.
    pub info_hash: [u8; 20],
    /// The sender's id.
    pub peer_id: PeerId,
}

impl Handshake {
    /// The wire form.
    pub fn encode(&self) -> [u8; HANDSHAKE_LENGTH] {
        let parts: [&[u8]; 4] = [PROTOCOL, &self.reserved, &self.info_hash, &self.peer_id.0];
        let mut bytes = parts.into_iter().flatten();
        std::array::from_fn(|_| bytes.next().copied().unwrap_or_default())
    }

    /// Reads the wire form. [`Violation::BadHandshake`] unless it names the protocol.
    pub fn decode(bytes: &[u8; HANDSHAKE_LENGTH]) -> Result<Self, Violation> {
        if Self::looks_wrong(bytes) {
            return Err(Violation::BadHandshake);
        }
        let (reserved, rest) = bytes.split_at(20).1.split_first_chunk().ok_or(Violation::BadHandshake)?;
        let (info_hash, rest) = rest.split_first_chunk().ok_or(Violation::BadHandshake)?;
        let peer_id = rest.first_chunk().ok_or(Violation::BadHandshake)?;
        Ok(Self { reserved: *reserved, info_hash: *info_hash, peer_id: PeerId(*peer_id) })
    }

    /// Whether bytes that begin like `prefix` cannot become a handshake any more, so that garbage is closed at
    /// its first bytes.
    pub fn looks_wrong(prefix: &[u8]) -> bool {
        prefix.iter().zip(PROTOCOL).any(|(theirs, ours)| theirs != ours)
    }

    /// The sender speaks the fast extension (BEP 6).
    pub const fn fast(&self) -> bool {
        self.reserved[7] & 0x04 != 0
    }

    /// The sender speaks the extension protocol (BEP 10).
    pub const fn extended(&self) -> bool {
        self.reserved[5] & 0x10 != 0
    }

    /// The sender has a DHT node (BEP 5).
    pub const fn dht(&self) -> bool {
        self.reserved[7] & 0x01 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handshake() -> Handshake {
        Handshake { reserved: OUR_RESERVED, info_hash: [7; 20], peer_id: PeerId(*b"-SL0100-abcdefghijkl") }
    }

    #[test]
    fn layout_and_round_trip() {
        let bytes = handshake().encode();
        assert_eq!(&bytes[..20], b"\x13BitTorrent protocol");
        assert_eq!(bytes[20..28], [0, 0, 0, 0, 0, 0x10, 0, 0x04]);
        assert_eq!(bytes[28..48], [7; 20]);
        assert_eq!(&bytes[48..], b"-SL0100-abcdefghijkl");
        assert_eq!(Handshake::decode(&bytes), Ok(handshake()));
    }

    #[test]
    fn flags_are_the_bits_of_the_beps() {
        assert!(handshake().fast() && handshake().extended() && !handshake().dht());
        let all = Handshake { reserved: [0xff; 8], ..handshake() };
        assert!(all.fast() && all.extended() && all.dht());
        let none = Handshake { reserved: [0; 8], ..handshake() };
        assert!(!none.fast() && !none.extended() && !none.dht());
    }

    #[test]
    fn garbage_shows_in_its_first_bytes() {
        let bytes = handshake().encode();
        for length in 0..=bytes.len() {
            assert!(!Handshake::looks_wrong(&bytes[..length]));
        }
        assert!(Handshake::looks_wrong(b"\xff"));
        assert!(Handshake::looks_wrong(b"GET / HTTP/1.1\r\n"));
        assert!(Handshake::looks_wrong(b"\x13BitTorrent protocoX"));
        let mut wrong = bytes;
        wrong[19] = b'X';
        assert_eq!(Handshake::decode(&wrong), Err(Violation::BadHandshake));
    }
}
