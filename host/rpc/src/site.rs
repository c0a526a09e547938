//! One request from its head to its answer.

use crate::calls::Calls;
use crate::dialect;
use crate::http::body::{self, BodyError};
use crate::http::gate::{Caller, Gate, Page, Verdict, may_be_shared};
use crate::http::packing::Packing;
use crate::http::reply::{self, Content, Reply};
use crate::http::web;
use crate::pages::{Pages, metrics, openapi};
use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{
    ACCEPT_ENCODING, ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, HeaderValue,
    SERVER, VARY, X_FRAME_OPTIONS,
};
use hyper::http::request::Parts;
use hyper::{Method, Request, StatusCode};
use std::path::PathBuf;
use std::sync::Arc;

/// No page of another server may show ours within its own.
const FRAME_POLICY: &str = "frame-ancestors 'self'";

/// Everything that answers requests.
pub(crate) struct Site {
    pub(crate) gate: Arc<Gate>,
    pub(crate) calls: Calls,
    pub(crate) pages: Pages,
    /// The folder of a web client that is served in place of the built-in page.
    pub(crate) web_home: Option<PathBuf>,
}

impl Site {
    /// Answers a request.
    pub(crate) async fn answer(&self, request: Request<Incoming>, caller: Caller) -> Reply {
        let (head, body) = request.into_parts();
        let mut reply = self.judge(&head, body, caller).await;
        if head.method == Method::HEAD {
            *reply.body_mut() = Content::Whole(Bytes::new());
        }
        let shared = self.gate.expects(caller) && may_be_shared(&self.gate.rules(), &head);
        let headers = reply.headers_mut();
        headers.insert(SERVER, HeaderValue::from_static("Transmission"));
        headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN"));
        headers.entry(CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(FRAME_POLICY));
        if shared {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        }
        reply
    }

    async fn judge(&self, head: &Parts, body: Incoming, caller: Caller) -> Reply {
        match self.gate.judge(head, caller).await {
            Verdict::Refused(reply) => {
                body::discard_of_stranger(body).await;
                reply
            }
            Verdict::Repeat(reply) => {
                body::discard(body, crate::limits::BODY_BYTES).await;
                reply
            }
            Verdict::Web(path) => packed(head, web::file(self.web_home.as_deref(), &path).await).await,
            Verdict::Page(page) => self.page(page, head, caller).await,
            Verdict::Call(scope) => match body::read(body).await {
                Ok(body) => match dialect::answer(&self.calls, &body, scope).await {
                    Some(json) => {
                        let kind = "application/json; charset=UTF-8";
                        packed(head, reply::content(StatusCode::OK, kind, json)).await
                    }
                    None => reply::nothing(),
                },
                Err(BodyError::TooLong) => {
                    reply::page(StatusCode::PAYLOAD_TOO_LARGE, "The call is too long.")
                }
                Err(BodyError::Broken) => {
                    reply::page(StatusCode::BAD_REQUEST, "The call did not come in whole.")
                }
            },
        }
    }

    async fn page(&self, page: Page, head: &Parts, caller: Caller) -> Reply {
        match page {
            Page::Health => reply::content(StatusCode::OK, "text/plain; charset=UTF-8", "ok\n"),
            Page::OpenApi => openapi::reply(),
            Page::Metrics => packed(head, metrics::reply(&self.calls.daemon)).await,
            Page::Events => self.pages.events(&self.calls.daemon, head, caller),
        }
    }
}

/// Packs an answer if the client asks for it and it gets smaller by that.
async fn packed(head: &Parts, reply: Reply) -> Reply {
    let accepted =
        head.headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).and_then(Packing::accepted);
    let (mut parts, body) = reply.into_parts();
    let (Some(packing), Content::Whole(plain)) = (accepted, &body) else {
        return Reply::from_parts(parts, body);
    };
    let plain = plain.clone();
    // Megabytes take milliseconds: they must not hold up the network.
    let packed = tokio::task::spawn_blocking(move || packing.pack(&plain)).await.ok().flatten();
    parts.headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    match packed {
        Some(packed) => {
            parts.headers.insert(CONTENT_ENCODING, HeaderValue::from_static(packing.name()));
            Reply::from_parts(parts, Content::Whole(packed))
        }
        None => Reply::from_parts(parts, body),
    }
}
