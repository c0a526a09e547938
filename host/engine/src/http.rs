//! HTTP for trackers, web seeds and torrent files: GET only, over HTTP/1.1 and HTTP/2, with every size and time
//! bounded.
//!
//! The steps that matter are ours: a host's addresses are looked up, filtered by the rule for local addresses, and
//! connected to as they were checked; each redirect goes through the same steps. `hyper` reads and writes.

mod address;
mod body;
mod connect;
mod connection;
mod error;
mod pool;
mod redirect;
#[cfg(test)]
pub(crate) mod test_server;
#[cfg(test)]
mod tests;
mod tls;

pub(crate) use address::{Origin, Purpose, Via, is_local, names_local};
pub(crate) use body::{Body, gunzip};
pub use error::HttpError;
pub(crate) use redirect::retry_after;

use crate::bind::Bind;
use crate::limits::{
    HTTP_HEADER_TIMEOUT, IDLE_CONNECTION_LIFE, MAX_URL_BYTES, MAX_WEB_SEED_CONNECTIONS_PER_HOST,
};
use crate::proxy::{Blame, Exit, Place, Proxy, ProxyFor, Refusal, Traffic};
use address::may_be_local;
use body::Lease;
use bytes::Bytes;
use connect::Destination;
use connection::{Connection, Passage, Route};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, COOKIE, HOST, HeaderMap, HeaderValue, PROXY_AUTHORIZATION, RANGE,
    USER_AGENT,
};
use pool::{Pool, Server};
use redirect::{is_redirect, same_server};
use rustls::ClientConfig;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio::time::{sleep, timeout};
use url::{Position, Url};

/// How we call ourselves; some mirrors turn away programs without a name.
const AGENT: &str = concat!("starling/", env!("CARGO_PKG_VERSION"));

/// Settings of an HTTP client.
#[derive(Clone, Debug, Default)]
pub struct HttpSettings {
    /// Our own end of every connection.
    pub bind: Bind,
    /// A file of certificates (PEM) that are trusted beside the system's.
    pub extra_ca: Option<PathBuf>,
    /// Everything goes through it.
    pub proxy: Option<Proxy>,
    /// A `Cookie` header for the server that is asked first; redirects to others do not get it.
    pub cookies: Option<String>,
}

/// An HTTP client. Cloning shares it and its connections.
#[derive(Clone)]
pub(crate) struct Client(Arc<Inner>);

struct Inner {
    settings: HttpSettings,
    /// Read when the first https URL is asked.
    tls: OnceCell<Arc<ClientConfig>>,
    pool: Pool,
    exit: Exit,
}

/// One GET request.
pub(crate) struct Get<'a> {
    pub(crate) url: &'a Url,
    /// How we came to the URL.
    pub(crate) via: Via,
    pub(crate) purpose: &'a Purpose,
    /// The bytes wanted, never empty; `None` for all.
    pub(crate) range: Option<Range<u64>>,
    /// A compressed body is welcome.
    pub(crate) gzip: bool,
    /// Redirects followed at most.
    pub(crate) redirects: usize,
}

/// An answer whose body is still to come.
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
    /// The URL that answered, and how we came to it.
    pub(crate) url: Url,
    pub(crate) via: Via,
    /// A local address answered.
    pub(crate) is_local: bool,
    /// The answers that redirected us on the way here, in order.
    pub(crate) hops: Vec<Hop>,
}

/// An answer that was a redirect.
pub(crate) struct Hop {
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
}

impl Client {
    /// A client of a session.
    pub(crate) fn new(exit: Exit, extra_ca: Option<PathBuf>) -> Self {
        let settings = HttpSettings { bind: exit.bind(), extra_ca, ..HttpSettings::default() };
        Self(Arc::new(Inner { settings, tls: OnceCell::new(), pool: Pool::default(), exit }))
    }

    /// A client with settings of its own.
    pub(crate) fn with(settings: HttpSettings) -> Self {
        let exit = Exit::new(settings.bind, settings.proxy.clone(), ProxyFor::default());
        Self(Arc::new(Inner { settings, tls: OnceCell::new(), pool: Pool::default(), exit }))
    }

    /// Asks, and follows redirects, until an answer is not one. An answer of any status is an answer. Dropping the
    /// future, or the answer before its end, closes the connection.
    pub(crate) async fn get(&self, get: &Get<'_>) -> Result<Response, HttpError> {
        let mut url = get.url.clone();
        url.set_fragment(None);
        let mut via = get.via;
        let mut hops: Vec<Hop> = Vec::new();
        loop {
            let mut response = self.ask(get, &url, via).await?;
            if !is_redirect(response.status) {
                response.hops = hops;
                return Ok(response);
            }
            let mut target = redirect::target(&url, &response.headers)?;
            let from_local = response.is_local;
            response.body.discard().await;
            let same_server = same_server(&url, &target);
            if same_server {
                // Setting what was there before cannot fail.
                let _ = target.set_username(url.username());
                let _ = target.set_password(url.password());
            }
            via = Via::Redirect { from_local, same_server };
            hops.push(Hop { url: std::mem::replace(&mut url, target), headers: response.headers });
            if hops.len() > get.redirects || hops.iter().any(|hop| hop.url == url) {
                return Err(HttpError::RedirectLoop(get.redirects));
            }
        }
    }

