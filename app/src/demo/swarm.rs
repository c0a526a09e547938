//! The other ends of the demo: a tracker, two seeding peers and a web seed, on a thread of their own.

use super::NAME;
use super::http_file::HttpFile;
use super::image::Image;
use crate::exit::{Failure, Kind};
use crate::units;
use engine::{AddTorrent, AfterCompletion, Event, Session, Settings, Torrent, TrackerServer};
use metainfo::Metainfo;
use metainfo::create::NewTorrent;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

/// How the common rate is shared out, in hundredths: two peers and the web seed.
const SHARES: [u64; 3] = [40, 25, 35];

/// What clients are told by the tracker.
const ANNOUNCE_EVERY: Duration = Duration::from_mins(1);

/// The peers are announced within this time, or something is wrong.
const ANNOUNCED_WITHIN: Duration = Duration::from_secs(10);

/// How often the tracker is asked whether it knows the peers.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// A tracker's answer to a scrape of one torrent is not longer.
const MAX_SCRAPE: u64 = 4096;

/// Sources that run until stopped.
pub(super) struct LocalSwarm {
    introduction: Vec<String>,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<Vec<Given>>,
}

/// What one peer gave, by its own count.
pub(super) struct Given {
    pub(super) peer: String,
    pub(super) bytes: u64,
}

impl LocalSwarm {
    /// Starts all of them for the image in `folder`, giving `rate` bytes per second together, and writes
    /// `starling-demo.torrent` there once they are ready.
    pub(super) async fn start(folder: &Path, image: &Image, rate: u64) -> Result<Self, Failure> {
        let plan = Plan { folder: folder.to_owned(), torrent: image.torrent(NAME), rate };
        let (ready_sender, ready) = oneshot::channel();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new()
            .name("demo-swarm".to_owned())
            .spawn(move || {
                let Ok(runtime) = engine::runtime::build() else { return Vec::new() };
                runtime.block_on(async {
                    match plan.carry_out().await {
                        Ok(parts) => {
                            // Nobody to tell means that the demo was interrupted.
                            let _ = ready_sender.send(Ok(parts.introduction.clone()));
                            let _ = stopped.await;
                            parts.stop().await
                        }
                        Err(failure) => {
                            let _ = ready_sender.send(Err(failure));
                            Vec::new()
                        }
                    }
                })
            })
            .map_err(|error| failed("a thread", &error))?;
        let introduction =
            ready.await.map_err(|_| Failure::new(Kind::Failed, "cannot start the local sources"))??;
        Ok(Self { introduction, stop, thread })
    }

    /// What was started, a line each.
    pub(super) fn introduction(&self) -> impl Iterator<Item = &str> {
        self.introduction.iter().map(String::as_str)
    }

    /// Ends all of them; the answer is what each peer gave.
    pub(super) async fn stop(self) -> Vec<Given> {
        // A thread that is gone needs no telling.
        let _ = self.stop.send(());
        let ended = spawn_blocking(move || self.thread.join()).await;
        ended.ok().and_then(Result::ok).unwrap_or_default()
    }
}

fn failed(what: &str, error: &dyn fmt::Display) -> Failure {
    Failure::new(Kind::Failed, format_args!("cannot start {what}: {error}"))
}

/// What is to be started.
struct Plan {
    folder: PathBuf,
    torrent: NewTorrent,
    rate: u64,
}

/// What was started. The tracker and the web seed end when dropped.
struct Parts {
    introduction: Vec<String>,
    peers: Vec<(Session, Torrent)>,
    _tracker: TrackerServer,
    _web_seed: HttpFile,
}

