//! Magnet links (BEP 9, BEP 53).
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod codec;
mod publisher;
mod selection;

pub use publisher::Publisher;

use crate::limits::{
    MAX_HOST_BYTES, MAX_MAGNET_BYTES, MAX_MAGNET_PEERS, MAX_MAGNET_SOURCES, MAX_MAGNET_TRACKERS,
    MAX_TEXT_BYTES,
};
use crate::names::is_invisible;
use crate::parse::{clean_url, has_scheme};
use crate::{FileIndex, InfoHash, Metainfo};
use bencode::{DictWriter, ListWriter};
use sha1::{Digest, Sha1};
use sha2::Sha256;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// A magnet link. Lists keep the order of the link, hold nothing twice, and are cut at their limits.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Magnet {
    /// SHA-1 info-hash (`xt=urn:btih:`). One of the two hashes or the publisher is always there.
    pub info_hash_v1: Option<[u8; 20]>,
    /// SHA-256 info-hash (`xt=urn:btmh:1220`, BEP 52).
    pub info_hash_v2: Option<[u8; 32]>,
    /// Who says which torrent is the newest (`xs=urn:btpk:` and `s`, BEP 46).
    pub publisher: Option<Publisher>,
    /// What to show until the metadata is known (`dn`); not a file name.
    pub name: Option<String>,
    /// Tracker URLs (`tr`), each a tier of its own.
    pub trackers: Vec<String>,
    /// Web seeds (`ws`).
    pub web_seeds: Vec<String>,
    /// Where the torrent file may be (`xs`). Not to be fetched without asking.
    pub exact_sources: Vec<String>,
    /// Where the data may be (`as`). Not to be fetched without asking.
    pub acceptable_sources: Vec<String>,
    /// Peers, host and port (`x.pe`).
    pub peers: Vec<(String, u16)>,
    /// DHT nodes, host and port (`dht`).
    pub nodes: Vec<(String, u16)>,
    /// The files to fetch (`so`, BEP 53), ascending; empty means all.
    pub selected: Vec<FileIndex>,
}

/// Why text is no magnet link.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum MagnetError {
    /// It does not begin with `magnet:?`.
    #[error("not a magnet link: it does not begin with magnet:?")]
    NotMagnet,
    /// It is longer than [`MAX_MAGNET_BYTES`].
    #[error("the magnet link is longer than {MAX_MAGNET_BYTES} bytes")]
    TooLong,
    /// There is neither an `xt` with an info-hash nor an `xs` with a public key.
    #[error("xt: no info-hash (urn:btih: or urn:btmh:) in the magnet link")]
    MissingHash,
    /// A public key or its salt has the wrong length or wrong characters.
    #[error("xs: not a public key: expected 64 hex digits after urn:btpk:, and at most 128 for the salt (s)")]
    BadKey,
    /// An info-hash has the wrong length or wrong characters.
    #[error(
        "xt: not an info-hash: expected 40 hex or 32 base32 digits after urn:btih:, or 1220 and 64 hex digits after urn:btmh:"
    )]
    BadHash,
}

impl FromStr for Magnet {
    type Err = MagnetError;

    fn from_str(link: &str) -> Result<Self, MagnetError> {
        const PREFIX: &str = "magnet:?";
        let link = link.trim();
        if link.len() > MAX_MAGNET_BYTES {
            return Err(MagnetError::TooLong);
        }
        let (prefix, query) = link.split_at_checked(PREFIX.len()).ok_or(MagnetError::NotMagnet)?;
        if !prefix.eq_ignore_ascii_case(PREFIX) {
            return Err(MagnetError::NotMagnet);
        }
        let mut magnet = Self::default();
        let mut selected = selection::Selection::default();
        let (mut publisher, mut salt) = (None, None);
        for (key, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            let key = key.to_ascii_lowercase();
            match without_number(&key) {
                "xt" => magnet.exact_topic(value)?,
                "xs" if publisher::is_key(value) => publisher = publisher.or(Some(value)),
                "s" => salt = salt.or(Some(value)),
                "so" => selected.add(&codec::decode(value).unwrap_or_default()),
                key => magnet.optional(key, value),
            }
        }
        magnet.selected = selected.finish();
        if let Some(key) = publisher {
            magnet.publisher = Publisher::parse(key, salt);
            if magnet.publisher.is_none() && !magnet.has_hash() {
                return Err(MagnetError::BadKey);
            }
        }
        if !magnet.has_hash() && magnet.publisher.is_none() {
            return Err(MagnetError::MissingHash);
        }
        Ok(magnet)
    }
}

