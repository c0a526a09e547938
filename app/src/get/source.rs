//! Where the torrent comes from, and the names the user gave for peers.

use crate::exit::{Failure, Kind};
use crate::torrent_file;
use engine::{FetchError, HttpSettings};
use metainfo::Metainfo;
use std::ffi::OsStr;
use std::net::{IpAddr, SocketAddr};
use tokio::net::lookup_host;
use tokio::task::spawn_blocking;
use url::Url;

/// Reads and parses the torrent that SOURCE names.
pub(super) async fn read(source: &OsStr, bind: Option<IpAddr>) -> Result<Metainfo, Failure> {
    let bytes = match remote(source)? {
        Some(url) => fetch(url, bind).await?,
        None => read_local(source).await?,
    };
    torrent_file::parse(source, &bytes)
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
async fn read_local(source: &OsStr) -> Result<Vec<u8>, Failure> {
    let source = source.to_owned();
    let read = spawn_blocking(move || torrent_file::read(&source)).await;
    read.unwrap_or_else(|error| Err(Failure::new(Kind::Failed, error)))
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
        let found = lookup_host(peer.as_str())
            .await
            .map_err(|error| Failure::new(Kind::Failed, format_args!("--peer {peer}: {error}")))?;
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
}
