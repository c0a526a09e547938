//! What is done with a torrent before the keeper sees it: fetched, read, parsed, off the keeper's task.

use crate::limits::MAX_TORRENT_FILE;
use crate::{AddError, AddRequest, Source};
use engine::{FetchError, HttpSettings};
use metainfo::{InfoHash, Magnet, Metainfo};
use rustix::fs::OFlags;
use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use url::Url;

/// A torrent ready to be taken in.
pub(crate) struct Prepared {
    pub(crate) request: AddRequest,
    pub(crate) what: What,
}

/// The torrent itself.
pub(crate) enum What {
    /// With everything it says.
    Torrent {
        /// Parsed.
        metainfo: Arc<Metainfo>,
        /// The torrent file.
        bytes: Arc<[u8]>,
    },
    /// By name only.
    Magnet(Box<Magnet>),
}

impl Prepared {
    pub(crate) fn info_hash(&self) -> InfoHash {
        match &self.what {
            What::Torrent { metainfo, .. } => metainfo.info_hash(),
            What::Magnet(magnet) => magnet.info_hash(),
        }
    }
}

/// Gets hold of the torrent and parses it.
pub(crate) async fn prepare(mut request: AddRequest, http: HttpSettings) -> Result<Prepared, AddError> {
    if let Some(path) = request.download_directory.as_ref().filter(|path| !path.is_absolute()) {
        return Err(AddError::RelativePath(path.clone()));
    }
    let source = std::mem::replace(&mut request.source, Source::Metainfo(Vec::new()));
    let what = match source {
        Source::Metainfo(bytes) => parse(bytes).await?,
        Source::Magnet(link) => What::Magnet(Box::new(magnet(&link)?)),
        Source::File(path) => parse(read(&path).await?).await?,
        Source::Url { url, cookies } => fetch(&url, HttpSettings { cookies, ..http }).await?,
    };
    Ok(Prepared { request, what })
}

/// Parsing takes milliseconds for a large torrent: not on a task.
async fn parse(bytes: Vec<u8>) -> Result<What, AddError> {
    let work = move || match Metainfo::parse(&bytes) {
        Ok(metainfo) => Ok(What::Torrent { metainfo: Arc::new(metainfo), bytes: bytes.into() }),
        Err(error) => Err(AddError::Corrupt(error.to_string())),
    };
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(AddError::Closed))
}

fn magnet(link: &str) -> Result<Magnet, AddError> {
    let is_hash = matches!(link.len(), 40) && link.bytes().all(|byte| byte.is_ascii_hexdigit());
    let link = if is_hash { format!("magnet:?xt=urn:btih:{link}") } else { link.to_owned() };
    link.parse().map_err(|error: metainfo::MagnetError| AddError::Unrecognized(error.to_string()))
}

async fn read(path: &Path) -> Result<Vec<u8>, AddError> {
    let owned = path.to_owned();
    let unreadable = |reason| AddError::Unreadable { path: path.to_owned(), reason };
    let bytes =
        tokio::task::spawn_blocking(move || read_regular(&owned)).await.map_err(|_| AddError::Closed)?;
    bytes.map_err(|error| unreadable(error.to_string()))
}

/// Reads a file that is one: a device never ends, and opening a pipe waits for whoever writes to it.
fn read_regular(path: &Path) -> std::io::Result<Vec<u8>> {
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(std::io::Error::other("not a regular file"));
    }
    let mut bytes = Vec::new();
    // What the file says of its length may change while it is read.
    file.take(MAX_TORRENT_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_TORRENT_FILE {
        return Err(std::io::Error::other("larger than any torrent file"));
    }
    Ok(bytes)
}

/// What is behind a URL: a torrent file, or a redirect to a magnet link.
async fn fetch(url: &str, settings: HttpSettings) -> Result<What, AddError> {
    let failed = |text: String| AddError::Fetch { status: None, text };
    let url = Url::parse(url).map_err(|error| AddError::Unrecognized(format!("{url}: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(AddError::Unrecognized(format!("{} URLs cannot be fetched", url.scheme())));
    }
    match engine::fetch_torrent(url, settings).await {
        Ok(bytes) => parse(bytes).await,
        Err(FetchError::Magnet { link, .. }) => Ok(What::Magnet(Box::new(magnet(&link)?))),
        Err(error) => Err(match error {
            FetchError::NotFound { status, .. }
            | FetchError::Forbidden { status, .. }
            | FetchError::Status { status, .. } => {
                AddError::Fetch { status: Some(status), text: error.to_string() }
            }
            FetchError::NotATorrent(_) | FetchError::WebPage(_) | FetchError::Empty(_) => {
                AddError::Corrupt(error.to_string())
            }
            error => failed(error.to_string()),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn a_url_that_leads_to_a_magnet_link_is_that_link() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/download", listener.local_addr().unwrap());
        let link = format!("magnet:?xt=urn:btih:{}&dn=x", "ab".repeat(20));
        let location = link.clone();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await?;
            let _ = stream.read(&mut [0; 4096]).await?;
            let head = format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
            stream.write_all(head.as_bytes()).await
        });
        let prepared = prepare(AddRequest::new(Source::Url { url, cookies: None }), HttpSettings::default())
            .await
            .unwrap();
        let What::Magnet(found) = prepared.what else { panic!("a magnet link") };
        assert_eq!(*found, link.parse().unwrap());
    }

    #[tokio::test]
    async fn only_regular_files_of_bounded_size_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe.torrent");
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        let large = folder.path().join("large.torrent");
        std::fs::File::create(&large).unwrap().set_len(MAX_TORRENT_FILE + 1).unwrap();
        for (path, reason) in [
            (Path::new("/dev/zero"), "not a regular file"),
            (&pipe, "not a regular file"),
            (folder.path(), "not a regular file"),
            (&large, "larger than any torrent file"),
        ] {
            match read(path).await {
                Err(AddError::Unreadable { reason: told, .. }) => assert_eq!(told, reason, "{path:?}"),
                other => panic!("{path:?}: {other:?}"),
            }
        }
        let small = folder.path().join("small.torrent");
        std::fs::write(&small, "de").unwrap();
        assert_eq!(read(&small).await.unwrap(), b"de");
    }
}
