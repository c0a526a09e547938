//! Between storage and the swarm: the check at the start, and what storage tells later.

use super::{Command, Parts, Teller, TorrentTask, now};
use crate::api::{Event, Phase, TorrentError};
use crate::limits::{CHANGES_HELD, DISK_RETRY, SNAPSHOT_INTERVAL};
use metainfo::Bitfield;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use storage::{BlockReport, CheckReport, DiskError, DiskEvent};
use swarm::{BlockDigest, SourceKey, StorageFact};
use tokio::sync::oneshot;
use tokio::time::{Instant, interval};

/// How the check of files present ended.
pub(super) enum Checked {
    /// This is there.
    Found(CheckReport),
    /// Somebody wanted the torrent stopped meanwhile.
    Stopped(oneshot::Sender<()>),
    /// The disk cannot be used.
    Failed(TorrentError),
}

/// Looks at the files present, showing how far it is.
pub(super) async fn check(parts: &mut Parts) -> Checked {
    let checked = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&checked);
    let wanted = parts.add.wanted_pieces();
    let geometry = Arc::clone(&parts.add.metainfo.geometry);
    let bytes_wanted = super::show::bytes_of(&geometry, &wanted, &wanted);
    let store = parts.store.clone();
    if parts.add.tuning.recheck {
        store.distrust_record();
    }
    if parts.add.tuning.read_soon {
        store.keep_cached();
    }
    let check = store.check(move |progress| counter.store(progress.bytes_checked, Ordering::Relaxed));
    tokio::pin!(check);
    let mut ticks = interval(SNAPSHOT_INTERVAL);
    loop {
        tokio::select! {
            result = &mut check => {
                return match result {
                    Ok(report) => {
                        let bytes_present = super::show::bytes_of(&geometry, &wanted, &report.have);
                        tell(parts, &report, bytes_present);
                        Checked::Found(report)
                    }
                    Err(error) => Checked::Failed(TorrentError::Disk(error.to_string())),
                };
            }
            Some(command) = parts.commands.recv() => match command {
                Command::Stop(reply) => return Checked::Stopped(reply),
                Command::Change(change) if parts.held.len() < CHANGES_HELD => parts.held.push(change),
                Command::Change(_) => tracing::warn!("too many changes during a check; one is dropped"),
                // Who asked hears that there is nothing to tell yet.
                Command::Report(_) => {}
            },
            _ = ticks.tick() => parts.snapshot.send_modify(|snapshot| {
                snapshot.phase = Phase::Checking;
                snapshot.bytes_wanted = bytes_wanted;
                snapshot.bytes_checked = checked.load(Ordering::Relaxed);
            }),
        }
    }
}

/// The check was all that was wanted: its result is shown and recorded.
pub(super) async fn end_after_check(parts: Parts, have: &Bitfield) {
    let Parts { add, store, events, snapshot, .. } = parts;
    let geometry = &add.metainfo.geometry;
    let wanted = add.wanted_pieces();
    let closed = store.close().await;
    snapshot.send_modify(|snapshot| {
        snapshot.phase = Phase::Stopped;
        snapshot.bytes_wanted = super::show::bytes_of(geometry, &wanted, &wanted);
        snapshot.bytes_done = super::show::bytes_of(geometry, &wanted, have);
        snapshot.bytes_have = super::show::bytes_of(geometry, have, have);
        snapshot.bytes_checked = snapshot.bytes_wanted;
    });
    let mut teller = Teller::new(events);
    if let Err(error) = closed {
        teller.tell(Event::Failed(TorrentError::Disk(error.to_string())));
    }
    teller.finish().await;
}

fn tell(parts: &Parts, report: &CheckReport, bytes_present: u64) {
    for file in &report.missing_files {
        tracing::warn!(file = %file.display(), "was there at the last run and is gone; it is fetched again");
    }
    // The channel is new and empty: the first event always fits.
    let _ = parts.events.try_send(Event::Checked { bytes_present });
}

/// Faults of the disk that are being waited out.
#[derive(Default)]
pub(super) struct Faults {
    retry_at: Option<Instant>,
}

impl Faults {
    /// When to try again, if something failed.
    pub(super) const fn poll_timeout(&self) -> Option<Instant> {
        self.retry_at
    }
}

impl TorrentTask {
    pub(super) fn handle_disk(&mut self, event: DiskEvent) {
        match event {
            DiskEvent::PieceStored { piece, blocks } => {
                self.swarm
                    .handle_storage(now(), StorageFact::PieceStored { piece, blocks: digests(&blocks) });
            }
            DiskEvent::PieceFailed { piece, blocks } => {
                self.swarm
                    .handle_storage(now(), StorageFact::PieceFailed { piece, blocks: digests(&blocks) });
            }
            DiskEvent::WriteFailed { piece, error } => {
                self.swarm.handle_storage(now(), StorageFact::Failed { piece });
                self.disk_failed(&error);
            }
            DiskEvent::Recovered => {
                self.faults.retry_at = None;
                self.swarm.handle_storage(now(), StorageFact::Recovered);
            }
            DiskEvent::PieceLost { piece, error } => {
                tracing::warn!(%piece, %error, "a stored piece is not there any more");
                self.swarm.handle_storage(now(), StorageFact::PieceLost(piece));
            }
            DiskEvent::FileCompleted { file } => tracing::info!(%file, "file complete"),
            DiskEvent::FilesFinished => {
                self.files_finished = true;
                self.complete_if_finished();
            }
            DiskEvent::FinishFailed { error } => self.disk_failed(&error),
        }
    }

    /// A one-shot download ends on a fault of the disk; a seed waits for the disk to come back.
    fn disk_failed(&mut self, error: &DiskError) {
        if self.add.stop_on_disk_error {
            if self.phase != Phase::Failed {
                self.phase = Phase::Failed;
                self.teller.tell(Event::Failed(TorrentError::Disk(error.to_string())));
            }
        } else {
            tracing::warn!(%error, "the disk failed; trying again");
            self.faults.retry_at.get_or_insert(Instant::now() + DISK_RETRY);
        }
    }

    /// Tries what the disk refused once more, when it is time.
    pub(super) fn retry_disk(&mut self, now: Instant) {
        if self.faults.retry_at.is_some_and(|when| when <= now) {
            self.faults.retry_at = Some(now + DISK_RETRY);
            self.store.retry();
        }
    }
}

fn digests(blocks: &[BlockReport]) -> Vec<BlockDigest> {
    let digest = |report: &BlockReport| BlockDigest {
        block: report.block,
        source: SourceKey::from_tag(report.source),
        digest: report.digest,
    };
    blocks.iter().map(digest).collect()
}
