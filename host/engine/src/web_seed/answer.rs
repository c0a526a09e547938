//! What an answer to a ranged request is worth.

use crate::http::{Response, retry_after};
use hyper::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderValue};
use std::ops::Range;
use swarm::Fault;

/// An answer whose body can be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Answer {
    /// The body is the range.
    Range,
    /// The body is the file from its first byte.
    Whole,
}

/// Judges an answer to a request for `range` of a file of `length` bytes; `is_page`: the file is itself a web page.
///
/// Strict where the torrent could be spoilt or time be lost: a 206 must name exactly the range asked for, and say
/// so (RFC 9110 requires it), and no body may be encoded. A file of another length is another file.
pub(super) fn judge(
    response: &Response,
    range: &Range<u64>,
    length: u64,
    is_page: bool,
) -> Result<Answer, Fault> {
    match judge_parts(response.status, &response.headers, range, length) {
        Ok(Answer::Whole) if !is_page && is_html(&response.headers) => Err(Fault::OtherFile),
        judged => judged,
    }
}

fn judge_parts(status: u16, headers: &HeaderMap, range: &Range<u64>, length: u64) -> Result<Answer, Fault> {
    match status {
        200 | 206 if is_encoded(headers) => Err(Fault::Encoded),
        206 => judge_range(headers, range, length).map(|()| Answer::Range),
        // An error page, or another version of the file.
        200 if content_length(headers).is_some_and(|told| told != length) => Err(Fault::OtherFile),
        200 => Ok(Answer::Whole),
        429 | 503 => Err(Fault::Busy { status, retry_after: retry_after(headers) }),
        408 | 425 | 500..=599 => Err(Fault::ServerError(status)),
        416 => Err(Fault::OtherFile),
        400..=499 => Err(Fault::NotThere(status)),
        _ => Err(Fault::BrokenHttp),
    }
}

fn judge_range(headers: &HeaderMap, range: &Range<u64>, length: u64) -> Result<(), Fault> {
    let value = headers.get(CONTENT_RANGE).and_then(|value| value.to_str().ok());
    let told = value.and_then(content_range).ok_or(Fault::WrongRange)?;
    if told.total.is_some_and(|total| total != length) {
        return Err(Fault::OtherFile);
    }
    let fits = content_length(headers).is_none_or(|told| told == range.end - range.start);
    if told.first != range.start || told.last != range.end - 1 || !fits {
        return Err(Fault::WrongRange);
    }
    Ok(())
}

/// Whether a server calls its answer a web page, as it does where it has no file and does not say so.
fn is_html(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    kind.get(..9).is_some_and(|kind| kind.eq_ignore_ascii_case(b"text/html"))
}

fn is_encoded(headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_ENCODING).iter().any(|value| {
        let value = value.as_bytes().trim_ascii();
        !value.is_empty() && !value.eq_ignore_ascii_case(b"identity")
    })
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    number(headers.get(CONTENT_LENGTH)?.to_str().ok()?.trim())
}

/// The value of a `Content-Range` header.
struct ContentRange {
    first: u64,
    last: u64,
    /// `None` for `*`.
    total: Option<u64>,
}

fn content_range(value: &str) -> Option<ContentRange> {
    let (unit, rest) = value.trim().split_once(' ')?;
    let (range, total) = rest.trim().split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let total = match total.trim() {
        "*" => None,
        total => Some(number(total)?),
    };
    let range = ContentRange { first: number(first.trim())?, last: number(last.trim())?, total };
    unit.eq_ignore_ascii_case("bytes").then_some(range)
}

/// Digits only: no sign, no space.
fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::{HeaderName, RETRY_AFTER};
    use std::time::Duration;

    fn judged(status: u16, headers: &[(HeaderName, &'static str)]) -> Result<Answer, Fault> {
        let headers = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value)));
        judge_parts(status, &headers.collect(), &(1000..2000), 5000)
    }

    #[test]
    fn a_range_is_taken_only_if_it_is_the_one_asked_for() {
        let range = |value| judged(206, &[(CONTENT_RANGE, value)]);
        assert_eq!(range("bytes 1000-1999/5000"), Ok(Answer::Range));
        assert_eq!(range("bytes 1000-1999/*"), Ok(Answer::Range));
        for wrong in [
            "bytes 1001-1999/5000",
            "bytes 1000-1998/5000",
            "bytes 0-999/5000",
            "bytes 18446744073709551615--5/x",
            "bytes */5000",
            "items 1000-1999/5000",
            "bytes +1000-1999/5000",
            "bytes 1000-1999",
            "",
        ] {
            assert_eq!(range(wrong), Err(Fault::WrongRange), "{wrong}");
        }
        assert_eq!(range("bytes 1000-1999/5001"), Err(Fault::OtherFile), "another version of the file");
        assert_eq!(judged(206, &[]), Err(Fault::WrongRange));
        let lying = [(CONTENT_RANGE, "bytes 1000-1999/5000"), (CONTENT_LENGTH, "1001")];
        assert_eq!(judged(206, &lying), Err(Fault::WrongRange));
        let encoded = [(CONTENT_RANGE, "bytes 1000-1999/5000"), (CONTENT_ENCODING, "gzip")];
        assert_eq!(judged(206, &encoded), Err(Fault::Encoded));
    }

    #[test]
    fn a_whole_file_is_taken_if_its_length_fits_or_is_not_told() {
        assert_eq!(judged(200, &[]), Ok(Answer::Whole));
        assert_eq!(judged(200, &[(CONTENT_LENGTH, "5000")]), Ok(Answer::Whole));
        assert_eq!(judged(200, &[(CONTENT_LENGTH, "1000")]), Err(Fault::OtherFile));
        assert_eq!(judged(200, &[(CONTENT_ENCODING, "br")]), Err(Fault::Encoded));
    }

    #[test]
    fn other_answers() {
        let wait = [(RETRY_AFTER, "120")];
        let busy = |status, seconds: Option<u64>| {
            Err(Fault::Busy { status, retry_after: seconds.map(Duration::from_secs) })
        };
        assert_eq!(judged(503, &wait), busy(503, Some(120)));
        assert_eq!(judged(429, &[]), busy(429, None));
        for (status, end) in [
            (401, Fault::NotThere(401)),
            (403, Fault::NotThere(403)),
            (404, Fault::NotThere(404)),
            (410, Fault::NotThere(410)),
            (416, Fault::OtherFile),
            (500, Fault::ServerError(500)),
            (502, Fault::ServerError(502)),
            (204, Fault::BrokenHttp),
            (304, Fault::BrokenHttp),
        ] {
            assert_eq!(judged(status, &[]), Err(end), "{status}");
        }
    }
}
