//! What mirrors were worth before: by host, over all torrents of the session and, where there is a database, over runs.
//!
//! A speed fades with time, as lines and servers change. One that brought nothing is tried last for a while.

use crate::limits::{MIRROR_DOUBTED, MIRROR_HALF_LIFE, MIRRORS_REMEMBERED};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use storage::{MirrorScore, StateStore};
use swarm::{WebSeedSnapshot, WebSeedState};

/// The memory of mirrors.
pub(crate) struct Mirrors {
    scores: Mutex<HashMap<String, Score>>,
    state: Option<StateStore>,
}

#[derive(Clone, Copy)]
struct Score {
    bytes_per_second: u64,
    seen: SystemTime,
}

impl Mirrors {
    /// What earlier runs left; a database that fails is as good as none.
    pub(crate) fn load(state: Option<StateStore>) -> Self {
        let loaded = state.as_ref().map_or(Ok(Vec::new()), StateStore::mirror_scores);
        let loaded = loaded.unwrap_or_else(|error| {
            tracing::warn!(%error, "what mirrors were worth could not be read");
            Vec::new()
        });
        let scores = loaded.into_iter().map(|it| {
            let seen = UNIX_EPOCH + Duration::from_secs(it.seen);
            (it.host, Score { bytes_per_second: it.bytes_per_second, seen })
        });
        Self { scores: Mutex::new(scores.collect()), state }
    }

    /// Bytes per second to be expected of a host; 0 for one that brought nothing lately, `None` if nothing is known.
    pub(crate) fn expected(&self, host: &str, now: SystemTime) -> Option<u64> {
        let score = *self.scores().get(host)?;
        // A clock that was put back makes nothing older.
        let age = now.duration_since(score.seen).unwrap_or_default();
        if score.bytes_per_second == 0 {
            return (age < MIRROR_DOUBTED).then_some(0);
        }
        let faded = 0.5_f64.powf(age.as_secs_f64() / MIRROR_HALF_LIFE.as_secs_f64());
        Some((score.bytes_per_second as f64 * faded) as u64).filter(|expected| *expected > 0)
    }

    /// Takes in how web seeds fared, and keeps it for later runs. May wait for the disk.
    pub(crate) fn learn(&self, fared: &[(String, WebSeedSnapshot)], now: SystemTime) {
        let mut learned = BTreeMap::new();
        for (host, seed) in fared {
            // A host may have several URLs in one torrent: the best of them counts.
            if let Some(worth) = worth(seed) {
                let best: &mut u64 = learned.entry(host.clone()).or_default();
                *best = worth.max(*best);
            }
        }
        self.take_in(&learned, now);
        let Some(state) = self.state.as_ref().filter(|_| !learned.is_empty()) else { return };
        let seen = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let rows: Vec<_> = learned
            .into_iter()
            .map(|(host, bytes_per_second)| MirrorScore { host, bytes_per_second, seen })
            .collect();
        if let Err(error) = state.save_mirror_scores(&rows) {
            tracing::warn!(%error, "what mirrors were worth could not be kept");
        }
    }

    fn take_in(&self, learned: &BTreeMap<String, u64>, now: SystemTime) {
        let mut scores = self.scores();
        for (host, bytes_per_second) in learned {
            scores.insert(host.clone(), Score { bytes_per_second: *bytes_per_second, seen: now });
        }
        while scores.len() > MIRRORS_REMEMBERED {
            let oldest = scores.iter().min_by_key(|(_, score)| score.seen).map(|(host, _)| host.clone());
            oldest.map(|host| scores.remove(&host));
        }
    }

    fn scores(&self) -> MutexGuard<'_, HashMap<String, Score>> {
        self.scores.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a web seed showed itself to be worth; `None` if it was not asked, or did not get far enough to tell.
fn worth(seed: &WebSeedSnapshot) -> Option<u64> {
    match seed.state {
        WebSeedState::Dropped => Some(0),
        WebSeedState::Waiting if seed.bytes_down == 0 => Some(0),
        _ => seed.speed.filter(|_| seed.bytes_down > 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seed(state: WebSeedState, speed: Option<u64>, bytes_down: u64) -> WebSeedSnapshot {
        WebSeedSnapshot {
            key: swarm::WebSeedKey(0),
            state,
            reason: None,
            retry_in: None,
            bytes_down,
            down_rate: 0,
            speed,
            connections: 0,
            bad_pieces: 0,
        }
    }

    #[test]
    fn what_is_learned_outlives_the_run_and_fades() {
        let directory = tempfile::tempdir().unwrap();
        let state = StateStore::open(directory.path()).unwrap();
        let now = UNIX_EPOCH + Duration::from_hours(500_000);
        let fared = [
            ("fast.example".to_owned(), seed(WebSeedState::Idle, Some(1 << 20), 5 << 20)),
            ("dead.example".to_owned(), seed(WebSeedState::Waiting, None, 0)),
            ("liar.example".to_owned(), seed(WebSeedState::Dropped, Some(9 << 20), 5 << 20)),
            ("unasked.example".to_owned(), seed(WebSeedState::Idle, None, 0)),
        ];
        Mirrors::load(Some(state.clone())).learn(&fared, now);
        let mirrors = Mirrors::load(Some(state));
        let expected = |host, at| mirrors.expected(host, at);
        assert_eq!(expected("fast.example", now), Some(1 << 20));
        assert_eq!(expected("fast.example", now + MIRROR_HALF_LIFE), Some(1 << 19));
        assert_eq!(expected("dead.example", now + MIRROR_DOUBTED / 2), Some(0));
        assert_eq!(expected("dead.example", now + MIRROR_DOUBTED), None, "it may be there again");
        assert_eq!(expected("liar.example", now), Some(0));
        assert_eq!(expected("unasked.example", now), None);
    }
}
