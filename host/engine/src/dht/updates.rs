//! Torrents that their publishers replace by newer ones (BEP 46): a mutable item of the DHT names the newest, is looked
//! at again and again, and kept alive by whoever reads it.

use super::Dht;
use super::node::DhtError;
use crate::limits::{DHT_FIRST_REPEAT, DHT_UPDATE_INTERVAL, DHT_WARM_UP, DHT_WARM_UP_PAUSE, UPDATE_QUEUE};
use crate::session::{Session, Shared};
use dht::{Item, MutableItem};
use metainfo::Publisher;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep};

/// The newest torrent of a publisher.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Update {
    /// Its info-hash (version 1).
    pub info_hash: [u8; 20],
    /// Counts the publisher's changes: a higher number is newer.
    pub sequence: i64,
}

/// Why nobody knows the newest torrent of a publisher.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum UpdateError {
    /// There is no DHT to ask.
    #[error("the DHT is off, and a publisher's torrent (xs=urn:btpk:) is found nowhere else")]
    NoDht,
    /// The DHT does not tell.
    #[error("the publisher's torrent (xs=urn:btpk:) is not known: {0}")]
    Dht(#[from] DhtError),
    /// The item is the publisher's and names no torrent.
    #[error("the publisher's item number {0} names no torrent: it has no 20 bytes under \"ih\" (BEP 46)")]
    BadItem(i64),
}

/// What a publisher says from now on. Dropping it ends the watch.
#[derive(Debug)]
pub struct Updates {
    told: mpsc::Receiver<Result<Update, UpdateError>>,
    hurry: Arc<Notify>,
}

impl Updates {
    /// The newest torrent, or why it is not known, whenever either has changed; `None` once the session has ended.
    pub async fn next(&mut self) -> Option<Result<Update, UpdateError>> {
        self.told.recv().await
    }

    /// Looks again at once, not only when an hour is over.
    pub fn look_now(&self) {
        self.hurry.notify_one();
    }
}

impl Session {
    /// Asks once for the newest torrent of a publisher. `nodes`: nodes of the DHT that a link names. It takes as long as
    /// a lookup does, a minute and a half at most.
    pub async fn latest(
        &self,
        publisher: &Publisher,
        nodes: &[(String, u16)],
    ) -> Result<Update, UpdateError> {
        update(&look(&self.shared, publisher, nodes).await?)
    }

    /// Watches what a publisher says: the newest torrent is told, and every one that takes its place later. `since`: the
    /// number that was known before; an older one is not believed. What is found is stored anew once an hour, so that
    /// it outlives its publisher's absence.
    pub fn updates(&self, publisher: Publisher, nodes: Vec<(String, u16)>, since: Option<i64>) -> Updates {
        let (sender, told) = mpsc::channel(UPDATE_QUEUE);
        let hurry = Arc::new(Notify::new());
        let watch = Watch {
            shared: Arc::clone(&self.shared),
            publisher,
            nodes,
            sender: sender.clone(),
            hurry: Arc::clone(&hurry),
            memory: Memory { since, ..Memory::default() },
            pace: Pace::default(),
        };
        self.spawn(async move {
            tokio::select! {
                () = watch.run() => {}
                () = sender.closed() => {}
            }
        });
        Updates { told, hurry }
    }
}

/// The task that watches a publisher.
struct Watch {
    shared: Arc<Shared>,
    publisher: Publisher,
    nodes: Vec<(String, u16)>,
    sender: mpsc::Sender<Result<Update, UpdateError>>,
    hurry: Arc<Notify>,
    memory: Memory,
    pace: Pace,
}

impl Watch {
    async fn run(mut self) {
        let mut changes = self.shared.discovery.changes();
        loop {
            changes.borrow_and_update();
            let found = look(&self.shared, &self.publisher, &self.nodes).await;
            let has_dht = found.as_ref().err() != Some(&UpdateError::NoDht);
            let pause = self.pace.pause(found.is_ok());
            if let Some(told) = self.memory.judge(found)
                && self.sender.send(told).await.is_err()
            {
                return;
            }
            self.keep_alive().await;
            tokio::select! {
                () = sleep(pause) => {}
                () = self.hurry.notified() => {}
                // Switched on, it is asked at once.
                Ok(()) = changes.changed(), if !has_dht => {}
            }
        }
    }

    /// Stores the newest item anew.
    async fn keep_alive(&self) {
        let Some((dht, item)) = self.shared.discovery.dht().zip(self.memory.newest.clone()) else { return };
        let kept =
            unless_switched_off(&self.shared, &dht, async { Ok(dht.put(Item::Mutable(item), None).await?) });
        let outcome = kept.await;
        tracing::debug!(?outcome, "a publisher's item was stored anew");
    }
}

/// What is known of a publisher.
#[derive(Debug, Default)]
struct Memory {
    /// The number that was known before.
    since: Option<i64>,
    /// The newest item that names a torrent.
    newest: Option<MutableItem>,
    told: Option<Result<Update, UpdateError>>,
}

impl Memory {
    /// What there is to tell after a look: news only. An item older than one known is some node's that missed it.
    fn judge(&mut self, found: Result<MutableItem, UpdateError>) -> Option<Result<Update, UpdateError>> {
        let known = self.newest.as_ref().map(|item| item.sequence).max(self.since);
        let news = match found {
            Ok(item) if known.is_some_and(|known| item.sequence < known) => {
                self.newest.as_ref().map(update)?
            }
            Ok(item) => {
                let news = update(&item);
                let is_newer = self.newest.as_ref().is_none_or(|held| held.sequence < item.sequence);
                if news.is_ok() && is_newer {
                    self.newest = Some(item);
                }
                news
            }
            Err(error) => Err(error),
        };
        let is_new = self.told.as_ref() != Some(&news);
        self.told = Some(news.clone());
        is_new.then_some(news)
    }
}

