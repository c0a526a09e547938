//! What is asked of a tracker and what it answers, whatever the transport.

use crate::limits::LEFT_UNKNOWN;
use metainfo::PeerId;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use thiserror::Error;

/// Why an announce is made (BEP 3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum AnnounceEvent {
    /// Because the interval is over.
    #[default]
    None,
    /// The first announce; repeated until one succeeds.
    Started,
    /// The download became complete, told once.
    Completed,
    /// We leave.
    Stopped,
}

/// One announce (BEP 3, 7, 15, 23).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AnnounceRequest {
    /// The torrent, as on the wire: a v2 hash is cut to 20 bytes (BEP 52).
    pub info_hash: [u8; 20],
    /// Ours.
    pub peer_id: PeerId,
    /// The port peers reach us at.
    pub port: u16,
    /// Tells the tracker that announces over different addresses come from one client (BEP 7).
    pub key: u32,
    /// Bytes of payload received, never more than the torrent has.
    pub downloaded: u64,
    /// Bytes of payload given.
    pub uploaded: u64,
    /// Bytes missing.
    pub left: u64,
    /// The reason for this announce.
    pub event: AnnounceEvent,
    /// Peers asked for.
    pub numwant: u32,
    /// What the tracker gave as its id in an earlier answer.
    pub tracker_id: Option<Vec<u8>>,
    /// An IPv4 address to be told beside the one the tracker sees (BEP 7).
    pub ipv4: Option<Ipv4Addr>,
    /// An IPv6 address to be told beside the one the tracker sees (BEP 7).
    pub ipv6: Option<Ipv6Addr>,
}

/// What a tracker answers to an announce, cleaned and bounded.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AnnounceResponse {
    /// When it wants the next announce, as told.
    pub interval: Option<Duration>,
    /// The pause it insists on, as told.
    pub min_interval: Option<Duration>,
    /// Peers that have everything, at most [`MAX_COUNT`](crate::limits::MAX_COUNT).
    pub seeders: Option<u32>,
    /// Peers that do not have everything.
    pub leechers: Option<u32>,
    /// Downloads ever completed.
    pub downloads: Option<u32>,
    /// To be sent back in later announces.
    pub tracker_id: Option<Vec<u8>>,
    /// A text for the user, cleaned.
    pub warning: Option<String>,
    /// The address the tracker sees us at (BEP 24). One source's claim, not a fact.
    pub external_ip: Option<IpAddr>,
    /// Addresses of peers: no port 0, no address that cannot be one peer's, each once, those on privileged ports
    /// (below 1024) last, at most [`MAX_PEERS`](crate::limits::MAX_PEERS).
    pub peers: Vec<SocketAddr>,
}

/// Counts of one torrent at a tracker (BEP 48, BEP 15).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ScrapeCounts {
    /// Peers that have everything.
    pub seeders: u32,
    /// Peers that do not.
    pub leechers: u32,
    /// Downloads ever completed.
    pub downloads: u32,
}

/// When a tracker that refused wants to be asked again (BEP 31).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Retry {
    /// After this time.
    After(Duration),
    /// Not at all.
    Never,
}

/// Why an announce or scrape brought nothing. Its text is one clean line for a person.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum AnnounceError {
    /// The tracker refused and said why.
    #[error("the tracker says: {reason}")]
    Refused {
        /// Its words, cleaned.
        reason: String,
        /// Its wish for the next attempt (BEP 31).
        retry: Option<Retry>,
    },
    /// An HTTP answer other than 200. 410 means: never again.
    #[error("HTTP status {status}")]
    Status {
        /// The status code.
        status: u16,
        /// The `Retry-After` header.
        retry_after: Option<Duration>,
    },
    /// The answer is not a tracker's.
    #[error("the answer makes no sense: {0}")]
    Malformed(&'static str),
    /// No answer in time.
    #[error("no answer in time")]
    TimedOut,
    /// No connection, no name, no TLS, an address that is not allowed; the text says what.
    #[error("{0}")]
    Unreachable(String),
    /// The URL cannot be used; asking again would not help.
    #[error("the URL cannot be used: {0}")]
    BadUrl(&'static str),
}

/// What was transferred so far, for reporting.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Progress {
    /// Bytes of payload received in this run.
    pub downloaded: u64,
    /// Bytes of payload given in this run.
    pub uploaded: u64,
    /// Bytes missing; `None` before the metadata of a magnet link is known.
    pub left: Option<u64>,
}

impl Progress {
    /// The number to report as left: never 0 while unknown.
    pub fn reported_left(&self) -> u64 {
        self.left.unwrap_or(LEFT_UNKNOWN)
    }
}
