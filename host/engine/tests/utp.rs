//! Whole transfers over uTP, and each transport in the place of the other.

mod world;

use engine::{AfterCompletion, Event, Session, Settings, Transports};
use std::time::Duration;
use tokio::net::TcpStream;
use world::{Scratch, settings, torrent_of, wait_for};

const FOREVER: AfterCompletion = AfterCompletion { seed: true, ratio: None, time: None };

/// A leech fetches from a seed, each with the transports it is given.
async fn transfer(seed_has: Transports, leech_has: Transports, bytes: usize) {
    let scratch = Scratch::new();
    let files = [("image.iso", bytes)];
    let (metainfo, contents) = torrent_of("image.iso", &files, 65_536, 5);
    scratch.write("seed", &files, &contents);
    let session = |transports| Session::start(Settings { transports, ..settings() }).unwrap();
    let (seed_session, leech_session) = (session(seed_has), session(leech_has));
    let mut seed = seed_session.add(scratch.add("seed", &metainfo, FOREVER)).await.unwrap();
    wait_for(&mut seed, |event| *event == Event::Complete).await;
    let mut add = scratch.add("leech", &metainfo, FOREVER);
    add.peers = vec![([127, 0, 0, 1], seed_session.port()).into()];
    let mut leech = leech_session.add(add).await.unwrap();
    wait_for(&mut leech, |event| *event == Event::Complete).await;
    assert!(scratch.read("leech/image.iso") == contents[0]);
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
