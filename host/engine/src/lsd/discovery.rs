//! When which torrents are announced on the local network, and who is heard. Time is an argument.

use super::LocalPeer;
use super::message::Announce;
use crate::limits::{
    LSD_GATHER, LSD_HASHES_PER_PACKET, LSD_INTERVAL, LSD_PAUSE, MAX_LSD_HEARD, MAX_LSD_TORRENTS,
};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Instant;

/// The schedule of announces, and the memory of those heard.
pub(super) struct Discovery {
    rng: fastrand::Rng,
    cookie: String,
    /// When each torrent is announced next.
    due: BTreeMap<[u8; 20], Instant>,
    last_announce: Option<Instant>,
    /// Who was heard with which torrent, and when: a new neighbour is answered, an old one knows us.
    heard: BTreeMap<([u8; 20], SocketAddr), Instant>,
}

impl Discovery {
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let cookie = format!("{:016x}", rng.u64(..));
        Self { rng, cookie, due: BTreeMap::new(), last_announce: None, heard: BTreeMap::new() }
    }

    /// What our own packets carry.
    pub(super) fn cookie(&self) -> &str {
        &self.cookie
    }

    /// A torrent is to be announced.
    pub(super) fn handle_announce(&mut self, now: Instant, info_hash: [u8; 20]) {
        if self.due.len() < MAX_LSD_TORRENTS {
            self.due.insert(info_hash, now + LSD_GATHER);
        }
    }

    /// A torrent is not to be announced any more.
    pub(super) fn handle_forget(&mut self, info_hash: &[u8; 20]) {
        self.due.remove(info_hash);
    }

    /// A packet came in. The peers it names for torrents of ours.
    pub(super) fn handle_datagram(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) -> Vec<LocalPeer> {
        let Some(announce) = Announce::parse(bytes) else { return Vec::new() };
        if announce.cookie.as_deref() == Some(&self.cookie) {
            return Vec::new();
        }
        let mut address = from;
        address.set_port(announce.port);
        let mut peers: Vec<LocalPeer> = Vec::new();
        for info_hash in announce.info_hashes {
            let peer = LocalPeer { info_hash, address };
            if let Some(due) = self.due.get_mut(&info_hash)
                && !peers.contains(&peer)
            {
                peers.push(peer);
                let before = self.heard.insert((info_hash, address), now);
                if before.is_none_or(|before| now.saturating_duration_since(before) > 2 * LSD_INTERVAL) {
                    *due = (*due).min(now + LSD_GATHER);
                }
            }
        }
        self.forget_oldest();
        peers
    }

    /// The torrents to be announced now, if any: once a minute at most, as many as fit a packet, the longest due
    /// first.
    pub(super) fn poll_announce(&mut self, now: Instant) -> Option<Vec<[u8; 20]>> {
        if self.poll_timeout()? > now {
            return None;
        }
        let mut due: Vec<(Instant, [u8; 20])> =
            self.due.iter().filter(|(_, due)| **due <= now).map(|(hash, due)| (*due, *hash)).collect();
        due.sort_unstable();
        due.truncate(LSD_HASHES_PER_PACKET);
        // A random part keeps the clients of a network from announcing in step.
        let next = now + LSD_INTERVAL.mul_f64(1.0 + 0.1 * self.rng.f64());
        for (_, hash) in &due {
            self.due.insert(*hash, next);
        }
        self.last_announce = Some(now);
        Some(due.into_iter().map(|(_, hash)| hash).collect())
    }

    /// When [`poll_announce`](Self::poll_announce) has something.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let due = *self.due.values().min()?;
        Some(self.last_announce.map_or(due, |last| due.max(last + LSD_PAUSE)))
    }

    fn forget_oldest(&mut self) {
        while self.heard.len() > MAX_LSD_HEARD {
            let oldest = self.heard.iter().min_by_key(|(_, when)| **when).map(|(key, _)| *key);
            let Some(oldest) = oldest else { return };
            self.heard.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const SECOND: Duration = Duration::from_secs(1);

    fn hash(number: u16) -> [u8; 20] {
        let mut hash = [0; 20];
        hash[..2].copy_from_slice(&number.to_be_bytes());
        hash
    }

    fn packet(port: u16, hashes: &[[u8; 20]], cookie: &str) -> Vec<u8> {
        let announce = Announce { port, info_hashes: hashes.to_vec(), cookie: Some(cookie.into()) };
        announce.encode("239.192.152.143:6771".parse().unwrap())
    }

    fn from(host: u8) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, host], 6771))
    }

    #[test]
    fn torrents_added_together_leave_in_one_packet_and_again_after_five_minutes() {
        let start = Instant::now();
        let mut discovery = Discovery::new(1);
        assert_eq!(discovery.poll_timeout(), None);
        discovery.handle_announce(start, hash(1));
        discovery.handle_announce(start, hash(2));
        assert_eq!(discovery.poll_announce(start), None);
        let first = discovery.poll_timeout().unwrap();
        assert_eq!(first, start + LSD_GATHER);
        assert_eq!(discovery.poll_announce(first), Some(vec![hash(1), hash(2)]));
        let second = discovery.poll_timeout().unwrap();
        assert!(second - first >= LSD_INTERVAL && second - first <= LSD_INTERVAL.mul_f64(1.1));
        discovery.handle_forget(&hash(1));
        assert_eq!(discovery.poll_announce(second), Some(vec![hash(2)]));
        discovery.handle_forget(&hash(2));
        assert_eq!(discovery.poll_timeout(), None);
    }

    #[test]
    fn many_torrents_take_turns_one_packet_a_minute() {
        let start = Instant::now();
        let mut discovery = Discovery::new(1);
        (0..60).for_each(|number| discovery.handle_announce(start, hash(number)));
        let mut announced = Vec::new();
        let mut last = None;
        for _ in 0..3 {
            let when = discovery.poll_timeout().unwrap();
            assert!(last.is_none_or(|last| when - last >= LSD_PAUSE));
            last = Some(when);
            announced.extend(discovery.poll_announce(when).unwrap());
        }
        announced.sort_unstable();
        announced.dedup();
        assert_eq!(announced.len(), 60);
    }

    #[test]
    fn peers_of_our_torrents_are_heard_and_ourselves_not() {
        let start = Instant::now();
        let mut discovery = Discovery::new(1);
        discovery.handle_announce(start, hash(1));
        let peers =
            discovery.handle_datagram(start, from(9), &packet(5000, &[hash(2), hash(1), hash(1)], "x"));
        let address = SocketAddr::from(([192, 0, 2, 9], 5000));
        assert_eq!(peers, [LocalPeer { info_hash: hash(1), address }]);
        let own = packet(5000, &[hash(1)], discovery.cookie());
        assert!(discovery.handle_datagram(start, from(9), &own).is_empty());
    }

    #[test]
    fn a_new_neighbour_is_answered_once_and_not_before_the_minute_is_over() {
        let start = Instant::now();
        let mut discovery = Discovery::new(1);
        discovery.handle_announce(start, hash(1));
        let first = discovery.poll_timeout().unwrap();
        discovery.poll_announce(first);
        discovery.handle_datagram(first + SECOND, from(9), &packet(5000, &[hash(1)], "x"));
        let answer = discovery.poll_timeout().unwrap();
        assert_eq!(answer, first + LSD_PAUSE);
        discovery.poll_announce(answer);
        discovery.handle_datagram(answer + SECOND, from(9), &packet(5000, &[hash(1)], "x"));
        assert!(discovery.poll_timeout().unwrap() >= answer + LSD_INTERVAL, "it knows us by now");
    }

    #[test]
    fn a_flood_of_neighbours_is_bounded() {
        let start = Instant::now();
        let mut discovery = Discovery::new(1);
        discovery.handle_announce(start, hash(1));
        for port in 1..2000 {
            discovery.handle_datagram(start, from(9), &packet(port, &[hash(1)], "x"));
        }
        assert_eq!(discovery.heard.len(), MAX_LSD_HEARD);
    }
}
