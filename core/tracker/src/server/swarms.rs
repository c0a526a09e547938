//! The swarms a tracker knows.

use crate::announce::{AnnounceEvent, AnnounceRequest, AnnounceResponse, ScrapeCounts};
use crate::limits::{MAX_SERVED_PEERS, MAX_SERVED_SWARMS, MAX_SWARM_PEERS};
use metainfo::PeerId;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// Settings of a tracker.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// When clients are to announce again. A peer silent for two of them is forgotten.
    pub interval: Duration,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self { interval: Duration::from_mins(30) }
    }
}

/// Every swarm of one tracker.
#[derive(Debug)]
pub struct Swarms {
    config: ServerConfig,
    rng: fastrand::Rng,
    by_info_hash: BTreeMap<[u8; 20], Swarm>,
}

#[derive(Debug, Default)]
struct Swarm {
    /// By peer id and family, since one client may come over both.
    peers: BTreeMap<(PeerId, bool), Peer>,
    downloads: u32,
    last_announce: Option<Instant>,
}

#[derive(Debug)]
struct Peer {
    address: SocketAddr,
    complete: bool,
    seen: Instant,
}

impl Swarms {
    /// A tracker that knows nobody.
    pub fn new(config: ServerConfig, seed: u64) -> Self {
        Self { config, rng: fastrand::Rng::with_seed(seed), by_info_hash: BTreeMap::new() }
    }

    /// Takes an announce in that came from `from`, and answers it: peers of both families, never the asker, and
    /// for a seed only those that lack something.
    pub fn handle_announce(
        &mut self,
        now: Instant,
        from: IpAddr,
        request: &AnnounceRequest,
    ) -> AnnounceResponse {
        self.make_room(request.info_hash);
        let forgotten = self.config.interval.saturating_mul(2);
        let swarm = self.by_info_hash.entry(request.info_hash).or_default();
        swarm.last_announce = Some(now);
        swarm.peers.retain(|_, peer| now.saturating_duration_since(peer.seen) <= forgotten);
        swarm.take_in(now, from.to_canonical(), request);
        let peers = if request.event == AnnounceEvent::Stopped {
            Vec::new()
        } else {
            swarm.choose(request, &mut self.rng)
        };
        let counts = swarm.counts();
        AnnounceResponse {
            interval: Some(self.config.interval),
            seeders: Some(counts.seeders),
            leechers: Some(counts.leechers),
            downloads: Some(counts.downloads),
            external_ip: Some(from.to_canonical()),
            peers,
            ..AnnounceResponse::default()
        }
    }

    /// The counts of a swarm; zeros for one that nobody announced.
    pub fn scrape(&self, info_hash: &[u8; 20]) -> ScrapeCounts {
        self.by_info_hash.get(info_hash).map(Swarm::counts).unwrap_or_default()
    }

    fn make_room(&mut self, info_hash: [u8; 20]) {
        if self.by_info_hash.len() < MAX_SERVED_SWARMS || self.by_info_hash.contains_key(&info_hash) {
            return;
        }
        let oldest =
            self.by_info_hash.iter().min_by_key(|(_, swarm)| swarm.last_announce).map(|(hash, _)| *hash);
        if let Some(oldest) = oldest {
            self.by_info_hash.remove(&oldest);
        }
    }
}

impl Swarm {
    fn take_in(&mut self, now: Instant, from: IpAddr, request: &AnnounceRequest) {
        let key = (request.peer_id, from.is_ipv6());
        if request.event == AnnounceEvent::Stopped {
            self.peers.remove(&key);
            return;
        }
        if self.peers.len() >= MAX_SWARM_PEERS && !self.peers.contains_key(&key) {
            let oldest = self.peers.iter().min_by_key(|(_, peer)| peer.seen).map(|(key, _)| *key);
            if let Some(oldest) = oldest {
                self.peers.remove(&oldest);
            }
        }
        let complete = request.left == 0;
        let address = SocketAddr::new(from, request.port);
        let before = self.peers.insert(key, Peer { address, complete, seen: now });
        if request.event == AnnounceEvent::Completed && before.is_none_or(|peer| !peer.complete) {
            self.downloads = self.downloads.saturating_add(1);
        }
    }

