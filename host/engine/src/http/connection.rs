//! One connection to one server, HTTP/1.1 or HTTP/2, used for one request at a time.

use super::HttpError;
use super::pool::Seat;
use crate::limits::{HTTP2_WINDOW, MAX_HTTP_HEADER_BYTES, MAX_HTTP_HEADERS, MAX_HTTP_READ, TLS_TIMEOUT};
use bytes::Bytes;
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::rt::{Executor, Read, Write};
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// A connection. Dropping it closes the socket at once, whatever is under way.
pub(super) struct Connection {
    sender: Sender,
    tasks: Tasks,
    pub(super) route: Route,
    /// The right to it, where connections to a host are counted.
    pub(super) seat: Option<Seat>,
}

/// Where a connection leads, and how.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Route {
    /// To a local address.
    pub(super) is_local: bool,
    /// Through the proxy.
    pub(super) is_proxied: bool,
    /// How the server is spoken to.
    pub(super) passage: Passage,
    /// How often the way out had changed when it was made.
    pub(super) changes: u64,
}

/// How a server is spoken to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Passage {
    /// What we send arrives there as it is.
    Direct,
    /// A proxy reads our requests: they name the server, and open the proxy with this field.
    Requests(Option<String>),
}

enum Sender {
    Http1(http1::SendRequest<Empty<Bytes>>),
    Http2(http2::SendRequest<Empty<Bytes>>),
}

impl Connection {
    pub(super) async fn http1<T>(stream: T, route: Route) -> Result<Self, HttpError>
    where
        T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
    {
        let mut builder = http1::Builder::new();
        builder
            .max_buf_size(MAX_HTTP_READ)
            .max_header_size(MAX_HTTP_HEADER_BYTES)
            .max_headers(MAX_HTTP_HEADERS);
        let (sender, driver) = builder.handshake(TokioIo::new(stream)).await?;
        let tasks = Tasks::default();
        tasks.execute(async move {
            // An error reaches whoever waits for the answer.
            let _ = driver.await;
        });
        Ok(Self { sender: Sender::Http1(sender), tasks, route, seat: None })
    }

    pub(super) async fn http2<T>(stream: T, route: Route) -> Result<Self, HttpError>
    where
        TokioIo<T>: Read + Write + Send + Unpin + 'static,
    {
        let tasks = Tasks::default();
        let mut builder = http2::Builder::new(tasks.clone());
        builder
            .timer(TokioTimer::new())
            .max_header_list_size(MAX_HTTP_HEADER_BYTES as u32)
            .initial_stream_window_size(HTTP2_WINDOW)
            .initial_connection_window_size(HTTP2_WINDOW);
        let handshake = timeout(TLS_TIMEOUT, builder.handshake(TokioIo::new(stream))).await;
        let (sender, driver) = handshake.map_err(|_| HttpError::Timeout("the HTTP/2 handshake"))??;
        tasks.execute(async move {
            // An error reaches whoever waits for the answer.
            let _ = driver.await;
        });
        Ok(Self { sender: Sender::Http2(sender), tasks, route, seat: None })
    }

    pub(super) fn is_http2(&self) -> bool {
        matches!(self.sender, Sender::Http2(_))
    }

    pub(super) fn is_closed(&self) -> bool {
        match &self.sender {
            Sender::Http1(sender) => sender.is_closed(),
            Sender::Http2(sender) => sender.is_closed(),
        }
    }

    /// Sends a request and waits for the header lines of its answer.
    pub(super) async fn send(
        &mut self,
        request: Request<Empty<Bytes>>,
    ) -> Result<Response<Incoming>, hyper::Error> {
        match &mut self.sender {
            Sender::Http1(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
            Sender::Http2(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.tasks.abort();
    }
}

/// The tasks behind one connection.
#[derive(Clone, Default)]
struct Tasks(Arc<Mutex<JoinSet<()>>>);

impl Tasks {
    fn abort(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
    }
}

impl<F> Executor<F> for Tasks
where
    F: Future + Send + 'static,
{
    fn execute(&self, future: F) {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that ended are forgotten here, so that a long-lived connection does not collect them.
        while tasks.try_join_next().is_some() {}
        tasks.spawn(async move {
            future.await;
        });
    }
}