    /// One request to one server.
    async fn ask(&self, get: &Get<'_>, url: &Url, via: Via) -> Result<Response, HttpError> {
        let server = server(url)?;
        let local = may_be_local(url, via, get.purpose);
        let cookies = self.0.settings.cookies.as_deref().filter(|_| same_server(get.url, url));
        let traffic = traffic(get.purpose);
        while let Some(mut connection) = self.0.pool.take(&server, self.0.exit.of(traffic).is_some(), local) {
            // An idle connection may turn out to be closed; that says nothing about the server.
            match exchange(&mut connection, get, url, cookies).await {
                Ok(answer) => return Ok(self.respond(answer, connection, server, url, via)),
                Err(HttpError::Truncated) => {}
                Err(error) => return Err(error),
            }
        }
        let seat = match get.purpose {
            Purpose::WebSeed { .. } => {
                let seat = self.0.pool.seat(&server.host, MAX_WEB_SEED_CONNECTIONS_PER_HOST);
                Some(seat.ok_or_else(|| match via {
                    Via::Named(_) => HttpError::NoSeat(server.host.clone()),
                    Via::Redirect { .. } => HttpError::Crowded(server.host.clone()),
                })?)
            }
            Purpose::Document { .. } | Purpose::Tracker { .. } => None,
        };
        let mut connection = self.connect(&server, traffic, local).await?;
        connection.seat = seat;
        let answer = exchange(&mut connection, get, url, cookies).await?;
        Ok(self.respond(answer, connection, server, url, via))
    }

    fn respond(
        &self,
        answer: hyper::Response<Incoming>,
        connection: Connection,
        server: Server,
        url: &Url,
        via: Via,
    ) -> Response {
        let is_local = connection.route.is_local;
        let (head, incoming) = answer.into_parts();
        let body = Body::new(incoming, Lease { client: self.clone(), server, connection });
        let (status, headers) = (head.status.as_u16(), head.headers);
        Response { status, headers, body, url: url.clone(), via, is_local, hops: Vec::new() }
    }

    async fn connect(
        &self,
        server: &Server,
        traffic: Traffic,
        may_be_local: bool,
    ) -> Result<Connection, HttpError> {
        // The settings come first: a handshake must not time out while files are read.
        let tls = if server.tls { Some(self.tls(&server.host).await?) } else { None };
        let (stream, route) = self.route(server, traffic, may_be_local).await?;
        let Some(tls) = tls else { return Connection::http1(stream, route).await };
        let stream = tls::handshake(tls, &server.host, stream).await?;
        if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
            Connection::http2(stream, route).await
        } else {
            Connection::http1(stream, route).await
        }
    }

    /// The way to a server: straight, or through the proxy, and never straight where there is one.
    async fn route(
        &self,
        server: &Server,
        traffic: Traffic,
        may_be_local: bool,
    ) -> Result<(TcpStream, Route), HttpError> {
        let (bind, changes) = (self.0.settings.bind, self.0.exit.changes());
        let Some(proxy) = self.0.exit.of(traffic) else {
            let to = Destination { host: &server.host, port: server.port, bind, may_be_local };
            let (stream, remote) = connect::connect(&to).await?;
            let is_local = is_local(remote.ip());
            return Ok((stream, Route { is_local, is_proxied: false, passage: Passage::Direct, changes }));
        };
        // What a name leads to is known to the proxy alone.
        let is_local = names_local(&server.host);
        if is_local && !may_be_local {
            return Err(HttpError::LocalAddress(server.host.clone()));
        }
        let told = |Refusal { reason, .. }| HttpError::Proxy { proxy: proxy.to_string(), reason };
        let place =
            Place::new(&server.host, server.port).ok_or(HttpError::BadUrl("its host's name is too long"))?;
        let (stream, passage) = match proxy.connect(bind, &place).await {
            Ok(stream) => (stream, Passage::Direct),
            // It may still read our requests, and pass those on.
            Err(Refusal { blame: Blame::Tunnels, .. }) if !server.tls => {
                let (stream, _) = proxy.dial(bind).await.map_err(told)?;
                (stream, Passage::Requests(proxy.authorization()))
            }
            Err(refusal) => return Err(told(refusal)),
        };
        Ok((stream, Route { is_local, is_proxied: true, passage, changes }))
    }

    async fn tls(&self, host: &str) -> Result<Arc<ClientConfig>, HttpError> {
        let failed = |reason: String| HttpError::Tls { host: host.to_owned(), reason };
        let configure = || async {
            let extra_ca = self.0.settings.extra_ca.clone();
            let configure = move || tls::configure(extra_ca.as_deref());
            tokio::task::spawn_blocking(configure)
                .await
                .map_err(|error| failed(error.to_string()))?
                .map_err(failed)
        };
        self.0.tls.get_or_try_init(configure).await.cloned()
    }

    /// Closes every connection that is in no use.
    pub(crate) fn close_idle(&self) {
        self.0.pool.clear();
    }

    /// Takes back a connection whose answer was read to its end.
    fn keep(&self, server: Server, connection: Connection) {
        if connection.route.changes != self.0.exit.changes() {
            return;
        }
        self.0.pool.put(server, connection);
        if self.0.pool.start_sweeping() {
            let inner = Arc::downgrade(&self.0);
            tokio::spawn(async move {
                loop {
                    sleep(IDLE_CONNECTION_LIFE).await;
                    let Some(inner) = inner.upgrade() else { return };
                    if !inner.pool.sweep() {
                        return;
                    }
                }
            });
        }
    }
}

