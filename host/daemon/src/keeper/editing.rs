//! Changing the settings of torrents.

use super::Keeper;
use super::command::Reply;
use super::files::{bytes_wanted, choose, clear_uniform, selected};
use super::{adding, files, opening, waking};
use crate::api::command::{CommandError, EditError};
use crate::api::edit::{TorrentEdit, TrackerChange, WebSeedChange};
use crate::catalogue::entry::{Number, Options, Tracker};
use crate::clock::unix_now;
use engine::Change;
use std::sync::Arc;
use url::Url;

/// The first id that no tracker of the list has or had.
pub(super) fn next_id(trackers: &[Tracker]) -> u32 {
    trackers.iter().map(|tracker| tracker.id + 1).max().unwrap_or(0)
}

impl Keeper {
    pub(super) fn edit(
        &mut self,
        numbers: &[Number],
        edit: &TorrentEdit,
        reply: Reply<Result<(), EditError>>,
    ) {
        let mut result = Ok(());
        for number in self.present(numbers) {
            result = result.and(self.edit_one(number, edit));
            self.change(number, |entry| entry.dates.edited = unix_now());
            self.mark(number);
        }
        self.admit();
        self.commit(move |saved| {
            let saved = saved.map_err(|text| EditError::Command(CommandError::NotSaved(text)));
            // Whoever asked may have stopped waiting.
            let _ = reply.send(result.and(saved));
        });
    }

    /// Changes what can be changed; the first error is told.
    fn edit_one(&mut self, number: Number, edit: &TorrentEdit) -> Result<(), EditError> {
        if let Some(group) = &edit.group {
            self.ensure_group(group);
        }
        let before = self.entry(number, |entry| (entry.options.clone(), entry.about.piece_count));
        let Some((before, pieces)) = before else { return Ok(()) };
        let mut result = Ok(());
        let mut edit_options = edit.clone();
        if edit.sequential_from_piece.is_some_and(|piece| piece >= pieces.max(1)) {
            edit_options.sequential_from_piece = None;
            result = Err(EditError::PieceIndexOutOfRange);
        }
        self.change(number, |entry| apply(&mut entry.options, &edit_options));
        self.follow_options(number, &before);
        if let Some(position) = edit.queue_position {
            self.place(number, position);
        }
        let files = self.edit_files(number, edit);
        let trackers = self.edit_trackers(number, edit);
        let web_seeds = self.edit_web_seeds(number, edit);
        result.and(files).and(trackers).and(web_seeds)
    }

    /// Has a running torrent do what its options say now.
    fn follow_options(&mut self, number: Number, before: &Options) {
        self.set_limits(number);
        let Some(now) = self.entry(number, |entry| entry.options.clone()) else { return };
        let sequential = opening::sequential(&now);
        if sequential != opening::sequential(before) {
            self.send(number, Change::Sequential(sequential));
        }
        if now.super_seeding != before.super_seeding {
            self.send(number, Change::SuperSeed(now.super_seeding));
        }
        let settings = &self.config.settings;
        let (policy, connections) = opening::web_seed_policy(&now, settings);
        if (policy, connections) != opening::web_seed_policy(before, settings) {
            self.send(number, Change::WebSeedPolicy(policy, connections));
        }
        if now.peer_limit != before.peer_limit {
            self.send(number, Change::MaxPeers(now.peer_limit as usize));
        }
    }

