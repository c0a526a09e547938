//! A link to whatever its publisher calls the newest torrent (BEP 46): the DHT tells which that is.

use super::{GetArgs, Report, session};
use crate::exit::{Failure, Kind};
use crate::signals::StopSignals;
use crate::units;
use engine::{DhtError, Session, UpdateError};
use metainfo::Magnet;
use std::future::pending;
use tokio::time::sleep;

/// Finds the newest torrent of the link's publisher and makes it the link's. The session that found it comes back; none
/// if the link has no publisher. Where the DHT does not tell, a torrent that the link names itself serves.
pub(super) async fn resolve(
    args: &GetArgs,
    magnet: &mut Magnet,
    report: &mut Report,
    stop: &mut StopSignals,
) -> Result<Option<Session>, Failure> {
    let Some(publisher) = magnet.publisher.clone() else { return Ok(None) };
    if magnet.has_hash() && session::dht(args).is_none() {
        return Ok(None);
    }
    let name = magnet.name.clone().unwrap_or_else(|| publisher.to_string());
    report.asking(&name);
    let session = session::start(args)?;
    let too_late = async {
        match args.timeout {
            Some(limit) => sleep(limit).await,
            None => pending().await,
        }
    };
    let found = tokio::select! {
        found = session.latest(&publisher, &magnet.nodes) => found.map_err(|error| failure(&error)),
        () = too_late => {
            let waited = units::duration(args.timeout.unwrap_or_default().as_secs());
            let words = format_args!("the DHT did not tell within {waited} which torrent the link means");
            Err(Failure::new(Kind::Incomplete, words))
        }
        () = stop.wait() => {
            return Err(Failure::new(Kind::Interrupted, "interrupted before anything was fetched"));
        }
    };
    match found {
        Ok(update) => {
            report.resolved(&update);
            if magnet.info_hash_v1 != Some(update.info_hash) {
                // What the link says of its own torrent need not be so of a newer one.
                let is_newer = magnet.has_hash();
                (magnet.info_hash_v1, magnet.info_hash_v2) = (Some(update.info_hash), None);
                if is_newer {
                    magnet.web_seeds.clear();
                    magnet.selected.clear();
                }
            }
        }
        Err(failure) if magnet.has_hash() => {
            tracing::warn!(
                "{}; the torrent that the link names is fetched, which may be an older one",
                failure.message
            );
        }
        Err(failure) => return Err(failure),
    }
    Ok(Some(session))
}

fn failure(error: &UpdateError) -> Failure {
    match error {
        UpdateError::NoDht => Failure::new(
            Kind::Usage,
            format_args!(
                "{error}; leave out --no-dht and --no-peers, or on a local network enter its DHT with --dht-bootstrap"
            ),
        ),
        UpdateError::Dht(DhtError::Busy | DhtError::NoSocket) => Failure::new(Kind::Failed, error),
        UpdateError::Dht(_) => Failure::new(Kind::Incomplete, error),
        UpdateError::BadItem(_) => Failure::new(Kind::BadTorrent, error),
    }
}
