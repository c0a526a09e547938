//! Queries as HTTP clients send them, and the bencoded answers.

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::indexing_slicing))]

use crate::announce::{AnnounceEvent, AnnounceRequest, AnnounceResponse, ScrapeCounts};
use crate::limits::{DEFAULT_NUMWANT, MAX_SCRAPE_HASHES, MAX_TEXT_BYTES, MAX_TRACKER_ID_BYTES};
use crate::peers::to_compact;
use metainfo::PeerId;
use std::net::{IpAddr, SocketAddr};
use thiserror::Error;

/// What an HTTP client asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HttpRequest {
    /// For peers.
    Announce {
        /// What it says.
        request: Box<AnnounceRequest>,
        /// It wants addresses in compact form (BEP 23).
        compact: bool,
    },
    /// For counts of torrents (BEP 48).
    Scrape {
        /// Which ones, at most [`MAX_SCRAPE_HASHES`].
        info_hashes: Vec<[u8; 20]>,
    },
}

/// What is wrong with a query; the text is for the client.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum QueryError {
    /// The path is neither an announce's nor a scrape's.
    #[error("not found")]
    NotFound,
    /// A parameter is missing or cannot be read.
    #[error("missing or invalid {0}")]
    Parameter(&'static str),
}

/// Reads the target of a GET request: path and query.
pub fn parse_query(target: &str) -> Result<HttpRequest, QueryError> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let parameters = || query.split('&').filter_map(|parameter| parameter.split_once('='));
    match path.rsplit_once('/').map(|(_, last)| last) {
        Some("announce") => {
            let find =
                |wanted| parameters().find(|(name, _)| *name == wanted).map(|(_, value)| unescape(value));
            let compact = find("compact").is_none_or(|value| value == b"1");
            Ok(HttpRequest::Announce { request: Box::new(parse_announce(find)?), compact })
        }
        Some("scrape") => {
            let hashes = parameters().filter(|(name, _)| *name == "info_hash");
            let hashes =
                hashes.take(MAX_SCRAPE_HASHES).map(|(_, value)| bytes_20(&unescape(value), "info_hash"));
            Ok(HttpRequest::Scrape { info_hashes: hashes.collect::<Result<_, _>>()? })
        }
        _ => Err(QueryError::NotFound),
    }
}

fn parse_announce(find: impl Fn(&'static str) -> Option<Vec<u8>>) -> Result<AnnounceRequest, QueryError> {
    let bytes = |name| find(name).ok_or(QueryError::Parameter(name)).and_then(|value| bytes_20(&value, name));
    let text = |name| find(name).and_then(|value| String::from_utf8(value).ok());
    let amount =
        |name| text(name).map_or(Ok(0), |value| value.parse().map_err(|_| QueryError::Parameter(name)));
    let port = text("port").and_then(|port| port.parse().ok()).filter(|port| *port != 0);
    let event = match text("event").as_deref() {
        Some("started") => AnnounceEvent::Started,
        Some("completed") => AnnounceEvent::Completed,
        Some("stopped") => AnnounceEvent::Stopped,
        _ => AnnounceEvent::None,
    };
    Ok(AnnounceRequest {
        info_hash: bytes("info_hash")?,
        peer_id: PeerId(bytes("peer_id")?),
        port: port.ok_or(QueryError::Parameter("port"))?,
        key: text("key").and_then(|key| u32::from_str_radix(&key, 16).ok()).unwrap_or(0),
        downloaded: amount("downloaded")?,
        uploaded: amount("uploaded")?,
        left: amount("left")?,
        event,
        numwant: text("numwant").and_then(|wanted| wanted.parse().ok()).unwrap_or(DEFAULT_NUMWANT),
        tracker_id: find("trackerid").filter(|id| id.len() <= MAX_TRACKER_ID_BYTES),
        ipv4: text("ipv4").and_then(|address| address.parse().ok()),
        ipv6: text("ipv6").and_then(|address| address.parse().ok()),
    })
}

fn bytes_20(value: &[u8], name: &'static str) -> Result<[u8; 20], QueryError> {
    value.try_into().map_err(|_| QueryError::Parameter(name))
}

/// Undoes percent-encoding; what is no escape stands for itself.
fn unescape(value: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = match rest {
            [b'%', high, low, ..] => hex_digit(*high).zip(hex_digit(*low)),
            _ => None,
        };
        if let Some((high, low)) = escaped {
            bytes.push(high << 4 | low);
            rest = rest.get(3..).unwrap_or_default();
        } else {
            bytes.push(if *first == b'+' { b' ' } else { *first });
            rest = tail;
        }
    }
    bytes
}

