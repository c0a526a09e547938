//! The web seeds of one torrent, hundreds of them: whom to ask, for how much, and whom to ask no more.
//!
//! Connections are the scarce good. Many web seeds are tried at first, each with a range that is of use whatever it
//! shows; those that bring little give their connection to the next, until the best are at work. Each has at most one
//! range under way. Every decision is a module of its own:
//!
//! - `flow`: how fast a range comes, how long the rest takes.
//! - `health`: what a fault costs, when a web seed may be asked again.
//! - `ranking`: whom to ask next.
//! - `review`: which ranges give way to others.
//! - `sizing`: how much to ask for.
//! - `steal`: whose tail is taken over when nothing is free.
//! - `places`: how many connections there may be.
//! - `mirror`: one web seed, out of these.
//!
//! Which blocks a range covers is the picker's choice.

mod flow;
mod health;
mod mirror;
mod places;
mod ranking;
mod review;
mod sizing;
mod steal;

pub(crate) use flow::Flow;
pub(crate) use mirror::{Mirror, Verdict};
pub(crate) use places::{Carried, Places};
pub(crate) use ranking::{Field, Prospect};
pub(crate) use sizing::Need;
pub(crate) use steal::Thief;

use crate::contract::{WebSeedInfo, WebSeedKey};
use crate::fault::Fault;
use crate::limits;
use crate::stats::{WebSeedSnapshot, WebSeedState};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// What an answer means for the web seed that it came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Greeting {
    /// Go on.
    Welcome,
    /// It comes from a server that nobody named: there may be more behind the same URL.
    Discovery,
    /// It comes from a server that another range is under way from.
    Crowded,
}

/// The web seeds of one torrent.
#[derive(Clone, Debug, Default)]
pub(crate) struct WebSeeds {
    mirrors: BTreeMap<WebSeedKey, Mirror>,
    next: u32,
    /// The hosts of web seeds that were named.
    named: BTreeSet<String>,
    /// Web seeds behind which nothing new was found, and when that may have changed.
    explored: BTreeMap<WebSeedKey, Instant>,
    /// When strangers get a chance next although those at work are as good as they are on average.
    explore_at: Option<Instant>,
}

impl WebSeeds {
    /// Takes in a web seed; `family` if it is one more fetcher for the URL of another.
    pub(crate) fn add(
        &mut self,
        now: Instant,
        info: WebSeedInfo,
        family: Option<WebSeedKey>,
        pieces: u32,
        order: u32,
    ) -> WebSeedKey {
        let key = WebSeedKey(self.next);
        self.next += 1;
        if self.mirrors.len() < limits::WEB_SEEDS {
            self.named.insert(info.host.clone());
            self.mirrors.insert(key, Mirror::new(now, info, family.unwrap_or(key), pieces, order));
        }
        key
    }

    /// Forgets a web seed.
    pub(crate) fn remove(&mut self, key: WebSeedKey) {
        self.mirrors.remove(&key);
    }

    /// The web seed and all that were opened for its URL.
    pub(crate) fn family(&self, key: WebSeedKey) -> Vec<WebSeedKey> {
        self.iter().filter(|(member, it)| *member == key || it.family == key).map(|(key, _)| key).collect()
    }

    pub(crate) fn get(&self, key: WebSeedKey) -> Option<&Mirror> {
        self.mirrors.get(&key)
    }

