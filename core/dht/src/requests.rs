//! Questions under way: an answer counts only from the address asked, with the number it was asked under, in time.

use crate::id::Id;
use crate::limits::{MAX_PENDING, QUERY_TIMEOUT, SLOW_AFTER};
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Instant;

/// The number that ties an answer to its question: chosen by chance, so that it cannot be guessed.
pub(crate) type Transaction = [u8; 4];

/// All questions under way.
#[derive(Debug)]
pub(crate) struct Requests<P> {
    pending: BTreeMap<Transaction, Request<P>>,
    /// In the order of asking; those already answered are skipped.
    until_slow: VecDeque<(Instant, Transaction)>,
    until_lost: VecDeque<(Instant, Transaction)>,
    rng: fastrand::Rng,
}

/// One question.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<P> {
    pub(crate) to: SocketAddr,
    /// Whose answer counts; anybody's where the id is not known.
    pub(crate) id: Option<Id>,
    pub(crate) purpose: P,
}

impl<P: Copy> Requests<P> {
    pub(crate) const fn new(rng: fastrand::Rng) -> Self {
        Self { pending: BTreeMap::new(), until_slow: VecDeque::new(), until_lost: VecDeque::new(), rng }
    }

    /// Notes a question; `None` if too many are under way.
    pub(crate) fn begin(&mut self, now: Instant, request: Request<P>) -> Option<Transaction> {
        if self.pending.len() >= MAX_PENDING {
            return None;
        }
        let mut transaction = self.rng.u32(..).to_be_bytes();
        while self.pending.contains_key(&transaction) {
            transaction = self.rng.u32(..).to_be_bytes();
        }
        self.pending.insert(transaction, request);
        self.until_slow.push_back((now + SLOW_AFTER, transaction));
        self.until_lost.push_back((now + QUERY_TIMEOUT, transaction));
        Some(transaction)
    }

    /// Is there a question under way to this address?
    pub(crate) fn is_asked(&self, address: SocketAddr) -> bool {
        self.pending.values().any(|request| request.to == address)
    }

    /// The question that an answer from this address is to; each is answered once.
    pub(crate) fn take(&mut self, transaction: &[u8], from: SocketAddr) -> Option<Request<P>> {
        let transaction = Transaction::try_from(transaction).ok()?;
        self.pending.get(&transaction).filter(|request| request.to == from)?;
        self.pending.remove(&transaction)
    }

    /// The next question without an answer for [`SLOW_AFTER`], each once.
    pub(crate) fn next_slow(&mut self, now: Instant) -> Option<Request<P>> {
        while let Some((when, transaction)) = self.until_slow.front().copied() {
            let request = self.pending.get(&transaction).copied();
            if request.is_some() && when > now {
                return None;
            }
            self.until_slow.pop_front();
            if request.is_some() {
                return request;
            }
        }
        None
    }

    /// The next question that has no answer in time; it is under way no more.
    pub(crate) fn next_lost(&mut self, now: Instant) -> Option<Request<P>> {
        while let Some((when, transaction)) = self.until_lost.front().copied() {
            if self.pending.contains_key(&transaction) && when > now {
                return None;
            }
            self.until_lost.pop_front();
            let request = self.pending.remove(&transaction);
            if request.is_some() {
                return request;
            }
        }
        None
    }

    /// When one of the above may have something.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let slow = self.until_slow.front().map(|(when, _)| *when);
        let lost = self.until_lost.front().map(|(when, _)| *when);
        slow.into_iter().chain(lost).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::start;

    fn request(port: u16) -> Request<u8> {
        Request { to: SocketAddr::from(([1, 2, 3, 4], port)), id: None, purpose: 7 }
    }

    #[test]
    fn an_answer_counts_once_and_only_from_where_it_was_asked() {
        let now = start();
        let mut requests = Requests::new(fastrand::Rng::with_seed(1));
        let transaction = requests.begin(now, request(1)).unwrap();
        assert!(requests.take(&transaction, request(2).to).is_none(), "another port");
        assert!(requests.take(&[0; 4], request(1).to).is_none(), "another number");
        assert!(requests.take(b"", request(1).to).is_none());
        assert!(requests.take(&transaction, request(1).to).is_some());
        assert!(requests.take(&transaction, request(1).to).is_none(), "a second time");
    }

    #[test]
    fn silence_is_slow_first_and_then_lost() {
        let now = start();
        let mut requests = Requests::new(fastrand::Rng::with_seed(1));
        let answered = requests.begin(now, request(1)).unwrap();
        requests.begin(now, request(2)).unwrap();
        requests.take(&answered, request(1).to).unwrap();
        assert!(requests.next_slow(now).is_none());
        assert_eq!(requests.next_slow(now + SLOW_AFTER).map(|request| request.to.port()), Some(2));
        assert!(requests.next_slow(now + SLOW_AFTER).is_none());
        assert!(requests.next_lost(now + SLOW_AFTER).is_none());
        assert_eq!(requests.poll_timeout(), Some(now + QUERY_TIMEOUT));
        assert_eq!(requests.next_lost(now + QUERY_TIMEOUT).map(|request| request.to.port()), Some(2));
        assert!(requests.next_lost(now + QUERY_TIMEOUT).is_none() && requests.poll_timeout().is_none());
    }

    #[test]
    fn they_are_bounded() {
        let now = start();
        let mut requests = Requests::new(fastrand::Rng::with_seed(1));
        let begun = (0..1000).filter(|port| requests.begin(now, request(*port)).is_some()).count();
        assert_eq!(begun, MAX_PENDING);
    }
}
