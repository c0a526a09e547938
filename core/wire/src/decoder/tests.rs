#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "tests may panic")]

use super::*;
use proptest::prelude::*;

/// A torrent of 37 pieces: a bitfield of five bytes.
const PIECES: u32 = 37;

/// A message with its content owned.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Owned(Vec<u8>, Option<(u8, u32)>);

fn owned(message: &Message<'_>) -> Owned {
    let mut bytes = Vec::new();
    message.encode(&mut bytes);
    Owned(bytes, if let Message::Unknown(id, length) = message { Some((*id, *length)) } else { None })
}

/// Decodes parts of a stream one after the other, payloads of blocks thrown away.
fn decode<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Owned>, Option<Violation>) {
    let mut decoder = Decoder::new(PIECES);
    let mut messages = Vec::new();
    let mut payload = 0;
    for mut part in parts {
        loop {
            payload -= take(&mut part, payload).len();
            match decoder.next(&mut part) {
                Ok(Some(frame)) => {
                    messages.push(owned(&frame.message()));
                    if let Frame::Plain(Message::Piece(block)) = frame {
                        payload = block.length as usize;
                    }
                }
                Ok(None) => break,
                Err(violation) => return (messages, Some(violation)),
            }
        }
    }
    (messages, None)
}

fn one(bytes: &[u8]) -> Result<Owned, Violation> {
    let (mut messages, violation) = decode([bytes]);
    match violation {
        Some(violation) => Err(violation),
        None => Ok(messages.remove(0)),
    }
}

fn framed(length: u32, id: u8, content: &[u8]) -> Vec<u8> {
    [&length.to_be_bytes()[..], &[id], content].concat()
}

