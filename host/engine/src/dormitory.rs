//! Torrents that sleep: complete seeds that nobody is connected to.
//!
//! Of each only its announces are left, and one task makes those of all. Whoever wants a sleeper stirs it: a handshake
//! that names it, a tracker that knows a leecher, a neighbour. The owner of the session hears of that and adds the
//! torrent again; its announces, and those who came for it, go over to its task.

mod sleeper;

use crate::api::TrackerWord;
use crate::dht;
use crate::encryption::HiddenNames;
use crate::limits::{
    GOODBYE_TIMEOUT, GOODBYES_AT_ONCE, SLEEPER_PAUSE, SLEEPERS_ANNOUNCING, SLEEPERS_ENTER_DHT,
};
use crate::listen::Incoming;
use crate::lsd;
use crate::session::Shared;
use crate::torrent::trackers::Trackers;
pub(crate) use sleeper::Sleeper;
pub use sleeper::SleepingTorrent;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use swarm::CandidateSource;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep_until, timeout};
use tracker::TrackerSnapshot;

/// What a sleeper has to tell.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stirred {
    /// The torrent, as on the wire.
    pub info_hash: [u8; 20],
    /// Somebody wants it: it should be added again.
    pub is_wanted: bool,
    /// What its trackers say, where it is not good.
    pub tracker_word: Option<TrackerWord>,
}

/// All sleepers of a session.
#[derive(Default)]
pub(crate) struct Dormitory {
    sleepers: Mutex<Sleepers>,
    /// The task has something new to look at.
    changed: Notify,
    /// Somebody stirred.
    stirring: Notify,
}

#[derive(Default)]
struct Sleepers {
    /// Boxed, as a tree of large values is half empty.
    all: BTreeMap<[u8; 20], Box<Sleeper>>,
    hidden: HiddenNames,
    /// When each is to announce itself.
    due: BTreeSet<(Instant, [u8; 20])>,
    /// Those with announces under way.
    announcing: BTreeSet<[u8; 20]>,
    /// Those with something to tell.
    stirred: BTreeSet<[u8; 20]>,
    /// Those that the DHT does not know yet.
    unannounced: BTreeSet<[u8; 20]>,
}

impl Dormitory {
    /// Takes a torrent in that has no task any more, or never had one.
    pub(crate) fn take_in(&self, info_hash: [u8; 20], sleeper: Sleeper) {
        let mut sleepers = self.lock();
        if sleeper.needs_dht() {
            sleepers.unannounced.insert(info_hash);
        }
        if sleeper.is_wanted() {
            self.stir(&mut sleepers, info_hash);
        }
        sleepers.all.insert(info_hash, Box::new(sleeper));
        sleepers.hidden.insert(info_hash);
        sleepers.schedule(&info_hash);
        drop(sleepers);
        self.changed.notify_one();
    }

    /// A torrent gets up: what is left of it is for its task, or to say goodbye.
    pub(crate) fn take_out(&self, info_hash: &[u8; 20]) -> Option<Sleeper> {
        self.lock().remove(info_hash)
    }

    pub(crate) fn holds(&self, info_hash: &[u8; 20]) -> bool {
        self.lock().all.contains_key(info_hash)
    }

    /// The sleeper that is asked for by its hidden name.
    pub(crate) fn reveal(&self, name: &[u8; 20]) -> Option<[u8; 20]> {
        self.lock().hidden.find(name)
    }

    /// Changes a sleeper's trackers.
    pub(crate) fn change(&self, info_hash: &[u8; 20], change: impl FnOnce(&mut Trackers)) {
        let mut sleepers = self.lock();
        if let Some(sleeper) = sleepers.all.get_mut(info_hash) {
            change(&mut sleeper.trackers);
            sleeper.looked_at = None;
            sleepers.schedule(info_hash);
            drop(sleepers);
            self.changed.notify_one();
        }
    }

    /// A sleeper's trackers as they stand.
    pub(crate) fn trackers(&self, info_hash: &[u8; 20]) -> Option<Vec<TrackerSnapshot>> {
        self.lock().all.get(info_hash).map(|sleeper| sleeper.trackers.snapshots())
    }

    /// A connection names a torrent that has no task. It waits for the torrent to get up, or ends.
    pub(crate) fn visit(&self, incoming: Incoming) {
        let mut sleepers = self.lock();
        let info_hash = incoming.handshake.info_hash;
        if sleepers.all.get_mut(&info_hash).is_some_and(|sleeper| sleeper.admit(incoming)) {
            self.stir(&mut sleepers, info_hash);
        }
    }

    /// The next sleeper that has something to tell.
    pub(crate) async fn stirred(&self) -> Stirred {
        loop {
            if let Some(stirred) = self.lock().next_stirred() {
                return stirred;
            }
            // What stirred since the look has left its mark.
            self.stirring.notified().await;
        }
    }

    /// Every sleeper leaves for good, and its trackers are told.
    pub(crate) async fn close(&self) {
        let all = std::mem::take(&mut *self.lock()).all;
        let mut goodbyes = JoinSet::new();
        for sleeper in all.into_values() {
            while goodbyes.len() >= GOODBYES_AT_ONCE && goodbyes.join_next().await.is_some() {}
            goodbyes.spawn(say_goodbye(*sleeper));
        }
        while goodbyes.join_next().await.is_some() {}
    }

