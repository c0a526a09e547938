//! What honest nodes do for each other.

use super::*;
use crate::contract::{Announce, Outcome, Pong};
use crate::item::Item;
use crate::signing::{self, signed};
use crate::world::{World, at};
use std::time::Duration;

const HASH: Id = Id([0x5a; 20]);

const fn announce(port: u16) -> Goal {
    Goal::Peers(Some(Announce { port, implied_port: false, seed: false }))
}

fn peers(outputs: &[Output]) -> Vec<SocketAddr> {
    let named = outputs.iter().filter_map(|output| match output {
        Output::Peers(_, peers) => Some(peers.clone()),
        _ => None,
    });
    named.flatten().collect()
}

fn nearest(world: &World, target: Id) -> Vec<SocketAddr> {
    let mut nodes: Vec<_> =
        world.nodes.iter().map(|(address, node)| (node.id().distance(target), *address)).collect();
    nodes.sort_unstable();
    nodes.into_iter().map(|(_, address)| address).collect()
}

#[test]
fn a_network_grows_from_one_contact() {
    let world = World::network(40);
    for (address, node) in &world.nodes {
        assert!(node.nodes().len() >= 8, "{address} knows only {}", node.nodes().len());
    }
}

#[test]
fn an_announced_peer_is_found_by_others_and_held_by_the_eight_nearest() {
    let mut world = World::network(40);
    let (_, outcome) = world.look_up(5, HASH, announce(7000));
    assert_eq!(outcome.stored_at, 8);
    world.run_for(Duration::from_secs(1));
    let expected = SocketAddr::new(at(5).ip(), 7000);
    let (outputs, _) = world.look_up(33, HASH, Goal::Peers(None));
    assert_eq!(peers(&outputs), [expected], "told once, however many nodes name it");
    let holders = nearest(&world, HASH).into_iter().filter(|address| *address != at(5)).take(8);
    for holder in holders {
        let node = world.nodes.get_mut(&holder).unwrap();
        assert_eq!(node.peers.peers(HASH, 9, false), [expected], "{holder}");
    }
}

#[test]
fn the_implied_port_is_that_of_the_packets() {
    let mut world = World::network(12);
    let goal = Goal::Peers(Some(Announce { port: 7000, implied_port: true, seed: false }));
    world.look_up(5, HASH, goal);
    world.run_for(Duration::from_secs(1));
    let (outputs, _) = world.look_up(3, HASH, Goal::Peers(None));
    assert_eq!(peers(&outputs), [at(5)]);
}

#[test]
fn items_are_stored_and_found() {
    let mut world = World::network(20);
    let value = [&b"990:"[..], &[b'x'; 990]].concat();
    for item in [Item::Immutable { value: value.clone() }, Item::Mutable(signed(1, b"salt", 3, &value))] {
        let target = item.target();
        let (_, outcome) = world.look_up(5, target, Goal::Put { item: item.clone(), cas: None });
        assert_eq!(outcome.stored_at, 8);
        world.run_for(Duration::from_secs(1));
        let (outputs, _) = world.look_up(13, target, Goal::Get { salt: b"salt".to_vec() });
        let found: Vec<&Item> = outputs
            .iter()
            .filter_map(|o| if let Output::Item(_, item) = o { Some(item) } else { None })
            .collect();
        assert_eq!(found, [&item], "even a long one is given to somebody never met");
    }
}

#[test]
fn a_newer_item_wins_over_an_older_one() {
    let mut world = World::network(20);
    let item = |sequence, value: &[u8]| Item::Mutable(signed(1, b"", sequence, value));
    let target = item(1, b"").target();
    world.look_up(5, target, Goal::Put { item: item(2, b"3:two"), cas: None });
    world.run_for(Duration::from_secs(1));
    world.look_up(6, target, Goal::Put { item: item(1, b"3:one"), cas: None });
    world.run_for(Duration::from_secs(1));
    let (outputs, _) = world.look_up(13, target, Goal::Get { salt: Vec::new() });
    let last = outputs
        .iter()
        .rev()
        .find_map(|o| if let Output::Item(_, item) = o { Some(item.clone()) } else { None });
    assert_eq!(last, Some(item(2, b"3:two")));
}

#[test]
fn what_becomes_of_an_item_is_told_by_every_node_it_was_sent_to() {
    let mut world = World::network(20);
    let item = |sequence| Item::Mutable(signed(1, b"", sequence, b"1:x"));
    for (sequence, cas, expected) in [
        (2, None, Stored::Taken),
        (1, None, Stored::Refused(Stored::OLDER)),
        (3, Some(1), Stored::Refused(Stored::CAS_MISMATCH)),
        (3, Some(2), Stored::Taken),
    ] {
        let before = world.told.len();
        let (_, outcome) = world.look_up(5, item(0).target(), Goal::Put { item: item(sequence), cas });
        world.run_for(Duration::from_secs(5));
        let told = |it: &(_, Output)| if let Output::Stored(_, stored) = it.1 { Some(stored) } else { None };
        let told: Vec<Stored> = world.told[before..].iter().filter_map(told).collect();
        assert_eq!(told, vec![expected; outcome.stored_at], "number {sequence}");
        assert_eq!(outcome.stored_at, 8);
    }
}

