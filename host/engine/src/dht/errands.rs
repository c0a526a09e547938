//! What is asked of the nodes once: lookups that are not repeated, and pings.

use crate::limits::MAX_DHT_ERRANDS;
use dht::{Goal, Id, Item, LookupKey, Outcome, Output, Pong, Stored};
use std::net::SocketAddr;
use tokio::sync::{mpsc, oneshot};

/// What a lookup brings. The channel closes after the last.
#[derive(Debug)]
pub(super) enum Finding {
    /// Peers not told before.
    Peers(Vec<SocketAddr>),
    /// An item, newer than one told before.
    Item(Item),
    /// The nodes of one family were all asked.
    Ended(Outcome),
    /// What became of the item at one node.
    Stored(Stored),
}

/// A lookup that is made once, by the nodes of both families.
#[derive(Debug)]
pub(super) struct Errand {
    pub(super) target: Id,
    pub(super) goal: Goal,
    findings: mpsc::Sender<Finding>,
    /// Of the IPv4 and the IPv6 node.
    pub(super) lookups: [Option<LookupKey>; 2],
    /// Lookups that go on, and nodes that did not say yet what became of the item.
    open: usize,
}

impl Errand {
    pub(super) const fn new(target: Id, goal: Goal, findings: mpsc::Sender<Finding>) -> Self {
        Self { target, goal, findings, lookups: [None; 2], open: 0 }
    }

    fn hear(&mut self, output: Output) {
        let finding = match output {
            Output::Peers(_, peers) => Finding::Peers(peers),
            Output::Item(_, item) => Finding::Item(item),
            Output::Finished(_, outcome) => {
                self.open = self.open.saturating_sub(1) + outcome.stored_at;
                Finding::Ended(outcome)
            }
            Output::Stored(_, stored) => {
                self.open = self.open.saturating_sub(1);
                Finding::Stored(stored)
            }
            _ => return,
        };
        // The queue takes what one errand can bring: this fails only when nobody listens any more.
        let _ = self.findings.try_send(finding);
    }
}

/// Everything under way.
#[derive(Debug, Default)]
pub(super) struct Errands {
    lookups: Vec<Errand>,
    pings: Vec<(SocketAddr, oneshot::Sender<Pong>)>,
}

impl Errands {
    /// Is there room for another? Whoever finds none sees the channel close at once.
    pub(super) fn has_room(&self) -> bool {
        self.lookups.len() + self.pings.len() < MAX_DHT_ERRANDS
    }

    /// Notes a lookup that has begun.
    pub(super) fn begin(&mut self, mut errand: Errand, lookups: [Option<LookupKey>; 2]) {
        errand.open = lookups.iter().flatten().count();
        errand.lookups = lookups;
        self.lookups.push(errand);
    }

    /// Notes a ping that was sent.
    pub(super) fn await_pong(&mut self, from: SocketAddr, reply: oneshot::Sender<Pong>) {
        self.pings.push((from, reply));
    }

    /// A lookup told something.
    pub(super) fn hear(&mut self, side: usize, key: LookupKey, output: Output) {
        if let Some(errand) = self.lookups.iter_mut().find(|it| it.lookups.get(side) == Some(&Some(key))) {
            errand.hear(output);
        }
        self.lookups.retain(|errand| errand.open > 0);
    }

    /// A node answered.
    pub(super) fn pong(&mut self, pong: &Pong) {
        for (_, reply) in self.pings.extract_if(.., |(from, _)| *from == pong.contact.address) {
            // Who asked may have stopped waiting.
            let _ = reply.send(pong.clone());
        }
    }

    /// Forgets what nobody waits for any more; gives the lookups among it.
    pub(super) fn take_dropped(&mut self) -> Vec<Errand> {
        self.pings.retain(|(_, reply)| !reply.is_closed());
        self.lookups.extract_if(.., |errand| errand.findings.is_closed()).collect()
    }
}
