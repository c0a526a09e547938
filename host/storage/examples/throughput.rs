//! Pushes blocks through the disk as a socket would, then verifies what was written, and prints what that cost.
//!
//! `cargo run --release -p starling-storage --example throughput -- [MiB] [piece KiB] [folder]`

use metainfo::{BlockIndex, Geometry, InfoHash, PieceIndex};
use sha1::{Digest, Sha1};
use starling_storage::{
    Block, Disk, DiskConfig, DiskEvent, FileKind, Layout, LayoutFile, StateStore, TorrentLayout,
};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// Blocks handed over at once, as from one readable burst.
const BURST: usize = 16;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize, default: u64| arguments.get(index).map_or(Ok(default), |text| text.parse());
    let (length, piece_length) = (number(0, 1024)? << 20, number(1, 1024)? << 10);
    let parent = arguments.get(2).map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = parent.join(format!("starling-throughput-{}", std::process::id()));
    fs::create_dir(&folder)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(measure(length, piece_length as u32, &folder));
    fs::remove_dir_all(&folder)?;
    result
}

async fn measure(length: u64, piece_length: u32, folder: &Path) -> Result<(), Box<dyn Error>> {
    let piece: Vec<u8> = (0..piece_length).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let geometry = Arc::new(Geometry::new(piece_length, [length]).ok_or("an impossible size")?);
    let hash = |index| Sha1::digest(&piece[..geometry.piece_size(PieceIndex(index)) as usize]).into();
    let layout = Arc::new(Layout {
        name: "image".into(),
        info_hash: InfoHash::V1([1; 20]),
        hashes: (0..geometry.piece_count()).map(hash).collect(),
        roots: Arc::default(),
        geometry: geometry.clone(),
        files: vec![LayoutFile { path: "image".into(), kind: FileKind::Data { executable: false } }],
    });
    let disk = Disk::start(DiskConfig { state: Some(StateStore::open(folder)?), ..DiskConfig::default() })?;
    let options = TorrentLayout {
        layout: layout.clone(),
        download_directory: folder.to_path_buf(),
        selected: None,
        preallocate: false,
        plain_names: false,
        looks_only: false,
    };
    let (sender, mut events) = tokio::sync::mpsc::channel(256);
    let store = disk.open(options, sender).await?;
    store.check(|_| {}).await?;
    let stored = tokio::spawn(async move {
        let mut stored = None;
        let mut pieces = 0;
        while let Some(event) = events.recv().await {
            pieces += u32::from(matches!(event, DiskEvent::PieceStored { .. }));
            if pieces == geometry.piece_count() {
                stored.get_or_insert_with(Instant::now);
            }
            if event == DiskEvent::FilesFinished {
                break;
            }
        }
        stored
    });
    let meter = Meter::start();
    let mut burst = Vec::with_capacity(BURST);
    let blocks = (0..layout.geometry.piece_count()).flat_map(|piece| {
        let count = layout.geometry.block_count(PieceIndex(piece));
        (0..count).map(move |block| (PieceIndex(piece), BlockIndex(block)))
    });
    for (index, block) in blocks {
        let request = layout.geometry.block(index, block).ok_or("no such block")?;
        let mut buffer = disk.pool().acquire().await;
        buffer[..request.length as usize]
            .copy_from_slice(&piece[request.begin as usize..][..request.length as usize]);
        burst.push(Block { request, data: buffer, source: 0 });
        if burst.len() == BURST {
            store.write_all(&mut burst);
            tokio::task::yield_now().await;
        }
    }
    store.write_all(&mut burst);
    let stored = stored.await?.ok_or("not stored")?;
    meter.report("download, all durable", length, Instant::now());
    println!("{:>24} {:.2} s", "last piece stored after", (stored - meter.started).as_secs_f64());
    println!("{:>24} {} MiB", "block buffers", disk.pool().allocated_bytes() >> 20);
    store.close().await?;
    let meter = Meter::start();
    let report = starling_storage::verify((*layout).clone(), folder, &|_| {})?;
    meter.report("verify", length, Instant::now());
    if report.is_good() { Ok(()) } else { Err("the file is not what was written".into()) }
}

/// Wall and CPU time since a moment.
struct Meter {
    started: Instant,
    cpu: (f64, f64),
}

impl Meter {
    fn start() -> Self {
        Self { started: Instant::now(), cpu: cpu_seconds() }
    }

    fn report(&self, what: &str, bytes: u64, end: Instant) {
        let (user, system) = cpu_seconds();
        let gib = bytes as f64 / f64::from(1 << 30);
        let wall = (end - self.started).as_secs_f64();
        let (user, system) = ((user - self.cpu.0) / gib, (system - self.cpu.1) / gib);
        let rate = gib * 1024.0 / wall;
        println!("{what:>24} {rate:.0} MiB/s, CPU s/GiB: user {user:.2} system {system:.2}");
    }
}

/// User and system time of this process so far.
fn cpu_seconds() -> (f64, f64) {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks =
        |index: usize| fields.get(index).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0) / 100.0;
    (ticks(11), ticks(12))
}
