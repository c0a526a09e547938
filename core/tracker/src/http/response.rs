//! Reads what HTTP trackers answer.

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::indexing_slicing))]

use crate::announce::{AnnounceError, AnnounceResponse, Retry, ScrapeCounts};
use crate::limits::{MAX_COUNT, MAX_RESPONSE_BYTES, MAX_RESPONSE_TOKENS, MAX_TRACKER_ID_BYTES};
use crate::peers::{compact_v4, compact_v6, usable_peers};
use crate::text::clean_text;
use bencode::{Limits, Value, decode_prefix};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// Reads the body of an answer to an announce, already decompressed. Bytes behind the dict are ignored, as trackers
/// that add a line end need; fields of the wrong type count as missing.
pub fn parse_announce_response(body: &[u8]) -> Result<AnnounceResponse, AnnounceError> {
    with_dict(body, |dict| {
        let peers = peer_list(dict, b"peers")
            .chain(dict.get(b"peers6").and_then(Value::bytes).map(compact_v6).into_iter().flatten());
        let tracker_id = dict.get(b"tracker id").and_then(Value::bytes);
        let warning = dict.get(b"warning message").and_then(Value::bytes).map(clean_text);
        Ok(AnnounceResponse {
            interval: seconds(dict, b"interval"),
            min_interval: seconds(dict, b"min interval"),
            seeders: count(dict, b"complete"),
            leechers: count(dict, b"incomplete"),
            downloads: count(dict, b"downloaded"),
            tracker_id: tracker_id.filter(|id| id.len() <= MAX_TRACKER_ID_BYTES).map(<[u8]>::to_vec),
            warning: warning.filter(|text| !text.is_empty()),
            external_ip: dict.get(b"external ip").and_then(Value::bytes).and_then(address),
            peers: usable_peers(peers),
        })
    })
}

/// Reads the body of an answer to a scrape (BEP 48): the counts of one torrent, `None` if it is not listed.
pub fn parse_scrape_response(
    body: &[u8],
    info_hash: &[u8; 20],
) -> Result<Option<ScrapeCounts>, AnnounceError> {
    with_dict(body, |dict| {
        let files = dict.get(b"files").ok_or(AnnounceError::Malformed("a scrape without files"))?;
        Ok(files.get(info_hash).map(|entry| ScrapeCounts {
            seeders: count(entry, b"complete").unwrap_or(0),
            leechers: count(entry, b"incomplete").unwrap_or(0),
            downloads: count(entry, b"downloaded").unwrap_or(0),
        }))
    })
}

/// Decodes the dict and looks for a refusal before anything else.
fn with_dict<T>(
    body: &[u8],
    read: impl FnOnce(Value<'_, '_>) -> Result<T, AnnounceError>,
) -> Result<T, AnnounceError> {
    if body.is_empty() {
        return Err(AnnounceError::Malformed("it is empty"));
    }
    let limits =
        Limits { max_bytes: MAX_RESPONSE_BYTES, max_tokens: MAX_RESPONSE_TOKENS, ..Limits::default() };
    let decoded = decode_prefix(body, limits);
    let (document, _) = decoded.map_err(|_| AnnounceError::Malformed("it is not bencode"))?;
    let dict = document.root();
    if dict.dict().is_none() {
        return Err(AnnounceError::Malformed("it is not a dict"));
    }
    let refusal = dict.get(b"failure reason").or_else(|| dict.get(b"failure_reason"));
    match refusal.and_then(Value::bytes) {
        Some(reason) => Err(AnnounceError::Refused { reason: clean_text(reason), retry: retry(dict) }),
        None => read(dict),
    }
}

/// BEP 31: minutes, or `never`.
fn retry(dict: Value<'_, '_>) -> Option<Retry> {
    let value = dict.get(b"retry in")?;
    if value.bytes() == Some(b"never") {
        return Some(Retry::Never);
    }
    let minutes = value.integer().or_else(|| value.text()?.parse().ok())?;
    let minutes = u64::try_from(minutes).ok()?;
    Some(Retry::After(Duration::from_secs(minutes.saturating_mul(60))))
}

/// A time of at least 0 seconds; a negative one says nothing.
fn seconds(dict: Value<'_, '_>, key: &[u8]) -> Option<Duration> {
    u64::try_from(dict.get(key)?.integer()?).ok().map(Duration::from_secs)
}

/// A number of peers, brought into bounds.
fn count(dict: Value<'_, '_>, key: &[u8]) -> Option<u32> {
    dict.get(key)?.integer().map(|number| number.clamp(0, i64::from(MAX_COUNT)) as u32)
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(v4).into());
    }
    <[u8; 16]>::try_from(bytes).ok().map(|v6| IpAddr::from(Ipv6Addr::from(v6)).to_canonical())
}

/// The peers in either form: compact, or dicts whose `ip` is an address; names of hosts are not looked up.
fn peer_list(dict: Value<'_, '_>, key: &[u8]) -> impl Iterator<Item = SocketAddr> {
    let value = dict.get(key);
    let compact = value.and_then(Value::bytes).map(compact_v4).into_iter().flatten();
    let listed = value.and_then(Value::list).into_iter().flatten().filter_map(|peer| {
        let ip: IpAddr = peer.get(b"ip")?.text()?.parse().ok()?;
        let port = u16::try_from(peer.get(b"port")?.integer()?).ok()?;
        Some(SocketAddr::new(ip, port))
    });
    compact.chain(listed)
}

#[cfg(test)]
mod tests;
