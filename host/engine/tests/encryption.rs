//! Whole transfers between sessions that encrypt and sessions that do not, and what others on the way see of them.

mod world;

use engine::{
    AfterCompletion, Encryption, Event, Link, Session, Settings, SleepingTorrent, Transports, Ways,
};
use std::io::ErrorKind;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use world::{FOREVER, Scratch, settings, torrent_of, transfer, wait_for};

fn with(encryption: Encryption) -> Settings {
    Settings { encryption, transports: Transports::TcpOnly, ..settings() }
}

/// How the bytes of a connection travel, of two that have nothing to give each other.
async fn link(seed_has: Settings, leech_has: Settings) -> Link {
    let scratch = Scratch::new();
    let files = [("image.iso", 200_000)];
    let (metainfo, _) = torrent_of("image.iso", &files, 65_536, 5);
    let (there, here) = (Session::start(seed_has).unwrap(), Session::start(leech_has).unwrap());
    let mut other = there.add(scratch.add("there", &metainfo, FOREVER)).await.unwrap();
    wait_for(&mut other, |event| matches!(event, Event::Checked { .. })).await;
    let mut add = scratch.add("here", &metainfo, FOREVER);
    add.peers = vec![([127, 0, 0, 1], there.port()).into()];
    let mut torrent = here.add(add).await.unwrap();
    wait_for(&mut torrent, |event| matches!(event, Event::Checked { .. })).await;
    let connection = async {
        loop {
            let report = torrent.control().report().await.expect("a torrent at work");
            if let Some(peer) = report.peers.first() {
                return peer.link;
            }
        }
    };
    tokio::time::timeout(Duration::from_mins(1), connection).await.expect("a connection")
}

#[tokio::test]
async fn a_torrent_goes_across_encrypted() {
    let required = || with(Encryption::Required);
    transfer(required(), required(), 8 << 20).await;
    assert!(link(required(), required()).await.is_encrypted);
}

#[tokio::test]
async fn a_torrent_goes_across_encrypted_by_utp() {
    let required = || Settings { transports: Transports::UtpOnly, ..with(Encryption::Required) };
    transfer(required(), required(), 2 << 20).await;
    assert_eq!(link(required(), required()).await, Link { is_encrypted: true, is_utp: true });
}

#[tokio::test]
async fn whoever_begins_plain_falls_back_to_encryption() {
    transfer(with(Encryption::Required), with(Encryption::Allowed), 1 << 20).await;
    assert!(link(with(Encryption::Required), with(Encryption::Allowed)).await.is_encrypted);
}

#[tokio::test]
async fn whoever_prefers_encryption_falls_back_to_plain() {
    transfer(with(Encryption::Off), with(Encryption::Preferred), 1 << 20).await;
    assert!(!link(with(Encryption::Off), with(Encryption::Preferred)).await.is_encrypted);
}

#[tokio::test]
async fn what_both_would_rather_have_is_what_they_get() {
    use Encryption::{Allowed, Preferred};
    assert!(!link(with(Allowed), with(Allowed)).await.is_encrypted);
    assert!(link(with(Preferred), with(Preferred)).await.is_encrypted);
}

/// What a listener answers to bytes that come in the open: nothing and an end, or something.
async fn answer_to(session: &Session, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(("127.0.0.1", session.port())).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let mut read = [0; 1024];
    loop {
        match tokio::time::timeout(Duration::from_secs(20), stream.read(&mut read)).await.expect("an end") {
            Ok(0) => return answer,
            Ok(n) => answer.extend_from_slice(&read[..n]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return answer,
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn settings_count_for_the_next_connection() {
    let scratch = Scratch::new();
    let (metainfo, _) = torrent_of("image.iso", &[("image.iso", 200_000)], 65_536, 5);
    let session = Session::start(with(Encryption::Off)).unwrap();
    let mut torrent = session.add(scratch.add("here", &metainfo, FOREVER)).await.unwrap();
    wait_for(&mut torrent, |event| matches!(event, Event::Checked { .. })).await;
    // No public key of ours answers theirs.
    assert!(answer_to(&session, &[0x77; 96]).await.is_empty());
    session.set_ways(Ways::of(&with(Encryption::Required))).unwrap();
    let hello = [b"\x13BitTorrent protocol\0\0\0\0\0\0\0\0".as_slice(), &metainfo.wire_info_hash(), &[7; 20]];
    assert!(answer_to(&session, &hello.concat()).await.is_empty());
    // A key is answered by a key, and noise behind it by the end.
    let answer = answer_to(&session, &[[0x77; 96].as_slice(), &[0; 600]].concat()).await;
    assert!((96..=96 + 512).contains(&answer.len()), "{}", answer.len());
}

#[tokio::test]
async fn a_sleeper_hears_who_asks_for_it_in_secret() {
    let scratch = Scratch::new();
    let files = [("image.iso", 300_000)];
    let (metainfo, contents) = torrent_of("image.iso", &files, 65_536, 7);
    scratch.write("seed", &files, &contents);
    let seeding = Session::start(with(Encryption::Required)).unwrap();
    let info_hash = metainfo.wire_info_hash();
    let sleeper = SleepingTorrent { info_hash, trackers: vec![], total_bytes: 300_000, is_private: true };
    seeding.put_to_sleep(sleeper);
    let leeching = Session::start(with(Encryption::Required)).unwrap();
    let mut add = scratch.add("leech", &metainfo, AfterCompletion::default());
    add.peers = vec![([127, 0, 0, 1], seeding.port()).into()];
    let mut leech = leeching.add(add).await.unwrap();
    let stirred = seeding.stirred().await;
    assert_eq!((stirred.info_hash, stirred.is_wanted), (info_hash, true));
    let _seed = seeding.add(scratch.add("seed", &metainfo, FOREVER)).await.unwrap();
    wait_for(&mut leech, |event| *event == Event::Complete).await;
    assert_eq!(scratch.read("leech/image.iso"), contents[0]);
}
