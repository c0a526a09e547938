//! A proxy between us and every server: SOCKS5 (RFC 1928, 1929) or HTTP (RFC 9110, CONNECT).
//!
//! Names are looked up by the proxy, never here: whoever wants a proxy does not want the own resolver to hear of it.

use super::connect::{self, Destination};
use super::pool::Server;
use super::{HttpError, basic};
use crate::bind::Bind;
use crate::limits::{MAX_CONNECT_ANSWER, PROXY_TIMEOUT};
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::str::FromStr;
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Url;

/// The longest user name and password that SOCKS5 has room for, in bytes.
const MAX_SOCKS_TEXT: usize = 255;

/// A proxy that HTTP goes through.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    kind: Kind,
    /// A name, or an address without brackets.
    host: String,
    port: u16,
    /// User name and password.
    credentials: Option<(Vec<u8>, Vec<u8>)>,
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
        if user.len().max(password.len()) > MAX_SOCKS_TEXT {
            return Err(ProxyError::LongCredentials);
        }
        let credentials = (!user.is_empty() || !password.is_empty()).then_some((user, password));
        Ok(Self { kind, host, port, credentials, text: text.to_owned() })
    }
}

/// Without user name and password.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(super::without_credentials(&self.text).trim_end_matches('/'))
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

/// How a server is spoken to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Passage {
    /// What we send arrives there as it is.
    Direct,
    /// A proxy reads our requests: they name the server, and open the proxy with this field.
    Requests(Option<String>),
}

/// Why a proxy does not let us through.
enum Refusal {
    /// It would not for anybody: many HTTP proxies make tunnels for TLS only.
    NoTunnel(String),
    /// Anything else.
    Other(String),
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Other("it closed the connection".to_owned()),
            _ => Self::Other(error.to_string()),
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

    /// A way to a server, for TLS or for plain HTTP.
    pub(super) async fn reach(&self, bind: Bind, server: &Server) -> Result<(TcpStream, Passage), HttpError> {
        if let Kind::Nowhere(error) = &self.kind {
            return Err(self.error(error));
        }
        let mut stream = self.dial(bind).await?;
        let passed = match self.kind {
            Kind::Socks5 => timeout(PROXY_TIMEOUT, self.socks(&mut stream, server)).await,
            Kind::Http | Kind::Nowhere(_) => timeout(PROXY_TIMEOUT, self.tunnel(&mut stream, server)).await,
        };
        match passed {
            Ok(Ok(())) => Ok((stream, Passage::Direct)),
            Ok(Err(Refusal::NoTunnel(_))) if !server.tls => {
                Ok((self.dial(bind).await?, Passage::Requests(self.authorization())))
            }
            Ok(Err(Refusal::NoTunnel(reason) | Refusal::Other(reason))) => Err(self.error(&reason)),
            Err(_) => Err(self.error(&"it takes too long")),
        }
    }

    async fn dial(&self, bind: Bind) -> Result<TcpStream, HttpError> {
        let to = Destination { host: &self.host, port: self.port, bind, may_be_local: true };
        let connected = connect::connect(&to).await;
        connected.map(|(stream, _)| stream).map_err(|error| self.error(&error))
    }

    fn error(&self, reason: &dyn fmt::Display) -> HttpError {
        HttpError::Proxy { proxy: self.to_string(), reason: reason.to_string() }
    }

    fn authorization(&self) -> Option<String> {
        self.credentials.as_ref().map(|(user, password)| basic(user, password))
    }

