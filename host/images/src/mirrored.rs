//! A file without a torrent: from its mirrors, one after the other, and believed only once it was checked.

use crate::checks::{CheckFailure, CheckReport, Checks, Subject};
use crate::limits::{MIRROR_TRIES, SLOW_MIRROR_AFTER, SLOW_MIRROR_RATE};
use engine::{Fetcher, HttpError, NamedBy, without_credentials};
use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use thiserror::Error;
use tokio::fs::{File, OpenOptions};
use tokio::io::AsyncWriteExt;
use url::Url;

/// Where a file is.
#[derive(Clone, Debug)]
pub struct Mirrors {
    /// Its name: a plain file name.
    pub name: String,
    /// Its size, if that is known.
    pub size: Option<u64>,
    /// Its URLs, the best first.
    pub urls: Vec<Url>,
}

/// Why no mirror gave the file.
#[derive(Debug, Error)]
pub enum MirroredError {
    /// No mirror is named at all.
    #[error("no mirror is named that can be asked")]
    NoMirror,
    /// The last mirror that was tried, and what went wrong.
    #[error("no mirror gave {name}; the last one tried: {url}: {reason}")]
    AllFailed {
        /// The file.
        name: String,
        /// The mirror.
        url: String,
        /// What went wrong there.
        reason: String,
    },
    /// The disk.
    #[error("cannot write {path}: {error}")]
    Disk {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

/// Fetches a file to `path` and holds it against `checks`. What an earlier run left there is gone on with. A mirror
/// whose file has another sum is passed over for the next one; the report is that of the first file that held, or
/// else of the last. `progress` is told the bytes so far.
pub async fn fetch_mirrored(
    fetcher: &Fetcher,
    mirrors: &Mirrors,
    checks: &Checks,
    path: &Path,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<CheckReport, MirroredError> {
    let disk = |error| MirroredError::Disk { path: path.to_owned(), error };
    let there = tokio::fs::metadata(path).await.ok().map(|metadata| metadata.len());
    if there.is_some() && there == mirrors.size {
        let report = check(checks, mirrors, path).await;
        if !is_another_file(&report) {
            return Ok(report);
        }
        tokio::fs::remove_file(path).await.map_err(disk)?;
    }
    let mut outcome = Err(MirroredError::NoMirror);
    let mut queue: VecDeque<(&Url, bool)> =
        mirrors.urls.iter().take(MIRROR_TRIES).map(|url| (url, false)).collect();
    while let Some((url, may_be_slow)) = queue.pop_front() {
        if outcome.is_ok() {
            // It is not known which bytes are wrong: this mirror gives all of them.
            tokio::fs::remove_file(path).await.map_err(disk)?;
        }
        let may_be_slow = may_be_slow || queue.is_empty();
        let one = OneMirror { fetcher, url, size: mirrors.size, path, may_be_slow };
        let reason = match one.download(progress).await {
            Ok(()) => {
                let report = check(checks, mirrors, path).await;
                if !is_another_file(&report) {
                    return Ok(report);
                }
                outcome = Ok(report);
                continue;
            }
            Err(Problem::Disk(error)) => return Err(disk(error)),
            Err(Problem::Slow) => {
                queue.push_back((url, true));
                "it is slow".to_owned()
            }
            Err(Problem::Http(error)) => error.to_string(),
            Err(Problem::Other(reason)) => reason,
        };
        tracing::info!(%url, reason, "a mirror is left");
        if outcome.is_err() {
            let (name, url) = (mirrors.name.clone(), without_credentials(url));
            outcome = Err(MirroredError::AllFailed { name, url, reason });
        }
    }
    outcome
}

/// Whether the sums say that a mirror has other bytes, so that another one may have the right ones.
const fn is_another_file(report: &CheckReport) -> bool {
    matches!(report.failure, Some(CheckFailure::Checksum(_)))
}

async fn check(checks: &Checks, mirrors: &Mirrors, path: &Path) -> CheckReport {
    let subject =
        Subject { image: path.to_owned(), name: mirrors.name.clone(), files: vec![path.to_owned()] };
    let checks = checks.clone();
    let ran = tokio::task::spawn_blocking(move || checks.run(&subject)).await;
    ran.unwrap_or_else(|error| CheckReport {
        failure: Some(CheckFailure::Disk { path: path.to_owned(), error: io::Error::other(error) }),
        ..CheckReport::default()
    })
}

enum Problem {
    Http(HttpError),
    Other(String),
    /// There are others that may be faster.
    Slow,
    Disk(io::Error),
}

impl From<HttpError> for Problem {
    fn from(error: HttpError) -> Self {
        Self::Http(error)
    }
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Self::Disk(error)
    }
}

/// One attempt at one mirror.
struct OneMirror<'a> {
    fetcher: &'a Fetcher,
    url: &'a Url,
    size: Option<u64>,
    path: &'a Path,
    /// No other mirror is left that might be faster.
    may_be_slow: bool,
}

impl OneMirror<'_> {
    async fn download(&self, progress: &mut (dyn FnMut(u64) + Send)) -> Result<(), Problem> {
        let mut file = OpenOptions::new().create(true).append(true).open(self.path).await?;
        let mut have = file.metadata().await?.len();
        if self.size.is_none_or(|size| have > size) {
            restart(&mut file, &mut have).await?;
        }
        let range = self.size.filter(|_| have > 0).map(|size| have..size);
        if range.as_ref().is_some_and(std::ops::Range::is_empty) {
            return Ok(());
        }
        let mut answer = self.fetcher.open(self.url, NamedBy::Document, range).await?;
        match answer.status() {
            200 => restart(&mut file, &mut have).await?,
            206 if answer.range_start() == Some(have) => {}
            status => return Err(Problem::Other(format!("HTTP status {status}"))),
        }
        let whole = answer.length().map(|length| have + length);
        if let (Some(size), Some(whole)) = (self.size, whole)
            && size != whole
        {
            return Err(Problem::Other(format!("it has {whole} bytes and should have {size}")));
        }
        let (began, start) = (Instant::now(), have);
        while let Some(bytes) = answer.next().await? {
            have += bytes.len() as u64;
            if self.size.is_some_and(|size| have > size) {
                restart(&mut file, &mut have).await?;
                return Err(Problem::Other("it sends more bytes than the file has".to_owned()));
            }
            file.write_all(&bytes).await?;
            progress(have);
            if !self.may_be_slow && is_slow(have - start, began.elapsed()) {
                file.flush().await?;
                return Err(Problem::Slow);
            }
        }
        file.flush().await?;
        file.sync_data().await?;
        match self.size {
            Some(size) if have < size => Err(Problem::Http(HttpError::Truncated)),
            _ => Ok(()),
        }
    }
}

fn is_slow(bytes: u64, time: Duration) -> bool {
    time >= SLOW_MIRROR_AFTER && bytes < SLOW_MIRROR_RATE * time.as_secs()
}

async fn restart(file: &mut File, have: &mut u64) -> io::Result<()> {
    *have = 0;
    file.set_len(0).await
}
