//! What we asked of the peer and have no answer to yet.

use crate::limits::{LAPSED, OUTSTANDING};
use metainfo::BlockRequest;
use std::collections::VecDeque;

/// What a block that arrives is to us.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Arrival {
    /// Asked for and waited for.
    Wanted,
    /// Asked for once, taken back or lost to a choke since: no offence, no use.
    Lapsed,
    /// The right place with the wrong length, which no honest client sends.
    WrongLength,
    /// Never asked for.
    Unrequested,
}

/// What a reject is to us.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Rejection {
    /// Of a request we wait for.
    Outstanding,
    /// Of a request taken back: the peer confirms.
    Lapsed,
    /// Of a request never made.
    Unrequested,
}

/// Our requests, oldest first, as peers answer them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Requests {
    outstanding: VecDeque<BlockRequest>,
    /// Requests taken back or lost that the peer may still answer.
    lapsed: VecDeque<BlockRequest>,
}

impl Requests {
    /// Requests waited for.
    pub(crate) fn len(&self) -> usize {
        self.outstanding.len()
    }

    /// Notes a request made. False if there are too many.
    pub(crate) fn add(&mut self, request: BlockRequest) -> bool {
        debug_assert!(!self.outstanding.contains(&request), "the swarm asks for a block once: {request:?}");
        if self.outstanding.len() >= OUTSTANDING {
            return false;
        }
        self.outstanding.push_back(request);
        true
    }

    /// Takes a request back. False if nothing waits for it.
    pub(crate) fn cancel(&mut self, request: BlockRequest) -> bool {
        let found = take(&mut self.outstanding, request);
        if found {
            self.lapse(request);
        }
        found
    }

    /// A choke without the fast extension takes every request with it; they come out oldest first.
    pub(crate) fn lose_all(&mut self) -> VecDeque<BlockRequest> {
        let lost = std::mem::take(&mut self.outstanding);
        for request in &lost {
            self.lapse(*request);
        }
        lost
    }

    /// A block begins to arrive: whatever waited for it waits no more.
    pub(crate) fn arrived(&mut self, block: BlockRequest) -> Arrival {
        let same_place =
            |request: &BlockRequest| request.piece == block.piece && request.begin == block.begin;
        if let Some(at) = self.outstanding.iter().position(same_place) {
            return match self.outstanding.remove(at) {
                Some(request) if request.length == block.length => Arrival::Wanted,
                _ => Arrival::WrongLength,
            };
        }
        if take(&mut self.lapsed, block) { Arrival::Lapsed } else { Arrival::Unrequested }
    }

    /// A reject came. One taken back and asked for again is answered in that order.
    pub(crate) fn rejected(&mut self, request: BlockRequest) -> Rejection {
        if take(&mut self.lapsed, request) {
            Rejection::Lapsed
        } else if take(&mut self.outstanding, request) {
            Rejection::Outstanding
        } else {
            Rejection::Unrequested
        }
    }

    fn lapse(&mut self, request: BlockRequest) {
        if self.lapsed.len() >= LAPSED {
            self.lapsed.pop_front();
        }
        self.lapsed.push_back(request);
    }
}

fn take(requests: &mut VecDeque<BlockRequest>, request: BlockRequest) -> bool {
    let at = requests.iter().position(|other| *other == request);
    at.and_then(|at| requests.remove(at)).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use metainfo::PieceIndex;

    fn block(piece: u32) -> BlockRequest {
        BlockRequest { piece: PieceIndex(piece), begin: 0, length: 16384 }
    }

    #[test]
    fn a_block_is_wanted_once() {
        let mut requests = Requests::default();
        assert!(requests.add(block(1)) && requests.add(block(2)));
        assert_eq!(requests.arrived(block(2)), Arrival::Wanted);
        assert_eq!(requests.arrived(block(2)), Arrival::Unrequested);
        assert_eq!(requests.arrived(BlockRequest { length: 16383, ..block(1) }), Arrival::WrongLength);
        assert_eq!(requests.arrived(block(3)), Arrival::Unrequested);
    }

    #[test]
    fn what_was_taken_back_may_come_once() {
        let mut requests = Requests::default();
        requests.add(block(1));
        assert!(requests.cancel(block(1)) && !requests.cancel(block(1)));
        assert_eq!(requests.arrived(block(1)), Arrival::Lapsed);
        assert_eq!(requests.arrived(block(1)), Arrival::Unrequested);
        requests.add(block(2));
        requests.add(block(3));
        assert_eq!(requests.lose_all(), [block(2), block(3)]);
        assert_eq!(requests.len(), 0);
        assert_eq!(requests.arrived(block(3)), Arrival::Lapsed);
    }

    #[test]
    fn asked_again_after_a_cancel_the_answers_find_the_right_request() {
        let mut requests = Requests::default();
        requests.add(block(1));
        requests.cancel(block(1));
        requests.add(block(1));
        assert_eq!(requests.rejected(block(1)), Rejection::Lapsed, "the first reject answers the cancel");
        assert_eq!(requests.arrived(block(1)), Arrival::Wanted);
        assert_eq!(requests.rejected(block(1)), Rejection::Unrequested);
    }

    #[test]
    fn both_lists_are_bounded() {
        let mut requests = Requests::default();
        assert!((0..OUTSTANDING as u32).all(|n| requests.add(block(n))));
        assert!(!requests.add(block(u32::MAX)));
        requests.lose_all();
        requests.add(block(u32::MAX));
        requests.cancel(block(u32::MAX));
        assert_eq!(requests.lapsed.len(), LAPSED);
        assert_eq!(requests.arrived(block(0)), Arrival::Unrequested, "the oldest was forgotten");
    }
}
