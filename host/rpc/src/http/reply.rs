//! Answers that are not JSON, and the body that every answer has.

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_EXPOSE_HEADERS, CONTENT_TYPE,
    HeaderName, HeaderValue, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE,
};
use hyper::{Response, StatusCode};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::mpsc;

/// The header that carries the session id.
pub(crate) const SESSION_ID: HeaderName = HeaderName::from_static("x-transmission-session-id");
/// The header that tells a client that JSON-RPC is spoken.
const RPC_VERSION: HeaderName = HeaderName::from_static("x-transmission-rpc-version");

/// An answer.
pub(crate) type Reply = Response<Content>;

/// What an answer carries.
pub(crate) enum Content {
    /// All of it at once.
    Whole(Bytes),
    /// A stream of events; it ends when its sender does.
    Stream(mpsc::Receiver<Bytes>),
}

impl Body for Content {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Stream(parts) => {
                parts.poll_recv(context).map(|part| part.map(|part| Ok(Frame::data(part))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Stream(_) => SizeHint::default(),
        }
    }
}

/// An answer of this type.
pub(crate) fn content(status: StatusCode, kind: &'static str, bytes: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Content::Whole(bytes.into()));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    reply
}

/// A short page for people.
pub(crate) fn page(status: StatusCode, text: &str) -> Reply {
    let title = status.canonical_reason().unwrap_or_default();
    let code = status.as_u16();
    content(
        status,
        "text/html; charset=UTF-8",
        format!("<!doctype html><title>{code}: {title}</title><h1>{code}: {title}</h1><p>{text}</p>"),
    )
}

/// A stream of server-sent events.
pub(crate) fn stream(parts: mpsc::Receiver<Bytes>) -> Reply {
    let mut reply = Response::new(Content::Stream(parts));
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    reply
}

/// Nothing, with 204.
pub(crate) fn nothing() -> Reply {
    let mut reply = Response::new(Content::Whole(Bytes::new()));
    *reply.status_mut() = StatusCode::NO_CONTENT;
    reply
}

/// 403.
pub(crate) fn forbidden(text: &str) -> Reply {
    page(StatusCode::FORBIDDEN, text)
}

/// 401.
pub(crate) fn unauthorized() -> Reply {
    let mut reply = page(StatusCode::UNAUTHORIZED, "Unauthorized User");
    reply.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"Transmission\""));
    reply
}

/// 429.
pub(crate) fn too_many(seconds: u64) -> Reply {
    let mut reply = page(StatusCode::TOO_MANY_REQUESTS, "Too many failed logins from your address.");
    reply.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    reply
}

/// 301.
pub(crate) fn moved(to: &str) -> Reply {
    let mut reply = page(StatusCode::MOVED_PERMANENTLY, "The web client is elsewhere.");
    if let Ok(location) = HeaderValue::from_str(to) {
        reply.headers_mut().insert(LOCATION, location);
    }
    reply
}

/// 421.
pub(crate) fn misdirected() -> Reply {
    page(
        StatusCode::MISDIRECTED_REQUEST,
        "The name in your request is not one of this server. If it should be, add it to \
         <tt>rpc-host-whitelist</tt>, or use the server's address.",
    )
}

/// 409 with the session id that is good now.
pub(crate) fn conflict(session_id: &str) -> Reply {
    let mut reply = page(
        StatusCode::CONFLICT,
        &format!(
            "Your request had an invalid session id. Repeat it with this header:\
             <p><code>X-Transmission-Session-Id: {session_id}</code></p>"
        ),
    );
    let headers = reply.headers_mut();
    if let Ok(value) = HeaderValue::from_str(session_id) {
        headers.insert(SESSION_ID, value);
    }
    headers.insert(RPC_VERSION, HeaderValue::from_static(crate::identity::RPC_SEMVER));
    headers.insert(
        ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("X-Transmission-Session-Id, X-Transmission-Rpc-Version"),
    );
    reply
}

/// What a browser asks before it calls.
pub(crate) fn preflight(asked_headers: Option<&HeaderValue>) -> Reply {
    let mut reply = content(StatusCode::OK, "text/plain; charset=UTF-8", Bytes::new());
    let headers = reply.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, OPTIONS"));
    if let Some(asked) = asked_headers {
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
    }
    reply
}
