//! Taking torrents in.

use super::Keeper;
use super::book::{Book, FileWishes, Wish};
use super::command::Reply;
use super::files::{choose, clear_uniform};
use super::publishers::publication;
use crate::api::events::{EventKind, Revision};
use crate::catalogue::entry::{About, Dates, Entry, Number, Options, Progress, Status, Tracker};
use crate::clock::unix_now;
use crate::prepare::{Prepared, What};
use crate::{AddError, AddRequest, Added, FileChoice, Settings};
use metainfo::{Magnet, Metainfo, hex};
use std::path::PathBuf;
use std::sync::Arc;
use storage::Change;

impl Keeper {
    pub(super) fn add(&mut self, prepared: Prepared, reply: Reply<Result<Added, AddError>>) {
        match self.take_in(prepared) {
            Ok(added) => self.commit(move |result| {
                // Whoever asked may have stopped waiting.
                let _ = reply.send(result.map(|()| added).map_err(AddError::NotSaved));
            }),
            Err(error) => drop(reply.send(Err(error))),
        }
        self.admit();
    }

    pub(super) fn take_in(&mut self, prepared: Prepared) -> Result<Added, AddError> {
        let info_hash = prepared.info_hash();
        let known = self.catalogue().find(&info_hash);
        if let Some(number) = known {
            self.merge(number, &prepared);
            if let What::Torrent { metainfo, bytes } = prepared.what {
                self.learn(number, &metainfo, bytes);
            }
            let name = self.entry(number, |entry| entry.name.clone()).unwrap_or_default();
            return Ok(Added { number, info_hash, name, duplicate: true });
        }
        let request = prepared.request;
        let (metainfo, bytes) = match prepared.what {
            What::Torrent { metainfo, bytes } => (metainfo, bytes),
            What::Magnet(magnet) => return Ok(self.take_in_magnet(&magnet, &request)),
        };
        let settings = &self.config.settings;
        let options = options(&request, settings);
        if options.sequential_from_piece >= metainfo.geometry.piece_count().max(1) {
            return Err(AddError::PieceIndexOutOfRange);
        }
        let number = self.catalogue().next_number();
        let mut book = Book::new(number, info_hash);
        for choice in &request.files {
            choose(&mut book.files, choice, metainfo.files.len())
                .map_err(|_| AddError::FileIndexOutOfRange)?;
        }
        clear_uniform(&mut book.files);
        let paused = request.paused.unwrap_or(!settings.start_added_torrents);
        book.wish = if paused { Wish::Stop } else { Wish::Run };
        book.verify = settings.verify_added;
        book.order = self.queue.take_last();
        book.place = place(&request, settings).filter(|place| *place != options.download_directory);
        let mut entry = entry(number, &metainfo, options);
        if let Some(before) = &request.before {
            let added = if before.dates.added > 0 { before.dates.added } else { entry.dates.added };
            entry.dates = Dates { added, ..before.dates };
        }
        entry.queue_position = self.catalogue().len() as u32;
        add_default_trackers(&mut entry, &settings.default_trackers);
        if !paused {
            entry.dates.started = entry.dates.added;
        }
        entry.progress.bytes_wanted = super::files::bytes_wanted(&metainfo, &book.files);
        let name = entry.name.clone();
        book.metainfo = Some(Arc::clone(&metainfo));
        self.books.insert(number, Box::new(book));
        self.catalogue().insert(entry);
        self.changes.push(Change::File(Book::file_name(&info_hash), bytes));
        self.mark(number);
        self.show_status(number);
        self.scrapes.hurry(number);
        self.stats.current.torrents_added += 1;
        self.shared.log.tell(number, info_hash, EventKind::Added);
        Ok(Added { number, info_hash, name, duplicate: false })
    }

    /// A torrent known by its name only: it waits for its metadata.
    fn take_in_magnet(&mut self, magnet: &Magnet, request: &AddRequest) -> Added {
        let settings = &self.config.settings;
        let options = options(request, settings);
        let paused = request.paused.unwrap_or(!settings.start_added_torrents);
        let number = self.catalogue().next_number();
        let info_hash = magnet.info_hash();
        let mut book = Book::new(number, info_hash);
        book.wish = if paused { Wish::Stop } else { Wish::Run };
        book.order = self.queue.take_last();
        book.web_seeds.clone_from(&magnet.web_seeds);
        book.choose_later(&request.files);
        let link = magnet.to_string();
        let file = Book::file_name(&info_hash).with_extension("magnet");
        self.changes.push(Change::File(file, link.as_bytes().into()));
        book.magnet = Some(link);
        let tiers: Vec<Vec<String>> = magnet.trackers.iter().map(|url| vec![url.clone()]).collect();
        let added = unix_now();
        let started = if paused { 0 } else { added };
        let publisher = magnet.publisher.as_ref();
        let name = magnet.name.clone().unwrap_or_else(|| match publisher {
            Some(publisher) if !magnet.has_hash() => format!("urn:btpk:{}", hex(&publisher.key)),
            _ => info_hash.to_string(),
        });
        let mut entry = Entry {
            number,
            info_hash,
            hash_hex: info_hash.to_string().into(),
            name: name.clone(),
            status: Status::Stopped,
            fault: None,
            queue_position: self.catalogue().len() as u32,
            about: About::default(),
            options,
            progress: Progress::default(),
            dates: Dates { added, started, ..Dates::default() },
            trackers: trackers(&tiers),
            publication: publication(magnet),
            asleep_since: None,
            changed_at: std::time::Instant::now(),
            revision: Revision::default(),
        };
        add_default_trackers(&mut entry, &settings.default_trackers);
        if entry.publication.is_some() {
            self.followed.insert(number);
        }
        self.books.insert(number, Box::new(book));
        self.catalogue().insert(entry);
        self.mark(number);
        self.show_status(number);
        self.scrapes.hurry(number);
        self.stats.current.torrents_added += 1;
        self.shared.log.tell(number, info_hash, EventKind::Added);
        Added { number, info_hash, name, duplicate: false }
    }

