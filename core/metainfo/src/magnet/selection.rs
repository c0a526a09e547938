//! File indexes of `so` (BEP 53): `0,2,4,6-8`.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

use crate::FileIndex;
use crate::limits::MAX_FILES;
use std::ops::RangeInclusive;

/// Ranges as they come in. They are merged before they are spelt out, so that a link that names all files a thousand
/// times costs no more than one that names them once.
#[derive(Default)]
pub(super) struct Selection(Vec<RangeInclusive<u32>>);

impl Selection {
    /// Takes a value of `so`; what is no index or range, or lies past the most files a torrent has, is left out.
    pub(super) fn add(&mut self, value: &str) {
        self.0.extend(value.split(',').filter_map(range));
    }

    /// All indexes, ascending, none twice.
    pub(super) fn finish(mut self) -> Vec<FileIndex> {
        self.0.sort_unstable_by_key(|range| *range.start());
        let mut files = Vec::new();
        let mut next = 0;
        for range in self.0 {
            files.extend((next.max(*range.start())..=*range.end()).map(FileIndex));
            next = next.max(range.end() + 1);
        }
        files
    }
}

fn range(item: &str) -> Option<RangeInclusive<u32>> {
    let (first, last) = item.split_once('-').unwrap_or((item, item));
    let (first, last) = (index(first)?, index(last)?);
    (first <= last).then_some(first..=last)
}

fn index(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|index| digits && (*index as usize) < MAX_FILES)
}

/// Ascending indexes as `so` has them, neighbours joined to ranges.
pub(super) fn format(files: &[FileIndex]) -> String {
    let runs = files.chunk_by(|a, b| a.0.checked_add(1) == Some(b.0));
    let runs = runs.filter_map(|run| Some((run.first()?, run.last()?)));
    let runs =
        runs.map(|(first, last)| if first == last { first.to_string() } else { format!("{first}-{last}") });
    runs.collect::<Vec<_>>().join(",")
}
