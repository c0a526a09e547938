//! What honest peers do, and what they hear from us.

use super::*;
use crate::{ExtendedHandshake, extended};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn the_opener_speaks_first_and_learns_who_answers() {
    let now = origin();
    let mut ours = Connection::outgoing(config(), 1, now);
    let mut bytes = Vec::new();
    assert!(ours.poll_transmit(&mut bytes));
    let hello = Handshake::decode(&bytes.try_into().unwrap()).unwrap();
    assert!(hello.fast() && hello.extended() && !hello.dht());
    let theirs = Handshake { reserved: [0xff; 8], info_hash: [0xaa; 20], peer_id: PeerId([b'x'; 20]) };
    let glued = [&theirs.encode()[..], &encode(&[Message::HaveAll])].concat();
    assert_eq!(ours.handle_bytes(now, &glued), glued.len());
    let handshaken = Fact::Handshaken { peer_id: PeerId([b'x'; 20]), fast: true, extended: true };
    assert_eq!(ours.poll_fact(), Some(handshaken));
    assert_eq!(ours.poll_fact(), Some(Fact::Availability(Bitfield::full(PIECE_COUNT))));
}

#[test]
fn availability_is_said_in_the_shortest_way_before_the_extension_handshake() {
    let mut some = Bitfield::new(PIECE_COUNT);
    some.insert(PieceIndex(3));
    let cases = [
        (Bitfield::full(PIECE_COUNT), Message::HaveAll, true),
        (Bitfield::new(PIECE_COUNT), Message::HaveNone, false),
        (some.clone(), Message::Bitfield(some.as_bytes()), false),
    ];
    for (pieces, message, upload_only) in cases {
        let mut lone = Lone::new();
        lone.order(Order::Availability(pieces.clone()));
        lone.order(Order::Availability(pieces));
        let content = extended::encode(&config(), upload_only);
        assert_eq!(lone.spoken(), encode(&[message, Message::Extended(0, &content)]));
    }
    let mut plain = Lone::plain();
    plain.order(Order::Availability(Bitfield::new(PIECE_COUNT)));
    assert_eq!(plain.spoken(), b"");
    let mut plain = Lone::plain();
    let all = Bitfield::full(PIECE_COUNT);
    plain.order(Order::Availability(all.clone()));
    assert_eq!(plain.spoken(), encode(&[Message::Bitfield(all.as_bytes())]));
}

#[test]
fn a_block_is_asked_for_and_comes() {
    let mut lone = Lone::asking(OUR_RESERVED, &[]);
    lone.order(Order::Request(block(0, 3)));
    assert_eq!(lone.spoken(), encode(&[Message::Request(block(0, 3))]));
    assert_eq!(lone.connection.outstanding(), 1);
    let header = crate::piece_header(&block(0, 3));
    assert_eq!(lone.connection.handle_bytes(lone.now, &[&header[..], b"beginning"].concat()), header.len());
    let payload = Payload { request: block(0, 3), received: 0, wanted: true };
    assert_eq!(lone.connection.payload(), Some(payload));
    assert_eq!((lone.connection.outstanding(), lone.connection.handle_bytes(lone.now, b"beginning")), (1, 0));
    lone.connection.handle_payload(lone.now, 9);
    assert_eq!(lone.connection.payload(), Some(Payload { received: 9, ..payload }));
    assert_eq!(lone.facts(), []);
    lone.connection.handle_payload(lone.now, block(0, 3).length - 9);
    assert_eq!(lone.facts(), [Fact::BlockReceived(block(0, 3))]);
    assert_eq!((lone.connection.payload(), lone.connection.outstanding()), (None, 0));
}

#[test]
fn blocks_may_come_in_any_order() {
    let mut lone = Lone::asking(OUR_RESERVED, &[block(0, 0), block(0, 1), block(19, 0)]);
    for request in [block(19, 0), block(0, 0), block(0, 1)] {
        lone.hear_block(request);
        assert_eq!(lone.facts(), [Fact::BlockReceived(request)]);
    }
}

