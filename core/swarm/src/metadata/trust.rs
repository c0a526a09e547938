//! Who lied.

use super::attempt::{AttemptKey, Sent};
use super::{MetadataFetch, MetadataOutput};
use crate::admission::group;
use crate::contract::PeerKey;
use crate::limits;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Instant;
use wire::Close;

impl MetadataFetch {
    /// The bytes of an attempt were hashed. `info`: they are the info dict.
    pub fn handle_verified(&mut self, now: Instant, attempt: AttemptKey, info: Option<&[u8]>) {
        let Some(it) = self.attempts.remove(&attempt) else { return };
        if let Some(info) = info {
            self.done = true;
            self.blame(now, info);
            return;
        }
        let senders: BTreeSet<PeerKey> = it.sent.values().map(|sent| sent.peer).collect();
        let hosts: BTreeSet<IpAddr> = it.sent.values().map(|sent| group(sent.host)).collect();
        if let (1, Some(Sent { peer, host, .. })) = (senders.len(), it.sent.values().next().copied()) {
            self.close(now, peer, Close::Banned);
            self.strike(now, host);
        } else if self.suspects.len() < limits::METADATA_SUSPECTS {
            self.suspects.extend(hosts);
        }
        self.failed.push_back(it);
        if self.failed.len() > limits::METADATA_FAILED {
            self.failed.pop_front();
        }
        for source in self.sources.values_mut().filter(|source| source.attempt == Some(attempt)) {
            source.attempt = None;
            source.owed.clear();
        }
        self.assign_all();
        self.ask_all(now);
        self.connect(now);
    }

    /// The truth is known: whoever sent anything else is banned.
    fn blame(&mut self, now: Instant, info: &[u8]) {
        let liars: BTreeSet<IpAddr> =
            self.failed.iter().chain(self.attempts.values()).flat_map(|it| it.liars(info)).collect();
        for host in liars {
            self.ban(now, host);
        }
        self.failed.clear();
        self.attempts.clear();
    }

    /// A peer lied provably.
    pub(super) fn lied(&mut self, now: Instant, key: PeerKey) {
        let Some(host) = self.sources.get(&key).map(|source| source.address.ip()) else { return };
        self.close(now, key, Close::Banned);
        self.strike(now, host);
    }

    /// A host is forgiven a few times: others may be behind the same address.
    fn strike(&mut self, now: Instant, host: IpAddr) {
        if self.lies.len() >= limits::METADATA_SUSPECTS {
            self.lies.clear();
        }
        let lies = self.lies.entry(group(host)).or_default();
        *lies += 1;
        if *lies >= limits::METADATA_LIES {
            self.ban(now, host);
        }
    }

    fn ban(&mut self, now: Instant, host: IpAddr) {
        if self.bans.add(host) {
            self.outputs.push_back(MetadataOutput::Banned(host));
        }
        self.peer_list.forget_host(host);
        let all = self.sources.values();
        let keys: Vec<_> = all.filter(|it| group(it.address.ip()) == group(host)).map(|it| it.key).collect();
        for key in keys {
            self.close(now, key, Close::Banned);
        }
    }
}