#[test]
fn vectors_of_bep_3() {
    let request = BlockRequest { piece: PieceIndex(1), begin: 0x4000, length: 0x2000 };
    let vectors: [(&[u8], Message<'_>); 9] = [
        (b"\0\0\0\0", Message::KeepAlive),
        (b"\0\0\0\x01\0", Message::Choke),
        (b"\0\0\0\x05\x04\0\0\0\x2a", Message::Have(PieceIndex(42))),
        (b"\0\0\0\x03\x09\xaa\xbb", Message::Port(43707)),
        (b"\0\0\0\x06\x05\x21\0\0\0\x80", Message::Bitfield(b"\x21\0\0\0\x80")),
        (b"\0\0\0\x0d\x06\0\0\0\x01\0\0\x40\0\0\0\x20\0", Message::Request(request)),
        (b"\0\0\0\x0d\x10\0\0\0\x01\0\0\x40\0\0\0\x20\0", Message::Reject(request)),
        (b"\0\0\0\x01\x0e", Message::HaveAll),
        (b"\0\0\0\x04\x14\0de", Message::Extended(0, b"de")),
    ];
    for (bytes, message) in vectors {
        assert_eq!(one(bytes), Ok(owned(&message)));
        assert_eq!(owned(&message).0, bytes);
    }
    assert_eq!(one(b"\0\0\0\x02\0\x21"), Err(Violation::WrongLength), "a choke with a payload byte");
}

#[test]
fn a_block_ends_with_its_header() {
    let mut decoder = Decoder::new(PIECES);
    let mut bytes = &b"\0\0\0\x0d\x07\0\0\0\x02\0\0\x40\0payload"[..];
    let block = BlockRequest { piece: PieceIndex(2), begin: 0x4000, length: 4 };
    assert_eq!(decoder.next(&mut bytes), Ok(Some(Frame::Plain(Message::Piece(block)))));
    assert_eq!(bytes, b"payload");
}

#[test]
fn lengths_are_judged_before_content() {
    let cases = [
        (framed(u32::MAX, id::PIECE, b""), Violation::Oversized),
        (framed((16 << 20) + 1, id::PIECE, b""), Violation::Oversized),
        (framed(9 + PIECE_PAYLOAD + 1, id::PIECE, b""), Violation::Oversized),
        (framed(8, id::PIECE, b""), Violation::WrongLength),
        (framed(4, id::HAVE, b""), Violation::WrongLength),
        (framed(12, id::REQUEST, b""), Violation::WrongLength),
        (framed(1001, id::CHOKE, b""), Violation::WrongLength),
        (framed(2, id::PORT, b""), Violation::WrongLength),
        (framed(201, id::PORT, b""), Violation::WrongLength),
        (framed(5, id::BITFIELD, b""), Violation::BadBitfield),
        (framed(7, id::BITFIELD, b""), Violation::BadBitfield),
        (framed(8 << 20, id::BITFIELD, b""), Violation::Oversized),
        (framed(1, id::EXTENDED, b""), Violation::BadExtension),
        (framed(2 + EXTENDED_LENGTH + 1, id::EXTENDED, b"\0"), Violation::Oversized),
        (framed(1 + UNKNOWN_LENGTH + 1, 200, b""), Violation::Oversized),
    ];
    for (bytes, violation) in cases {
        assert_eq!(one(&bytes), Err(violation), "{}", bytes.escape_ascii());
    }
    assert_eq!(decode([&b"\xff\xff\xff\xff"[..]]).1, Some(Violation::Oversized), "the prefix is enough");
}

#[test]
fn memory_grows_with_the_bytes_that_came_and_is_given_back() {
    let mut decoder = Decoder::new(PIECES);
    let mut start = &framed(2 + EXTENDED_LENGTH, id::EXTENDED, b"\0abc")[..];
    assert_eq!(decoder.next(&mut start), Ok(None));
    assert!(decoder.body.capacity() < 100);
    let rest = vec![b'x'; EXTENDED_LENGTH as usize - 3];
    assert!(
        matches!(decoder.next(&mut &rest[..]), Ok(Some(Frame::Extended(0, content))) if content.len() == EXTENDED_LENGTH as usize)
    );
    assert_eq!(decoder.next(&mut &b"\0"[..]), Ok(None));
    assert_eq!(decoder.body.capacity(), 0);
}

#[test]
fn what_nobody_knows_is_passed_over_and_never_kept() {
    let mut stream = Vec::new();
    for id in (10..=12).chain([18, 19, 21, 22, 23]).chain(24..=255) {
        stream.extend(framed(1 + u32::from(id % 65), id, &vec![b'x'; usize::from(id % 65)]));
    }
    stream.extend(framed(2 + 50_000, id::EXTENDED, &vec![77; 50_001]));
    stream.extend(b"\0\0\0\x01\x01");
    let (messages, violation) = decode([&stream[..]]);
    assert_eq!((violation, messages.len()), (None, 3 + 2 + 3 + 232 + 2));
    assert_eq!(messages[messages.len() - 2].1, Some((id::EXTENDED, 50_000)));
    assert_eq!(messages.last(), Some(&owned(&Message::Unchoke)));
}

fn any_request() -> impl Strategy<Value = BlockRequest> {
    (any::<u32>(), any::<u32>(), any::<u32>()).prop_map(|(piece, begin, length)| BlockRequest {
        piece: PieceIndex(piece),
        begin,
        length,
    })
}

/// Wire forms of legal messages, payloads of blocks included.
fn any_message() -> impl Strategy<Value = Vec<u8>> {
    let plain = prop::sample::select(vec![
        Message::KeepAlive,
        Message::Choke,
        Message::Unchoke,
        Message::Interested,
        Message::NotInterested,
        Message::HaveAll,
        Message::HaveNone,
        Message::Bitfield(b"\xff\0\x11\x22\x80"),
    ]);
    let ranged = (any_request(), any::<u16>(), 0..7u8).prop_map(|(request, port, which)| match which {
        0 => Message::Request(request),
        1 => Message::Cancel(request),
        2 => Message::Reject(request),
        3 => Message::Have(request.piece),
        4 => Message::Suggest(request.piece),
        5 => Message::AllowedFast(request.piece),
        _ => Message::Port(port),
    });
    let simple = prop_oneof![plain, ranged].prop_map(|message| owned(&message).0);
    let extended = (prop::sample::select(vec![0u8, 3]), prop::collection::vec(any::<u8>(), 0..200))
        .prop_map(|(number, content)| owned(&Message::Extended(number, &content)).0);
    let block = (any_request(), prop::collection::vec(any::<u8>(), 0..200)).prop_map(|(request, payload)| {
        let request = BlockRequest { length: payload.len() as u32, ..request };
        [owned(&Message::Piece(request)).0, payload].concat()
    });
    prop_oneof![4 => simple, 1 => extended, 2 => block]
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(messages in prop::collection::vec(any_message(), 0..20)) {
        let (decoded, violation) = decode([&messages.concat()[..]]);
        prop_assert_eq!(violation, None);
        prop_assert_eq!(decoded.len(), messages.len());
        for (decoded, bytes) in decoded.iter().zip(&messages) {
            prop_assert!(bytes.starts_with(&decoded.0), "{:?} of {}", decoded, bytes.escape_ascii());
        }
    }

    #[test]
    fn cuts_do_not_matter(
        messages in prop::collection::vec(any_message(), 0..20),
        tail in prop::collection::vec(any::<u8>(), 0..40),
        sizes in prop::collection::vec(1..30usize, 1..20),
    ) {
        let stream = [messages.concat(), tail].concat();
        let mut parts = Vec::new();
        let mut rest = &stream[..];
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            parts.push(take(&mut rest, *size));
        }
        prop_assert_eq!(decode(parts), decode([&stream[..]]));
    }

    #[test]
    fn nothing_panics(stream in prop::collection::vec(prop_oneof![3 => Just(0u8), 2 => 0..24u8, 1 => any::<u8>()], 0..500)) {
        let _ = decode([&stream[..]]);
    }
}
