//! From a host's name to a connection to one checked address of it.

use super::HttpError;
use super::address::is_local;
use crate::bind::Bind;
use crate::limits::{CONNECT_STAGGER, CONNECT_TIMEOUT, DNS_TIMEOUT, MAX_HOST_ADDRESSES};
use std::io;
use std::net::SocketAddr;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Where to connect, and what is allowed there.
pub(super) struct Destination<'a> {
    /// A name, or an address without brackets.
    pub(super) host: &'a str,
    pub(super) port: u16,
    /// Our own end.
    pub(super) bind: Bind,
    /// Local addresses may be connected to.
    pub(super) may_be_local: bool,
}

/// Connects to the quickest of the host's allowed addresses.
pub(super) async fn connect(to: &Destination<'_>) -> Result<(TcpStream, SocketAddr), HttpError> {
    let mut addresses = resolve(to).await?.into_iter();
    let bind = to.bind;
    let mut attempts = JoinSet::new();
    let mut failure = None;
    loop {
        if let Some(address) = addresses.next() {
            attempts.spawn(async move { (address, attempt(address, bind).await) });
        }
        let is_last = addresses.len() == 0;
        tokio::select! {
            ended = attempts.join_next() => match ended {
                Some(Ok((address, Ok(stream)))) => return Ok((stream, address)),
                Some(Ok((address, Err(error)))) => failure = Some((address, error)),
                Some(Err(_)) => {}
                None => break,
            },
            () = sleep(CONNECT_STAGGER), if !is_last => {}
        }
    }
    Err(match failure {
        Some((address, error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
            HttpError::Refused(address)
        }
        Some((_, error)) => HttpError::Unreachable { host: to.host.to_owned(), reason: error.to_string() },
        None => HttpError::Unreachable { host: to.host.to_owned(), reason: "no attempt was made".into() },
    })
}

/// The host's addresses that may be connected to, the two families in turn; at least one.
async fn resolve(to: &Destination<'_>) -> Result<Vec<SocketAddr>, HttpError> {
    let host = || to.host.to_owned();
    let found = match timeout(DNS_TIMEOUT, to.bind.look_up(to.host, to.port)).await {
        Ok(found) => found.map_err(|error| HttpError::Dns { host: host(), reason: error.to_string() })?,
        Err(_) => return Err(HttpError::Timeout("the name look-up")),
    };
    if found.is_empty() {
        let reason = "it has no address of a family that we are bound to".into();
        return Err(HttpError::Unreachable { host: host(), reason });
    }
    let allowed: Vec<SocketAddr> =
        found.into_iter().filter(|address| to.may_be_local || !is_local(address.ip())).collect();
    if allowed.is_empty() {
        return Err(HttpError::LocalAddress(host()));
    }
    let first_family = allowed.first().is_some_and(SocketAddr::is_ipv4);
    let (first, second): (Vec<_>, Vec<_>) =
        allowed.into_iter().partition(|address| address.is_ipv4() == first_family);
    let mut ordered = Vec::new();
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    while ordered.len() < MAX_HOST_ADDRESSES {
        let before = ordered.len();
        ordered.extend(first.next());
        ordered.extend(second.next());
        if ordered.len() == before {
            break;
        }
    }
    Ok(ordered)
}

async fn attempt(address: SocketAddr, bind: Bind) -> io::Result<TcpStream> {
    let connect = async {
        let stream = bind.socket(address)?.connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    };
    timeout(CONNECT_TIMEOUT, connect).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
