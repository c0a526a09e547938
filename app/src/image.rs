//! The image in a torrent: the file that sums and signatures are about.

use images::Subject;
use metainfo::{FileIndex, Metainfo};
use std::path::{Path, PathBuf};

/// The image of a torrent: its largest file among those selected.
pub(crate) fn find(metainfo: &Metainfo, selected: Option<&[FileIndex]>) -> Option<FileIndex> {
    let files = metainfo.files.iter().enumerate().map(|(index, file)| (FileIndex(index as u32), file));
    let files = files.filter(|(index, file)| {
        !file.pad && file.symlink.is_none() && selected.is_none_or(|selected| selected.contains(index))
    });
    files.max_by_key(|(_, file)| file.length).map(|(index, _)| index)
}

/// A torrent's data in `folder`, as the checks see it; `image` is the file that they are about.
pub(crate) fn subject(
    metainfo: &Metainfo,
    selected: Option<&[FileIndex]>,
    image: FileIndex,
    folder: &Path,
) -> Subject {
    let path =
        |index: usize| -> PathBuf {
            metainfo.files.get(index).into_iter().fold(folder.to_owned(), |path, file| {
                file.path.iter().fold(path, |path, part| path.join(part))
            })
        };
    let is_there = |index: &usize| {
        selected.is_none_or(|selected| selected.contains(&FileIndex(*index as u32)))
            && metainfo.files.get(*index).is_some_and(|file| !file.pad && file.symlink.is_none())
    };
    Subject {
        image: path(image.as_usize()),
        name: file_name(metainfo, image),
        files: (0..metainfo.files.len()).filter(is_there).map(path).collect(),
    }
}

/// The last part of a file's path.
pub(crate) fn file_name(metainfo: &Metainfo, index: FileIndex) -> String {
    metainfo.files.get(index.as_usize()).and_then(|file| file.path.last()).cloned().unwrap_or_default()
}
