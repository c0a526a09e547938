//! The order in which trackers are asked (BEP 12).

use crate::announcer::{Tracker, TrackerKey};
use crate::limits::{MAX_TRACKERS, MAX_URL_BYTES};
use std::collections::BTreeSet;
use std::time::Instant;

/// Trackers by tier; the keys of each tier in the order they are asked.
#[derive(Debug)]
pub(super) struct Tiers {
    tiers: Vec<Vec<TrackerKey>>,
}

impl Tiers {
    /// Shuffles each tier once. Gives the URLs that the keys number.
    pub(super) fn new(lists: Vec<Vec<String>>, rng: &mut fastrand::Rng) -> (Self, Vec<String>) {
        let mut seen = BTreeSet::new();
        let mut urls = Vec::new();
        let mut tiers = Vec::new();
        for list in lists {
            let mut tier = Vec::new();
            for url in list {
                let url = url.trim().to_owned();
                let usable = !url.is_empty() && url.len() <= MAX_URL_BYTES && urls.len() < MAX_TRACKERS;
                if usable && seen.insert(url.clone()) {
                    tier.push(TrackerKey(urls.len() as u32));
                    urls.push(url);
                }
            }
            rng.shuffle(&mut tier);
            if !tier.is_empty() {
                tiers.push(tier);
            }
        }
        (Self { tiers }, urls)
    }

    /// The tiers of a new list whose URLs have these keys already, in the order given.
    pub(super) fn of_keys(tiers: Vec<Vec<TrackerKey>>) -> Self {
        Self { tiers }
    }

    /// The keys by tier.
    pub(super) fn into_tiers(self) -> Vec<Vec<TrackerKey>> {
        self.tiers
    }

    /// Moves a tracker that works to the front of its tier.
    pub(super) fn promote(&mut self, key: TrackerKey) {
        for tier in &mut self.tiers {
            if let Some(place) = tier.iter().position(|other| *other == key) {
                tier[..=place].rotate_right(1);
            }
        }
    }

    /// The tiers that have their turn: up to the first that is not known to fail.
    pub(super) fn on_turn(&self, trackers: &[Tracker], all: bool) -> impl Iterator<Item = &[TrackerKey]> {
        let fails =
            |tier: &Vec<TrackerKey>| of(tier, trackers).all(|(_, tracker)| tracker.schedule.is_failing());
        let failing = self.tiers.iter().take_while(|tier| fails(tier)).count();
        let turn = if all { self.tiers.len() } else { failing + 1 };
        self.tiers.iter().take(turn).map(Vec::as_slice)
    }

    /// Every tracker with its tier.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, TrackerKey)> {
        self.tiers.iter().enumerate().flat_map(|(number, tier)| tier.iter().map(move |key| (number, *key)))
    }
}

/// The tracker of a tier to be asked now: one at a time, and the one that works as long as it works.
pub(super) fn pick_due(tier: &[TrackerKey], trackers: &[Tracker], now: Instant) -> Option<TrackerKey> {
    let is_due = |tracker: &Tracker| tracker.schedule.due().is_some_and(|due| due <= now);
    choices(tier, trackers).find(|(_, tracker)| is_due(tracker)).map(|(key, _)| key)
}

/// When [`pick_due`] finds one.
pub(super) fn next_due(tier: &[TrackerKey], trackers: &[Tracker]) -> Option<Instant> {
    choices(tier, trackers).filter_map(|(_, tracker)| tracker.schedule.due()).min()
}

/// The trackers of a tier that may be asked, in order; none while one is being asked.
fn choices<'a>(
    tier: &'a [TrackerKey],
    trackers: &'a [Tracker],
) -> impl Iterator<Item = (TrackerKey, &'a Tracker)> {
    let busy = of(tier, trackers).any(|(_, tracker)| tracker.schedule.is_in_flight());
    let working = of(tier, trackers).find(|(_, tracker)| tracker.schedule.is_working()).map(|(key, _)| key);
    of(tier, trackers).filter(move |(key, _)| !busy && working.is_none_or(|working| working == *key))
}

fn of<'a>(
    tier: &'a [TrackerKey],
    trackers: &'a [Tracker],
) -> impl Iterator<Item = (TrackerKey, &'a Tracker)> {
    tier.iter().filter_map(|key| trackers.get(key.0 as usize).map(|tracker| (*key, tracker)))
}