impl Plan {
    async fn carry_out(mut self) -> Result<Parts, Failure> {
        let [first, second, web] = SHARES.map(|share| (self.rate * share / 100).max(1));
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let tracker = TrackerServer::start(loopback, ANNOUNCE_EVERY);
        let tracker = tracker.await.map_err(|error| failed("a tracker", &error))?;
        let web_seed = HttpFile::start(&self.folder.join(NAME), web).await;
        let web_seed = web_seed.map_err(|error| failed("a web seed", &error))?;
        self.torrent.trackers = vec![vec![tracker.http_url()]];
        self.torrent.web_seeds = vec![web_seed.url().to_owned()];
        let torrent = self.torrent.encode();
        let metainfo =
            Arc::new(Metainfo::parse(&torrent).map_err(|error| Failure::new(Kind::Failed, error))?);
        let mut introduction = vec![format!("tracker   {}", tracker.http_url())];
        let mut peers = Vec::new();
        for rate in [first, second] {
            let (session, torrent) = self.seed(&metainfo, rate).await?;
            introduction.push(format!(
                "peer      127.0.0.1:{} gives {}/s",
                session.port(),
                units::size(rate)
            ));
            peers.push((session, torrent));
        }
        introduction.push(format!("web seed  {} gives {}/s", web_seed.url(), units::size(web)));
        announced(tracker.address(), &metainfo, peers.len()).await?;
        std::fs::write(self.folder.join("starling-demo.torrent"), torrent)
            .map_err(|error| Failure::new(Kind::Disk, format_args!("cannot write the torrent: {error}")))?;
        Ok(Parts { introduction, peers, _tracker: tracker, _web_seed: web_seed })
    }

    /// A peer that has the whole image and gives it at `rate`.
    async fn seed(&self, metainfo: &Arc<Metainfo>, rate: u64) -> Result<(Session, Torrent), Failure> {
        let settings = Settings {
            port: 0,
            bind: std::net::IpAddr::from([127, 0, 0, 1]).into(),
            up_limit_bytes_per_second: Some(rate),
            lsd: false,
            ..Settings::default()
        };
        let session = Session::start(settings).map_err(|error| failed("a peer", &error))?;
        let add = whole_image(metainfo, &self.folder, Vec::new());
        let mut torrent = session.add(add).await.map_err(|error| failed("a peer", &error))?;
        loop {
            match torrent.next_event().await {
                Some(Event::Complete) => return Ok((session, torrent)),
                Some(Event::Failed(error)) => return Err(failed("a peer", &error)),
                Some(_) => {}
                None => return Err(failed("a peer", &"it ended")),
            }
        }
    }
}

/// A torrent as one end of a transfer on this machine takes it in: only the named peers, and seeded at the end.
pub(crate) fn whole_image(metainfo: &Arc<Metainfo>, folder: &Path, peers: Vec<SocketAddr>) -> AddTorrent {
    AddTorrent {
        metainfo: Arc::clone(metainfo),
        download_directory: folder.to_owned(),
        selected: None,
        sequential: None,
        preallocate: false,
        peers,
        web_seeds: Vec::new(),
        use_peers: true,
        use_web_seeds: false,
        web_seed_policy: engine::WebSeedPolicy::default(),
        web_seed_connections: engine::WEB_SEED_CONNECTIONS,
        stop_on_disk_error: true,
        after_completion: AfterCompletion { seed: true, ..AfterCompletion::default() },
        tuning: engine::Tuning::default(),
    }
}

impl Parts {
    async fn stop(self) -> Vec<Given> {
        let mut given = Vec::new();
        for (session, torrent) in self.peers {
            torrent.stop().await;
            let peer = format!("127.0.0.1:{}", session.port());
            given.push(Given { peer, bytes: torrent.snapshot().bytes_uploaded });
            session.shutdown().await;
        }
        given
    }
}

/// Waits until the tracker knows so many seeds of the torrent.
async fn announced(tracker: SocketAddr, metainfo: &Metainfo, seeds: usize) -> Result<(), Failure> {
    let hash =
        metainfo.wire_info_hash().iter().fold(String::new(), |text, byte| format!("{text}%{byte:02x}"));
    let request = format!("GET /scrape?info_hash={hash} HTTP/1.0\r\n\r\n");
    let wanted = format!("8:completei{seeds}e");
    let known = async {
        loop {
            let answer = ask(tracker, &request).await.unwrap_or_default();
            if String::from_utf8_lossy(&answer).contains(&wanted) {
                return;
            }
            sleep(ASK_EVERY).await;
        }
    };
    let late = |_| failed("the peers", &"the tracker does not hear of them");
    timeout(ANNOUNCED_WITHIN, known).await.map_err(late)
}

async fn ask(address: SocketAddr, request: &str) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(MAX_SCRAPE).read_to_end(&mut answer).await?;
    Ok(answer)
}
