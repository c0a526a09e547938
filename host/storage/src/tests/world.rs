//! A torrent with known content, a folder, a disk: the world of these tests.

use crate::backend::Backend;
use crate::backend::faulty::Faulty;
use crate::backend::fs::FileSystem;
use crate::{
    Block, CheckReport, Disk, DiskConfig, DiskError, DiskEvent, FileKind, Layout, LayoutFile, StateStore,
    TorrentLayout, TorrentStore, hashing,
};
use metainfo::{BlockIndex, BlockRequest, FileIndex, Geometry, InfoHash, PieceIndex};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Longer than anything here takes; only a hang reaches it.
const PATIENCE: Duration = Duration::from_mins(1);

pub(super) const DATA: FileKind = FileKind::Data { executable: false };

/// A torrent, its bytes, and where it goes.
pub(super) struct World {
    pub(super) directory: TempDir,
    pub(super) state_directory: TempDir,
    pub(super) layout: Arc<Layout>,
    pub(super) content: Vec<u8>,
    pub(super) backend: Arc<Faulty>,
    pub(super) selected: Option<Vec<FileIndex>>,
    pub(super) preallocate: bool,
    pub(super) plain_names: bool,
    pub(super) looks_only: bool,
    pub(super) pool_blocks: usize,
    pub(super) max_open_files: usize,
    pub(super) reference_backend: bool,
}

/// An open torrent of a world.
pub(super) struct Run {
    pub(super) disk: Disk,
    pub(super) store: TorrentStore,
    pub(super) events: mpsc::Receiver<DiskEvent>,
}

/// Bytes that look random and are the same every time.
pub(super) fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    };
    (0..length).map(|_| next()).collect()
}

impl World {
    /// A torrent of these files; a pad file's bytes are zeros.
    pub(super) fn new(piece_length: u32, files: &[(&str, u64, FileKind)]) -> Self {
        let mut content = Vec::new();
        for (seed, (_, length, kind)) in files.iter().enumerate() {
            let bytes = noise(*length as usize, seed as u64 + 1);
            content.extend(if *kind == FileKind::Pad { vec![0; bytes.len()] } else { bytes });
        }
        let geometry = Geometry::new(piece_length, files.iter().map(|file| file.1)).unwrap();
        let hashes: Vec<_> = content.chunks(piece_length as usize).map(hashing::sha1).collect();
        let file =
            |(path, _, kind): &(&str, u64, FileKind)| LayoutFile { path: path.into(), kind: kind.clone() };
        let layout = Layout {
            name: "name".into(),
            info_hash: InfoHash::V1(hashing::sha1(&content)),
            geometry: Arc::new(geometry),
            hashes: hashes.into(),
            roots: Arc::default(),
            files: files.iter().map(file).collect(),
        };
        Self {
            directory: tempfile::tempdir().unwrap(),
            state_directory: tempfile::tempdir().unwrap(),
            layout: Arc::new(layout),
            content,
            backend: Arc::default(),
            selected: None,
            preallocate: false,
            plain_names: false,
            looks_only: false,
            pool_blocks: 256,
            max_open_files: 64,
            reference_backend: false,
        }
    }

    /// One file of odd length in odd pieces.
    pub(super) fn single() -> Self {
        Self::new(100_000, &[("image.iso", 1_234_567, DATA)])
    }

