//! Safe paths: nothing a torrent names is ever reached by following a link or leaving the download directory.
//!
//! A path is walked one plain name at a time from a handle on the download directory, each step with `O_NOFOLLOW`.
//! Only the download directory itself may be reached through links: the user chose it.

use crate::limits::PATH_DEPTH;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, RenameFlags, Stat};
use rustix::io::Errno;
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

/// New folders and files: everything, minus the user's umask.
const DIRECTORY_MODE: Mode = Mode::from_raw_mode(0o777);
const FILE_MODE: Mode = Mode::from_raw_mode(0o666);
const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// The end of an unfinished file's name.
pub(crate) const PART: &str = ".part";

/// Whether a path is made of plain names only, and not too many.
pub(crate) fn is_plain(path: &Path) -> bool {
    let mut depth = 0;
    for component in path.components() {
        depth += 1;
        match component {
            Component::Normal(name) if depth <= PATH_DEPTH && !name.as_encoded_bytes().contains(&0) => {}
            _ => return false,
        }
    }
    depth > 0
}

/// The unfinished names of files: each with [`PART`] behind it, more than once where another file is called so.
pub(crate) fn part_paths(paths: &[PathBuf]) -> Vec<PathBuf> {
    let mut taken: BTreeSet<PathBuf> = paths.iter().cloned().collect();
    let part = |path: &PathBuf| {
        let mut name = path.as_os_str().to_os_string();
        loop {
            name.push(PART);
            if taken.insert(name.clone().into()) {
                return name.clone().into();
            }
        }
    };
    paths.iter().map(part).collect()
}

/// Shortens the names of a path so that each, with [`PART`] behind it, has at most `longest` bytes. The cut falls on
/// a character border, the extension stays, and a hash of the whole name keeps different names different.
pub(crate) fn fit(path: &Path, longest: usize) -> PathBuf {
    path.components().map(|component| fit_name(component.as_os_str(), longest)).collect()
}

fn fit_name(name: &OsStr, longest: usize) -> OsString {
    let room = longest.saturating_sub(PART.len()).max(32);
    if name.len() <= room {
        return name.to_os_string();
    }
    let text = name.to_string_lossy();
    let extension = Path::new(&*text).extension().and_then(OsStr::to_str).filter(|text| text.len() <= 12);
    let tail = extension.map_or_else(String::new, |extension| format!(".{extension}"));
    let hash = crate::hashing::sha1(name.as_encoded_bytes());
    let mark = format!("~{:02x}{:02x}{:02x}{:02x}", hash[0], hash[1], hash[2], hash[3]);
    let mut cut = room - tail.len() - mark.len();
    while !text.is_char_boundary(cut) {
        cut -= 1;
    }
    format!("{}{mark}{tail}", &text[..cut]).into()
}

/// The longest name the file system below `root` takes, in bytes.
pub(crate) fn longest_name(root: &Path) -> io::Result<usize> {
    let limits = rustix::fs::fstatvfs(open_root(root)?)?;
    Ok(usize::try_from(limits.f_namemax).unwrap_or(255).clamp(64, 255))
}

/// Opens the download directory.
pub(crate) fn open_root(root: &Path) -> io::Result<OwnedFd> {
    Ok(rustix::fs::openat(CWD, root, DIRECTORY, Mode::empty())?)
}

/// Opens a folder below the download directory; an empty path is the download directory.
/// With `create`, missing folders are made.
pub(crate) fn open_directory(root: &Path, path: &Path, create: bool) -> io::Result<OwnedFd> {
    let mut directory = open_root(root)?;
    for component in path.components() {
        let Component::Normal(name) = component else { return Err(Errno::INVAL.into()) };
        let step =
            |from: &OwnedFd| rustix::fs::openat(from, name, DIRECTORY | OFlags::NOFOLLOW, Mode::empty());
        directory = match step(&directory) {
            Err(Errno::NOENT) if create => {
                match rustix::fs::mkdirat(&directory, name, DIRECTORY_MODE) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(error) => return Err(error.into()),
                }
                step(&directory)?
            }
            other => other?,
        };
    }
    Ok(directory)
}

/// The folder of a path, opened, and the last name.
fn parent<'a>(root: &Path, path: &'a Path, create: bool) -> io::Result<(OwnedFd, &'a OsStr)> {
    let (Some(folder), Some(name), true) = (path.parent(), path.file_name(), is_plain(path)) else {
        return Err(Errno::INVAL.into());
    };
    Ok((open_directory(root, folder, create)?, name))
}

/// Opens a regular file. With `create`, it and its folders are made if missing.
pub(crate) fn open_file(root: &Path, path: &Path, write: bool, create: bool) -> io::Result<OwnedFd> {
    let (directory, name) = parent(root, path, create)?;
    let mut flags = OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    flags |= if write { OFlags::RDWR } else { OFlags::RDONLY };
    if create {
        flags |= OFlags::CREATE;
    }
    let file = rustix::fs::openat(directory, name, flags, FILE_MODE)?;
    let stat = rustix::fs::fstat(&file)?;
    if !is_regular(&stat) {
        return Err(Errno::EXIST.into());
    }
    Ok(file)
}

/// What is at a path, links not followed; `None` if nothing is.
pub(crate) fn stat(root: &Path, path: &Path) -> io::Result<Option<Stat>> {
    let stat = parent(root, path, false)
        .and_then(|(directory, name)| Ok(rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?));
    match stat {
        Ok(stat) => Ok(Some(stat)),
        // The download directory itself must be there.
        Err(error) if Errno::from_io_error(&error) == Some(Errno::NOENT) => open_root(root).map(|_| None),
        Err(error) => Err(error),
    }
}