/// `tr.1` as `tr`.
fn without_number(key: &str) -> &str {
    match key.rsplit_once('.') {
        Some((key, number)) if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) => key,
        _ => key,
    }
}

impl Magnet {
    /// Whether the link says which torrent it means; one with a publisher alone does not.
    pub const fn has_hash(&self) -> bool {
        self.info_hash_v1.is_some() || self.info_hash_v2.is_some()
    }

    /// The hash the torrent goes by where only one can be told: v1 if the link has one. A link that has none goes by the
    /// target of its publisher, which is no torrent's.
    pub fn info_hash(&self) -> InfoHash {
        match (self.info_hash_v1, self.info_hash_v2, &self.publisher) {
            (Some(hash), ..) => InfoHash::V1(hash),
            (None, None, Some(publisher)) => InfoHash::V1(publisher.target()),
            (None, hash, _) => InfoHash::V2(hash.unwrap_or_default()),
        }
    }

    /// Whether this is the torrent that the link means: it has every hash of the link, which has one.
    pub fn means(&self, metainfo: &Metainfo) -> bool {
        let is_same_v1 = self.info_hash_v1.is_none() || self.info_hash_v1 == metainfo.info_hash_v1;
        let is_same_v2 = self.info_hash_v2.is_none() || self.info_hash_v2 == metainfo.info_hash_v2;
        self.has_hash() && is_same_v1 && is_same_v2
    }

    /// Whether these bytes are the info dict that the link means: they have every hash of the link, which has one.
    pub fn is_info(&self, bytes: &[u8]) -> bool {
        let is_v1 = |hash: [u8; 20]| <[u8; 20]>::from(Sha1::digest(bytes)) == hash;
        let is_v2 = |hash: [u8; 32]| <[u8; 32]>::from(Sha256::digest(bytes)) == hash;
        self.has_hash() && self.info_hash_v1.is_none_or(is_v1) && self.info_hash_v2.is_none_or(is_v2)
    }

    /// Takes over what a torrent file of the same torrent says beside its info dict.
    pub fn join(&mut self, metainfo: &Metainfo) {
        join(&mut self.trackers, metainfo.trackers.iter().flatten());
        join(&mut self.web_seeds, metainfo.web_seeds.iter());
        join(&mut self.nodes, metainfo.nodes.iter());
    }

    /// A torrent file of an info dict and of what the link says beside it.
    pub fn torrent_file(&self, info: &[u8]) -> Vec<u8> {
        let mut file = DictWriter::new();
        file.raw("info", info);
        if let Some(first) = self.trackers.first() {
            file.bytes("announce", first);
        }
        if self.trackers.len() > 1 {
            let mut tiers = ListWriter::new();
            for tracker in &self.trackers {
                tiers.list(ListWriter::new().bytes(tracker));
            }
            file.list("announce-list", &tiers);
        }
        if !self.web_seeds.is_empty() {
            let mut urls = ListWriter::new();
            for url in &self.web_seeds {
                urls.bytes(url);
            }
            file.list("url-list", &urls);
        }
        if !self.nodes.is_empty() {
            let mut nodes = ListWriter::new();
            for (host, port) in &self.nodes {
                nodes.list(ListWriter::new().bytes(host).integer(i64::from(*port)));
            }
            file.list("nodes", &nodes);
        }
        file.encode()
    }

    fn exact_topic(&mut self, value: &str) -> Result<(), MagnetError> {
        let topic = codec::decode(value).ok_or(MagnetError::BadHash)?;
        let lower = topic.to_ascii_lowercase();
        if let Some(digits) = lower.strip_prefix("urn:btih:") {
            let hash = codec::info_hash_v1(digits).ok_or(MagnetError::BadHash)?;
            self.info_hash_v1.get_or_insert(hash);
        } else if let Some(digits) = lower.strip_prefix("urn:btmh:") {
            let digits = digits.strip_prefix("1220").ok_or(MagnetError::BadHash)?;
            let hash = crate::unhex(digits).ok_or(MagnetError::BadHash)?;
            self.info_hash_v2.get_or_insert(hash);
        }
        Ok(())
    }