fn hex_digit(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

/// The body that answers an announce: addresses compact (BEP 23, BEP 7), or as a list of dictionaries (BEP 3).
pub fn announce_response(response: &AnnounceResponse, compact: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(256 + response.peers.len() * 18);
    out.push(b'd');
    put_count(&mut out, "complete", response.seeders);
    put_count(&mut out, "downloaded", response.downloads);
    match response.external_ip {
        Some(IpAddr::V4(address)) => put_pair(&mut out, "external ip", &address.octets()),
        Some(IpAddr::V6(address)) => put_pair(&mut out, "external ip", &address.octets()),
        None => {}
    }
    put_count(&mut out, "incomplete", response.leechers);
    put_number(&mut out, "interval", response.interval.map(|interval| interval.as_secs()));
    put_number(&mut out, "min interval", response.min_interval.map(|interval| interval.as_secs()));
    if compact {
        put_pair(&mut out, "peers", &to_compact(&response.peers, false));
        put_pair(&mut out, "peers6", &to_compact(&response.peers, true));
    } else {
        put_string(&mut out, b"peers");
        put_peer_list(&mut out, &response.peers);
    }
    if let Some(id) = &response.tracker_id {
        put_pair(&mut out, "tracker id", id);
    }
    if let Some(warning) = &response.warning {
        put_pair(&mut out, "warning message", warning.as_bytes());
    }
    out.push(b'e');
    out
}

/// The body that answers a scrape (BEP 48).
pub fn scrape_response(counts: impl IntoIterator<Item = ([u8; 20], ScrapeCounts)>) -> Vec<u8> {
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(hash, _)| *hash);
    counts.dedup_by_key(|(hash, _)| *hash);
    let mut out = b"d5:filesd".to_vec();
    for (hash, counts) in counts {
        put_string(&mut out, &hash);
        out.push(b'd');
        put_count(&mut out, "complete", Some(counts.seeders));
        put_count(&mut out, "downloaded", Some(counts.downloads));
        put_count(&mut out, "incomplete", Some(counts.leechers));
        out.push(b'e');
    }
    out.extend(b"ee");
    out
}

/// The body that refuses, with a reason of at most [`MAX_TEXT_BYTES`].
pub fn failure_response(reason: &str) -> Vec<u8> {
    let mut out = b"d".to_vec();
    put_pair(
        &mut out,
        "failure reason",
        reason.as_bytes().get(..MAX_TEXT_BYTES).unwrap_or(reason.as_bytes()),
    );
    out.push(b'e');
    out
}

fn put_peer_list(out: &mut Vec<u8>, peers: &[SocketAddr]) {
    out.push(b'l');
    for peer in peers {
        out.push(b'd');
        put_pair(out, "ip", peer.ip().to_string().as_bytes());
        put_number(out, "port", Some(u64::from(peer.port())));
        out.push(b'e');
    }
    out.push(b'e');
}

fn put_pair(out: &mut Vec<u8>, key: &str, value: &[u8]) {
    put_string(out, key.as_bytes());
    put_string(out, value);
}

fn put_count(out: &mut Vec<u8>, key: &str, count: Option<u32>) {
    put_number(out, key, count.map(u64::from));
}

fn put_number(out: &mut Vec<u8>, key: &str, number: Option<u64>) {
    if let Some(number) = number {
        put_string(out, key.as_bytes());
        out.extend(format!("i{number}e").as_bytes());
    }
}