    fn edit_files(&mut self, number: Number, edit: &TorrentEdit) -> Result<(), EditError> {
        if edit.files.is_empty() {
            return Ok(());
        }
        let path = self.torrent_file(number);
        let Some(book) = self.books.get_mut(&number) else { return Ok(()) };
        if book.magnet.is_some() {
            book.choose_later(&edit.files);
            return Ok(());
        }
        // The sizes of the files are needed: a small read for a torrent that does not run.
        let Some(metainfo) = book.metainfo.clone().or_else(|| waking::parse(&path).ok().map(Arc::new)) else {
            return Ok(());
        };
        let before = book.files.clone();
        let mut result = Ok(());
        for choice in &edit.files {
            if choose(&mut book.files, choice, metainfo.files.len()).is_err() {
                result = Err(EditError::FileIndexOutOfRange);
            }
        }
        clear_uniform(&mut book.files);
        let changed = book.files.wanted != before.wanted;
        let now = book.files.clone();
        if now.priorities != before.priorities {
            self.send(number, Change::Priorities(files::priorities(&now)));
        }
        if changed {
            let wanted = bytes_wanted(&metainfo, &now);
            self.send(number, Change::Select(selected(&now)));
            self.change(number, |entry| {
                entry.progress.bytes_wanted = wanted;
                entry.progress.bytes_done = entry.progress.bytes_done.min(wanted);
            });
        }
        result
    }

    fn edit_trackers(&mut self, number: Number, edit: &TorrentEdit) -> Result<(), EditError> {
        if edit.trackers.is_empty() {
            return Ok(());
        }
        let Some(mut trackers) = self.entry(number, |entry| entry.trackers.clone()) else { return Ok(()) };
        let mut result = Ok(());
        for change in &edit.trackers {
            result = result.and(change_trackers(&mut trackers, change));
        }
        if let Some(book) = self.books.get_mut(&number) {
            book.scrapes.retain(|scrape| trackers.iter().any(|tracker| tracker.announce == scrape.announce));
        }
        self.change(number, |entry| entry.trackers = trackers);
        self.scrapes.hurry(number);
        self.push_trackers(number);
        result
    }

    /// Has a running torrent ask the trackers it has now.
    pub(super) fn push_trackers(&mut self, number: Number) {
        if let Some(tiers) = self.entry(number, |entry| opening::tiers(&entry.trackers)) {
            self.send(number, Change::Trackers(tiers));
        }
    }

    fn edit_web_seeds(&mut self, number: Number, edit: &TorrentEdit) -> Result<(), EditError> {
        let mut result = Ok(());
        for change in &edit.web_seeds {
            let Some(book) = self.books.get_mut(&number) else { return result };
            match change {
                WebSeedChange::Add(url) if !matches!(url.scheme(), "http" | "https") => {
                    result = Err(EditError::InvalidWebSeed(url.to_string()));
                }
                WebSeedChange::Add(url) => {
                    let text = url.to_string();
                    book.web_seeds_off.retain(|other| *other != text);
                    if !book.web_seeds.contains(&text) {
                        book.web_seeds.push(text);
                        self.send(number, Change::AddWebSeed(url.clone()));
                    }
                }
                WebSeedChange::Remove(url) => {
                    let own = book.web_seeds.len();
                    book.web_seeds.retain(|other| other != url);
                    if book.web_seeds.len() == own && !book.web_seeds_off.contains(url) {
                        book.web_seeds_off.push(url.clone());
                    }
                    self.send(number, Change::RemoveWebSeed(url.clone()));
                }
            }
        }
        result
    }
}

fn apply(options: &mut Options, edit: &TorrentEdit) {
    fn set<T: Clone>(target: &mut T, value: Option<&T>) {
        if let Some(value) = value {
            target.clone_from(value);
        }
    }
    set(&mut options.bandwidth_priority, edit.bandwidth_priority.as_ref());
    set(&mut options.down_limit.kilobytes_per_second, edit.down_limit.as_ref());
    set(&mut options.down_limit.enabled, edit.down_limited.as_ref());
    set(&mut options.up_limit.kilobytes_per_second, edit.up_limit.as_ref());
    set(&mut options.up_limit.enabled, edit.up_limited.as_ref());
    set(&mut options.honors_session_limits, edit.honors_session_limits.as_ref());
    set(&mut options.peer_limit, edit.peer_limit.as_ref());
    set(&mut options.ratio_limit, edit.ratio_limit.as_ref());
    set(&mut options.ratio_mode, edit.ratio_mode.as_ref());
    set(&mut options.idle_limit_minutes, edit.idle_limit_minutes.as_ref());
    set(&mut options.idle_mode, edit.idle_mode.as_ref());
    set(&mut options.labels, edit.labels.as_ref());
    set(&mut options.group, edit.group.as_ref());
    set(&mut options.sequential, edit.sequential.as_ref());
    set(&mut options.sequential_from_piece, edit.sequential_from_piece.as_ref());
    set(&mut options.super_seeding, edit.super_seeding.as_ref());
    set(&mut options.web_seed_policy, edit.web_seed_policy.as_ref());
    set(&mut options.web_seed_connections, edit.web_seed_connections.as_ref());
}

