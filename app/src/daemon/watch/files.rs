//! Which file of the watched folder is tried when.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// The pause after the first failure; each one after it is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// A file that did not change for so long is not on its way any more.
const GIVE_UP: Duration = Duration::from_secs(15);

/// A file as it was found in the folder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Seen {
    pub(super) path: PathBuf,
    pub(super) length: u64,
    pub(super) modified: Option<SystemTime>,
}

/// Files that were tried and are still there.
#[derive(Default)]
pub(super) struct Files(BTreeMap<PathBuf, Trial>);

#[derive(Clone, Copy)]
struct Trial {
    length: u64,
    modified: Option<SystemTime>,
    changed_at: Instant,
    pause: Duration,
    /// `None` once it was given up.
    next: Option<Instant>,
}

impl Files {
    /// Those of `seen` that are to be tried now: new ones, changed ones, and those whose pause is over.
    pub(super) fn due(&mut self, seen: Vec<Seen>, now: Instant) -> Vec<PathBuf> {
        self.0.retain(|path, _| seen.iter().any(|seen| seen.path == *path));
        let mut due = Vec::new();
        for Seen { path, length, modified } in seen {
            let fresh = Trial { length, modified, changed_at: now, pause: FIRST_PAUSE, next: Some(now) };
            let trial = self.0.entry(path.clone()).or_insert(fresh);
            if (trial.length, trial.modified) != (length, modified) {
                *trial = fresh;
            }
            if trial.next.is_some_and(|next| next <= now) {
                due.push(path);
            }
        }
        due
    }

    /// How the trial of a file ended.
    pub(super) fn tried(&mut self, path: &Path, settled: bool, now: Instant) {
        let Some(trial) = self.0.get_mut(path) else { return };
        let is_over = settled || now >= trial.changed_at + GIVE_UP;
        if is_over && !settled {
            tracing::warn!(path = %path.display(), "this is not a torrent; it is left alone until it changes");
        }
        trial.next = (!is_over).then(|| now + trial.pause);
        trial.pause *= 2;
    }

    /// When the next file is due, if no other comes first.
    pub(super) fn next_try(&self) -> Option<Instant> {
        self.0.values().filter_map(|trial| trial.next).min()
    }
}

/// Does the name promise a torrent?
pub(super) fn may_be_torrent(path: &Path) -> bool {
    let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    !is_hidden && (has_extension(path, "torrent") || is_magnet(path))
}

/// Does the name promise a magnet link?
pub(super) fn is_magnet(path: &Path) -> bool {
    has_extension(path, "magnet")
}

fn has_extension(path: &Path, wanted: &str) -> bool {
    path.extension().and_then(OsStr::to_str).is_some_and(|extension| extension.eq_ignore_ascii_case(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(name: &str, length: u64) -> Seen {
        Seen { path: name.into(), length, modified: None }
    }

    #[test]
    fn a_file_is_tried_at_once_and_again_with_growing_pauses() {
        let (mut files, start) = (Files::default(), Instant::now());
        assert_eq!(files.due(vec![seen("a", 1)], start), [PathBuf::from("a")]);
        files.tried(Path::new("a"), false, start);
        assert_eq!(files.next_try(), Some(start + FIRST_PAUSE));
        assert!(files.due(vec![seen("a", 1)], start).is_empty(), "not before its time");
        let second = start + FIRST_PAUSE;
        assert_eq!(files.due(vec![seen("a", 1)], second).len(), 1);
        files.tried(Path::new("a"), false, second);
        assert_eq!(files.next_try(), Some(second + 2 * FIRST_PAUSE));
    }

    #[test]
    fn what_does_not_change_is_given_up_and_what_changes_is_tried_again() {
        let (mut files, start) = (Files::default(), Instant::now());
        files.due(vec![seen("a", 1)], start);
        let late = start + GIVE_UP;
        files.tried(Path::new("a"), false, late);
        assert_eq!(files.next_try(), None);
        assert!(files.due(vec![seen("a", 1)], late + GIVE_UP).is_empty());
        assert_eq!(files.due(vec![seen("a", 2)], late + GIVE_UP).len(), 1);
    }

    #[test]
    fn settled_files_are_not_tried_again_and_gone_ones_are_forgotten() {
        let (mut files, start) = (Files::default(), Instant::now());
        files.due(vec![seen("a", 1)], start);
        files.tried(Path::new("a"), true, start);
        assert!(
            files.due(vec![seen("a", 1)], start + GIVE_UP).is_empty(),
            "it could not be moved out of the way"
        );
        assert!(files.due(Vec::new(), start).is_empty());
        assert_eq!(files.due(vec![seen("a", 1)], start).len(), 1, "another file of the same name");
    }
}
