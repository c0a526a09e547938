use super::*;
use crate::world::start;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::time::Duration;

const OWN: Id = Id([0; 20]);

/// A node of its own network in 127/8, where any id fits.
fn local(first: u8, number: u16) -> Contact {
    let mut id = [0; 20];
    id[0] = first;
    id[18..].copy_from_slice(&number.to_be_bytes());
    let [high, low] = number.to_be_bytes();
    Contact { id: Id(id), address: SocketAddr::new(IpAddr::from([127, high, low, 1]), 6881) }
}

fn table_of(now: Instant, nodes: impl IntoIterator<Item = Contact>) -> Table {
    let mut table = Table::new(OWN);
    nodes.into_iter().for_each(|node| table.answered(now, node));
    table
}

#[test]
fn a_bucket_holds_eight_and_the_ninth_waits_for_one_to_fail() {
    let now = start();
    let mut table = table_of(now, (0..9).map(|n| local(0x80, n)));
    assert_eq!(table.len(), K);
    assert!(!table.nodes().any(|node| node == local(0x80, 8)));
    table.failed(now, local(0x80, 3).address);
    assert!(table.nodes().any(|node| node == local(0x80, 3)), "once is no proof");
    table.failed(now, local(0x80, 3).address);
    let names: BTreeSet<Contact> = table.nodes().collect();
    assert!(names.contains(&local(0x80, 8)) && !names.contains(&local(0x80, 3)));
}

#[test]
fn nearer_nodes_have_buckets_of_their_own() {
    let table = table_of(start(), (0..40).map(|n| local(0x80 >> (n % 4), n)));
    assert_eq!(table.len(), 32);
    let nearest = table.closest(OWN, 8);
    assert!(nearest.iter().all(|node| node.id.0[0] == 0x10), "{nearest:?}");
}

#[test]
fn a_failing_node_is_not_named_and_then_forgotten() {
    let now = start();
    let mut table = table_of(now, [local(0x80, 1)]);
    table.failed(now, local(0x80, 1).address);
    table.failed(now, local(0x80, 1).address);
    assert_eq!(table.len(), 0);
    table.answered(now, local(0x80, 1));
    assert_eq!(table.len(), 1, "an answer redeems it");
    (0..3).for_each(|_| table.failed(now, local(0x80, 1).address));
    assert!(table.holders.is_empty() && table.buckets.is_empty());
}

#[test]
fn one_network_has_one_place_and_its_first_node_keeps_it() {
    let now = start();
    let first = local(0x80, 1);
    let mut table = table_of(now, [first]);
    for last in 2..100 {
        let mut other = local(0x40 >> (last % 5), u16::from(last));
        other.address.set_ip(IpAddr::from([127, 0, 1, last]));
        table.answered(now, other);
        assert!(!table.wants(now, other));
    }
    assert_eq!(table.nodes().collect::<Vec<_>>(), [first]);
}

#[test]
fn an_address_that_changes_its_id_loses_its_place_for_a_while() {
    let now = start();
    let node = local(0x80, 1);
    let renamed = Contact { id: Id([9; 20]), ..node };
    let mut table = table_of(now, [node, renamed]);
    assert_eq!(table.len(), 0);
    table.answered(now, renamed);
    assert_eq!(table.len(), 0);
    table.answered(now + SHIFTY_FOR, renamed);
    assert_eq!(table.len(), 1);
}

#[test]
fn ids_that_fit_their_address_are_preferred() {
    let now = start();
    let mut rng = fastrand::Rng::with_seed(1);
    let at = |n: u8| IpAddr::from([60, n, 1, 1]);
    let false_id = |n: u8| {
        let address = SocketAddr::new(at(n), 6881);
        Contact { id: Id(std::array::from_fn(|i| if i == 0 { 0x80 } else { n })), address }
    };
    let mut table = table_of(now, (1..=8).map(false_id));
    let mut fits = (100..200).map(|n| {
        let id = crate::bep42::id_for(at(n), &mut rng);
        Contact { id, address: SocketAddr::new(at(n), 6881) }
    });
    let fitting = fits.find(|node| node.id.0[0] >= 0x80).unwrap();
    assert!(table.wants(now, fitting));
    table.answered(now, fitting);
    assert!(table.nodes().any(|node| node == fitting));
    assert_eq!(table.len(), K);
}

#[test]
fn our_own_id_is_nobody_elses() {
    let now = start();
    let table = table_of(now, [Contact { id: OWN, ..local(1, 1) }]);
    assert_eq!(table.len(), 0);
    assert!(!table.wants(now, Contact { id: OWN, ..local(1, 1) }));
}

