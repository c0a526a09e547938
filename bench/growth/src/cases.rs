//! What is measured, one function a table.

use crate::crowd::{Crowd, Habit};
use crate::meter::{Meter, Used};
use crate::payload::{Payload, many_files};
use anyhow::{Context, bail};
use engine::{AddTorrent, AfterCompletion, Event, Session, Settings, Torrent, Tuning};
use metainfo::Metainfo;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

/// How long one measurement may take.
const PATIENCE: Duration = Duration::from_mins(3);

/// How long idle peers are watched.
const WATCH: Duration = Duration::from_secs(20);

/// Bytes moved in one measurement.
const VOLUME: u64 = 1 << 30;

const MEBIBYTE: u32 = 1 << 20;

/// A session on loopback that keeps nothing, and its folder.
struct World {
    session: Session,
    folder: TempDir,
}

impl World {
    fn new() -> anyhow::Result<Self> {
        let settings = Settings {
            port: 0,
            bind: std::net::IpAddr::from([127, 0, 0, 1]).into(),
            lsd: false,
            ..Settings::default()
        };
        Ok(Self { session: Session::start(settings)?, folder: TempDir::new()? })
    }

    /// Adds a torrent and waits until its files are checked.
    async fn add(&self, metainfo: Arc<Metainfo>, peers: usize) -> anyhow::Result<Torrent> {
        let add = AddTorrent {
            metainfo,
            download_directory: self.folder.path().to_owned(),
            selected: None,
            sequential: None,
            preallocate: false,
            peers: Vec::new(),
            web_seeds: Vec::new(),
            use_peers: true,
            use_web_seeds: false,
            web_seed_policy: engine::WebSeedPolicy::default(),
            web_seed_connections: 0,
            stop_on_disk_error: true,
            after_completion: AfterCompletion { seed: true, ..AfterCompletion::default() },
            tuning: Tuning {
                max_peers: Some(peers + 100),
                upload_slots: Some(peers.max(8)),
                ..Tuning::default()
            },
        };
        let mut torrent = self.session.add(add).await?;
        wait_for(&mut torrent, |event| matches!(event, Event::Checked { .. })).await?;
        Ok(torrent)
    }

    async fn add_complete(&self, payload: Payload, peers: usize) -> anyhow::Result<Torrent> {
        payload.write(self.folder.path())?;
        let mut torrent = self.add(payload.metainfo()?, peers).await?;
        wait_for(&mut torrent, |event| *event == Event::Complete).await?;
        Ok(torrent)
    }

    fn crowd(&self, habit: Habit, peers: usize, torrents: u32, payload: Payload) -> Crowd {
        let Payload { length, piece_length, .. } = payload;
        let bytes = if habit == Habit::Take { VOLUME } else { 0 };
        Crowd { habit, port: self.session.port(), peers, torrents, length, piece_length, bytes }
    }
}

async fn wait_for(torrent: &mut Torrent, wanted: impl Fn(&Event) -> bool) -> anyhow::Result<()> {
    let wait = async {
        while let Some(event) = torrent.next_event().await {
            if let Event::Failed(error) = event {
                bail!(error);
            }
            if wanted(&event) {
                return Ok(());
            }
        }
        bail!("the torrent ended too soon")
    };
    timeout(PATIENCE, wait).await.context("a torrent took too long")?
}

/// The other process.
struct Others {
    _child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Others {
    fn start(crowd: &Crowd) -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(crowd.arguments())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let lines = BufReader::new(child.stdout.take().context("a pipe")?).lines();
        Ok(Self { _child: child, lines })
    }

    async fn says(&mut self, word: &str) -> anyhow::Result<()> {
        let line = timeout(PATIENCE, self.lines.next_line()).await.context("the crowd took too long")??;
        anyhow::ensure!(line.as_deref() == Some(word), "the crowd says {line:?} in place of {word}");
        Ok(())
    }
}

fn print_rate(what: &str, used: Used, bytes: u64) {
    let gib = bytes as f64 / f64::from(1 << 30);
    println!(
        "{what:>44}: {:.2} CPU-s/GiB ({:.2} outside the kernel), {:.0} MiB/s, {:+.1} MiB of memory",
        used.busy / gib,
        used.user / gib,
        gib * 1024.0 / used.wall,
        used.rss_kib / 1024.0,
    );
}

