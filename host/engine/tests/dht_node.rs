//! Nodes of the DHT without a session, on loopback: what one puts the other gets.

use engine::{Bind, DhtError, DhtKey, DhtNode, DhtSettings, DhtTables, ItemFault};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::net::UdpSocket;

/// A node on an address of its own, which is a network of its own to the others.
async fn node(last: u8, routers: &[SocketAddr], read_only: bool) -> DhtNode {
    let routers = routers.iter().map(|it| (it.ip().to_string(), it.port())).collect();
    let settings = DhtSettings { routers, read_only, tables: DhtTables::default() };
    let bind: Bind = IpAddr::from([127, 0, last, 1]).into();
    DhtNode::start(bind, 0, &settings).await.expect("a socket")
}

/// Three nodes that answer, all entered through the first; the first's address.
async fn network(first: u8) -> ([DhtNode; 3], SocketAddr) {
    let entrance = node(first, &[], false).await;
    let address = SocketAddr::from(([127, 0, first, 1], entrance.port()));
    let others = [node(first + 1, &[address], false).await, node(first + 2, &[address], false).await];
    // Each is known to the first once it has answered a question that came back to it.
    for other in &others {
        other.ping(address).await.expect("it answers");
    }
    let [second, third] = others;
    ([entrance, second, third], address)
}

#[tokio::test]
async fn an_immutable_item_is_put_here_and_got_there() {
    let (_network, entrance) = network(61).await;
    let (one, other) = (node(64, &[entrance], true).await, node(65, &[entrance], true).await);
    let (target, kept) = one.put_immutable(b"12:Hello World!").await.expect("kept");
    assert_eq!(target[..4], [0xe5, 0xf9, 0x6f, 0x6f], "the target of the specification");
    assert!(kept.taken >= 1 && kept.taken == kept.sent, "{kept:?}");
    assert_eq!(other.get_immutable(target).await.as_deref(), Ok(&b"12:Hello World!"[..]));
    assert_eq!(other.get_immutable([9; 20]).await, Err(DhtError::NotFound));
}

#[tokio::test]
async fn a_mutable_item_is_replaced_by_its_maker_only_in_order() {
    let (_network, entrance) = network(71).await;
    let (one, other) = (node(74, &[entrance], true).await, node(75, &[entrance], true).await);
    let key = DhtKey::from_seed([5; 32]).expect("a key");
    let (first, _) = one.put_mutable(&key, b"salt", b"3:one", None).await.expect("kept");
    let (second, _) = other.put_mutable(&key, b"salt", b"3:two", Some(1)).await.expect("kept");
    assert_eq!((first.sequence, second.sequence), (1, 2));
    assert_eq!(one.get_mutable(key.public(), b"salt").await, Ok(second.clone()));
    let late = one.put_mutable(&key, b"salt", b"5:three", Some(1)).await;
    assert_eq!(late, Err(DhtError::Conflict(1)));
    assert_eq!(one.get_mutable(key.public(), b"salt").await, Ok(second));
    assert_eq!(one.get_mutable(key.public(), b"").await, Err(DhtError::NotFound), "another salt");
    let alone = one.put_mutable(&key, b"", b"1:x", None).await.expect("kept").0;
    assert_eq!(alone.sequence, 1, "each salt counts for itself");
}

#[tokio::test]
async fn what_no_node_would_take_is_not_sent() {
    let lonely = node(81, &[], true).await;
    let key = DhtKey::from_seed([5; 32]).expect("a key");
    let long = [&b"1000:"[..], &[b'x'; 1000]].concat();
    for (value, fault) in [(&long[..], ItemFault::TooBig), (b"i01e", ItemFault::NotCanonical)] {
        assert_eq!(lonely.put_immutable(value).await.err(), Some(DhtError::BadItem(fault)));
        assert_eq!(lonely.put_mutable(&key, b"", value, None).await.err(), Some(DhtError::BadItem(fault)));
    }
    let salted = lonely.put_mutable(&key, &[b's'; 65], b"1:x", None).await;
    assert_eq!(salted.err(), Some(DhtError::BadItem(ItemFault::SaltTooBig)));
}

#[tokio::test]
async fn nobody_there_is_told_apart_from_nothing_there() {
    let silent = UdpSocket::bind("127.0.82.1:0").await.expect("a socket");
    let nobody = silent.local_addr().expect("an address");
    let asking = node(83, &[nobody], true).await;
    let mut lookup = asking.find_peers([9; 20]).expect("there is room");
    let (got, put, pong, peers) = tokio::join!(
        asking.get_immutable([9; 20]),
        asking.put_immutable(b"1:x"),
        asking.ping(nobody),
        lookup.next()
    );
    assert_eq!(got, Err(DhtError::NobodyAnswers));
    assert_eq!(put.err(), Some(DhtError::NobodyAnswers));
    assert_eq!(pong, Err(DhtError::NobodyAnswers));
    assert_eq!((peers, lookup.answered()), (None, 0));
}

#[tokio::test]
async fn a_ping_says_who_is_there_and_where_we_are() {
    let (_network, entrance) = network(91).await;
    let asking = node(94, &[], true).await;
    let pong = asking.ping(entrance).await.expect("it answers");
    assert_eq!(pong.contact.address, entrance);
    assert_eq!(pong.seen_at, Some(SocketAddr::from(([127, 0, 94, 1], asking.port()))));
    assert!(pong.round_trip < Duration::from_secs(1), "the first question is answered");
}

#[tokio::test]
async fn a_taken_port_is_not_replaced_by_another() {
    let taken = UdpSocket::bind("127.0.95.1:0").await.expect("a socket");
    let port = taken.local_addr().expect("an address").port();
    let bind: Bind = IpAddr::from([127, 0, 95, 1]).into();
    let started = DhtNode::start(bind, port, &DhtSettings::default()).await;
    assert_eq!(started.err(), Some(DhtError::PortTaken(port)));
}
