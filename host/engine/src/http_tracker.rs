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

/// Asks the tracker at `base` for the counts of torrents, in their order; `None` for one it does not know (BEP 48).
pub(crate) async fn scrape(
    client: &Client,
    base: &str,
    origin: Origin,
    info_hashes: &[[u8; 20]],
) -> Result<Vec<Option<ScrapeCounts>>, AnnounceError> {
    let url = scrape_url(base, info_hashes).ok_or(AnnounceError::BadUrl("it has no scrape form"))?;
    let (body, _) = fetch(client, base, &url, origin).await?;
    info_hashes.iter().map(|info_hash| parse_scrape_response(&body, info_hash)).collect()
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
    let (status, from_local) = (response.status, response.is_local);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::HttpSettings;
    use crate::http::test_server::{Reply, TestServer, reply};
    use metainfo::PeerId;
    use std::time::Duration;
    use tracker::{AnnounceEvent, Retry};

    fn request() -> AnnounceRequest {
        AnnounceRequest {
            info_hash: [7; 20],
            peer_id: PeerId([b'x'; 20]),
            port: 6881,
            key: 1,
            downloaded: 0,
            uploaded: 0,
            left: 1,
            event: AnnounceEvent::Started,
            numwant: 50,
            tracker_id: None,
            ipv4: None,
            ipv6: None,
        }
    }

    async fn announced(base: &str, origin: Origin) -> Result<AnnounceResponse, AnnounceError> {
        announce(&Client::with(HttpSettings::default()), base, origin, &request()).await
    }

    async fn outcome(bytes: Vec<u8>) -> Result<AnnounceResponse, AnnounceError> {
        let server = TestServer::start(move |_| Reply::Close(bytes.clone())).await;
        announced(server.url("/announce").as_str(), Origin::Torrent).await
    }

    #[tokio::test]
    async fn an_announce_and_a_scrape() {
        let server = TestServer::start(|request| {
            let peers = b"d8:intervali900e5:peers6:\x7f\0\0\x01\x1a\xe1e";
            let counts =
                [&b"d5:filesd20:"[..], &[7; 20], b"d8:completei5e10:downloadedi6e10:incompletei7eeee"]
                    .concat();
            let is_scrape = request.path.starts_with("/x/scrape");
            Reply::Keep(reply(200, &[], if is_scrape { &counts } else { peers }))
        })
        .await;
        let base = server.url("/x/announce");
        let answer = announced(base.as_str(), Origin::Torrent).await.unwrap();
        assert_eq!(answer.interval, Some(Duration::from_mins(15)));
        assert_eq!(answer.peers, ["127.0.0.1:6881".parse().unwrap()], "a local tracker may name local peers");
        let client = Client::with(HttpSettings::default());
        let counts = scrape(&client, base.as_str(), Origin::Torrent, &[[7; 20], [8; 20]]).await.unwrap();
        let known = ScrapeCounts { seeders: 5, leechers: 7, downloads: 6 };
        assert_eq!(counts, [Some(known), None]);
        let paths = server.paths();
        assert!(paths[0].starts_with("/x/announce?info_hash=%07%07"), "{paths:?}");
        assert!(paths[1].starts_with("/x/scrape?info_hash=%07%07"), "{paths:?}");
    }

    #[tokio::test]
    async fn refusals_keep_their_meaning() {
        let status = |status, seconds: Option<u64>| {
            Err(AnnounceError::Status { status, retry_after: seconds.map(Duration::from_secs) })
        };
        assert_eq!(outcome(reply(503, &[("Retry-After", "120")], b"busy")).await, status(503, Some(120)));
        let huge = [("Retry-After", "9223372036854775808")];
        assert_eq!(outcome(reply(429, &huge, b"busy")).await, status(429, Some(86_400)));
        assert_eq!(outcome(reply(404, &[], b"<html>")).await, status(404, None));
        let words = b"d14:failure reason7:go away8:retry in5:nevere";
        let refused = Err(AnnounceError::Refused { reason: "go away".into(), retry: Some(Retry::Never) });
        assert_eq!(outcome(reply(200, &[], words)).await, refused);
        assert_eq!(outcome(reply(400, &[], words)).await, refused, "the reason says more than the status");
        assert!(matches!(outcome(reply(200, &[], b"<html>")).await, Err(AnnounceError::Malformed(_))));
        assert!(matches!(outcome(reply(200, &[], b"")).await, Err(AnnounceError::Malformed(_))));
    }

    #[tokio::test]
    async fn a_torrent_does_not_reach_local_services() {
        let canary = TestServer::start(|_| Reply::Keep(reply(200, &[], b"de"))).await;
        let refused = announced(canary.url("/rpc?method=remove").as_str(), Origin::Torrent).await;
        assert!(matches!(refused, Err(AnnounceError::Unreachable(_))), "{refused:?}");
        for path in ["/rpc?method=remove", "/latest/meta-data/", "/announce?x"] {
            let target = canary.url(path).to_string();
            let server =
                TestServer::start(move |_| Reply::Keep(reply(302, &[("Location", target.as_str())], b"")))
                    .await;
            let refused = announced(server.url("/announce").as_str(), Origin::User).await;
            assert!(matches!(refused, Err(AnnounceError::Unreachable(_))), "{path}: {refused:?}");
        }
        assert!(canary.requests().is_empty(), "{:?}", canary.paths());
        assert!(announced(canary.url("/announce?pass=key").as_str(), Origin::User).await.is_ok());
    }

    #[tokio::test]
    async fn redirects_are_few() {
        let server = TestServer::start(|request| {
            let number: u32 = request.path.rsplit('=').next().unwrap().parse().unwrap_or(0);
            Reply::Keep(reply(302, &[("Location", &format!("/announce{number}"))], b""))
        })
        .await;
        let failed = announced(server.url("/announce").as_str(), Origin::Torrent).await;
        assert!(matches!(failed, Err(AnnounceError::Unreachable(_))), "{failed:?}");
        assert!(server.requests().len() <= TRACKER_REDIRECTS + 1);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_drips_ends_in_time() {
        let start = tokio::time::Instant::now();
        let server = TestServer::start(|_| {
            Reply::Endless(
                reply(200, &[("Content-Length", "9999")], b"d5:peers"),
                b"6".to_vec(),
                Duration::from_millis(1),
            )
        })
        .await;
        let result = announced(server.url("/announce").as_str(), Origin::Torrent).await;
        assert!(start.elapsed() <= TRACKER_TIMEOUT, "{:?}", start.elapsed());
        assert!(result.is_err(), "{result:?}");
    }
}
