//! What a node does not let others do.

use super::*;
use crate::krpc::{Message, Want, decode};
use crate::signing;
use crate::world::{World, at};
use std::time::Duration;

const THEIRS: Id = Id([0x77; 20]);
const HASH: Id = Id([0x5a; 20]);

fn stranger(n: u8) -> SocketAddr {
    SocketAddr::new(IpAddr::from([127, 200, n, 1]), 5000)
}

fn asked(query: &Query<'_>) -> Vec<u8> {
    krpc::query(b"x", THEIRS, false, query)
}

fn want() -> Want {
    Want::only(Family::V4)
}

fn get_peers() -> Query<'static> {
    Query::GetPeers { info_hash: HASH, want: Want::BOTH, noseed: false, scrape: false }
}

fn token(world: &mut World, from: SocketAddr) -> Vec<u8> {
    let replies = world.send(from, 1, &asked(&get_peers()));
    let Ok(Message { body: Body::Answer(answer), .. }) = decode(&replies[0], Family::V4) else {
        panic!("no answer")
    };
    answer.token.expect("a token").to_vec()
}

fn is_error(packet: &[u8], code: i64) -> bool {
    packet.starts_with(format!("d1:eli{code}e").as_bytes())
}

#[test]
fn a_stranger_gets_at_most_three_times_what_it_sent() {
    let mut world = World::network(30);
    let announced = token(&mut world, stranger(200));
    for n in 0..200 {
        let peer = SocketAddr::new(IpAddr::from([127, 210, n, 1]), 5000);
        let now = world.now;
        assert!(world.node(1).peers.announce(now, HASH, peer, false));
    }
    assert!(!announced.is_empty());
    let queries = [
        Query::Ping,
        Query::FindNode { target: HASH, want: want() },
        Query::FindNode { target: HASH, want: Want::BOTH },
        get_peers(),
        Query::GetPeers { info_hash: HASH, want: want(), noseed: true, scrape: true },
        Query::Get { target: HASH, want: want(), sequence: None },
        Query::SampleInfohashes { target: HASH, want: want() },
    ];
    for (n, query) in (0..).zip(&queries) {
        let question = asked(query);
        let replies = world.send(stranger(n), 1, &question);
        let bytes: usize = replies.iter().map(Vec::len).sum();
        assert!(
            !replies.is_empty() && bytes * 10 <= question.len() * 33,
            "{query:?}: {bytes} for {}",
            question.len()
        );
        assert!(replies.iter().all(|reply| reply.len() <= 1400));
    }
}

#[test]
fn whoever_proved_its_address_gets_more() {
    let mut world = World::network(30);
    let now = world.now;
    for n in 0..200 {
        world.node(1).peers.announce(now, HASH, SocketAddr::new(IpAddr::from([127, 210, n, 1]), 5000), false);
    }
    let before = world.send(stranger(1), 1, &asked(&get_peers()))[0].len();
    let token = token(&mut world, stranger(1));
    let announce = Query::AnnouncePeer { info_hash: HASH, port: Some(7000), token: &token, seed: false };
    world.send(stranger(1), 1, &asked(&announce));
    let after = world.send(stranger(1), 1, &asked(&get_peers()))[0].len();
    assert!(after > 2 * before && after <= 1024, "{before} and then {after} bytes");
}

#[test]
fn a_flood_gets_fifty_answers_and_others_are_still_answered() {
    let mut world = World::network(12);
    let question = asked(&Query::FindNode { target: HASH, want: want() });
    let answers: usize = (0..4000).map(|_| world.send(stranger(1), 1, &question).len()).sum();
    assert!(answers <= 51, "{answers} packets, one of them a ping");
    assert!(!world.send(stranger(2), 1, &question).is_empty());
    let junk = b"d1:ade1:q9:get_peers1:t2:aa1:y1:qe";
    let errors: usize = (0..4000).map(|_| world.send(stranger(3), 1, junk).len()).sum();
    assert_eq!(errors, 50);
}

