//! The watched folder: torrent files that appear in it are added.
//!
//! `files` decides when which file is tried, `changes` hears of changes. A file that is added, or that we have already,
//! is renamed to `NAME.added`, or deleted if the settings say so. One that cannot be read may still be on its way: it is
//! tried again with growing pauses until it has not changed for a while, and then left alone until it changes.

mod changes;
mod files;

use changes::Changes;
use daemon::{AddError, AddRequest, Daemon, Source};
use files::{Files, Seen};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::time::sleep_until;

/// The longest magnet file; it holds one link.
const LONGEST_MAGNET: u64 = 64 << 10;

/// A folder that cannot be listed is looked at again after this time.
const PATIENCE: Duration = Duration::from_secs(30);

/// Watches `folder` until dropped. With `by_listing` the kernel is not asked to tell of changes.
pub(super) async fn run(daemon: Daemon, folder: PathBuf, by_listing: bool) {
    let mut changes = Changes::of(&folder, by_listing);
    let mut files = Files::default();
    let mut is_readable = true;
    loop {
        let again = match list(folder.clone()).await {
            Ok(seen) => {
                if !std::mem::replace(&mut is_readable, true) {
                    // It may be another folder of the same name.
                    changes = Changes::of(&folder, by_listing);
                }
                for path in files.due(seen, Instant::now()) {
                    let settled = offer(&daemon, &path).await;
                    files.tried(&path, settled, Instant::now());
                }
                files.next_try()
            }
            Err(error) => {
                if std::mem::take(&mut is_readable) {
                    tracing::warn!(folder = %folder.display(), %error, "the watched folder cannot be read");
                }
                Some(Instant::now() + PATIENCE)
            }
        };
        let pause = async {
            match again {
                Some(when) => sleep_until(when.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = changes.next() => {}
            () = pause => {}
        }
    }
}

/// The files that may be torrents, as they are now.
async fn list(folder: PathBuf) -> std::io::Result<Vec<Seen>> {
    let work = move || {
        let mut seen = Vec::new();
        for item in std::fs::read_dir(folder)? {
            let item = item?;
            // A file may be gone by now.
            if let (true, Ok(about)) = (files::may_be_torrent(&item.path()), std::fs::metadata(item.path()))
                && about.is_file()
            {
                seen.push(Seen { path: item.path(), length: about.len(), modified: about.modified().ok() });
            }
        }
        seen.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(seen)
    };
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(std::io::Error::other(error)))
}

/// Adds a file. True if it is settled and was moved out of the way, false if it should be tried again.
async fn offer(daemon: &Daemon, path: &Path) -> bool {
    let source = match source(path) {
        Ok(source) => source,
        Err(error) => {
            tracing::debug!(path = %path.display(), %error, "a watched file cannot be read yet");
            return false;
        }
    };
    match daemon.add(AddRequest::new(source)).await {
        Ok(added) => {
            tracing::info!(path = %path.display(), name = added.name, "added from the watched folder");
            settle(path, daemon.settings().trash_original_torrent_files);
            true
        }
        Err(AddError::Closed) => false,
        Err(error) => {
            tracing::info!(path = %path.display(), %error, "a watched file is not a torrent, or not yet");
            false
        }
    }
}

fn source(path: &Path) -> std::io::Result<Source> {
    if !files::is_magnet(path) {
        return Ok(Source::File(path.to_path_buf()));
    }
    if std::fs::metadata(path)?.len() > LONGEST_MAGNET {
        return Err(std::io::Error::other("larger than any magnet link"));
    }
    Ok(Source::Magnet(std::fs::read_to_string(path)?.trim().to_owned()))
}

/// Moves an added file out of the way.
fn settle(path: &Path, delete: bool) {
    let done = if delete {
        std::fs::remove_file(path)
    } else {
        let mut name = path.as_os_str().to_owned();
        name.push(".added");
        std::fs::rename(path, name)
    };
    if let Err(error) = done {
        tracing::warn!(path = %path.display(), %error, "a file that was added stays in the watched folder");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settled_files_are_renamed_or_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.torrent");
        std::fs::write(&path, "").unwrap();
        settle(&path, false);
        assert!(!path.exists() && folder.path().join("a.torrent.added").exists());
        std::fs::write(&path, "").unwrap();
        settle(&path, true);
        assert!(!path.exists());
        settle(&path, true);
    }

    #[tokio::test]
    async fn only_files_with_the_right_names_are_listed() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.TORRENT", "a.magnet", ".hidden.torrent", "notes.txt", "c.torrent.added"] {
            std::fs::write(folder.path().join(name), name).unwrap();
        }
        std::fs::create_dir(folder.path().join("folder.torrent")).unwrap();
        let seen = list(folder.path().to_path_buf()).await.unwrap();
        let names: Vec<_> =
            seen.iter().map(|seen| seen.path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["a.magnet", "b.TORRENT"]);
        assert!(list(folder.path().join("nowhere")).await.is_err());
    }

    #[test]
    fn magnet_files_hold_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.magnet");
        std::fs::write(&path, " magnet:?xt=urn:btih:x\n").unwrap();
        assert_eq!(source(&path).unwrap(), Source::Magnet("magnet:?xt=urn:btih:x".into()));
        std::fs::write(&path, vec![b'x'; LONGEST_MAGNET as usize + 1]).unwrap();
        assert!(source(&path).is_err());
    }
}
