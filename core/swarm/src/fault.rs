//! What goes wrong with web seeds, and what a person is told of it.

use std::time::Duration;
use thiserror::Error;

/// Why a range did not come, or not whole. Its text is one clean line for a person.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Error)]
pub enum Fault {
    /// Nobody listens there.
    #[error("refuses connections")]
    Refused,
    /// No connection came about.
    #[error("cannot be reached")]
    Unreachable,
    /// Its name has no address.
    #[error("its name cannot be looked up")]
    NoAddress,
    /// Its certificate is not valid, or the handshake broke.
    #[error("no secure connection to it")]
    NoTls,
    /// A request, and nothing back in time.
    #[error("does not answer")]
    NoAnswer,
    /// A body that began and stopped, or drips.
    #[error("stopped sending")]
    Stalled,
    /// A connection that ended in the middle of an answer.
    #[error("cut the connection in the middle of an answer")]
    CutOff,
    /// A status from 500 up, or another that may pass.
    #[error("has an error of its own (HTTP {0})")]
    ServerError(u16),
    /// It has too much to do, or too much to do with us.
    #[error("is busy (HTTP {status})")]
    Busy {
        /// 429 or 503.
        status: u16,
        /// How long it asked to be left alone (`Retry-After`).
        retry_after: Option<Duration>,
    },
    /// It does not have the file, or not for us.
    #[error("does not have the file (HTTP {0})")]
    NotThere(u16),
    /// It has something else under that name: another version, or an error page.
    #[error("has another file under that name")]
    OtherFile,
    /// It sent another part of the file than it was asked for, or did not say which.
    #[error("sent another range than it was asked for")]
    WrongRange,
    /// A body in an encoding that was not asked for.
    #[error("sends encoded what was not to be encoded")]
    Encoded,
    /// Its answers are not HTTP.
    #[error("breaks the rules of HTTP")]
    BrokenHttp,
    /// Redirects in a circle, too many, or to where none is followed.
    #[error("redirects in circles, or to where nobody follows")]
    Redirects,
    /// Its address is one that a torrent must not send us to.
    #[error("its address is one that this URL must not lead to")]
    ForbiddenAddress,
    /// Other torrents have all the connections that its server may have of us; it was not asked.
    #[error("waits for a connection of ours to its server")]
    Queued,
    /// The server behind it has as many connections of ours as one may have.
    #[error("leads to a server that is in use already")]
    Crowded,
}
