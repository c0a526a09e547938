//! Where data waits until it was checked: `NAME` is only ever complete and verified.
//!
//! ```text
//! DIR/.NAME.unverified/   what is fetched, and what is checked
//! DIR/NAME                once every check passed
//! DIR/NAME.bad            if one failed; the next run takes it up again
//! ```

use crate::exit::{Failure, Kind};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Longer names get a short folder: `.`, `.unverified` and a name must fit 255 bytes.
const LONGEST_NAME: usize = 200;

/// The place of one image.
pub(super) struct Place {
    output: PathBuf,
    name: String,
    hidden: PathBuf,
}

impl Place {
    /// Makes the hidden folder, and takes in what an earlier run, or anybody, has left under the image's names.
    /// `key` tells images with the same long name apart.
    pub(super) fn begin(output: &Path, name: &str, key: &str) -> Result<Self, Failure> {
        let word = if name.len() <= LONGEST_NAME { name } else { key };
        let hidden = output.join(format!(".{word}.unverified"));
        let place = Self { output: output.to_owned(), name: name.to_owned(), hidden };
        place.take_in().map_err(|error| failure("use", &place.hidden, &error))?;
        Ok(place)
    }

    fn take_in(&self) -> io::Result<()> {
        fs::create_dir_all(&self.hidden)?;
        let inside = self.data();
        // The first of these that is there; its pieces are checked like any other's.
        for outside in [self.accepted(), self.rejected()] {
            if exists(&outside)? && !exists(&inside)? {
                fs::rename(&outside, &inside)?;
            }
        }
        let part = format!("{}.part", self.name);
        if exists(&self.output.join(&part))? && !exists(&self.hidden.join(&part))? && !exists(&inside)? {
            fs::rename(self.output.join(&part), self.hidden.join(&part))?;
        }
        Ok(())
    }

    /// The folder that the image's file or folder appears in meanwhile.
    pub(super) fn folder(&self) -> &Path {
        &self.hidden
    }

    /// The image's file or folder meanwhile.
    pub(super) fn data(&self) -> PathBuf {
        self.hidden.join(&self.name)
    }

    /// Where the image's file or folder is in the end.
    pub(super) fn accepted(&self) -> PathBuf {
        self.output.join(&self.name)
    }

    fn rejected(&self) -> PathBuf {
        self.output.join(format!("{}.bad", self.name))
    }

    /// Every check passed: the image gets its name, durably.
    pub(super) fn accept(self) -> Result<(), Failure> {
        let path = self.accepted();
        self.leave(&path).map_err(|error| failure("give its final name to", &path, &error))
    }

    /// A check failed: the data gets a name that says so.
    pub(super) fn reject(self) -> Result<PathBuf, Failure> {
        let path = self.rejected();
        self.leave(&path).map_err(|error| failure("rename", &path, &error))?;
        Ok(path)
    }

    fn leave(&self, path: &Path) -> io::Result<()> {
        fs::rename(self.data(), path)?;
        fs::File::open(&self.output)?.sync_all()?;
        // What else is in there belongs to files that were not selected, and is of use for them.
        let _ = fs::remove_dir(&self.hidden);
        Ok(())
    }
}

fn failure(what: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::new(Kind::Disk, format_args!("cannot {what} {}: {error}", path.display()))
}

/// Whether a file or folder is there; a link is not followed, and is not one.
fn exists(path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(metadata) => Ok(!metadata.is_symlink()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_waits_until_it_is_accepted() {
        let output = tempfile::tempdir().unwrap();
        let place = Place::begin(output.path(), "a.iso", "key").unwrap();
        fs::write(place.data(), b"data").unwrap();
        assert!(!output.path().join("a.iso").exists());
        place.accept().unwrap();
        assert_eq!(fs::read(output.path().join("a.iso")).unwrap(), b"data");
        assert_eq!(fs::read_dir(output.path()).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn what_was_rejected_is_taken_up_again() {
        let output = tempfile::tempdir().unwrap();
        let place = Place::begin(output.path(), "a.iso", "key").unwrap();
        fs::write(place.data(), b"data").unwrap();
        let kept = place.reject().unwrap();
        assert_eq!(kept, output.path().join("a.iso.bad"));
        let place = Place::begin(output.path(), "a.iso", "key").unwrap();
        assert!(place.data().exists() && !kept.exists());
        place.accept().unwrap();
    }

    #[test]
    fn what_is_there_already_is_used_but_links_are_not_followed() {
        let output = tempfile::tempdir().unwrap();
        fs::write(output.path().join("a.iso"), b"data").unwrap();
        let place = Place::begin(output.path(), "a.iso", "key").unwrap();
        assert!(place.data().exists() && !place.accepted().exists());
        std::os::unix::fs::symlink("/etc/passwd", output.path().join("b.iso")).unwrap();
        let place = Place::begin(output.path(), "b.iso", "key").unwrap();
        assert!(!place.data().exists());
        let long = "x".repeat(250);
        assert!(Place::begin(output.path(), &long, "key").unwrap().folder().ends_with(".key.unverified"));
    }
}
