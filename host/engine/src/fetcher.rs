//! HTTP for what surrounds a torrent: lists of releases, keys, signatures, sums, and images without a torrent.
//!
//! The same client and the same rules as for torrents and web seeds: https never falls to http, redirects and sizes
//! are bounded, and what a stranger names leads to no local address it should not.

use crate::http::{
    Client, Get, HttpError, HttpSettings, Origin, Purpose, Response, Via, gunzip, retry_after,
    without_credentials,
};
use crate::limits::{DOCUMENT_PATIENCE, DOCUMENT_TRIES, MAX_TORRENT_BYTES, REDIRECTS, TORRENT_TIMEOUT};
use bytes::Bytes;
use hyper::header::{CONTENT_RANGE, CONTENT_TYPE, HeaderMap};
use std::ops::Range;
use std::time::Duration;
use tokio::time::{sleep, timeout};
use url::Url;

/// Who named a URL: what decides where it may lead.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NamedBy {
    /// The user, or a table that the user chose.
    User,
    /// A document from somewhere: it may not reach into the local network with a query.
    Document,
}

/// An HTTP client for documents and files. Cloning shares its connections.
#[derive(Clone)]
pub struct Fetcher(Client);

/// An answer whose body is still to come. Dropping it closes the connection.
pub struct Answer(Response);

impl Fetcher {
    /// A client with settings of its own. To be used on a tokio runtime.
    pub fn new(settings: HttpSettings) -> Self {
        Self(Client::with(settings))
    }

    /// One that shares a session's client.
    pub(crate) const fn of(client: Client) -> Self {
        Self(client)
    }

    /// Asks for the bytes of `range`, or for all, and follows up to 10 redirects. An answer of any status is an
    /// answer.
    pub async fn open(
        &self,
        url: &Url,
        named_by: NamedBy,
        range: Option<Range<u64>>,
    ) -> Result<Answer, HttpError> {
        let (origin, own_query) = match named_by {
            NamedBy::User => (Origin::User, url.query().unwrap_or_default().to_owned()),
            NamedBy::Document => (Origin::Torrent, String::new()),
        };
        let get = Get {
            url,
            via: Via::Named(origin),
            purpose: &Purpose::Document { own_query },
            // A part of a compressed body is good for nothing.
            gzip: range.is_none(),
            range,
            redirects: REDIRECTS,
        };
        self.0.get(&get).await.map(Answer)
    }

    /// Like [`Fetcher::open`] for all of a document, with [`Fetcher::patiently`].
    pub async fn ask(&self, url: &Url, named_by: NamedBy) -> Result<Answer, HttpError> {
        let answer = self.open(url, named_by, None).await?;
        self.patiently(answer, url, named_by).await
    }

    /// A server that asks for patience (429, 503 with `Retry-After`) is asked again when it says, if that is soon.
    /// `answer` is what it said to `url`.
    pub async fn patiently(
        &self,
        mut answer: Answer,
        url: &Url,
        named_by: NamedBy,
    ) -> Result<Answer, HttpError> {
        for _ in 1..DOCUMENT_TRIES {
            let pause = answer.retry_after().filter(|pause| *pause <= DOCUMENT_PATIENCE);
            let Some(pause) = pause.filter(|_| matches!(answer.status(), 429 | 503)) else { break };
            drop(answer);
            tracing::info!(url = %without_credentials(url), ?pause, "the server asks for patience");
            sleep(pause).await;
            answer = self.open(url, named_by, None).await?;
        }
        Ok(answer)
    }
}

impl Answer {
    /// The status code.
    pub fn status(&self) -> u16 {
        self.0.status
    }

    /// The URL that answered, after redirects.
    pub fn url(&self) -> &Url {
        &self.0.url
    }

