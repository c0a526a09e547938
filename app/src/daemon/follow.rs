//! Releases that are followed: a new one is added, verified, and takes the place of old ones.
//!
//! Each distribution of the setting `follow` has a task, the `follower`, which asks its site now and then (`pace`).
//! Which torrents are its releases, and which of them may go, is told by their labels (`labels`).

mod follower;
mod labels;
mod pace;

use daemon::{Daemon, Follow};
use follower::Follower;
use labels::{Release, releases};
use rpc::{Followed, Following};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;
use tokio::task::AbortHandle;

/// What followers found out, by distribution, for whoever wants to know. Clones are the same.
#[derive(Clone, Default)]
pub(super) struct Board(Arc<Mutex<BTreeMap<String, Note>>>);

/// What one follower found out.
#[derive(Clone, Default)]
struct Note {
    latest: Option<String>,
    problem: Option<String>,
    next_look: Option<SystemTime>,
}

/// A follower's task. It ends when it is dropped.
struct Task {
    follow: Follow,
    handle: AbortHandle,
}

impl Drop for Task {
    fn drop(&mut self) {
        self.handle.abort();
    }
}

/// Follows what the settings say until dropped. Every site is asked at once.
pub(super) async fn run(daemon: Daemon, board: Board) {
    let mut settings = daemon.watch_settings();
    let mut tasks: Vec<Task> = Vec::new();
    loop {
        let wanted = settings.borrow_and_update().follow.clone();
        tasks.retain(|task| wanted.contains(&task.follow));
        board.notes().retain(|name, _| wanted.iter().any(|follow| follow.name == *name));
        for follow in wanted {
            if !tasks.iter().any(|task| task.follow == follow) {
                let follower = Follower::new(daemon.clone(), follow.clone(), board.clone());
                tasks.push(Task { follow, handle: tokio::spawn(follower.run()).abort_handle() });
            }
        }
        if settings.changed().await.is_err() {
            return;
        }
    }
}

impl Board {
    fn notes(&self) -> MutexGuard<'_, BTreeMap<String, Note>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, name: &str, change: impl FnOnce(&mut Note)) {
        change(self.notes().entry(name.to_owned()).or_default());
    }

    /// What the RPC server tells.
    pub(super) fn teller(&self, daemon: &Daemon) -> Following {
        let (board, daemon) = (self.clone(), daemon.clone());
        Arc::new(move |follow| {
            let note = board.notes().get(&follow.name).cloned().unwrap_or_default();
            let releases = daemon.view(|catalogue| releases(catalogue.iter(), &follow.name));
            told(note, &releases)
        })
    }
}

fn told(note: Note, releases: &[Release]) -> Followed {
    let Note { latest, problem, next_look } = note;
    let current: Vec<&Release> =
        releases.iter().filter(|release| latest.as_ref() == Some(&release.version)).collect();
    let any = |is_so: fn(&Release) -> bool| current.iter().copied().find(|release| is_so(release));
    let (state, release) = if latest.is_none() {
        ("looking", None)
    } else if let Some(release) = any(|release| release.is_verified) {
        ("verified", Some(release))
    } else if let Some(release) = any(|release| release.fault.is_some()) {
        ("rejected", Some(release))
    } else if let Some(release) = any(|release| release.is_complete) {
        ("verifying", Some(release))
    } else {
        (if current.is_empty() { "missing" } else { "fetching" }, current.first().copied())
    };
    let fault = release.filter(|_| state == "rejected").and_then(|release| release.fault.clone());
    let verified = releases.iter().filter(|release| release.is_verified);
    Followed {
        latest,
        state,
        percent_done: release.map_or(0.0, |release| release.done),
        verified: verified.map(|release| release.version.clone()).collect(),
        problem: fault.or(problem),
        next_look,
    }
}
