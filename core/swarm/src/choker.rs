//! Whom to serve.
//!
//! While we fetch: those who gave us most lately, of the others those who owe us least, one slot by chance (the
//! optimistic one) so that newcomers can show what they give. When we only give: turns, longest waiting first,
//! with an advantage for peers that have almost nothing or almost everything, because those in between can trade
//! among themselves.

use crate::contract::PeerKey;
use crate::limits;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// One peer as the choker sees it.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) key: PeerKey,
    /// It wants something of ours; others are never chosen.
    pub(crate) interested: bool,
    /// It is served now.
    pub(crate) served: bool,
    /// When that last changed; for one never served, when it connected.
    pub(crate) since: Instant,
    /// Payload bytes it gave us in all.
    pub(crate) bytes_down: u64,
    /// Payload bytes we gave it in all.
    pub(crate) bytes_up: u64,
    /// The share of the torrent it has, 0 to 1.
    pub(crate) progress: f64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Account {
    bytes_down: u64,
    bytes_up: u64,
    /// Bytes given to us a round, older rounds counting half.
    given: u64,
    /// It took nothing in the last round.
    took_nothing: bool,
}

/// Decides anew every [`limits::RECHOKE_EVERY`].
#[derive(Debug)]
pub(crate) struct Choker {
    slots: usize,
    accounts: BTreeMap<PeerKey, Account>,
    optimistic: Option<(PeerKey, Instant)>,
    rng: fastrand::Rng,
}

impl Choker {
    pub(crate) const fn new(slots: usize, rng: fastrand::Rng) -> Self {
        Self { slots, accounts: BTreeMap::new(), optimistic: None, rng }
    }

    /// The peers to serve for the next round, of the interested ones.
    pub(crate) fn rechoke(&mut self, now: Instant, giving_only: bool, clients: &[Client]) -> Vec<PeerKey> {
        self.balance(clients);
        let mut ranked: Vec<&Client> = clients.iter().filter(|client| client.interested).collect();
        self.rng.shuffle(&mut ranked);
        ranked.sort_by_cached_key(|client| Reverse(self.rank(now, giving_only, client)));
        let mut chosen: Vec<PeerKey> = ranked.iter().map(|client| client.key).collect();
        if giving_only || chosen.len() <= self.slots {
            chosen.truncate(self.slots);
            return chosen;
        }
        let left_out = chosen.split_off(self.slots.saturating_sub(1).max(1));
        if chosen.len() < self.slots
            && let Some(lucky) = self.choose_optimistic(now, &left_out, clients)
        {
            chosen.push(lucky);
        }
        chosen
    }

    /// Whom to serve with a slot that became free between two rounds.
    pub(crate) fn next_in_line(
        &self,
        now: Instant,
        giving_only: bool,
        clients: &[Client],
    ) -> Option<PeerKey> {
        // Who is served keeps its slot until the next round even if it wants nothing now: peers that take turns at
        // losing interest could otherwise all be served.
        if clients.iter().filter(|client| client.served).count() >= self.slots {
            return None;
        }
        let waiting = clients.iter().filter(|client| client.interested && !client.served);
        waiting.max_by_key(|client| self.rank(now, giving_only, client)).map(|client| client.key)
    }

    /// Brings the accounts up to date.
    fn balance(&mut self, clients: &[Client]) {
        let mut accounts = std::mem::take(&mut self.accounts);
        for client in clients {
            let old = accounts.remove(&client.key).unwrap_or_default();
            let fresh = client.bytes_down.saturating_sub(old.bytes_down);
            self.accounts.insert(
                client.key,
                Account {
                    bytes_down: client.bytes_down,
                    bytes_up: client.bytes_up,
                    given: old.given / 2 + fresh,
                    took_nothing: client.bytes_up == old.bytes_up,
                },
            );
        }
    }

    /// Larger is served first: what it gave lately, how little it owes us, then whose turn it is.
    fn rank(&self, now: Instant, giving_only: bool, client: &Client) -> (u64, Reverse<u64>, Duration) {
        let account = self.accounts.get(&client.key).copied().unwrap_or_default();
        let given = if giving_only { 0 } else { account.given };
        let debt = if giving_only { 0 } else { client.bytes_up.saturating_sub(client.bytes_down) };
        let held = now.saturating_duration_since(client.since);
        // Two rounds are time enough to ask for something.
        let squats = account.took_nothing && held >= limits::RECHOKE_EVERY;
        let edge = limits::SEED_EDGE.mul_f64((2.0 * client.progress.clamp(0.0, 1.0) - 1.0).abs());
        let turn = match (client.served, squats) {
            (true, true) => Duration::ZERO,
            (true, false) if held < limits::SEED_TURN => Duration::MAX,
            (true, false) => edge,
            (false, _) => held + edge,
        };
        (given, Reverse(debt), turn)
    }

