//! Names from a torrent, made safe for a disk.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

use crate::limits::{MAX_COMPONENT_BYTES, MAX_EXTENSION_BYTES};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// One path component that is a plain name on every file system of a Unix: never empty, `.` or `..`, without
/// separators of either kind, control characters, and characters that hide or turn text; at most 240 bytes, cut
/// before the extension. Invalid UTF-8 becomes U+FFFD, everything else that may not stay `_`.
pub fn clean_component(raw: &[u8]) -> String {
    let text = String::from_utf8_lossy(raw);
    if matches!(&*text, "" | "." | "..") {
        return "_".to_owned();
    }
    let clean = text.chars().map(|c| if is_unsafe(c) { '_' } else { c }).collect();
    shorten(clean)
}

fn is_unsafe(c: char) -> bool {
    c.is_control() || matches!(c, '/' | '\\') || is_invisible(c)
}

/// Characters that change the direction of text, or that nobody can see.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}'
        | '\u{feff}')
}

fn shorten(name: String) -> String {
    if name.len() <= MAX_COMPONENT_BYTES {
        return name;
    }
    let extension = name.rsplit_once('.').map(|(_, extension)| extension);
    let extension = extension.filter(|extension| extension.len() <= MAX_EXTENSION_BYTES);
    let room = MAX_COMPONENT_BYTES - extension.map_or(0, |extension| extension.len() + 1);
    let stem = name.get(..name.floor_char_boundary(room)).unwrap_or_default();
    extension.map_or_else(|| stem.to_owned(), |extension| format!("{stem}.{extension}"))
}

/// A path as sets keep it: a hash, so that a set's memory does not depend on the depth of paths.
type Key = [u8; 16];

/// Gives every file a path of its own. Paths that differ only in case count as the same, because on some file
/// systems they are. A name that is a folder for one file is no file for another, nor a symlink.
#[derive(Default)]
pub(crate) struct PathSet {
    folders: BTreeSet<Key>,
    files: BTreeSet<Key>,
    /// The last number tried for a path that was taken, so that many equal names take no quadratic time.
    numbers: BTreeMap<Key, u32>,
}

impl PathSet {
    /// Makes known the folders that a file needs. To be called for all files before the first [`PathSet::claim`].
    pub(crate) fn reserve_folders(&mut self, path: &[String]) {
        let (_, folders) = path.split_last().unwrap_or((&String::new(), &[]));
        let mut key = Key::default();
        for folder in folders {
            key = below(key, folder);
            self.folders.insert(key);
        }
    }

    /// Takes a path for a file. Where it is taken, the last component gets a number before its extension.
    pub(crate) fn claim(&mut self, path: &mut [String]) {
        let Some((name, folders)) = path.split_last_mut() else { return };
        let folder = folders.iter().fold(Key::default(), |key, component| below(key, component));
        let wanted = below(folder, name);
        if self.take(wanted) {
            return;
        }
        let (stem, extension) = match name.rsplit_once('.') {
            Some((stem, extension)) if !stem.is_empty() => (stem, format!(".{extension}")),
            _ => (name.as_str(), String::new()),
        };
        let mut number = self.numbers.get(&wanted).copied().unwrap_or(0);
        let unique = loop {
            number += 1;
            let candidate = format!("{stem}.{number}{extension}");
            if self.take(below(folder, &candidate)) {
                break candidate;
            }
        };
        self.numbers.insert(wanted, number);
        *name = unique;
    }

    /// Whether a path leads to a folder or a file, or through a file, which then has to be a symlink.
    pub(crate) fn leads_somewhere(&self, path: &[String]) -> bool {
        let mut key = Key::default();
        for component in path {
            key = below(key, component);
            if self.files.contains(&key) {
                return true;
            }
        }
        self.folders.contains(&key)
    }

    fn take(&mut self, key: Key) -> bool {
        !self.folders.contains(&key) && self.files.insert(key)
    }
}

fn below(folder: Key, component: &str) -> Key {
    let mut hash = Sha256::new();
    hash.update(folder);
    hash.update(component.to_lowercase());
    let digest: [u8; 32] = hash.finalize().into();
    digest.first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim_all(paths: &[&str]) -> Vec<String> {
        let mut set = PathSet::default();
        let mut paths: Vec<Vec<String>> =
            paths.iter().map(|path| path.split('/').map(str::to_owned).collect()).collect();
        for path in &paths {
            set.reserve_folders(path);
        }
        for path in &mut paths {
            set.claim(path);
        }
        paths.iter().map(|path| path.join("/")).collect()
    }

    #[test]
    fn a_component_cannot_leave_its_folder() {
        let cases: [(&[u8], &str); 12] = [
            (b"", "_"),
            (b".", "_"),
            (b"..", "_"),
            (b"...", "..."),
            (b"/etc/passwd", "_etc_passwd"),
            (b"..\\..\\a", ".._.._a"),
            (b"a\0b\x1b[2J", "a_b_[2J"),
            ("exe.\u{202e}gpj".as_bytes(), "exe._gpj"),
            ("a\u{200b}\u{feff}b".as_bytes(), "a__b"),
            (b"file\x80.foo", "file\u{fffd}.foo"),
            (b"trailing ", "trailing "),
            ("π 😀".as_bytes(), "π 😀"),
        ];
        for (raw, clean) in cases {
            assert_eq!(clean_component(raw), clean, "{}", raw.escape_ascii());
        }
    }

    #[test]
    fn long_names_keep_their_extension_and_whole_characters() {
        let name = clean_component(format!("{}.iso", "ä".repeat(200)).as_bytes());
        assert_eq!((name.len(), name.ends_with("ä.iso")), (240, true));
        let name = clean_component("€".repeat(100).as_bytes());
        assert_eq!(name, "€".repeat(80));
        let name = clean_component(format!("a.{}", "b".repeat(300)).as_bytes());
        assert_eq!(name.len(), 240);
    }

    #[test]
    fn equal_names_get_numbers() {
        assert_eq!(
            claim_all(&["t/a.txt", "t/a.txt", "t/a.1.txt", "t/A.TXT", "t/.rc", "t/.rc"]),
            ["t/a.txt", "t/a.1.txt", "t/a.1.1.txt", "t/A.2.TXT", "t/.rc", "t/.rc.1"]
        );
    }

    #[test]
    fn a_folder_is_never_a_file() {
        assert_eq!(claim_all(&["t/a", "t/a/b", "t/a/b/c"]), ["t/a.1", "t/a/b.1", "t/a/b/c"]);
        assert_eq!(claim_all(&["t/A/x", "t/a"]), ["t/A/x", "t/a.1"]);
    }

    #[test]
    fn a_hundred_thousand_equal_names_are_quick() {
        let mut set = PathSet::default();
        let mut last = vec!["same".to_owned()];
        for _ in 0..100_000 {
            last = vec!["same".to_owned()];
            set.claim(&mut last);
        }
        assert_eq!(last, ["same.99999"]);
    }
}