/// Whether the thing is a plain file.
pub(crate) fn is_regular(stat: &Stat) -> bool {
    rustix::fs::FileType::from_raw_mode(stat.st_mode).is_file()
}

/// Renames a file inside its folder; something already there under the new name is an error.
pub(crate) fn rename(root: &Path, from: &Path, to: &Path) -> io::Result<()> {
    let (directory, from) = parent(root, from, false)?;
    let to = to.file_name().ok_or(Errno::INVAL)?;
    match rustix::fs::renameat_with(&directory, from, &directory, to, RenameFlags::NOREPLACE) {
        // File systems without that flag: look first. The lock on the download keeps our own kind out.
        Err(Errno::INVAL | Errno::NOSYS) => {
            match rustix::fs::statat(&directory, to, AtFlags::SYMLINK_NOFOLLOW) {
                Err(Errno::NOENT) => Ok(rustix::fs::renameat(&directory, from, &directory, to)?),
                Ok(_) => Err(Errno::EXIST.into()),
                Err(error) => Err(error.into()),
            }
        }
        other => Ok(other?),
    }
}

/// Removes a file; it is fine if there is none.
pub(crate) fn remove(root: &Path, path: &Path) -> io::Result<()> {
    let (directory, name) = parent(root, path, false)?;
    match rustix::fs::unlinkat(directory, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Makes a symbolic link; one that is there already and says the same is fine.
pub(crate) fn symlink(root: &Path, path: &Path, target: &Path) -> io::Result<()> {
    let (directory, name) = parent(root, path, true)?;
    match rustix::fs::symlinkat(target, &directory, name) {
        Err(Errno::EXIST) => match rustix::fs::readlinkat(&directory, name, Vec::new()) {
            Ok(there) if there.as_bytes() == target.as_os_str().as_encoded_bytes() => Ok(()),
            _ => Err(Errno::EXIST.into()),
        },
        other => Ok(other?),
    }
}

/// The text of a link at `path` that leads to `target`, both below the download directory.
pub(crate) fn relative_link(path: &Path, target: &Path) -> PathBuf {
    let folder: Vec<_> = path.parent().map(|folder| folder.components().collect()).unwrap_or_default();
    let target: Vec<_> = target.components().collect();
    let shared = folder.iter().zip(&target).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n(Component::ParentDir, folder.len() - shared);
    up.chain(target[shared..].iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_paths_pass() {
        for good in ["a", "a/b", "a/b.part", "..a/b.."] {
            assert!(is_plain(Path::new(good)), "{good}");
        }
        for bad in ["", "/a", "..", "a/../b", "../a", "a\0b"] {
            assert!(!is_plain(Path::new(bad)), "{bad:?}");
        }
        assert!(!is_plain(&(0..=PATH_DEPTH).map(|_| "a").collect::<PathBuf>()));
    }

    #[test]
    fn long_names_are_cut_and_stay_apart() {
        let long = |tail: &str| PathBuf::from(format!("dir/{}{tail}.iso", "é".repeat(120)));
        let (a, b) = (fit(&long("a"), 143), fit(&long("b"), 143));
        assert_ne!(a, b);
        assert!(a.file_name().unwrap().len() + PART.len() <= 143 && a.extension().unwrap() == "iso");
        assert_eq!(fit(Path::new("dir/short"), 143), Path::new("dir/short"));
    }

    #[test]
    fn unfinished_names_are_nobody_elses() {
        let paths = ["a", "a.part", "b"].map(PathBuf::from);
        let parts = ["a.part.part", "a.part.part.part", "b.part"].map(PathBuf::from);
        assert_eq!(part_paths(&paths), parts);
    }

    #[test]
    fn no_step_follows_a_link() {
        let outside = tempfile::tempdir().unwrap();
        let root = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(outside.path(), root.path().join("link")).unwrap();
        std::fs::write(outside.path().join("secret"), b"x").unwrap();
        std::os::unix::fs::symlink(outside.path().join("secret"), root.path().join("file")).unwrap();
        assert!(open_file(root.path(), Path::new("link/new"), true, true).is_err());
        assert!(open_file(root.path(), Path::new("file"), false, false).is_err());
        assert!(rename(root.path(), Path::new("link/secret"), Path::new("link/public")).is_err());
        assert!(symlink(root.path(), Path::new("link/x"), Path::new("y")).is_err());
        assert!(!outside.path().join("new").exists());
        assert!(open_file(root.path(), Path::new("a/b/c"), true, true).is_ok());
    }

    #[test]
    fn renaming_never_replaces() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("a"), b"new").unwrap();
        std::fs::write(root.path().join("b"), b"old").unwrap();
        let error = rename(root.path(), Path::new("a"), Path::new("b")).unwrap_err();
        assert_eq!(Errno::from_io_error(&error), Some(Errno::EXIST));
        assert_eq!(std::fs::read(root.path().join("b")).unwrap(), b"old");
    }

    #[test]
    fn links_are_relative() {
        let link = |path, target| relative_link(Path::new(path), Path::new(target));
        assert_eq!(link("t/a/link", "t/b/file"), Path::new("../b/file"));
        assert_eq!(link("t/link", "t/file"), Path::new("file"));
    }
}
