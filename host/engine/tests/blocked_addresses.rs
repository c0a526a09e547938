//! A blocklist keeps connections away in both directions, and may change at any time.

mod world;

use blocklist::{Blocklist, parse};
use engine::{Event, Session, Settings};
use metainfo::Metainfo;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use world::{FOREVER, Scratch, settings, torrent_of, wait_for};

fn blocking(list: &str) -> Settings {
    let settings = settings();
    settings.address_filter.replace(Blocklist::new(parse(list.as_bytes()).unwrap().ranges));
    settings
}

#[tokio::test]
async fn a_blocked_peer_is_not_dialled() {
    let scratch = Scratch::new();
    let files = [("image.iso", 1 << 20)];
    let (metainfo, contents) = torrent_of("image.iso", &files, 65_536, 3);
    scratch.write("seed", &files, &contents);
    let seed_session = Session::start(Settings { bind: engine::Bind::default(), ..settings() }).unwrap();
    let mut seed = seed_session.add(scratch.add("seed", &metainfo, FOREVER)).await.unwrap();
    wait_for(&mut seed, |event| *event == Event::Complete).await;

    let leech_session = Session::start(blocking("127.0.0.2")).unwrap();
    let mut add = scratch.add("leech", &metainfo, FOREVER);
    add.peers = [2, 1].map(|last| ([127, 0, 0, last], seed_session.port()).into()).to_vec();
    let mut leech = leech_session.add(add).await.unwrap();
    wait_for(&mut leech, |event| *event == Event::Complete).await;
    assert_eq!(scratch.read("leech/image.iso"), contents[0]);
    let known: Vec<String> = leech.snapshot().sources.into_iter().map(|source| source.name).collect();
    assert!(!known.iter().any(|name| name.starts_with("127.0.0.2:")), "{known:?}");
}

#[tokio::test]
async fn a_blocked_peer_is_turned_away_without_a_word_until_the_list_changes() {
    let scratch = Scratch::new();
    let files = [("image.iso", 100_000)];
    let (metainfo, contents) = torrent_of("image.iso", &files, 65_536, 4);
    scratch.write("seed", &files, &contents);
    let settings = Settings { bind: engine::Bind::default(), ..blocking("Some Org:127.0.0.3-127.0.0.7") };
    let filter = settings.address_filter.clone();
    let session = Session::start(settings).unwrap();
    let mut seed = session.add(scratch.add("seed", &metainfo, FOREVER)).await.unwrap();
    wait_for(&mut seed, |event| *event == Event::Complete).await;

    let blocked = [127, 0, 0, 3].into();
    assert_eq!(answer(blocked, session.port(), &metainfo).await, 0, "closed without a word");
    assert_eq!(answer([127, 0, 0, 2].into(), session.port(), &metainfo).await, wire::HANDSHAKE_LENGTH);
    filter.replace(Blocklist::default());
    assert_eq!(answer(blocked, session.port(), &metainfo).await, wire::HANDSHAKE_LENGTH);
}

/// Bytes of the handshake that a stranger at `from` gets back.
async fn answer(from: IpAddr, port: u16, metainfo: &Metainfo) -> usize {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(from, 0)).unwrap();
    let talk = async {
        let mut stream = socket.connect(([127, 0, 0, 1], port).into()).await.unwrap();
        let mut hello = b"\x13BitTorrent protocol\0\0\0\0\0\0\0\0".to_vec();
        hello.extend_from_slice(&metainfo.wire_info_hash());
        hello.extend_from_slice(b"-XX0000-abcdefghijkl");
        stream.write_all(&hello).await.unwrap();
        let mut bytes = Vec::new();
        // A reset is one way to be turned away.
        let _ = stream.take(wire::HANDSHAKE_LENGTH as u64).read_to_end(&mut bytes).await;
        bytes.len()
    };
    tokio::time::timeout(Duration::from_mins(1), talk).await.expect("an answer, or none, within a minute")
}
