//! `--select`: which files of a torrent are fetched.

use crate::exit::{Failure, Kind};
use globset::{GlobBuilder, GlobMatcher};
use metainfo::{File, FileIndex, Metainfo};

/// Files named in an error, so that it stays one line that can be read.
const FILES_NAMED: usize = 4;

/// One part of the list.
#[derive(Clone, Debug)]
enum Choice {
    /// As `starling show` counts, pads included.
    Index(usize),
    /// A pattern, or simply a name.
    Glob { text: String, matcher: GlobMatcher },
}

/// What the user wants of a torrent's files.
#[derive(Clone, Debug)]
pub(crate) struct Selection {
    choices: Vec<Choice>,
}

impl std::str::FromStr for Selection {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = split(text);
        let choices: Vec<Choice> = parts.into_iter().map(choice).collect::<Result<_, _>>()?;
        if choices.is_empty() {
            return Err(
                "name a file: a glob such as '*.iso', or an index that `starling show` lists".to_owned()
            );
        }
        Ok(Self { choices })
    }
}

/// The parts between commas; a comma inside braces or brackets belongs to the glob.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0_u32, 0);
    for (at, c) in text.char_indices() {
        match c {
            '{' | '[' => depth += 1,
            '}' | ']' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts.into_iter().map(str::trim).filter(|part| !part.is_empty()).collect()
}

fn choice(part: &str) -> Result<Choice, String> {
    if let Ok(index) = part.parse() {
        return Ok(Choice::Index(index));
    }
    let text = part.trim_end_matches('/').to_owned();
    let glob = GlobBuilder::new(&text).literal_separator(false).build();
    let matcher =
        glob.map_err(|error| format!("'{part}' is not a glob: {}", error.kind()))?.compile_matcher();
    Ok(Choice::Glob { text, matcher })
}

impl Selection {
    /// The files selected, in torrent order. Every part must name at least one.
    pub(crate) fn files(&self, metainfo: &Metainfo) -> Result<Vec<FileIndex>, Failure> {
        let mut selected = vec![false; metainfo.files.len()];
        for choice in &self.choices {
            let mut any = false;
            for (index, file) in metainfo.files.iter().enumerate().filter(|(_, file)| !file.pad) {
                if choice.names(index, file, metainfo.is_multi_file) {
                    selected[index] = true;
                    any = true;
                }
            }
            if !any {
                let words =
                    format_args!("--select: {}; the torrent has {}", choice.miss(), listing(metainfo));
                return Err(Failure::new(Kind::Usage, words));
            }
        }
        let chosen = |(index, selected): (usize, bool)| selected.then_some(FileIndex(index as u32));
        Ok(selected.into_iter().enumerate().filter_map(chosen).collect())
    }
}

impl Choice {
    /// A glob is held against the path as `starling show` prints it, the path inside the torrent's folder, the
    /// name alone, and every folder on the way: naming a folder selects what is in it.
    fn names(&self, index: usize, file: &File, is_multi_file: bool) -> bool {
        let (text, matcher) = match self {
            Self::Index(wanted) => return *wanted == index,
            Self::Glob { text, matcher } => (text, matcher),
        };
        let is_it = |name: &str| name == text || matcher.is_match(name);
        let inside = usize::from(is_multi_file).min(file.path.len());
        let folders_from =
            |start: usize| (start + 1..=file.path.len()).map(move |end| file.path[start..end].join("/"));
        folders_from(0).chain(folders_from(inside)).any(|path| is_it(&path))
            || file.path.last().is_some_and(|name| is_it(name))
    }

    fn miss(&self) -> String {
        match self {
            Self::Index(index) => format!("there is no file {index}"),
            Self::Glob { text, .. } => format!("'{text}' matches no file"),
        }
    }
}

/// The first files with their indexes, for an error.
fn listing(metainfo: &Metainfo) -> String {
    let files = || metainfo.files.iter().enumerate().filter(|(_, file)| !file.pad);
    let named: Vec<String> =
        files().take(FILES_NAMED).map(|(index, file)| format!("{index} {}", file.path.join("/"))).collect();
    let more = files().count().saturating_sub(FILES_NAMED);
    let rest = if more > 0 { format!(" and {more} more; `starling show` lists them") } else { String::new() };
    named.join(", ") + &rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use metainfo::create::{NewFile, NewTorrent};

    fn torrent() -> Metainfo {
        let names = ["a.iso", "docs/readme.txt", "docs/de/liesmich.txt", "7", "odd[1].img", "SHA256SUMS"];
        let files: Vec<NewFile> = names
            .iter()
            .map(|name| NewFile { path: name.split('/').map(str::to_owned).collect(), length: 1000 })
            .collect();
        let new = NewTorrent {
            name: "images".to_owned(),
            piece_length: 16_384,
            piece_hashes: vec![[1; 20]],
            files,
            is_multi_file: true,
            ..NewTorrent::default()
        };
        Metainfo::parse(&new.encode()).expect("a good torrent")
    }

    fn selected(text: &str) -> Result<Vec<u32>, String> {
        let selection: Selection = text.parse()?;
        let files = selection.files(&torrent()).map_err(|failure| failure.message)?;
        Ok(files.into_iter().map(|file| file.0).collect())
    }

    #[test]
    fn globs_names_folders_and_indexes() {
        assert_eq!(selected("*.iso"), Ok(vec![0]));
        assert_eq!(selected("SHA256SUMS, 0"), Ok(vec![0, 5]));
        assert_eq!(selected("*.txt"), Ok(vec![1, 2]));
        assert_eq!(selected("docs/*.txt"), Ok(vec![1, 2]));
        assert_eq!(selected("docs/"), Ok(vec![1, 2]));
        assert_eq!(selected("docs/de"), Ok(vec![2]));
        assert_eq!(selected("images/docs/readme.txt"), Ok(vec![1]));
        assert_eq!(selected("images"), Ok(vec![0, 1, 2, 3, 4, 5]));
        assert_eq!(selected("{a.iso,SHA*}"), Ok(vec![0, 5]));
        assert_eq!(selected("odd[1].img"), Ok(vec![4]), "a name that looks like a glob");
        assert_eq!(selected("3"), Ok(vec![3]), "a number is an index, not a name");
    }

    #[test]
    fn what_names_nothing_is_told_with_what_there_is() {
        let error = selected("*.iso,*.zip").unwrap_err();
        assert!(error.contains("'*.zip' matches no file") && error.contains("0 images/a.iso"), "{error}");
        assert!(error.contains("and 2 more"), "{error}");
        assert!(selected("6").unwrap_err().contains("there is no file 6"));
        assert!(selected("").is_err() && selected(" , ").is_err());
        assert!(selected("[").unwrap_err().contains("not a glob"));
    }
}
