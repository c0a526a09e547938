//! Peer exchange over one connection.

use super::*;
use crate::Holepunch;
use std::net::SocketAddr;

/// A peer that opened a connection to us and takes part.
fn exchanging(exchange_peers: bool) -> Lone {
    meeting(Config { exchange_peers, ..config() })
}

/// A peer that opened a connection to one with this configuration.
fn meeting(config: Config) -> Lone {
    let now = origin();
    let theirs = Handshake {
        reserved: OUR_RESERVED,
        info_hash: [0xaa; 20],
        peer_id: PeerId(*b"-XX0001-bbbbbbbbbbbb"),
    };
    let connection = Connection::incoming(config, theirs, 1, now);
    let mut lone = Lone { connection, now, kept: 0, thrown: 0 };
    lone.hear(&Message::Extended(0, b"d1:md6:ut_pexi7eee"));
    lone.order(Order::Availability(Bitfield::new(PIECE_COUNT)));
    lone.facts();
    lone
}

fn peers(hosts: std::ops::Range<u8>) -> Vec<(SocketAddr, u8)> {
    hosts.map(|host| (SocketAddr::from(([10, 0, 0, host], 6881)), 2)).collect()
}

fn told(lone: &mut Lone, message: &[u8]) -> usize {
    lone.hear(&Message::Extended(1, message));
    let facts = lone.facts();
    facts.iter().map(|fact| if let Fact::Peers(peers) = fact { peers.len() } else { 0 }).sum()
}

#[test]
fn peers_are_told_under_the_number_that_the_other_end_gave() {
    let mut lone = exchanging(true);
    let said = lone.spoken();
    assert!(said.windows(9).any(|part| part == b"6:ut_pexi"), "we take part");
    let (added, dropped) = (peers(1..3), vec![peers(9..10)[0].0]);
    lone.order(Order::Peers { added: added.clone(), dropped: dropped.clone() });
    let mut expected = Vec::new();
    Message::Extended(7, &crate::pex::encode(&added, &dropped)).encode(&mut expected);
    assert_eq!(lone.spoken(), expected);
}

#[test]
fn a_private_torrent_neither_tells_nor_listens() {
    let mut lone = exchanging(false);
    let said = lone.spoken();
    assert!(!said.windows(6).any(|part| part == b"ut_pex"));
    lone.order(Order::Peers { added: peers(1..3), dropped: Vec::new() });
    assert!(lone.spoken().is_empty());
    assert_eq!(told(&mut lone, &crate::pex::encode(&peers(1..3), &[])), 0);
    lone.assert_open();
}

#[test]
fn what_comes_too_soon_is_passed_over_and_a_flood_closes() {
    let mut lone = exchanging(true);
    lone.spoken();
    let message = crate::pex::encode(&peers(0..255), &[]);
    assert_eq!(told(&mut lone, &message), 200, "the first tells of everybody");
    assert_eq!(told(&mut lone, &message), 0);
    lone.pass(Duration::from_mins(1));
    assert_eq!(told(&mut lone, &message), 50);
    for _ in 0..100 {
        if lone.connection.is_closed() {
            break;
        }
        lone.hear(&Message::Extended(1, &message));
    }
    lone.assert_violation(Violation::Flood);
}

#[test]
fn what_is_no_message_closes() {
    let mut lone = exchanging(true);
    lone.hear(&Message::Extended(1, b"i1e"));
    lone.assert_violation(Violation::BadExtension);
}

#[test]
fn lost_pieces_are_told_to_those_who_ask_for_that() {
    let mut lone = Lone::new();
    lone.hear(&Message::Extended(0, b"d1:md11:lt_donthavei7eee"));
    lone.hear(&Message::HaveAll);
    lone.order(Order::Availability(Bitfield::full(PIECE_COUNT)));
    lone.facts();
    lone.spoken();
    lone.order(Order::DontHave(PieceIndex(3)));
    let mut expected = Vec::new();
    Message::Extended(7, &[0, 0, 0, 3]).encode(&mut expected);
    assert_eq!(lone.spoken(), expected);
    lone.hear(&Message::Extended(4, &[0, 0, 0, 5]));
    assert_eq!(lone.facts(), [Fact::DontHave(PieceIndex(5))]);
    lone.hear(&Message::Extended(4, &PIECE_COUNT.to_be_bytes()));
    lone.assert_violation(Violation::OutOfRange);
    let mut plain = Lone::new();
    plain.order(Order::Availability(Bitfield::full(PIECE_COUNT)));
    plain.spoken();
    plain.order(Order::DontHave(PieceIndex(3)));
    assert!(plain.spoken().is_empty());
}

/// A peer that has a node of the DHT, or none, opened a connection to us.
fn with_node(ours: Option<u16>, theirs: bool) -> Lone {
    let now = origin();
    let mut reserved = OUR_RESERVED;
    reserved[7] |= u8::from(theirs);
    let theirs = Handshake { reserved, info_hash: [0xaa; 20], peer_id: PeerId(*b"-XX0001-bbbbbbbbbbbb") };
    let connection = Connection::incoming(Config { dht_port: ours, ..config() }, theirs, 1, now);
    let mut lone = Lone { connection, now, kept: 0, thrown: 0 };
    lone.facts();
    lone
}

#[test]
fn nodes_of_the_dht_are_told_where_both_have_one() {
    let port = |bytes: &[u8]| bytes.windows(7).any(|part| part == [0, 0, 0, 3, 9, 0x1a, 0xe1]);
    for (ours, theirs, told) in
        [(Some(6881), true, true), (Some(6881), false, false), (Some(0), true, false), (None, true, false)]
    {
        let mut lone = with_node(ours, theirs);
        assert_eq!(lone.spoken()[27] & 1 != 0, ours.is_some(), "the bit in the handshake");
        lone.order(Order::Availability(Bitfield::new(PIECE_COUNT)));
        assert_eq!(port(&lone.spoken()), told, "{ours:?} {theirs}");
    }
}

#[test]
fn the_peers_node_comes_up_once_and_only_to_those_who_have_one() {
    let mut lone = with_node(Some(0), true);
    lone.hear(&Message::Port(0));
    lone.hear(&Message::Port(4000));
    lone.hear(&Message::Port(4001));
    assert_eq!(lone.facts(), [Fact::DhtNode("127.0.0.1:4000".parse().unwrap())]);
    let mut lone = with_node(None, true);
    lone.hear(&Message::Port(4000));
    assert!(lone.facts().is_empty());
}

#[test]
fn holes_are_punched_only_by_whoever_speaks_utp() {
    let offers = |exchange_peers, punch_holes| {
        let said = meeting(Config { exchange_peers, punch_holes, ..config() }).spoken();
        said.windows(12).any(|part| part == b"ut_holepunch")
    };
    assert!(offers(true, true));
    assert!(!offers(true, false), "holes are for uTP");
    assert!(!offers(false, true), "they are for peers of peers");
    let mut without = meeting(Config { exchange_peers: true, punch_holes: false, ..config() });
    without.spoken();
    without.hear(&Message::Extended(0, b"d1:md12:ut_holepunchi4eee"));
    without.order(Order::Holepunch(Holepunch::Rendezvous(SocketAddr::from(([10, 0, 0, 1], 6881)))));
    assert!(without.spoken().is_empty(), "nothing is said of what is not offered");
}
