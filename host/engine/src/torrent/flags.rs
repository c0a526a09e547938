//! The state of a connection in letters, as Transmission's remotes and scripts know them.

use super::control::PeerReport;
use swarm::{CandidateSource, Direction};

impl PeerReport {
    /// The state of the connection in letters:
    ///
    /// | | |
    /// | --- | --- |
    /// | `T` | it runs over uTP |
    /// | `O` | it has our optimistic slot |
    /// | `D`, `d` | we take from it; we would, but it chokes us |
    /// | `U`, `u` | it takes from us; it would, but we choke it |
    /// | `K` | it unchokes us, and we want nothing of it |
    /// | `?` | we unchoke it, and it wants nothing of us |
    /// | `E` | it is encrypted |
    /// | `H`, `X` | the address is from the DHT; from another peer |
    /// | `I` | the peer opened it |
    pub fn flags(&self) -> String {
        let peer = &self.peer;
        [
            (self.link.is_utp, 'T'),
            (peer.is_optimistic && !peer.am_choking, 'O'),
            (peer.am_interested && !peer.peer_choking, 'D'),
            (peer.am_interested && peer.peer_choking, 'd'),
            (peer.peer_interested && !peer.am_choking, 'U'),
            (peer.peer_interested && peer.am_choking, 'u'),
            (!peer.peer_choking && !peer.am_interested, 'K'),
            (!peer.am_choking && !peer.peer_interested, '?'),
            (self.link.is_encrypted, 'E'),
            (peer.source == Some(CandidateSource::Dht), 'H'),
            (peer.source == Some(CandidateSource::Pex), 'X'),
            (peer.direction == Direction::Incoming, 'I'),
        ]
        .into_iter()
        .filter_map(|(holds, letter)| holds.then_some(letter))
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::Link;
    use swarm::{PeerKey, PeerSnapshot};

    #[test]
    fn letters_say_what_is_so() {
        let idle = PeerSnapshot {
            key: PeerKey(0),
            address: ([192, 0, 2, 1], 6881).into(),
            direction: Direction::Outgoing,
            peer_id: None,
            client: None,
            pieces: 0,
            bytes_down: 0,
            bytes_up: 0,
            down_rate: 0,
            up_rate: 0,
            outstanding: 0,
            am_choking: true,
            is_optimistic: false,
            am_interested: false,
            peer_choking: true,
            peer_interested: false,
            snubbed: false,
            source: None,
        };
        let plain = Link { is_encrypted: false, is_utp: false };
        let flags = |peer: &PeerSnapshot, link| PeerReport { peer: peer.clone(), link }.flags();
        assert_eq!(flags(&idle, plain), "");
        let waiting = PeerSnapshot { am_interested: true, peer_interested: true, ..idle.clone() };
        assert_eq!(flags(&waiting, plain), "du");
        let trading = PeerSnapshot {
            am_choking: false,
            peer_choking: false,
            is_optimistic: true,
            source: Some(CandidateSource::Dht),
            direction: Direction::Incoming,
            ..waiting
        };
        assert_eq!(flags(&trading, Link { is_encrypted: true, is_utp: true }), "TODUEHI");
        let generous = PeerSnapshot { am_interested: false, peer_interested: false, ..trading };
        assert_eq!(flags(&generous, plain), "OK?HI");
    }
}