#[test]
fn a_request_taken_back_may_still_be_answered() {
    let mut lone = Lone::asking(OUR_RESERVED, &[block(0, 0), block(0, 1)]);
    lone.order(Order::Cancel(block(0, 0)));
    lone.order(Order::Cancel(block(0, 1)));
    lone.order(Order::Cancel(block(0, 2)));
    assert_eq!(lone.spoken(), encode(&[Message::Cancel(block(0, 0)), Message::Cancel(block(0, 1))]));
    lone.hear_block(block(0, 0));
    lone.hear(&Message::Reject(block(0, 1)));
    assert_eq!((lone.facts(), lone.kept, lone.thrown), (vec![], 0, u64::from(BLOCK_LENGTH)));
    lone.assert_open();
}

#[test]
fn a_block_under_way_is_not_cancelled_nor_asked_for_again() {
    let mut lone = Lone::asking(OUR_RESERVED, &[block(0, 0)]);
    lone.hear_bytes(&[&crate::piece_header(&block(0, 0))[..], &[0; 100]].concat());
    lone.order(Order::Cancel(block(0, 0)));
    lone.order(Order::Request(block(0, 0)));
    assert_eq!(lone.spoken(), b"");
    lone.connection.handle_payload(lone.now, BLOCK_LENGTH - 100);
    assert_eq!(lone.facts(), [Fact::BlockReceived(block(0, 0))]);
}

#[test]
fn a_choke_takes_requests_along_without_the_fast_extension_only() {
    let mut plain = Lone::asking([0; 8], &[block(0, 0), block(0, 1)]);
    plain.hear(&Message::Choke);
    assert_eq!(plain.facts(), [Fact::Choked, Fact::Rejected(block(0, 0)), Fact::Rejected(block(0, 1))]);
    plain.hear_block(block(0, 0));
    plain.assert_open();
    assert_eq!((plain.facts(), plain.kept), (vec![], 0));

    let mut fast = Lone::asking(OUR_RESERVED, &[block(0, 0), block(0, 1)]);
    fast.hear(&Message::Choke);
    assert_eq!(fast.facts(), [Fact::Choked]);
    fast.hear_block(block(0, 1));
    fast.hear(&Message::Reject(block(0, 0)));
    assert_eq!(fast.facts(), [Fact::BlockReceived(block(0, 1)), Fact::Rejected(block(0, 0))]);
}

#[test]
fn a_request_that_cannot_be_answered_is_not_made() {
    let mut lone = Lone::asking(OUR_RESERVED, &[]);
    lone.hear(&Message::Choke);
    lone.hear(&Message::AllowedFast(PieceIndex(5)));
    lone.hear(&Message::AllowedFast(PieceIndex(5)));
    assert_eq!(lone.facts(), [Fact::Choked, Fact::AllowedFast(PieceIndex(5))]);
    lone.order(Order::Request(block(4, 0)));
    lone.order(Order::Request(block(5, 0)));
    assert_eq!(lone.facts(), [Fact::Rejected(block(4, 0))]);
    assert_eq!(lone.spoken(), encode(&[Message::Request(block(5, 0))]));
}

#[test]
fn requests_are_served_in_order_and_counted() {
    let mut lone = Lone::serving();
    lone.hear(&Message::Request(block(1, 0)));
    lone.hear(&Message::Request(block(0, 3)));
    assert!(lone.connection.uploads_pending());
    let total = block(1, 0).length + block(0, 3).length;
    assert_eq!(lone.serve(9), u64::from(total));
    assert!(!lone.connection.uploads_pending());
    let told = [Fact::Availability(Bitfield::new(PIECE_COUNT)), Fact::Uploaded(total)];
    assert_eq!(lone.facts(), told);
}

#[test]
fn every_request_has_one_answer_with_the_fast_extension() {
    let mut lone = Lone::serving();
    for n in 0..3 {
        lone.hear(&Message::Request(block(n, 0)));
    }
    lone.hear(&Message::Cancel(block(1, 0)));
    lone.hear(&Message::Cancel(block(1, 0)));
    assert_eq!(lone.spoken(), encode(&[Message::Reject(block(1, 0))]));
    assert_eq!(lone.connection.next_upload(), Some(block(0, 0)));
    lone.order(Order::Choke);
    assert_eq!(lone.spoken(), encode(&[Message::Choke, Message::Reject(block(2, 0))]));
    lone.connection.handle_unavailable(lone.now, block(0, 0));
    assert_eq!(lone.spoken(), encode(&[Message::Reject(block(0, 0))]));
    lone.hear(&Message::Request(block(5, 0)));
    assert_eq!(lone.spoken(), encode(&[Message::Reject(block(5, 0))]));
    assert_eq!(lone.connection.next_upload(), None);
}

