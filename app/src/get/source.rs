//! What SOURCE is: a torrent, a metalink, a name; and the names the user gave for peers.

use super::GetArgs;
use crate::exit::{Failure, Kind};
use crate::{magnet, torrent_file};
use engine::{FetchError, Fetcher, NamedBy, read_torrent, without_credentials};
use images::Catalogue;
use metainfo::{Magnet, Metainfo};
use std::ffi::OsStr;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use tokio::task::spawn_blocking;
use url::Url;

/// What SOURCE is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Source {
    /// A distribution, and perhaps a version of it.
    Named { name: String, version: Option<String> },
    /// A torrent by its magnet link.
    Magnet(Box<Magnet>),
    /// Something at a URL.
    Remote(Url),
    /// A file, or standard input.
    Local,
}

impl Source {
    /// Tells what SOURCE is without looking at what is in it.
    pub(super) fn of(source: &OsStr, catalogue: &Catalogue) -> Result<Self, Failure> {
        if let Some(magnet) = magnet::of(source)? {
            return Ok(Self::Magnet(Box::new(magnet)));
        }
        if let Some(url) = remote(source)? {
            return Ok(match catalogue.of_torrent_page(&url) {
                Some((distribution, version)) => {
                    Self::Named { name: distribution.name.clone(), version: Some(version) }
                }
                None => Self::Remote(url),
            });
        }
        let Some(text) = source.to_str() else { return Ok(Self::Local) };
        let (name, version) = text.split_once(':').map_or((text, None), |(name, v)| (name, Some(v)));
        if catalogue.get(name).is_some() && version != Some("") {
            let version = version.filter(|version| *version != "latest").map(str::to_owned);
            return Ok(Self::Named { name: name.to_owned(), version });
        }
        let is_word = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric());
        if text.is_empty() || (is_word && !Path::new(source).exists()) {
            let words = format_args!(
                "'{text}' is neither a file nor a distribution with a name; those are {}",
                catalogue.names()
            );
            return Err(Failure::new(Kind::Usage, words));
        }
        Ok(Self::Local)
    }
}

/// The URL, if SOURCE is one that can be fetched.
fn remote(source: &OsStr) -> Result<Option<Url>, Failure> {
    let Some((scheme, _)) = source.to_str().and_then(|text| text.split_once(':')) else { return Ok(None) };
    let text = source.to_string_lossy();
    match scheme.to_ascii_lowercase().as_str() {
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

/// The torrent at a URL.
pub(super) async fn fetch(fetcher: &Fetcher, url: &Url, named_by: NamedBy) -> Result<Metainfo, Failure> {
    let name = without_credentials(url);
    let answer = fetcher.ask(url, named_by).await.map_err(|error| FetchError::explain(error, &name));
    let bytes = match answer {
        Ok(answer) => read_torrent(answer, &name).await,
        Err(error) => Err(error),
    };
    torrent_file::parse(OsStr::new(&name), &bytes.map_err(|error| fetch_failure(&error))?)
}

/// How a URL that brings no torrent ends.
pub(super) fn fetch_failure(error: &FetchError) -> Failure {
    let kind = match error {
        FetchError::WebPage(_)
        | FetchError::NotATorrent(_)
        | FetchError::Empty(_)
        | FetchError::TooLarge { .. }
        | FetchError::Metalink(_)
        | FetchError::Magnet { .. } => Kind::BadTorrent,
        FetchError::Http { .. }
        | FetchError::NotFound { .. }
        | FetchError::Forbidden { .. }
        | FetchError::Status { .. }
        | FetchError::Truncated(_) => Kind::Failed,
    };
    Failure::new(kind, error)
}

/// A pipe may never end: it is read where a signal does not have to wait for it.
pub(super) async fn read_local(source: &OsStr) -> Result<Vec<u8>, Failure> {
    let source = source.to_owned();
    let read = spawn_blocking(move || torrent_file::read(&source)).await;
    read.unwrap_or_else(|error| Err(Failure::new(Kind::Failed, error)))
}

/// The addresses of `--peer`; a name may have several.
pub(super) async fn resolve_peers(args: &GetArgs) -> Result<Vec<SocketAddr>, Failure> {
    let mut addresses = Vec::new();
    for peer in &args.peers {
        let parts = peer.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
        let Some((host, port)) = parts.filter(|(_, port)| *port > 0) else {
            let words = format_args!("--peer {peer}: write HOST:PORT, with an IPv6 address in brackets");
            return Err(Failure::new(Kind::Usage, words));
        };
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if args.hides_us() {
            let address = host.parse::<IpAddr>().map_err(|_| {
                let words = "only the proxy may look names up, and that it cannot; give the address";
                Failure::new(Kind::Usage, format_args!("--peer {peer}: {words}"))
            })?;
            addresses.push(SocketAddr::new(address, port));
            continue;
        }
        let found = args
            .bind()
            .look_up(host, port)
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
    fn names_are_told_from_files_and_urls() {
        let catalogue = Catalogue::built_in().unwrap();
        let named = |name: &str, version: Option<&str>| Source::Named {
            name: name.to_owned(),
            version: version.map(str::to_owned),
        };
        let source = |text: &str| Source::of(OsStr::new(text), &catalogue).map_err(|failure| failure.kind);
        assert_eq!(source("arch"), Ok(named("arch", None)));
        assert_eq!(source("arch:latest"), Ok(named("arch", None)));
        assert_eq!(source("arch:2026.11.01"), Ok(named("arch", Some("2026.11.01"))));
        let page = "https://archlinux.org/releng/releases/2026.11.01/torrent/";
        assert_eq!(source(page), Ok(named("arch", Some("2026.11.01"))));
        for local in ["./arch", "-", "./a:b.torrent", "no such.torrent"] {
            assert_eq!(source(local), Ok(Source::Local), "{local}");
        }
        let link = format!("MAGNET:?xt=urn:btih:{}&dn=x", "0".repeat(40));
        assert!(matches!(source(&link), Ok(Source::Magnet(magnet)) if magnet.name.as_deref() == Some("x")));
        assert_eq!(source("magnet:?xt=urn:btih:00"), Err(Kind::BadTorrent));
        for wrong in ["nosuchdistro", "", "nosuchdistro:1", "arch:", "http://"] {
            assert_eq!(source(wrong), Err(Kind::Usage), "{wrong}");
        }
    }

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
        assert_eq!(kind("ftp://example.org/x.torrent"), Err(Kind::Usage));
        assert_eq!(kind("http://"), Err(Kind::Usage));
    }
}