    /// Files of all kinds, with borders inside pieces and blocks.
    pub(super) fn multi() -> Self {
        Self::new(
            65_536,
            &[
                ("name/a", 100_001, DATA),
                ("name/sub/empty", 0, DATA),
                ("name/.pad/1", 30_000, FileKind::Pad),
                ("name/sub/b", 10, DATA),
                ("name/sub/run", 200_000, FileKind::Data { executable: true }),
                ("name/link", 0, FileKind::Symlink { target: "name/sub/run".into() }),
                ("name/z", 77_777, DATA),
            ],
        )
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(super) fn file(&self, name: &str) -> &[u8] {
        let index = self.layout.files.iter().position(|file| file.path == Path::new(name)).unwrap();
        let (start, length) = self.layout.geometry.file_range(FileIndex(index as u32));
        &self.content[start as usize..][..length as usize]
    }

    pub(super) fn pieces(&self) -> u32 {
        self.layout.geometry.piece_count()
    }

    pub(super) fn all_pieces(&self) -> Vec<u32> {
        (0..self.pieces()).collect()
    }

    pub(super) async fn try_open(&self) -> Result<Run, DiskError> {
        let state = StateStore::open(self.state_directory.path()).unwrap();
        let config = DiskConfig {
            workers: 2,
            pool_blocks: self.pool_blocks,
            max_open_files: self.max_open_files,
            state: Some(state),
        };
        let backend: Arc<dyn Backend> =
            if self.reference_backend { Arc::new(FileSystem) } else { self.backend.clone() };
        let disk = Disk::start_on(config, backend)?;
        let options = TorrentLayout {
            layout: self.layout.clone(),
            download_directory: self.directory.path().to_path_buf(),
            selected: self.selected.clone(),
            preallocate: self.preallocate,
            plain_names: self.plain_names,
            looks_only: self.looks_only,
        };
        let (sender, events) = mpsc::channel(4);
        let store = disk.open(options, sender).await?;
        Ok(Run { disk, store, events })
    }

    /// Opens and checks.
    pub(super) async fn start(&self) -> (Run, CheckReport) {
        let run = self.try_open().await.unwrap();
        let report = run.store.check(|_| {}).await.unwrap();
        (run, report)
    }

    /// Downloads everything and closes.
    pub(super) async fn download_and_close(&self) {
        let (mut run, _) = self.start().await;
        run.feed(self, self.all_pieces()).await;
        run.finished().await;
        run.close().await;
    }

    pub(super) fn request(&self, piece: u32, block: u32) -> Option<BlockRequest> {
        self.layout.geometry.block(PieceIndex(piece), BlockIndex(block))
    }

    pub(super) fn requests(&self, piece: u32) -> Vec<BlockRequest> {
        (0..self.layout.geometry.block_count(PieceIndex(piece)))
            .filter_map(|i| self.request(piece, i))
            .collect()
    }

    pub(super) fn bytes(&self, request: BlockRequest) -> &[u8] {
        let start = self.layout.geometry.piece_offset(request.piece) as usize + request.begin as usize;
        &self.content[start..][..request.length as usize]
    }
}

impl Run {
    /// A block with the right bytes.
    pub(super) async fn block(&self, world: &World, request: BlockRequest) -> Block {
        let mut buffer = timeout(PATIENCE, self.disk.pool().acquire()).await.expect("a block buffer");
        buffer[..request.length as usize].copy_from_slice(world.bytes(request));
        Block { request, data: buffer, source: 1 }
    }

    pub(super) async fn write(&self, world: &World, request: BlockRequest) {
        self.store.write(self.block(world, request).await);
    }

    /// Writes whole pieces and takes in what is told of them.
    pub(super) async fn feed(&mut self, world: &World, pieces: impl IntoIterator<Item = u32>) {
        for piece in pieces {
            for request in world.requests(piece) {
                self.write(world, request).await;
            }
            self.until(|event| matches!(event, DiskEvent::PieceStored { .. })).await;
        }
    }

    pub(super) async fn event(&mut self) -> DiskEvent {
        timeout(PATIENCE, self.events.recv()).await.expect("an event").expect("an open channel")
    }

    /// The next event of a kind; others are passed over.
    pub(super) async fn until(&mut self, matches: impl Fn(&DiskEvent) -> bool) -> DiskEvent {
        loop {
            let event = self.event().await;
            if matches(&event) {
                return event;
            }
        }
    }

    pub(super) async fn finished(&mut self) {
        self.until(|event| *event == DiskEvent::FilesFinished).await;
    }

    pub(super) async fn read(&self, request: BlockRequest) -> Result<Vec<u8>, DiskError> {
        let buffer = self.disk.pool().acquire().await;
        let buffer = timeout(PATIENCE, self.store.read(request, buffer)).await.expect("an answer")?;
        Ok(buffer[..request.length as usize].to_vec())
    }

    /// Waits until every buffer is in the pool again: workers give them back in their own time.
    pub(super) async fn buffers_come_back(&self) {
        let pool = self.disk.pool();
        let back = async {
            while pool.available() < pool.capacity() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(PATIENCE, back).await.expect("no buffer is kept");
    }

    pub(super) async fn close(self) {
        self.store.close().await.unwrap();
        self.disk.shutdown().await;
    }

    /// Ends like a killed process: nothing is synced or recorded any more.
    pub(super) async fn kill(self) {
        self.disk.shutdown().await;
    }
}
