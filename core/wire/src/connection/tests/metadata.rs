//! The info dict given and taken, and connections that begin before it is known.

use super::*;
use crate::ExtendedHandshake;
use crate::metadata;
use std::sync::Arc;

/// The number that the scripted peer gives these messages.
const THEIRS: u8 = 9;

/// A peer that opened a connection to us and takes metadata messages; `info` is ours.
fn knowing(info: Option<Vec<u8>>) -> Lone {
    let config = Config {
        geometry: info.is_some().then(|| Arc::new(geometry())),
        metadata: info.map(Into::into),
        ..config()
    };
    let now = origin();
    let theirs = Handshake {
        reserved: OUR_RESERVED,
        info_hash: [0xaa; 20],
        peer_id: PeerId(*b"-XX0001-bbbbbbbbbbbb"),
    };
    let mut lone = Lone { connection: Connection::incoming(config, theirs, 1, now), now, kept: 0, thrown: 0 };
    lone.hear(&Message::Extended(0, b"d1:md11:ut_metadatai9ee13:metadata_sizei40000e1:v1:xe"));
    lone.order(Order::Availability(Bitfield::new(PIECE_COUNT)));
    lone.facts();
    lone.spoken();
    lone
}

fn early() -> Lone {
    knowing(None)
}

/// Extension messages in what we said: their number and content.
fn extended(bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let (mut rest, mut found) = (bytes, Vec::new());
    while let Some((length, message)) = rest.split_first_chunk::<4>() {
        let (message, after) = message.split_at(u32::from_be_bytes(*length) as usize);
        if let [20, number, content @ ..] = message {
            found.push((*number, content.to_vec()));
        }
        rest = after;
    }
    found
}

#[test]
fn the_info_dict_is_given_piece_by_piece_and_nothing_beyond_it() {
    let info: Vec<u8> = (0..40_000u32).map(|n| n as u8).collect();
    let mut lone = knowing(Some(info.clone()));
    for piece in 0..4 {
        lone.hear(&Message::Extended(2, &metadata::request(piece)));
    }
    lone.hear(&Message::Extended(2, b"d8:msg_typei0e5:piecei-1ee"));
    let said = extended(&lone.spoken());
    assert!(said.iter().all(|(number, _)| *number == THEIRS));
    let contents: Vec<_> = said.iter().map(|(_, content)| metadata::decode(content).unwrap()).collect();
    let piece = |n: usize| &info[n * 16384..info.len().min((n + 1) * 16384)];
    let data = |n: i64| metadata::Metadata::Data(n, Some(40_000), piece(n as usize));
    let rejects = [metadata::Metadata::Reject(3), metadata::Metadata::Reject(-1)];
    assert_eq!(contents[..3], [data(0), data(1), data(2)]);
    assert_eq!(contents[3..], rejects);
}

#[test]
fn a_peer_that_does_not_read_is_owed_a_bounded_queue_and_a_flood_closes() {
    let mut lone = knowing(Some(vec![7; 1 << 20]));
    let mut asked = 0;
    while !lone.connection.is_closed() && asked < 20_000 {
        lone.hear(&Message::Extended(2, &metadata::request(asked % 64)));
        asked += 1;
    }
    assert!(asked < 2000, "{asked} requests");
    let mut bytes = Vec::new();
    lone.connection.poll_transmit(&mut bytes);
    assert!(bytes.len() < 256 << 10, "{} bytes wait", bytes.len());
    lone.assert_violation(Violation::Flood);
}

#[test]
fn a_peer_gets_the_whole_a_few_times_over_as_it_reads() {
    let mut lone = knowing(Some(vec![7; 1 << 20]));
    let mut given = 0;
    for asked in 0..64 * 6 {
        lone.hear(&Message::Extended(2, &metadata::request(asked % 64)));
        given += lone.spoken().len();
    }
    assert!((4 << 20..(4 << 20) + 100_000).contains(&given), "{given} bytes");
    lone.assert_open();
}

