//! Hearing of changes in a folder: from the kernel, or by looking now and then.

use rustix::fs::inotify;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::time::sleep;

/// How often a folder is listed when the kernel does not tell.
const LISTING: Duration = Duration::from_secs(10);

/// The kernel does not tell of changes on network file systems: even with its help the folder is listed now and then.
const SAFETY_NET: Duration = Duration::from_mins(1);

/// A burst of changes is looked at once.
const BURST: Duration = Duration::from_millis(50);

/// Room for some dozens of events, whose content does not matter: the folder is listed anyhow.
const BUFFER: usize = 16 << 10;

/// Changes of one folder.
pub(super) struct Changes(Option<AsyncFd<OwnedFd>>);

impl Changes {
    /// Hears of changes of `folder`. Where the kernel cannot tell, or is not to be asked, it is only looked at now
    /// and then.
    pub(super) fn of(folder: &Path, by_listing: bool) -> Self {
        if by_listing {
            return Self(None);
        }
        match watch(folder) {
            Ok(watch) => Self(Some(watch)),
            Err(error) => {
                tracing::debug!(folder = %folder.display(), %error, "inotify does not work here: listing");
                Self(None)
            }
        }
    }

    /// Ends when there is reason to look.
    pub(super) async fn next(&mut self) {
        let Some(watch) = &self.0 else {
            sleep(LISTING).await;
            return;
        };
        tokio::select! {
            () = drained(watch) => sleep(BURST).await,
            () = sleep(SAFETY_NET) => {}
        }
    }
}

fn watch(folder: &Path) -> std::io::Result<AsyncFd<OwnedFd>> {
    let watch = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)?;
    let changes =
        inotify::WatchFlags::CLOSE_WRITE | inotify::WatchFlags::MOVED_TO | inotify::WatchFlags::CREATE;
    inotify::add_watch(&watch, folder, changes | inotify::WatchFlags::ONLYDIR)?;
    #[expect(deprecated, reason = "sound for an OwnedFd, and what replaces it is unsafe")]
    AsyncFd::new(watch)
}

/// Waits for an event and takes all there are.
async fn drained(watch: &AsyncFd<OwnedFd>) {
    let Ok(mut ready) = watch.readable().await else {
        // The runtime is going away.
        return std::future::pending().await;
    };
    let mut buffer = [MaybeUninit::uninit(); BUFFER];
    let mut reader = inotify::Reader::new(watch.get_ref(), &mut buffer);
    while reader.next().is_ok() {}
    ready.clear_ready();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_new_file_is_heard_of() {
        let folder = tempfile::tempdir().unwrap();
        let mut changes = Changes::of(folder.path(), false);
        // Where there is no inotify, there is nothing to test.
        if changes.0.is_none() {
            return;
        }
        std::fs::write(folder.path().join("a"), "").unwrap();
        let heard = tokio::time::timeout(SAFETY_NET / 2, changes.next()).await;
        assert!(heard.is_ok(), "not heard of");
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_watched_is_listed() {
        assert!(Changes::of(Path::new("/nowhere"), false).0.is_none());
        assert!(Changes::of(Path::new("/"), true).0.is_none());
    }
}
