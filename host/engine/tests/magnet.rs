//! Magnet links: the metadata comes from peers, and the torrent goes on with them.

mod world;

use engine::{AddMagnet, AfterCompletion, Event, Phase, Session, Torrent, TorrentError};
use metainfo::{Magnet, Metainfo};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use world::{FOREVER, Scratch, settings, torrent_of, wait_for};

/// A link with the hash alone.
fn link(metainfo: &Metainfo) -> Magnet {
    format!("magnet:?xt=urn:btih:{}", metainfo.info_hash()).parse().expect("a link")
}

/// The metadata that a fetch ends with; a minute at most.
async fn metadata(fetch: &mut Torrent) -> Result<(Arc<Metainfo>, Arc<[u8]>), TorrentError> {
    let wait = async {
        while let Some(event) = fetch.next_event().await {
            match event {
                Event::Metadata { metainfo, torrent_file } => return Ok((metainfo, torrent_file)),
                Event::Failed(error) => return Err(error),
                _ => {}
            }
        }
        panic!("it ended without a word");
    };
    tokio::time::timeout(Duration::from_mins(1), wait).await.expect("the metadata within a minute")
}

#[tokio::test]
async fn a_magnet_link_becomes_a_torrent_with_the_peer_that_gave_the_metadata() {
    let scratch = Scratch::new();
    let files: Vec<(String, usize)> =
        (0..400).map(|n| (format!("folder/a long name of file {n}"), 700)).collect();
    let files: Vec<(&str, usize)> = files.iter().map(|(name, length)| (name.as_str(), *length)).collect();
    let (metainfo, contents) = torrent_of("bundle", &files, 16_384, 11);
    assert!(metainfo.info_bytes.len() > 16_384, "more than one piece of metadata");
    scratch.write("seed/bundle", &files, &contents);
    let seed_session = Session::start(settings()).unwrap();
    let mut seed = seed_session.add(scratch.add("seed", &metainfo, FOREVER)).await.unwrap();
    wait_for(&mut seed, |event| *event == Event::Complete).await;

    let session = Session::start(settings()).unwrap();
    let mut add = AddMagnet::new(link(&metainfo));
    add.peers = vec![([127, 0, 0, 1], seed_session.port()).into()];
    let mut fetch = session.add_magnet(add.clone()).unwrap();
    assert_eq!(fetch.snapshot().phase, Phase::Metadata);
    assert!(session.add_magnet(add).is_err(), "it is being fetched");
    let (found, torrent_file) = metadata(&mut fetch).await.unwrap();
    assert_eq!(found.info_bytes, metainfo.info_bytes);
    assert_eq!(Metainfo::parse(&torrent_file).unwrap(), *found);
    // Nobody is named any more: what comes now comes from whom we know.
    let mut leech = session.add(scratch.add("leech", &found, AfterCompletion::default())).await.unwrap();
    wait_for(&mut leech, |event| *event == Event::Complete).await;
    assert_eq!(scratch.read("leech/bundle/folder/a long name of file 7"), contents[7]);
    assert_eq!(leech.snapshot().bytes_wasted, 0);
}

/// A peer that claims a size and answers each request for metadata with zeros.
async fn lie(size: usize) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut hello = [0; 68];
                stream.read_exact(&mut hello).await?;
                hello[48..].copy_from_slice(b"-LIAR00-aaaaaaaaaaaa");
                stream.write_all(&hello).await?;
                let told = format!("d1:md11:ut_metadatai5ee13:metadata_sizei{size}ee");
                stream.write_all(&extended(0, told.as_bytes())).await?;
                loop {
                    let mut length = [0; 4];
                    stream.read_exact(&mut length).await?;
                    let mut message = vec![0; u32::from_be_bytes(length) as usize];
                    stream.read_exact(&mut message).await?;
                    if let [20, 2, content @ ..] = &message[..] {
                        let text = String::from_utf8_lossy(content).into_owned();
                        let piece: usize = text[18..].split('e').nth(1).unwrap()[1..].parse().unwrap_or(0);
                        let head = format!("d8:msg_typei1e5:piecei{piece}e10:total_sizei{size}ee");
                        let zeros = vec![0; size.saturating_sub(piece * 16_384).min(16_384)];
                        stream.write_all(&extended(5, &[head.as_bytes(), &zeros].concat())).await?;
                    }
                }
                #[expect(unreachable_code, reason = "it names the type of the errors")]
                std::io::Result::Ok(())
            });
        }
    });
    address
}

fn extended(number: u8, content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u32 + 2).to_be_bytes();
    [&length[..], &[20, number], content].concat()
}

#[tokio::test]
async fn liars_do_not_keep_the_metadata_from_us() {
    let scratch = Scratch::new();
    let (metainfo, contents) = torrent_of("image", &[("image", 300_000)], 16_384, 12);
    scratch.write("seed", &[("image", 300_000)], &contents);
    let seed_session = Session::start(settings()).unwrap();
    let mut seed = seed_session.add(scratch.add("seed", &metainfo, FOREVER)).await.unwrap();
    wait_for(&mut seed, |event| *event == Event::Complete).await;

    let session = Session::start(settings()).unwrap();
    let mut add = AddMagnet::new(link(&metainfo));
    let size = metainfo.info_bytes.len();
    // All of them are of one address, which is forgiven twice.
    add.peers = vec![lie(size).await, lie(size + 1).await];
    add.peers.push(([127, 0, 0, 1], seed_session.port()).into());
    let mut fetch = session.add_magnet(add).unwrap();
    let (found, _) = metadata(&mut fetch).await.unwrap();
    assert_eq!(found.info_bytes, metainfo.info_bytes);
}

#[tokio::test]
async fn a_stopped_fetch_ends_at_once_and_can_begin_anew() {
    let (metainfo, _) = torrent_of("image", &[("image", 1000)], 16_384, 13);
    let session = Session::start(settings()).unwrap();
    let mut fetch = session.add_magnet(AddMagnet::new(link(&metainfo))).unwrap();
    fetch.stop().await;
    assert_eq!(fetch.next_event().await, None);
    assert_eq!(fetch.snapshot().phase, Phase::Stopped);
    session.add_magnet(AddMagnet::new(link(&metainfo))).unwrap();
}

#[tokio::test]
async fn without_peers_and_without_a_torrent_file_there_is_nobody_to_ask() {
    let (metainfo, _) = torrent_of("image", &[("image", 1000)], 16_384, 14);
    let session = Session::start(settings()).unwrap();
    let add = AddMagnet { use_peers: false, ..AddMagnet::new(link(&metainfo)) };
    let mut fetch = session.add_magnet(add).unwrap();
    assert!(matches!(metadata(&mut fetch).await, Err(TorrentError::NoMetadata(_))));
}
