//! The peers that announced themselves to us, kept for whoever asks (BEP 5, 33, 51).

use crate::bloom::Filter;
use crate::id::Id;
use crate::limits::{
    MAX_HASHES_PER_ADDRESS, MAX_STORED_HASHES, MAX_STORED_PEERS, PEER_LIFE, SAMPLE_INTERVAL, SAMPLES_SENT,
};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

/// Peers by torrent; of each torrent one entry an address, whatever ports it names.
#[derive(Debug)]
pub(crate) struct PeerStore {
    torrents: BTreeMap<Id, BTreeMap<IpAddr, Entry>>,
    /// Torrents that each address is in.
    shares: BTreeMap<IpAddr, usize>,
    sample: Vec<Id>,
    sample_until: Option<Instant>,
    rng: fastrand::Rng,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    port: u16,
    seed: bool,
    until: Instant,
}

impl PeerStore {
    pub(crate) const fn new(rng: fastrand::Rng) -> Self {
        Self {
            torrents: BTreeMap::new(),
            shares: BTreeMap::new(),
            sample: Vec::new(),
            sample_until: None,
            rng,
        }
    }

    /// Keeps a peer for [`PEER_LIFE`]. False: there is no room for it.
    pub(crate) fn announce(&mut self, now: Instant, info_hash: Id, peer: SocketAddr, seed: bool) -> bool {
        let entry = Entry { port: peer.port(), seed, until: now + PEER_LIFE };
        let known = self.torrents.get(&info_hash).is_some_and(|peers| peers.contains_key(&peer.ip()));
        if !known {
            if self.shares.get(&peer.ip()).is_some_and(|share| *share >= MAX_HASHES_PER_ADDRESS)
                || self.torrents.get(&info_hash).is_some_and(|peers| peers.len() >= MAX_STORED_PEERS)
            {
                return false;
            }
            if !self.torrents.contains_key(&info_hash) && self.torrents.len() >= MAX_STORED_HASHES {
                self.forget_the_least();
            }
            *self.shares.entry(peer.ip()).or_default() += 1;
        }
        self.torrents.entry(info_hash).or_default().insert(peer.ip(), entry);
        true
    }

    /// Makes room: of the torrents with the fewest peers, the one that ends first.
    fn forget_the_least(&mut self) {
        let ends = |peers: &BTreeMap<IpAddr, Entry>| peers.values().map(|entry| entry.until).max();
        let least =
            self.torrents.iter().min_by_key(|(_, peers)| (peers.len(), ends(peers))).map(|(id, _)| *id);
        for address in
            least.and_then(|id| self.torrents.remove(&id)).into_iter().flat_map(BTreeMap::into_keys)
        {
            leave(&mut self.shares, address);
        }
    }

    /// Forgets what was not announced again.
    pub(crate) fn expire(&mut self, now: Instant) {
        let shares = &mut self.shares;
        self.torrents.retain(|_, peers| {
            peers.retain(|address, entry| {
                if entry.until <= now {
                    leave(shares, *address);
                }
                entry.until > now
            });
            !peers.is_empty()
        });
    }

    /// Some peers of a torrent, in an order of chance, at most `most`. `noseed`: those that want something come first.
    pub(crate) fn peers(&mut self, info_hash: Id, most: usize, noseed: bool) -> Vec<SocketAddr> {
        let Some(peers) = self.torrents.get(&info_hash) else { return Vec::new() };
        let mut chosen: Vec<(bool, SocketAddr)> = peers
            .iter()
            .map(|(ip, entry)| (noseed && entry.seed, SocketAddr::new(*ip, entry.port)))
            .collect();
        self.rng.shuffle(&mut chosen);
        chosen.sort_by_key(|(last, _)| *last);
        chosen.into_iter().map(|(_, peer)| peer).take(most).collect()
    }

    /// Can another peer of this torrent be kept at all?
    pub(crate) fn has_room(&self, info_hash: Id) -> bool {
        self.torrents.get(&info_hash).is_none_or(|peers| peers.len() < MAX_STORED_PEERS)
    }

    /// Filters of a torrent's seeds and other peers (BEP 33); `None` if none are known.
    pub(crate) fn filters(&self, info_hash: Id) -> Option<(Filter, Filter)> {
        let peers = self.torrents.get(&info_hash)?;
        let (mut seeds, mut others) = (Filter::default(), Filter::default());
        for (address, entry) in peers {
            if entry.seed { &mut seeds } else { &mut others }.insert(*address);
        }
        Some((seeds, others))
    }

