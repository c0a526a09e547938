//! Ways to find peers that are switched on and off while torrents run.

mod world;

use engine::{AfterCompletion, DhtSettings, Event, Session, Settings, Transports};
use std::net::IpAddr;
use std::time::Duration;
use world::{Scratch, settings, torrent_of, wait_for};

/// A session on an address of its own, as the DHT counts nodes by address.
fn start(last: u8, dht: Option<DhtSettings>) -> Session {
    let bind = IpAddr::from([127, 0, last, 1]).into();
    Session::start(Settings { bind, dht, transports: Transports::TcpOnly, ..settings() }).unwrap()
}

#[tokio::test]
async fn a_dht_that_is_switched_on_finds_peers_for_a_torrent_that_runs() {
    let scratch = Scratch::new();
    let files = [("image.iso", 200_000)];
    let (metainfo, contents) = torrent_of("image.iso", &files, 65_536, 5);
    scratch.write("seed", &files, &contents);
    let router = start(61, Some(DhtSettings { routers: Vec::new(), ..DhtSettings::default() }));
    let routers = vec![("127.0.61.1".to_owned(), router.port())];
    let dht = DhtSettings { routers, ..DhtSettings::default() };
    let (seed_session, session) = (start(62, Some(dht.clone())), start(63, None));
    let forever = AfterCompletion { seed: true, ..AfterCompletion::default() };
    let mut seed = seed_session.add(scratch.add("seed", &metainfo, forever)).await.unwrap();
    wait_for(&mut seed, |event| *event == Event::Complete).await;
    let mut download = session.add(scratch.add("download", &metainfo, forever)).await.unwrap();
    assert!(session.dht_tables().await.is_none());
    session.set_dht(Some(&dht));
    let found = wait_for(&mut download, |event| *event == Event::Complete);
    tokio::time::timeout(Duration::from_mins(2), found).await.expect("the seed is found");
    assert_eq!(scratch.read("download/image.iso"), contents[0]);
    assert!(session.dht_tables().await.is_some());
    session.set_dht(None);
    assert!(session.dht_tables().await.is_none());
}
