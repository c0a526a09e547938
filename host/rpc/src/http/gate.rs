//! The order in which a request is judged. It is Transmission's, and it matters: what is refused early learns
//! nothing of what comes later, least of all the session id.

use crate::access::credentials::authorize;
use crate::access::guesses::{Guesses, Patience};
use crate::access::hosts::{host_is_ours, origin_is_ours};
use crate::access::scope::Scope;
use crate::access::session_id::SessionId;
use crate::http::reply::{self, Reply};
use crate::http::rules::{HttpSettings, Rules};
use crate::limits::LOGIN_WAIT;
use hyper::header::{ACCESS_CONTROL_REQUEST_HEADERS, AUTHORIZATION, HOST, HeaderName, ORIGIN};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Instant;

/// Where a request comes from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Caller {
    /// Over TCP.
    Address(IpAddr),
    /// Over the unix socket: its mode says who may.
    Socket,
}

/// What becomes of a request.
pub(crate) enum Verdict {
    /// It is answered with this. Some of its body is read away, so that the answer is read.
    Refused(Reply),
    /// As [`Self::Refused`], by somebody who may ask: the whole body is read away.
    Repeat(Reply),
    /// A file of the web client.
    Web(String),
    /// One of our own pages.
    Page(Page),
    /// A call.
    Call(Scope),
}

/// Pages beside the RPC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Page {
    /// `/healthz`
    Health,
    /// `/metrics`
    Metrics,
    /// `/events`
    Events,
    /// `/openapi.json`
    OpenApi,
}

impl Page {
    fn at(path: &str) -> Option<Self> {
        match path {
            "/healthz" => Some(Self::Health),
            "/metrics" => Some(Self::Metrics),
            "/events" => Some(Self::Events),
            "/openapi.json" => Some(Self::OpenApi),
            _ => None,
        }
    }
}

/// Judges requests. The session id and the failed logins outlive a change of the rules.
pub(crate) struct Gate {
    rules: RwLock<Arc<Rules>>,
    session_id: SessionId,
    guesses: Mutex<Guesses>,
}

impl Gate {
    pub(crate) fn new(settings: HttpSettings) -> Self {
        Self {
            rules: RwLock::new(Arc::new(Rules::new(settings))),
            session_id: SessionId::new(Instant::now()),
            guesses: Mutex::default(),
        }
    }

