//! Torrents whose publishers replace them (BEP 46), between daemons and a DHT on loopback.

use crate::world::{Home, Sample, entry, eventually, wait_for};
use daemon::{AddRequest, Config, Daemon, Number, Settings, Source, Status};
use engine::{DhtKey, DhtNode, DhtSettings, DhtTables};
use metainfo::{InfoHash, Publisher};
use std::net::{IpAddr, SocketAddr};

/// A node on an address of its own. The first is told of one that is not there, and so that its network is a local one.
async fn node(last: u8, entrance: Option<SocketAddr>) -> (DhtNode, SocketAddr) {
    let known = entrance.unwrap_or_else(|| ([127, 0, 0, 1], 9).into());
    let routers = vec![(known.ip().to_string(), known.port())];
    let settings = DhtSettings { routers, read_only: false, tables: DhtTables::default() };
    let node = DhtNode::start(IpAddr::from([127, 0, last, 1]).into(), 0, &settings).await.expect("a socket");
    if let Some(entrance) = entrance {
        node.ping(entrance).await.expect("it answers");
    }
    let address = ([127, 0, last, 1], node.port()).into();
    (node, address)
}

async fn start(home: &Home, entrance: SocketAddr) -> Daemon {
    let settings = Settings { dht: true, ..home.settings() };
    let mut config = Config::new(home.config(), settings);
    config.bind = Some([127, 0, 0, 1].into());
    config.dht_bootstrap = vec![(entrance.ip().to_string(), entrance.port())];
    Daemon::start(config).await.expect("the daemon starts")
}

/// Puts the info-hash of a torrent that a daemon has as the publisher's newest.
async fn publish(node: &DhtNode, key: &DhtKey, info_hash: InfoHash) {
    let InfoHash::V1(hash) = info_hash else { panic!("a torrent v1") };
    node.put_mutable(key, b"", &Publisher::value(&hash), None).await.expect("kept");
}

fn find(daemon: &Daemon, hash: &InfoHash) -> Option<Number> {
    daemon.view(|catalogue| catalogue.find(hash))
}

fn count(daemon: &Daemon) -> usize {
    daemon.view(|catalogue| catalogue.iter().count())
}

