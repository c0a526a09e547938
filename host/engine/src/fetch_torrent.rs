//! A torrent file from an http or https URL, for people who paste one.

use crate::http::{
    Client, Get, HttpError, HttpSettings, Origin, Purpose, Response, Via, gunzip, without_credentials,
};
use crate::limits::{MAX_TORRENT_BYTES, REDIRECTS, TORRENT_TIMEOUT};
use hyper::StatusCode;
use hyper::header::CONTENT_TYPE;
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
    #[error(
        "{0} leads to a magnet link, which is not supported yet; look for a .torrent file on the same page"
    )]
    Magnet(String),
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

async fn fetch(url: &Url, name: &str, settings: HttpSettings) -> Result<Vec<u8>, FetchError> {
    let get = Get {
        url,
        via: Via::Named(Origin::User),
        purpose: &Purpose::Torrent,
        range: None,
        gzip: true,
        redirects: REDIRECTS,
    };
    let explain = |error| explain(error, name);
    let response = Client::with(settings).get(&get).await.map_err(explain)?;
    check_status(response.status, name)?;
    let is_page = is_page(&response);
    let body = response.read_small(MAX_TORRENT_BYTES).await.map_err(explain)?;
    let body = if body.starts_with(&[0x1f, 0x8b]) {
        gunzip(&body, MAX_TORRENT_BYTES).map_err(explain)?
    } else {
        body
    };
    match body.trim_ascii_start().first() {
        None => Err(FetchError::Empty(name.to_owned())),
        // Every torrent is a dictionary.
        Some(b'd') if body.first() == Some(&b'd') => Ok(body),
        Some(b'<') => Err(FetchError::WebPage(name.to_owned())),
        Some(_) if is_page => Err(FetchError::WebPage(name.to_owned())),
        Some(_) => Err(FetchError::NotATorrent(name.to_owned())),
    }
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

fn is_page(response: &Response) -> bool {
    let kind = response.headers.get(CONTENT_TYPE).map(|kind| kind.as_bytes().trim_ascii_start());
    kind.and_then(|kind| kind.get(..9)).is_some_and(|kind| kind.eq_ignore_ascii_case(b"text/html"))
}

fn explain(error: HttpError, name: &str) -> FetchError {
    let url = name.to_owned();
    match error {
        HttpError::Truncated | HttpError::Encoding("the gzip data ends early") => FetchError::Truncated(url),
        HttpError::TooLarge { limit } => FetchError::TooLarge { url, limit },
        HttpError::RedirectToMagnet => FetchError::Magnet(url),
        error => FetchError::Http { url, error },
    }
}
