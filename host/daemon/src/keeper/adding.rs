//! Taking torrents in.

use super::Keeper;
use super::book::{Book, Wish};
use crate::api::events::{EventKind, Revision};
use crate::catalogue::entry::{About, Dates, Entry, Number, Options, Progress, Status, Tracker};
use crate::clock::unix_now;
use crate::prepare::{Prepared, What};
use crate::{AddError, AddRequest, Added, Settings};
use metainfo::Metainfo;

impl Keeper {
    pub(super) fn add(&mut self, prepared: Prepared) -> Result<Added, AddError> {
        let info_hash = prepared.info_hash();
        let known = self.catalogue().find(&info_hash);
        if let Some(number) = known {
            let name = self.entry(number, |entry| entry.name.clone()).unwrap_or_default();
            return Ok(Added { number, info_hash, name, duplicate: true });
        }
        let What::Torrent { metainfo, .. } = &prepared.what else {
            return Err(AddError::Unsupported("magnet links".into()));
        };
        let settings = &self.config.settings;
        let options = options(&prepared.request, settings);
        let paused = prepared.request.paused.unwrap_or(!settings.start_added_torrents);
        let number = self.catalogue().next_number();
        let entry = entry(number, metainfo, options);
        let name = entry.name.clone();
        let mut book = Book::new(number);
        book.wish = if paused { Wish::Stop } else { Wish::Run };
        book.metainfo = Some(metainfo.clone());
        self.books.insert(number, book);
        self.catalogue().insert(entry);
        self.shared.log.tell(number, info_hash, EventKind::Added);
        self.reconcile(number);
        Ok(Added { number, info_hash, name, duplicate: false })
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
        ..Options::default()
    }
}

fn entry(number: Number, metainfo: &Metainfo, options: Options) -> Entry {
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
        changed_at: std::time::Instant::now(),
        revision: Revision::default(),
    }
}

/// What the catalogue keeps of a torrent's metainfo.
pub(super) fn about(metainfo: &Metainfo) -> About {
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

fn trackers(tiers: &[Vec<String>]) -> Vec<Tracker> {
    let by_tier = (0u32..).zip(tiers).flat_map(|(tier, urls)| urls.iter().map(move |url| (tier, url)));
    (0u32..).zip(by_tier).map(|(id, (tier, url))| Tracker { id, tier, announce: url.clone() }).collect()
}