    fn choose(&self, request: &AnnounceRequest, rng: &mut fastrand::Rng) -> Vec<SocketAddr> {
        let wanted = (request.numwant as usize).min(MAX_SERVED_PEERS);
        let others = self.peers.iter().filter(|((peer_id, _), _)| *peer_id != request.peer_id);
        let useful =
            others.filter(|(_, peer)| request.left > 0 || !peer.complete).map(|(_, peer)| peer.address);
        let mut peers: Vec<SocketAddr> = useful.collect();
        rng.shuffle(&mut peers);
        peers.truncate(wanted);
        peers
    }

    fn counts(&self) -> ScrapeCounts {
        let seeders = self.peers.values().filter(|peer| peer.complete).count() as u32;
        ScrapeCounts { seeders, leechers: self.peers.len() as u32 - seeders, downloads: self.downloads }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "tests need some instant to count from")]
    fn some_instant() -> Instant {
        Instant::now()
    }

    fn request(peer: u8, left: u64, event: AnnounceEvent) -> AnnounceRequest {
        AnnounceRequest {
            info_hash: [1; 20],
            peer_id: PeerId([peer; 20]),
            port: 6000 + u16::from(peer),
            key: 0,
            downloaded: 0,
            uploaded: 0,
            left,
            event,
            numwant: 50,
            tracker_id: None,
            ipv4: None,
            ipv6: None,
        }
    }

    const HOST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    #[test]
    fn peers_find_each_other_but_seeds_not_seeds() {
        let now = some_instant();
        let mut swarms = Swarms::new(ServerConfig::default(), 1);
        let ask = |swarms: &mut Swarms, peer, left| {
            swarms.handle_announce(now, HOST, &request(peer, left, AnnounceEvent::Started))
        };
        assert!(ask(&mut swarms, 1, 0).peers.is_empty());
        assert!(ask(&mut swarms, 2, 0).peers.is_empty());
        let leech = ask(&mut swarms, 3, 5);
        assert_eq!(leech.peers.len(), 2);
        assert_eq!((leech.seeders, leech.leechers), (Some(2), Some(1)));
        assert_eq!(ask(&mut swarms, 1, 0).peers, ["192.0.2.1:6003".parse().unwrap()]);
    }

    #[test]
    fn completed_is_counted_once_a_peer_and_stopped_removes() {
        let now = some_instant();
        let mut swarms = Swarms::new(ServerConfig::default(), 1);
        for (left, event) in
            [(5, AnnounceEvent::Started), (0, AnnounceEvent::Completed), (0, AnnounceEvent::Completed)]
        {
            swarms.handle_announce(now, HOST, &request(1, left, event));
        }
        assert_eq!(swarms.scrape(&[1; 20]), ScrapeCounts { seeders: 1, leechers: 0, downloads: 1 });
        swarms.handle_announce(now, HOST, &request(1, 0, AnnounceEvent::Stopped));
        assert_eq!(swarms.scrape(&[1; 20]), ScrapeCounts { seeders: 0, leechers: 0, downloads: 1 });
    }

    #[test]
    fn silent_peers_are_forgotten_and_crowds_bounded() {
        let now = some_instant();
        let mut swarms = Swarms::new(ServerConfig { interval: Duration::from_mins(1) }, 1);
        swarms.handle_announce(now, HOST, &request(1, 5, AnnounceEvent::Started));
        let later = now + Duration::from_secs(121);
        let answer = swarms.handle_announce(later, HOST, &request(2, 5, AnnounceEvent::Started));
        assert!(answer.peers.is_empty());
        for number in 0..MAX_SWARM_PEERS + 10 {
            let mut peer_id = [9; 20];
            peer_id[..8].copy_from_slice(&number.to_be_bytes());
            let request =
                AnnounceRequest { peer_id: PeerId(peer_id), ..request(3, 5, AnnounceEvent::Started) };
            swarms.handle_announce(later, HOST, &request);
        }
        assert_eq!(swarms.scrape(&[1; 20]).leechers as usize, MAX_SWARM_PEERS);
    }
}
