//! One daemon a directory.

use crate::StartError;
use rustix::fs::FlockOperation;
use std::fs::File;
use std::io::Write;
use std::path::Path;

/// The name of the lock file.
const FILE_NAME: &str = "lock";

/// Locks a config directory until the answer is dropped; the system unlocks it when the process dies.
pub(crate) fn lock(directory: &Path) -> Result<File, StartError> {
    let failed = |reason: String| StartError::Directory { path: directory.to_path_buf(), reason };
    std::fs::create_dir_all(directory).map_err(|error| failed(error.to_string()))?;
    let path = directory.join(FILE_NAME);
    let open = File::options().create(true).truncate(false).write(true).open(path);
    let mut file = open.map_err(|error| failed(error.to_string()))?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Err(rustix::io::Errno::WOULDBLOCK) => return Err(StartError::InUse(directory.to_path_buf())),
        Err(error) => {
            tracing::warn!(%error, "the config directory cannot be locked; keep other daemons away");
        }
        Ok(()) => {}
    }
    // The number is for people; the lock itself is what counts.
    let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_refused_until_the_first_has_gone() {
        let directory = tempfile::tempdir().unwrap();
        let first = lock(directory.path()).unwrap();
        assert!(matches!(lock(directory.path()), Err(StartError::InUse(_))));
        drop(first);
        lock(directory.path()).unwrap();
    }
}
