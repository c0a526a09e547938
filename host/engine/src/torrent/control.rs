//! The handles on a torrent, and what they ask of its task.

use crate::api::{Event, Snapshot};
use crate::transport::Link;
use metainfo::{Bitfield, FileIndex, PieceIndex};
use std::net::SocketAddr;
use std::time::Instant;
use swarm::{PeerSnapshot, Priority, WebSeedPolicy, WebSeedState};
use tokio::sync::{mpsc, oneshot, watch};
use tracker::TrackerSnapshot;
use url::Url;

/// A torrent of a session, for the one that hears its events. Dropping it stops the torrent.
#[derive(Debug)]
pub struct Torrent {
    /// The one strong sender: the task ends when it is dropped.
    commands: mpsc::Sender<Command>,
    events: mpsc::Receiver<Event>,
    control: Control,
}

/// A handle on a torrent that anybody may hold; it does not keep the torrent alive.
#[derive(Clone, Debug)]
pub struct Control {
    commands: mpsc::WeakSender<Command>,
    snapshot: watch::Receiver<Snapshot>,
}

/// What a handle asks of the task.
#[derive(Debug)]
pub(crate) enum Command {
    Stop(oneshot::Sender<()>),
    Change(Change),
    Report(oneshot::Sender<Report>),
}

/// A change to a torrent at work.
#[derive(Clone, Debug)]
pub enum Change {
    /// The files to fetch; `None` for all.
    Select(Option<Vec<FileIndex>>),
    /// Fetch pieces in order from one on, or rarest first.
    Sequential(Option<PieceIndex>),
    /// Which files come before others, by file; none at all: no file does.
    Priorities(Vec<Priority>),
    /// Tiers of trackers in place of those asked so far.
    Trackers(Vec<Vec<String>>),
    /// Ask the trackers for more peers as soon as they allow it.
    Reannounce,
    /// One more web seed.
    AddWebSeed(Url),
    /// The web seed with this URL is asked no more, and what it is sending is cut.
    RemoveWebSeed(String),
    /// What web seeds are for, and how many connections they may have.
    WebSeedPolicy(WebSeedPolicy, usize),
    /// Peers that the user named.
    AddPeers(Vec<SocketAddr>),
    /// Connections at most.
    MaxPeers(usize),
    /// Peers served at once.
    UploadSlots(usize),
    /// Show each newcomer a few pieces at a time while everything is here (BEP 16), or everybody everything.
    SuperSeed(bool),
}

/// A torrent in detail.
#[derive(Clone, Debug)]
pub struct Report {
    /// The moment.
    pub at: Instant,
    /// Its connections.
    pub peers: Vec<PeerReport>,
    /// Its trackers by tier.
    pub trackers: Vec<TrackerSnapshot>,
    /// Its web seeds.
    pub web_seeds: Vec<WebSeedReport>,
    /// The pieces verified and stored.
    pub have: Bitfield,
    /// How many connected peers have each piece.
    pub availability: Vec<u32>,
}

/// One connection in detail.
#[derive(Clone, PartialEq, Debug)]
pub struct PeerReport {
    /// What the torrent knows of the peer.
    pub peer: PeerSnapshot,
    /// How its bytes travel.
    pub link: Link,
}

/// One web seed in detail.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WebSeedReport {
    /// Its URL as it was given.
    pub url: String,
    /// What it is doing.
    pub state: WebSeedState,
    /// Payload bytes received.
    pub bytes_down: u64,
    /// Bytes per second received, over the last seconds.
    pub down_rate: u64,
    /// What went wrong last; empty if nothing did.
    pub last_error: String,
}

impl Torrent {
    pub(crate) fn new(
        commands: mpsc::Sender<Command>,
        events: mpsc::Receiver<Event>,
        snapshot: watch::Receiver<Snapshot>,
    ) -> Self {
        let control = Control { commands: commands.downgrade(), snapshot };
        Self { commands, events, control }
    }

    /// The next event, in order; `None` once the torrent has ended and everything was told.
    pub async fn next_event(&mut self) -> Option<Event> {
        self.events.recv().await
    }

    /// The torrent as it was at most a quarter of a second ago.
    pub fn snapshot(&self) -> Snapshot {
        self.control.snapshot()
    }

    /// Falls silent, saves what was verified, tells the trackers. Takes two seconds at most.
    pub async fn stop(&self) {
        stop(&self.commands).await;
    }

    /// A handle for others.
    pub const fn control(&self) -> &Control {
        &self.control
    }
}

impl Control {
    /// The torrent as it was at most a quarter of a second ago, or at its end.
    pub fn snapshot(&self) -> Snapshot {
        self.snapshot.borrow().clone()
    }

    /// As [`Self::snapshot`], without a copy. The torrent waits meanwhile: be quick.
    pub fn with_snapshot<R>(&self, read: impl FnOnce(&Snapshot) -> R) -> R {
        read(&self.snapshot.borrow())
    }

    /// Whether there is a new snapshot since this was last asked of this handle.
    pub fn has_news(&mut self) -> bool {
        // An error means that the torrent has ended; its last snapshot stays.
        let has_news = self.snapshot.has_changed().unwrap_or(false);
        self.snapshot.mark_unchanged();
        has_news
    }

    /// As [`Torrent::stop`]; at once for a torrent that has ended.
    pub async fn stop(&self) {
        if let Some(commands) = self.commands.upgrade() {
            stop(&commands).await;
        }
    }

    /// Changes the torrent; without effect once it has ended. False if its queue is full.
    pub fn change(&self, change: Change) -> bool {
        self.commands.upgrade().is_none_or(|commands| {
            !matches!(commands.try_send(Command::Change(change)), Err(mpsc::error::TrySendError::Full(_)))
        })
    }

    /// The torrent in detail; `None` while its files are checked and once it has ended.
    pub async fn report(&self) -> Option<Report> {
        let (reply, answer) = oneshot::channel();
        self.commands.upgrade()?.send(Command::Report(reply)).await.ok()?;
        answer.await.ok()
    }
}

async fn stop(commands: &mpsc::Sender<Command>) {
    let (done, wait) = oneshot::channel();
    if commands.send(Command::Stop(done)).await.is_ok() {
        // An error means that the task is gone already, which is what was asked for.
        let _ = wait.await;
    }
}
