//! Whom to serve.
//!
//! While we fetch: those who gave us most lately, of the others those who owe us least, one slot by chance (the
//! optimistic one) so that newcomers can show what they give. When we only give: turns, longest waiting first,
//! with an advantage for peers that have almost nothing or almost everything, because those in between can trade
//! among themselves.
//!
//! Peers of our own network come first either way; one slot is left to others.

use crate::contract::PeerKey;
use crate::limits;
use std::cmp::Reverse;
use std::time::{Duration, Instant};

/// One peer as the choker sees it.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) key: PeerKey,
    /// It is of our own network: to serve it costs no line to the outside.
    pub(crate) is_local: bool,
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

/// What one peer is worth, of the own network or not; larger is served first.
type Rank = (bool, u64, Reverse<u64>, Duration);

/// One interested peer in a round.
#[derive(Clone, Copy, Debug)]
struct Ranked {
    rank: Rank,
    key: PeerKey,
    /// It never got anything of us.
    is_fresh: bool,
}

/// Decides anew every [`limits::RECHOKE_EVERY`]. Its lists are used again from round to round.
#[derive(Debug)]
pub(crate) struct Choker {
    slots: usize,
    /// In order of the keys.
    accounts: Vec<(PeerKey, Account)>,
    /// Those of the round before.
    before: Vec<(PeerKey, Account)>,
    ranked: Vec<Ranked>,
    chosen: Vec<PeerKey>,
    optimistic: Option<(PeerKey, Instant)>,
    rng: fastrand::Rng,
}

impl Choker {
    pub(crate) const fn new(slots: usize, rng: fastrand::Rng) -> Self {
        Self {
            slots,
            accounts: Vec::new(),
            before: Vec::new(),
            ranked: Vec::new(),
            chosen: Vec::new(),
            optimistic: None,
            rng,
        }
    }

    /// Changes how many are served at once.
    pub(crate) const fn set_slots(&mut self, slots: usize) {
        self.slots = slots;
    }

    /// Whether a peer is served by chance.
    pub(crate) fn is_optimistic(&self, peer: PeerKey) -> bool {
        self.optimistic.is_some_and(|(lucky, _)| lucky == peer)
    }

    /// The peers to serve for the next round, of the interested ones, in order of their keys; so are `clients`.
    pub(crate) fn rechoke(&mut self, now: Instant, giving_only: bool, clients: &[Client]) -> &[PeerKey] {
        self.balance(clients);
        let mut ranked = std::mem::take(&mut self.ranked);
        ranked.clear();
        ranked.extend(clients.iter().filter(|client| client.interested).map(|client| Ranked {
            rank: self.rank(now, giving_only, client),
            key: client.key,
            is_fresh: client.bytes_up == 0,
        }));
        // Who comes first of equals is left to chance.
        self.rng.shuffle(&mut ranked);
        ranked.sort_unstable_by_key(|it| Reverse(it.rank));
        if giving_only {
            leave_a_slot(&mut ranked, self.slots);
        }
        let by_chance = !giving_only && ranked.len() > self.slots;
        let by_rank = if by_chance { self.slots.saturating_sub(1).max(1) } else { self.slots };
        let (best, left_out) = ranked.split_at(by_rank.min(ranked.len()));
        self.chosen.clear();
        self.chosen.extend(best.iter().map(|it| it.key));
        if self.chosen.len() < self.slots {
            let lucky = self.choose_optimistic(now, left_out);
            self.chosen.extend(lucky);
        }
        self.chosen.sort_unstable();
        self.ranked = ranked;
        &self.chosen
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
        std::mem::swap(&mut self.accounts, &mut self.before);
        self.accounts.clear();
        for client in clients {
            let old = account(&self.before, client.key);
            let fresh = client.bytes_down.saturating_sub(old.bytes_down);
            let new = Account {
                bytes_down: client.bytes_down,
                bytes_up: client.bytes_up,
                given: old.given / 2 + fresh,
                took_nothing: client.bytes_up == old.bytes_up,
            };
            self.accounts.push((client.key, new));
        }
    }

    /// Larger is served first: what it gave lately, how little it owes us, then whose turn it is.
    fn rank(&self, now: Instant, giving_only: bool, client: &Client) -> Rank {
        let account = account(&self.accounts, client.key);
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
        (client.is_local, given, Reverse(debt), turn)
    }

    fn choose_optimistic(&mut self, now: Instant, left_out: &[Ranked]) -> Option<PeerKey> {
        let previous = self.optimistic.filter(|(key, _)| left_out.iter().any(|it| it.key == *key));
        if let Some((key, since)) = previous
            && now.saturating_duration_since(since) < limits::OPTIMISTIC_EVERY
        {
            return Some(key);
        }
        let previous = previous.map(|(key, _)| key).filter(|_| left_out.len() > 1);
        let others = || left_out.iter().filter(|it| Some(it.key) != previous);
        // Newcomers three times as likely: they have had no chance to give anything.
        let tickets = |it: &Ranked| if it.is_fresh { 3 } else { 1 };
        let all: usize = others().map(tickets).sum();
        if all == 0 {
            return None;
        }
        let mut ticket = self.rng.usize(..all);
        let lucky = others().find(|it| {
            let is_lucky = ticket < tickets(it);
            ticket = ticket.saturating_sub(tickets(it));
            is_lucky
        })?;
        self.optimistic = Some((lucky.key, now));
        Some(lucky.key)
    }
}

/// Peers of our own network do not take every slot: the first of the others has the last one, if it is not the only one.
fn leave_a_slot(ranked: &mut [Ranked], slots: usize) {
    if slots < 2 {
        return;
    }
    let is_far = |it: &Ranked| !it.rank.0;
    if let Some(first) = ranked.iter().position(is_far).filter(|first| *first >= slots)
        && let Some(moved) = slots.checked_sub(1).and_then(|last| ranked.get_mut(last..=first))
    {
        moved.rotate_right(1);
    }
}

/// The account of one peer in a list in order of the keys.
fn account(accounts: &[(PeerKey, Account)], key: PeerKey) -> Account {
    accounts
        .binary_search_by_key(&key, |(key, _)| *key)
        .map_or_else(|_| Account::default(), |at| accounts[at].1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::origin;

    fn client(key: u32, now: Instant) -> Client {
        Client {
            is_local: false,
            key: PeerKey(key),
            interested: true,
            served: false,
            since: now,
            bytes_down: 0,
            bytes_up: 0,
            progress: 0.5,
        }
    }

    #[test]
    fn peers_of_the_own_network_come_first_and_leave_a_slot() {
        let now = origin();
        let clients = |near: u32, far: u32| -> Vec<Client> {
            let all = (0..near + far).map(|key| Client { is_local: key < near, ..client(key, now) });
            all.collect()
        };
        for giving_only in [true, false] {
            let mut choker = Choker::new(4, fastrand::Rng::with_seed(7));
            let chosen = choker.rechoke(now, giving_only, &clients(2, 6)).to_vec();
            assert!(chosen.starts_with(&[PeerKey(0), PeerKey(1)]) && chosen.len() == 4, "{chosen:?}");
            let mut choker = Choker::new(4, fastrand::Rng::with_seed(7));
            assert_eq!(choker.rechoke(now, giving_only, &clients(6, 0)).len(), 4, "nobody else is there");
        }
        let mut choker = Choker::new(4, fastrand::Rng::with_seed(7));
        let chosen = choker.rechoke(now, true, &clients(6, 6));
        assert_eq!(chosen.iter().filter(|key| key.0 >= 6).count(), 1, "{chosen:?}");
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
