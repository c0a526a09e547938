//! One lookup with its goal: what is asked on the way, and what the answers bring.

use crate::bloom::Filter;
use crate::contract::{Goal, ScrapeEstimate};
use crate::id::Id;
use crate::item::{Item, Verify};
use crate::krpc::{Query, Want};
use crate::limits::MAX_LOOKUP_PEERS;
use crate::lookup::Lookup;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Instant;

/// A lookup under way. Without a goal it is our own, for the table.
#[derive(Debug)]
pub(super) struct Search {
    pub(super) lookup: Lookup,
    pub(super) goal: Option<Goal>,
    /// Nodes of both families are of use.
    pub(super) want: Want,
    told: BTreeSet<SocketAddr>,
    seeds: Filter,
    peers: Filter,
    best_sequence: Option<i64>,
}

impl Search {
    pub(super) fn new(now: Instant, target: Id, goal: Option<Goal>, want: Want) -> Self {
        Self {
            lookup: Lookup::new(now, target),
            goal,
            want,
            told: BTreeSet::new(),
            seeds: Filter::default(),
            peers: Filter::default(),
            best_sequence: None,
        }
    }

    /// What the nodes on the way are asked.
    pub(super) fn query(&self) -> Query<'static> {
        let (target, want) = (self.lookup.target(), self.want);
        match &self.goal {
            None | Some(Goal::Nodes) => Query::FindNode { target, want },
            Some(Goal::Peers(_)) => Query::GetPeers { info_hash: target, want, noseed: false, scrape: false },
            Some(Goal::Scrape) => Query::GetPeers { info_hash: target, want, noseed: false, scrape: true },
            Some(Goal::Get { .. } | Goal::Put { .. }) => Query::Get { target, want, sequence: None },
            Some(Goal::Samples) => Query::SampleInfohashes { target, want },
        }
    }

    /// The peers among those named that were not told yet.
    pub(super) fn fresh_peers(&mut self, named: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
        let room = MAX_LOOKUP_PEERS.saturating_sub(self.told.len());
        named.filter(|peer| self.told.insert(*peer)).take(room).collect()
    }

    /// The item if it is what was looked for, and newer than what was found before.
    pub(super) fn accept_item(&mut self, item: &Item, verify: Verify) -> Option<Item> {
        let Some(Goal::Get { salt }) = &self.goal else { return None };
        let mut item = item.clone();
        if let Item::Mutable(mutable) = &mut item {
            // Answers leave the salt out: whoever asks knows it.
            mutable.salt.clone_from(salt);
        }
        let sequence = if let Item::Mutable(mutable) = &item { mutable.sequence } else { 0 };
        let fresh = self.best_sequence.is_none_or(|best| sequence > best);
        if !fresh || item.target() != self.lookup.target() || item.check(verify).is_err() {
            return None;
        }
        self.best_sequence = Some(sequence);
        Some(item)
    }

    /// Counts filters (BEP 33), or the peers of a node that has none.
    pub(super) fn count(
        &mut self,
        filters: Option<&(Filter, Filter)>,
        values: &[SocketAddr],
    ) -> ScrapeEstimate {
        if let Some((seeds, peers)) = filters {
            self.seeds.unite(seeds);
            self.peers.unite(peers);
        } else {
            for peer in values {
                self.peers.insert(peer.ip());
            }
        }
        ScrapeEstimate { seeds: self.seeds.estimate(), peers: self.peers.estimate() }
    }
}
