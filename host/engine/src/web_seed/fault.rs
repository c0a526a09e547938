//! What a failed request says about a web seed.

use crate::http::HttpError;
use swarm::Fault;

/// The fault behind an error of HTTP.
pub(super) fn fault(error: &HttpError) -> Fault {
    match error {
        HttpError::Dns { .. } | HttpError::Timeout("the name look-up") => Fault::NoAddress,
        HttpError::Refused(_) => Fault::Refused,
        HttpError::Unreachable { .. } | HttpError::Proxy { .. } => Fault::Unreachable,
        HttpError::Tls { .. } | HttpError::Timeout("the TLS handshake" | "the HTTP/2 handshake") => {
            Fault::NoTls
        }
        HttpError::Timeout("the body") => Fault::Stalled,
        HttpError::Timeout(_) => Fault::NoAnswer,
        HttpError::Truncated => Fault::CutOff,
        HttpError::BadUrl(_) | HttpError::LocalAddress(_) => Fault::ForbiddenAddress,
        HttpError::Malformed(_) | HttpError::TooLarge { .. } => Fault::BrokenHttp,
        HttpError::Encoding(_) => Fault::Encoded,
        HttpError::RedirectLoop(_) | HttpError::RedirectForbidden(_) | HttpError::RedirectToMagnet(_) => {
            Fault::Redirects
        }
        HttpError::NoSeat(_) => Fault::Queued,
        HttpError::Crowded(_) => Fault::Crowded,
    }
}