/// When a publisher is asked next.
#[derive(Debug, Default)]
struct Pace {
    failures: u32,
}

impl Pace {
    /// The pause after a look. It is spread, so that nodes do not hear of all readers at once.
    fn pause(&mut self, went_well: bool) -> Duration {
        self.failures = if went_well { 0 } else { self.failures.saturating_add(1) };
        let doubled = DHT_FIRST_REPEAT.saturating_mul(1 << self.failures.saturating_sub(1).min(16));
        let pause = if went_well { DHT_UPDATE_INTERVAL } else { doubled.min(DHT_UPDATE_INTERVAL) };
        pause.mul_f64(0.9 + 0.1 * fastrand::f64())
    }
}

fn update(item: &MutableItem) -> Result<Update, UpdateError> {
    let info_hash = Publisher::info_hash_of(&item.value).ok_or(UpdateError::BadItem(item.sequence))?;
    Ok(Update { info_hash, sequence: item.sequence })
}

/// Gets the newest item of a publisher.
async fn look(
    shared: &Shared,
    publisher: &Publisher,
    nodes: &[(String, u16)],
) -> Result<MutableItem, UpdateError> {
    let dht = shared.discovery.dht().ok_or(UpdateError::NoDht)?;
    dht.meet(nodes);
    unless_switched_off(shared, &dht, get(&dht, publisher)).await
}

/// Asks until somebody answers: a DHT that has just begun knows nobody for a moment.
async fn get(dht: &Dht, publisher: &Publisher) -> Result<MutableItem, UpdateError> {
    let give_up = Instant::now() + DHT_WARM_UP;
    loop {
        match dht.get_mutable(publisher.key, &publisher.salt).await {
            Err(DhtError::NobodyAnswers) if Instant::now() < give_up => sleep(DHT_WARM_UP_PAUSE).await,
            outcome => return Ok(outcome?),
        }
    }
}

/// A DHT that is switched off, or gave way to another, is held no longer: it ends with its last holder.
async fn unless_switched_off<T>(
    shared: &Shared,
    dht: &Arc<Dht>,
    work: impl Future<Output = Result<T, UpdateError>>,
) -> Result<T, UpdateError> {
    let mut changes = shared.discovery.changes();
    let is_on = || shared.discovery.dht().is_some_and(|now| Arc::ptr_eq(&now, dht));
    let switched_off = async { while is_on() && changes.changed().await.is_ok() {} };
    tokio::select! {
        outcome = work => outcome,
        () = switched_off => Err(UpdateError::NoDht),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(sequence: i64, value: &[u8]) -> MutableItem {
        MutableItem { key: [1; 32], salt: Vec::new(), sequence, signature: [0; 64], value: value.to_vec() }
    }

    fn named(sequence: i64, byte: u8) -> MutableItem {
        item(sequence, &Publisher::value(&[byte; 20]))
    }

    #[test]
    fn only_what_is_newer_is_told_and_once() {
        let mut memory = Memory { since: Some(4), ..Memory::default() };
        let told = |byte, sequence| Some(Ok(Update { info_hash: [byte; 20], sequence }));
        assert_eq!(memory.judge(Ok(named(3, 3))), None, "older than what was known before");
        assert_eq!(memory.judge(Ok(named(4, 4))), told(4, 4));
        assert_eq!(memory.judge(Ok(named(4, 4))), None);
        assert_eq!(memory.judge(Ok(named(6, 6))), told(6, 6));
        assert_eq!(memory.judge(Ok(named(5, 5))), None, "a node that missed the newest");
        assert_eq!(memory.newest.as_ref().map(|item| item.sequence), Some(6), "the newest is kept alive");
    }

    #[test]
    fn trouble_is_told_and_so_is_its_end() {
        let mut memory = Memory::default();
        let trouble = UpdateError::Dht(DhtError::NobodyAnswers);
        assert_eq!(memory.judge(Err(trouble.clone())), Some(Err(trouble.clone())));
        assert_eq!(memory.judge(Err(trouble.clone())), None);
        let update = Some(Ok(Update { info_hash: [2; 20], sequence: 2 }));
        assert_eq!(memory.judge(Ok(named(2, 2))), update);
        assert_eq!(memory.judge(Ok(item(3, b"4:junk"))), Some(Err(UpdateError::BadItem(3))));
        assert_eq!(memory.newest.as_ref().map(|item| item.sequence), Some(2), "junk is not kept alive");
        assert_eq!(memory.judge(Ok(named(2, 2))), update, "all is well again");
    }

    #[test]
    fn a_publisher_is_asked_hourly_and_sooner_while_there_is_trouble() {
        let mut pace = Pace::default();
        let mut about = |went_well, seconds: f64| {
            let pause = pace.pause(went_well).as_secs_f64();
            assert!((0.9 * seconds..=seconds).contains(&pause), "{pause} seconds, {seconds} are usual");
        };
        about(true, 3600.0);
        for seconds in [5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 640.0, 1280.0, 2560.0, 3600.0, 3600.0] {
            about(false, seconds);
        }
        about(true, 3600.0);
    }
}
