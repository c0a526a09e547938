//! Where an answer sends us, and how long it wants us to wait.

use super::HttpError;
use crate::limits::{MAX_RETRY_AFTER, MAX_URL_BYTES};
use hyper::header::{HeaderMap, LOCATION, RETRY_AFTER};
use std::time::{Duration, SystemTime};
use url::Url;

/// Whether the status says that the answer is elsewhere.
pub(super) const fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// The URL that an answer to `from` redirects to: absolute, http or https, never from https to http, without
/// credentials and fragment.
pub(super) fn target(from: &Url, headers: &HeaderMap) -> Result<Url, HttpError> {
    let forbidden = HttpError::RedirectForbidden;
    let location = headers.get(LOCATION).ok_or(forbidden("it names no target"))?;
    let location =
        std::str::from_utf8(location.as_bytes()).map_err(|_| forbidden("its target is not text"))?;
    if location.len() > MAX_URL_BYTES {
        return Err(forbidden("its target is too long"));
    }
    let mut url = from.join(location).map_err(|_| forbidden("its target is not a URL"))?;
    match url.scheme() {
        "https" => {}
        "http" if from.scheme() == "http" => {}
        "http" => return Err(forbidden("from https back to http")),
        "magnet" => return Err(HttpError::RedirectToMagnet(location.to_owned())),
        _ => return Err(forbidden("its target is neither http nor https")),
    }
    if !url.has_host() {
        return Err(forbidden("its target names no host"));
    }
    // These cannot fail for a URL with a host.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_fragment(None);
    Ok(url)
}

/// Whether two URLs lead to one server: scheme, host and port.
pub(super) fn same_server(one: &Url, other: &Url) -> bool {
    one.scheme() == other.scheme()
        && one.host_str() == other.host_str()
        && one.port_or_known_default() == other.port_or_known_default()
}

/// The pause that an answer asks for, in seconds or up to a date; at most [`MAX_RETRY_AFTER`].
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let pause = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number too large for the type is just a long time.
        Duration::from_secs(text.parse().unwrap_or(u64::MAX))
    } else {
        let date = httpdate::parse_http_date(text).ok()?;
        date.duration_since(SystemTime::now()).unwrap_or(Duration::ZERO)
    };
    Some(pause.min(MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    fn follow(from: &str, location: &str) -> Result<String, HttpError> {
        let headers =
            HeaderMap::from_iter([(LOCATION, HeaderValue::from_bytes(location.as_bytes()).unwrap())]);
        target(&Url::parse(from).unwrap(), &headers).map(Into::into)
    }

    #[test]
    fn targets_are_joined_and_stripped() {
        for (location, target) in [
            ("/c?d#e", "http://h:81/c?d"),
            ("c", "http://h:81/a/c"),
            ("//other/x", "http://other/x"),
            ("https://user:word@other/x", "https://other/x"),
            ("/a%0d%0aX-Injected:%201", "http://h:81/a%0d%0aX-Injected:%201"),
            ("?q", "http://h:81/a/b?q"),
        ] {
            assert_eq!(follow("http://user:word@h:81/a/b", location).as_deref(), Ok(target), "{location}");
        }
    }

    #[test]
    fn some_targets_are_not_followed() {
        for location in ["file:///etc/passwd", "gopher://127.0.0.1/_x", "ftp://h/x", "http://", "data:,x"] {
            let error = follow("http://h/a", location).unwrap_err();
            assert!(matches!(error, HttpError::RedirectForbidden(_)), "{location}: {error}");
        }
        let error = follow("https://h/a", "http://h/a").unwrap_err();
        assert_eq!(error, HttpError::RedirectForbidden("from https back to http"));
        assert_eq!(
            follow("https://h/a", "magnet:?xt=x"),
            Err(HttpError::RedirectToMagnet("magnet:?xt=x".into()))
        );
        let none = target(&Url::parse("http://h").unwrap(), &HeaderMap::new());
        assert_eq!(none, Err(HttpError::RedirectForbidden("it names no target")));
    }

    #[test]
    fn pauses_are_read_in_both_forms_and_clamped() {
        let pause = |text: &str| {
            retry_after(&HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_str(text).unwrap())]))
        };
        assert_eq!(pause("120"), Some(Duration::from_mins(2)));
        assert_eq!(pause("99999999999999999999999999"), Some(MAX_RETRY_AFTER));
        assert_eq!(pause("-1"), None);
        assert_eq!(pause("soon"), None);
        assert_eq!(pause("Thu, 01 Jan 1970 00:00:00 GMT"), Some(Duration::ZERO));
        let soon = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(100));
        assert!(pause(&soon).is_some_and(|pause| (90..=100).contains(&pause.as_secs())));
    }
}
