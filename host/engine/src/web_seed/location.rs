//! Which URL a file of the torrent has at a web seed (BEP 19).
//!
//! The rule is: a single file is at the URL itself, or in it if it ends with a slash; the files of a folder are at
//! URL/folder/path. Torrents in the wild break it both ways, so there is a second form for when the first is not
//! there, unless it ends with the file's name already. Names are the torrent's own bytes, each percent-encoded once; what files are called here does not matter.

use metainfo::{FileIndex, Metainfo};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use url::Url;

/// All but the unreserved characters of RFC 3986.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The forms of a file's URL, the likeliest first. Empty if no URL can name the file.
pub(super) fn forms(base: &Url, metainfo: &Metainfo, file: FileIndex) -> Vec<Url> {
    let Some(file) = metainfo.files.get(file.as_usize()) else { return Vec::new() };
    let name = metainfo.raw_name.as_slice();
    let path: Vec<&[u8]> = file.raw_path.iter().map(Vec::as_slice).collect();
    let forms = if metainfo.is_multi_file {
        vec![append(base, std::iter::once(name).chain(path.iter().copied())), append(base, path.into_iter())]
    } else if base.path().ends_with('/') {
        vec![append(base, std::iter::once(name))]
    } else if percent_decode_str(base.path().rsplit('/').next().unwrap_or_default()).eq(name.iter().copied())
    {
        vec![Some(base.clone())]
    } else {
        vec![Some(base.clone()), append(base, std::iter::once(name))]
    };
    forms.into_iter().flatten().collect()
}

/// The URL with parts behind its path; `None` if a part is one that servers and we would take for a step in the
/// tree.
fn append<'a>(base: &Url, parts: impl Iterator<Item = &'a [u8]>) -> Option<Url> {
    let mut path = base.path().trim_end_matches('/').to_owned();
    for part in parts {
        if matches!(part, b"" | b"." | b"..") {
            return None;
        }
        path.push('/');
        path.extend(percent_encode(part, ENCODED));
    }
    let mut url = base.clone();
    url.set_path(&path);
    Some(url)
}
