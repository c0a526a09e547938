//! Messages about the info dict (BEP 9).

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

use crate::limits::{EXTENDED_LENGTH, HANDSHAKE_DEPTH, HANDSHAKE_TOKENS};
use bencode::{DictWriter, Limits, Value};
use metainfo::BLOCK_LENGTH;

const LIMITS: Limits =
    Limits { max_bytes: EXTENDED_LENGTH as usize, max_depth: HANDSHAKE_DEPTH, max_tokens: HANDSHAKE_TOKENS };

/// One message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Metadata<'a> {
    /// The other end wants a piece.
    Request(i64),
    /// A piece: its number, the size of the whole if that was told, the bytes.
    Data(i64, Option<i64>, &'a [u8]),
    /// The other end does not send a piece.
    Reject(i64),
    /// Of a kind that later versions of the protocol may have.
    Unknown,
}

/// Reads a message; `None` if it is none.
pub(crate) fn decode(content: &[u8]) -> Option<Metadata<'_>> {
    let (document, length) = bencode::decode_prefix(content, LIMITS).ok()?;
    let integer = |key: &[u8]| document.root().get(key).and_then(Value::integer);
    let piece = integer(b"piece")?;
    Some(match integer(b"msg_type")? {
        0 => Metadata::Request(piece),
        1 => Metadata::Data(piece, integer(b"total_size"), content.get(length..).unwrap_or_default()),
        2 => Metadata::Reject(piece),
        _ => Metadata::Unknown,
    })
}

/// A request for a piece.
pub(crate) fn request(piece: u32) -> Vec<u8> {
    head(0, piece).encode()
}

/// A piece is not sent. The number is the peer's own and may be any.
pub(crate) fn reject(piece: i64) -> Vec<u8> {
    let mut dict = DictWriter::new();
    dict.integer("msg_type", 2).integer("piece", piece);
    dict.encode()
}

/// A piece of `info`; `None` if there is no such piece.
pub(crate) fn data(info: &[u8], piece: u32) -> Option<Vec<u8>> {
    let bytes = info.chunks(BLOCK_LENGTH as usize).nth(piece as usize)?;
    let mut message = head(1, piece).integer("total_size", i64::from(info.len() as u32)).encode();
    message.extend_from_slice(bytes);
    Some(message)
}

fn head(kind: i64, piece: u32) -> DictWriter {
    let mut dict = DictWriter::new();
    dict.integer("msg_type", kind).integer("piece", i64::from(piece));
    dict
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_messages_of_the_specification() {
        assert_eq!(request(0), b"d8:msg_typei0e5:piecei0ee");
        assert_eq!(reject(0), b"d8:msg_typei2e5:piecei0ee");
        let info = vec![7; 34256];
        let message = data(&info, 0).unwrap();
        let head = b"d8:msg_typei1e5:piecei0e10:total_sizei34256ee";
        assert_eq!(message, [&head[..], &info[..16384]].concat());
        assert_eq!(decode(&request(3)), Some(Metadata::Request(3)));
        assert_eq!(decode(&reject(-1)), Some(Metadata::Reject(-1)));
        assert_eq!(decode(&message), Some(Metadata::Data(0, Some(34256), &info[..16384])));
        assert_eq!(decode(b"d8:msg_typei3e5:piecei0ee"), Some(Metadata::Unknown));
    }

    #[test]
    fn the_last_piece_is_short_and_nothing_is_behind_it() {
        let info = vec![7; 16385];
        assert_eq!(decode(&data(&info, 1).unwrap()), Some(Metadata::Data(1, Some(16385), &[7])));
        assert_eq!(data(&info, 2), None);
        assert_eq!(data(&[], 0), None);
    }

    #[test]
    fn what_is_no_message_is_none() {
        for content in
            [&b""[..], b"de", b"i1e", b"d8:msg_typei0ee", b"d5:piecei0ee", b"d8:msg_type1:05:piecei0ee"]
        {
            assert_eq!(decode(content), None, "{}", content.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes);
        }

        #[test]
        fn a_piece_comes_as_it_went(info in prop::collection::vec(any::<u8>(), 1..40_000), piece in 0..4u32) {
            let message = data(&info, piece);
            let from = piece as usize * BLOCK_LENGTH as usize;
            prop_assert_eq!(message.is_some(), from < info.len());
            if let Some(message) = message {
                let to = info.len().min(from + BLOCK_LENGTH as usize);
                let expected = Metadata::Data(i64::from(piece), Some(i64::from(info.len() as u32)), &info[from..to]);
                prop_assert_eq!(decode(&message), Some(expected));
            }
        }
    }
}