    /// Takes a parameter that may be wrong without harm.
    fn optional(&mut self, key: &str, value: &str) {
        if key == "dn" {
            let name = codec::decode(&value.replace('+', " ")).unwrap_or_default();
            let name: String = name.chars().filter(|c| !c.is_control() && !is_invisible(*c)).collect();
            let name = name.get(..name.floor_char_boundary(MAX_TEXT_BYTES)).unwrap_or_default();
            if !name.is_empty() {
                self.name.get_or_insert_with(|| name.to_owned());
            }
            return;
        }
        let Some(value) = codec::decode(value) else { return };
        match key {
            "tr" => add(&mut self.trackers, url(&value), MAX_MAGNET_TRACKERS),
            "ws" => add(&mut self.web_seeds, url(&value), MAX_MAGNET_SOURCES),
            "xs" => add(&mut self.exact_sources, source(&value), MAX_MAGNET_SOURCES),
            "as" => add(&mut self.acceptable_sources, source(&value), MAX_MAGNET_SOURCES),
            "x.pe" => add(&mut self.peers, address(&value), MAX_MAGNET_PEERS),
            "dht" => add(&mut self.nodes, address(&value), MAX_MAGNET_PEERS),
            _ => {}
        }
    }
}

/// Adds those that are new.
fn join<'a, T: PartialEq + Clone + 'a>(list: &mut Vec<T>, more: impl Iterator<Item = &'a T>) {
    for item in more {
        if !list.contains(item) {
            list.push(item.clone());
        }
    }
}

fn add<T: PartialEq>(list: &mut Vec<T>, item: Option<T>, limit: usize) {
    if let Some(item) = item.filter(|item| list.len() < limit && !list.contains(item)) {
        list.push(item);
    }
}

fn url(value: &str) -> Option<String> {
    source(value).filter(|url| has_scheme(url))
}

fn source(value: &str) -> Option<String> {
    clean_url(value.as_bytes())
}

/// `host:port` or `[v6 address]:port`.
fn address(value: &str) -> Option<(String, u16)> {
    let (host, port) = value.rsplit_once(':')?;
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host = match bracketed {
        Some(host) => host,
        None if host.contains(':') => return None,
        None => host,
    };
    let plausible = |c: char| c.is_ascii_alphanumeric() || ".-_:%".contains(c);
    let good = !host.is_empty() && host.len() <= MAX_HOST_BYTES && host.chars().all(plausible);
    let port = port.parse().ok().filter(|port| *port != 0)?;
    good.then(|| (host.to_owned(), port))
}

impl fmt::Display for Magnet {
    /// The link, everything in it percent-encoded. Reading it gives an equal [`Magnet`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if let Some(hash) = self.info_hash_v1 {
            parts.push(format!("xt=urn:btih:{}", crate::hex(&hash)));
        }
        if let Some(hash) = self.info_hash_v2 {
            parts.push(format!("xt=urn:btmh:1220{}", crate::hex(&hash)));
        }
        if let Some(publisher) = &self.publisher {
            parts.push(publisher.to_string());
        }
        let named = [
            ("tr", &self.trackers),
            ("ws", &self.web_seeds),
            ("xs", &self.exact_sources),
            ("as", &self.acceptable_sources),
        ];
        parts.extend(self.name.iter().map(|name| format!("dn={}", codec::encode(name))));
        for (key, values) in named {
            parts.extend(values.iter().map(|value| format!("{key}={}", codec::encode(value))));
        }
        for (key, addresses) in [("x.pe", &self.peers), ("dht", &self.nodes)] {
            parts.extend(addresses.iter().map(|(host, port)| {
                let is_ipv6 = host.contains(':');
                let host = codec::encode_host(host);
                if is_ipv6 { format!("{key}=[{host}]:{port}") } else { format!("{key}={host}:{port}") }
            }));
        }
        if !self.selected.is_empty() {
            parts.push(format!("so={}", selection::format(&self.selected)));
        }
        write!(f, "magnet:?{}", parts.join("&"))
    }
}

impl Metainfo {
    /// A magnet link to this torrent, with its trackers and web seeds.
    pub fn magnet(&self) -> Magnet {
        Magnet {
            info_hash_v1: self.info_hash_v1,
            info_hash_v2: self.info_hash_v2,
            name: Some(self.name.clone()),
            trackers: self.trackers.iter().flatten().take(MAX_MAGNET_TRACKERS).cloned().collect(),
            web_seeds: self.web_seeds.iter().take(MAX_MAGNET_SOURCES).cloned().collect(),
            ..Magnet::default()
        }
    }
}

#[cfg(test)]
mod tests;