#[test]
fn nothing_is_stored_without_the_token_of_that_address() {
    let mut world = World::network(12);
    let good = token(&mut world, stranger(1));
    let others = token(&mut world, stranger(2));
    for bad in [&b""[..], b"12345678", &others, &good[..7], &[0; 60]] {
        let announce = Query::AnnouncePeer { info_hash: HASH, port: Some(7000), token: bad, seed: false };
        let replies = world.send(stranger(1), 1, &asked(&announce));
        assert!(is_error(&replies[0], 203), "{}", replies[0].escape_ascii());
        let item = Item::Immutable { value: b"1:x".to_vec() };
        let target = item.target();
        world.send(stranger(1), 1, &asked(&Query::Put { token: bad, item, cas: None }));
        assert!(world.node(1).items.get(target).is_none());
    }
    assert!(world.node(1).peers.peers(HASH, 9, false).is_empty());
    world.run_for(Duration::from_mins(11));
    let announce = Query::AnnouncePeer { info_hash: HASH, port: Some(7000), token: &good, seed: false };
    assert!(is_error(&world.send(stranger(1), 1, &asked(&announce))[0], 203), "an old token");
}

use crate::item::Item;

#[test]
fn puts_are_refused_with_the_numbers_of_the_specification() {
    let mut world = World::network(12);
    let token = token(&mut world, stranger(1));
    let mut put = |item: Item, cas| {
        let replies = world.send(stranger(1), 1, &asked(&Query::Put { token: &token, item, cas }));
        String::from_utf8_lossy(&replies[0]).get(6..9).unwrap_or_default().to_owned()
    };
    let item = |sequence, value: &[u8]| signing::signed(4, b"", sequence, value);
    let forged = Item::Mutable(crate::MutableItem { sequence: 9, ..item(8, b"1:x") });
    assert_eq!(put(forged, None), "206");
    assert_eq!(put(Item::Immutable { value: b"d1:bi1e1:ai2ee".to_vec() }, None), "203");
    assert_ne!(put(Item::Mutable(item(5, b"4:five")), None), "302");
    assert_eq!(put(Item::Mutable(item(4, b"4:four")), None), "302");
    assert_eq!(put(Item::Mutable(item(6, b"3:six")), Some(77)), "301");
}

#[test]
fn answers_that_nobody_asked_for_change_nothing() {
    let mut world = World::network(12);
    let before = world.node(1).nodes();
    for n in 0..200 {
        let mut reply = krpc::Reply::new(&[0, 0, 0, n], Id([n; 20]), at(1), 1000);
        reply.token(b"token");
        reply.nodes(Family::V4, &[Contact { id: Id([n; 20]), address: stranger(9) }]);
        assert!(world.send(stranger(n), 1, &reply.encode()).is_empty());
    }
    assert_eq!(world.node(1).nodes(), before);
}

#[test]
fn a_newcomer_is_pinged_once_and_enters_when_it_answers() {
    let mut world = World::network(4);
    let replies = world.send(stranger(1), 1, &asked(&Query::Ping));
    let Ok(Message { transaction, body: Body::Query { query: Query::Ping, .. } }) =
        decode(&replies[1], Family::V4)
    else {
        panic!("no ping")
    };
    let pong = krpc::Reply::new(transaction, THEIRS, at(1), 1000).encode();
    assert_eq!(world.send(stranger(1), 1, &asked(&Query::Ping)).len(), 1, "no second ping");
    world.send(stranger(1), 1, &pong);
    assert!(world.node(1).nodes().iter().any(|node| node.id == THEIRS));
    let own = world.node(1).id();
    let replies = world.send(stranger(2), 1, &krpc::query(b"x", own, false, &Query::Ping));
    assert_eq!(replies.len(), 1, "whoever claims our id is not even pinged");
}

#[test]
fn hundreds_of_ids_on_one_network_cost_one_ping_and_one_place() {
    let mut world = World::network(12);
    let own = world.node(1).id();
    let mut rng = fastrand::Rng::with_seed(1);
    let mut pings = 0;
    for last in 1..=200 {
        let from = SocketAddr::new(IpAddr::from([127, 46, 1, last]), 5000);
        let id = own.random_sharing(10 + last % 100, &mut rng);
        for packet in world.send(from, 1, &krpc::query(b"x", id, false, &Query::Ping)) {
            if let Ok(Message { transaction, body: Body::Query { .. } }) = decode(&packet, Family::V4) {
                pings += 1;
                world.send(from, 1, &krpc::Reply::new(transaction, id, at(1), 1000).encode());
            }
        }
    }
    let places = world
        .node(1)
        .nodes()
        .iter()
        .filter(|node| node.address.ip().to_string().starts_with("127.46.1."))
        .count();
    assert_eq!((pings, places), (1, 1));
}

