//! Holding fetched data against its checks, and giving it the name that it deserves.

use super::Report;
use super::place::Place;
use crate::exit::{Failure, Kind};
use crate::signals::StopSignals;
use images::{CheckFailure, CheckReport, Checks, Subject};
use metainfo::{FileIndex, Metainfo};
use std::path::{Path, PathBuf};
use tokio::task::spawn_blocking;

/// A torrent's data in `folder`, as the checks see it; `image` is the file that they are about.
pub(super) fn subject(
    metainfo: &Metainfo,
    selected: Option<&[FileIndex]>,
    image: FileIndex,
    folder: &Path,
) -> Subject {
    let path =
        |index: usize| -> PathBuf {
            metainfo.files.get(index).into_iter().fold(folder.to_owned(), |path, file| {
                file.path.iter().fold(path, |path, part| path.join(part))
            })
        };
    let is_there = |index: &usize| {
        selected.is_none_or(|selected| selected.contains(&FileIndex(*index as u32)))
            && metainfo.files.get(*index).is_some_and(|file| !file.pad && file.symlink.is_none())
    };
    Subject {
        image: path(image.as_usize()),
        name: super::plan::file_name(metainfo, image),
        files: (0..metainfo.files.len()).filter(is_there).map(path).collect(),
    }
}

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
