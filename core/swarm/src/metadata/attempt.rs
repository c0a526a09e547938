//! One attempt at the info dict: a size that somebody claims, and the pieces that came.

use crate::contract::PeerKey;
use metainfo::BLOCK_LENGTH;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hasher};
use std::net::IpAddr;

/// Names an attempt within one fetch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct AttemptKey(pub(super) u32);

/// Who sent a piece, and what it was like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub(super) peer: PeerKey,
    pub(super) host: IpAddr,
    pub(super) digest: u64,
}

/// An info dict coming together.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) size: u32,
    /// The one peer it is made with; `None`: with all that claim the size and are under no suspicion.
    pub(super) alone: Option<PeerKey>,
    /// As far as pieces came; gaps are zeros.
    pub(super) bytes: Vec<u8>,
    /// The pieces that are here.
    pub(super) sent: BTreeMap<u32, Sent>,
    /// The first piece that was never asked for.
    next: u32,
    /// Pieces that were asked for in vain.
    again: BTreeSet<u32>,
    /// It is being hashed.
    pub(super) verifying: bool,
}

impl Attempt {
    pub(super) const fn new(size: u32, alone: Option<PeerKey>) -> Self {
        Self {
            size,
            alone,
            bytes: Vec::new(),
            sent: BTreeMap::new(),
            next: 0,
            again: BTreeSet::new(),
            verifying: false,
        }
    }

    /// Bytes of a piece; 0 if there is no such piece.
    pub(super) fn length_of(&self, piece: u32) -> usize {
        let begin = u64::from(piece) * u64::from(BLOCK_LENGTH);
        u64::from(self.size).saturating_sub(begin).min(u64::from(BLOCK_LENGTH)) as usize
    }

    /// The next piece that nobody is asked for.
    pub(super) fn next(&mut self) -> Option<u32> {
        while let Some(piece) = self.again.pop_first() {
            if !self.sent.contains_key(&piece) {
                return Some(piece);
            }
        }
        let piece = self.next;
        (piece < self.size.div_ceil(BLOCK_LENGTH)).then(|| {
            self.next += 1;
            piece
        })
    }

    /// A piece was asked for in vain.
    pub(super) fn give_back(&mut self, piece: u32) {
        if !self.sent.contains_key(&piece) {
            self.again.insert(piece);
        }
    }

    /// A piece of the right length came.
    pub(super) fn take(&mut self, piece: u32, bytes: &[u8], peer: PeerKey, host: IpAddr) {
        if self.sent.contains_key(&piece) || self.verifying {
            return;
        }
        let begin = piece as usize * BLOCK_LENGTH as usize;
        let end = begin + bytes.len();
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        self.bytes[begin..end].copy_from_slice(bytes);
        self.sent.insert(piece, Sent { peer, host, digest: digest(bytes) });
    }

    /// Every piece is here.
    pub(super) fn is_whole(&self) -> bool {
        self.sent.len() as u64 == u64::from(self.size.div_ceil(BLOCK_LENGTH))
    }

    /// Begins anew: its memory is needed elsewhere.
    pub(super) fn reset(&mut self) {
        *self = Self::new(self.size, self.alone);
    }

    /// The hosts that sent pieces other than those of `info`.
    pub(super) fn liars<'a>(&'a self, info: &'a [u8]) -> impl Iterator<Item = IpAddr> + 'a {
        let is_same_size = self.size as usize == info.len();
        let truth = |piece: u32| info.chunks(BLOCK_LENGTH as usize).nth(piece as usize).map(digest);
        let lied = move |(piece, sent): (&u32, &Sent)| truth(*piece) != Some(sent.digest);
        self.sent.iter().filter(move |it| is_same_size && lied(*it)).map(|(_, sent)| sent.host)
    }
}

/// Tells pieces apart well enough to lay blame; whoever makes two of one digest only escapes it.
fn digest(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}
