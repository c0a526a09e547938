//! A torrent file from an http or https URL, for people who paste one.

use crate::fetcher::{Answer, Fetcher, NamedBy};
use crate::http::{HttpError, HttpSettings, without_credentials};
use crate::limits::{MAX_XML_PROLOGUE, TORRENT_TIMEOUT};
use hyper::StatusCode;
use thiserror::Error;
use tokio::time::timeout;
use url::Url;

/// Why a URL brought no torrent. Its text is one line that says what to do.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum FetchError {
    /// No answer, or one that cannot be used.
    #[error("cannot fetch {url}: {error}")]
    Http {
        /// What was asked, without credentials.
        url: String,
        /// What went wrong.
        error: HttpError,
    },
    /// The server does not have it (404, 410).
    #[error(
        "{url} is not there (HTTP status {status}); check the address on the page that offers the torrent"
    )]
    NotFound {
        /// What was asked, without credentials.
        url: String,
        /// The status code.
        status: u16,
    },
    /// The server wants to know who asks (401, 403, 407).
    #[error(
        "{url} may not be fetched (HTTP status {status}); download the torrent with a browser and give the file"
    )]
    Forbidden {
        /// What was asked, without credentials.
        url: String,
        /// The status code.
        status: u16,
    },
    /// Any other status than 200.
    #[error("{url} answers with HTTP status {status} {reason}; try again later")]
    Status {
        /// What was asked, without credentials.
        url: String,
        /// The status code.
        status: u16,
        /// What it stands for.
        reason: &'static str,
    },
    /// A web page.
    #[error(
        "{0} is a web page, not a torrent; open it in a browser and copy the link of the .torrent file itself"
    )]
    WebPage(String),
    /// The body ended early.
    #[error("{0} was cut off before its end; try again")]
    Truncated(String),
    /// More than any torrent has.
    #[error("{url} is larger than {} MiB, which no torrent file is; check the address", limit >> 20)]
    TooLarge {
        /// What was asked, without credentials.
        url: String,
        /// Bytes taken at most.
        limit: usize,
    },
    /// No bytes at all.
    #[error("{0} is empty; check the address")]
    Empty(String),
    /// A redirect to a magnet link.
    #[error("{url} leads to a magnet link; give that instead: {link}")]
    Magnet {
        /// What was asked, without credentials.
        url: String,
        /// Where it leads.
        link: String,
    },
    /// A Metalink document, which is not a torrent but leads to what it describes.
    #[error("it is a metalink, not a torrent; give its address to `starling get`")]
    Metalink(Vec<u8>),
    /// Something else.
    #[error("{0} is not a torrent file; check the address")]
    NotATorrent(String),
}

/// Fetches a torrent file; what it is called or said to be does not matter, only what it is. Up to 10 redirects,
/// 64 MiB and 5 minutes; compressed bodies are inflated. The bytes begin as a torrent does and are not parsed.
/// To be called on a tokio runtime; dropping the future closes the connection.
pub async fn fetch_torrent(url: Url, settings: HttpSettings) -> Result<Vec<u8>, FetchError> {
    let name = without_credentials(&url);
    match timeout(TORRENT_TIMEOUT, fetch(&url, &name, settings)).await {
        Ok(result) => result,
        Err(_) => Err(FetchError::Http { url: name, error: HttpError::Timeout("the download") }),
    }
}

/// Fetches a file of any kind that a user names, of at most `limit` bytes. Otherwise as [`fetch_torrent`], but a body
/// that is packed as a whole stays packed.
pub async fn fetch_file(url: Url, settings: HttpSettings, limit: usize) -> Result<Vec<u8>, FetchError> {
    let name = without_credentials(&url);
    let fetch = async {
        let answer = Fetcher::new(settings).open(&url, NamedBy::User, None).await;
        let answer = answer.map_err(|error| FetchError::explain(error, &name))?;
        check_status(answer.status(), &name)?;
        answer.read(limit).await.map_err(|error| FetchError::explain(error, &name))
    };
    match timeout(TORRENT_TIMEOUT, fetch).await {
        Ok(result) => result,
        Err(_) => Err(FetchError::Http { url: name, error: HttpError::Timeout("the download") }),
    }
}

async fn fetch(url: &Url, name: &str, settings: HttpSettings) -> Result<Vec<u8>, FetchError> {
    let answer = Fetcher::new(settings).open(url, NamedBy::User, None).await;
    let answer = answer.map_err(|error| FetchError::explain(error, name))?;
    read_torrent(answer, name).await
}

/// The torrent that an answer brings, if that is one. `name` is how the URL is shown. A metalink is told apart
/// from web pages by [`FetchError::Metalink`].
pub async fn read_torrent(answer: Answer, name: &str) -> Result<Vec<u8>, FetchError> {
    check_status(answer.status(), name)?;
    let is_page = answer.content_type() == "text/html";
    let body = answer.read_torrent().await.map_err(|error| FetchError::explain(error, name))?;
    match body.trim_ascii_start().first() {
        None => Err(FetchError::Empty(name.to_owned())),
        // Every torrent is a dictionary.
        Some(b'd') if body.first() == Some(&b'd') => Ok(body),
        Some(b'<') if is_metalink(&body) => Err(FetchError::Metalink(body)),
        Some(b'<') => Err(FetchError::WebPage(name.to_owned())),
        Some(_) if is_page => Err(FetchError::WebPage(name.to_owned())),
        Some(_) => Err(FetchError::NotATorrent(name.to_owned())),
    }
}

