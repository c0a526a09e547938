//! Complete pieces that wait to be hashed together.
//!
//! Sixteen pieces side by side in vector registers cost half of what they cost one after the other. So while pieces
//! come fast, a complete one waits a moment for others; after a pause the first is hashed at once.

use crate::limits::{RIPE_PIECES, RIPE_WAIT};
use std::time::{Duration, Instant};

/// The waiting pieces of one worker.
pub(crate) struct Ripe<P> {
    pieces: Vec<P>,
    /// When the first of them has waited long enough.
    due: Option<Instant>,
    /// When a piece last became complete.
    newest: Option<Instant>,
}

impl<P> Ripe<P> {
    pub(crate) const fn new() -> Self {
        Self { pieces: Vec::new(), due: None, newest: None }
    }

    /// Takes in a piece that became complete at `now`.
    pub(crate) fn push(&mut self, piece: P, now: Instant) {
        let is_stream = self.newest.is_some_and(|newest| now.duration_since(newest) < RIPE_WAIT);
        let wait = if is_stream { RIPE_WAIT } else { Duration::ZERO };
        self.due.get_or_insert(now + wait);
        self.newest = Some(now);
        self.pieces.push(piece);
    }

    /// Whether a piece is among them.
    pub(crate) fn any(&self, is_it: impl Fn(&P) -> bool) -> bool {
        self.pieces.iter().any(is_it)
    }

    /// Whether no piece waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Whether as many wait as are hashed at once.
    pub(crate) fn is_full(&self) -> bool {
        self.pieces.len() >= RIPE_PIECES
    }

    /// How long the first may still wait; `None` if there is none.
    pub(crate) fn patience(&self, now: Instant) -> Option<Duration> {
        self.due.map(|due| due.saturating_duration_since(now))
    }

    /// All of them, in the order in which they became complete.
    pub(crate) fn take(&mut self) -> Vec<P> {
        self.due = None;
        std::mem::take(&mut self.pieces)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lone_piece_does_not_wait_and_a_stream_does() {
        let start = Instant::now();
        let mut ripe = Ripe::new();
        assert_eq!(ripe.patience(start), None);
        ripe.push(0, start);
        assert_eq!(ripe.patience(start), Some(Duration::ZERO));
        assert_eq!(ripe.take(), [0]);
        let soon = start + RIPE_WAIT / 2;
        ripe.push(1, soon);
        ripe.push(2, start + RIPE_WAIT);
        assert_eq!(ripe.patience(start + RIPE_WAIT), Some(RIPE_WAIT / 2), "the first one's");
        assert!(ripe.any(|piece| *piece == 2) && !ripe.any(|piece| *piece == 0));
        assert_eq!(ripe.take(), [1, 2]);
        ripe.push(3, start + 3 * RIPE_WAIT);
        assert_eq!(ripe.patience(start + 3 * RIPE_WAIT), Some(Duration::ZERO), "after a pause");
    }

    #[test]
    fn as_many_as_there_are_lanes_are_full() {
        let mut ripe = Ripe::new();
        for piece in 0..RIPE_PIECES {
            assert!(!ripe.is_full());
            ripe.push(piece, Instant::now());
        }
        assert!(ripe.is_full() && !ripe.is_empty());
        assert_eq!(ripe.take().len(), RIPE_PIECES);
        assert!(ripe.is_empty());
    }
}
