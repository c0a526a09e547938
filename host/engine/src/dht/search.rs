//! One torrent's search: when it is repeated, and for how long.

use super::Mood;
use crate::limits::{DHT_FIRST_REPEAT, DHT_REPEAT};
use dht::{Announce, Goal, Id, LookupKey, Outcome};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Peers of a torrent are wanted as long as somebody listens.
#[derive(Debug)]
pub(super) struct Wanted {
    info_hash: Id,
    mood: Arc<Mood>,
    peers: mpsc::Sender<Vec<SocketAddr>>,
    /// The lookups under way, of the IPv4 and the IPv6 node.
    pub(super) lookups: [Option<LookupKey>; 2],
    /// When to look again; `None` while lookups are under way.
    pub(super) next: Option<Instant>,
    pause: Duration,
    found: bool,
    answered: bool,
}

impl Wanted {
    pub(super) fn new(info_hash: [u8; 20], mood: Arc<Mood>, peers: mpsc::Sender<Vec<SocketAddr>>) -> Self {
        Self {
            info_hash: Id(info_hash),
            mood,
            peers,
            lookups: [None; 2],
            next: None,
            pause: DHT_FIRST_REPEAT,
            found: false,
            answered: false,
        }
    }

    pub(super) const fn info_hash(&self) -> Id {
        self.info_hash
    }

    /// Does anybody still want to know?
    pub(super) fn is_wanted(&self) -> bool {
        !self.peers.is_closed()
    }

    /// What to look for, announced with the port that peers reach us at; not announced where they cannot.
    pub(super) fn goal(&self, port: u16) -> Goal {
        let announce = Announce { port, implied_port: false, seed: self.mood.seed.load(Ordering::Relaxed) };
        Goal::Peers((port != 0).then_some(announce))
    }

    /// Lookups begin.
    pub(super) fn begin(&mut self, lookups: [Option<LookupKey>; 2]) {
        self.lookups = lookups;
        self.next = None;
        self.found = false;
        self.answered = false;
    }

    /// There is somebody new to ask: whoever got no answer so far looks again at once.
    pub(super) fn hurry(&mut self, now: Instant) {
        if self.next.is_some() && !self.answered {
            self.next = Some(now);
            self.pause = DHT_FIRST_REPEAT;
        }
    }

    /// Passes peers on. A torrent that takes none at the moment has enough.
    pub(super) fn tell(&mut self, peers: Vec<SocketAddr>) {
        self.found |= !peers.is_empty();
        if !peers.is_empty() && !self.mood.asleep.load(Ordering::Relaxed) {
            let _ = self.peers.try_send(peers);
        }
    }

    /// A lookup ended. Once both have, the next is set: soon while nobody was found, else when an announce grows old.
    pub(super) fn ended(&mut self, now: Instant, side: usize, outcome: Outcome) {
        if let Some(lookup) = self.lookups.get_mut(side) {
            *lookup = None;
        }
        self.answered |= outcome.answered > 0;
        if self.lookups.iter().any(Option::is_some) {
            return;
        }
        if self.found && self.answered {
            self.pause = DHT_FIRST_REPEAT;
            self.next = Some(now + DHT_REPEAT);
        } else {
            self.next = Some(now + self.pause);
            self.pause = (self.pause * 2).min(DHT_REPEAT);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: Outcome = Outcome { answered: 8, queries: 20, stored_at: 8 };

    fn wanted() -> (Wanted, mpsc::Receiver<Vec<SocketAddr>>) {
        let (sender, receiver) = mpsc::channel(4);
        (Wanted::new([7; 20], Arc::default(), sender), receiver)
    }

    fn pause_after(wanted: &mut Wanted, now: Instant, outcome: Outcome, found: bool) -> Duration {
        wanted.begin([Some(LookupKey(1)), Some(LookupKey(2))]);
        if found {
            wanted.tell(vec![SocketAddr::from(([1, 2, 3, 4], 5))]);
        }
        wanted.ended(now, 0, outcome);
        assert_eq!(wanted.next, None, "the other family is still looking");
        wanted.ended(now, 1, Outcome::default());
        wanted.next.expect("it goes on") - now
    }

    #[test]
    fn nobody_found_is_looked_for_again_soon_and_then_ever_later() {
        let (now, (mut wanted, _receiver)) = (Instant::now(), wanted());
        let pauses: Vec<u64> = (0..9).map(|_| pause_after(&mut wanted, now, FULL, false).as_secs()).collect();
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 320, 640, 900]);
        assert_eq!(pause_after(&mut wanted, now, FULL, true), DHT_REPEAT);
        wanted.tell(Vec::new());
        assert_eq!(pause_after(&mut wanted, now, FULL, false), DHT_FIRST_REPEAT, "nobody but ourselves");
    }

    #[test]
    fn whoever_had_nobody_to_ask_hurries_when_there_is_somebody() {
        let (now, (mut wanted, _receiver)) = (Instant::now(), wanted());
        pause_after(&mut wanted, now, Outcome::default(), false);
        wanted.hurry(now);
        assert_eq!(wanted.next, Some(now));
        pause_after(&mut wanted, now, FULL, true);
        wanted.hurry(now);
        assert_eq!(wanted.next, Some(now + DHT_REPEAT), "an answered search keeps its time");
    }

    #[test]
    fn it_is_announced_only_where_peers_can_come() {
        let (wanted, receiver) = wanted();
        assert_eq!(wanted.goal(0), Goal::Peers(None));
        let announce = Announce { port: 7000, implied_port: false, seed: false };
        assert_eq!(wanted.goal(7000), Goal::Peers(Some(announce)));
        assert!(wanted.is_wanted());
        drop(receiver);
        assert!(!wanted.is_wanted());
    }
}
