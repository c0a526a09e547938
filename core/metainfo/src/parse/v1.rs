//! The files and pieces of v1 (BEP 3, BEP 47).

use super::{Attributes, RawFile, Value, components, symlink};
use crate::error::ParseError;
use crate::limits::{MAX_FILES, MAX_PATH_COMPONENTS, MAX_PATH_DEPTH, MAX_TOTAL_LENGTH};

pub(super) struct V1<'a> {
    pub(super) is_multi_file: bool,
    pub(super) files: Vec<RawFile<'a>>,
    /// 20 bytes for each piece; not yet compared with the number of pieces.
    pub(super) pieces: &'a [u8],
}

/// Reads the v1 keys. `None` if there are none and the torrent has v2 keys.
pub(super) fn parse<'a>(
    info: Value<'_, 'a>,
    name: &'a [u8],
    has_v2: bool,
) -> Result<Option<V1<'a>>, ParseError> {
    let Some(pieces) = info.get(b"pieces") else {
        return if has_v2 { Ok(None) } else { Err(ParseError::missing("info.pieces")) };
    };
    let hashes = pieces.bytes().ok_or_else(|| ParseError::kind("info.pieces", pieces, "a string"))?;
    if hashes.len() % 20 != 0 {
        let problem = format_args!("length {} is not a multiple of 20", hashes.len());
        return Err(ParseError::new("info.pieces", problem));
    }
    let files = info.get(b"files");
    let parsed = match files {
        Some(files) => multiple(files)?,
        None => vec![single(info, name)?],
    };
    Ok(Some(V1 { is_multi_file: files.is_some(), files: parsed, pieces: hashes }))
}

fn single<'a>(info: Value<'_, 'a>, name: &'a [u8]) -> Result<RawFile<'a>, ParseError> {
    if info.get(b"length").is_none() {
        return Err(ParseError::missing("info.files"));
    }
    Ok(RawFile {
        path: vec![name],
        length: length(info, || "info".to_owned())?,
        pad: false,
        executable: Attributes::of(info).executable,
        symlink: None,
        pieces_root: None,
        piece_layer: [].into(),
    })
}

fn multiple<'a>(files: Value<'_, 'a>) -> Result<Vec<RawFile<'a>>, ParseError> {
    let list = files.list().ok_or_else(|| ParseError::kind("info.files", files, "a list"))?;
    let mut parsed = Vec::new();
    let mut count = 0;
    for (index, file) in list.enumerate() {
        if index >= MAX_FILES {
            return Err(ParseError::new("info.files", format_args!("holds more than {MAX_FILES} files")));
        }
        let file = one(file, index)?;
        count += file.path.len();
        if count > MAX_PATH_COMPONENTS {
            return Err(ParseError::new("info.files", "the paths have too many components"));
        }
        parsed.push(file);
    }
    if parsed.is_empty() {
        return Err(ParseError::new("info.files", "is empty"));
    }
    Ok(parsed)
}

fn one<'a>(file: Value<'_, 'a>, index: usize) -> Result<RawFile<'a>, ParseError> {
    let key = || format!("info.files[{index}]");
    if file.dict().is_none() {
        return Err(ParseError::kind(key(), file, "a dict"));
    }
    let attributes = Attributes::of(file);
    let symlink = symlink(file, attributes);
    Ok(RawFile {
        path: path(file, attributes.pad, key)?,
        length: if symlink.is_some() { 0 } else { length(file, key)? },
        pad: attributes.pad,
        executable: attributes.executable,
        symlink,
        pieces_root: None,
        piece_layer: [].into(),
    })
}

fn path<'a>(file: Value<'_, 'a>, pad: bool, key: impl Fn() -> String) -> Result<Vec<&'a [u8]>, ParseError> {
    let key = || format!("{}.path", key());
    let path = file.get(b"path.utf-8").and_then(components);
    let path = path.or_else(|| file.get(b"path").and_then(components));
    let path = match (path, file.get(b"path")) {
        (Some(path), _) => path,
        (None, _) if pad => Vec::new(),
        (None, Some(path)) if path.list().is_some_and(|mut list| list.next().is_none()) => {
            return Err(ParseError::new(key(), "is empty"));
        }
        (None, Some(_)) => return Err(ParseError::new(key(), "is not a list of strings")),
        (None, None) => return Err(ParseError::missing(key())),
    };
    if path.len() > MAX_PATH_DEPTH {
        return Err(ParseError::new(key(), format_args!("has more than {MAX_PATH_DEPTH} components")));
    }
    Ok(path)
}

/// The `length` of a file, in a dict that `key` names.
pub(super) fn length(dict: Value<'_, '_>, key: impl Fn() -> String) -> Result<u64, ParseError> {
    let key = || format!("{}.length", key());
    let value = dict.get(b"length").ok_or_else(|| ParseError::missing(key()))?;
    let length = value.integer().ok_or_else(|| ParseError::kind(key(), value, "an integer that fits"))?;
    match u64::try_from(length) {
        Ok(length) if length < MAX_TOTAL_LENGTH => Ok(length),
        Ok(_) => Err(ParseError::new(key(), format_args!("{length} is not below {MAX_TOTAL_LENGTH}"))),
        Err(_) => Err(ParseError::new(key(), format_args!("{length} is negative"))),
    }
}
