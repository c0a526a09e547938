use super::*;
use crate::world::start;
use std::time::Duration;

const TARGET: Id = Id([0; 20]);

/// The node number `n`, in a network of its own; the lower the number the nearer to the target.
fn node(n: u16) -> Contact {
    let [high, low] = n.to_be_bytes();
    let mut id = [0; 20];
    id[..2].copy_from_slice(&n.to_be_bytes());
    Contact { id: Id(id), address: SocketAddr::new(IpAddr::from([127, high, low, 1]), 6881) }
}

fn begin(numbers: impl IntoIterator<Item = u16>) -> Lookup {
    let mut lookup = Lookup::new(start(), TARGET);
    for n in numbers {
        lookup.add_start(Some(node(n).id), node(n).address);
    }
    lookup
}

fn asked(lookup: &mut Lookup) -> Vec<SocketAddr> {
    let now = lookup.give_up_at().checked_sub(LOOKUP_TIME).unwrap();
    std::iter::from_fn(|| lookup.next(now)).collect()
}

fn answer(lookup: &mut Lookup, n: u16, named: impl IntoIterator<Item = u16>) -> bool {
    let nodes: Vec<Contact> = named.into_iter().map(node).collect();
    lookup.answered(node(n), Some(b"token"), &nodes)
}

#[test]
fn the_nearest_are_asked_first_and_few_at_once() {
    let mut lookup = begin([900, 100, 500, 300, 700, 200, 800]);
    let first = asked(&mut lookup);
    assert_eq!(first, [100, 200, 300, 500, 700].map(|n| node(n).address));
    assert!(answer(&mut lookup, 300, [10, 20]));
    assert_eq!(asked(&mut lookup), [node(10).address], "the nearer newcomer takes the free place");
}

#[test]
fn it_ends_when_the_eight_nearest_have_answered() {
    let mut lookup = begin(1..=20);
    let now = start();
    let mut answers = 0;
    while !lookup.is_done(now) {
        for address in asked(&mut lookup) {
            let n = (1..=20).find(|n| node(*n).address == address).unwrap();
            assert!(answer(&mut lookup, n, []));
            answers += 1;
        }
    }
    assert_eq!((answers, lookup.queries(), lookup.answered_count()), (8, 8, 8));
    let stores: Vec<SocketAddr> = lookup.stores().into_iter().map(|(address, _)| address).collect();
    assert_eq!(stores, (1..=8).map(|n| node(n).address).collect::<Vec<_>>());
}

#[test]
fn an_endless_chain_of_nearer_nodes_ends_after_a_hundred_packets() {
    let mut lookup = begin([60_000]);
    let mut n = 60_000;
    let mut packets = 0;
    while !lookup.is_done(start()) {
        let batch = asked(&mut lookup);
        packets += batch.len();
        for address in batch {
            let IpAddr::V4(ip) = address.ip() else { unreachable!() };
            let from = u16::from_be_bytes([ip.octets()[1], ip.octets()[2]]);
            n -= 8;
            assert!(answer(&mut lookup, from, n..n + 8));
        }
    }
    assert_eq!(packets, MAX_LOOKUP_QUERIES);
}

#[test]
fn silence_ends_it_too() {
    let lookup = begin(1..=3);
    assert!(!lookup.is_done(start()));
    assert!(lookup.is_done(lookup.give_up_at()));
    assert!(begin([]).is_done(start()));
}

#[test]
fn a_slow_node_is_asked_once_more_and_never_a_third_time() {
    let mut lookup = begin([1]);
    assert_eq!(asked(&mut lookup), [node(1).address]);
    lookup.slow(node(1).address);
    assert_eq!(asked(&mut lookup), [node(1).address]);
    lookup.slow(node(1).address);
    assert_eq!(asked(&mut lookup), []);
    assert!(!lookup.is_done(start()), "it may still answer");
    assert!(answer(&mut lookup, 1, []));
    assert!(lookup.is_done(start()));
}

#[test]
fn others_are_asked_in_the_place_of_slow_ones() {
    let mut lookup = begin(1..=20);
    let first = asked(&mut lookup);
    for address in first {
        lookup.slow(address);
    }
    assert_eq!(asked(&mut lookup), (6..=10).map(|n| node(n).address).collect::<Vec<_>>());
}

#[test]
fn one_address_gets_two_packets_under_however_many_ids() {
    let mut lookup = begin([5000]);
    asked(&mut lookup);
    let victim = node(7).address;
    let names: Vec<Contact> = (0..8).map(|n| Contact { id: node(n).id, address: victim }).collect();
    assert!(lookup.answered(node(5000), None, &names));
    assert_eq!(asked(&mut lookup), [victim]);
    lookup.slow(victim);
    assert_eq!(asked(&mut lookup), [victim]);
    lookup.failed(victim);
    lookup.answered(node(5000), None, &names);
    assert_eq!(asked(&mut lookup), []);
}

