//! The handles on a torrent, and what they ask of its task.

use crate::api::{Event, Snapshot};
use tokio::sync::{mpsc, oneshot, watch};

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

    /// As [`Torrent::stop`]; at once for a torrent that has ended.
    pub async fn stop(&self) {
        if let Some(commands) = self.commands.upgrade() {
            stop(&commands).await;
        }
    }
}

async fn stop(commands: &mpsc::Sender<Command>) {
    let (done, wait) = oneshot::channel();
    if commands.send(Command::Stop(done)).await.is_ok() {
        // An error means that the task is gone already, which is what was asked for.
        let _ = wait.await;
    }
}
