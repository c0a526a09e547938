//! The body of an answer, as it comes and with an end to patience.

use super::HttpError;
use super::connection::Connection;
use super::pool::Server;
use super::{Client, Response};
use crate::limits::{BODY_END_TIMEOUT, HTTP_IDLE_TIMEOUT, HTTP_SLOWEST_BYTES, MAX_DISCARDED_BODY};
use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONTENT_ENCODING, HeaderMap};
use std::io::{self, Write};
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// A body under way. Dropping it before its end closes the connection.
pub(crate) struct Body {
    incoming: Incoming,
    lease: Option<Lease>,
    /// Time spent waiting, and bytes that came, since the last look at the rate.
    waited: Duration,
    came: usize,
}

/// A connection in use, and where it goes afterwards.
pub(super) struct Lease {
    pub(super) client: Client,
    pub(super) server: Server,
    pub(super) connection: Connection,
}

impl Body {
    pub(super) const fn new(incoming: Incoming, lease: Lease) -> Self {
        Self { incoming, lease: Some(lease), waited: Duration::ZERO, came: 0 }
    }

    /// The next bytes, never none; `None` at the end. Nothing is read from the connection between two calls but
    /// what fits its buffer. Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, HttpError> {
        loop {
            let began = Instant::now();
            let frame = timeout(HTTP_IDLE_TIMEOUT, self.incoming.frame()).await;
            self.waited += began.elapsed();
            let Ok(frame) = frame else { return Err(self.stalled()) };
            let Some(frame) = frame else {
                self.give_back();
                return Ok(None);
            };
            // A frame of trailers says nothing that is wanted.
            let Ok(bytes) = frame?.into_data() else { continue };
            if self.waited >= HTTP_IDLE_TIMEOUT {
                if self.came + bytes.len() < HTTP_SLOWEST_BYTES {
                    return Err(self.stalled());
                }
                (self.waited, self.came) = (Duration::ZERO, 0);
            }
            self.came += bytes.len();
            if !bytes.is_empty() {
                return Ok(Some(bytes));
            }
        }
    }

    /// Ends a body of which everything wanted was read: the connection is kept if nothing else comes.
    pub(crate) async fn finish(mut self) {
        // A server that sends more, or does not end, loses its connection here.
        let _ = timeout(BODY_END_TIMEOUT, self.next()).await;
    }

    /// Ends a body that nobody wants to see: the connection is kept if the body is short.
    pub(crate) async fn discard(mut self) {
        if self.incoming.size_hint().upper().is_some_and(|length| length <= MAX_DISCARDED_BODY) {
            let end = async { while let Ok(Some(_)) = self.next().await {} };
            let _ = timeout(BODY_END_TIMEOUT, end).await;
        }
    }

    /// Bytes still to come, if that was told.
    pub(crate) fn length(&self) -> Option<u64> {
        self.incoming.size_hint().exact()
    }

    fn give_back(&mut self) {
        if let Some(Lease { client, server, connection }) = self.lease.take() {
            client.keep(server, connection);
        }
    }

    fn stalled(&mut self) -> HttpError {
        self.lease = None;
        HttpError::Timeout("the body")
    }
}

impl Response {
    /// The whole body, decoded, if it has at most `limit` bytes both before and after inflating.
    pub(crate) async fn read_small(mut self, limit: usize) -> Result<Vec<u8>, HttpError> {
        let too_large = HttpError::TooLarge { limit };
        let mut sink = match encoding(&self.headers)? {
            Encoding::Identity if self.body.length().is_some_and(|length| length > limit as u64) => {
                return Err(too_large);
            }
            Encoding::Identity => Sink::Plain(Limited::new(limit)),
            Encoding::Gzip => Sink::Gzip(Box::new(MultiGzDecoder::new(Limited::new(limit)))),
        };
        let mut left = limit;
        while let Some(bytes) = self.body.next().await? {
            left = left.checked_sub(bytes.len()).ok_or(HttpError::TooLarge { limit })?;
            sink.write(&bytes, limit)?;
        }
        sink.finish(limit)
    }
}

/// Inflates gzip to at most `limit` bytes.
pub(crate) fn gunzip(bytes: &[u8], limit: usize) -> Result<Vec<u8>, HttpError> {
    let mut sink = Sink::Gzip(Box::new(MultiGzDecoder::new(Limited::new(limit))));
    sink.write(bytes, limit)?;
    sink.finish(limit)
}

enum Encoding {
    Identity,
    Gzip,
}

fn encoding(headers: &HeaderMap) -> Result<Encoding, HttpError> {
    let mut values = headers.get_all(CONTENT_ENCODING).iter().map(|value| value.as_bytes().trim_ascii());
    let encoding = match values.next() {
        None => Encoding::Identity,
        Some(value) if value.is_empty() || value.eq_ignore_ascii_case(b"identity") => Encoding::Identity,
        Some(value) if value.eq_ignore_ascii_case(b"gzip") || value.eq_ignore_ascii_case(b"x-gzip") => {
            Encoding::Gzip
        }
        Some(_) => return Err(HttpError::Encoding("an encoding that was not asked for")),
    };
    match values.next() {
        None => Ok(encoding),
        Some(_) => Err(HttpError::Encoding("encoded more than once")),
    }
}

/// Where a small body goes.
enum Sink {
    Plain(Limited),
    Gzip(Box<MultiGzDecoder<Limited>>),
}

impl Sink {
    fn write(&mut self, bytes: &[u8], limit: usize) -> Result<(), HttpError> {
        let result = match self {
            Self::Plain(sink) => sink.write_all(bytes),
            Self::Gzip(decoder) => decoder.write_all(bytes),
        };
        result.map_err(|error| explain(&error, limit))
    }

    fn finish(self, limit: usize) -> Result<Vec<u8>, HttpError> {
        match self {
            Self::Plain(sink) => Ok(sink.bytes),
            Self::Gzip(decoder) => {
                let sink = decoder.finish().map_err(|error| explain(&error, limit))?;
                Ok(sink.bytes)
            }
        }
    }
}

fn explain(error: &io::Error, limit: usize) -> HttpError {
    match error.kind() {
        io::ErrorKind::FileTooLarge => HttpError::TooLarge { limit },
        io::ErrorKind::UnexpectedEof => HttpError::Encoding("the gzip data ends early"),
        _ => HttpError::Encoding("it is not gzip"),
    }
}

/// Bytes up to a limit.
struct Limited {
    bytes: Vec<u8>,
    limit: usize,
}

impl Limited {
    const fn new(limit: usize) -> Self {
        Self { bytes: Vec::new(), limit }
    }
}

impl Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
