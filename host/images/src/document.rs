//! Short documents from files and URLs.

use engine::{Fetcher, HttpError, NamedBy, without_credentials};
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use thiserror::Error;
use url::Url;

/// Where a document is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Location {
    /// On this machine.
    File(PathBuf),
    /// At an http or https URL.
    Url(Url),
}

/// Why a document could not be had. Its text is one line that names it.
#[derive(Debug, Error)]
pub enum DocumentError {
    /// No answer, or one that cannot be used.
    #[error("cannot fetch {url}: {error}")]
    Http {
        /// What was asked, without credentials.
        url: String,
        /// What went wrong.
        error: HttpError,
    },
    /// Any other status than 200.
    #[error("{url} cannot be had: HTTP status {status}")]
    Status {
        /// What was asked, without credentials.
        url: String,
        /// The status code.
        status: u16,
    },
    /// A file that cannot be read.
    #[error("cannot read {path}: {error}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

impl DocumentError {
    /// Whether there is no such document, which asking again would not change.
    pub fn is_missing(&self) -> bool {
        match self {
            Self::Status { status, .. } => matches!(status, 404 | 410),
            Self::File { error, .. } => error.kind() == io::ErrorKind::NotFound,
            Self::Http { .. } => false,
        }
    }
}

impl Location {
    /// A URL if it is an http or https one, else a file's path.
    pub fn new(text: &str) -> Self {
        let is_url = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host();
        match Url::parse(text).ok().filter(is_url) {
            Some(url) => Self::Url(url),
            None => Self::File(text.into()),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Url(url) => f.write_str(&without_credentials(url)),
        }
    }
}

/// Reads a whole document of at most `limit` bytes.
pub async fn read_document(
    fetcher: &Fetcher,
    location: &Location,
    limit: usize,
) -> Result<Vec<u8>, DocumentError> {
    match location {
        Location::Url(url) => fetch(fetcher, url, NamedBy::User, limit).await,
        Location::File(path) => {
            let (path, failed_path) = (path.clone(), path.clone());
            let read = tokio::task::spawn_blocking(move || read_file(&path, limit)).await;
            let failed = |error| DocumentError::File { path: failed_path, error };
            read.unwrap_or_else(|error| Err(io::Error::other(error))).map_err(failed)
        }
    }
}

/// Fetches a document.
pub(crate) async fn fetch(
    fetcher: &Fetcher,
    url: &Url,
    named_by: NamedBy,
    limit: usize,
) -> Result<Vec<u8>, DocumentError> {
    let failed = |error| DocumentError::Http { url: without_credentials(url), error };
    let answer = fetcher.ask(url, named_by).await.map_err(failed)?;
    match answer.status() {
        200 => answer.read(limit).await.map_err(failed),
        status => Err(DocumentError::Status { url: without_credentials(url), status }),
    }
}

/// Reads a file of at most `limit` bytes. Blocks.
pub(crate) fn read_file(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > limit {
        return Err(io::Error::other(format!("it is larger than {limit} bytes")));
    }
    Ok(bytes)
}
