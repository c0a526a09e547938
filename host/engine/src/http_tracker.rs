//! Announce and scrape over HTTP (BEP 3, 48).

use crate::http::{Client, Get, HttpError, Origin, Purpose, Response, Via, is_local, retry_after};
use crate::limits::{MAX_TRACKER_BODY, TRACKER_REDIRECTS, TRACKER_TIMEOUT};
use tokio::time::timeout;
use tracker::http::{announce_url, parse_announce_response, parse_scrape_response, scrape_url};
use tracker::{AnnounceError, AnnounceRequest, AnnounceResponse, ScrapeCounts};
use url::Url;

/// Announces to the tracker at `base`. Peers at local addresses are taken only from a tracker at one. Takes
/// [`TRACKER_TIMEOUT`] at most; dropping the future ends it.
pub(crate) async fn announce(
    client: &Client,
    base: &str,
    origin: Origin,
    request: &AnnounceRequest,
) -> Result<AnnounceResponse, AnnounceError> {
    let (body, from_local) = fetch(client, base, &announce_url(base, request), origin).await?;
    let mut answer = parse_announce_response(&body)?;
    if !from_local {
        answer.peers.retain(|peer| !is_local(peer.ip()));
    }
    Ok(answer)
}

/// Asks the tracker at `base` for the counts of one torrent; `None` if it does not know it (BEP 48).
#[cfg_attr(not(test), expect(dead_code, reason = "a download is told the counts with every announce"))]
pub(crate) async fn scrape(
    client: &Client,
    base: &str,
    origin: Origin,
    info_hash: &[u8; 20],
) -> Result<Option<ScrapeCounts>, AnnounceError> {
    let url = scrape_url(base, &[*info_hash]).ok_or(AnnounceError::BadUrl("it has no scrape form"))?;
    let (body, _) = fetch(client, base, &url, origin).await?;
    parse_scrape_response(&body, info_hash)
}

/// The body of a good answer, and whether it came from a local address.
async fn fetch(
    client: &Client,
    base: &str,
    url: &str,
    origin: Origin,
) -> Result<(Vec<u8>, bool), AnnounceError> {
    let url = Url::parse(url).map_err(|_| AnnounceError::BadUrl("it is not a URL"))?;
    let own_query = if base.split('#').next().unwrap_or(base).contains('?') {
        String::new()
    } else {
        url.query().unwrap_or_default().to_owned()
    };
    let purpose = Purpose::Tracker { own_query };
    let get = Get {
        url: &url,
        via: Via::Named(origin),
        purpose: &purpose,
        range: None,
        gzip: true,
        redirects: TRACKER_REDIRECTS,
    };
    let whole = async { read(client.get(&get).await?).await };
    timeout(TRACKER_TIMEOUT, whole).await.unwrap_or(Err(Failure::TimedOut)).map_err(Into::into)
}

/// Why a fetch brought no body.
enum Failure {
    TimedOut,
    Http(HttpError),
    Announce(AnnounceError),
}

impl From<HttpError> for Failure {
    fn from(error: HttpError) -> Self {
        Self::Http(error)
    }
}

impl From<Failure> for AnnounceError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Announce(error) => error,
            Failure::TimedOut | Failure::Http(HttpError::Timeout(_)) => Self::TimedOut,
            Failure::Http(HttpError::BadUrl(why)) => Self::BadUrl(why),
            Failure::Http(HttpError::Encoding(why)) => Self::Malformed(why),
            Failure::Http(error) => Self::Unreachable(error.to_string()),
        }
    }
}

async fn read(response: Response) -> Result<(Vec<u8>, bool), Failure> {
    let (status, from_local) = (response.status, is_local(response.remote));
    if status != 200 {
        let retry_after = retry_after(&response.headers);
        // Some trackers say why in a body like any other's.
        let body = response.read_small(MAX_TRACKER_BODY).await.unwrap_or_default();
        return Err(Failure::Announce(match parse_announce_response(&body) {
            Err(refused @ AnnounceError::Refused { .. }) if status != 410 && retry_after.is_none() => refused,
            _ => AnnounceError::Status { status, retry_after },
        }));
    }
    Ok((response.read_small(MAX_TRACKER_BODY).await?, from_local))
}