/// Whether this is a Metalink document (RFC 5854), by the name space that it must declare at its beginning.
pub fn is_metalink(bytes: &[u8]) -> bool {
    const NAME_SPACE: &[u8] = b"urn:ietf:params:xml:ns:metalink";
    let beginning = bytes.get(..MAX_XML_PROLOGUE).unwrap_or(bytes);
    beginning.windows(NAME_SPACE.len()).any(|window| window == NAME_SPACE)
}

fn check_status(status: u16, name: &str) -> Result<(), FetchError> {
    let url = name.to_owned();
    match status {
        200 => Ok(()),
        404 | 410 => Err(FetchError::NotFound { url, status }),
        401 | 403 | 407 => Err(FetchError::Forbidden { url, status }),
        _ => {
            let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
            Err(FetchError::Status { url, status, reason: reason.unwrap_or_default() })
        }
    }
}

impl FetchError {
    /// What an error of HTTP means for somebody who wants the torrent called `name`.
    pub fn explain(error: HttpError, name: &str) -> Self {
        let url = name.to_owned();
        match error {
            HttpError::Truncated | HttpError::Encoding("the gzip data ends early") => Self::Truncated(url),
            HttpError::TooLarge { limit } => Self::TooLarge { url, limit },
            HttpError::RedirectToMagnet(link) => Self::Magnet { url, link },
            error => Self::Http { url, error },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::test_server::{Reply, Request, TestServer, reply};
    use crate::limits::MAX_TORRENT_BYTES;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    const TORRENT: &[u8] = b"d4:infod4:name1:xee";

    async fn outcome(
        script: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Result<Vec<u8>, FetchError> {
        let server = TestServer::start(script).await;
        // The port differs with each run, the text must not.
        let url = server.url("/torrent/");
        let strip = |text: String| text.replace(&server.address.to_string(), "host");
        fetch_torrent(url, HttpSettings::default()).await.map_err(|error| match error {
            FetchError::NotFound { url, status } => FetchError::NotFound { url: strip(url), status },
            FetchError::Forbidden { url, status } => FetchError::Forbidden { url: strip(url), status },
            FetchError::Status { url, status, reason } => {
                FetchError::Status { url: strip(url), status, reason }
            }
            FetchError::TooLarge { url, limit } => FetchError::TooLarge { url: strip(url), limit },
            FetchError::Http { url, error } => FetchError::Http { url: strip(url), error },
            FetchError::WebPage(url) => FetchError::WebPage(strip(url)),
            FetchError::Truncated(url) => FetchError::Truncated(strip(url)),
            FetchError::Empty(url) => FetchError::Empty(strip(url)),
            FetchError::Magnet { url, link } => FetchError::Magnet { url: strip(url), link },
            FetchError::NotATorrent(url) => FetchError::NotATorrent(strip(url)),
            FetchError::Metalink(body) => FetchError::Metalink(body),
        })
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[tokio::test]
    async fn a_torrent_is_known_by_its_content() {
        let send = |headers: &'static [(&str, &str)], body: Vec<u8>| {
            outcome(move |_| Reply::Close(reply(200, headers, &body)))
        };
        assert_eq!(send(&[("Content-Type", "text/html")], TORRENT.to_vec()).await.unwrap(), TORRENT);
        assert_eq!(send(&[("Content-Encoding", "gzip")], gzip(TORRENT)).await.unwrap(), TORRENT);
        assert_eq!(send(&[], gzip(TORRENT)).await.unwrap(), TORRENT, "a file that is itself compressed");
        assert_eq!(send(&[("Content-Encoding", "gzip")], gzip(&gzip(TORRENT))).await.unwrap(), TORRENT);
        let redirected = outcome(|request| match request.path.as_str() {
            "/torrent/" => Reply::Keep(reply(302, &[("Location", "/x?y=z")], b"")),
            _ => Reply::Keep(reply(200, &[], TORRENT)),
        });
        assert_eq!(redirected.await.unwrap(), TORRENT);
    }

    #[tokio::test]
    async fn each_failure_says_what_to_do() {
        let url = || "http://host/torrent/".to_owned();
        let truncated = [("Content-Length", "100")];
        for (bytes, error) in [
            (reply(200, &[], b" <!doctype html><p>Hi"), FetchError::WebPage(url())),
            (reply(200, &[("Content-Type", "Text/HTML; charset=x")], b"hello"), FetchError::WebPage(url())),
            (reply(404, &[], b"<html>"), FetchError::NotFound { url: url(), status: 404 }),
            (reply(403, &[], b""), FetchError::Forbidden { url: url(), status: 403 }),
            (
                reply(500, &[], b""),
                FetchError::Status { url: url(), status: 500, reason: "Internal Server Error" },
            ),
            (reply(200, &truncated, TORRENT), FetchError::Truncated(url())),
            (reply(200, &[], &gzip(TORRENT)[..20]), FetchError::Truncated(url())),
            (reply(200, &[], b""), FetchError::Empty(url())),
            (reply(200, &[], b"plain text"), FetchError::NotATorrent(url())),
            (
                reply(302, &[("Location", "magnet:?xt=urn:btih:0")], b""),
                FetchError::Magnet { url: url(), link: "magnet:?xt=urn:btih:0".into() },
            ),
            (
                reply(200, &[("Content-Length", "67108865")], TORRENT),
                FetchError::TooLarge { url: url(), limit: MAX_TORRENT_BYTES },
            ),
            (
                reply(200, &[], &gzip(&vec![0; 80 << 20])),
                FetchError::TooLarge { url: url(), limit: MAX_TORRENT_BYTES },
            ),
        ] {
            let text = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).into_owned();
            let found = outcome(move |_| Reply::Close(bytes.clone())).await.unwrap_err();
            assert_eq!(found, error, "{text}");
            assert!(!found.to_string().contains('\n'), "{found}");
        }
    }
}
