//! What the tests of whole transfers share: torrents made on the spot, folders that go away, waiting with a limit.

use engine::{AddTorrent, AfterCompletion, Event, Session, Settings, Torrent};
use metainfo::Metainfo;
use metainfo::create::{NewFile, NewTorrent};
use sha1::{Digest, Sha1};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Seeds until it is stopped.
#[allow(dead_code, reason = "each test binary has this module, and not each needs it")]
pub(crate) const FOREVER: AfterCompletion = AfterCompletion { seed: true, ratio: None, time: None };

/// A folder that goes away at the end.
pub(crate) struct Scratch(tempfile::TempDir);

impl Scratch {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).expect(name)
    }

    pub(crate) fn write(&self, folder: &str, files: &[(&str, usize)], contents: &[Vec<u8>]) {
        for ((name, _), content) in files.iter().zip(contents) {
            let path = self.path(folder).join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            std::fs::write(path, content).expect("a file");
        }
    }

    pub(crate) fn add(
        &self,
        folder: &str,
        metainfo: &Arc<Metainfo>,
        after_completion: AfterCompletion,
    ) -> AddTorrent {
        std::fs::create_dir_all(self.path(folder)).expect("a folder");
        AddTorrent {
            metainfo: Arc::clone(metainfo),
            download_directory: self.path(folder),
            selected: None,
            sequential: None,
            preallocate: false,
            peers: Vec::new(),
            web_seeds: Vec::new(),
            use_peers: true,
            use_web_seeds: false,
            web_seed_policy: engine::WebSeedPolicy::default(),
            web_seed_connections: engine::WEB_SEED_CONNECTIONS,
            stop_on_disk_error: true,
            after_completion,
            tuning: engine::Tuning::default(),
        }
    }
}

/// A session on loopback, any port, keeping nothing.
pub(crate) fn settings() -> Settings {
    Settings {
        port: 0,
        bind: std::net::IpAddr::from([127, 0, 0, 1]).into(),
        lsd: false,
        ..Settings::default()
    }
}

/// A leech dials a seed, and what it fetches is whole.
#[allow(dead_code, reason = "each test binary has this module, and not each needs it")]
pub(crate) async fn transfer(seed_has: Settings, leech_has: Settings, bytes: usize) {
    let scratch = Scratch::new();
    let files = [("image.iso", bytes)];
    let (metainfo, contents) = torrent_of("image.iso", &files, 65_536, 5);
    scratch.write("seed", &files, &contents);
    let (seed_session, leech_session) =
        (Session::start(seed_has).unwrap(), Session::start(leech_has).unwrap());
    let mut seed = seed_session.add(scratch.add("seed", &metainfo, FOREVER)).await.unwrap();
    wait_for(&mut seed, |event| *event == Event::Complete).await;
    let mut add = scratch.add("leech", &metainfo, FOREVER);
    add.peers = vec![([127, 0, 0, 1], seed_session.port()).into()];
    let mut leech = leech_session.add(add).await.unwrap();
    wait_for(&mut leech, |event| *event == Event::Complete).await;
    assert!(scratch.read("leech/image.iso") == contents[0]);
}

/// A torrent of random files, and their contents. One file that bears the torrent's name makes it single-file.
pub(crate) fn torrent_of(
    name: &str,
    files: &[(&str, usize)],
    piece_length: u32,
    seed: u64,
) -> (Arc<Metainfo>, Vec<Vec<u8>>) {
    println!("contents from seed {seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let contents: Vec<Vec<u8>> =
        files.iter().map(|(_, length)| (0..*length).map(|_| rng.u8(..)).collect()).collect();
    let whole = contents.concat();
    let hashes: Vec<[u8; 20]> =
        whole.chunks(piece_length as usize).map(|piece| Sha1::digest(piece).into()).collect();
    let entries = files.iter().map(|(path, length)| NewFile {
        path: path.split('/').map(str::to_owned).collect(),
        length: *length as u64,
    });
    let torrent = NewTorrent {
        name: name.to_owned(),
        piece_length,
        piece_hashes: hashes,
        files: entries.collect(),
        is_multi_file: files.len() > 1 || files[0].0 != name,
        ..NewTorrent::default()
    };
    (Arc::new(Metainfo::parse(&torrent.encode()).expect("a good torrent")), contents)
}

/// Waits until such an event comes; a minute at most.
pub(crate) async fn wait_for(torrent: &mut Torrent, wanted: impl Fn(&Event) -> bool) {
    let wait = async {
        while let Some(event) = torrent.next_event().await {
            if wanted(&event) {
                return;
            }
        }
        panic!("the torrent ended before the event came");
    };
    tokio::time::timeout(Duration::from_mins(1), wait).await.expect("the event within a minute");
}