#[test]
fn one_voice_does_not_change_our_id_and_many_do() {
    let mut world = World::network(12);
    let now = world.now;
    let before = world.node(1).id();
    for n in 0..40 {
        world.node(1).count_vote(now, stranger(1), Some(SocketAddr::new(IpAddr::from([8, 8, 8, 8]), n + 1)));
    }
    assert_eq!(world.node(1).id(), before);
    let known = world.node(1).nodes().len();
    for n in 0..40 {
        world.node(1).count_vote(now, stranger(n), Some("8.8.8.8:6881".parse().unwrap()));
    }
    let address = "8.8.8.8".parse().unwrap();
    assert_eq!(world.node(1).external_address(), Some(address));
    assert!(crate::id_fits(world.node(1).id(), address));
    assert_eq!(world.node(1).nodes().len(), known, "the table is kept");
}

#[test]
fn noise_is_not_answered() {
    let mut world = World::network(2);
    let mut rng = fastrand::Rng::with_seed(1);
    for n in 0..2000usize {
        let mut noise = vec![0; 20 + n % 1400];
        rng.fill(&mut noise);
        assert!(world.send(stranger(n as u8), 1, &noise).is_empty());
    }
    assert!(world.node(1).stats().malformed >= 2000);
}

#[test]
fn local_addresses_named_by_a_global_network_are_not_asked() {
    let now = crate::world::start();
    let mut node = Node::new(Config::new(Family::V4, signing::verify), 1, now);
    let router: SocketAddr = "203.0.113.9:6881".parse().unwrap();
    node.bootstrap(now, &[router]);
    let Some(Output::Transmit { packet, .. }) = node.poll_output() else { panic!("asks its router") };
    let transaction = decode(&packet, Family::V4).unwrap().transaction.to_vec();
    let named = ["127.0.0.1:6881", "192.168.1.1:6881", "9.9.9.9:80", "9.9.8.8:6881"];
    let nodes: Vec<Contact> = (1..)
        .zip(named)
        .map(|(n, address)| Contact { id: Id([n; 20]), address: address.parse().unwrap() })
        .collect();
    let mut reply = krpc::Reply::new(&transaction, Id([200; 20]), "1.2.3.4:1".parse().unwrap(), 1000);
    reply.nodes(Family::V4, &nodes);
    node.handle_packet(now, router, &reply.encode());
    let mut asked = Vec::new();
    while let Some(output) = node.poll_output() {
        if let Output::Transmit { to, .. } = output {
            asked.push(to.to_string());
        }
    }
    assert_eq!(asked, ["9.9.8.8:6881"]);
    assert!(node.nodes().is_empty(), "a router of the public network has no place in the table");
}

#[test]
fn an_innocent_address_is_left_alone_by_further_lookups() {
    let mut world = World::network(12);
    let victim: SocketAddr = "127.99.1.1:7777".parse().unwrap();
    for round in 0..10 {
        let now = world.now;
        world.node(1).look_up(now, Id([round; 20]), Goal::Peers(None));
        // Whoever is asked first names the victim, under an id next to the target.
        let mut asked = Vec::new();
        while let Some(output) = world.node(1).poll_output() {
            asked.extend(if let Output::Transmit { to, packet } = output {
                Some((to, packet))
            } else {
                None
            });
        }
        let (liar, packet) = asked.remove(0);
        let transaction = decode(&packet, Family::V4).unwrap().transaction.to_vec();
        let id = world.nodes[&liar].id();
        let mut reply = krpc::Reply::new(&transaction, id, at(1), 1000);
        reply.nodes(Family::V4, &[Contact { id: Id([round; 20]), address: victim }]);
        world.node(1).handle_packet(now, liar, &reply.encode());
        world.drain(at(1));
        world.run_for(Duration::from_secs(10));
    }
    let packets = world.lost.iter().filter(|(to, _)| *to == victim).count();
    assert!((1..=2).contains(&packets), "{packets} packets");
}
