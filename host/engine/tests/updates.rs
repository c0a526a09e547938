//! Torrents that their publishers replace (BEP 46), on a DHT of loopback.

use engine::{
    Bind, DhtError, DhtKey, DhtNode, DhtSettings, DhtTables, Session, Settings, Update, UpdateError,
};
use metainfo::Publisher;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::time::{sleep, timeout};

const LONG: Duration = Duration::from_mins(2);

fn routers(nodes: &[SocketAddr]) -> Vec<(String, u16)> {
    nodes.iter().map(|it| (it.ip().to_string(), it.port())).collect()
}

/// A node on an address of its own, which is a network of its own to the others. The first is told of a node that is
/// not there: that is how it knows that its network is a local one.
async fn node(last: u8, entrance: &[SocketAddr]) -> (DhtNode, SocketAddr) {
    let nobody = [SocketAddr::from(([127, 0, 0, 1], 9))];
    let known = if entrance.is_empty() { &nobody } else { entrance };
    let settings = DhtSettings { routers: routers(known), read_only: false, tables: DhtTables::default() };
    let bind: Bind = IpAddr::from([127, 0, last, 1]).into();
    let node = DhtNode::start(bind, 0, &settings).await.expect("a socket");
    let address = SocketAddr::from(([127, 0, last, 1], node.port()));
    for entrance in entrance {
        // It is known there once it has answered a question that came back to it.
        node.ping(*entrance).await.expect("it answers");
    }
    (node, address)
}

fn session(last: u8, entrance: Option<SocketAddr>) -> Session {
    let dht = entrance.map(|entrance| DhtSettings {
        routers: routers(&[entrance]),
        read_only: false,
        tables: DhtTables::default(),
    });
    let bind = IpAddr::from([127, 0, last, 1]).into();
    Session::start(Settings { bind, dht, lsd: false, ..Settings::default() }).expect("a session")
}

fn publisher(key: &DhtKey) -> Publisher {
    Publisher { key: key.public(), salt: b"news".to_vec() }
}

async fn publish(node: &DhtNode, key: &DhtKey, value: &[u8]) -> i64 {
    node.put_mutable(key, b"news", value, None).await.expect("kept").0.sequence
}

#[tokio::test]
async fn a_publisher_s_newest_torrent_is_told_and_each_that_takes_its_place() {
    let key = DhtKey::from_seed([46; 32]).expect("a key");
    let (entrance, address) = node(111, &[]).await;
    let (other, _) = node(112, &[address]).await;
    let first = publish(&other, &key, &Publisher::value(&[1; 20])).await;
    let reader = session(113, Some(address));
    let expected = Update { info_hash: [1; 20], sequence: first };
    let found = timeout(LONG, reader.latest(&publisher(&key), &[])).await.expect("an answer");
    assert_eq!(found, Ok(expected));

    let mut updates = reader.updates(publisher(&key), Vec::new(), None);
    assert_eq!(timeout(LONG, updates.next()).await.expect("in time"), Some(Ok(expected)));
    let second = publish(&entrance, &key, &Publisher::value(&[2; 20])).await;
    updates.look_now();
    let expected = Update { info_hash: [2; 20], sequence: second };
    assert_eq!(timeout(LONG, updates.next()).await.expect("in time"), Some(Ok(expected)));
    let third = publish(&entrance, &key, b"4:junk").await;
    updates.look_now();
    let told = timeout(LONG, updates.next()).await.expect("in time");
    assert_eq!(told, Some(Err(UpdateError::BadItem(third))));
    reader.shutdown().await;
    assert_eq!(timeout(LONG, updates.next()).await.expect("in time"), None, "it ends with the session");
}

#[tokio::test]
async fn what_a_reader_knows_outlives_the_nodes_that_held_it() {
    let key = DhtKey::from_seed([47; 32]).expect("a key");
    let (entrance, address) = node(115, &[]).await;
    let (other, _) = node(116, &[address]).await;
    let sequence = publish(&other, &key, &Publisher::value(&[1; 20])).await;
    let reader = session(117, Some(address));
    let mut updates = reader.updates(publisher(&key), Vec::new(), None);
    let update = Ok(Update { info_hash: [1; 20], sequence });
    assert_eq!(timeout(LONG, updates.next()).await.expect("in time"), Some(update));
    // Somebody joins who never heard of it; the reader's next look brings it there.
    let (late, late_address) = node(118, &[address]).await;
    let (asking, _) = node(119, &[late_address]).await;
    drop((entrance, other));
    let brought = async {
        loop {
            updates.look_now();
            match asking.get_mutable(key.public(), b"news").await {
                Ok(item) => return item.sequence,
                Err(DhtError::NotFound | DhtError::NobodyAnswers) => sleep(Duration::from_millis(100)).await,
                Err(error) => panic!("{error}"),
            }
        }
    };
    assert_eq!(timeout(LONG, brought).await.expect("it is brought there"), sequence);
    drop(late);
}

#[tokio::test]
async fn why_a_publisher_s_torrent_is_not_known_is_told() {
    let key = DhtKey::from_seed([48; 32]).expect("a key");
    let (_entrance, address) = node(121, &[]).await;
    let without = session(122, None);
    assert_eq!(without.latest(&publisher(&key), &[]).await, Err(UpdateError::NoDht));
    let reader = session(123, Some(address));
    let found = timeout(LONG, reader.latest(&publisher(&key), &[])).await.expect("an answer");
    assert_eq!(found, Err(UpdateError::Dht(DhtError::NotFound)));
    // One that is switched off lets go at once.
    let mut updates = reader.updates(publisher(&key), Vec::new(), None);
    assert!(matches!(timeout(LONG, updates.next()).await.expect("in time"), Some(Err(UpdateError::Dht(_)))));
    reader.set_dht(None);
    updates.look_now();
    assert_eq!(timeout(LONG, updates.next()).await.expect("in time"), Some(Err(UpdateError::NoDht)));
}
