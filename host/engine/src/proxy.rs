//! A proxy between us and everybody: SOCKS5 (RFC 1928, 1929) or HTTP (RFC 9110, CONNECT).
//!
//! Names are looked up by the proxy, never here: whoever wants a proxy does not want the own resolver to hear of it.

mod conversation;
mod exit;
mod relay;
#[cfg(test)]
mod tests;
mod traffic;
mod wire;

pub(crate) use exit::{Exit, UdpWay};
pub(crate) use relay::{Datagram, Relay};
pub(crate) use traffic::Traffic;
pub use traffic::{ProxyFor, UnknownTraffic};
pub(crate) use wire::Place;

use crate::bind::Bind;
use crate::http;
use crate::limits::PROXY_TIMEOUT;
use conversation::Credentials;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::str::FromStr;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Url;
use wire::Request;

/// A proxy.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    kind: Kind,
    /// A name, or an address without brackets.
    host: String,
    port: u16,
    /// User name and password.
    credentials: Option<Credentials>,
    text: String,
}

#[derive(Clone, PartialEq, Eq)]
enum Kind {
    Http,
    Socks5,
    /// Nothing passes.
    Nowhere(ProxyError),
}

/// Why a text names no proxy.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum ProxyError {
    /// Not a URL with a host.
    #[error("a proxy is a URL such as socks5h://127.0.0.1:9050 or http://proxy.example:3128")]
    NotAUrl,
    /// Another kind of proxy.
    #[error("{0} proxies are not known; those that are: http, socks5, socks5h")]
    Unknown(String),
    /// SOCKS5 has no room for them.
    #[error("user name and password of a proxy have at most 255 bytes each")]
    LongCredentials,
}

impl FromStr for Proxy {
    type Err = ProxyError;

    /// Reads `http://`, `socks5://` or `socks5h://`, perhaps with user name and password. The latter two are the same.
    fn from_str(text: &str) -> Result<Self, ProxyError> {
        let url = Url::parse(text.trim()).ok().filter(Url::has_host).ok_or(ProxyError::NotAUrl)?;
        let (kind, usual_port) = match url.scheme() {
            "http" => (Kind::Http, 80),
            "socks5" | "socks5h" => (Kind::Socks5, 1080),
            other => return Err(ProxyError::Unknown(other.to_owned())),
        };
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let port = url.port().unwrap_or(usual_port);
        if host.is_empty() || port == 0 {
            return Err(ProxyError::NotAUrl);
        }
        let plain = |text: &str| percent_encoding::percent_decode_str(text).collect::<Vec<u8>>();
        let (user, password) = (plain(url.username()), plain(url.password().unwrap_or_default()));
        if user.len().max(password.len()) > wire::MAX_TEXT {
            return Err(ProxyError::LongCredentials);
        }
        let credentials = (!user.is_empty() || !password.is_empty()).then_some((user, password));
        Ok(Self { kind, host, port, credentials, text: text.to_owned() })
    }
}

/// Without user name and password.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(http::without_credentials(&self.text).trim_end_matches('/'))
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

/// Why a proxy does not let us through.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("{reason}")]
pub(crate) struct Refusal {
    pub(crate) blame: Blame,
    /// For a person, as a sentence about the proxy.
    pub(crate) reason: String,
}

/// What is to blame that there is no way through a proxy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Blame {
    /// The proxy, or what we told it.
    Proxy,
    /// The proxy's rules: many HTTP proxies make tunnels for TLS only.
    Tunnels,
    /// Nobody listens at the other end.
    Refused,
    /// The other end is out of reach.
    Unreachable,
}

impl Refusal {
    fn new(blame: Blame, reason: impl Into<String>) -> Self {
        Self { blame, reason: reason.into() }
    }

    fn of_proxy(reason: impl Into<String>) -> Self {
        Self::new(Blame::Proxy, reason)
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::of_proxy("it closed the connection"),
            _ => Self::of_proxy(error.to_string()),
        }
    }
}

