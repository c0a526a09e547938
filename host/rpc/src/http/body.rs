//! Reading a request's body, never more of it than is good for us.

use crate::limits::{
    BODY_BYTES, BODY_PAUSE, BODY_TIME, DISCARDED_BYTES, REFUSED_BODY_BYTES, REFUSED_BODY_TIME,
};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::time::{Instant, timeout, timeout_at};

/// Why there is no body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum BodyError {
    /// It is longer than [`BODY_BYTES`].
    TooLong,
    /// It did not come in time, or not in whole.
    Broken,
}

/// The whole body of a call.
pub(crate) async fn read(mut body: Incoming) -> Result<Bytes, BodyError> {
    if body.size_hint().lower() > BODY_BYTES as u64 {
        discard(body, DISCARDED_BYTES).await;
        return Err(BodyError::TooLong);
    }
    let deadline = Instant::now() + BODY_TIME;
    let mut whole = BytesMut::new();
    while let Some(part) = next(&mut body, deadline).await? {
        if whole.len() + part.len() > BODY_BYTES {
            discard(body, DISCARDED_BYTES).await;
            return Err(BodyError::TooLong);
        }
        whole.extend_from_slice(&part);
    }
    Ok(whole.freeze())
}

/// Reads away a bounded part of a body. A client that is still sending when the connection closes never sees the
/// answer.
pub(crate) async fn discard(mut body: Incoming, most: usize) {
    let mut left = most;
    let deadline = Instant::now() + BODY_TIME;
    while let Ok(Some(part)) = next(&mut body, deadline).await {
        if part.len() > left {
            return;
        }
        left -= part.len();
    }
}

/// As [`discard`], for somebody who is not going to be served.
pub(crate) async fn discard_of_stranger(body: Incoming) {
    // Running out of time is as good an end as any.
    let _ = timeout(REFUSED_BODY_TIME, discard(body, REFUSED_BODY_BYTES)).await;
}

async fn next(body: &mut Incoming, deadline: Instant) -> Result<Option<Bytes>, BodyError> {
    let until = deadline.min(Instant::now() + BODY_PAUSE);
    loop {
        match timeout_at(until, body.frame()).await {
            Ok(Some(Ok(frame))) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
            Ok(None) => return Ok(None),
            Ok(Some(Err(_))) | Err(_) => return Err(BodyError::Broken),
        }
    }
}
