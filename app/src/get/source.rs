//! Where the torrent comes from, and the names the user gave for peers.

use crate::exit::{Failure, Kind, system_words};
use engine::{FetchError, HttpSettings};
use metainfo::Metainfo;
use std::ffi::OsStr;
use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use tokio::net::lookup_host;
use tokio::task::spawn_blocking;
use url::Url;

/// A torrent file has at most so many bytes.
const LONGEST_TORRENT: u64 = 64 << 20;

/// Reads and parses the torrent that SOURCE names.
pub(super) async fn read(source: &OsStr, bind: Option<IpAddr>) -> Result<Metainfo, Failure> {
    let shown = if source == "-" { "standard input".into() } else { source.to_string_lossy() };
    let bytes = match remote(source)? {
        Some(url) => fetch(url, bind).await?,
        None => read_local(source, &shown).await?,
    };
    let bad =
        |problem: &dyn std::fmt::Display| Failure::new(Kind::BadTorrent, format_args!("{shown}: {problem}"));
    if let Some(problem) = not_even_bencode(&bytes) {
        return Err(bad(&problem));
    }
    Metainfo::parse(&bytes).map_err(|error| bad(&error))
}

/// The URL, if SOURCE is one that can be fetched.
fn remote(source: &OsStr) -> Result<Option<Url>, Failure> {
    let Some((scheme, _)) = source.to_str().and_then(|text| text.split_once(':')) else { return Ok(None) };
    let text = source.to_string_lossy();
    match scheme.to_ascii_lowercase().as_str() {
        "magnet" => {
            let words = "magnet links are not supported yet; give the .torrent file or its URL";
            Err(Failure::new(Kind::BadTorrent, words))
        }
        "http" | "https" => Url::parse(&text)
            .map(Some)
            .map_err(|error| Failure::new(Kind::Usage, format_args!("{text}: {error}"))),
        _ if text.contains("://") => {
            let words = format_args!("{text}: only http and https URLs can be fetched");
            Err(Failure::new(Kind::Usage, words))
        }
        _ => Ok(None),
    }
}

async fn fetch(url: Url, bind: Option<IpAddr>) -> Result<Vec<u8>, Failure> {
    let settings = HttpSettings { bind, ..HttpSettings::default() };
    engine::fetch_torrent(url, settings).await.map_err(|error| {
        let kind = match error {
            FetchError::WebPage(_)
            | FetchError::NotATorrent(_)
            | FetchError::Empty(_)
            | FetchError::TooLarge { .. }
            | FetchError::Magnet(_) => Kind::BadTorrent,
            FetchError::Http { .. }
            | FetchError::NotFound { .. }
            | FetchError::Forbidden { .. }
            | FetchError::Status { .. }
            | FetchError::Truncated(_) => Kind::Failed,
        };
        Failure::new(kind, error)
    })
}

/// A pipe may never end: it is read where a signal does not have to wait for it.
async fn read_local(source: &OsStr, shown: &str) -> Result<Vec<u8>, Failure> {
    let path = (source != "-").then(|| PathBuf::from(source));
    let read =
        spawn_blocking(move || read_all(path)).await.unwrap_or_else(|error| Err(io::Error::other(error)));
    let failed =
        |error| Failure::new(Kind::Failed, format_args!("cannot read {shown}: {}", system_words(&error)));
    let bytes = read.map_err(failed)?;
    if bytes.len() as u64 > LONGEST_TORRENT {
        let words = format_args!("{shown}: larger than 64 MiB, which no torrent file is");
        return Err(Failure::new(Kind::BadTorrent, words));
    }
    Ok(bytes)
}

fn read_all(path: Option<PathBuf>) -> io::Result<Vec<u8>> {
    let reader: Box<dyn Read> = match path {
        Some(path) => Box::new(std::fs::File::open(path)?),
        None => Box::new(io::stdin()),
    };
    let mut bytes = Vec::new();
    reader.take(LONGEST_TORRENT + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What people give instead of a torrent by mistake, told better than a parser can.
fn not_even_bencode(bytes: &[u8]) -> Option<&'static str> {
    let text = bytes.trim_ascii_start();
    let begins = |what: &[u8]| text.get(..what.len()).is_some_and(|start| start.eq_ignore_ascii_case(what));
    if begins(b"<!doctype html") || begins(b"<html") {
        Some("not a torrent but an HTML page, perhaps of an error or a log-in; open it in a browser to see")
    } else if bytes.starts_with(b"\x1f\x8b") {
        Some("not a torrent but gzip data; unpack it with gunzip first")
    } else if begins(b"magnet:") {
        Some("not a torrent but the text of a magnet link, which is not supported yet")
    } else {
        None
    }
}

/// The addresses of `--peer`; a name may have several.
pub(super) async fn resolve_peers(peers: &[String]) -> Result<Vec<SocketAddr>, Failure> {
    let mut addresses = Vec::new();
    for peer in peers {
        let has_port =
            peer.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok_and(|port| port > 0));
        if !has_port {
            let words = format_args!("--peer {peer}: write HOST:PORT, with an IPv6 address in brackets");
            return Err(Failure::new(Kind::Usage, words));
        }
        let found = lookup_host(peer.as_str()).await.map_err(|error| {
            Failure::new(Kind::Failed, format_args!("--peer {peer}: {}", system_words(&error)))
        })?;
        addresses.extend(found);
    }
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_a_url_or_a_file() {
        let kind = |source: &str| match remote(OsStr::new(source)) {
            Ok(url) => Ok(url.is_some()),
            Err(failure) => Err(failure.kind),
        };
        assert_eq!(kind("https://example.org/torrent/"), Ok(true));
        assert_eq!(kind("HTTP://example.org/x"), Ok(true));
        assert_eq!(kind("./a:b.torrent"), Ok(false));
        assert_eq!(kind("-"), Ok(false));
        assert_eq!(kind("magnet:?xt=urn:btih:00"), Err(Kind::BadTorrent));
        assert_eq!(kind("ftp://example.org/x.torrent"), Err(Kind::Usage));
        assert_eq!(kind("http://"), Err(Kind::Usage));
    }

    #[test]
    fn common_mistakes_have_names() {
        let words = |bytes: &[u8]| not_even_bencode(bytes).unwrap_or_default();
        assert!(words(b"\n <!DOCTYPE HTML><title>404").contains("HTML page"));
        assert!(words(b"\x1f\x8b\x08").contains("gzip"));
        assert!(words(b"magnet:?xt=").contains("magnet"));
        assert_eq!(words(b"d4:infod"), "");
    }
}
