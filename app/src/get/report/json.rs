//! `--json`: one object a line, as docs/get.md says.

use super::{sources, words};
use engine::{Event, Snapshot, SourceKind};
use images::Verified;
use metainfo::Metainfo;
use serde::Serialize;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;

/// One line of output.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Line<'a> {
    Resolved {
        info_hash: String,
        sequence: i64,
    },
    Metadata {
        name: &'a str,
        info_hash: String,
        size: u64,
    },
    Added {
        name: &'a str,
        info_hash: String,
        total_size: u64,
        bytes_wanted: u64,
        output: &'a str,
    },
    Progress {
        phase: &'static str,
        bytes_done: u64,
        bytes_wanted: u64,
        bytes_from_peers: u64,
        bytes_from_web_seeds: u64,
        bytes_wasted: u64,
        bytes_uploaded: u64,
        down_rate: u64,
        up_rate: u64,
        eta_seconds: Option<u64>,
        peers: u32,
        web_seeds: u32,
    },
    WebSeeds {
        web_seeds: Vec<WebSeed<'a>>,
    },
    Peers {
        peers: Vec<Peer<'a>>,
    },
    PieceFailed {
        piece: u32,
    },
    Source {
        kind: &'static str,
        name: &'a str,
        state: &'a str,
    },
    Verified {
        what: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        value: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        fingerprint: Option<&'a str>,
        from: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        key_from: Option<&'a str>,
    },
    Complete {
        path: String,
        bytes_from_peers: u64,
        bytes_from_web_seeds: u64,
        bytes_wasted: u64,
    },
    Seeding {
        port: u16,
    },
    Error {
        message: &'a str,
        code: u8,
    },
}

/// One web seed at one moment.
#[derive(Serialize)]
pub(super) struct WebSeed<'a> {
    url: &'a str,
    state: &'static str,
    bytes: u64,
    rate: u64,
    reason: Option<&'a str>,
}

/// One connected peer at one moment.
#[derive(Serialize)]
pub(super) struct Peer<'a> {
    address: SocketAddr,
    client: Option<&'a str>,
    flags: String,
    progress: f64,
    bytes_down: u64,
    bytes_up: u64,
    down_rate: u64,
    up_rate: u64,
}