/// Whether a URL may be a tracker's.
fn is_tracker(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https" | "udp") && url.has_host())
}

fn change_trackers(trackers: &mut Vec<Tracker>, change: &TrackerChange) -> Result<(), EditError> {
    let known = |trackers: &[Tracker], url: &str| trackers.iter().any(|tracker| tracker.announce == url);
    match change {
        TrackerChange::Add(url) => {
            if !is_tracker(url) || known(trackers, url) {
                return Err(EditError::TrackersUnchanged);
            }
            let tier = trackers.iter().map(|tracker| tracker.tier + 1).max().unwrap_or(0);
            let id = next_id(trackers);
            trackers.push(Tracker { id, tier, announce: url.clone() });
        }
        TrackerChange::Remove(id) => {
            let before = trackers.len();
            trackers.retain(|tracker| tracker.id != *id);
            if trackers.len() == before {
                return Err(EditError::TrackersUnchanged);
            }
        }
        TrackerChange::Replace(id, url) => {
            let usable = is_tracker(url) && !known(trackers, url);
            let id_now = next_id(trackers);
            let Some(tracker) = trackers.iter_mut().find(|tracker| tracker.id == *id && usable) else {
                return Err(EditError::TrackersUnchanged);
            };
            tracker.id = id_now;
            tracker.announce.clone_from(url);
        }
        TrackerChange::List(tiers) => {
            if !tiers.iter().flatten().all(|url| is_tracker(url)) {
                return Err(EditError::InvalidTrackerList);
            }
            let mut fresh = adding::trackers(tiers);
            let mut id = next_id(trackers);
            for tracker in &mut fresh {
                let old = trackers.iter().find(|old| old.announce == tracker.announce);
                tracker.id = old.map_or(id, |old| old.id);
                id += u32::from(old.is_none());
            }
            *trackers = fresh;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(urls: &[&str]) -> Vec<Tracker> {
        adding::trackers(&urls.iter().map(|url| vec![(*url).to_owned()]).collect::<Vec<_>>())
    }

    #[test]
    fn ids_stay_with_their_urls_and_are_not_used_twice() {
        let mut trackers = list(&["http://a/", "http://b/"]);
        change_trackers(&mut trackers, &TrackerChange::Add("udp://c:1/".into())).unwrap();
        change_trackers(&mut trackers, &TrackerChange::Remove(1)).unwrap();
        change_trackers(&mut trackers, &TrackerChange::Replace(0, "http://d/".into())).unwrap();
        let seen: Vec<_> = trackers.iter().map(|it| (it.id, it.tier, &*it.announce)).collect();
        assert_eq!(seen, [(3, 0, "http://d/"), (2, 2, "udp://c:1/")]);
        let tiers = vec![vec!["udp://c:1/".into(), "http://e/".into()]];
        change_trackers(&mut trackers, &TrackerChange::List(tiers)).unwrap();
        let seen: Vec<_> = trackers.iter().map(|it| (it.id, it.tier, &*it.announce)).collect();
        assert_eq!(seen, [(2, 0, "udp://c:1/"), (4, 0, "http://e/")]);
    }

    #[test]
    fn what_changes_nothing_is_an_error() {
        let mut trackers = list(&["http://a/"]);
        for change in [
            TrackerChange::Add("http://a/".into()),
            TrackerChange::Add("nonsense".into()),
            TrackerChange::Remove(7),
            TrackerChange::Replace(0, "http://a/".into()),
        ] {
            assert!(change_trackers(&mut trackers, &change).is_err(), "{change:?}");
        }
        assert_eq!(trackers, list(&["http://a/"]));
    }
}