#[test]
fn without_the_fast_extension_nothing_is_rejected() {
    let mut lone = Lone::plain();
    lone.order(Order::Unchoke);
    lone.hear(&Message::Request(block(0, 0)));
    lone.hear(&Message::Request(block(1, 0)));
    lone.hear(&Message::Cancel(block(0, 0)));
    assert_eq!(lone.connection.next_upload(), Some(block(1, 0)));
    lone.connection.handle_unavailable(lone.now, block(1, 0));
    lone.hear(&Message::Request(block(2, 0)));
    lone.order(Order::Choke);
    lone.hear(&Message::Request(block(3, 0)));
    lone.order(Order::AllowedFast(vec![PieceIndex(1)]));
    assert_eq!(lone.spoken(), encode(&[Message::Unchoke, Message::Choke]));
    lone.assert_open();
}

#[test]
fn allowed_pieces_are_served_while_choked() {
    let mut lone = Lone::new();
    lone.order(Order::AllowedFast(vec![PieceIndex(3), PieceIndex(4), PieceIndex(3)]));
    let said = [Message::AllowedFast(PieceIndex(3)), Message::AllowedFast(PieceIndex(4))];
    assert_eq!(lone.spoken(), encode(&said));
    lone.hear(&Message::Request(block(4, 0)));
    lone.hear(&Message::Request(block(5, 0)));
    assert_eq!(lone.spoken(), encode(&[Message::Reject(block(5, 0))]));
    assert_eq!(lone.connection.next_upload(), Some(block(4, 0)));
}

#[test]
fn an_order_that_changes_nothing_says_nothing() {
    let mut lone = Lone::new();
    for order in [Order::Choke, Order::NotInterested, Order::UploadOnly(false)] {
        lone.order(order);
    }
    assert_eq!(lone.spoken(), b"");
    for order in
        [Order::Interested, Order::Interested, Order::Unchoke, Order::Unchoke, Order::Have(PieceIndex(2))]
    {
        lone.order(order);
    }
    let said = [Message::Interested, Message::Unchoke, Message::Have(PieceIndex(2))];
    assert_eq!(lone.spoken(), encode(&said));
}

#[test]
fn facts_are_changes() {
    let mut lone = Lone::new();
    for message in [
        Message::Choke,
        Message::NotInterested,
        Message::Unchoke,
        Message::Unchoke,
        Message::Interested,
        Message::Interested,
        Message::HaveNone,
        Message::Have(PieceIndex(19)),
        Message::Suggest(PieceIndex(0)),
    ] {
        lone.hear(&message);
    }
    let none = Bitfield::new(PIECE_COUNT);
    let told = [
        Fact::Unchoked,
        Fact::Interested,
        Fact::Availability(none),
        Fact::Have(PieceIndex(19)),
        Fact::Suggested(PieceIndex(0)),
    ];
    assert_eq!(lone.facts(), told);
}

/// aria2 sends a bitfield in place of many `have`.
#[test]
fn a_bitfield_may_come_again() {
    let mut lone = Lone::new();
    let (some, more) = (Bitfield::new(PIECE_COUNT), Bitfield::full(PIECE_COUNT));
    for pieces in [&some, &more] {
        lone.hear(&Message::Bitfield(pieces.as_bytes()));
    }
    assert_eq!(lone.facts(), [Fact::Availability(some), Fact::Availability(more)]);
    lone.assert_open();
}

#[test]
fn who_tells_nothing_has_nothing() {
    let mut lone = Lone::plain();
    lone.hear(&Message::Interested);
    lone.hear(&Message::Have(PieceIndex(1)));
    let none = Bitfield::new(PIECE_COUNT);
    assert_eq!(lone.facts(), [Fact::Interested, Fact::Availability(none), Fact::Have(PieceIndex(1))]);
}

