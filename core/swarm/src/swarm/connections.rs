//! Who comes in, who is met, who is closed.

use super::Swarm;
use crate::admission::{Held, Standing, Verdict, least, worst};
use crate::contract::{CandidateSource, ConnectFailure, Direction, Event, Output, PeerKey, Refusal};
use crate::limits;
use crate::local_first::is_local;
use crate::peer::Peer;
use crate::peer_list::canonical;
use metainfo::PeerId;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;
use wire::{Close, Order};

impl Swarm {
    /// A connection came about: outgoing, as [`Output::Connect`] asked, or incoming. The key names it from now
    /// on; its facts follow, [`wire::Fact::Closed`] last. After a refusal the caller closes the socket.
    pub fn handle_connected(
        &mut self,
        now: Instant,
        address: SocketAddr,
        direction: Direction,
    ) -> Result<PeerKey, Refusal> {
        let address = canonical(address);
        match self.admit(now, address, direction) {
            Ok(()) => {}
            Err(refusal) => {
                self.stats.peers_refused += 1;
                if direction == Direction::Outgoing {
                    let stopped = refusal == Refusal::Stopped;
                    let reason = if stopped { Close::Stopped } else { Close::Replaced };
                    self.peer_list.disconnected(now, address, reason, false);
                }
                return Err(refusal);
            }
        }
        let key = PeerKey(self.next_peer);
        self.next_peer += 1;
        self.stats.peers_connected += 1;
        if direction == Direction::Outgoing {
            self.peer_list.connected(now, CandidateSource::Incoming, address);
        }
        if self.peers.is_empty() {
            self.tick_at = now + limits::TICK;
        }
        let pieces = self.config.geometry.piece_count();
        let mut peer = Peer::new(key, address, direction, pieces, now);
        peer.is_local = is_local(address.ip(), self.peer_list.source(address));
        self.peers.insert(key, peer);
        Ok(key)
    }

    fn admit(&mut self, now: Instant, address: SocketAddr, direction: Direction) -> Result<(), Refusal> {
        if self.is_silent() || !self.config.use_peers {
            return Err(Refusal::Stopped);
        }
        if self.bans.contains(address.ip()) {
            return Err(Refusal::Banned);
        }
        let named =
            direction == Direction::Outgoing && self.peer_list.source(address) == Some(CandidateSource::User);
        let held: Vec<Held> = self.peers.values().map(|peer| peer.held(now)).collect();
        match self.admission.judge(address.ip(), named, &held) {
            Verdict::Admit => Ok(()),
            Verdict::Refuse(refusal) => Err(refusal),
            Verdict::Replace(key) => {
                self.stats.peers_evicted += 1;
                self.close(now, key, Close::Replaced);
                Ok(())
            }
        }
    }

    /// A connection asked for by [`Output::Connect`] did not come about.
    pub fn handle_connect_failed(&mut self, now: Instant, address: SocketAddr, failure: ConnectFailure) {
        self.ask_for_rendezvous(canonical(address), failure);
        self.peer_list.failed(now, address, failure);
        self.connect(now);
    }

    /// Whether a further connection may be begun.
    pub(super) fn may_connect(&self) -> bool {
        !self.is_silent()
            && self.config.use_peers
            && self.peer_list.connecting() < self.config.max_half_open
            && self.peers.len() + self.peer_list.connecting() < self.config.max_peers
    }

    /// Begins connections while there is room.
    pub(super) fn connect(&mut self, now: Instant) {
        while self.may_connect()
            && let Some(address) = self.peer_list.next(now)
        {
            self.outputs.push_back(Output::Connect(address));
        }
    }

    /// Closes a connection of ours and forgets it; facts still to come of it are ignored.
    pub(super) fn close(&mut self, now: Instant, key: PeerKey, reason: Close) {
        if self.peers.contains_key(&key) {
            self.order(key, Order::Close(reason));
            self.forget(now, key, reason);
        }
    }

    /// A connection is over: everything it held is free again.
    pub(super) fn forget(&mut self, now: Instant, key: PeerKey, reason: Close) {
        let Some(peer) = self.peers.remove(&key) else { return };
        if let Some(super_seeding) = &mut self.super_seeding {
            super_seeding.forget(key);
        }
        for request in &peer.outstanding {
            self.picker.release(peer.source(), *request);
        }
        self.picker.forget_source(peer.source());
        if !peer.uncounted {
            for piece in peer.have.iter() {
                self.picker.piece_disappears(piece);
            }
        }
        if let Some(address) = peer.listens_at {
            self.peer_list.disconnected(now, address, reason, peer.has_traded());
        }
        if peer.bytes_down > 0 {
            self.departed.push_back((key, peer.address.ip()));
            if self.departed.len() > limits::DEPARTED {
                self.departed.pop_front();
            }
        }
        if self.is_silent() {
            return;
        }
        if !peer.am_choking {
            self.fill_slots(now);
        }
        if self.peers.is_empty() {
            self.web_seeds.wake();
        }
        if self.peers.is_empty() || !peer.outstanding.is_empty() {
            self.refill_all(now);
            self.schedule_web_seeds(now);
        }
    }