#[test]
fn seeds_and_peers_are_counted() {
    let mut world = World::network(20);
    for n in 1..10 {
        let seed = n % 3 == 0;
        world.look_up(n, HASH, Goal::Peers(Some(Announce { port: 7000, implied_port: false, seed })));
    }
    world.run_for(Duration::from_secs(1));
    let (outputs, _) = world.look_up(15, HASH, Goal::Scrape);
    let last = outputs
        .iter()
        .rev()
        .find_map(|o| if let Output::Scraped(_, counts) = o { Some(*counts) } else { None });
    let counts = last.expect("something is told");
    assert!((counts.seeds - 3.0).abs() < 0.5 && (counts.peers - 6.0).abs() < 0.5, "{counts:?}");
}

#[test]
fn info_hashes_are_sampled() {
    let mut world = World::network(20);
    world.look_up(5, HASH, announce(7000));
    world.run_for(Duration::from_secs(1));
    let (outputs, _) = world.look_up(15, HASH, Goal::Samples);
    assert!(outputs.iter().any(|output| matches!(output, Output::Samples(_, ids) if ids.contains(&HASH))));
}

#[test]
fn a_read_only_node_finds_and_announces_but_is_never_asked() {
    let mut world = World::network(20);
    world.add(50, |config| config.read_only = true);
    world.run_for(Duration::from_secs(20));
    let (_, outcome) = world.look_up(50, HASH, announce(7000));
    assert_eq!(outcome.stored_at, 8);
    world.run_for(Duration::from_mins(5));
    let (outputs, _) = world.look_up(3, HASH, Goal::Peers(None));
    assert_eq!(peers(&outputs), [SocketAddr::new(at(50).ip(), 7000)]);
    assert!(world.nodes.values().all(|node| node.nodes().iter().all(|contact| contact.address != at(50))));
    let ping = krpc::query(b"aaaa", Id([1; 20]), false, &Query::Ping);
    assert!(world.send(at(51), 50, &ping).is_empty());
}

#[test]
fn a_saved_table_finds_the_network_without_a_router() {
    let mut world = World::network(30);
    let saved = world.node(7).save();
    let id = world.node(7).id();
    world.nodes.remove(&at(0));
    let mut config = Config::new(Family::V4, signing::verify);
    config.saved = Some(saved);
    let mut node = Node::new(config, 99, world.now);
    assert_eq!(node.id(), id);
    assert!(node.nodes().is_empty(), "nothing is believed before it answers");
    node.bootstrap(world.now, &[at(0)]);
    world.nodes.insert(at(7), node);
    world.drain(at(7));
    world.run_for(Duration::from_secs(20));
    assert!(world.node(7).nodes().len() >= 8);
}

#[test]
fn nobody_to_ask_ends_a_lookup_at_once() {
    let mut world = World::new();
    world.add(1, |_| {});
    world.nodes.get_mut(&at(1)).unwrap().routers.clear();
    let (_, outcome) = world.look_up(1, HASH, Goal::Peers(None));
    assert_eq!(outcome, Outcome::default());
}

#[test]
fn a_dead_network_is_asked_ever_less_often() {
    let mut world = World::new();
    world.add(1, |_| {});
    world.run_for(Duration::from_mins(10));
    let first = world.lost.len();
    assert!(first <= 20, "{first} packets in ten minutes");
    world.run_for(Duration::from_hours(1));
    assert!(world.lost.len() - first <= 2 * 13);
}

#[test]
fn contacts_told_by_peers_are_pinged_and_taken() {
    let mut world = World::network(2);
    world.add(9, |_| {});
    let now = world.now;
    world.node(1).handle_contacts(now, &[at(9), "8.8.8.8:53".parse().unwrap(), "1.2.3.4:0".parse().unwrap()]);
    world.drain(at(1));
    world.run_for(Duration::from_secs(1));
    assert!(world.node(1).nodes().iter().any(|node| node.address == at(9)));
}

#[test]
fn silent_nodes_leave_the_table() {
    let mut world = World::network(12);
    let before = world.node(3).nodes().len();
    for n in 6..12 {
        world.nodes.remove(&at(n));
    }
    world.run_for(Duration::from_mins(40));
    let left = world.node(3).nodes();
    assert!(
        before > left.len() && left.iter().all(|node| world.nodes.contains_key(&node.address)),
        "{left:?}"
    );
}

#[test]
fn a_ping_is_told() {
    let mut world = World::network(3);
    let now = world.now;
    world.node(1).ping(now, at(2));
    world.drain(at(1));
    world.run_for(Duration::from_secs(1));
    let id = world.node(2).id();
    let pong = Pong {
        contact: Contact { id, address: at(2) },
        round_trip: Duration::from_millis(40),
        version: Vec::new(),
        seen_at: Some(at(1)),
    };
    assert!(world.told.contains(&(at(1), Output::Pong(pong))));
}

#[test]
fn many_lookups_wait_for_their_turn_and_all_end() {
    let mut world = World::network(20);
    let now = world.now;
    let keys: Vec<LookupKey> =
        (0..50).map(|n| world.node(4).look_up(now, Id([n; 20]), Goal::Peers(None))).collect();
    world.node(4).cancel(now, keys[3]);
    world.drain(at(4));
    world.run_for(Duration::from_mins(1));
    let ended = |key: &LookupKey| {
        world.told.iter().any(|(_, output)| matches!(output, Output::Finished(ended, _) if ended == key))
    };
    assert_eq!(keys.iter().filter(|key| ended(key)).count(), 49);
    assert!(!ended(&keys[3]));
}
