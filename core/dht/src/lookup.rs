//! One iterative lookup: whom to ask next on the way to a place, whom to believe, and when it is over.
//!
//! Nodes may lie. So every lookup ends, after [`MAX_LOOKUP_QUERIES`] packets and [`LOOKUP_TIME`] at the latest; no
//! address gets more than two packets; one network holds one place among the candidates; a node named by somebody is
//! believed only when it answers with the id it was named by; and whoever named several that do not exist, or are not
//! who they should be, is believed no more. A node that several named and that is silent has just died: nobody is
//! blamed for it.

use crate::address::Subnet;
use crate::bep42::id_fits;
use crate::contract::Contact;
use crate::id::{Distance, Id};
use crate::limits::{
    ALPHA, K, LOOKUP_TIME, MAX_CANDIDATES, MAX_FALSE_NAMES, MAX_IN_FLIGHT_PER_INFORMANT, MAX_LOOKUP_QUERIES,
    MAX_NODES_IN_ANSWER, MAX_QUERIES_PER_ADDRESS,
};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

/// Nodes on the way to a place.
#[derive(Debug)]
pub(crate) struct Lookup {
    target: Id,
    /// The nearest first; those whose id is not known yet before all others.
    candidates: Vec<Candidate>,
    /// How many untrue names each node gave.
    false_names: BTreeMap<IpAddr, u8>,
    packets_to: BTreeMap<IpAddr, u8>,
    queries: usize,
    give_up_at: Instant,
}

#[derive(Debug)]
struct Candidate {
    /// `None` for a bootstrap contact that did not answer yet.
    id: Option<Id>,
    distance: Distance,
    address: SocketAddr,
    subnet: Subnet,
    /// The id is one that the address may have.
    fits: bool,
    state: State,
    token: Option<Vec<u8>>,
    /// Who named it, the first few; nobody for what we knew ourselves.
    informants: Vec<IpAddr>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    New,
    Asked,
    /// Asked, and silent for so long that others are asked in its place. It may still answer.
    Slow,
    Answered,
    Failed,
}

/// Informants kept of one candidate: enough to tell a dead node from an invented one.
const MAX_INFORMANTS: usize = 4;

impl Lookup {
    pub(crate) fn new(now: Instant, target: Id) -> Self {
        Self {
            target,
            candidates: Vec::new(),
            false_names: BTreeMap::new(),
            packets_to: BTreeMap::new(),
            queries: 0,
            give_up_at: now + LOOKUP_TIME,
        }
    }

    pub(crate) const fn target(&self) -> Id {
        self.target
    }

    pub(crate) const fn queries(&self) -> usize {
        self.queries
    }

    pub(crate) const fn give_up_at(&self) -> Instant {
        self.give_up_at
    }

    pub(crate) fn answered_count(&self) -> usize {
        self.candidates.iter().filter(|candidate| candidate.state == State::Answered).count()
    }

    /// Adds a node to begin with. Its id may be unknown.
    pub(crate) fn add_start(&mut self, id: Option<Id>, address: SocketAddr) {
        self.add(id, address, None);
    }

    fn add(&mut self, id: Option<Id>, address: SocketAddr, informant: Option<IpAddr>) {
        let subnet = Subnet::of(address.ip());
        let rival = |other: &Candidate| other.subnet == subnet && other.state != State::Failed;
        if let Some(known) = self.candidates.iter_mut().find(|other| other.address == address) {
            let new_voice = informant.filter(|informant| !known.informants.contains(informant));
            if known.id == id && !known.informants.is_empty() && known.informants.len() < MAX_INFORMANTS {
                known.informants.extend(new_voice);
            }
            return;
        }
        // Bootstrap contacts are asked even if they are neighbours.
        if informant.is_some() && self.candidates.iter().any(rival) {
            return;
        }
        let distance = id.map_or(Distance::ZERO, |id| id.distance(self.target));
        self.candidates.push(Candidate {
            id,
            distance,
            address,
            subnet,
            fits: id.is_some_and(|id| id_fits(id, address.ip())),
            state: State::New,
            token: None,
            informants: informant.into_iter().collect(),
        });
        self.sort();
    }

    fn sort(&mut self) {
        self.candidates.sort_by_key(|candidate| candidate.distance);
        if self.candidates.len() > MAX_CANDIDATES {
            let is_idle = |candidate: &Candidate| matches!(candidate.state, State::New | State::Failed);
            if let Some(farthest) = self.candidates.iter().rposition(is_idle) {
                self.candidates.remove(farthest);
            }
        }
    }

    /// The next node to ask, which counts as asked; `None` while enough are under way or when none is left.
    pub(crate) fn next(&mut self, now: Instant) -> Option<SocketAddr> {
        let in_flight = self.candidates.iter().filter(|candidate| candidate.state == State::Asked).count();
        if now >= self.give_up_at || self.queries >= MAX_LOOKUP_QUERIES || in_flight >= ALPHA {
            return None;
        }
        let index = self.choose()?;
        let candidate = self.candidates.get_mut(index)?;
        candidate.state = State::Asked;
        *self.packets_to.entry(candidate.address.ip()).or_default() += 1;
        self.queries += 1;
        Some(candidate.address)
    }

