//! Moving, renaming and deleting the files of a closed torrent. Everything here blocks.

use crate::layout::{FileKind, TorrentLayout};
use crate::paths::{self, is_plain};
use crate::{DiskError, outbox::Outbox, torrent::Torrent};
use rustix::fs::{AtFlags, CWD, RenameFlags};
use rustix::io::Errno;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// Every file of ours that may be there, relative to the download directory.
fn ours(torrent: &TorrentLayout) -> Vec<PathBuf> {
    let (events, _) = tokio::sync::mpsc::channel(1);
    let longest = paths::longest_name(&torrent.download_directory).unwrap_or(255);
    let open = Torrent::new(0, torrent, Outbox::new(events), longest);
    let files = open
        .files
        .iter()
        .filter(|file| !matches!(file.kind, FileKind::Pad) && is_plain(&file.path) && is_plain(&file.part));
    let names = files.flat_map(|file| [file.path.clone(), file.part.clone()]);
    names.chain([open.edges.clone()]).collect()
}

/// Whether any file of a torrent is in its folder, whole, unfinished, or something else under its name.
pub fn has_data(torrent: &TorrentLayout) -> bool {
    let is_there = |name: &PathBuf| fs::symlink_metadata(torrent.download_directory.join(name)).is_ok();
    ours(torrent).iter().any(is_there)
}

/// Moves the files of a closed torrent to another folder, which is made if missing; what has been moved already is
/// left alone, so that a move that was cut off can be done again. Over file systems bytes are copied and synced before
/// the old file goes.
pub fn move_data(torrent: &TorrentLayout, to: &Path) -> Result<(), DiskError> {
    let from = &torrent.download_directory;
    fs::create_dir_all(to).map_err(|error| DiskError::new("make the folder", to, &error))?;
    if same_folder(from, to) {
        return Ok(());
    }
    let names = ours(torrent);
    for name in &names {
        let (old, new) = (from.join(name), to.join(name));
        if fs::symlink_metadata(&old).is_err() {
            continue;
        }
        if let Some(folder) = new.parent() {
            fs::create_dir_all(folder).map_err(|error| DiskError::new("make the folder", folder, &error))?;
        }
        move_file(&old, &new).map_err(|error| DiskError::new("move a file to", &new, &error))?;
    }
    remove_empty_folders(from, &names);
    Ok(())
}

fn same_folder(a: &Path, b: &Path) -> bool {
    matches!((fs::canonicalize(a), fs::canonicalize(b)), (Ok(a), Ok(b)) if a == b)
}

fn move_file(from: &Path, to: &Path) -> io::Result<()> {
    match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => return Ok(()),
        Err(Errno::INVAL | Errno::NOSYS) if fs::symlink_metadata(to).is_err() => {
            return fs::rename(from, to);
        }
        Err(Errno::XDEV) => {}
        Err(error) => return Err(error.into()),
    }
    if fs::symlink_metadata(to).is_ok() {
        return Err(Errno::EXIST.into());
    }
    let mut unfinished = to.as_os_str().to_os_string();
    unfinished.push(".moving");
    let copied = copy(from, Path::new(&unfinished)).and_then(|()| fs::rename(&unfinished, to));
    if copied.is_err() {
        // What was copied is of no use.
        let _ = fs::remove_file(&unfinished);
    }
    copied.and_then(|()| fs::remove_file(from))
}

/// Copies bytes and times, which tell whether somebody touched the file, and syncs.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let status = fs::symlink_metadata(from)?;
    if status.is_symlink() {
        return std::os::unix::fs::symlink(fs::read_link(from)?, to);
    }
    fs::copy(from, to)?;
    let file = File::options().write(true).open(to)?;
    file.set_modified(status.modified()?)?;
    file.sync_all()
}

/// Deletes the files of a closed torrent, and folders that are empty afterwards. Others' files stay.
pub fn delete_data(torrent: &TorrentLayout) -> Result<(), DiskError> {
    let root = &torrent.download_directory;
    let names = ours(torrent);
    let mut failure = None;
    for name in &names {
        match paths::remove(root, name) {
            Err(error) if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                failure = Some(DiskError::new("delete", &root.join(name), &error));
            }
            _ => {}
        }
    }
    remove_empty_folders(root, &names);
    failure.map_or(Ok(()), Err)
}

/// Removes the folders of these files as far as they are empty, never `root` itself.
fn remove_empty_folders(root: &Path, names: &[PathBuf]) {
    let mut folders: Vec<&Path> = names
        .iter()
        .flat_map(|name| name.ancestors().skip(1))
        .filter(|folder| !folder.as_os_str().is_empty())
        .collect();
    folders.sort_by_key(|folder| std::cmp::Reverse(folder.components().count()));
    folders.dedup();
    for folder in folders {
        // One that is not empty stays.
        let _ = rustix::fs::unlinkat(CWD, root.join(folder), AtFlags::REMOVEDIR);
    }
}

/// Renames a file or folder of a closed torrent inside its folder; both paths are relative to `root`. A file may lie
/// under its unfinished name. Nothing there is fine: it gets its new name when it is made. Something of the new name
/// is an error.
pub fn rename_path(root: &Path, from: &Path, to: &Path) -> Result<(), DiskError> {
    if !is_plain(from) || !is_plain(to) {
        return Err(DiskError::UnsafePath { name: to.to_string_lossy().into_owned() });
    }
    if fs::symlink_metadata(root.join(to)).is_ok() {
        return Err(DiskError::InTheWay { path: root.join(to) });
    }
    let part = |path: &Path| {
        let mut name = path.as_os_str().to_os_string();
        name.push(paths::PART);
        PathBuf::from(name)
    };
    for (from, to) in [(from.to_path_buf(), to.to_path_buf()), (part(from), part(to))] {
        match paths::rename(root, &from, &to) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(DiskError::new("rename to", &root.join(to), &error));
            }
            _ => {}
        }
    }
    Ok(())
}