    /// The metadata of a magnet link was found. Under the hash of the first version, where the link has only that of the
    /// second, it is another torrent for everybody: it takes this one's place.
    pub(super) fn found(&mut self, number: Number, metainfo: &Arc<Metainfo>, bytes: Arc<[u8]>) {
        let info_hash = metainfo.info_hash();
        if self.books.get(&number).is_none_or(|book| book.is_leaving() || book.info_hash == info_hash) {
            self.learn(number, metainfo, bytes);
            self.commit(|_| {});
            return;
        }
        let Some((options, paused)) =
            self.entry(number, |entry| (entry.options.clone(), entry.status == Status::Stopped))
        else {
            return;
        };
        let mut request = AddRequest::new(crate::Source::Metainfo(Vec::new()));
        request.download_directory = Some(options.download_directory);
        request.paused = Some(paused);
        request.labels = options.labels;
        request.files =
            self.books.get(&number).map(|book| book.choices.iter().cloned().collect()).unwrap_or_default();
        let what = What::Torrent { metainfo: Arc::clone(metainfo), bytes };
        match self.take_in(Prepared { request, what }) {
            Ok(added) => self.pass_publication_on(number, added.number),
            Err(error) => return self.fail(number, error.to_string()),
        }
        let (done, _) = tokio::sync::oneshot::channel();
        self.remove(&[number], false, done);
    }

    /// The metadata of a magnet link is here: from now on the torrent is one like others.
    fn learn(&mut self, number: Number, metainfo: &Arc<Metainfo>, bytes: Arc<[u8]>) {
        let is_known = self.entry(number, |entry| entry.about.has_metadata).unwrap_or(true);
        let Some(book) = self.books.get_mut(&number).filter(|_| !is_known) else { return };
        let magnet = book.magnet.take().and_then(|link| link.parse::<Magnet>().ok());
        // They are the torrent's own from now on.
        book.web_seeds.retain(|url| !metainfo.web_seeds.contains(url));
        for choice in std::mem::take(&mut book.choices) {
            // One of files that are not there is as good as none.
            let _ = choose(&mut book.files, &choice, metainfo.files.len());
        }
        clear_uniform(&mut book.files);
        let magnet = magnet.unwrap_or_default();
        select(&mut book.files, &magnet, metainfo);
        book.metainfo = Some(Arc::clone(metainfo));
        let file = Book::file_name(&book.info_hash);
        let bytes_wanted = super::files::bytes_wanted(metainfo, &book.files);
        let defaults = self.config.settings.default_trackers.clone();
        self.change(number, |entry| {
            entry.about = about(metainfo);
            entry.name.clone_from(&metainfo.name);
            entry.progress.metadata = 1.0;
            entry.progress.bytes_wanted = bytes_wanted;
            settle_default_trackers(entry, &defaults, &magnet);
        });
        self.changes.push(Change::RemoveFile(file.with_extension("magnet")));
        self.changes.push(Change::File(file, bytes));
        self.mark(number);
        self.retire_predecessor(number);
        // The search, if one is under way, makes room for the torrent.
        self.halt(number);
        self.reconcile(number);
    }

    /// A torrent that is there already takes the trackers and web seeds it did not know.
    fn merge(&mut self, number: Number, prepared: &Prepared) {
        let tiers = match &prepared.what {
            What::Torrent { metainfo, .. } => metainfo.trackers.clone(),
            What::Magnet(magnet) => magnet.trackers.iter().map(|url| vec![url.clone()]).collect(),
        };
        if let What::Magnet(magnet) = &prepared.what
            && let Some(publication) = publication(magnet)
            && self.entry(number, |entry| entry.publication.is_none()).unwrap_or(false)
        {
            self.set_publication(number, *publication);
        }
        let is_private = self.entry(number, |entry| entry.about.is_private).unwrap_or(true);
        let new = self.change_if(number, |entry| {
            let before = entry.trackers.len();
            if !is_private {
                add_default_trackers(entry, &tiers);
            }
            entry.trackers.len() != before
        });
        if new {
            self.push_trackers(number);
            self.mark(number);
        }
    }