fn put_string(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend(format!("{}:", bytes.len()).as_bytes());
    out.extend(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{announce_url, scrape_url};
    use proptest::prelude::*;
    use std::time::Duration;

    fn request(info_hash: [u8; 20], peer_id: [u8; 20], numbers: [u64; 3]) -> AnnounceRequest {
        AnnounceRequest {
            info_hash,
            peer_id: PeerId(peer_id),
            port: 6881,
            key: 0xa0b,
            downloaded: numbers[0],
            uploaded: numbers[1],
            left: numbers[2],
            event: AnnounceEvent::Completed,
            numwant: 7,
            tracker_id: Some(b"x&y=%".to_vec()),
            ipv4: None,
            ipv6: Some(std::net::Ipv6Addr::LOCALHOST),
        }
    }

    proptest! {
        #[test]
        fn what_the_client_writes_the_server_reads(info_hash: [u8; 20], peer_id: [u8; 20], numbers: [u64; 3]) {
            let request = request(info_hash, peer_id, numbers);
            let url = announce_url("http://t/announce?passkey=a", &request);
            let target = url.strip_prefix("http://t").unwrap();
            let wanted = HttpRequest::Announce { request: Box::new(request), compact: true };
            prop_assert_eq!(parse_query(target), Ok(wanted));
            let url = scrape_url("http://t/announce", &[info_hash, peer_id]).unwrap();
            let wanted = HttpRequest::Scrape { info_hashes: vec![info_hash, peer_id] };
            prop_assert_eq!(parse_query(url.strip_prefix("http://t").unwrap()), Ok(wanted));
        }

        #[test]
        fn no_query_harms(target in "/(announce|scrape)\\?([a-z_]{1,9}=[%0-9a-z+&=]{0,30}&?){0,6}") {
            let _ = parse_query(&target);
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let hash = "info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=aaaaaaaaaaaaaaaaaaaa";
        for (target, wanted) in [
            ("/x".to_owned(), QueryError::NotFound),
            ("/announce".into(), QueryError::Parameter("info_hash")),
            (format!("/announce?{hash}"), QueryError::Parameter("port")),
            (format!("/announce?{hash}&port=0"), QueryError::Parameter("port")),
            (format!("/announce?{hash}&port=1&left=-1"), QueryError::Parameter("left")),
            ("/scrape?info_hash=abc".into(), QueryError::Parameter("info_hash")),
        ] {
            assert_eq!(parse_query(&target), Err(wanted), "{target}");
        }
    }

    #[test]
    fn bodies_are_canonical() {
        let response = AnnounceResponse {
            interval: Some(Duration::from_mins(1)),
            seeders: Some(1),
            peers: vec!["1.2.3.4:258".parse().unwrap(), "[::1]:1".parse().unwrap()],
            ..AnnounceResponse::default()
        };
        let compact = announce_response(&response, true);
        let wanted = b"d8:completei1e8:intervali60e5:peers6:\x01\x02\x03\x04\x01\x026:peers618:\
                       \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\x01e";
        assert_eq!(compact.escape_ascii().to_string(), wanted.escape_ascii().to_string());
        let list = announce_response(&response, false);
        let wanted = b"d8:completei1e8:intervali60e5:peersld2:ip7:1.2.3.44:porti258eed2:ip3:::14:porti1eeee";
        assert_eq!(list.escape_ascii().to_string(), wanted.escape_ascii().to_string());
        assert_eq!(failure_response("no"), b"d14:failure reason2:noe");
        let counts = ScrapeCounts { seeders: 1, leechers: 2, downloads: 3 };
        let scrape =
            scrape_response([(*b"bbbbbbbbbbbbbbbbbbbb", counts), (*b"aaaaaaaaaaaaaaaaaaaa", counts)]);
        let entry = "d8:completei1e10:downloadedi3e10:incompletei2ee";
        let wanted = format!("d5:filesd20:{}{entry}20:{}{entry}ee", "a".repeat(20), "b".repeat(20));
        assert_eq!(String::from_utf8(scrape).unwrap(), wanted);
    }
}