    fn choose_optimistic(
        &mut self,
        now: Instant,
        left_out: &[PeerKey],
        clients: &[Client],
    ) -> Option<PeerKey> {
        if let Some((key, since)) = self.optimistic
            && now.saturating_duration_since(since) < limits::OPTIMISTIC_EVERY
            && left_out.contains(&key)
        {
            return Some(key);
        }
        let fresh = |key: &PeerKey| clients.iter().any(|client| client.key == *key && client.bytes_up == 0);
        let previous = self.optimistic.map(|(key, _)| key);
        // Newcomers three times as likely: they have had no chance to give anything.
        let tickets: Vec<PeerKey> = left_out
            .iter()
            .filter(|key| Some(**key) != previous || left_out.len() == 1)
            .flat_map(|key| std::iter::repeat_n(*key, if fresh(key) { 3 } else { 1 }))
            .collect();
        let lucky = self.rng.choice(tickets)?;
        self.optimistic = Some((lucky, now));
        Some(lucky)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::origin;

    fn client(key: u32, now: Instant) -> Client {
        Client {
            key: PeerKey(key),
            interested: true,
            served: false,
            since: now,
            bytes_down: 0,
            bytes_up: 0,
            progress: 0.5,
        }
    }

    /// Plays rounds; `give` says what each peer gives us while served. Returns rounds served per peer.
    fn play(giving_only: bool, rounds: u32, clients: &mut [Client], give: impl Fn(u32) -> u64) -> Vec<u32> {
        let mut choker = Choker::new(4, fastrand::Rng::with_seed(7));
        let mut now = origin();
        let mut served = vec![0; clients.len()];
        for _ in 0..rounds {
            now += limits::RECHOKE_EVERY;
            let chosen = choker.rechoke(now, giving_only, clients);
            assert!(chosen.len() <= 4);
            for (at, client) in clients.iter_mut().enumerate() {
                let serve = chosen.contains(&client.key);
                if serve != client.served {
                    (client.served, client.since) = (serve, now);
                }
                if serve {
                    served[at] += 1;
                    client.bytes_up += 1_000_000;
                }
                client.bytes_down += give(client.key.0);
            }
        }
        served
    }

    #[test]
    fn givers_are_served_and_free_riders_get_the_optimistic_slot() {
        let mut clients: Vec<_> = (0..10).map(|key| client(key, origin())).collect();
        let served = play(false, 360, &mut clients, |key| if key < 3 { 1_000_000 } else { 0 });
        assert!(served[..3].iter().all(|rounds| *rounds > 340), "{served:?}");
        assert!(served[3..].iter().all(|rounds| (15..110).contains(rounds)), "{served:?}");
    }

    #[test]
    fn a_seed_gives_everybody_a_turn() {
        let mut clients: Vec<_> = (0..12).map(|key| client(key, origin())).collect();
        let served = play(true, 360, &mut clients, |_| 0);
        let (least, most) = (served.iter().min().unwrap(), served.iter().max().unwrap());
        assert!(*least > 90 && *most < 150, "{served:?}");
    }

    #[test]
    fn a_seed_favours_those_who_have_almost_nothing_or_everything() {
        let mut clients: Vec<_> = (0..12).map(|key| client(key, origin())).collect();
        clients[0].progress = 0.01;
        clients[1].progress = 0.99;
        let served = play(true, 360, &mut clients, |_| 0);
        let others = served[2..].iter().sum::<u32>() / 10;
        assert!(served[0] > others && served[1] > others, "{served:?}");
    }

    #[test]
    fn who_is_served_and_takes_nothing_makes_room() {
        let now = origin();
        let mut choker = Choker::new(1, fastrand::Rng::with_seed(1));
        let mut squatter = client(1, now);
        squatter.served = true;
        let mut waiting = client(2, now);
        waiting.since = now + Duration::from_secs(5);
        choker.rechoke(now, true, std::slice::from_ref(&squatter));
        let chosen = choker.rechoke(now + limits::RECHOKE_EVERY, true, &[squatter, waiting]);
        assert_eq!(chosen, [PeerKey(2)]);
    }

    #[test]
    fn only_the_interested_are_chosen_and_old_gifts_are_not_counted_twice() {
        let now = origin();
        let mut choker = Choker::new(2, fastrand::Rng::with_seed(1));
        let mut clients: Vec<_> = (0..4).map(|key| client(key, now)).collect();
        clients[0].interested = false;
        clients[0].bytes_down = 1 << 30;
        choker.rechoke(now, false, &clients);
        clients[0].interested = true;
        for _ in 1..10 {
            let _ = choker.rechoke(now, false, &clients[1..2]);
        }
        assert!(!choker.rechoke(now, false, &clients[1..2]).contains(&PeerKey(0)));
        for client in &mut clients {
            client.interested = false;
        }
        assert_eq!(choker.rechoke(now, false, &clients), []);
        assert_eq!(choker.next_in_line(now, false, &clients), None);
    }

    #[test]
    fn a_free_slot_goes_to_who_waited_longest() {
        let now = origin() + Duration::from_secs(100);
        let choker = Choker::new(2, fastrand::Rng::with_seed(1));
        let mut clients =
            vec![client(1, now), client(2, now.checked_sub(Duration::from_secs(9)).unwrap()), client(3, now)];
        assert_eq!(choker.next_in_line(now, true, &clients), Some(PeerKey(2)));
        clients[0].served = true;
        clients[2].served = true;
        assert_eq!(choker.next_in_line(now, true, &clients), None);
    }
}
