//! What the peer asked of us: its queue, what it may ask for while choked, and what it asks for too often.

use crate::limits::{ALLOWED_FAST_BYTES, ALLOWED_FAST_GIVEN, RECENT_UPLOADS};
use metainfo::{BLOCK_LENGTH, BlockRequest, PieceIndex};
use std::collections::VecDeque;

/// What becomes of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// It waits for its turn.
    Queued,
    /// It waits, and is one that was served a moment ago.
    Repeated,
    /// It waits already; one answer is enough.
    Duplicate,
    /// It will not be served.
    Refused,
}

/// The peer's requests, oldest first.
#[derive(Clone, Debug)]
pub(crate) struct Uploads {
    queue: VecDeque<BlockRequest>,
    /// The keys of `queue`, small and side by side so that looking for one is fast.
    keys: VecDeque<u32>,
    /// Keys of the blocks handed out last, a ring.
    recent: Vec<u32>,
    oldest_recent: usize,
    limit: usize,
    choking: bool,
    /// Pieces served while choked.
    fast: Vec<PieceIndex>,
    fast_bytes_left: u64,
}

/// Equal for requests of the same place, and hardly ever for others: the multiplier spreads pieces far apart.
fn key(request: &BlockRequest) -> u32 {
    request.piece.0.wrapping_mul(0x9e37_79b1).wrapping_add(request.begin)
}

impl Uploads {
    /// An empty queue of at most `limit` requests, of a peer that is choked.
    pub(crate) const fn new(limit: usize) -> Self {
        Self {
            queue: VecDeque::new(),
            keys: VecDeque::new(),
            recent: Vec::new(),
            oldest_recent: 0,
            limit,
            choking: true,
            fast: Vec::new(),
            fast_bytes_left: ALLOWED_FAST_BYTES,
        }
    }

    /// Whether the peer is choked.
    pub(crate) const fn is_choking(&self) -> bool {
        self.choking
    }

    /// Whether requests wait.
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Serves the peer from now on.
    pub(crate) fn unchoke(&mut self) {
        self.choking = false;
    }

    /// Stops serving the peer. Its requests come out, but for those of pieces allowed while choked.
    pub(crate) fn choke(&mut self) -> Vec<BlockRequest> {
        self.choking = true;
        let queue = std::mem::take(&mut self.queue);
        self.keys.clear();
        let mut dropped = Vec::new();
        for request in queue {
            if self.pass_fast(&request) {
                self.push(request);
            } else {
                dropped.push(request);
            }
        }
        dropped
    }

    /// Lets the peer ask for `piece` while choked. False if it may already, or may for enough pieces.
    pub(crate) fn allow_fast(&mut self, piece: PieceIndex) -> bool {
        let new = self.fast.len() < ALLOWED_FAST_GIVEN && !self.fast.contains(&piece);
        if new {
            self.fast.push(piece);
        }
        new
    }

    /// Judges a request that lies inside the torrent.
    pub(crate) fn request(&mut self, request: BlockRequest) -> Verdict {
        if request.length > BLOCK_LENGTH {
            return Verdict::Refused;
        }
        if self.waits(&request) {
            return Verdict::Duplicate;
        }
        if self.queue.len() >= self.limit || (self.choking && !self.pass_fast(&request)) {
            return Verdict::Refused;
        }
        let repeated = self.recent.contains(&key(&request));
        self.push(request);
        if repeated { Verdict::Repeated } else { Verdict::Queued }
    }

    /// Takes a request back. False if it does not wait.
    pub(crate) fn cancel(&mut self, request: BlockRequest) -> bool {
        let Some(at) = self.queue.iter().position(|other| *other == request) else { return false };
        self.queue.remove(at);
        self.keys.remove(at);
        true
    }

    /// The next request to serve.
    pub(crate) fn next(&mut self) -> Option<BlockRequest> {
        let request = self.queue.pop_front()?;
        self.keys.pop_front();
        if self.recent.len() < RECENT_UPLOADS {
            self.recent.push(key(&request));
        } else if let Some(oldest) = self.recent.get_mut(self.oldest_recent) {
            *oldest = key(&request);
            self.oldest_recent = (self.oldest_recent + 1) % RECENT_UPLOADS;
        }
        Some(request)
    }

    /// Drops everything.
    pub(crate) fn clear(&mut self) {
        self.queue = VecDeque::new();
        self.keys = VecDeque::new();
    }

    fn push(&mut self, request: BlockRequest) {
        self.queue.push_back(request);
        self.keys.push_back(key(&request));
    }

