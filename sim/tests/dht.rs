//! The DHT from outside: a network of ten thousand nodes of which many are dead, go, or lie.

use dht::{Announce, Goal, Id, LookupKey};
use sim::{DhtWorld, Ground, Member, seed};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const HASH: Id = Id([0x5a; 20]);

/// One way between any two nodes.
const LATENCY: Duration = Duration::from_millis(50);

const ANNOUNCE: Goal = Goal::Peers(Some(Announce { port: 7000, implied_port: false, seed: true }));

/// A node that enters the network and announces the torrent; gives the peer it is.
fn publish(world: &mut DhtWorld) -> SocketAddr {
    let routers = world.routers(4);
    let publisher = world.add_active(&routers);
    let key = world.look_up(publisher, HASH, ANNOUNCE);
    let outcome = world.finish(publisher, key).expect("a lookup ends");
    assert_eq!(outcome.stored_at, 8);
    assert!(outcome.queries <= 100);
    world.run_for(Duration::from_secs(1));
    SocketAddr::new(world.contact(publisher).0.address.ip(), 7000)
}

/// A node that was not there before looks for peers from its first moment.
fn newcomer(world: &mut DhtWorld) -> (Member, LookupKey, Instant) {
    let routers = world.routers(4);
    let began = world.now();
    let member = world.add_active(&routers);
    let key = world.look_up(member, HASH, Goal::Peers(None));
    (member, key, began)
}

#[test]
fn dht_cold_start() {
    let mut world = DhtWorld::new(seed(1), Ground::Public, 10_000, 20, LATENCY);
    let peer = publish(&mut world);
    let mut times = Vec::new();
    for _ in 0..10 {
        let (member, key, began) = newcomer(&mut world);
        let outcome = world.finish(member, key).expect("a lookup ends");
        let (peers, first) = world.peers(member, key);
        assert_eq!(peers, [peer]);
        assert!(outcome.queries <= 100);
        times.push(first.expect("a peer was found") - began);
    }
    let slowest = times.iter().max().expect("ten lookups");
    assert!(*slowest < Duration::from_secs(3), "first peers after {times:?}");
}

#[test]
fn dht_churn() {
    let mut world = DhtWorld::new(seed(2), Ground::Public, 4_000, 20, LATENCY);
    let routers = world.routers(4);
    let (old_hand, publisher) = (world.add_active(&routers), world.add_active(&routers));
    for minute in 0..40 {
        // Seven in ten go in the course of it, and others come.
        world.kill(3);
        world.join(100);
        if minute % 5 == 4 {
            world.forget_the_dead();
        }
        if minute % 10 == 0 {
            let key = world.look_up(publisher, HASH, ANNOUNCE);
            assert!(world.finish(publisher, key).expect("a lookup ends").stored_at == 8);
        }
        world.run_for(Duration::from_mins(1));
    }
    let known = world.node(old_hand).expect("it is awake").nodes();
    let alive =
        known.iter().filter_map(|node| world.member_at(node.address)).filter(|m| world.contact(*m).1).count();
    // A node is asked again a quarter of an hour after it was last heard of: some of those known are gone by then.
    assert!(
        known.len() >= 30 && alive * 10 >= known.len() * 6,
        "{alive} of {} nodes known are alive",
        known.len()
    );
    let key = world.look_up(old_hand, HASH, Goal::Peers(None));
    let outcome = world.finish(old_hand, key).expect("a lookup ends");
    let expected = SocketAddr::new(world.contact(publisher).0.address.ip(), 7000);
    assert_eq!(world.peers(old_hand, key).0, [expected], "{outcome:?}");
}

#[test]
fn dht_sybil_in_one_24() {
    for ground in [Ground::Public, Ground::Loopback] {
        let mut world = DhtWorld::new(seed(3), ground, 10_000, 10, LATENCY);
        let sybils = world.add_sybils(HASH, 250);
        let peer = publish(&mut world);
        let before: usize = sybils.iter().map(|sybil| world.packets_to(*sybil)).sum();
        let (member, key, _) = newcomer(&mut world);
        world.finish(member, key).expect("a lookup ends");
        assert_eq!(world.peers(member, key).0, [peer], "{ground:?}");
        let to_sybils = sybils.iter().map(|sybil| world.packets_to(*sybil)).sum::<usize>() - before;
        assert!(to_sybils <= 8, "{to_sybils} packets to 250 sybils of one network");
    }
}
