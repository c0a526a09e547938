//! A torrent, a server that has its files, a disk, and a web seed's task between them.

use super::super::{WebSeedConfig, spawn};
use crate::http::test_server::{Reply, Request, TestServer, reply};
use crate::http::{Client, HttpSettings, Origin};
use crate::rate_limit::RateLimit;
use metainfo::{File, FileIndex, Geometry, InfoHash, Metainfo, PieceIndex};
use sha1::{Digest, Sha1};
use std::sync::Arc;
use std::time::Duration;
use storage::{Disk, DiskConfig, DiskEvent, TorrentLayout, TorrentStore};
use swarm::{FetchEnd, WebSeedFact, WebSeedKey, WebSeedOrder};
use tokio::sync::mpsc;
use url::Url;

/// Longer than anything here takes; only a hang reaches it.
const PATIENCE: Duration = Duration::from_mins(1);

pub(super) const PIECE: u32 = 65_536;

/// A torrent and its bytes.
#[derive(Clone)]
pub(super) struct Content {
    pub(super) metainfo: Arc<Metainfo>,
    pub(super) bytes: Arc<Vec<u8>>,
}

impl Content {
    /// A torrent called `name` of these files: path, length. A path that begins with `.pad` is a pad file. One
    /// file with an empty path makes a single-file torrent.
    pub(super) fn new(name: &[u8], files: &[(&[u8], usize)]) -> Self {
        let mut rng = fastrand::Rng::with_seed(7);
        let is_multi_file = !files[0].0.is_empty();
        let mut bytes = Vec::new();
        let mut entries = Vec::new();
        for (number, (path, length)) in files.iter().enumerate() {
            let pad = path.starts_with(b".pad");
            bytes.extend((0..*length).map(|_| if pad { 0 } else { rng.u8(..) }));
            let path = if is_multi_file { *path } else { name };
            entries.push(File {
                path: vec![format!("file {number}")],
                raw_path: path.split(|byte| *byte == b'/').map(<[u8]>::to_vec).collect(),
                length: *length as u64,
                pad,
                executable: false,
                symlink: None,
                pieces_root: None,
                piece_layer: Arc::default(),
            });
        }
        let hashes: Vec<[u8; 20]> =
            bytes.chunks(PIECE as usize).map(|piece| Sha1::digest(piece).into()).collect();
        let geometry = Geometry::new(PIECE, files.iter().map(|file| file.1 as u64)).unwrap();
        let metainfo = Metainfo {
            info_hash_v1: Some([1; 20]),
            info_hash_v2: None,
            name: "called otherwise here".into(),
            raw_name: name.to_vec(),
            is_multi_file,
            geometry: Arc::new(geometry),
            piece_hashes: hashes.into(),
            files: entries,
            private: false,
            comment: None,
            created_by: None,
            creation_date: None,
            source: None,
            trackers: Vec::new(),
            web_seeds: Vec::new(),
            nodes: Vec::new(),
            info_bytes: Arc::default(),
        };
        Self { metainfo: Arc::new(metainfo), bytes: Arc::new(bytes) }
    }

    /// One file called `image.iso`, 10 pieces and a bit.
    pub(super) fn single() -> Self {
        Self::new(b"image.iso", &[(b"", 10 * PIECE as usize + 12_345)])
    }

    pub(super) fn file(&self, index: u32) -> &[u8] {
        let (start, length) = self.metainfo.geometry.file_range(FileIndex(index));
        &self.bytes[start as usize..][..length as usize]
    }
}

/// An honest answer out of `file`.
pub(super) fn honest(request: &Request, file: &[u8]) -> Reply {
    let Some((first, last)) = request.range() else { return Reply::Keep(reply(200, &[], file)) };
    let range = format!("bytes {first}-{last}/{}", file.len());
    Reply::Keep(reply(206, &[("Content-Range", &range)], &file[first..=last]))
}

/// A web seed at work.
pub(super) struct World {
    pub(super) content: Content,
    pub(super) server: TestServer,
    pub(super) disk: Disk,
    pub(super) limit: Arc<RateLimit>,
    orders: mpsc::Sender<WebSeedOrder>,
    facts: mpsc::Receiver<(WebSeedKey, Vec<WebSeedFact>)>,
    store: TorrentStore,
    events: mpsc::Receiver<DiskEvent>,
    _directory: tempfile::TempDir,
}

impl World {
    /// A web seed at `path` of a server that answers by `script`.
    pub(super) async fn start(
        content: &Content,
        path: &str,
        script: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::start_with(content, path, 256, script).await
    }