#[test]
fn nodes_not_heard_of_are_pinged_the_stalest_first() {
    let now = start();
    let mut table = table_of(now, [local(0x80, 1)]);
    table.answered(now + Duration::from_mins(1), local(0x80, 2));
    assert_eq!(table.next_to_ping(now + Duration::from_mins(10)), None);
    let later = now + Duration::from_mins(20);
    assert_eq!(table.next_to_ping(later), Some(local(0x80, 1)));
    assert_eq!(table.next_to_ping(later), Some(local(0x80, 2)));
    assert_eq!(table.next_to_ping(later), None, "both are being asked");
    table.asked_us(later, local(0x80, 2));
    assert_eq!(table.next_to_ping(later + Duration::from_mins(1)), Some(local(0x80, 1)));
    assert_eq!(
        table.next_to_ping(later + Duration::from_mins(1)),
        None,
        "a question of theirs is a sign of life"
    );
}

#[test]
fn poor_buckets_are_looked_up_once_and_quiet_ones_again() {
    let now = start();
    let mut rng = fastrand::Rng::with_seed(1);
    let full = (0..8).map(|n| local(0x80, n));
    let mut table = table_of(now, full.chain([local(0x10, 9)]));
    let mut due = |table: &mut Table, now| -> Vec<u8> {
        std::iter::from_fn(|| table.next_to_refresh(now, &mut rng)).map(|id| OWN.shared_bits(id)).collect()
    };
    assert_eq!(due(&mut table, now), [1, 2, 3]);
    assert_eq!(due(&mut table, now + REFRESH_AFTER / 2), []);
    table.answered(now + REFRESH_AFTER / 2, local(0x80, 3));
    assert_eq!(due(&mut table, now + REFRESH_AFTER), [1, 2, 3]);
    assert_eq!(due(&mut table, now + 2 * REFRESH_AFTER), [0, 1, 2, 3]);
}

#[test]
fn a_new_id_of_ours_keeps_the_nodes() {
    let now = start();
    let mut table = table_of(now, (0..6).map(|n| local(0x80 >> (n % 3), n)));
    table.rebase(now, Id([0xff; 20]));
    assert_eq!(table.len(), 6);
    assert_eq!(table.closest(Id([0xff; 20]), 1)[0].id.0[0], 0x80);
}

/// A step of a random history.
#[derive(Clone, Debug)]
enum Step {
    Answered(u8, u8, u8),
    Failed(u8, u8),
    Pass(u16),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (any::<u8>(), any::<u8>(), 0u8..3).prop_map(|(id, net, host)| Step::Answered(id, net, host)),
        2 => (any::<u8>(), 0u8..3).prop_map(|(net, host)| Step::Failed(net, host)),
        1 => any::<u16>().prop_map(Step::Pass),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever happens: every rule of the table holds, and the nearest nodes are those that a plain sort finds
    /// among all that answered last and did not fail since.
    #[test]
    fn the_rules_hold_in_every_history(steps in proptest::collection::vec(step(), 1..150)) {
        let mut now = start();
        let mut table = Table::new(OWN);
        let mut heard: BTreeMap<SocketAddr, (Id, u8)> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Answered(id, net, host) => {
                    let address = SocketAddr::new(IpAddr::from([127, 9, net, host]), 6881);
                    let id = Id(std::array::from_fn(|i| if i == 0 { id } else { net % 2 }));
                    heard.insert(address, (id, 0));
                    table.answered(now, Contact { id, address });
                }
                Step::Failed(net, host) => {
                    let address = SocketAddr::new(IpAddr::from([127, 9, net, host]), 6881);
                    heard.entry(address).and_modify(|(_, failures)| *failures += 1);
                    table.failed(now, address);
                }
                Step::Pass(seconds) => now += Duration::from_secs(u64::from(seconds) / 64),
            }
            let nodes: Vec<Contact> = table.nodes().collect();
            let networks: BTreeSet<Subnet> = nodes.iter().map(|node| Subnet::of(node.address.ip())).collect();
            prop_assert_eq!(networks.len(), nodes.len(), "one place a network");
            for node in &nodes {
                let (id, failures) = heard[&node.address];
                prop_assert!(id == node.id && failures < BAD_FAILURES && node.id != OWN);
            }
            prop_assert!(table.buckets.values().all(|bucket| bucket.nodes.len() <= K));
            prop_assert!(table.buckets.values().all(|bucket| bucket.waiting.len() <= MAX_REPLACEMENTS));
            let kept: usize = table.buckets.values().map(|bucket| bucket.nodes.len() + bucket.waiting.len()).sum();
            prop_assert_eq!(table.holders.len(), kept, "every place has a holder");
            let target = Id([0x5a; 20]);
            let mut sorted = nodes;
            sorted.sort_by_key(|node| (node.id.distance(target), *node));
            sorted.truncate(K);
            prop_assert_eq!(table.closest(target, K), sorted);
        }
    }
}