#[test]
fn upload_only_is_told_once_it_changes() {
    let mut lone = Lone::new();
    lone.order(Order::Availability(Bitfield::new(PIECE_COUNT)));
    lone.spoken();
    lone.order(Order::UploadOnly(true));
    lone.order(Order::UploadOnly(true));
    let content = extended::encode(&config(), true);
    assert_eq!(lone.spoken(), encode(&[Message::Extended(0, &content)]));
    lone.hear(&Message::Extended(0, b"d1:md11:upload_onlyi9eee"));
    lone.order(Order::UploadOnly(false));
    assert_eq!(lone.spoken(), encode(&[Message::Extended(9, &[0])]));
    lone.facts();
    lone.hear(&Message::Extended(extended::UPLOAD_ONLY, &[1]));
    let told = ExtendedHandshake { upload_only: Some(true), ..Default::default() };
    assert_eq!(lone.facts(), [Fact::Extended(told)]);
}

#[test]
fn a_connection_to_ourselves_is_found_at_both_ends() {
    let now = origin();
    let mut opener = Connection::outgoing(config(), 1, now);
    let mut bytes = Vec::new();
    opener.poll_transmit(&mut bytes);
    let hello = Handshake::decode(&bytes.try_into().unwrap()).unwrap();
    let mut taker = Connection::incoming(config(), hello, 2, now);
    assert_eq!(taker.poll_fact(), Some(Fact::Closed(Close::Myself)));
    let mut bytes = Vec::new();
    assert!(taker.poll_transmit(&mut bytes), "the opener must learn it, or it tries again");
    opener.handle_bytes(now, &bytes);
    assert_eq!(opener.poll_fact(), Some(Fact::Closed(Close::Myself)));
}

#[test]
fn the_last_fact_is_the_end() {
    let mut lone = Lone::serving();
    lone.hear(&Message::Request(block(0, 0)));
    lone.serve(1);
    lone.order(Order::Close(Close::Replaced));
    lone.order(Order::Close(Close::Stopped));
    lone.hear(&Message::Interested);
    let facts = lone.facts();
    assert_eq!(facts[1..], [Fact::Uploaded(BLOCK_LENGTH), Fact::Closed(Close::Replaced)]);
    lone.order(Order::Interested);
    lone.connection.handle_uploaded(lone.now, block(0, 1));
    assert_eq!((lone.spoken(), lone.facts()), (vec![], vec![]));
}

#[test]
fn keepalives_go_out_when_nothing_else_does() {
    let mut lone = Lone::new();
    lone.pass(89 * SECOND);
    assert_eq!(lone.spoken(), b"");
    lone.hear(&Message::KeepAlive);
    lone.pass(21 * SECOND);
    assert_eq!(lone.spoken(), encode(&[Message::KeepAlive]));
    lone.pass(80 * SECOND);
    lone.hear(&Message::KeepAlive);
    lone.order(Order::Interested);
    assert_eq!(lone.spoken(), encode(&[Message::Interested]));
    lone.pass(80 * SECOND);
    assert_eq!(lone.spoken(), b"", "interest was a sign of life");
    lone.assert_open();
}

#[test]
fn idle_connections_do_not_speak_all_at_once() {
    let now = origin();
    let due = |seed| {
        let theirs = Handshake { reserved: [0; 8], info_hash: [0xaa; 20], peer_id: PeerId([b'x'; 20]) };
        let mut connection = Connection::incoming(config(), theirs, seed, now);
        connection.handle_written(now, HANDSHAKE_LENGTH);
        connection.poll_timeout().unwrap()
    };
    assert_eq!(due(1), due(1));
    assert!((0..50).map(due).collect::<std::collections::BTreeSet<_>>().len() > 40);
}

#[test]
fn honest_bursts_are_no_flood() {
    let mut lone = Lone::serving();
    lone.hear(&Message::HaveNone);
    lone.hear(&Message::Interested);
    // Queues of the whole torrent taken back, as at the end of a download.
    for round in 0..60 {
        for n in 0..76 {
            lone.hear(&Message::Request(block(n % 19, n % 4)));
        }
        for n in 0..76 {
            lone.hear(&Message::Cancel(block(n % 19, n % 4)));
        }
        lone.serve(1000);
        lone.pass(SECOND);
        lone.spoken();
        assert!(!lone.connection.is_closed(), "round {round}");
    }
    // The peer completes a torrent at a piece a second, and its interest changes with each piece of ours.
    for piece in 0..PIECE_COUNT {
        lone.hear(&Message::Have(PieceIndex(piece)));
        for _ in 0..5 {
            lone.hear(&Message::NotInterested);
            lone.hear(&Message::Interested);
        }
        lone.pass(SECOND);
    }
    lone.assert_open();
}
