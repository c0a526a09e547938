//! Why an HTTP request brought nothing.

use std::io;
use std::net::SocketAddr;
use thiserror::Error;

/// Why an HTTP request brought nothing. Its text is one clean line for a person.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum HttpError {
    /// The URL cannot be asked.
    #[error("the URL cannot be used: {0}")]
    BadUrl(&'static str),
    /// The name has no address.
    #[error("{host} cannot be looked up: {reason}")]
    Dns {
        /// The name.
        host: String,
        /// What the resolver said.
        reason: String,
    },
    /// Nobody listens there.
    #[error("{0} refuses connections")]
    Refused(SocketAddr),
    /// No connection.
    #[error("{host} cannot be reached: {reason}")]
    Unreachable {
        /// The host.
        host: String,
        /// What the system said.
        reason: String,
    },
    /// The host has only local addresses, which this URL must not lead to.
    #[error("{0} is an address of the local network, which this URL may not lead to")]
    LocalAddress(String),
    /// The proxy is not there, or does not let us through. Nothing goes another way.
    #[error("the proxy {proxy}: {reason}")]
    Proxy {
        /// The proxy, without user name and password.
        proxy: String,
        /// What is wrong.
        reason: String,
    },
    /// No secure connection: a certificate that is not valid for the host, or a broken handshake.
    #[error("no secure connection to {host}: {reason}")]
    Tls {
        /// The host.
        host: String,
        /// What is wrong.
        reason: String,
    },
    /// Something took too long.
    #[error("{0} took too long")]
    Timeout(&'static str),
    /// The connection ended in the middle of an answer.
    #[error("the connection ended before the answer did")]
    Truncated,
    /// The answer is not HTTP.
    #[error("the answer breaks the rules of HTTP: {0}")]
    Malformed(String),
    /// More than is taken.
    #[error("the answer is larger than {limit} bytes")]
    TooLarge {
        /// Bytes taken at most.
        limit: usize,
    },
    /// A body in an encoding that was not asked for, or that cannot be decoded.
    #[error("the body cannot be decoded: {0}")]
    Encoding(&'static str),
    /// One redirect after the other, or in a circle.
    #[error("redirected in circles, or more than {0} times")]
    RedirectLoop(usize),
    /// A redirect that is not followed.
    #[error("redirected to where it is not followed: {0}")]
    RedirectForbidden(&'static str),
    /// The server has as many connections of ours as one may have, and was not asked.
    #[error("{0} has enough connections of ours")]
    NoSeat(String),
    /// A redirect to a server that has as many connections of ours as one may have.
    #[error("redirected to {0}, which has enough connections of ours")]
    Crowded(String),
    /// A redirect to this magnet link.
    #[error("redirected to a magnet link")]
    RedirectToMagnet(String),
}

impl From<hyper::Error> for HttpError {
    /// Only what is plainly not HTTP is held against the server. Everything else (a reset, an end in the middle,
    /// HTTP/2's way of closing) happens to good ones too.
    fn from(error: hyper::Error) -> Self {
        if error.is_parse() {
            return Self::Malformed(error.to_string());
        }
        let source = std::error::Error::source(&error).and_then(|source| source.downcast_ref::<io::Error>());
        match source.map(io::Error::kind) {
            Some(io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput) => {
                Self::Malformed(error.to_string())
            }
            _ => Self::Truncated,
        }
    }
}