    /// Of the nodes that may still be among the [`K`] nearest: the nearest not asked yet, or one that was slow.
    fn choose(&self) -> Option<usize> {
        let mut again = None;
        for (index, candidate) in self.frontier() {
            let may_be_asked = self.packets_to.get(&candidate.address.ip()).copied().unwrap_or(0)
                < MAX_QUERIES_PER_ADDRESS
                && !self.informant_is_busy(candidate);
            match candidate.state {
                State::New if may_be_asked => return Some(index),
                State::Slow if may_be_asked && again.is_none() => again = Some(index),
                _ => {}
            }
        }
        again
    }

    /// The candidates down to the [`K`] nearest that count. Slow ones, and ids that do not fit their address, are
    /// asked but take nobody's place (BEP 42).
    fn frontier(&self) -> impl Iterator<Item = (usize, &Candidate)> {
        let mut counted = 0;
        self.candidates
            .iter()
            .enumerate()
            .filter(|(_, candidate)| candidate.state != State::Failed && self.is_believed(candidate))
            .take_while(move |(_, candidate)| {
                let within = counted < K;
                counted += usize::from(candidate.fits && candidate.state != State::Slow);
                within
            })
    }

    fn informant_is_busy(&self, candidate: &Candidate) -> bool {
        let Some(informant) = candidate.informants.first() else { return false };
        let busy =
            |other: &&Candidate| other.state == State::Asked && other.informants.first() == Some(informant);
        self.candidates.iter().filter(busy).count() >= MAX_IN_FLIGHT_PER_INFORMANT
    }

    /// Was it named by somebody who may be believed, or known to ourselves, or has it answered?
    fn is_believed(&self, candidate: &Candidate) -> bool {
        candidate.state == State::Answered
            || candidate.informants.is_empty()
            || candidate.informants.iter().any(|informant| !self.is_liar(*informant))
    }

    fn is_liar(&self, node: IpAddr) -> bool {
        self.false_names.get(&node).is_some_and(|names| *names >= MAX_FALSE_NAMES)
    }

    /// A node that was asked answered. False: it is not who it should be, and nothing it says counts.
    pub(crate) fn answered(&mut self, from: Contact, token: Option<&[u8]>, nodes: &[Contact]) -> bool {
        let asked = |other: &Candidate| {
            other.address == from.address && matches!(other.state, State::Asked | State::Slow)
        };
        let Some(candidate) = self.candidates.iter_mut().find(|other| asked(other)) else { return false };
        if candidate.id.is_some_and(|id| id != from.id) {
            self.failed(from.address);
            return false;
        }
        candidate.state = State::Answered;
        candidate.token = token.map(<[u8]>::to_vec);
        if candidate.id.is_none() {
            candidate.id = Some(from.id);
            candidate.fits = id_fits(from.id, from.address.ip());
            candidate.distance = from.id.distance(self.target);
        }
        for node in nodes.iter().take(MAX_NODES_IN_ANSWER) {
            self.add(Some(node.id), node.address, Some(from.address.ip()));
        }
        self.sort();
        true
    }

    /// A node is silent longer than most.
    pub(crate) fn slow(&mut self, address: SocketAddr) {
        for candidate in &mut self.candidates {
            if candidate.address == address && candidate.state == State::Asked {
                candidate.state = State::Slow;
            }
        }
    }

    /// A node gave no answer, or a wrong one.
    pub(crate) fn failed(&mut self, address: SocketAddr) {
        let under_way =
            |other: &Candidate| other.address == address && matches!(other.state, State::Asked | State::Slow);
        let Some(candidate) = self.candidates.iter_mut().find(|other| under_way(other)) else { return };
        candidate.state = State::Failed;
        if let [informant] = candidate.informants[..] {
            let names = self.false_names.entry(informant).or_default();
            *names = names.saturating_add(1);
        }
    }

    /// Nothing is left to ask, and nothing worth waiting for is under way.
    pub(crate) fn is_done(&self, now: Instant) -> bool {
        if now >= self.give_up_at {
            return true;
        }
        let asked = self.candidates.iter().any(|candidate| candidate.state == State::Asked);
        let slow = self.frontier().any(|(_, candidate)| candidate.state == State::Slow);
        let may_ask = self.queries < MAX_LOOKUP_QUERIES && self.choose().is_some();
        !asked && !slow && !may_ask
    }

    /// The nearest nodes that gave a token and may be believed, those with a fitting id first: where to store.
    pub(crate) fn stores(&self) -> Vec<(SocketAddr, Vec<u8>)> {
        let believed = |candidate: &&Candidate| {
            candidate.state == State::Answered && !self.is_liar(candidate.address.ip())
        };
        let mut nearest: Vec<&Candidate> =
            self.candidates.iter().filter(believed).filter(|candidate| candidate.token.is_some()).collect();
        nearest.sort_by_key(|candidate| (!candidate.fits, candidate.distance));
        let store = |candidate: &Candidate| Some((candidate.address, candidate.token.clone()?));
        nearest.into_iter().filter_map(store).take(K).collect()
    }
}

#[cfg(test)]
mod tests;