#[test]
fn pieces_come_up_if_they_were_asked_for() {
    let mut lone = early();
    lone.order(Order::AskMetadata(1));
    assert_eq!(extended(&lone.spoken()), [(THEIRS, metadata::request(1))]);
    let message = metadata::data(&vec![5; 40_000], 1).unwrap();
    lone.hear(&Message::Extended(2, &message));
    let bytes = vec![5; 16384];
    assert_eq!(lone.facts(), [Fact::Metadata { piece: 1, total_size: Some(40_000), bytes }]);
    lone.order(Order::AskMetadata(2));
    lone.hear(&Message::Extended(2, &metadata::reject(2)));
    assert_eq!(lone.facts(), [Fact::MetadataRejected(2)]);
    for _ in 0..16 {
        lone.hear(&Message::Extended(2, &message));
        lone.assert_open();
    }
    lone.hear(&Message::Extended(2, &message));
    lone.assert_violation(Violation::Unrequested);
}

#[test]
fn a_peer_without_the_extension_rejects_at_once() {
    let mut lone = Lone::new();
    lone.order(Order::AskMetadata(0));
    assert_eq!(lone.facts(), [Fact::MetadataRejected(0)]);
}

#[test]
fn what_was_said_before_the_metadata_is_told_after_it() {
    let mut lone = early();
    let mut have = Bitfield::new(PIECE_COUNT);
    have.insert(PieceIndex(3));
    for message in [
        Message::Bitfield(have.as_bytes()),
        Message::Have(PieceIndex(5)),
        Message::AllowedFast(PieceIndex(7)),
        Message::AllowedFast(PieceIndex(PIECE_COUNT)),
        Message::Unchoke,
        Message::Interested,
        Message::Request(BlockRequest { piece: PieceIndex(1), begin: 0, length: 16384 }),
    ] {
        lone.hear(&message);
    }
    lone.facts();
    lone.spoken();
    lone.connection.handle_metadata(lone.now, &Arc::new(geometry()), &vec![1; 100].into(), false);
    let [(0, handshake)] = &extended(&lone.spoken())[..] else { panic!("one handshake") };
    assert_eq!(crate::extended::decode(handshake).unwrap().told.metadata_size, Some(100));
    let told = ExtendedHandshake {
        client: Some("x".into()),
        metadata_size: Some(40_000),
        ..ExtendedHandshake::default()
    };
    let peer_id = PeerId(*b"-XX0001-bbbbbbbbbbbb");
    let expected = [
        Fact::Handshaken { peer_id, fast: true, extended: true },
        Fact::Extended(told),
        Fact::Availability(have),
        Fact::Have(PieceIndex(5)),
        Fact::AllowedFast(PieceIndex(7)),
        Fact::Unchoked,
        Fact::Interested,
    ];
    assert_eq!(lone.facts(), expected);
    lone.order(Order::Request(block(3, 0)));
    lone.hear(&Message::HaveAll);
    lone.assert_violation(Violation::Unexpected);
}

#[test]
fn what_turns_out_to_be_nonsense_closes_once_it_can_be_told() {
    for (message, violation) in [
        (Message::Bitfield(&[0xff; 4]), Violation::BadBitfield),
        (Message::Bitfield(&[0xff; 3]), Violation::BadBitfield),
        (Message::Have(PieceIndex(PIECE_COUNT)), Violation::OutOfRange),
    ] {
        let mut lone = early();
        lone.hear(&message);
        lone.assert_open();
        lone.connection.handle_metadata(lone.now, &Arc::new(geometry()), &vec![1; 100].into(), false);
        lone.assert_violation(violation);
    }
}

#[test]
fn no_torrent_is_so_large() {
    let mut lone = early();
    lone.hear(&Message::Have(PieceIndex(1 << 21)));
    lone.assert_violation(Violation::OutOfRange);
    let mut lone = early();
    lone.hear(&Message::Bitfield(&vec![0xff; (1 << 18) + 1]));
    lone.assert_violation(Violation::Oversized);
}

#[test]
fn blocks_before_the_metadata_are_thrown_away() {
    let mut lone = early();
    lone.hear_block(BlockRequest { piece: PieceIndex(9), begin: 0, length: 16384 });
    assert_eq!((lone.kept, lone.thrown), (0, 16384));
    lone.assert_open();
}