    /// Closes the connection that is worth least, so that others have its place; `None` if there is none.
    pub fn close_worst(&mut self, now: Instant) -> Option<PeerKey> {
        let held: Vec<Held> = self.peers.values().map(|peer| peer.held(now)).collect();
        let worst = least(held.iter())?.key;
        self.stats.peers_evicted += 1;
        self.close(now, worst, Close::Replaced);
        Some(worst)
    }

    /// Bans the host of a connection, present or gone, and closes what it has open.
    pub(super) fn ban(&mut self, now: Instant, key: PeerKey) {
        let present = self.peers.get(&key).map(|peer| peer.address.ip());
        let gone = || self.departed.iter().find(|(it, _)| *it == key).map(|(_, host)| *host);
        let Some(host) = present.or_else(gone) else { return };
        if self.bans.add(host) {
            self.stats.peers_banned += 1;
            self.outputs.push_back(Output::Event(Event::Banned(host)));
        }
        self.close_banned(now);
        self.peer_list.forget_host(host);
    }

    fn close_banned(&mut self, now: Instant) {
        let banned = |host: IpAddr| self.bans.contains(host);
        let keys: Vec<_> =
            self.peers.values().filter(|peer| banned(peer.address.ip())).map(|peer| peer.key).collect();
        for key in keys {
            self.close(now, key, Close::Banned);
        }
    }

    /// Judges a peer by the id it told: ourselves, somebody connected already, or welcome. False if it is not.
    pub(super) fn welcome(&mut self, now: Instant, key: PeerKey, id: PeerId) -> bool {
        if id == self.config.peer_id {
            // The end that dialled learns the same from the answer, and which address is our own. The other end
            // waits for that and says nothing.
            if self.peers.get(&key).is_some_and(|peer| peer.direction == Direction::Outgoing) {
                self.close(now, key, Close::Myself);
            }
            return false;
        }
        let twin =
            self.peers.values().find(|other| other.key != key && other.id == Some(id)).map(|it| it.key);
        let Some(twin) = twin else { return true };
        let loser = self.worse_twin(key, twin, id);
        self.close(now, loser, Close::Duplicate);
        loser != key
    }

    /// Of two connections to one peer, the one to close. Of two that the same end opened, the newer; otherwise
    /// the one opened by the end with the smaller id. Both ends see the same, so they close the same one.
    fn worse_twin(&self, newer: PeerKey, older: PeerKey, id: PeerId) -> PeerKey {
        let direction = |key| self.peers.get(&key).map(|peer| peer.direction);
        if direction(newer) == direction(older) {
            return newer;
        }
        let keep = if self.config.peer_id > id { Direction::Outgoing } else { Direction::Incoming };
        if direction(newer) == Some(keep) { older } else { newer }
    }

    /// Closes the connection if neither side can ever want anything of the other.
    pub(super) fn close_if_useless(&mut self, now: Instant, key: PeerKey) {
        let Some(peer) = self.peers.get(&key) else { return };
        if self.missing == 0 && peer.is_seed() {
            self.close(now, key, Close::NothingToTrade);
        }
    }

    /// The peer told where it listens.
    pub(super) fn on_listen_port(&mut self, now: Instant, key: PeerKey, port: u16) {
        let Some(peer) = self.peers.get_mut(&key) else { return };
        if peer.listens_at.is_none() {
            let address = SocketAddr::new(peer.address.ip(), port);
            peer.listens_at = Some(address);
            self.peer_list.connected(now, CandidateSource::Incoming, address);
        }
    }

    /// Closes what has been of no use for long, and, when the table is full, the worst few for untried ones.
    /// Who has what we want may take its time to serve us while there is room.
    pub(super) fn prune(&mut self, now: Instant) {
        let late = |peer: &&Peer| {
            !peer.is_handshaken()
                && now.saturating_duration_since(peer.connected_at) >= limits::HANDSHAKE_WITHIN
        };
        let keys: Vec<_> = self.peers.values().filter(late).map(|peer| peer.key).collect();
        for key in keys {
            self.close(now, key, Close::TimedOut);
        }
        let crowded = self.peers.len() * 2 >= self.config.max_peers;
        let useless = |peer: &Peer| {
            let patience = match (peer.am_interested, peer.is_interested) {
                (true, _) if !crowded => return false,
                (false, false) => limits::USELESS_AFTER,
                _ => limits::SILENT_AFTER,
            };
            peer.idle_for(now) >= patience
        };
        let keys: Vec<_> = self.peers.values().filter(|peer| useless(peer)).map(|peer| peer.key).collect();
        for key in keys {
            self.close(now, key, Close::NothingToTrade);
        }
        if now < self.turnover_at {
            return;
        }
        self.turnover_at = now + limits::TURNOVER_EVERY;
        if self.peers.len() >= self.config.max_peers && self.peer_list.has_untried() {
            for _ in 0..(self.peers.len() * limits::TURNOVER_PERCENT).div_ceil(100) {
                let held: Vec<Held> = self.peers.values().map(|peer| peer.held(now)).collect();
                let Some(worst) = worst(held.iter()).filter(|it| it.standing < Standing::Trading) else {
                    break;
                };
                self.stats.peers_evicted += 1;
                self.close(now, worst.key, Close::Replaced);
            }
        }
    }
}