impl Proxy {
    /// A proxy named by somebody who wants one: what names none lets nothing pass, instead of everything.
    pub fn or_nothing(text: &str) -> Self {
        let nowhere = |error| Self {
            kind: Kind::Nowhere(error),
            host: String::new(),
            port: 0,
            credentials: None,
            text: text.to_owned(),
        };
        text.parse().unwrap_or_else(nowhere)
    }

    /// Why nothing passes, if it is one of those.
    pub const fn problem(&self) -> Option<&ProxyError> {
        match &self.kind {
            Kind::Nowhere(error) => Some(error),
            Kind::Http | Kind::Socks5 => None,
        }
    }

    /// The URL as it was given, with user name and password.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether datagrams can go through it; it may still refuse that.
    pub fn carries_udp(&self) -> bool {
        self.kind == Kind::Socks5
    }

    /// What an HTTP proxy wants to hear with each request that it reads.
    pub(crate) fn authorization(&self) -> Option<String> {
        self.credentials.as_ref().map(|(user, password)| http::basic(user, password))
    }

    /// A connection to somewhere.
    pub(crate) async fn connect(&self, bind: Bind, place: &Place) -> Result<TcpStream, Refusal> {
        let (mut stream, _) = self.dial(bind).await?;
        let asked = async {
            match self.kind {
                Kind::Socks5 => {
                    let login = self.credentials.as_ref();
                    conversation::socks(&mut stream, login, Request::Connect, place).await.map(drop)
                }
                Kind::Http | Kind::Nowhere(_) => {
                    conversation::tunnel(&mut stream, self.authorization().as_deref(), place).await
                }
            }
        };
        timeout(PROXY_TIMEOUT, asked).await.unwrap_or_else(|_| Err(too_slow()))?;
        Ok(stream)
    }

    /// A relay for datagrams: where it is, and the connection that it lives as long as.
    async fn associate(&self, bind: Bind) -> Result<(TcpStream, SocketAddr), Refusal> {
        if !self.carries_udp() {
            return Err(Refusal::of_proxy("an HTTP proxy carries no UDP"));
        }
        let (mut stream, proxy) = self.dial(bind).await?;
        // Where our datagrams come from, as it sees them, is not known here.
        let from = Place::Address(SocketAddr::from(([0, 0, 0, 0], 0)));
        let login = self.credentials.as_ref();
        let asked = conversation::socks(&mut stream, login, Request::Associate, &from);
        let told = timeout(PROXY_TIMEOUT, asked).await.unwrap_or_else(|_| Err(too_slow()))?;
        let relay =
            relay_at(told, proxy).ok_or_else(|| Refusal::of_proxy("it does not say where its relay is"))?;
        Ok((stream, relay))
    }

    /// A connection to the proxy itself, and where that is.
    pub(crate) async fn dial(&self, bind: Bind) -> Result<(TcpStream, SocketAddr), Refusal> {
        if let Kind::Nowhere(error) = &self.kind {
            return Err(Refusal::of_proxy(error.to_string()));
        }
        let connected = http::connect_to(&self.host, self.port, bind).await;
        connected.map_err(|error| Refusal::of_proxy(error.to_string()))
    }
}

/// Where a proxy's relay is. A name, or an address that means "here", is the proxy's own.
fn relay_at(told: Option<Place>, proxy: SocketAddr) -> Option<SocketAddr> {
    let (ip, port) = match told? {
        Place::Address(relay) => (relay.ip(), relay.port()),
        Place::Named(_, port) => (proxy.ip(), port),
    };
    let is_here = ip.is_unspecified() || ip.is_loopback() && !proxy.ip().is_loopback();
    (port != 0).then(|| SocketAddr::new(if is_here { proxy.ip() } else { ip }, port))
}

fn too_slow() -> Refusal {
    Refusal::of_proxy("it takes too long")
}