#[test]
fn one_network_has_one_candidate() {
    let mut lookup = begin([5000]);
    asked(&mut lookup);
    let names: Vec<Contact> = (1..=8)
        .map(|n| Contact {
            id: node(n).id,
            address: SocketAddr::new(IpAddr::from([127, 66, 6, n as u8]), 6881),
        })
        .collect();
    assert!(lookup.answered(node(5000), None, &names));
    assert_eq!(asked(&mut lookup).len(), 1);
}

#[test]
fn whoever_answers_under_another_id_is_not_counted() {
    let mut lookup = begin([1]);
    asked(&mut lookup);
    let impostor = Contact { id: Id([0xee; 20]), address: node(1).address };
    assert!(!lookup.answered(impostor, Some(b"token"), &[node(2)]));
    assert!(lookup.is_done(start()) && lookup.stores().is_empty());
    assert!(!lookup.answered(node(3), None, &[]), "nobody asked it");
}

#[test]
fn a_bootstrap_contact_may_have_any_id_and_gets_its_place_by_it() {
    let mut lookup = begin([50]);
    lookup.add_start(None, node(7).address);
    assert_eq!(asked(&mut lookup)[0], node(7).address, "asked before all others");
    assert!(answer(&mut lookup, 7, []) && answer(&mut lookup, 50, []));
    assert_eq!(lookup.stores()[0].0, node(7).address);
}

#[test]
fn whoever_names_nodes_that_do_not_exist_is_believed_no_more() {
    let mut lookup = begin([5000, 6000]);
    asked(&mut lookup);
    assert!(answer(&mut lookup, 5000, 1..=8));
    assert!(answer(&mut lookup, 6000, 1000..=1007));
    let mut invented = 0;
    loop {
        let batch = asked(&mut lookup);
        if batch.is_empty() {
            break;
        }
        for address in batch {
            let IpAddr::V4(ip) = address.ip() else { unreachable!() };
            let n = u16::from_be_bytes([ip.octets()[1], ip.octets()[2]]);
            if n <= 8 {
                invented += 1;
                lookup.failed(address);
            } else {
                assert!(answer(&mut lookup, n, []));
            }
        }
    }
    assert!(invented <= 5, "{invented} packets into the void");
    assert!(
        lookup.stores().iter().all(|(address, _)| *address != node(5000).address),
        "a liar stores nothing"
    );
    assert_eq!(lookup.stores().len(), 8);
}

#[test]
fn nobody_is_blamed_for_a_node_that_several_name() {
    let mut lookup = begin([5000, 6000]);
    asked(&mut lookup);
    assert!(answer(&mut lookup, 5000, 1..=8));
    assert!(answer(&mut lookup, 6000, 1..=8));
    for n in 1..=6 {
        asked(&mut lookup);
        lookup.failed(node(n).address);
    }
    assert!(lookup.false_names.is_empty());
}

#[test]
fn ids_that_do_not_fit_take_nobodys_place() {
    let mut rng = fastrand::Rng::with_seed(5);
    let mut lookup = Lookup::new(start(), TARGET);
    for n in 1..=8u8 {
        // Next to the target, where the attacker wants to be.
        lookup.add_start(Some(node(u16::from(n)).id), SocketAddr::new(IpAddr::from([60, n, 1, 1]), 6881));
    }
    let honest: Vec<Contact> = (1..=8u8)
        .map(|n| {
            let ip = IpAddr::from([70, n, 1, 1]);
            Contact { id: crate::bep42::id_for(ip, &mut rng), address: SocketAddr::new(ip, 6881) }
        })
        .collect();
    for node in &honest {
        lookup.add_start(Some(node.id), node.address);
    }
    let mut now = start();
    while !lookup.is_done(now) {
        now += Duration::from_millis(1);
        while let Some(address) = lookup.next(now) {
            let id = lookup.candidates.iter().find(|c| c.address == address).and_then(|c| c.id).unwrap();
            assert!(lookup.answered(Contact { id, address }, Some(b"t"), &[]));
        }
    }
    assert_eq!(lookup.answered_count(), 16, "both kinds are asked");
    let stores: Vec<SocketAddr> = lookup.stores().into_iter().map(|(address, _)| address).collect();
    assert!(honest.iter().all(|node| stores.contains(&node.address)), "and those that fit store");
}

#[test]
fn it_is_not_over_while_a_nearer_node_waits_for_its_turn() {
    let mut lookup = begin([5000]);
    asked(&mut lookup);
    assert!(answer(&mut lookup, 5000, 100..=107));
    let batch = asked(&mut lookup);
    assert_eq!(batch.len(), MAX_IN_FLIGHT_PER_INFORMANT);
    // Nearer ones push those under way out of sight.
    assert!(answer(&mut lookup, 100, 1..=8));
    assert!(!lookup.is_done(start()));
}
