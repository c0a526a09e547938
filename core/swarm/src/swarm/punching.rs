//! Connections between peers whose routers let nobody in, brought about by a peer that both are connected to (BEP 55).

use super::Swarm;
use crate::contract::{CandidateSource, ConnectFailure, Output, PeerKey};
use crate::limits;
use std::net::SocketAddr;
use std::time::Instant;
use wire::{Holepunch, HolepunchError, Order};

impl Swarm {
    /// A peer speaks of a connection with somebody else. Each has only so many wishes: what it asks for costs others.
    pub(super) fn on_holepunch(&mut self, now: Instant, key: PeerKey, message: Holepunch) {
        let Some(peer) = self.peers.get_mut(&key) else { return };
        if !self.config.exchange_peers || peer.punches >= limits::PUNCHES_FOR_ONE_PEER {
            return;
        }
        peer.punches += 1;
        match message {
            Holepunch::Rendezvous(target) => self.bring_together(key, target),
            Holepunch::Connect(address) => self.punch(now, address),
            Holepunch::Failed(..) => {}
        }
    }

    /// Tells the asker and its target to connect to each other, now, at the addresses that we see them at.
    fn bring_together(&mut self, asker: PeerKey, target: SocketAddr) {
        let is_meant = |address: Option<SocketAddr>| address == Some(target);
        let found = self.peers.values().find(|it| is_meant(Some(it.address)) || is_meant(it.listens_at));
        let error = match found {
            Some(peer) if peer.key == asker => HolepunchError::NoSelf,
            Some(peer) if !peer.punches_holes => HolepunchError::NoSupport,
            Some(peer) => {
                let (other, there) = (peer.key, peer.address);
                let Some(here) = self.peers.get(&asker).map(|asker| asker.address) else { return };
                self.order(other, Order::Holepunch(Holepunch::Connect(here)));
                self.order(asker, Order::Holepunch(Holepunch::Connect(there)));
                return;
            }
            None => HolepunchError::NotConnected,
        };
        self.order(asker, Order::Holepunch(Holepunch::Failed(target, error)));
    }

    /// Connects to a peer that connects to us at the same moment.
    fn punch(&mut self, now: Instant, address: SocketAddr) {
        let is_connected = self.peers.values().any(|peer| peer.address == address);
        if is_connected || !self.may_connect() || self.bans.contains(address.ip()) {
            return;
        }
        self.peer_list.add(now, CandidateSource::Pex, address);
        if self.peer_list.begin(address) {
            self.outputs.push_back(Output::Punch(address));
        }
    }

    /// Who cannot be connected to may be met through the peer that told of it.
    pub(super) fn ask_for_rendezvous(&mut self, address: SocketAddr, failure: ConnectFailure) {
        if failure == ConnectFailure::Local || !self.config.exchange_peers {
            return;
        }
        let knows = |peer: &&crate::peer::Peer| peer.punches_holes && peer.told_of.contains(&address);
        let Some(relay) = self.peers.values().find(knows).map(|peer| peer.key) else { return };
        if self.peer_list.may_ask_for(address) {
            self.order(relay, Order::Holepunch(Holepunch::Rendezvous(address)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::{Script, World, config};
    use metainfo::{BLOCK_LENGTH, Geometry};
    use wire::{ExtendedHandshake, Fact};

    /// A swarm with two peers, the second of which helps others.
    fn world() -> (World, [PeerKey; 2], [SocketAddr; 2]) {
        let geometry = Geometry::new(BLOCK_LENGTH, [u64::from(4 * BLOCK_LENGTH)]).expect("sizes that fit");
        let mut world = World::new(config(geometry), 1);
        let keys = [1, 2].map(|n| world.join(n, Script { generous: false, ..Script::seed(4) }).unwrap());
        let helps = ExtendedHandshake { punches_holes: true, ..ExtendedHandshake::default() };
        world.tell(keys[1], Fact::Extended(helps));
        let now = world.now;
        let address =
            |key| world.swarm.peers(now).find(|peer| peer.key == key).expect("it is connected").address;
        let addresses = keys.map(address);
        (world, keys, addresses)
    }

    fn heard(world: &World, key: PeerKey, message: Holepunch) -> bool {
        world.peer(key).count(|order| *order == Order::Holepunch(message)) == 1
    }

    #[test]
    fn two_are_told_of_each_other_at_once() {
        let (mut world, [one, other], [here, there]) = world();
        world.tell(one, Fact::Holepunch(Holepunch::Rendezvous(there)));
        assert!(heard(&world, one, Holepunch::Connect(there)));
        assert!(heard(&world, other, Holepunch::Connect(here)));
    }

    #[test]
    fn what_cannot_be_is_told_so() {
        let (mut world, [one, other], [here, there]) = world();
        let stranger = SocketAddr::from(([80, 9, 9, 9], 6881));
        for (asker, target, error) in [
            (one, stranger, HolepunchError::NotConnected),
            (other, here, HolepunchError::NoSupport),
            (other, there, HolepunchError::NoSelf),
        ] {
            world.tell(asker, Fact::Holepunch(Holepunch::Rendezvous(target)));
            assert!(heard(&world, asker, Holepunch::Failed(target, error)));
        }
    }

    #[test]
    fn one_peer_has_only_so_many_wishes() {
        let (mut world, [one, other], [_, there]) = world();
        for _ in 0..2 * limits::PUNCHES_FOR_ONE_PEER {
            world.tell(one, Fact::Holepunch(Holepunch::Rendezvous(there)));
        }
        let told = world.peer(other).count(|order| matches!(order, Order::Holepunch(_)));
        assert_eq!(told, limits::PUNCHES_FOR_ONE_PEER);
    }

    #[test]
    fn whoever_is_told_to_connect_does_so_once() {
        let (mut world, [one, _], _) = world();
        let address = SocketAddr::from(([80, 9, 9, 9], 6881));
        for _ in 0..3 {
            world.tell(one, Fact::Holepunch(Holepunch::Connect(address)));
        }
        assert_eq!(world.connects, [address]);
    }
}