/// Prints one line and flushes it.
pub(super) fn print(line: &Line<'_>) {
    let Ok(mut text) = serde_json::to_string(line) else { return };
    text.push('\n');
    let mut out = std::io::stdout().lock();
    // A reader that went away is no reason to stop a download.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Prints the line for the web seeds, if there are any.
pub(super) fn print_web_seeds(snapshot: &Snapshot) {
    if let Some(line) = Line::web_seeds(snapshot) {
        print(&line);
    }
}

/// Prints the line for a link of the chain from the publisher to the image.
pub(super) fn print_verified(verified: &Verified) {
    match verified {
        Verified::Sum { sum, from } => print(&Line::Verified {
            what: sum.algorithm.word(),
            value: Some(&sum.hex()),
            fingerprint: None,
            from,
            key_from: None,
        }),
        Verified::Signature { signer, from, key_from } => print(&Line::Verified {
            what: "signature",
            value: None,
            fingerprint: Some(signer),
            from,
            key_from: Some(key_from),
        }),
    }
}

impl<'a> Line<'a> {
    /// The line for a torrent just taken in.
    pub(super) fn added(metainfo: &'a Metainfo, bytes_wanted: u64, output: &'a str) -> Self {
        Self::Added {
            name: &metainfo.name,
            info_hash: metainfo.info_hash().to_string(),
            total_size: metainfo.geometry.total_length(),
            bytes_wanted,
            output,
        }
    }

    /// The line for a magnet link's metadata.
    pub(super) fn metadata(metainfo: &'a Metainfo) -> Self {
        Self::Metadata {
            name: &metainfo.name,
            info_hash: metainfo.info_hash().to_string(),
            size: metainfo.info_bytes.len() as u64,
        }
    }

    pub(super) fn progress(snapshot: &Snapshot) -> Self {
        Self::Progress {
            phase: words::phase(snapshot.phase),
            bytes_done: words::bytes_done(snapshot),
            bytes_wanted: words::bytes_to_come(snapshot),
            bytes_from_peers: snapshot.bytes_from_peers,
            bytes_from_web_seeds: snapshot.bytes_from_web_seeds,
            bytes_wasted: snapshot.bytes_wasted,
            bytes_uploaded: snapshot.bytes_uploaded,
            down_rate: snapshot.down_rate,
            up_rate: snapshot.up_rate,
            eta_seconds: snapshot.eta_seconds(),
            peers: snapshot.peers_connected,
            web_seeds: snapshot.web_seeds_active,
        }
    }

    /// The line for the web seeds, if there are any.
    pub(super) fn web_seeds(snapshot: &'a Snapshot) -> Option<Self> {
        let web_seeds: Vec<_> = sources::web_seeds(snapshot)
            .map(|source| WebSeed {
                url: &source.name,
                state: source.state.map_or("idle", sources::state),
                bytes: source.bytes_down,
                rate: source.down_rate,
                reason: source.reason.as_deref(),
            })
            .collect();
        (!web_seeds.is_empty()).then_some(Self::WebSeeds { web_seeds })
    }

    /// The line for the peers whose handshake is over, if there are any.
    pub(super) fn peers(report: &'a engine::Report) -> Option<Self> {
        let pieces = f64::from(report.have.length().max(1));
        let known = report.peers.iter().filter(|report| report.peer.peer_id.is_some());
        let peers: Vec<_> = known
            .map(|report| Peer {
                address: report.peer.address,
                client: report.peer.client.as_deref(),
                flags: report.flags(),
                progress: f64::from(report.peer.pieces) / pieces,
                bytes_down: report.peer.bytes_down,
                bytes_up: report.peer.bytes_up,
                down_rate: report.peer.down_rate,
                up_rate: report.peer.up_rate,
            })
            .collect();
        (!peers.is_empty()).then_some(Self::Peers { peers })
    }

    pub(super) fn complete(path: &Path, snapshot: &Snapshot) -> Self {
        Self::Complete {
            path: path.display().to_string(),
            bytes_from_peers: snapshot.bytes_from_peers,
            bytes_from_web_seeds: snapshot.bytes_from_web_seeds,
            bytes_wasted: snapshot.bytes_wasted,
        }
    }

    /// The line for an event, if it has one of its own.
    pub(super) fn of(event: &'a Event) -> Option<Self> {
        match event {
            Event::PieceFailed { piece } => Some(Self::PieceFailed { piece: piece.0 }),
            Event::Source { kind, name, state } => {
                let kind = match kind {
                    SourceKind::Peer => "peer",
                    SourceKind::Tracker => "tracker",
                    SourceKind::WebSeed => "web_seed",
                };
                Some(Self::Source { kind, name, state })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_the_documented_keys() {
        let line = serde_json::to_value(Line::progress(&Snapshot::default())).unwrap();
        let keys = [
            "event",
            "phase",
            "bytes_done",
            "bytes_wanted",
            "bytes_from_peers",
            "bytes_from_web_seeds",
            "bytes_wasted",
            "bytes_uploaded",
            "down_rate",
            "up_rate",
            "eta_seconds",
            "peers",
            "web_seeds",
        ];
        let object = line.as_object().unwrap();
        assert_eq!(object.len(), keys.len());
        assert!(keys.iter().all(|key| object.contains_key(*key)), "{object:?}");
        assert_eq!(object["event"], "progress");
        let line = serde_json::to_string(&Line::Seeding { port: 6881 }).unwrap();
        assert_eq!(line, r#"{"event":"seeding","port":6881}"#);
    }
}