    async fn tunnel(&self, stream: &mut TcpStream, server: &Server) -> Result<(), Refusal> {
        let host = if server.host.contains(':') { format!("[{}]", server.host) } else { server.host.clone() };
        let authority = format!("{host}:{}", server.port);
        let login = self.authorization().map(|login| format!("Proxy-Authorization: {login}\r\n"));
        let login = login.unwrap_or_default();
        let request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{login}\r\n");
        stream.write_all(request.as_bytes()).await?;
        let answer = answer_to_connect(stream).await?;
        let line = answer.lines().next().unwrap_or_default();
        match line.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)?.parse::<u16>().ok()) {
            Some(200..=299) => Ok(()),
            Some(400 | 403 | 405 | 501) => Err(Refusal::NoTunnel(format!("it answers: {line}"))),
            Some(407) => Err(Refusal::Other("it wants another user name and password".to_owned())),
            Some(_) => Err(Refusal::Other(format!("it answers: {line}"))),
            None => Err(Refusal::Other("it does not speak HTTP".to_owned())),
        }
    }

    async fn socks(&self, stream: &mut TcpStream, server: &Server) -> Result<(), Refusal> {
        let methods: &[u8] = if self.credentials.is_some() { &[5, 2, 0, 2] } else { &[5, 1, 0] };
        stream.write_all(methods).await?;
        match read_array(stream).await? {
            [5, 0] => {}
            [5, 2] => self.log_in(stream).await?,
            [5, 0xff] => return Err(Refusal::Other("it wants a user name and password".to_owned())),
            _ => return Err(not_socks()),
        }
        let mut request = vec![5, 1, 0];
        match server.host.parse::<IpAddr>() {
            Ok(IpAddr::V4(ip)) => request.extend([&[1], &ip.octets()[..]].concat()),
            Ok(IpAddr::V6(ip)) => request.extend([&[4], &ip.octets()[..]].concat()),
            Err(_) => request.extend(text(&[3], server.host.as_bytes())?),
        }
        request.extend(server.port.to_be_bytes());
        stream.write_all(&request).await?;
        let [version, reply, _, kind] = read_array(stream).await?;
        if version != 5 {
            return Err(not_socks());
        }
        if reply != 0 {
            return Err(Refusal::Other(format!("it cannot reach {}: {}", server.host, reason(reply))));
        }
        // Its own end of the connection, which is of no use.
        let length = match kind {
            1 => 4,
            4 => 16,
            3 => usize::from(read_array::<1>(stream).await?[0]),
            _ => return Err(not_socks()),
        };
        stream.read_exact(&mut vec![0; length + 2]).await?;
        Ok(())
    }

    /// RFC 1929.
    async fn log_in(&self, stream: &mut TcpStream) -> Result<(), Refusal> {
        let (user, password) = self.credentials.as_ref().ok_or_else(not_socks)?;
        let login = [text(&[1], user)?, text(&[], password)?].concat();
        stream.write_all(&login).await?;
        match read_array(stream).await? {
            [_, 0] => Ok(()),
            [_, _] => Err(Refusal::Other("it wants another user name and password".to_owned())),
        }
    }
}

/// The head of the answer to CONNECT. Nothing comes behind it before we speak.
async fn answer_to_connect(stream: &mut TcpStream) -> Result<String, Refusal> {
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") && !answer.ends_with(b"\n\n") {
        if answer.len() >= MAX_CONNECT_ANSWER {
            return Err(Refusal::Other("its answer is too long".to_owned()));
        }
        answer.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&answer).chars().filter(|c| !c.is_control() || *c == '\n').collect())
}

async fn read_array<const N: usize>(stream: &mut TcpStream) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}

/// `head`, the length of `text`, and `text`.
fn text(head: &[u8], text: &[u8]) -> Result<Vec<u8>, Refusal> {
    let length = u8::try_from(text.len()).map_err(|_| Refusal::Other("a name is too long".to_owned()))?;
    Ok([head, &[length], text].concat())
}

fn not_socks() -> Refusal {
    Refusal::Other("it does not speak SOCKS5".to_owned())
}

/// What a SOCKS5 reply means.
fn reason(reply: u8) -> &'static str {
    match reply {
        1 => "a general failure",
        2 => "it is not allowed to",
        3 => "the network is unreachable",
        4 => "the host is unreachable",
        5 => "the connection was refused",
        6 => "it took too long",
        7 => "the proxy does not make connections",
        8 => "it does not know this kind of address",
        _ => "no reason is given",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_named_by_a_url() {
        for (text, shown) in [
            ("socks5h://127.0.0.1:9050", "socks5h://127.0.0.1:9050"),
            ("socks5://u:p@[::1]", "socks5://[::1]"),
            ("http://proxy.example:3128/", "http://proxy.example:3128"),
        ] {
            let proxy: Proxy = text.parse().unwrap();
            assert_eq!(proxy.to_string(), shown);
            assert_eq!(Proxy::from_str(proxy.as_str()), Ok(proxy));
        }
        let proxy: Proxy = "socks5://us%20er:p%3Aw@h".parse().unwrap();
        assert_eq!((proxy.port, proxy.credentials), (1080, Some((b"us er".to_vec(), b"p:w".to_vec()))));
        assert_eq!("ftp://h".parse::<Proxy>(), Err(ProxyError::Unknown("ftp".into())));
        for wrong in ["", "proxy.example", "127.0.0.1:9050", "socks5://", "http://h:0"] {
            assert!(wrong.parse::<Proxy>().is_err(), "{wrong}");
        }
        let nowhere = Proxy::or_nothing("127.0.0.1:9050");
        assert!(nowhere.problem().is_some() && Proxy::or_nothing("http://h").problem().is_none());
        let long = format!("socks5://{}:x@h", "u".repeat(256));
        assert_eq!(long.parse::<Proxy>(), Err(ProxyError::LongCredentials));
    }
}
