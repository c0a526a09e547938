//! Fetching a file that has no torrent.

use super::place::Place;
use super::{GetArgs, Report, proof};
use crate::exit::{Failure, Kind};
use crate::signals::StopSignals;
use engine::{Fetcher, Snapshot};
use images::{Checks, MirroredError, Mirrors, fetch_mirrored};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// How often progress is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Fetches the file and checks it.
pub(super) async fn fetch(
    args: &GetArgs,
    (fetcher, mirrors, checks): (Fetcher, Mirrors, Checks),
    report: &mut Report,
    stop: &mut StopSignals,
) -> Result<(Snapshot, Duration), Failure> {
    let started = Instant::now();
    if args.seeds() {
        tracing::warn!("a file without a torrent cannot be given back");
    }
    super::make_output(args)?;
    let place = Place::begin(&args.output, &mirrors.name, "image")?;
    let data = place.data();
    report.mirrored(&mirrors.name, mirrors.size);
    let bytes = AtomicU64::new(0);
    let mut progress = |so_far| bytes.store(so_far, Ordering::Relaxed);
    let outcome = tokio::select! {
        outcome = fetch_mirrored(&fetcher, &mirrors, &checks, &data, &mut progress) => outcome.map_err(failure)?,
        failure = no_progress(args.timeout, &bytes) => return Err(failure),
        () = stop.wait() => {
            return Err(Failure::new(Kind::Interrupted, "interrupted; the same command resumes"));
        }
    };
    let bytes = bytes.load(Ordering::Relaxed);
    let path = place.accepted();
    proof::settle(outcome, place, report)?;
    let size = std::fs::metadata(&path).map_or(bytes, |metadata| metadata.len());
    let snapshot = Snapshot { bytes_wanted: size, bytes_from_web_seeds: bytes, ..Snapshot::default() };
    report.complete(&path, &snapshot, started.elapsed());
    Ok((snapshot, started.elapsed()))
}

/// Returns when nothing came for `limit`.
async fn no_progress(limit: Option<Duration>, bytes: &AtomicU64) -> Failure {
    let (mut mark, mut since) = (0, Instant::now());
    loop {
        sleep(LOOK_EVERY).await;
        let now = bytes.load(Ordering::Relaxed);
        if now != mark {
            (mark, since) = (now, Instant::now());
        }
        if limit.is_some_and(|limit| since.elapsed() >= limit) {
            let words = "incomplete: no progress from any mirror; the same command resumes";
            return Failure::new(Kind::Incomplete, words);
        }
    }
}

fn failure(error: MirroredError) -> Failure {
    let kind = if matches!(error, MirroredError::Disk { .. }) { Kind::Disk } else { Kind::Failed };
    Failure::new(kind, error)
}
