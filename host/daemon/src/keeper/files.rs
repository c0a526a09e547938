//! Which files of a torrent are wanted, and how much.

use super::book::FileWishes;
use crate::FileChoice;
use crate::catalogue::entry::Priority;
use metainfo::{Bitfield, FileIndex, Metainfo, PieceIndex};

/// A file index that the torrent does not have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct OutOfRange;

/// Applies a choice to a torrent of `count` files; nothing is changed on an error.
pub(super) fn choose(wishes: &mut FileWishes, choice: &FileChoice, count: usize) -> Result<(), OutOfRange> {
    let (FileChoice::Wanted(files) | FileChoice::Unwanted(files) | FileChoice::Priority(_, files)) = choice;
    if files.iter().any(|file| file.as_usize() >= count) {
        return Err(OutOfRange);
    }
    let all: Vec<usize> = if files.is_empty() {
        (0..count).collect()
    } else {
        files.iter().map(|file| file.as_usize()).collect()
    };
    wishes.wanted.resize(count, true);
    wishes.priorities.resize(count, Priority::Normal);
    for file in all {
        match choice {
            FileChoice::Wanted(_) => wishes.wanted[file] = true,
            FileChoice::Unwanted(_) => wishes.wanted[file] = false,
            FileChoice::Priority(priority, _) => wishes.priorities[file] = *priority,
        }
    }
    Ok(())
}

/// What everybody wishes needs no list.
pub(super) fn clear_uniform(wishes: &mut FileWishes) {
    if wishes.wanted.iter().all(|wanted| *wanted) {
        wishes.wanted = Vec::new();
    }
    if wishes.priorities.iter().all(|priority| *priority == Priority::Normal) {
        wishes.priorities = Vec::new();
    }
}

/// The files to fetch as the engine wants them; `None` for all.
pub(super) fn selected(wishes: &FileWishes) -> Option<Vec<FileIndex>> {
    if wishes.wanted.is_empty() {
        return None;
    }
    let wanted = (0u32..).zip(&wishes.wanted).filter(|(_, wanted)| **wanted);
    Some(wanted.map(|(index, _)| FileIndex(index)).collect())
}

/// Which files come before others as the engine wants it; none at all: no file does.
pub(super) fn priorities(wishes: &FileWishes) -> Vec<engine::Priority> {
    wishes.priorities.iter().copied().map(priority).collect()
}

/// A priority as the engine calls it.
pub(super) const fn priority(priority: Priority) -> engine::Priority {
    match priority {
        Priority::Low => engine::Priority::Low,
        Priority::Normal => engine::Priority::Normal,
        Priority::High => engine::Priority::High,
    }
}

/// Bytes of the pieces with a byte of a wanted file.
pub(super) fn bytes_wanted(metainfo: &Metainfo, wishes: &FileWishes) -> u64 {
    let geometry = &metainfo.geometry;
    let Some(selected) = selected(wishes) else { return geometry.total_length() };
    let mut wanted = Bitfield::new(geometry.piece_count());
    for file in selected.iter().filter(|file| file.0 < geometry.file_count()) {
        for piece in geometry.file_pieces(*file) {
            wanted.insert(PieceIndex(piece));
        }
    }
    wanted.iter().map(|piece| u64::from(geometry.piece_size(piece))).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_list_means_all_files_and_a_wrong_index_changes_nothing() {
        let mut wishes = FileWishes::default();
        choose(&mut wishes, &FileChoice::Unwanted(vec![]), 3).unwrap();
        choose(&mut wishes, &FileChoice::Wanted(vec![FileIndex(1)]), 3).unwrap();
        assert_eq!(selected(&wishes), Some(vec![FileIndex(1)]));
        let before = wishes.clone();
        assert_eq!(choose(&mut wishes, &FileChoice::Wanted(vec![FileIndex(3)]), 3), Err(OutOfRange));
        assert_eq!(wishes, before);
        choose(&mut wishes, &FileChoice::Wanted(vec![]), 3).unwrap();
        clear_uniform(&mut wishes);
        assert_eq!(wishes, FileWishes::default());
    }
}
