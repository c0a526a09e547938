//! The file of a key: its seed in hex digits, readable by its owner only.

use crate::exit::{Failure, Kind};
use engine::DhtKey;
use metainfo::{hex, unhex};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Bytes read of a key file: the digits and a line's end, and room to see that there is more.
const MOST: u64 = 256;

/// Reads a key.
pub(super) fn read(path: &Path) -> Result<DhtKey, Failure> {
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(MOST).read_to_string(&mut text))
        .map_err(|error| Failure::new(Kind::Disk, format_args!("{}: {error}", path.display())))?;
    let key = unhex(text.trim()).and_then(DhtKey::from_seed);
    key.ok_or_else(|| {
        let words = format_args!("{}: not a key; one is made by --new-key", path.display());
        Failure::new(Kind::Usage, words)
    })
}

/// Makes a new key in a file that is not there yet: a key that is lost cannot be made again.
pub(super) fn create(path: &Path) -> Result<DhtKey, Failure> {
    let key = DhtKey::generate()
        .ok_or_else(|| Failure::new(Kind::Failed, "the system gives no randomness for a key"))?;
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| {
            file.write_all(format!("{}\n", hex(key.seed())).as_bytes())?;
            file.sync_all()
        })
        .map_err(|error| Failure::new(Kind::Disk, format_args!("{}: {error}", path.display())))?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_key_is_made_once_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("my.key");
        let made = create(&path).unwrap();
        assert_eq!(read(&path).unwrap().public(), made.public());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(create(&path).err().map(|failure| failure.kind), Some(Kind::Disk), "it is not replaced");
        std::fs::write(&path, "12345").unwrap();
        assert_eq!(read(&path).err().map(|failure| failure.kind), Some(Kind::Usage));
    }
}
