//! The file that names the process to those who send it signals.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The file; it goes when this is dropped.
pub(super) struct PidFile(PathBuf);

impl PidFile {
    /// Writes the file. An empty path is nowhere.
    pub(super) fn write(path: &Path) -> io::Result<Option<Self>> {
        if path.as_os_str().is_empty() {
            return Ok(None);
        }
        fs::write(path, format!("{}\n", std::process::id()))?;
        Ok(Some(Self(path.to_path_buf())))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // Another process may have put its own number there.
        let ours =
            fs::read_to_string(&self.0).is_ok_and(|text| text.trim() == std::process::id().to_string());
        if ours && let Err(error) = fs::remove_file(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "the pid file stays");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_goes_with_its_process_and_only_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pid");
        let file = PidFile::write(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap().trim(), std::process::id().to_string());
        drop(file);
        assert!(!path.exists());
        let file = PidFile::write(&path).unwrap();
        fs::write(&path, "1\n").unwrap();
        drop(file);
        assert!(path.exists(), "a file of another process stays");
        assert!(PidFile::write(Path::new("")).unwrap().is_none());
    }
}