    /// What it says it is, in lower case and without parameters; empty if it says nothing.
    pub fn content_type(&self) -> String {
        let kind = self.0.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// Bytes of the body, if that was told.
    pub fn length(&self) -> Option<u64> {
        self.0.body.length()
    }

    /// The first byte that a partial answer (206) begins with.
    pub fn range_start(&self) -> Option<u64> {
        let text = self.0.headers.get(CONTENT_RANGE)?.to_str().ok()?;
        text.strip_prefix("bytes ")?.split('-').next()?.trim().parse().ok()
    }

    /// Every value of a header field, with the URL that sent it: those of the redirects first, then of the answer
    /// itself.
    pub fn field(&self, name: &str) -> Vec<(Url, String)> {
        let text = |headers: &HeaderMap, url: &Url| {
            let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
            values.map(|value| (url.clone(), value.to_owned())).collect::<Vec<_>>()
        };
        let hops = self.0.hops.iter().flat_map(|hop| text(&hop.headers, &hop.url));
        hops.chain(text(&self.0.headers, &self.0.url)).collect()
    }

    fn retry_after(&self) -> Option<Duration> {
        retry_after(&self.0.headers)
    }

    /// The next bytes of the body; `None` at its end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, HttpError> {
        self.0.body.next().await
    }

    /// The whole body, unpacked, if it has at most `limit` bytes and comes within minutes.
    pub async fn read(self, limit: usize) -> Result<Vec<u8>, HttpError> {
        let read = timeout(TORRENT_TIMEOUT, self.0.read_small(limit)).await;
        read.unwrap_or(Err(HttpError::Timeout("the download")))
    }

    /// The whole body of what may be a torrent; one that is a compressed file itself is unpacked too.
    pub async fn read_torrent(self) -> Result<Vec<u8>, HttpError> {
        let body = self.read(MAX_TORRENT_BYTES).await?;
        if body.starts_with(&[0x1f, 0x8b]) { gunzip(&body, MAX_TORRENT_BYTES) } else { Ok(body) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::test_server::{Reply, TestServer, reply};

    #[tokio::test]
    async fn a_server_that_asks_for_patience_is_asked_again() {
        let server = TestServer::start(|request| match request.connection {
            0 => Reply::Close(reply(429, &[("Retry-After", "0")], b"slow down")),
            _ => Reply::Close(reply(200, &[], b"here")),
        })
        .await;
        let fetcher = Fetcher::new(HttpSettings::default());
        let answer = fetcher.ask(&server.url("/list"), NamedBy::User).await.unwrap();
        assert_eq!((answer.status(), answer.read(10).await.unwrap().as_slice()), (200, b"here".as_slice()));
    }

    #[tokio::test]
    async fn patience_has_an_end() {
        let server = TestServer::start(|_| Reply::Close(reply(503, &[("Retry-After", "0")], b"busy"))).await;
        let fetcher = Fetcher::new(HttpSettings::default());
        let answer = fetcher.ask(&server.url("/list"), NamedBy::User).await.unwrap();
        assert_eq!(answer.status(), 503);
        let server = TestServer::start(|_| Reply::Close(reply(429, &[("Retry-After", "86400")], b""))).await;
        assert_eq!(fetcher.ask(&server.url("/list"), NamedBy::User).await.unwrap().status(), 429);
    }

    #[tokio::test]
    async fn fields_of_every_hop_are_kept() {
        let server = TestServer::start(|request| match request.path.as_str() {
            "/image" => Reply::Close(reply(302, &[("Location", "/mirror"), ("Digest", "a")], b"")),
            _ => Reply::Close(reply(200, &[("Digest", "b")], b"image")),
        })
        .await;
        let fetcher = Fetcher::new(HttpSettings::default());
        let answer = fetcher.open(&server.url("/image"), NamedBy::User, None).await.unwrap();
        let fields = answer.field("digest");
        let told: Vec<_> = fields.iter().map(|(url, value)| (url.path(), value.as_str())).collect();
        assert_eq!(told, [("/image", "a"), ("/mirror", "b")]);
        assert_eq!(answer.url().path(), "/mirror");
    }

    #[tokio::test]
    async fn a_query_of_strangers_does_not_reach_the_local_network() {
        let server = TestServer::start(|_| Reply::Close(reply(200, &[], b""))).await;
        let fetcher = Fetcher::new(HttpSettings::default());
        let url = server.url("/rpc?method=x");
        assert!(fetcher.open(&url, NamedBy::User, None).await.is_ok());
        let error = fetcher.open(&url, NamedBy::Document, None).await.err();
        assert!(matches!(error, Some(HttpError::LocalAddress(_))), "{error:?}");
        assert!(fetcher.open(&server.url("/image.iso"), NamedBy::Document, None).await.is_ok());
    }
}
