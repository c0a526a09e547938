//! The last step: sizes, counts, and names fit for a disk.

use super::info::RawInfo;
use super::{Metainfo, RawFile};
use crate::error::ParseError;
use crate::limits::{MAX_PIECES, MAX_TOTAL_LENGTH};
use crate::metainfo::File;
use crate::names::{PathSet, clean_component};
use crate::{Geometry, InfoHash};
use std::sync::Arc;

/// The folder that pad files without a name are said to be in. They never are on disk.
const PAD_FOLDER: &str = ".pad";

pub(super) fn assemble(info: &RawInfo<'_>) -> Result<Metainfo, ParseError> {
    let geometry = Geometry::new(info.piece_length, info.files.iter().map(|file| file.length));
    let too_large =
        || ParseError::new("info", format_args!("the total size is not below {MAX_TOTAL_LENGTH}"));
    let geometry = geometry.ok_or_else(too_large)?;
    let pieces = u64::from(geometry.piece_count());
    if pieces > MAX_PIECES {
        return Err(ParseError::new(
            "info.piece length",
            format_args!("makes {pieces} pieces, over {MAX_PIECES}"),
        ));
    }
    let (piece_hashes, _) = info.piece_hashes.unwrap_or_default().as_chunks::<20>();
    if info.piece_hashes.is_some() && piece_hashes.len() as u64 != pieces {
        let problem = format_args!("{} hashes for {pieces} pieces", piece_hashes.len());
        return Err(ParseError::new("info.pieces", problem));
    }
    let name = name(info);
    Ok(Metainfo {
        info_hash_v1: info.info_hash_v1,
        info_hash_v2: info.info_hash_v2,
        files: files(info, &name),
        name,
        raw_name: info.name.to_vec(),
        is_multi_file: info.is_multi_file,
        geometry: Arc::new(geometry),
        piece_hashes: piece_hashes.into(),
        private: false,
        comment: None,
        created_by: None,
        creation_date: None,
        source: None,
        trackers: Vec::new(),
        web_seeds: Vec::new(),
        nodes: Vec::new(),
        info_bytes: info.raw.into(),
    })
}

/// The cleaned name; a torrent without one goes by its info-hash.
fn name(info: &RawInfo<'_>) -> String {
    let hash = info.info_hash_v1.map(InfoHash::V1).or(info.info_hash_v2.map(InfoHash::V2));
    match hash {
        Some(hash) if matches!(info.name, b"" | b"." | b"..") => hash.to_string(),
        _ => clean_component(info.name),
    }
}

/// The files with their final paths. Folders are made known before any file is named, so that a file never takes the
/// place of a folder, and nothing is ever written through a symlink.
fn files(info: &RawInfo<'_>, name: &str) -> Vec<File> {
    let mut files: Vec<File> = info.files.iter().map(|file| finished(file, info, name)).collect();
    let mut taken = PathSet::default();
    files.iter().filter(|file| !file.pad).for_each(|file| taken.reserve_folders(&file.path));
    files.iter_mut().filter(|file| !file.pad).for_each(|file| taken.claim(&mut file.path));
    for file in files.iter_mut().filter(|file| file.symlink.is_some()) {
        let folder = file.path.len().saturating_sub(1);
        let folder = file.path.get(..folder).unwrap_or_default();
        file.symlink = file.symlink.take().map(|target| resolve(target, folder, &taken));
    }
    files
}

/// The target of a symlink. BEP 47 counts it from the torrent's folder, but some makers count from the folder that the
/// symlink is in; that holds where the torrent has something there and nothing at the other place.
fn resolve(target: Vec<String>, folder: &[String], taken: &PathSet) -> Vec<String> {
    if taken.leads_somewhere(&target) {
        return target;
    }
    let beside: Vec<String> = folder.iter().chain(target.iter().skip(1)).cloned().collect();
    if taken.leads_somewhere(&beside) { beside } else { target }
}

fn finished(file: &RawFile<'_>, info: &RawInfo<'_>, name: &str) -> File {
    let below_root = |path: &[&[u8]]| -> Vec<String> {
        std::iter::once(name.to_owned()).chain(path.iter().map(|part| clean_component(part))).collect()
    };
    let unnamed = [PAD_FOLDER.as_bytes(), &file.length.to_string().into_bytes()].map(<[u8]>::to_vec);
    let unnamed: Vec<&[u8]> = unnamed.iter().map(Vec::as_slice).collect();
    let path = if file.path.is_empty() { &unnamed } else { &file.path };
    File {
        path: if info.is_multi_file { below_root(path) } else { vec![name.to_owned()] },
        raw_path: path.iter().map(|part| part.to_vec()).collect(),
        length: file.length,
        pad: file.pad,
        executable: file.executable,
        symlink: file.symlink.as_deref().filter(|_| info.is_multi_file).map(below_root),
        pieces_root: file.pieces_root,
        piece_layer: Arc::clone(&file.piece_layer),
    }
}