    /// Number of torrents, and a sample that stays the same for [`SAMPLE_INTERVAL`] (BEP 51).
    pub(crate) fn sample(&mut self, now: Instant) -> (usize, &[Id]) {
        if self.sample_until.is_none_or(|until| now >= until) {
            self.sample = self.torrents.keys().copied().collect();
            self.rng.shuffle(&mut self.sample);
            self.sample.truncate(SAMPLES_SENT);
            self.sample_until = Some(now + SAMPLE_INTERVAL);
        }
        (self.torrents.len(), &self.sample)
    }
}

fn leave(shares: &mut BTreeMap<IpAddr, usize>, address: IpAddr) {
    if let Some(share) = shares.get_mut(&address) {
        *share -= 1;
        if *share == 0 {
            shares.remove(&address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::start;
    use std::time::Duration;

    fn store() -> PeerStore {
        PeerStore::new(fastrand::Rng::with_seed(1))
    }

    fn peer(number: u32) -> SocketAddr {
        SocketAddr::new(IpAddr::from((0x0100_0000 + number).to_be_bytes()), 6881)
    }

    fn hash(number: u32) -> Id {
        let mut id = [0; 20];
        id[..4].copy_from_slice(&number.to_be_bytes());
        Id(id)
    }

    #[test]
    fn one_address_is_one_peer_whatever_it_says() {
        let (now, mut store) = (start(), store());
        for port in 1..200 {
            store.announce(now, hash(1), SocketAddr::new(peer(1).ip(), port), port % 2 == 0);
        }
        assert_eq!(store.peers(hash(1), 100, false), [SocketAddr::new(peer(1).ip(), 199)]);
        let (seeds, others) = store.filters(hash(1)).unwrap();
        assert!(seeds.estimate() < 0.5 && others.estimate() > 0.5);
        assert!(store.filters(hash(2)).is_none());
    }

    #[test]
    fn announces_end_after_half_an_hour() {
        let (now, mut store) = (start(), store());
        store.announce(now, hash(1), peer(1), false);
        store.announce(now + Duration::from_mins(20), hash(1), peer(2), false);
        store.expire(now + PEER_LIFE);
        assert_eq!(store.peers(hash(1), 100, false), [peer(2)]);
        store.expire(now + Duration::from_mins(50));
        assert!(store.torrents.is_empty() && store.shares.is_empty());
    }

    #[test]
    fn torrents_peers_and_shares_are_bounded() {
        let (now, mut store) = (start(), store());
        for number in 0..2 * MAX_STORED_PEERS as u32 {
            store.announce(now, hash(0), peer(number), false);
        }
        assert_eq!(store.peers(hash(0), usize::MAX, false).len(), MAX_STORED_PEERS);
        assert!(!store.has_room(hash(0)) && store.has_room(hash(1)));
        for number in 1..MAX_STORED_HASHES as u32 + 300 {
            assert!(store.announce(now, hash(number), peer(100_000 + number), false), "the newest is kept");
        }
        assert_eq!(store.sample(now).0, MAX_STORED_HASHES);
        assert_eq!(
            store.peers(hash(0), usize::MAX, false).len(),
            MAX_STORED_PEERS,
            "a swarm outlives single ones"
        );
        let greedy = peer(900_000);
        let kept =
            (0..200).filter(|number| store.announce(now, hash(1_000_000 + number), greedy, false)).count();
        assert_eq!(kept, MAX_HASHES_PER_ADDRESS);
    }

    #[test]
    fn whoever_has_everything_hears_of_leeches_first() {
        let (now, mut store) = (start(), store());
        for n in 0..100 {
            store.announce(now, hash(1), peer(n), n % 10 != 0);
        }
        let told = store.peers(hash(1), 10, true);
        assert_eq!(told.len(), 10);
        assert!(told.iter().all(|told| (0..10).any(|n| peer(10 * n) == *told)));
    }

    #[test]
    fn a_sample_does_not_change_within_its_interval() {
        let (mut now, mut store) = (start(), store());
        for n in 0..100 {
            store.announce(now, hash(n), peer(n), false);
        }
        let (count, first) = store.sample(now);
        let first = first.to_vec();
        assert_eq!((count, first.len()), (100, SAMPLES_SENT));
        now += SAMPLE_INTERVAL / 2;
        assert_eq!(store.sample(now).1, first);
        now += SAMPLE_INTERVAL;
        assert_ne!(store.sample(now).1, first);
    }
}
