//! Who works on which attempt, and what is asked of whom.

use super::MetadataFetch;
use super::attempt::{Attempt, AttemptKey};
use crate::admission::group;
use crate::contract::PeerKey;
use crate::limits;
use metainfo::BLOCK_LENGTH;
use std::time::Instant;
use wire::Order;

impl MetadataFetch {
    /// Gives a peer an attempt to work on.
    pub(super) fn assign(&mut self, key: PeerKey) {
        let Some(source) = self.sources.get(&key).filter(|source| source.attempt.is_none()) else { return };
        let Some(size) = source.size else { return };
        let alone = self.suspects.contains(&group(source.address.ip())).then_some(key);
        let same = |it: &Attempt| it.size == size && it.alone == alone;
        let found = self.attempts.iter().find(|(_, it)| same(it)).map(|(found, it)| (*found, it.verifying));
        let attempt = match found {
            // Its outcome decides what this peer does.
            Some((_, true)) => return,
            Some((found, false)) => found,
            None => {
                let new = AttemptKey(self.next_attempt);
                self.next_attempt += 1;
                self.attempts.insert(new, Attempt::new(size, alone));
                new
            }
        };
        if let Some(source) = self.sources.get_mut(&key) {
            source.attempt = Some(attempt);
        }
    }

    pub(super) fn assign_all(&mut self) {
        let keys: Vec<_> = self.sources.keys().copied().collect();
        for key in keys {
            self.assign(key);
        }
    }

    /// Takes a peer off its attempt. What nobody works on is kept for whoever comes next, unless it is nothing or too
    /// much.
    pub(super) fn release(&mut self, key: PeerKey) {
        let Some(source) = self.sources.get_mut(&key) else { return };
        let (Some(attempt), owed) = (source.attempt.take(), std::mem::take(&mut source.owed)) else { return };
        let is_left = self.sources.values().any(|other| other.attempt == Some(attempt));
        if let Some(it) = self.attempts.get_mut(&attempt) {
            for piece in owed.into_keys() {
                it.give_back(piece);
            }
            let is_of_use = it.verifying || !it.sent.is_empty() && it.alone.is_none();
            if !(is_left || is_of_use && self.attempts.len() <= limits::METADATA_ATTEMPTS) {
                self.attempts.remove(&attempt);
            }
        }
    }

    /// Asks every peer that is free for what is missing.
    pub(super) fn ask_all(&mut self, now: Instant) {
        let keys: Vec<_> = self.sources.keys().copied().collect();
        for key in keys {
            while let Some(piece) = self.pick(now, key) {
                if let Some(source) = self.sources.get_mut(&key) {
                    source.owed.insert(piece, now);
                }
                self.order(key, Order::AskMetadata(piece));
            }
        }
    }

    /// What a peer is asked for next: what nobody is asked for, then what another owes for long.
    fn pick(&mut self, now: Instant, key: PeerKey) -> Option<u32> {
        let attempt = self.sources.get(&key).filter(|source| source.is_free(now))?.attempt?;
        let it = self.attempts.get_mut(&attempt).filter(|it| !it.verifying)?;
        let size = it.size;
        let piece = it.next().or_else(|| self.stalled(now, key, attempt))?;
        if self.make_room(size) {
            return Some(piece);
        }
        if let Some(it) = self.attempts.get_mut(&attempt) {
            it.give_back(piece);
        }
        None
    }

    /// A piece that others of an attempt owe for long.
    fn stalled(&self, now: Instant, key: PeerKey, attempt: AttemptKey) -> Option<u32> {
        let (it, source) = (self.attempts.get(&attempt)?, self.sources.get(&key)?);
        let others = self.sources.values().filter(|other| other.attempt == Some(attempt) && other.key != key);
        let mut late = others.flat_map(|other| other.stalled(now));
        late.find(|piece| !source.owed.contains_key(piece) && !it.sent.contains_key(piece))
    }

    /// Whether there is memory for one more piece of an attempt of this size. Larger attempts give theirs up: the
    /// smaller is sooner known to be right or wrong.
    fn make_room(&mut self, size: u32) -> bool {
        let owed: usize = self.sources.values().map(|source| source.owed.len()).sum();
        let held: usize = self.attempts.values().map(|it| it.bytes.len()).sum();
        if held + (owed + 1) * BLOCK_LENGTH as usize <= limits::METADATA_BYTES {
            return true;
        }
        let larger = self.attempts.values_mut().filter(|it| it.size > size && !it.bytes.is_empty());
        larger.max_by_key(|it| it.size).is_some_and(|it| {
            it.reset();
            true
        })
    }
}
