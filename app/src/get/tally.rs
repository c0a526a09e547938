//! What came from where.

use engine::{Snapshot, SourceKind};
use std::collections::BTreeMap;

/// Sources remembered. A long life as a seed meets any number of peers; those that gave something come first.
const MAX_SOURCES: usize = 256;

/// One source and what it gave.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) kind: SourceKind,
    pub(crate) bytes: u64,
}

/// Bytes received by source, kept although sources leave.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    sources: BTreeMap<String, Source>,
}

impl Tally {
    /// Takes in what a snapshot shows.
    pub(crate) fn note(&mut self, snapshot: &Snapshot) {
        for source in snapshot.sources.iter().filter(|source| source.bytes_down > 0) {
            if let Some(known) = self.sources.get_mut(&source.name) {
                known.bytes = known.bytes.max(source.bytes_down);
            } else if self.sources.len() < MAX_SOURCES {
                let new = Source { kind: source.kind, bytes: source.bytes_down };
                self.sources.insert(source.name.clone(), new);
            }
        }
    }

    /// Names of the sources, and what each gave.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Source)> {
        self.sources.iter().map(|(name, source)| (name.as_str(), source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::SourceSnapshot;

    #[test]
    fn sources_that_left_are_remembered() {
        let with = |name: &str, bytes_down| Snapshot {
            sources: vec![SourceSnapshot {
                kind: SourceKind::Peer,
                name: name.to_owned(),
                client: None,
                bytes_down,
                bytes_up: 0,
            }],
            ..Snapshot::default()
        };
        let mut tally = Tally::default();
        for (name, bytes) in [("a", 5), ("a", 9), ("b", 0), ("c", 1)] {
            tally.note(&with(name, bytes));
        }
        let seen: Vec<_> = tally.iter().map(|(name, source)| (name, source.bytes)).collect();
        assert_eq!(seen, [("a", 9), ("c", 1)]);
    }
}