    /// Whether a choked peer gets this block all the same; it is paid from a fixed sum of bytes.
    fn pass_fast(&mut self, request: &BlockRequest) -> bool {
        if !self.fast.contains(&request.piece) {
            return false;
        }
        let left = self.fast_bytes_left.checked_sub(u64::from(request.length));
        self.fast_bytes_left = left.unwrap_or(self.fast_bytes_left);
        left.is_some()
    }

    /// Whether a request of the same place waits. Looked for by key first, which the compiler turns into wide
    /// comparisons.
    fn waits(&self, request: &BlockRequest) -> bool {
        let (front, back) = self.keys.as_slices();
        let key = key(request);
        (front.contains(&key) || back.contains(&key))
            && self.queue.iter().any(|other| other.piece == request.piece && other.begin == request.begin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(piece: u32, begin: u32) -> BlockRequest {
        BlockRequest { piece: PieceIndex(piece), begin, length: BLOCK_LENGTH }
    }

    fn open(limit: usize) -> Uploads {
        let mut uploads = Uploads::new(limit);
        uploads.unchoke();
        uploads
    }

    #[test]
    fn served_in_order_up_to_the_limit() {
        let mut uploads = open(2);
        assert_eq!(uploads.request(block(1, 0)), Verdict::Queued);
        assert_eq!(uploads.request(block(0, 0)), Verdict::Queued);
        assert_eq!(uploads.request(block(2, 0)), Verdict::Refused);
        assert_eq!(uploads.next(), Some(block(1, 0)));
        assert_eq!(uploads.request(block(2, 0)), Verdict::Queued);
        assert_eq!(
            (uploads.next(), uploads.next(), uploads.next()),
            (Some(block(0, 0)), Some(block(2, 0)), None)
        );
    }

    #[test]
    fn the_same_block_waits_once_and_asked_again_it_shows() {
        let mut uploads = open(500);
        assert_eq!(uploads.request(block(1, 0)), Verdict::Queued);
        assert_eq!(uploads.request(block(1, 0)), Verdict::Duplicate);
        assert_eq!(uploads.next(), Some(block(1, 0)));
        assert_eq!(uploads.request(block(1, 0)), Verdict::Repeated);
        for n in 0..RECENT_UPLOADS as u32 {
            uploads.request(block(2, n * BLOCK_LENGTH));
        }
        while uploads.next().is_some() {}
        assert_eq!(uploads.request(block(1, 0)), Verdict::Queued, "long ago");
    }

    #[test]
    fn a_longer_range_than_a_block_is_refused() {
        let mut uploads = open(500);
        assert_eq!(
            uploads.request(BlockRequest { length: BLOCK_LENGTH + 1, ..block(0, 0) }),
            Verdict::Refused
        );
    }

    #[test]
    fn choked_only_the_allowed_pieces_are_served_and_only_so_much() {
        let mut uploads = Uploads::new(10_000);
        assert!(uploads.allow_fast(PieceIndex(7)) && !uploads.allow_fast(PieceIndex(7)));
        assert_eq!(uploads.request(block(1, 0)), Verdict::Refused);
        let most = (ALLOWED_FAST_BYTES / u64::from(BLOCK_LENGTH)) as u32;
        for n in 0..most {
            assert_eq!(uploads.request(block(7, n * BLOCK_LENGTH)), Verdict::Queued);
        }
        assert_eq!(uploads.request(block(7, most * BLOCK_LENGTH)), Verdict::Refused);
    }

    #[test]
    fn a_choke_drops_all_but_the_allowed_pieces() {
        let mut uploads = open(500);
        uploads.allow_fast(PieceIndex(7));
        for request in [block(1, 0), block(7, 0), block(2, 0)] {
            uploads.request(request);
        }
        assert_eq!(uploads.choke(), [block(1, 0), block(2, 0)]);
        assert_eq!(uploads.request(block(7, 0)), Verdict::Duplicate);
        assert_eq!(uploads.next(), Some(block(7, 0)));
        assert!(uploads.is_empty() && uploads.is_choking());
    }

    #[test]
    fn cancelled_is_gone() {
        let mut uploads = open(500);
        uploads.request(block(1, 0));
        uploads.request(block(2, 0));
        assert!(uploads.cancel(block(1, 0)) && !uploads.cancel(block(1, 0)));
        assert_eq!(uploads.request(block(1, 0)), Verdict::Queued);
        assert_eq!(uploads.next(), Some(block(2, 0)));
    }

    #[test]
    fn the_set_of_allowed_pieces_is_bounded() {
        let mut uploads = Uploads::new(1);
        assert_eq!((0..1000).filter(|n| uploads.allow_fast(PieceIndex(*n))).count(), ALLOWED_FAST_GIVEN);
    }
}
