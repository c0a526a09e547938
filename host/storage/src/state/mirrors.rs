//! How fast mirrors were, by host, over all torrents and runs.

use super::{StateError, StateStore, clamp};
use crate::limits::MIRROR_SCORES;
use rusqlite::params;

/// How one host fared when it was used last.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MirrorScore {
    /// The host of its URL.
    pub host: String,
    /// Bytes per second that its ranges came with; 0 for one that brought nothing.
    pub bytes_per_second: u64,
    /// When that was, in seconds since 1970.
    pub seen: u64,
}

impl StateStore {
    /// All that is remembered, the latest first.
    pub fn mirror_scores(&self) -> Result<Vec<MirrorScore>, StateError> {
        let connection = self.connection();
        let mut statement =
            connection.prepare("SELECT host, speed, seen FROM mirrors ORDER BY seen DESC LIMIT ?1")?;
        let scores = statement.query_map([MIRROR_SCORES], |row| {
            Ok(MirrorScore {
                host: row.get(0)?,
                bytes_per_second: row.get::<_, i64>(1)?.unsigned_abs(),
                seen: row.get::<_, i64>(2)?.unsigned_abs(),
            })
        })?;
        Ok(scores.collect::<Result<_, _>>()?)
    }

    /// Remembers these in place of what was remembered of the same hosts; the oldest are forgotten where there are
    /// too many.
    pub fn save_mirror_scores(&self, scores: &[MirrorScore]) -> Result<(), StateError> {
        let mut connection = self.connection();
        let change = connection.transaction()?;
        {
            let mut insert = change.prepare_cached("INSERT OR REPLACE INTO mirrors VALUES (?1, ?2, ?3)")?;
            for score in scores {
                insert.execute(params![score.host, clamp(score.bytes_per_second), clamp(score.seen)])?;
            }
        }
        change.execute(
            "DELETE FROM mirrors WHERE host NOT IN (SELECT host FROM mirrors ORDER BY seen DESC LIMIT ?1)",
            [MIRROR_SCORES],
        )?;
        change.commit()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(host: usize, bytes_per_second: u64) -> MirrorScore {
        MirrorScore { host: format!("{host}.example"), bytes_per_second, seen: host as u64 }
    }

    #[test]
    fn the_latest_are_kept_and_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let state = StateStore::open(directory.path()).unwrap();
        state.save_mirror_scores(&[score(1, 10), score(2, 0)]).unwrap();
        state.save_mirror_scores(&[score(1, 30)]).unwrap();
        assert_eq!(state.mirror_scores().unwrap(), [score(2, 0), score(1, 30)]);
        let many: Vec<_> = (3..MIRROR_SCORES as usize + 3).map(|host| score(host, 5)).collect();
        state.save_mirror_scores(&many).unwrap();
        let kept = StateStore::open(directory.path()).unwrap().mirror_scores().unwrap();
        assert_eq!((kept.len(), kept.last()), (MIRROR_SCORES as usize, Some(&score(3, 5))));
    }
}
