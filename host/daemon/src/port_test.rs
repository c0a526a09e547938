//! Is our port open? Only somebody outside can say: the service that the settings name, or whoever came by himself.

use crate::daemon::Shared;
use crate::limits::{PORT_TEST_ANSWER, PORT_TEST_TIMEOUT};
use engine::{Family, FetchError, fetch_file};
use thiserror::Error;
use tokio::time::timeout;
use url::Url;

/// What stands for the port in the URL of the service.
const PORT: &str = "{port}";

/// Why it cannot be said whether the port is open.
#[derive(Debug, Error)]
pub enum PortTestError {
    /// There is no port.
    #[error("we listen at no port")]
    NoPort,
    /// The service gave no answer.
    #[error("the port test service cannot be asked: {0}")]
    Service(#[from] FetchError),
    /// The service took too long.
    #[error("{0}: the port test service does not answer")]
    Silence(String),
    /// The service said something else than 1 or 0.
    #[error("{0}: the answer is none of a port test service, which says 1 or 0")]
    Answer(String),
    /// Its URL is none.
    #[error("port_test_url: {0}")]
    Url(#[from] url::ParseError),
    /// Nobody is to be asked, and nobody came.
    #[error(
        "nobody outside is asked (port_test_url is empty), and no peer from outside has reached port {0} yet"
    )]
    Unknown(u16),
}

/// See [`crate::Daemon::test_port`].
pub(crate) async fn test_port(shared: &Shared, family: Option<Family>) -> Result<bool, PortTestError> {
    let reachability = &shared.reachability;
    let port = match reachability.announced_port() {
        0 => return Err(PortTestError::NoPort),
        port => port,
    };
    let settings = shared.settings.borrow().clone();
    if settings.port_test_url.is_empty() {
        let is_proved = reachability.is_proved(family);
        return if is_proved { Ok(true) } else { Err(PortTestError::Unknown(port)) };
    }
    let url = Url::parse(&settings.port_test_url.replace(PORT, &port.to_string()))?;
    let name = engine::without_credentials(&url);
    let mut http = settings.http();
    if let Some(family) = family {
        http.bind = http.bind.only(family);
    }
    // One question at a time: callers share the service's patience.
    let answer = timeout(PORT_TEST_TIMEOUT, async {
        let _alone = shared.port_test.lock().await;
        fetch_file(url, http, PORT_TEST_ANSWER).await
    });
    match answer.await {
        Ok(answer) => read(&answer?).ok_or(PortTestError::Answer(name)),
        Err(_) => Err(PortTestError::Silence(name)),
    }
}

/// What the service said.
fn read(answer: &[u8]) -> Option<bool> {
    match answer.trim_ascii() {
        b"1" => Some(true),
        b"0" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_says_one_or_zero() {
        assert_eq!([&b"1"[..], b"0\n", b" 1\r\n"].map(read), [Some(true), Some(false), Some(true)]);
        assert_eq!([&b""[..], b"10", b"<html>", b"\xff"].map(read), [None; 4]);
    }
}