    pub(super) async fn start_with(
        content: &Content,
        path: &str,
        pool_blocks: usize,
        script: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let server = TestServer::start(script).await;
        let directory = tempfile::tempdir().unwrap();
        let disk = Disk::start(DiskConfig { pool_blocks, ..DiskConfig::default() }).unwrap();
        let layout = TorrentLayout {
            layout: Arc::new(crate::layout::layout(&content.metainfo, InfoHash::V1([1; 20]))),
            download_directory: directory.path().to_owned(),
            selected: None,
            preallocate: false,
            plain_names: false,
            looks_only: false,
        };
        let (event_sender, events) = mpsc::channel(64);
        let store = disk.open(layout, event_sender).await.unwrap();
        store.check(|_| {}).await.unwrap();
        let limit = Arc::new(RateLimit::new(None));
        let (orders, order_receiver) = mpsc::channel(8);
        let (fact_sender, facts) = mpsc::channel(64);
        let config = WebSeedConfig {
            key: WebSeedKey(3),
            url: Url::parse(&format!("http://{}{path}", server.address)).unwrap(),
            origin: Origin::Torrent,
            metainfo: content.metainfo.clone(),
            store: store.clone(),
            pool: disk.pool().clone(),
            limit: limit.clone(),
            http: Client::with(HttpSettings::default()),
        };
        spawn(config, order_receiver, fact_sender);
        let content = content.clone();
        Self { content, server, disk, limit, orders, facts, store, events, _directory: directory }
    }

    pub(super) async fn order(&self, order: WebSeedOrder) {
        self.orders.send(order).await.unwrap();
    }

    /// Orders a range and waits for its end: the facts before it, and it.
    pub(super) async fn fetch(&mut self, offset: u64, length: u64) -> (Vec<WebSeedFact>, FetchEnd) {
        self.order(WebSeedOrder::Fetch { offset, length }).await;
        self.end().await
    }

    /// Orders the whole torrent.
    pub(super) async fn fetch_all(&mut self) -> (Vec<WebSeedFact>, FetchEnd) {
        self.fetch(0, self.content.metainfo.geometry.total_length()).await
    }

    /// The next batch of facts.
    pub(super) async fn facts(&mut self) -> Vec<WebSeedFact> {
        let (key, facts) = tokio::time::timeout(PATIENCE, self.facts.recv()).await.expect("a fact").unwrap();
        assert_eq!(key, WebSeedKey(3));
        facts
    }

    /// Everything up to the end of the range under way.
    pub(super) async fn end(&mut self) -> (Vec<WebSeedFact>, FetchEnd) {
        let mut all = Vec::new();
        loop {
            all.extend(self.facts().await);
            if let Some(WebSeedFact::Ended(end)) = all.last() {
                let end = *end;
                all.pop();
                return (all, end);
            }
        }
    }

    /// Waits until every buffer is in the pool again: workers give them back in their own time.
    pub(super) async fn buffers_come_back(&self) {
        let pool = self.disk.pool();
        let back = async {
            while pool.available() < pool.capacity() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(PATIENCE, back).await.expect("no block is held by anybody");
    }

    /// Waits until every piece of the torrent is stored, as the torrent has it.
    pub(super) async fn stored(&mut self) {
        for _ in 0..self.content.metainfo.geometry.piece_count() {
            loop {
                match tokio::time::timeout(PATIENCE, self.events.recv()).await.expect("an event").unwrap() {
                    DiskEvent::PieceStored { .. } => break,
                    DiskEvent::FileCompleted { .. } | DiskEvent::FilesFinished => {}
                    event => panic!("{event:?}"),
                }
            }
        }
        assert_eq!(self.store.stored().count(), self.content.metainfo.geometry.piece_count());
        // Pieces are stored only if they match; that each matched is what the counts say.
        assert!(self.store.stored().contains(PieceIndex(0)));
    }

    /// Ranges and paths asked for, in order.
    pub(super) fn asked(&self) -> Vec<(String, Option<(usize, usize)>)> {
        self.server.requests().into_iter().map(|request| (request.path.clone(), request.range())).collect()
    }
}

/// How many bytes the blocks among the facts have.
pub(super) fn bytes_of(facts: &[WebSeedFact]) -> u64 {
    facts
        .iter()
        .map(|fact| match fact {
            WebSeedFact::BlockReceived(request) => u64::from(request.length),
            _ => 0,
        })
        .sum()
}
