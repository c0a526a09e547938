//! Torrent files of this machine, which go to the daemon as they are: it may run elsewhere.

use super::limits::MAX_TORRENT_BYTES;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};

/// The bytes of the file that `word` names; `None` if it names none that can be opened, and is then a URL, a magnet link
/// or a path on the daemon's machine.
pub(super) fn read(word: &OsStr) -> Option<io::Result<Vec<u8>>> {
    let file = File::open(word).ok()?;
    if file.metadata().is_ok_and(|about| about.is_dir()) {
        return None;
    }
    let mut bytes = Vec::new();
    let read = file.take(MAX_TORRENT_BYTES + 1).read_to_end(&mut bytes);
    Some(match read {
        Ok(_) if bytes.len() as u64 > MAX_TORRENT_BYTES => {
            Err(io::Error::other("it is too large for a torrent"))
        }
        Ok(_) => Ok(bytes),
        Err(error) => Err(error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_and_all_else_is_left_to_the_daemon() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.torrent");
        std::fs::write(&file, b"d4:infoe").unwrap();
        assert_eq!(read(file.as_os_str()).unwrap().unwrap(), b"d4:infoe");
        assert!(read(folder.path().as_os_str()).is_none());
        assert!(read(OsStr::new("magnet:?xt=urn:btih:00")).is_none());
    }

    #[test]
    fn what_is_too_large_for_a_torrent_is_not_sent() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(MAX_TORRENT_BYTES + 1).unwrap();
        assert!(read(file.path().as_os_str()).unwrap().is_err());
    }
}
