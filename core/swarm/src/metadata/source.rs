//! One peer that may send the info dict.

use super::attempt::AttemptKey;
use crate::admission::{Held, Standing};
use crate::contract::{Direction, PeerKey};
use crate::limits;
use metainfo::PeerId;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// One connection.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) key: PeerKey,
    pub(super) address: SocketAddr,
    pub(super) direction: Direction,
    /// Where it listens, as far as that is known.
    pub(super) listens_at: Option<SocketAddr>,
    pub(super) since: Instant,
    pub(super) id: Option<PeerId>,
    pub(super) client: Option<String>,
    /// The size it claims.
    pub(super) size: Option<u32>,
    /// What it works on.
    pub(super) attempt: Option<AttemptKey>,
    /// Pieces it owes, and since when.
    pub(super) owed: BTreeMap<u32, Instant>,
    /// Payload bytes of the info dict that it sent.
    pub(super) bytes: u64,
    rests_until: Option<Instant>,
    rests: u32,
}

impl Source {
    pub(super) fn new(key: PeerKey, address: SocketAddr, direction: Direction, now: Instant) -> Self {
        Self {
            key,
            address,
            direction,
            listens_at: (direction == Direction::Outgoing).then_some(address),
            since: now,
            id: None,
            client: None,
            size: None,
            attempt: None,
            owed: BTreeMap::new(),
            bytes: 0,
            rests_until: None,
            rests: 0,
        }
    }

    /// Whether it may be asked for one more piece.
    pub(super) fn is_free(&self, now: Instant) -> bool {
        self.owed.len() < limits::METADATA_PIPELINE && self.rests_until.is_none_or(|until| until <= now)
    }

    /// It refused, or did not answer: it is left alone for a while, longer each time.
    pub(super) fn rest(&mut self, now: Instant) {
        let pause = limits::METADATA_REST * 2u32.pow(self.rests.min(8));
        self.rests_until = Some(now + pause.min(limits::METADATA_REST_LONGEST));
        self.rests += 1;
    }

    /// It sent something.
    pub(super) fn on_piece(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
        self.rests = 0;
        self.rests_until = None;
    }

    /// Pieces owed for too long, which it owes no more.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<u32> {
        let late = |since: &Instant| now.saturating_duration_since(*since) >= limits::METADATA_WITHIN;
        let late: Vec<u32> =
            self.owed.iter().filter(|(_, since)| late(since)).map(|(piece, _)| *piece).collect();
        self.owed.retain(|piece, _| !late.contains(piece));
        late
    }

    /// A piece owed so long that another may be asked for it too.
    pub(super) fn stalled(&self, now: Instant) -> impl Iterator<Item = u32> + '_ {
        let slow = move |since: &Instant| now.saturating_duration_since(*since) >= limits::STALLED_AFTER;
        self.owed.iter().filter(move |(_, since)| slow(since)).map(|(piece, _)| *piece)
    }

    /// Nothing useful can be expected of it.
    pub(super) fn is_useless(&self, now: Instant) -> bool {
        let age = now.saturating_duration_since(self.since);
        match (self.id, self.size) {
            (None, _) => age >= limits::HANDSHAKE_WITHIN,
            (Some(_), None) => age >= limits::METADATA_CLAIM_WITHIN,
            (Some(_), Some(_)) => false,
        }
    }

    pub(super) fn held(&self, now: Instant) -> Held {
        let standing = if self.size.is_some() { Standing::Promising } else { Standing::Idle };
        let age: Duration = now.saturating_duration_since(self.since);
        Held { key: self.key, host: self.address.ip(), standing, age }
    }
}
