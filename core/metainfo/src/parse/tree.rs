//! The file tree of v2 (BEP 52).

use super::{Attributes, RawFile, Value, symlink, v1};
use crate::error::ParseError;
use crate::limits::{MAX_FILES, MAX_PATH_COMPONENTS, MAX_PATH_DEPTH};
use bencode::Dict;

const KEY: &str = "info.file tree";

/// A folder that is being read.
struct Folder<'d, 'a> {
    entries: Dict<'d, 'a>,
    /// The key before, to see that keys are in order and none comes twice.
    last: Option<&'a [u8]>,
    /// Whether it is a file after all: the empty key describes one.
    describes_file: bool,
}

/// The files of the tree, in its order.
pub(super) fn parse<'a>(info: Value<'_, 'a>) -> Result<Vec<RawFile<'a>>, ParseError> {
    let tree = info.get(b"file tree").ok_or_else(|| ParseError::missing(KEY))?;
    let entries = tree.dict().ok_or_else(|| ParseError::kind(KEY, tree, "a dict"))?;
    let mut files = Vec::new();
    let mut count = 0;
    let mut path: Vec<&[u8]> = Vec::new();
    let mut open = vec![Folder { entries, last: None, describes_file: false }];
    while let Some(folder) = open.last_mut() {
        let Some((name, value)) = folder.entries.next() else {
            open.pop();
            path.pop();
            continue;
        };
        if folder.last.is_some_and(|last| last >= name) {
            return Err(fault(&path, "the keys are not in order"));
        }
        folder.last = Some(name);
        let entries =
            value.dict().ok_or_else(|| fault(&path, format_args!("holds {}", value.kind_name())))?;
        if name.is_empty() {
            folder.describes_file = true;
            files.push(file(value, &path)?);
            count += path.len();
        } else {
            if folder.describes_file {
                return Err(fault(&path, "is a file and a folder"));
            }
            path.push(name);
            open.push(Folder { entries, last: None, describes_file: false });
        }
        check_limits(&files, count, &path)?;
    }
    if files.is_empty() {
        return Err(ParseError::new(KEY, "holds no file"));
    }
    Ok(files)
}

fn check_limits(files: &[RawFile<'_>], count: usize, path: &[&[u8]]) -> Result<(), ParseError> {
    if path.len() > MAX_PATH_DEPTH {
        return Err(ParseError::new(KEY, format_args!("is more than {MAX_PATH_DEPTH} folders deep")));
    }
    if files.len() > MAX_FILES {
        return Err(ParseError::new(KEY, format_args!("holds more than {MAX_FILES} files")));
    }
    if count > MAX_PATH_COMPONENTS {
        return Err(ParseError::new(KEY, "the paths have too many components"));
    }
    Ok(())
}

fn file<'a>(value: Value<'_, 'a>, path: &[&'a [u8]]) -> Result<RawFile<'a>, ParseError> {
    if path.is_empty() {
        return Err(fault(path, "a file has an empty name"));
    }
    let attributes = Attributes::of(value);
    if attributes.pad {
        return Err(fault(path, "is a pad file, which v2 has none of"));
    }
    let symlink = symlink(value, attributes);
    let length = if symlink.is_some() { 0 } else { v1::length(value, || format!("{KEY}.{}", quoted(path)))? };
    Ok(RawFile {
        path: path.to_vec(),
        length,
        pad: false,
        executable: attributes.executable,
        symlink,
        pieces_root: if length > 0 { Some(pieces_root(value, path)?) } else { None },
        piece_layer: [].into(),
    })
}

fn pieces_root(file: Value<'_, '_>, path: &[&[u8]]) -> Result<[u8; 32], ParseError> {
    let root = file.get(b"pieces root").ok_or_else(|| fault(path, "has no pieces root"))?;
    let root = root.bytes().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    let root = root.ok_or_else(|| fault(path, "the pieces root is not 32 bytes"))?;
    if root == [0; 32] {
        return Err(fault(path, "the pieces root is zero"));
    }
    Ok(root)
}

/// Puts a pad file between files so that each starts on a piece border, as in the v1 view of the same torrent.
pub(super) fn lay_out(files: Vec<RawFile<'_>>, piece_length: u32) -> Result<Vec<RawFile<'_>>, ParseError> {
    let piece_length = u64::from(piece_length);
    let mut laid_out = Vec::with_capacity(files.len());
    // Where the next file would start, counted from a piece border.
    let mut offset = 0;
    for file in files {
        if file.length > 0 && offset > 0 {
            laid_out.push(RawFile {
                path: Vec::new(),
                length: piece_length - offset,
                pad: true,
                executable: false,
                symlink: None,
                pieces_root: None,
                piece_layer: [].into(),
            });
            offset = 0;
        }
        offset = (offset + file.length) % piece_length;
        laid_out.push(file);
        if laid_out.len() > MAX_FILES {
            return Err(ParseError::new(
                KEY,
                format_args!("with pad files holds more than {MAX_FILES} files"),
            ));
        }
    }
    Ok(laid_out)
}

/// A path for an error message: short, and harmless on a terminal.
pub(super) fn quoted(path: &[&[u8]]) -> String {
    let path = path.join(&b'/');
    let text = String::from_utf8_lossy(path.get(..120).unwrap_or(&path)).into_owned();
    format!("{text:?}")
}

fn fault(path: &[&[u8]], problem: impl std::fmt::Display) -> ParseError {
    if path.is_empty() {
        ParseError::new(KEY, problem)
    } else {
        ParseError::new(format!("{KEY}.{}", quoted(path)), problem)
    }
}
