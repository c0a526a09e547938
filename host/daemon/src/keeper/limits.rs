//! Speed limits: of the session, of groups, of torrents, one below the other.

use super::command::Done;
use super::saving::GROUPS;
use super::{Keeper, files};
use crate::catalogue::entry::Number;
use crate::keeper::book::Limits;
use crate::{Group, Speed};
use engine::RateLimit;
use std::sync::{Arc, PoisonError};
use storage::Change;

/// Bytes per second, if the limit counts.
const fn rate(speed: Speed) -> Option<u64> {
    if speed.enabled { Some(speed.kilobytes_per_second as u64 * 1000) } else { None }
}

impl Keeper {
    /// The limits of the session, by hand or by schedule.
    pub(super) fn set_session_limits(&self) {
        let settings = &self.config.settings;
        let alt = &settings.alt_speed;
        let (down, up) = if alt.enabled {
            (Some(u64::from(alt.down) * 1000), Some(u64::from(alt.up) * 1000))
        } else {
            (rate(settings.down_limit), rate(settings.up_limit))
        };
        self.session.down_limit().set(down);
        self.session.up_limit().set(up);
    }

    /// The limits of one torrent, and what they lie below.
    pub(super) fn set_limits(&self, number: Number) {
        let Some(limits) = self.books.get(&number).and_then(|book| book.limits.clone()) else { return };
        let Some(options) = self.entry(number, |entry| entry.options.clone()) else { return };
        limits.down.set(rate(options.down_limit));
        limits.up.set(rate(options.up_limit));
        let priority = files::priority(options.bandwidth_priority);
        limits.down.set_priority(priority);
        limits.up.set_priority(priority);
        let group = self.groups.get(&options.group);
        let groups = self.shared.groups.read().unwrap_or_else(PoisonError::into_inner);
        let group_honors =
            groups.iter().find(|it| it.name == options.group).is_none_or(|group| group.honors_session_limits);
        drop(groups);
        let session = options.honors_session_limits && group_honors;
        let above = |of_group: Option<&Arc<RateLimit>>, of_session: &Arc<RateLimit>| {
            of_group.into_iter().chain(session.then_some(of_session)).cloned().collect()
        };
        limits.down.set_above(above(group.map(|it| &it.down), self.session.down_limit()));
        limits.up.set_above(above(group.map(|it| &it.up), self.session.up_limit()));
    }

    /// The limits of every group.
    pub(super) fn set_group_limits(&self) {
        for group in self.shared.groups() {
            if let Some(limits) = self.groups.get(&group.name) {
                limits.down.set(rate(group.down_limit));
                limits.up.set(rate(group.up_limit));
            }
        }
    }

    pub(super) fn set_group(&mut self, group: Group, done: Done) {
        let name = group.name.clone();
        self.groups.entry(name.clone()).or_insert_with(Limits::new);
        let mut groups = self.shared.groups.write().unwrap_or_else(PoisonError::into_inner);
        groups.retain(|other| other.name != name);
        groups.push(group);
        groups.sort_by(|a, b| a.name.cmp(&b.name));
        let text = serde_json::to_string(&*groups);
        drop(groups);
        if let Ok(text) = text {
            self.changes.push(Change::Set(GROUPS, text));
        }
        self.set_group_limits();
        self.set_all_limits();
        self.answer(done);
    }

    pub(super) fn set_all_limits(&self) {
        for number in self.books.keys() {
            self.set_limits(*number);
        }
    }

    /// A group that a torrent is put into exists from then on.
    pub(super) fn ensure_group(&mut self, name: &str) {
        if name.is_empty() || self.groups.contains_key(name) {
            return;
        }
        self.groups.insert(name.to_owned(), Limits::new());
        let mut groups = self.shared.groups.write().unwrap_or_else(PoisonError::into_inner);
        groups.push(Group::new(name.to_owned()));
        groups.sort_by(|a, b| a.name.cmp(&b.name));
        if let Ok(text) = serde_json::to_string(&*groups) {
            self.changes.push(Change::Set(GROUPS, text));
        }
    }
}
