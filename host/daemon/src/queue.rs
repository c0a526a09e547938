//! Which torrents may run: the queue's decision, and nothing else.

use crate::{QueueLimit, QueueMove};

/// A torrent that wants to run, as the queue sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Candidate<K> {
    pub(crate) key: K,
    /// It still fetches; otherwise it seeds.
    pub(crate) downloads: bool,
    /// It runs whatever the queue says.
    pub(crate) now: bool,
    /// It runs already.
    pub(crate) runs: bool,
    /// It runs without traffic for long and takes no place.
    pub(crate) stalled: bool,
}

/// Those of `candidates`, in the order of the queue, that may run. Who runs goes on; free places go to the first who
/// wait.
pub(crate) fn admit<K: Copy>(candidates: &[Candidate<K>], download: QueueLimit, seed: QueueLimit) -> Vec<K> {
    let mut admitted = Vec::new();
    for (downloads, limit) in [(true, download), (false, seed)] {
        let mine = || candidates.iter().filter(|it| it.downloads == downloads);
        let taken = mine().filter(|it| (it.runs || it.now) && !it.stalled).count();
        let mut free = (limit.size as usize).saturating_sub(taken);
        for candidate in mine() {
            if candidate.runs || candidate.now || !limit.enabled {
                admitted.push(candidate.key);
            } else if free > 0 {
                free -= 1;
                admitted.push(candidate.key);
            }
        }
    }
    admitted
}

/// The queue after a move; the moved keep their order among themselves.
pub(crate) fn moved<K: Copy + Eq>(queue: &[K], chosen: &[K], to: QueueMove) -> Vec<K> {
    let is_chosen = |key: &K| chosen.contains(key);
    let (mut front, mut back): (Vec<K>, Vec<K>) = queue.iter().partition(|key| is_chosen(key));
    match to {
        QueueMove::Top => {
            front.append(&mut back);
            front
        }
        QueueMove::Bottom => {
            back.append(&mut front);
            back
        }
        QueueMove::Up => {
            let mut queue = queue.to_vec();
            for at in 1..queue.len() {
                if is_chosen(&queue[at]) && !is_chosen(&queue[at - 1]) {
                    queue.swap(at, at - 1);
                }
            }
            queue
        }
        QueueMove::Down => {
            let mut queue = queue.to_vec();
            for at in (1..queue.len()).rev() {
                if is_chosen(&queue[at - 1]) && !is_chosen(&queue[at]) {
                    queue.swap(at, at - 1);
                }
            }
            queue
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: QueueLimit = QueueLimit { enabled: true, size: 2 };
    const OFF: QueueLimit = QueueLimit { enabled: false, size: 0 };

    fn waiting(key: u32) -> Candidate<u32> {
        Candidate { key, downloads: true, now: false, runs: false, stalled: false }
    }

    #[test]
    fn the_first_who_wait_get_the_free_places() {
        let all = [waiting(1), waiting(2), waiting(3)];
        assert_eq!(admit(&all, TWO, OFF), [1, 2]);
        assert_eq!(admit(&all, OFF, TWO), [1, 2, 3]);
        let running_last = [waiting(1), waiting(2), Candidate { runs: true, ..waiting(3) }];
        assert_eq!(admit(&running_last, TWO, OFF), [1, 3]);
    }

    #[test]
    fn who_is_stalled_takes_no_place_and_who_starts_now_takes_one() {
        let stalled = Candidate { runs: true, stalled: true, ..waiting(1) };
        assert_eq!(admit(&[stalled, waiting(2), waiting(3), waiting(4)], TWO, OFF), [1, 2, 3]);
        let now = Candidate { now: true, ..waiting(9) };
        assert_eq!(admit(&[waiting(1), waiting(2), now], TWO, OFF), [1, 9]);
    }

    #[test]
    fn seeds_have_places_of_their_own() {
        let seed = |key| Candidate { downloads: false, ..waiting(key) };
        assert_eq!(admit(&[waiting(1), seed(2), waiting(3), seed(4), seed(5)], TWO, TWO), [1, 3, 2, 4]);
    }

    #[test]
    fn moves_keep_the_order_of_the_moved() {
        let queue = [1, 2, 3, 4, 5];
        assert_eq!(moved(&queue, &[4, 2], QueueMove::Top), [2, 4, 1, 3, 5]);
        assert_eq!(moved(&queue, &[4, 2], QueueMove::Bottom), [1, 3, 5, 2, 4]);
        assert_eq!(moved(&queue, &[1, 2, 4], QueueMove::Up), [1, 2, 4, 3, 5]);
        assert_eq!(moved(&queue, &[2, 4, 5], QueueMove::Down), [1, 3, 2, 4, 5]);
    }
}
