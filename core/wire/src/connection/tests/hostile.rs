//! What hostile peers do; the ideas are those of the acceptance suite's `hostile_peer.py`.

use super::*;
use crate::limits::{ALLOWED_FAST_TAKEN, UNREQUESTED_BLOCKS};

const SECOND: Duration = Duration::from_secs(1);

/// Reserved bits of a peer with extensions but without the fast one.
const NOT_FAST: [u8; 8] = [0, 0, 0, 0, 0, 0x10, 0, 0];

/// Says the same things over and over until the connection closes. The answer is how many rounds it took.
fn flood(lone: &mut Lone, messages: &[Message<'_>], rounds: usize) -> usize {
    let bytes = encode(messages);
    for round in 0..rounds {
        if lone.connection.is_closed() {
            return round;
        }
        lone.hear_bytes(&bytes);
    }
    rounds
}

fn assert_breaks(messages: &[Message<'_>], violation: Violation) {
    let mut lone = Lone::new();
    lone.hear_bytes(&encode(messages));
    lone.assert_violation(violation);
}

#[test]
fn handshakes_that_are_none() {
    let now = origin();
    let theirs = Handshake { reserved: [0; 8], info_hash: [0xbb; 20], peer_id: PeerId([b'x'; 20]) };
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"\xffAAAA", b"\x13BitTorrent protocoX", &theirs.encode()] {
        let mut ours = Connection::outgoing(config(), 1, now);
        assert_eq!(ours.handle_bytes(now, bytes), bytes.len());
        assert_eq!(ours.poll_fact(), Some(Fact::Closed(Close::Violation(Violation::BadHandshake))));
        assert_eq!(ours.poll_fact(), None);
    }
    let mut stranger = Connection::incoming(config(), theirs, 1, now);
    assert!(stranger.is_closed() && !stranger.poll_transmit(&mut Vec::new()), "nothing is said");
}

#[test]
fn the_handshake_has_one_timer_however_its_bytes_drip() {
    let start = origin();
    let theirs = Handshake { reserved: [0; 8], info_hash: [0xaa; 20], peer_id: PeerId([b'x'; 20]) }.encode();
    let mut ours = Connection::outgoing(config(), 1, start);
    for (second, byte) in theirs.iter().enumerate() {
        let now = start + second as u32 * SECOND;
        if ours.poll_timeout().is_some_and(|due| due <= now) {
            ours.handle_timeout(now);
        }
        ours.handle_bytes(now, &[*byte]);
        assert_eq!(ours.is_closed(), second >= 10, "second {second}");
    }
    assert_eq!(ours.poll_fact(), Some(Fact::Closed(Close::TimedOut)));
}

#[test]
fn all_reserved_bits_are_no_offence() {
    let mut lone = Lone::with_reserved([0xff; 8]);
    lone.hear(&Message::HaveNone);
    lone.assert_open();
}

#[test]
fn bad_frames_close() {
    for (bytes, violation) in [
        (&b"\xff\xff\xff\xff\x07AAAA"[..], Violation::Oversized),
        (b"\x01\0\0\0\x07AAAA", Violation::Oversized),
        (b"\0\0\0\x04\x04\0\0\0", Violation::WrongLength),
        (b"\0\0\x03\xe9\0xxxx", Violation::WrongLength),
        (b"\0\0\0\x05\x07\0\0\0\0", Violation::WrongLength),
        (b"\0\0\0\x02\x09\0", Violation::WrongLength),
        (b"\0\0\0\x01\x14", Violation::BadExtension),
        (b"\0\x80\0\x01\x05", Violation::Oversized),
    ] {
        let mut lone = Lone::new();
        lone.hear_bytes(bytes);
        lone.assert_violation(violation);
    }
}

#[test]
fn bad_bitfields_close() {
    let all = Bitfield::full(PIECE_COUNT);
    let mut spare = all.as_bytes().to_vec();
    spare[2] = 0xff;
    assert_breaks(&[Message::Bitfield(&spare)], Violation::BadBitfield);
    assert_breaks(&[Message::Bitfield(&spare[..2])], Violation::BadBitfield);
    assert_breaks(&[Message::Bitfield(&[0; 4])], Violation::BadBitfield);
    let bitfield = Message::Bitfield(all.as_bytes());
    assert_breaks(&[Message::HaveAll, Message::HaveNone], Violation::Unexpected);
    assert_breaks(&[bitfield, Message::HaveAll], Violation::Unexpected);
}

#[test]
fn the_fast_messages_need_the_fast_extension() {
    for message in [
        Message::HaveAll,
        Message::HaveNone,
        Message::Suggest(PieceIndex(0)),
        Message::AllowedFast(PieceIndex(0)),
        Message::Reject(block(0, 0)),
    ] {
        let mut lone = Lone::with_reserved(NOT_FAST);
        lone.hear(&message);
        lone.assert_violation(Violation::Unexpected);
    }
}

#[test]
fn extension_messages_need_the_extension_protocol() {
    let mut lone = Lone::plain();
    lone.hear(&Message::Extended(0, b"de"));
    lone.assert_violation(Violation::Unexpected);
}

#[test]
fn indexes_outside_the_torrent_close() {
    let at = |piece, begin, length| BlockRequest { piece: PieceIndex(piece), begin, length };
    let pieces = [PIECE_COUNT, 0x7fff_ffff, u32::MAX].map(PieceIndex);
    for piece in pieces {
        for message in [Message::Have(piece), Message::Suggest(piece), Message::AllowedFast(piece)] {
            assert_breaks(&[message], Violation::OutOfRange);
        }
        assert_breaks(&[Message::Piece(at(piece.0, 0, BLOCK_LENGTH))], Violation::OutOfRange);
        assert_breaks(&[Message::Piece(at(piece.0, 0, 0))], Violation::OutOfRange);
    }
    for request in [
        at(PIECE_COUNT, 0, BLOCK_LENGTH),
        at(0x7fff_ffff, 0, BLOCK_LENGTH),
        at(0, 0xffff_fff0, 0x20),
        at(0, PIECE_LENGTH - 10, BLOCK_LENGTH),
        at(0, 0, 0),
        at(0, 0, PIECE_LENGTH + 1),
        at(0, 0, 0x7fff_ffff),
        at(PIECE_COUNT - 1, 1, 1),
    ] {
        assert_breaks(&[Message::Request(request)], Violation::OutOfRange);
        assert_breaks(&[Message::Cancel(request)], Violation::OutOfRange);
    }
    assert_breaks(&[Message::Piece(at(0, 0xffff_c000, BLOCK_LENGTH))], Violation::OutOfRange);
}

#[test]
fn a_range_longer_than_a_block_is_refused_and_a_huge_one_closes() {
    let geometry = Some(Arc::new(Geometry::new(1 << 20, [1 << 22]).unwrap()));
    let theirs = Handshake { reserved: OUR_RESERVED, info_hash: [0xaa; 20], peer_id: PeerId([b'x'; 20]) };
    let now = origin();
    let mut ours = Connection::incoming(Config { geometry, ..config() }, theirs, 1, now);
    ours.handle_order(now, Order::Unchoke);
    ours.poll_transmit(&mut Vec::new());
    let long = BlockRequest { piece: PieceIndex(0), begin: 0, length: 128 * 1024 };
    ours.handle_bytes(now, &encode(&[Message::Request(long)]));
    let mut said = Vec::new();
    ours.poll_transmit(&mut said);
    assert_eq!((said, ours.uploads_pending()), (encode(&[Message::Reject(long)]), false));
    let huge = BlockRequest { length: 128 * 1024 + 1, ..long };
    ours.handle_bytes(now, &encode(&[Message::Request(huge)]));
    assert!(ours.is_closed());
}

#[test]
fn cheap_messages_have_a_price() {
    let handshake = Message::Extended(0, b"d1:md11:ut_metadatai2e6:ut_pexi1ee1:v1:xe");
    let floods: [(&[Message<'_>], usize); 9] = [
        (&[Message::KeepAlive], 1100),
        (&[Message::Choke, Message::Unchoke], 250),
        (&[Message::Interested, Message::NotInterested], 300),
        (&[Message::Have(PieceIndex(0))], 1100),
        (&[Message::Suggest(PieceIndex(0))], 1100),
        (&[Message::AllowedFast(PieceIndex(0))], 1100),
        (&[Message::Port(5000)], 110),
        (&[handshake], 25),
        (&[Message::Cancel(block(0, 0))], 2100),
    ];
    for (messages, most) in floods {
        let mut lone = Lone::new();
        lone.hear(&Message::HaveNone);
        let rounds = flood(&mut lone, messages, 500_000);
        assert!((10..=most).contains(&rounds), "{messages:?}: {rounds} rounds");
        assert!(lone.connection.facts.len() < 2100);
        lone.assert_violation(Violation::Flood);
    }
}

#[test]
fn unknown_messages_are_ignored_within_reason() {
    let mut lone = Lone::new();
    let mut stream = Vec::new();
    for id in (10..=12u8).chain([18, 19]).chain(21..=255) {
        let length = u32::from(id % 65);
        stream.extend((1 + length).to_be_bytes());
        stream.extend([id]);
        stream.extend(vec![b'x'; length as usize]);
    }
    for number in (1..=255).filter(|number| ![2, 3, 4].contains(number)) {
        Message::Extended(number, b"de").encode(&mut stream);
    }
    lone.hear_bytes(&stream);
    lone.assert_open();
    let big = vec![b'x'; 100_000];
    assert!(flood(&mut lone, &[Message::Extended(77, &big)], 100) < 10);
    lone.assert_violation(Violation::Flood);
}

#[test]
fn port_zero_is_no_offence() {
    let mut lone = Lone::new();
    lone.hear(&Message::Port(0));
    lone.assert_open();
    assert_eq!(lone.facts(), []);
}

#[test]
fn broken_extension_handshakes_close() {
    let lists = [&b"d1:m"[..], &b"l".repeat(60_000), &b"e".repeat(60_000), b"e"].concat();
    for content in [&lists[..], b"d1:v2147483647:abce", b"", b"li1ee"] {
        assert_breaks(&[Message::Extended(0, content)], Violation::BadExtension);
    }
    let name = [&b"d1:v900000:"[..], &b"A".repeat(900_000), b"e"].concat();
    assert_breaks(&[Message::Extended(0, &name)], Violation::Oversized);
}

#[test]
fn requests_while_choked_are_rejected_and_never_served() {
    let mut lone = Lone::new();
    let rounds = flood(&mut lone, &[Message::Request(block(0, 0))], 2000);
    assert_eq!(rounds, 2000, "a queue caught by a choke is honest, a few of them too");
    assert_eq!(lone.spoken(), encode(&[Message::Reject(block(0, 0))]).repeat(2000));
    assert_eq!(lone.connection.next_upload(), None);
    assert!(flood(&mut lone, &[Message::Request(block(0, 0))], 100_000) < 10);
    lone.assert_violation(Violation::Flood);
}

#[test]
fn the_queue_of_requests_is_bounded() {
    let mut ours = config();
    ours.request_queue = 30;
    let theirs = Handshake { reserved: OUR_RESERVED, info_hash: [0xaa; 20], peer_id: PeerId([b'x'; 20]) };
    let now = origin();
    let mut connection = Connection::incoming(ours, theirs, 1, now);
    connection.handle_order(now, Order::Unchoke);
    connection.poll_transmit(&mut Vec::new());
    for n in 0..50 {
        connection.handle_bytes(now, &encode(&[Message::Request(block(n % 19, n / 19))]));
    }
    let mut said = Vec::new();
    connection.poll_transmit(&mut said);
    assert_eq!(said.len(), 20 * 17, "twenty rejects");
    assert_eq!(std::iter::from_fn(|| connection.next_upload()).count(), 30);
}

#[test]
fn requests_without_reading_close() {
    let mut lone = Lone::serving();
    let requests: Vec<_> = (0..19).map(|piece| Message::Request(block(piece, 0))).collect();
    let stream = encode(&requests).repeat(6000);
    // The host has handed out half a MiB and waits for the socket.
    let mut taken = 0;
    for part in stream.chunks(4000) {
        if lone.connection.is_closed() {
            break;
        }
        lone.connection.handle_bytes(lone.now, part);
        while taken < 32 && lone.connection.next_upload().is_some() {
            taken += 1;
        }
    }
    lone.assert_violation(Violation::Flood);
    let mut said = Vec::new();
    lone.connection.poll_transmit(&mut said);
    assert!(said.len() < 100_000, "{} bytes wait", said.len());
}

#[test]
fn the_same_block_is_not_sent_for_ever() {
    let mut lone = Lone::serving();
    let rounds = flood(&mut lone, &[Message::Request(block(0, 0))], 5000);
    assert!(rounds < 2100, "{rounds}");
    lone.assert_violation(Violation::Flood);

    let mut lone = Lone::serving();
    let mut sent = 0;
    for _ in 0..5000 {
        lone.hear(&Message::Request(block(0, 0)));
        sent += lone.serve(1);
    }
    lone.assert_violation(Violation::Flood);
    assert!(sent < 110 * u64::from(BLOCK_LENGTH), "{sent} bytes");
}

#[test]
fn asking_and_taking_back_has_a_price() {
    let mut lone = Lone::serving();
    let rounds = flood(&mut lone, &[Message::Request(block(0, 0)), Message::Cancel(block(0, 0))], 20_000);
    assert!(rounds < 2100, "{rounds}");
    lone.assert_violation(Violation::Flood);
}

#[test]
fn a_peer_that_does_not_read_is_closed() {
    let mut lone = Lone::serving();
    for piece in 0..19 {
        lone.hear(&Message::Request(block(piece, 0)));
    }
    while lone.connection.next_upload().is_some() {}
    for _ in 0..59 {
        lone.pass(SECOND);
        lone.connection.handle_written(lone.now, 16);
        lone.hear(&Message::KeepAlive);
        lone.assert_open();
    }
    lone.pass(2 * SECOND);
    assert_eq!(lone.end(), Close::NotReading);
}

#[test]
fn a_slow_reader_is_not_closed() {
    let mut lone = Lone::serving();
    for piece in 0..19 {
        lone.hear(&Message::Request(block(piece, 0)));
    }
    while lone.connection.next_upload().is_some() {}
    for _ in 0..600 {
        lone.pass(SECOND);
        lone.connection.handle_written(lone.now, 100);
        if lone.now.duration_since(lone.connection.heard) > 100 * SECOND {
            lone.hear(&Message::KeepAlive);
        }
    }
    lone.assert_open();
}

#[test]
fn control_messages_unread_are_bounded() {
    let mut lone = Lone::new();
    for _ in 0..1_000_000 {
        lone.order(Order::Have(PieceIndex(0)));
    }
    assert_eq!(lone.end(), Close::NotReading);
    let mut said = Vec::new();
    lone.connection.poll_transmit(&mut said);
    assert!(said.len() < 1_100_000);
}

#[test]
fn silence_is_the_end() {
    let mut lone = Lone::new();
    lone.pass(129 * SECOND);
    lone.spoken();
    lone.assert_open();
    lone.pass(SECOND);
    assert_eq!(lone.end(), Close::TimedOut);
}

#[test]
fn blocks_never_asked_for_are_thrown_away_and_then_close() {
    let mut lone = Lone::new();
    lone.hear(&Message::HaveAll);
    for n in 0..UNREQUESTED_BLOCKS {
        lone.hear_block(block(n, 0));
        lone.assert_open();
    }
    assert_eq!((lone.kept, lone.thrown), (0, u64::from(UNREQUESTED_BLOCKS * BLOCK_LENGTH)));
    lone.hear_bytes(&crate::piece_header(&block(17, 0)));
    lone.assert_violation(Violation::Unrequested);
    assert_eq!(lone.connection.payload(), None);
}

#[test]
fn a_block_sent_ten_times_counts_once() {
    let asked: Vec<_> = (0..8).map(|piece| block(piece, 0)).collect();
    let mut lone = Lone::asking(OUR_RESERVED, &asked);
    for request in asked {
        for _ in 0..10 {
            lone.hear_block(request);
        }
    }
    assert!(lone.kept <= 2 * u64::from(BLOCK_LENGTH));
    lone.assert_violation(Violation::Unrequested);
}

#[test]
fn blocks_of_another_length_than_asked_close() {
    for length in [0, 1, BLOCK_LENGTH - 1] {
        let mut lone = Lone::asking(OUR_RESERVED, &[block(0, 0)]);
        lone.hear_block(BlockRequest { length, ..block(0, 0) });
        lone.assert_violation(Violation::WrongLength);
    }
    let mut lone = Lone::asking(OUR_RESERVED, &[block(0, 0)]);
    lone.hear_block(BlockRequest { length: 128 * 1024, ..block(0, 0) });
    lone.assert_violation(Violation::Oversized);
}

#[test]
fn empty_blocks_never_asked_for_do_not_stick() {
    let mut lone = Lone::new();
    lone.hear_block(BlockRequest { length: 0, ..block(0, 0) });
    assert_eq!(lone.connection.payload(), None);
    lone.hear(&Message::Interested);
    assert!(lone.facts().contains(&Fact::Interested));
    assert!(flood(&mut lone, &[Message::Piece(BlockRequest { length: 0, ..block(0, 0) })], 1000) < 20);
    lone.assert_violation(Violation::Unrequested);
}

#[test]
fn rejects_of_requests_never_made_are_a_flood() {
    let mut lone = Lone::asking(OUR_RESERVED, &[block(0, 0)]);
    let nonsense = BlockRequest { piece: PieceIndex(u32::MAX), begin: u32::MAX, length: u32::MAX };
    lone.hear(&Message::Reject(nonsense));
    lone.hear(&Message::Reject(block(0, 0)));
    assert_eq!(lone.facts(), [Fact::Rejected(block(0, 0))]);
    assert!(flood(&mut lone, &[Message::Reject(block(0, 0))], 1000) < 40);
    lone.assert_violation(Violation::Flood);
}

#[test]
fn what_a_peer_allows_is_kept_within_bounds() {
    let geometry = Some(Arc::new(Geometry::new(BLOCK_LENGTH, [u64::from(BLOCK_LENGTH) * 1000]).unwrap()));
    let theirs = Handshake { reserved: OUR_RESERVED, info_hash: [0xaa; 20], peer_id: PeerId([b'x'; 20]) };
    let now = origin();
    let mut ours = Connection::incoming(Config { geometry, ..config() }, theirs, 1, now);
    for piece in 0..900 {
        ours.handle_bytes(now, &encode(&[Message::AllowedFast(PieceIndex(piece))]));
    }
    assert!(!ours.is_closed());
    let allowed = std::iter::from_fn(|| ours.poll_fact()).filter(|fact| matches!(fact, Fact::AllowedFast(_)));
    assert_eq!(allowed.count(), ALLOWED_FAST_TAKEN);
}

#[test]
fn the_end_leaves_nothing_behind() {
    let mut lone = Lone::asking(OUR_RESERVED, &[block(0, 0), block(0, 1)]);
    lone.hear(&Message::Request(block(1, 0)));
    lone.order(Order::Unchoke);
    lone.hear(&Message::Request(block(1, 0)));
    lone.hear_bytes(&[&crate::piece_header(&block(0, 0))[..], &[0; 100]].concat());
    lone.order(Order::Close(Close::Remote));
    assert_eq!((lone.connection.outstanding(), lone.connection.payload()), (0, None));
    assert!(!lone.connection.uploads_pending() && lone.connection.next_upload().is_none());
    assert_eq!(lone.connection.handle_bytes(lone.now, b"more"), 4);
    lone.connection.handle_payload(lone.now, 100);
    assert_eq!(lone.facts().last(), Some(&Fact::Closed(Close::Remote)));
}