/// Peers that are connected to a seed, want something, and wait.
pub(crate) async fn idle(peers: &[usize]) -> anyhow::Result<()> {
    for peers in peers.iter().copied() {
        let world = World::new()?;
        let payload = Payload { number: 0, length: 64 << 20, piece_length: MEBIBYTE / 16 };
        let torrent = world.add_complete(payload, peers).await?;
        // What a first peer needs is no growth.
        let mut first = Others::start(&world.crowd(Habit::Idle, 1, 1, payload))?;
        first.says("ready").await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        drop(first);
        let world_alone = Meter::now();
        let mut others = Others::start(&Crowd { peers, ..world.crowd(Habit::Idle, peers, 1, payload) })?;
        others.says("ready").await?;
        tokio::time::sleep(Duration::from_secs(2)).await;
        let connected = torrent.snapshot().peers_connected;
        anyhow::ensure!(connected as usize == peers, "{connected} of {peers} are connected");
        let before = Meter::now();
        tokio::time::sleep(WATCH).await;
        let used = Meter::now().since(&before);
        println!(
            "{peers:>6} idle peers: {:.2} % of a core, {:.2} KiB each",
            100.0 * used.busy / used.wall,
            Meter::now().since(&world_alone).rss_kib / peers as f64
        );
    }
    Ok(())
}

/// One torrent given to many, from the page cache.
pub(crate) async fn seed(peers: &[usize]) -> anyhow::Result<()> {
    for peers in peers.iter().copied() {
        let world = World::new()?;
        let payload = Payload { number: 0, length: 256 << 20, piece_length: MEBIBYTE };
        let _torrent = world.add_complete(payload, peers).await?;
        let before = Meter::now();
        let mut others = Others::start(&world.crowd(Habit::Take, peers, 1, payload))?;
        others.says("ready").await?;
        others.says("done").await?;
        print_rate(&format!("one torrent given to {peers}"), Meter::now().since(&before), VOLUME);
    }
    Ok(())
}

/// Fetches so many torrents of the volume in all, from so many peers each.
async fn fetch(torrents: u32, peers: usize, piece_length: u32, what: &str) -> anyhow::Result<()> {
    let world = World::new()?;
    let length = VOLUME / u64::from(torrents);
    let mut running = Vec::new();
    for number in 0..torrents {
        let payload = Payload { number, length, piece_length };
        running.push(world.add(payload.metainfo()?, peers).await?);
    }
    let before = Meter::now();
    let payload = Payload { number: 0, length, piece_length };
    let mut others = Others::start(&world.crowd(Habit::Give, peers, torrents, payload))?;
    others.says("ready").await?;
    for torrent in &mut running {
        wait_for(torrent, |event| *event == Event::Complete).await?;
    }
    print_rate(what, Meter::now().since(&before), VOLUME);
    Ok(())
}

/// One torrent fetched from many.
pub(crate) async fn leech(peers: &[usize]) -> anyhow::Result<()> {
    for peers in peers.iter().copied() {
        fetch(1, peers, MEBIBYTE, &format!("one torrent fetched from {peers}")).await?;
    }
    Ok(())
}

/// Many torrents at once, each with one peer.
pub(crate) async fn torrents(counts: &[usize]) -> anyhow::Result<()> {
    for count in counts.iter().copied() {
        fetch(count as u32, 1, MEBIBYTE, &format!("{count} torrents fetched from a peer each")).await?;
        let world = World::new()?;
        let payload = |number| Payload { number, length: (256 << 20) / count as u64, piece_length: MEBIBYTE };
        let mut running = Vec::new();
        for number in 0..count {
            running.push(world.add_complete(payload(number as u32), 8).await?);
        }
        let before = Meter::now();
        let mut others = Others::start(&world.crowd(Habit::Take, 1, count as u32, payload(0)))?;
        others.says("ready").await?;
        others.says("done").await?;
        print_rate(&format!("{count} torrents given to a peer each"), Meter::now().since(&before), VOLUME);
    }
    Ok(())
}

/// One torrent fetched from one peer, in pieces of so many KiB.
pub(crate) async fn pieces(kibibytes: &[usize]) -> anyhow::Result<()> {
    for kib in kibibytes.iter().copied() {
        fetch(1, 1, (kib << 10) as u32, &format!("pieces of {kib} KiB fetched")).await?;
    }
    Ok(())
}

/// A torrent of 100 GiB in so many files, from its bytes to its task at work.
pub(crate) async fn files(counts: &[usize]) -> anyhow::Result<()> {
    for count in counts.iter().copied() {
        let bytes = many_files(count, (100 << 30) / count as u64, 4 * MEBIBYTE);
        let world = World::new()?;
        let (before, began) = (Meter::now(), Instant::now());
        let metainfo = Arc::new(Metainfo::parse(&bytes)?);
        let parsed = began.elapsed();
        let _torrent = world.add(metainfo, 0).await?;
        let used = Meter::now().since(&before);
        println!(
            "100 GiB in {count} files: at work after {:.2} s ({:.2} s of it parsing), {:.2} CPU-s, {:.1} MiB",
            began.elapsed().as_secs_f64(),
            parsed.as_secs_f64(),
            used.busy,
            used.rss_kib / 1024.0
        );
        remove(world.folder.path());
    }
    Ok(())
}

/// A folder of thousands of files takes a while to go.
fn remove(folder: &Path) {
    // What cannot be removed lies in the system's folder for such things.
    let _ = std::fs::remove_dir_all(folder);
}
