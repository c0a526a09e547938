//! Which torrents are releases of a distribution, by their labels, and which of them may go.
//!
//! `NAME:VERSION` says what it is, `verified` that it passed every check, `follow` that we added it: only such a one is
//! ever removed.

use daemon::{Entry, FaultKind, Number, Status};

const OURS: &str = "follow";
const VERIFIED: &str = "verified";

/// A torrent that is a release.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Release {
    pub(super) number: Number,
    pub(super) version: String,
    /// We added it, and may remove it.
    pub(super) is_ours: bool,
    /// It passed every check.
    pub(super) is_verified: bool,
    /// All of it is here, and nothing is being done to it.
    pub(super) is_complete: bool,
    /// Part of it that is here, 0 to 1.
    pub(super) done: f64,
    /// Why it stopped.
    pub(super) fault: Option<String>,
    /// When it was added.
    pub(super) added: i64,
}

/// The labels of a release that we add.
pub(super) fn ours(name: &str, version: &str) -> Vec<String> {
    vec![OURS.to_owned(), label(name, version)]
}

/// The labels of a torrent that turns out to be this release.
pub(super) fn with_version(labels: &[String], name: &str, version: &str) -> Vec<String> {
    with(labels, &label(name, version))
}

/// The labels of a release that passed every check.
pub(super) fn with_verified(labels: &[String]) -> Vec<String> {
    with(labels, VERIFIED)
}

fn with(labels: &[String], one: &str) -> Vec<String> {
    let others = labels.iter().filter(|label| *label != one).cloned();
    others.chain([one.to_owned()]).collect()
}

fn label(name: &str, version: &str) -> String {
    format!("{name}:{version}")
}

/// The releases of a distribution among the torrents.
pub(super) fn releases<'a>(entries: impl Iterator<Item = &'a Entry>, name: &str) -> Vec<Release> {
    entries.filter_map(|entry| release(entry, name)).collect()
}

/// What release a torrent is, if it is one.
fn release(entry: &Entry, name: &str) -> Option<Release> {
    let labels = &entry.options().labels;
    let version = |label: &String| label.strip_prefix(name)?.strip_prefix(':').map(str::to_owned);
    let has = |wanted: &str| labels.iter().any(|label| label == wanted);
    let (status, progress) = (entry.status(), entry.progress());
    let is_still = matches!(status, Status::Seeding | Status::QueuedToSeed | Status::Stopped);
    let fault = entry.fault().filter(|fault| fault.kind == FaultKind::Local);
    Some(Release {
        number: entry.number(),
        version: labels.iter().find_map(version)?,
        is_ours: has(OURS),
        is_verified: has(VERIFIED),
        is_complete: is_still && progress.bytes_wanted > 0 && progress.bytes_left() == 0,
        done: progress.bytes_done as f64 / progress.bytes_wanted.max(1) as f64,
        fault: fault.map(|fault| fault.text.clone()),
        added: entry.dates().added,
    })
}

/// Those that may go: of ours all but the `keep` newest that are verified. None goes before the release that the site
/// calls the latest is verified.
pub(super) fn retired(releases: &[Release], latest: &str, keep: u32) -> Vec<Number> {
    let is_latest = |release: &Release| release.version == latest;
    let mut verified: Vec<&Release> = releases.iter().filter(|release| release.is_verified).collect();
    if !verified.iter().any(|release| is_latest(release)) {
        return Vec::new();
    }
    verified.sort_by_key(|release| (is_latest(release), release.added, release.number));
    let kept: Vec<Number> = verified.iter().rev().take(keep as usize).map(|release| release.number).collect();
    let goes = |release: &&Release| release.is_ours && !kept.contains(&release.number);
    releases.iter().filter(goes).map(|release| release.number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(number: u32, version: &str, is_verified: bool) -> Release {
        Release {
            number: Number(number),
            version: version.to_owned(),
            is_ours: true,
            is_verified,
            is_complete: is_verified,
            done: f64::from(u8::from(is_verified)),
            fault: None,
            added: i64::from(number),
        }
    }

    #[test]
    fn nothing_goes_before_the_latest_is_verified() {
        let releases = [release(1, "1", true), release(2, "2", true), release(3, "3", false)];
        assert_eq!(retired(&releases, "3", 1), []);
        assert_eq!(
            retired(&releases, "2", 1),
            [Number(1), Number(3)],
            "and then what was never verified too"
        );
        assert_eq!(retired(&releases, "2", 2), [Number(3)]);
    }

    #[test]
    fn what_the_site_calls_the_latest_stays_even_if_it_is_older() {
        let releases = [release(1, "1", true), release(2, "2", true)];
        assert_eq!(retired(&releases, "1", 1), [Number(2)], "the site took version 2 back");
    }

    #[test]
    fn a_torrent_that_somebody_else_added_is_counted_and_never_removed() {
        let own = Release { is_ours: false, ..release(1, "1", true) };
        let releases = [own, release(2, "2", true), release(3, "3", true)];
        assert_eq!(retired(&releases, "3", 1), [Number(2)]);
        assert_eq!(retired(&releases, "3", 3), []);
    }

    #[test]
    fn labels_are_there_once() {
        let labels = ours("arch", "1");
        assert_eq!(labels, ["follow", "arch:1"]);
        assert_eq!(with_verified(&with_verified(&labels)), ["follow", "arch:1", "verified"]);
        assert_eq!(with_version(&["mine".to_owned()], "arch", "1"), ["mine", "arch:1"]);
    }
}