    /// From now on these settings count.
    pub(crate) fn set(&self, settings: HttpSettings) {
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Rules::new(settings));
    }

    /// The rules of now.
    pub(crate) fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The session id of now.
    pub(crate) fn session_id(&self) -> String {
        self.session_id.current(Instant::now())
    }

    /// Is the address one of those that may ask? Others are served apart, so that they take nobody's place.
    pub(crate) fn expects(&self, caller: Caller) -> bool {
        let rules = self.rules();
        match caller {
            Caller::Address(address) if rules.settings.whitelist_enabled => {
                rules.addresses.admits_address(address)
            }
            Caller::Address(_) | Caller::Socket => true,
        }
    }

    /// What becomes of the request with this head?
    pub(crate) async fn judge(&self, head: &Parts, caller: Caller) -> Verdict {
        let rules = self.rules();
        if let Some(refusal) = self.refuse_address(&rules, caller) {
            return Verdict::Refused(refusal);
        }
        let page = Page::at(head.uri.path());
        if page == Some(Page::Health) && head.method == Method::GET {
            return Verdict::Page(Page::Health);
        }
        if head.method == Method::OPTIONS {
            return Verdict::Refused(reply::preflight(head.headers.get(ACCESS_CONTROL_REQUEST_HEADERS)));
        }
        let scope = match self.login(&rules, head, caller).await {
            Ok(scope) => scope,
            Err(refusal) => return Verdict::Refused(refusal),
        };
        let Some(below) = head.uri.path().strip_prefix(rules.url.as_str()) else {
            return match page {
                Some(page) => judge_page(&rules, head, caller, page),
                None => Verdict::Refused(reply::moved(&format!("{}web/", rules.url))),
            };
        };
        let below = below.trim_start_matches('/');
        if matches!(below, "" | "web") {
            return Verdict::Refused(reply::moved(&format!("{}web/", rules.url)));
        }
        if let Some(file) = below.strip_prefix("web/") {
            return match head.method {
                Method::GET | Method::HEAD => Verdict::Web(file.to_owned()),
                _ => Verdict::Refused(reply::page(
                    StatusCode::METHOD_NOT_ALLOWED,
                    "Only GET is possible here.",
                )),
            };
        }
        if let Some(refusal) = refuse_host(&rules, head, caller) {
            return Verdict::Refused(refusal);
        }
        if !matches!(below, "rpc" | "rpc/") {
            return Verdict::Refused(reply::page(StatusCode::NOT_FOUND, "There is nothing here."));
        }
        let told = header_bytes(head, &reply::SESSION_ID);
        if !self.session_id.fits(told, Instant::now()) {
            return Verdict::Repeat(reply::conflict(&self.session_id()));
        }
        if head.method != Method::POST {
            return Verdict::Repeat(reply::page(StatusCode::METHOD_NOT_ALLOWED, "Calls are made with POST."));
        }
        Verdict::Call(scope)
    }

    fn refuse_address(&self, rules: &Rules, caller: Caller) -> Option<Reply> {
        let Caller::Address(address) = caller else { return None };
        let settings = &rules.settings;
        let threshold = settings.anti_brute_force_threshold;
        if settings.anti_brute_force_enabled && self.guesses().is_locked(address, threshold, Instant::now()) {
            return Some(reply::forbidden("Too many unsuccessful login attempts."));
        }
        let admitted = !settings.whitelist_enabled || rules.addresses.admits_address(address);
        (!admitted).then(|| reply::forbidden("Your address is not on <tt>rpc-whitelist</tt>."))
    }

    /// What may the caller do? Failed logins cost their address time, and nobody else's.
    async fn login(&self, rules: &Rules, head: &Parts, caller: Caller) -> Result<Scope, Reply> {
        let settings = &rules.settings;
        let told = head.headers.get(AUTHORIZATION).map(|value| value.to_str().unwrap_or_default());
        let by_token =
            told.is_some_and(|told| told.get(..7).is_some_and(|kind| kind.eq_ignore_ascii_case("bearer ")));
        if !settings.authentication_required && !by_token {
            return Ok(Scope::All);
        }
        let Some(told) = told else {
            self.note_failure(caller);
            return Err(reply::unauthorized());
        };
        if let Caller::Address(address) = caller {
            let patience = self.guesses().begin(address, Instant::now());
            match patience {
                Patience::Try(pause) => tokio::time::sleep(pause).await,
                Patience::TooMany => return Err(reply::too_many(LOGIN_WAIT.as_secs())),
            }
        }
        let Some(scope) = authorize(told, &settings.username, &settings.password, &settings.tokens) else {
            self.note_failure(caller);
            return Err(reply::unauthorized());
        };
        if let Caller::Address(address) = caller {
            self.guesses().succeeded(address);
        }
        Ok(scope)
    }

    fn note_failure(&self, caller: Caller) {
        if let Caller::Address(address) = caller {
            self.guesses().failed(address, Instant::now());
        }
    }

    fn guesses(&self) -> MutexGuard<'_, Guesses> {
        self.guesses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Our own pages are for programs that read; a page of a stranger may not.
fn judge_page(rules: &Rules, head: &Parts, caller: Caller, page: Page) -> Verdict {
    if let Some(refusal) = refuse_host(rules, head, caller) {
        return Verdict::Refused(refusal);
    }
    if head.method != Method::GET {
        return Verdict::Refused(reply::page(StatusCode::METHOD_NOT_ALLOWED, "Only GET is possible here."));
    }
    Verdict::Page(page)
}

/// May a browser hand the answer to the page that asked? Without a password, only to our own: the page of a stranger
/// would learn the session id.
pub(crate) fn may_be_shared(rules: &Rules, head: &Parts) -> bool {
    rules.settings.authentication_required
        || origin_is_ours(header(head, &ORIGIN), header(head, &HOST).unwrap_or_default(), &rules.hosts)
}

/// Refuses names and pages that are not ours. With a password there is no need: a page does not know it. A unix
/// socket is not reached by names at all.
fn refuse_host(rules: &Rules, head: &Parts, caller: Caller) -> Option<Reply> {
    let settings = &rules.settings;
    if settings.authentication_required || !settings.host_whitelist_enabled || caller == Caller::Socket {
        return None;
    }
    let host = header(head, &HOST).unwrap_or_default();
    if !host_is_ours(host, &rules.hosts) {
        return Some(reply::misdirected());
    }
    let ours = origin_is_ours(header(head, &ORIGIN), host, &rules.hosts);
    (!ours).then(|| reply::forbidden("A page of another server may not ask."))
}

fn header<'a>(head: &'a Parts, name: &HeaderName) -> Option<&'a str> {
    head.headers.get(name).map(|value| value.to_str().unwrap_or_default())
}

fn header_bytes<'a>(head: &'a Parts, name: &HeaderName) -> &'a [u8] {
    head.headers.get(name).map_or(b"", |value| value.as_bytes())
}

#[cfg(test)]
#[path = "gate/tests.rs"]
mod tests;