/// A URL as it may be shown and logged: without user name and password.
pub fn without_credentials(url: impl AsRef<str>) -> String {
    let text = url.as_ref();
    let Ok(mut url) = Url::parse(text) else { return text.to_owned() };
    if url.username().is_empty() && url.password().is_none() {
        return text.to_owned();
    }
    // A URL without a host has no credentials either.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.into()
}

/// What of a proxy's traffic a request is.
const fn traffic(purpose: &Purpose) -> Traffic {
    match purpose {
        Purpose::Document { .. } => Traffic::Documents,
        Purpose::Tracker { .. } => Traffic::Trackers,
        Purpose::WebSeed { .. } => Traffic::WebSeeds,
    }
}

/// A connection to a host that the user named, the quickest of its addresses, and which that is.
pub(crate) async fn connect_to(
    host: &str,
    port: u16,
    bind: Bind,
) -> Result<(TcpStream, SocketAddr), HttpError> {
    connect::connect(&Destination { host, port, bind, may_be_local: true }).await
}

fn server(url: &Url) -> Result<Server, HttpError> {
    let tls = match url.scheme() {
        "http" => false,
        "https" => true,
        _ => return Err(HttpError::BadUrl("it is neither http nor https")),
    };
    if url.as_str().len() > MAX_URL_BYTES {
        return Err(HttpError::BadUrl("it is too long"));
    }
    let host = url.host_str().ok_or(HttpError::BadUrl("it names no host"))?;
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let port = url.port_or_known_default().filter(|port| *port != 0);
    Ok(Server { tls, host, port: port.ok_or(HttpError::BadUrl("its port is 0"))? })
}

async fn exchange(
    connection: &mut Connection,
    get: &Get<'_>,
    url: &Url,
    cookies: Option<&str>,
) -> Result<hyper::Response<Incoming>, HttpError> {
    let mut request = request(get, url, connection)?;
    if let Some(cookies) = cookies {
        let value = HeaderValue::from_str(cookies);
        let value =
            value.map_err(|_| HttpError::BadUrl("its cookies hold characters that no request may"))?;
        request.headers_mut().insert(COOKIE, value);
    }
    match timeout(HTTP_HEADER_TIMEOUT, connection.send(request)).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(HttpError::Timeout("the answer")),
    }
}

fn request(
    get: &Get<'_>,
    url: &Url,
    connection: &Connection,
) -> Result<hyper::Request<Empty<Bytes>>, HttpError> {
    let host = &url[Position::BeforeHost..Position::AfterPort];
    let path = &url[Position::BeforePath..Position::AfterQuery];
    let is_http2 = connection.is_http2();
    let target = match connection.route.passage {
        _ if is_http2 => format!("https://{host}{path}"),
        Passage::Direct => path.to_owned(),
        Passage::Requests(_) => format!("http://{host}{path}"),
    };
    let mut request = hyper::Request::get(target)
        .header(USER_AGENT, AGENT)
        .header(ACCEPT, "*/*")
        .header(ACCEPT_ENCODING, if get.gzip { "gzip" } else { "identity" });
    if !is_http2 {
        request = request.header(HOST, host);
    }
    if let Some(range) = &get.range {
        request = request.header(RANGE, format!("bytes={}-{}", range.start, range.end.saturating_sub(1)));
    }
    if let Passage::Requests(Some(authorization)) = &connection.route.passage {
        request = request.header(PROXY_AUTHORIZATION, authorization);
    }
    if let Some(credentials) = credentials(url) {
        request = request.header(AUTHORIZATION, credentials);
    }
    request.body(Empty::new()).map_err(|_| HttpError::BadUrl("it holds characters that no request may"))
}

/// The user name and password of a URL, as basic authentication wants them.
fn credentials(url: &Url) -> Option<String> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let plain = |text: &str| percent_encoding::percent_decode_str(text).collect::<Vec<u8>>();
    Some(basic(&plain(url.username()), &plain(url.password().unwrap_or_default())))
}

/// Basic authentication (RFC 7617).
pub(crate) fn basic(user: &[u8], password: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let plain = [user, b":", password].concat();
    let mut encoded = String::from("Basic ");
    for group in plain.chunks(3) {
        let bits =
            group.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for digit in 0..4 {
            let is_used = digit <= group.len();
            let value = bits >> (18 - 6 * digit) & 63;
            encoded.push(if is_used { char::from(DIGITS[value as usize]) } else { '=' });
        }
    }
    encoded
}
