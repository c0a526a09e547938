//! Holding fetched data against its checks, and giving it the name that it deserves.

use super::Report;
use super::place::Place;
use crate::exit::{Failure, Kind};
use crate::signals::StopSignals;
use images::{CheckFailure, CheckReport, Checks, Subject};
use tokio::task::spawn_blocking;

/// Runs the checks; a signal ends the waiting.
pub(super) async fn run(
    checks: &Checks,
    subject: Subject,
    stop: &mut StopSignals,
) -> Result<CheckReport, Failure> {
    let checks = checks.clone();
    let ran = spawn_blocking(move || checks.run(&subject));
    tokio::select! {
        ran = ran => ran.map_err(|error| Failure::new(Kind::Failed, error)),
        () = stop.wait() => {
            let words = "interrupted while the image was being verified; the same command goes on from there";
            Err(Failure::new(Kind::Interrupted, words))
        }
    }
}

/// Tells which links of the chain held, and gives the data its name.
pub(super) fn settle(outcome: CheckReport, place: Place, report: &mut Report) -> Result<(), Failure> {
    for verified in &outcome.verified {
        report.verified(verified);
    }
    let Some(failure) = outcome.failure else { return place.accept() };
    let kind = match failure {
        CheckFailure::Checksum(_) => Kind::Checksum,
        CheckFailure::Signature(_) => Kind::Signature,
        CheckFailure::Disk { .. } => return Err(Failure::new(Kind::Disk, failure)),
    };
    let kept = place.reject()?;
    Err(Failure::new(kind, format_args!("{failure}; the data is kept as {}", kept.display())))
}