    /// Changes an entry and says so only if `change` did anything.
    pub(super) fn change_if(&self, number: Number, change: impl FnOnce(&mut Entry) -> bool) -> bool {
        self.catalogue().change_if(number, change)
    }
}

/// The files that a link selects (BEP 53), where the user made no choice.
fn select(files: &mut FileWishes, magnet: &Magnet, metainfo: &Metainfo) {
    let count = metainfo.files.len();
    let chosen = magnet.selected.iter().copied().filter(|file| file.as_usize() < count).collect::<Vec<_>>();
    if *files != FileWishes::default() || chosen.is_empty() {
        return;
    }
    for choice in [FileChoice::Unwanted(Vec::new()), FileChoice::Wanted(chosen)] {
        // Every index is there.
        let _ = choose(files, &choice, count);
    }
    clear_uniform(files);
}

/// Where the data lies until it is complete, if not where it ends.
fn place(request: &AddRequest, settings: &Settings) -> Option<PathBuf> {
    match &request.before {
        Some(before) => Some(before.data_directory.clone()),
        None => settings.incomplete_directory_enabled.then(|| settings.incomplete_directory.clone()),
    }
}

fn options(request: &AddRequest, settings: &Settings) -> Options {
    let directory = request.download_directory.as_ref().unwrap_or(&settings.download_directory);
    Options {
        download_directory: directory.clone(),
        bandwidth_priority: request.bandwidth_priority.unwrap_or_default(),
        peer_limit: request.peer_limit.unwrap_or(settings.peer_limit_per_torrent),
        labels: request.labels.clone(),
        sequential: request.sequential.unwrap_or(settings.sequential),
        sequential_from_piece: request.sequential_from_piece.unwrap_or(0),
        ratio_limit: settings.ratio_limit,
        idle_limit_minutes: settings.idle_limit_minutes,
        ..Options::default()
    }
}

/// A torrent as it is shown at first.
pub(super) fn entry(number: Number, metainfo: &Metainfo, options: Options) -> Entry {
    let info_hash = metainfo.info_hash();
    let total = metainfo.geometry.total_length();
    Entry {
        number,
        info_hash,
        hash_hex: info_hash.to_string().into(),
        name: metainfo.name.clone(),
        status: Status::Stopped,
        fault: None,
        queue_position: number.0 - 1,
        about: about(metainfo),
        options,
        progress: Progress { bytes_wanted: total, metadata: 1.0, ..Progress::default() },
        dates: Dates { added: unix_now(), ..Dates::default() },
        trackers: trackers(&metainfo.trackers),
        publication: None,
        asleep_since: None,
        changed_at: std::time::Instant::now(),
        revision: Revision::default(),
    }
}

/// What the catalogue keeps of a torrent's metainfo.
fn about(metainfo: &Metainfo) -> About {
    let files = metainfo.files.iter().filter(|file| !file.pad);
    let largest = files.clone().max_by_key(|file| file.length);
    About {
        has_metadata: true,
        total_bytes: files.clone().map(|file| file.length).sum(),
        piece_length: metainfo.geometry.piece_length(),
        piece_count: metainfo.geometry.piece_count(),
        file_count: files.count() as u32,
        is_private: metainfo.private,
        comment: metainfo.comment.clone().unwrap_or_default(),
        creator: metainfo.created_by.clone().unwrap_or_default(),
        source: metainfo.source.clone().unwrap_or_default(),
        created_at: metainfo.creation_date.unwrap_or_default(),
        largest_file: largest.and_then(|file| file.path.last()).cloned().unwrap_or_default(),
        web_seed_count: metainfo.web_seeds.len() as u32,
    }
}

/// Trackers with ids of their own, from tiers of URLs.
pub(super) fn trackers(tiers: &[Vec<String>]) -> Vec<Tracker> {
    let by_tier = (0u32..).zip(tiers).flat_map(|(tier, urls)| urls.iter().map(move |url| (tier, url)));
    (0u32..).zip(by_tier).map(|(id, (tier, url))| Tracker { id, tier, announce: url.clone() }).collect()
}

/// A link does not say whether its torrent is private: if it is, it keeps none but its own trackers.
fn settle_default_trackers(entry: &mut Entry, defaults: &[Vec<String>], magnet: &Magnet) {
    add_default_trackers(entry, defaults);
    if entry.about.is_private {
        let is_default = |url: &String| defaults.iter().flatten().any(|default| default == url);
        entry
            .trackers
            .retain(|tracker| !is_default(&tracker.announce) || magnet.trackers.contains(&tracker.announce));
    }
}

/// Adds tiers whose trackers are not there yet; not to private torrents.
fn add_default_trackers(entry: &mut Entry, tiers: &[Vec<String>]) {
    if entry.about.is_private {
        return;
    }
    for urls in tiers {
        let tier = entry.trackers.iter().map(|tracker| tracker.tier + 1).max().unwrap_or(0);
        for url in urls {
            if !entry.trackers.iter().any(|tracker| tracker.announce == *url) {
                let id = super::editing::next_id(&entry.trackers);
                entry.trackers.push(Tracker { id, tier, announce: url.clone() });
            }
        }
    }
}