    /// Makes everybody's announces, until dropped. It does not keep the rest of the session from ending.
    pub(crate) async fn run(self: Arc<Self>, session: Weak<Shared>) {
        let Some(shared) = session.upgrade() else { return };
        let subscribe = |shared: &Shared| shared.discovery.lsd().map(|lsd| lsd.subscribe());
        let mut neighbours = subscribe(&shared);
        let mut discovery = shared.discovery.changes();
        let filter = shared.settings.address_filter.clone();
        drop(shared);
        let mut enter_dht = interval(SLEEPERS_ENTER_DHT);
        loop {
            let has_dht = session.upgrade().is_some_and(|shared| shared.discovery.dht().is_some());
            let (due, enters) = self.turn();
            let wake = due.unwrap_or_else(Instant::now);
            tokio::select! {
                () = self.changed.notified() => {}
                () = std::future::poll_fn(|context| self.poll_answer(context)) => {}
                peer = lsd::local_peer(&mut neighbours) => {
                    self.find(&peer.info_hash, CandidateSource::Lsd, filter.allowed(&[peer.address]));
                }
                Ok(()) = discovery.changed() => {
                    discovery.mark_unchanged();
                    self.leave_dht();
                    neighbours = session.upgrade().and_then(|shared| subscribe(&shared));
                }
                _ = enter_dht.tick(), if enters && has_dht => self.enter_dht(&session),
                () = sleep_until(wake), if due.is_some() => {}
            }
        }
    }

    /// Starts the announces that are due. When the next one is, and whether somebody is to enter the DHT.
    fn turn(&self) -> (Option<Instant>, bool) {
        let now = Instant::now();
        let mut sleepers = self.lock();
        while sleepers.announcing.len() < SLEEPERS_ANNOUNCING
            && let Some((_, info_hash)) = sleepers.due.first().copied().filter(|(when, _)| *when <= now)
        {
            if let Some(sleeper) = sleepers.all.get_mut(&info_hash) {
                sleeper.announce(now);
            }
            sleepers.schedule(&info_hash);
        }
        let is_full = sleepers.announcing.len() >= SLEEPERS_ANNOUNCING;
        let due = sleepers.due.first().map(|(when, _)| *when).filter(|_| !is_full);
        (due, !sleepers.unannounced.is_empty())
    }

    /// Takes in the answer to an announce.
    fn poll_answer(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut guard = self.lock();
        let sleepers = &mut *guard;
        for info_hash in &sleepers.announcing {
            let Some(sleeper) = sleepers.all.get_mut(info_hash) else { continue };
            if let Poll::Ready(has_news) = sleeper.poll_answer(context) {
                let info_hash = *info_hash;
                sleepers.schedule(&info_hash);
                if has_news {
                    self.stir(sleepers, info_hash);
                }
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }

    /// Somebody who wants a sleeper was found.
    fn find(&self, info_hash: &[u8; 20], source: CandidateSource, peers: Vec<SocketAddr>) {
        let mut sleepers = self.lock();
        if !peers.is_empty()
            && let Some(sleeper) = sleepers.all.get_mut(info_hash)
        {
            sleeper.find(source, peers);
            self.stir(&mut sleepers, *info_hash);
        }
    }

    /// Everybody is to enter the DHT anew, one after the other.
    fn leave_dht(&self) {
        let mut guard = self.lock();
        let sleepers = &mut *guard;
        for (info_hash, sleeper) in &mut sleepers.all {
            sleeper.dht = None;
            if sleeper.needs_dht() {
                sleepers.unannounced.insert(*info_hash);
            }
        }
    }

    /// One more sleeper is announced in the DHT.
    fn enter_dht(&self, session: &Weak<Shared>) {
        let mut sleepers = self.lock();
        if let Some(shared) = session.upgrade()
            && let Some(info_hash) = sleepers.unannounced.pop_first()
            && let Some(sleeper) = sleepers.all.get_mut(&info_hash)
        {
            sleeper.dht = dht::announce(&shared, info_hash);
        }
    }

    fn stir(&self, sleepers: &mut Sleepers, info_hash: [u8; 20]) {
        sleepers.stirred.insert(info_hash);
        self.stirring.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Sleepers> {
        self.sleepers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sleepers {
    /// Notes when a sleeper is due, and whether it announces itself just now.
    fn schedule(&mut self, info_hash: &[u8; 20]) {
        let Some(sleeper) = self.all.get_mut(info_hash) else { return };
        if let Some(before) = sleeper.due.take() {
            self.due.remove(&(before, *info_hash));
        }
        sleeper.due = match sleeper.looked_at {
            Some(looked_at) => sleeper.trackers.poll_timeout().map(|due| due.max(looked_at + SLEEPER_PAUSE)),
            None => Some(Instant::now()),
        };
        self.due.extend(sleeper.due.map(|due| (due, *info_hash)));
        if sleeper.trackers.is_announcing() {
            self.announcing.insert(*info_hash);
        } else {
            self.announcing.remove(info_hash);
        }
    }

    fn remove(&mut self, info_hash: &[u8; 20]) -> Option<Sleeper> {
        let sleeper = self.all.remove(info_hash)?;
        self.hidden.remove(info_hash);
        if let Some(due) = sleeper.due {
            self.due.remove(&(due, *info_hash));
        }
        for set in [&mut self.announcing, &mut self.stirred, &mut self.unannounced] {
            set.remove(info_hash);
        }
        Some(*sleeper)
    }

    fn next_stirred(&mut self) -> Option<Stirred> {
        while let Some(info_hash) = self.stirred.pop_first() {
            if let Some(sleeper) = self.all.get(&info_hash) {
                let tracker_word = sleeper.trackers.word().cloned();
                return Some(Stirred { info_hash, is_wanted: sleeper.is_wanted(), tracker_word });
            }
        }
        None
    }
}

/// Tells a sleeper's trackers that it is gone, as far as they answer in time.
pub(crate) async fn say_goodbye(mut sleeper: Sleeper) {
    let _ = timeout(GOODBYE_TIMEOUT, sleeper.trackers.stop(sleeper::AT_REST)).await;
}