    pub(crate) fn get_mut(&mut self, key: WebSeedKey) -> Option<&mut Mirror> {
        self.mirrors.get_mut(&key)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (WebSeedKey, &Mirror)> {
        self.mirrors.iter().map(|(key, mirror)| (*key, mirror))
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Mirror> {
        self.mirrors.values_mut()
    }

    fn flows(&self) -> impl Iterator<Item = (WebSeedKey, &Flow)> {
        self.iter().filter(|(_, mirror)| mirror.is_fetching()).map(|(key, mirror)| (key, &mirror.flow))
    }

    /// What is known of all of them together.
    pub(crate) fn field(&self, now: Instant) -> Field {
        Field::of(now, self.mirrors.values())
    }

    /// Bytes per second that the best `places` of them bring together, as far as they are known.
    pub(crate) fn capacity(&self, now: Instant, places: usize) -> u64 {
        let usable = self.mirrors.values().filter(|it| it.has_ranges() && !it.health.is_gone());
        let mut speeds: Vec<u64> = usable.filter_map(|it| it.flow.speed(now).max(it.flow.known())).collect();
        speeds.sort_unstable_by_key(|speed| Reverse(*speed));
        speeds.iter().take(places).sum()
    }

    /// Those that may be asked now and may find something, the best first; `alone`: nobody else brings anything.
    pub(crate) fn prospects(&self, now: Instant, field: &Field, alone: bool, epoch: u64) -> Vec<Prospect> {
        ranking::rank(now, alone, field, self.iter().filter(|(_, mirror)| !mirror.is_dry(now, epoch)))
    }

    /// Ranges that are to be cut off for the sake of those that wait; now and then some for the sake of strangers.
    pub(crate) fn give_way(&mut self, now: Instant, field: &Field, waiting: &[Prospect]) -> Vec<WebSeedKey> {
        // Those that leave make room for the first of them.
        let waiting = waiting.iter().filter(|it| !self.is_host_busy(it.key)).skip(field.leaving);
        let waiting: Vec<_> = waiting.copied().collect();
        let explores = self.explore_at.is_none_or(|at| at <= now);
        if explores {
            self.explore_at = Some(now + limits::EXPLORE_EVERY);
        }
        let explore = if explores { field.busy.div_ceil(limits::EXPLORE_SHARE) } else { 0 };
        review::give_way(now, field, &waiting, explore, self.flows())
    }

    /// Ranges of which nothing came for so long that nothing will.
    pub(crate) fn silent(&self, now: Instant) -> Vec<WebSeedKey> {
        let silent = self.flows().filter(|(_, flow)| flow.silence(now) >= limits::SILENT_FOR);
        silent.map(|(key, _)| key).collect()
    }

    /// The `count` ranges under way that are missed least.
    pub(crate) fn least(&self, now: Instant, count: usize) -> Vec<WebSeedKey> {
        review::least(now, count, self.flows())
    }

    /// Whose tails are worth taking over by `key`, and how many bytes of each.
    pub(crate) fn victims(&self, now: Instant, key: WebSeedKey, thief: &Thief) -> Vec<(WebSeedKey, u64)> {
        steal::victims(now, thief, self.flows().filter(|(victim, _)| *victim != key))
    }

    /// Whether a range is under way from the server that `key` leads to.
    pub(crate) fn is_host_busy(&self, key: WebSeedKey) -> bool {
        let Some(host) = self.get(key).map(Mirror::host) else { return true };
        // A redirector is asked again for where else it leads; where that is, is not known before.
        let is_twin = self.get(key).is_some_and(|it| it.family != key && it.reached.is_none());
        !is_twin && self.iter().any(|(other, it)| other != key && it.is_busy() && it.host() == host)
    }

    /// The range of `key` is answered.
    pub(crate) fn greet(&mut self, now: Instant, key: WebSeedKey, redirected: Option<String>) -> Greeting {
        let Some(mirror) = self.mirrors.get_mut(&key) else { return Greeting::Welcome };
        let is_new = redirected.as_ref().is_some_and(|host| !self.named.contains(host));
        let is_known = redirected.is_some() && redirected == mirror.reached;
        mirror.answered(now, redirected);
        let (host, family) = (mirror.host().to_owned(), mirror.family);
        let same = |other: WebSeedKey, it: &Mirror| other != key && it.is_fetching() && it.host() == host;
        if self.iter().any(|(other, it)| same(other, it)) {
            self.explored.insert(family, now + limits::EXPLORE_AGAIN);
            return Greeting::Crowded;
        }
        if is_new && !is_known { Greeting::Discovery } else { Greeting::Welcome }
    }

    /// Whether one more fetcher should look where else the URL of a family leads.
    pub(crate) fn may_discover(&self, now: Instant, family: WebSeedKey) -> bool {
        let members = || self.mirrors.values().filter(|it| it.family == family);
        let pending = members().filter(|it| it.reached.is_none() && !it.health.is_failing()).count();
        let found = members().filter(|it| it.reached.is_some()).count();
        self.explored.get(&family).is_none_or(|until| *until <= now)
            && pending < found
            && pending + found < limits::TWINS
            && self.mirrors.len() < limits::WEB_SEEDS
    }

    /// Whether a range is under way anywhere.
    pub(crate) fn any_busy(&self) -> bool {
        self.mirrors.values().any(Mirror::is_busy)
    }

    /// Whether another that answers range requests may still bring the torrent.
    pub(crate) fn any_better(&self, key: WebSeedKey) -> bool {
        self.iter().any(|(other, it)| {
            other != key
                && !it.health.is_gone()
                && !it.excluded().is_full()
                && it.has_ranges()
                && (it.is_busy() || !it.is_tried() || it.health.is_proven())
        })
    }

    /// Whether another than `key` may still be asked for something.
    pub(crate) fn any_other(&self, key: WebSeedKey) -> bool {
        self.iter().any(|(other, it)| other != key && !it.health.is_gone())
    }

    /// When a pause ends next, after `now`.
    pub(crate) fn next_at(&self, now: Instant, alone: bool) -> Option<Instant> {
        let idle = self.mirrors.values().filter(|it| !it.is_busy() && !it.health.is_gone());
        idle.filter_map(|mirror| mirror.health.rests_until(now, alone).or_else(|| mirror.dry_until(now)))
            .min()
    }

    /// Forgets what was dry, so that each may be asked again.
    pub(crate) fn wake(&mut self) {
        for mirror in self.mirrors.values_mut() {
            mirror.wake();
        }
    }

    /// What people see: one line for each that was named, with what came by way of it.
    pub(crate) fn snapshots(&self, now: Instant) -> impl Iterator<Item = WebSeedSnapshot> + '_ {
        let named = self.iter().filter(|(key, mirror)| mirror.family == *key);
        named.map(move |(key, mirror)| {
            let mut shown = snapshot(now, key, mirror);
            for (_, twin) in self.iter().filter(|(other, it)| it.family == key && *other != key) {
                shown.bytes_down += twin.bytes();
                shown.down_rate += twin.flow.shown_rate(now);
                shown.bad_pieces += twin.health.bad_pieces();
                shown.connections += u32::from(twin.is_busy());
                if twin.is_busy() {
                    shown.state = WebSeedState::Fetching;
                }
            }
            shown
        })
    }
}

fn snapshot(now: Instant, key: WebSeedKey, mirror: &Mirror) -> WebSeedSnapshot {
    let is_empty = mirror.excluded().is_full();
    let resting = mirror.health.rests_until(now, false);
    let state = if mirror.health.is_gone() || is_empty {
        WebSeedState::Dropped
    } else if mirror.is_busy() {
        WebSeedState::Fetching
    } else if resting.is_some() && mirror.health.last_fault() != Some(Fault::Queued) {
        WebSeedState::Waiting
    } else {
        WebSeedState::Idle
    };
    let bad_pieces = mirror.health.bad_pieces();
    let reason = match mirror.health.last_fault() {
        _ if bad_pieces > 0 && state == WebSeedState::Dropped => Some("sent bad data".to_owned()),
        Some(fault) => Some(fault.to_string()),
        None if state == WebSeedState::Idle && mirror.is_outpaced() => Some("others are faster".to_owned()),
        None => None,
    };
    WebSeedSnapshot {
        key,
        state,
        reason,
        retry_in: resting.map(|until| until - now),
        bytes_down: mirror.bytes(),
        down_rate: mirror.flow.shown_rate(now),
        speed: mirror.flow.known(),
        connections: u32::from(mirror.is_busy()),
        bad_pieces,
    }
}
