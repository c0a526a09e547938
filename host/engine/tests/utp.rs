//! Whole transfers over uTP, and each transport in the place of the other.

mod world;

use engine::{Event, Session, Settings, Torrent, Transports, Ways};
use metainfo::Metainfo;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use world::{FOREVER, Scratch, settings, torrent_of, wait_for};

/// A leech fetches from a seed, each with the transports it is given.
async fn transfer(seed_has: Transports, leech_has: Transports, bytes: usize) {
    let with = |transports| Settings { transports, ..settings() };
    world::transfer(with(seed_has), with(leech_has), bytes).await;
}

#[tokio::test]
async fn a_torrent_goes_across_by_utp_alone() {
    transfer(Transports::UtpOnly, Transports::UtpOnly, 8 << 20).await;
}

#[tokio::test]
async fn whoever_prefers_tcp_falls_back_to_utp() {
    transfer(Transports::UtpOnly, Transports::TcpFirst, 1 << 20).await;
}

#[tokio::test]
async fn whoever_prefers_utp_falls_back_to_tcp() {
    transfer(Transports::TcpOnly, Transports::UtpFirst, 1 << 20).await;
}

#[tokio::test]
async fn utp_alone_takes_no_tcp() {
    let session = Session::start(Settings { transports: Transports::UtpOnly, ..settings() }).unwrap();
    let attempt = TcpStream::connect(("127.0.0.1", session.port()));
    let result = tokio::time::timeout(Duration::from_secs(10), attempt).await.expect("an answer at once");
    assert!(result.is_err());
}

/// A seed of a torrent and where it comes from.
async fn seed(scratch: &Scratch, transports: Transports) -> (Session, Torrent, Arc<Metainfo>, Vec<Vec<u8>>) {
    let files = [("image.iso", 1 << 20)];
    let (metainfo, contents) = torrent_of("image.iso", &files, 65_536, 6);
    scratch.write("seed", &files, &contents);
    let session = Session::start(Settings { transports, ..settings() }).unwrap();
    let mut torrent = session.add(scratch.add("seed", &metainfo, FOREVER)).await.unwrap();
    wait_for(&mut torrent, |event| *event == Event::Complete).await;
    (session, torrent, metainfo, contents)
}

/// Clients that speak uTP alone often listen by TCP all the same.
#[tokio::test]
async fn whoever_closes_tcp_connections_is_met_by_utp() {
    let scratch = Scratch::new();
    let (seed_session, _seed, metainfo, contents) = seed(&scratch, Transports::UtpOnly).await;
    let listener = TcpListener::bind(("127.0.0.1", seed_session.port())).await.unwrap();
    let closes = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            drop(stream);
        }
    });
    let session = Session::start(Settings { transports: Transports::TcpFirst, ..settings() }).unwrap();
    let mut add = scratch.add("leech", &metainfo, FOREVER);
    add.peers = vec![([127, 0, 0, 1], seed_session.port()).into()];
    let mut leech = session.add(add).await.unwrap();
    wait_for(&mut leech, |event| *event == Event::Complete).await;
    assert!(scratch.read("leech/image.iso") == contents[0]);
    closes.abort();
}

#[tokio::test]
async fn utp_moves_with_the_port() {
    let scratch = Scratch::new();
    let (session, torrent, metainfo, contents) = seed(&scratch, Transports::UtpOnly).await;
    let old = session.port();
    let new = session.set_port(0).unwrap();
    assert_ne!(old, new);
    let leeching = Session::start(Settings { transports: Transports::UtpOnly, ..settings() }).unwrap();
    let mut add = scratch.add("leech", &metainfo, FOREVER);
    add.peers = vec![([127, 0, 0, 1], new).into()];
    let mut leech = leeching.add(add).await.unwrap();
    wait_for(&mut leech, |event| *event == Event::Complete).await;
    assert!(scratch.read("leech/image.iso") == contents[0]);
    let report = torrent.control().report().await.expect("it works");
    assert!(report.peers.iter().all(|peer| peer.link.is_utp), "it is told what carries a connection");
}

#[tokio::test]
async fn transports_are_switched_while_torrents_run() {
    let scratch = Scratch::new();
    let before = Settings { transports: Transports::TcpOnly, ..settings() };
    let (session, _torrent, metainfo, contents) = seed(&scratch, Transports::TcpOnly).await;
    session.set_ways(Ways { transports: Transports::UtpOnly, ..Ways::of(&before) }).unwrap();
    // The port of uTP is that of TCP, unless another program has it.
    let leeching = Session::start(Settings { transports: Transports::UtpOnly, ..settings() }).unwrap();
    let mut add = scratch.add("leech", &metainfo, FOREVER);
    add.peers = vec![([127, 0, 0, 1], session.port()).into()];
    let mut leech = leeching.add(add).await.unwrap();
    wait_for(&mut leech, |event| *event == Event::Complete).await;
    assert!(scratch.read("leech/image.iso") == contents[0]);
    let attempt = TcpStream::connect(("127.0.0.1", session.port()));
    assert!(attempt.await.is_err(), "nobody listens over TCP any more");
    session.set_ways(Ways::of(&before)).unwrap();
    TcpStream::connect(("127.0.0.1", session.port())).await.expect("TCP is back");
}
