//! The info dict: which versions it holds, and whether they tell the same.

use super::{Metainfo, RawFile, Value, assemble, fields, layers, tree, v1};
use crate::BLOCK_LENGTH;
use crate::error::ParseError;
use crate::limits::{MAX_PIECE_LENGTH, MAX_TEXT_BYTES};
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// What an info dict says for itself, before files are laid out and names are cleaned.
pub(super) struct RawInfo<'a> {
    pub(super) raw: &'a [u8],
    pub(super) name: &'a [u8],
    pub(super) piece_length: u32,
    pub(super) is_multi_file: bool,
    pub(super) files: Vec<RawFile<'a>>,
    /// SHA-1 of each piece; `None` for a v2-only torrent.
    pub(super) piece_hashes: Option<&'a [u8]>,
    pub(super) info_hash_v1: Option<[u8; 20]>,
    pub(super) info_hash_v2: Option<[u8; 32]>,
}

/// Reads an info dict. `piece_layers` is the key of that name beside it (BEP 52).
pub(super) fn parse(
    info: Value<'_, '_>,
    piece_layers: Option<Value<'_, '_>>,
) -> Result<Metainfo, ParseError> {
    if info.dict().is_none() {
        return Err(ParseError::kind("info", info, "a dict"));
    }
    let has_v2 = has_v2(info)?;
    let piece_length = piece_length(info, has_v2)?;
    let name = name(info)?;
    let v1 = v1::parse(info, name, has_v2)?;
    let v2 = if has_v2 { Some(tree::parse(info)?) } else { None };
    let (is_multi_file, mut files, piece_hashes) = match (v1, v2) {
        (Some(v1), None) => (v1.is_multi_file, v1.files, Some(v1.pieces)),
        (Some(mut v1), Some(v2)) => {
            agree(&mut v1, &v2, piece_length)?;
            (v1.is_multi_file, v1.files, Some(v1.pieces))
        }
        (None, Some(v2)) => {
            let is_multi_file = !is_single_file(&v2, name);
            (is_multi_file, tree::lay_out(v2, piece_length)?, None)
        }
        (None, None) => return Err(ParseError::missing("info.pieces")),
    };
    if has_v2 {
        layers::attach(&mut files, piece_layers, piece_length)?;
    }
    let raw = info.raw();
    let mut metainfo = assemble::assemble(&RawInfo {
        raw,
        name,
        piece_length,
        is_multi_file,
        files,
        piece_hashes,
        info_hash_v1: piece_hashes.map(|_| Sha1::digest(raw).into()),
        info_hash_v2: has_v2.then(|| Sha256::digest(raw).into()),
    })?;
    metainfo.private = info.get(b"private").and_then(Value::integer).is_some_and(|value| value != 0);
    metainfo.source = fields::text(info, b"source", b"source", MAX_TEXT_BYTES);
    Ok(metainfo)
}

fn has_v2(info: Value<'_, '_>) -> Result<bool, ParseError> {
    let Some(version) = info.get(b"meta version") else { return Ok(false) };
    match version.integer() {
        Some(0 | 1) => Ok(false),
        Some(2) => Ok(true),
        Some(other) => Err(ParseError::new("info.meta version", format_args!("{other} is not supported"))),
        None => Err(ParseError::kind("info.meta version", version, "an integer")),
    }
}

fn piece_length(info: Value<'_, '_>, has_v2: bool) -> Result<u32, ParseError> {
    const KEY: &str = "info.piece length";
    let value = info.get(b"piece length").ok_or_else(|| ParseError::missing(KEY))?;
    let length = value.integer().ok_or_else(|| ParseError::kind(KEY, value, "an integer that fits"))?;
    if !(1..=MAX_PIECE_LENGTH).contains(&length) {
        return Err(ParseError::new(KEY, format_args!("{length} is not between 1 and {MAX_PIECE_LENGTH}")));
    }
    let length = length as u32;
    if has_v2 && (length < BLOCK_LENGTH || !length.is_power_of_two()) {
        let problem =
            format_args!("{length} is not a power of two of at least {BLOCK_LENGTH}, as v2 demands");
        return Err(ParseError::new(KEY, problem));
    }
    Ok(length)
}

fn name<'a>(info: Value<'_, 'a>) -> Result<&'a [u8], ParseError> {
    let utf8 = info.get(b"name.utf-8").and_then(Value::bytes).filter(|name| !name.is_empty());
    if let Some(name) = utf8 {
        return Ok(name);
    }
    let name = info.get(b"name").ok_or_else(|| ParseError::missing("info.name"))?;
    name.bytes().ok_or_else(|| ParseError::kind("info.name", name, "a string"))
}

/// A file tree with nothing but one file of the torrent's own name has no folder (BEP 52).
fn is_single_file(files: &[RawFile<'_>], name: &[u8]) -> bool {
    matches!(files, [file] if file.path == [name])
}

/// Checks that both views of a hybrid torrent tell of the same files, and gives those of v1 the roots of v2.
fn agree(v1: &mut v1::V1<'_>, v2: &[RawFile<'_>], piece_length: u32) -> Result<(), ParseError> {
    let mut tree = v2.iter();
    let mut offset = 0u64;
    for file in &mut v1.files {
        if !file.pad {
            let other = tree.next().ok_or_else(|| differ(file, "is only in the v1 view"))?;
            if other.path != file.path {
                return Err(differ(file, "has another name or place in the v2 view"));
            }
            if other.length != file.length || other.symlink != file.symlink {
                return Err(differ(file, "has another length or kind in the v2 view"));
            }
            if file.length > 0 && !offset.is_multiple_of(u64::from(piece_length)) {
                return Err(differ(file, "does not start on a piece border, as v2 demands"));
            }
            file.pieces_root = other.pieces_root;
        }
        offset = offset.saturating_add(file.length);
    }
    match tree.next() {
        Some(file) => Err(differ(file, "is only in the v2 view")),
        None => Ok(()),
    }
}

fn differ(file: &RawFile<'_>, problem: &str) -> ParseError {
    let path = tree::quoted(&file.path);
    ParseError::new("info.file tree", format_args!("v1 and v2 files differ: {path} {problem}"))
}