#[tokio::test]
async fn a_publisher_s_torrent_is_fetched_kept_over_restarts_and_replaced_by_a_newer_one() {
    let (_entrance, address) = node(131, None).await;
    let (publisher, _) = node(132, Some(address)).await;
    let key = DhtKey::from_seed([7; 32]).expect("a key");
    let (giver, taker) = (Home::new(), Home::new());
    // The second has a file of the first as it was, one that changed and grew, and one more.
    let first = Sample::new("image", &[("a.bin", 98_304), ("b.bin", 98_304)], 71);
    let mut second = Sample::new("image", &[("a.bin", 98_304), ("b.bin", 131_072), ("c.bin", 1000)], 71);
    second.files[0].1.clone_from(&first.files[0].1);
    first.write(&giver.downloads());
    let giving = start(&giver, address).await;
    let added = first.add(&giving).await;
    wait_for(&giving, added.number, "seeding", |it| it.status() == Status::Seeding).await;
    let at: SocketAddr = ([127, 0, 0, 1], giving.port()).into();

    // Nobody has published anything yet: the row waits, says why, and outlives the run.
    let taking = start(&taker, address).await;
    let link = Publisher { key: key.public(), salt: Vec::new() };
    let link = format!("magnet:?{link}&dn=news&x.pe={at}");
    let waiting = taking.add(AddRequest::new(Source::Magnet(link.clone()))).await.expect("a link");
    assert_eq!(waiting.name, "news");
    let says_why = |it: &daemon::Entry| it.fault().is_some_and(|fault| fault.text.contains("no node has"));
    wait_for(&taking, waiting.number, "why", says_why).await;
    assert!(entry(&taking, waiting.number, |it| it.is_unresolved() && it.status() == Status::Downloading));
    assert!(taking.add(AddRequest::new(Source::Magnet(link))).await.expect("a link").duplicate);
    taking.shutdown().await;
    publish(&publisher, &key, added.info_hash).await;
    let taking = start(&taker, address).await;
    eventually("the publisher's torrent takes the row", || find(&taking, &added.info_hash).is_some()).await;
    let number = find(&taking, &added.info_hash).expect("it is there");
    wait_for(&taking, number, "complete", |it| it.status() == Status::Seeding).await;
    assert!(first.is_whole_in(&taker.downloads()));
    assert_eq!(count(&taking), 1, "the row that waited is gone");
    assert!(entry(&taking, number, |it| it.publication().is_some_and(|it| it.sequence == Some(1))));

    // The next one: the older leaves once the newer's metadata is here.
    let other = Home::new();
    second.write(&other.downloads());
    let giving_newer = start(&other, address).await;
    let newer = second.add(&giving_newer).await;
    wait_for(&giving_newer, newer.number, "seeding", |it| it.status() == Status::Seeding).await;
    publish(&publisher, &key, newer.info_hash).await;
    taking.reannounce(vec![number]).await.expect("taken");
    eventually("the newer one is there", || find(&taking, &newer.info_hash).is_some()).await;
    let number = find(&taking, &newer.info_hash).expect("it is there");
    taking.add_peers(number, vec![([127, 0, 0, 1], giving_newer.port()).into()]).await.expect("taken");
    wait_for(&taking, number, "complete", |it| it.status() == Status::Seeding).await;
    assert!(second.is_whole_in(&taker.downloads()));
    eventually("the older one has left", || find(&taking, &added.info_hash).is_none()).await;
    let fetched = entry(&taking, number, |it| it.progress().downloaded);
    assert!(fetched < 200_000, "what did not change was not fetched again: {fetched}");

    // One that nobody has waits beside what there is, over a restart too.
    let nobodys = InfoHash::V1([9; 20]);
    publish(&publisher, &key, nobodys).await;
    taking.reannounce(vec![number]).await.expect("taken");
    eventually("the one that nobody has is there", || find(&taking, &nobodys).is_some()).await;
    taking.shutdown().await;
    let taking = start(&taker, address).await;
    assert_eq!(count(&taking), 2);
    let number = find(&taking, &newer.info_hash).expect("it is there");
    wait_for(&taking, number, "seeding still", |it| it.status() == Status::Seeding).await;
    assert!(find(&taking, &nobodys).is_some_and(|it| !entry(&taking, it, daemon::Entry::is_unresolved)));
    for daemon in [taking, giving, giving_newer] {
        daemon.shutdown().await;
    }
}

#[tokio::test]
async fn a_torrent_that_the_user_added_stays_when_its_publisher_names_another() {
    let (_entrance, address) = node(133, None).await;
    let (publisher, _) = node(134, Some(address)).await;
    let key = DhtKey::from_seed([8; 32]).expect("a key");
    let home = Home::new();
    let own = Sample::new("own", &[("a.bin", 50_000)], 72);
    own.write(&home.downloads());
    let daemon = start(&home, address).await;
    let own = own.add(&daemon).await;
    let link = Publisher { key: key.public(), salt: Vec::new() };
    let waiting =
        daemon.add(AddRequest::new(Source::Magnet(format!("magnet:?{link}")))).await.expect("a link");
    publish(&publisher, &key, own.info_hash).await;
    daemon.reannounce(vec![waiting.number]).await.expect("taken");
    eventually("the row of the link is gone", || count(&daemon) == 1).await;

    // Another that is here already, so that nothing has to be waited for.
    let next = Sample::new("next", &[("b.bin", 50_000)], 73);
    next.write(&home.downloads());
    let next = next.add(&daemon).await;
    publish(&publisher, &key, next.info_hash).await;
    daemon.reannounce(vec![own.number]).await.expect("taken");
    let follows = || entry(&daemon, next.number, |it| it.publication().is_some());
    eventually("the publisher is heard", follows).await;
    assert!(find(&daemon, &own.info_hash).is_some() && count(&daemon) == 2);
    daemon.shutdown().await;
}
