//! A magnet link: its metadata is found first, then it is a torrent like any other.

use super::follow::Watch;
use super::{END_WITHIN, GetArgs, Report, publisher, session, source};
use crate::exit::{Failure, Kind};
use crate::signals::StopSignals;
use crate::units;
use engine::{AddMagnet, Event, Session, Torrent, TorrentError};
use metainfo::{FileIndex, Magnet, Metainfo};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{fs, io};
use tokio::time::{MissedTickBehavior, interval, timeout};

/// How often the search is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// What a link led to.
pub(super) struct Met {
    pub(super) magnet: Magnet,
    pub(super) metainfo: Arc<Metainfo>,
    /// The session that found it, and knows peers; `None` if nobody had to be asked.
    pub(super) session: Option<Session>,
}

impl Met {
    /// The files that the link selects (BEP 53); `None` for all.
    pub(super) fn selected(&self) -> Result<Option<Vec<FileIndex>>, Failure> {
        if self.magnet.selected.is_empty() {
            return Ok(None);
        }
        let is_there =
            |index: &&FileIndex| self.metainfo.files.get(index.as_usize()).is_some_and(|file| !file.pad);
        let files: Vec<FileIndex> = self.magnet.selected.iter().filter(is_there).copied().collect();
        if files.is_empty() {
            let words =
                format_args!("the link selects (so=) none of the {} files", self.metainfo.files.len());
            return Err(Failure::new(Kind::BadTorrent, words));
        }
        Ok(Some(files))
    }
}

/// Finds the metadata of `magnet`, and keeps it for runs to come.
pub(super) async fn find(
    args: &GetArgs,
    mut magnet: Magnet,
    report: &mut Report,
    stop: &mut StopSignals,
) -> Result<Met, Failure> {
    let resolved = publisher::resolve(args, &mut magnet, report, stop).await?;
    let name = magnet.name.clone().unwrap_or_else(|| magnet.info_hash().to_string());
    report.searching(&name);
    let kept = session::state_directory(args)
        .map(|state| state.join("metadata").join(format!("{}.torrent", magnet.info_hash())));
    if let Some(metainfo) = kept.as_deref().and_then(|path| known(path, &magnet)) {
        report.found(&metainfo);
        return Ok(Met { magnet, metainfo, session: resolved });
    }
    let session = match resolved {
        Some(session) => session,
        None => session::start(args)?,
    };
    let mut add = AddMagnet::new(magnet.clone());
    add.use_peers = !args.no_peers;
    add.peers = source::resolve_peers(args).await?;
    let mut torrent = session.add_magnet(add).map_err(|error| super::add_failure(&error))?;
    let outcome = follow(args, &mut torrent, report, stop).await;
    let (metainfo, torrent_file) = match outcome {
        Ok(found) => found,
        Err(failure) => {
            report.stopping(stop.heard());
            // Its trackers are told, as long as that takes no time.
            let _ = timeout(END_WITHIN, torrent.stop()).await;
            return Err(failure);
        }
    };
    if let Some(path) = kept
        && let Err(error) = keep(&path, &torrent_file)
    {
        tracing::warn!("cannot keep the metadata in {}: {error}", path.display());
    }
    report.found(&metainfo);
    Ok(Met { magnet, metainfo, session: Some(session) })
}

/// Reports what happens until the metadata is here.
async fn follow(
    args: &GetArgs,
    torrent: &mut Torrent,
    report: &mut Report,
    stop: &mut StopSignals,
) -> Result<(Arc<Metainfo>, Arc<[u8]>), Failure> {
    let mut looks = interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut watch = Watch::new(args.timeout, Instant::now());
    loop {
        tokio::select! {
            event = torrent.next_event() => match event {
                Some(Event::Metadata { metainfo, torrent_file }) => return Ok((metainfo, torrent_file)),
                Some(Event::Failed(error)) => return Err(failure(&error)),
                Some(event) => report.event(&event),
                None => return Err(Failure::new(Kind::Failed, "the search ended without a reason")),
            },
            _ = looks.tick() => {
                let snapshot = torrent.snapshot();
                report.progress(&snapshot);
                if watch.expired(&snapshot, Instant::now()) {
                    let (waited, peers) = (units::duration(watch.waited().as_secs()), snapshot.peers_connected);
                    let words = format_args!("incomplete: no metadata for {waited} with {peers} peers; try again later");
                    return Err(Failure::new(Kind::Incomplete, words));
                }
            }
            () = stop.wait() => {
                return Err(Failure::new(Kind::Interrupted, "interrupted before anything was fetched"));
            }
        }
    }
}

fn failure(error: &TorrentError) -> Failure {
    let kind = match error {
        TorrentError::Disk(_) => Kind::Disk,
        TorrentError::NoMetadata(_) => Kind::Incomplete,
        TorrentError::BadMetadata(_) => Kind::BadTorrent,
    };
    Failure::new(kind, error)
}

/// What an earlier run kept, if it is what the link means; with what the link says beside it.
fn known(path: &Path, magnet: &Magnet) -> Option<Arc<Metainfo>> {
    let kept = Metainfo::parse(&fs::read(path).ok()?).ok().filter(|it| magnet.means(it))?;
    let mut magnet = magnet.clone();
    magnet.join(&kept);
    Metainfo::parse(&magnet.torrent_file(&kept.info_bytes)).ok().map(Arc::new)
}

/// Writes the torrent file, whole or not at all.
fn keep(path: &Path, torrent_file: &[u8]) -> io::Result<()> {
    let folder = path.parent().map(Path::to_owned).unwrap_or_default();
    fs::create_dir_all(&folder)?;
    let new: PathBuf = path.with_extension(format!("{}.part", std::process::id()));
    let mut file = fs::File::create(&new)?;
    file.write_all(torrent_file)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    fs::File::open(&folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use metainfo::create::{NewFile, NewTorrent};

    fn torrent() -> Metainfo {
        let file = |name: &str| NewFile { path: vec![name.to_owned()], length: 1000 };
        let new = NewTorrent {
            name: "images".to_owned(),
            piece_length: 16_384,
            piece_hashes: vec![[1; 20]],
            files: vec![file("a"), file("b"), file("c")],
            is_multi_file: true,
            trackers: vec![vec!["http://one/announce".to_owned()]],
            ..NewTorrent::default()
        };
        Metainfo::parse(&new.encode()).expect("a good torrent")
    }

    fn selected(so: &str) -> Result<Option<Vec<u32>>, Kind> {
        let metainfo = Arc::new(torrent());
        let magnet = format!("magnet:?xt=urn:btih:{}{so}", metainfo.info_hash()).parse().expect("a link");
        let files = Met { magnet, metainfo, session: None }.selected().map_err(|failure| failure.kind)?;
        Ok(files.map(|files| files.into_iter().map(|file| file.0).collect()))
    }

    #[test]
    fn a_link_selects_files_that_are_there() {
        assert_eq!(selected(""), Ok(None));
        assert_eq!(selected("&so=0,2,9"), Ok(Some(vec![0, 2])));
        assert_eq!(selected("&so=7-9"), Err(Kind::BadTorrent));
    }

    #[test]
    fn what_was_found_once_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let (path, metainfo) = (folder.path().join("metadata/x.torrent"), torrent());
        let link = format!("magnet:?xt=urn:btih:{}&tr=http://two/announce", metainfo.info_hash());
        let magnet: Magnet = link.parse().unwrap();
        assert!(known(&path, &magnet).is_none());
        keep(&path, &metainfo.magnet().torrent_file(&metainfo.info_bytes)).unwrap();
        let found = known(&path, &magnet).unwrap();
        assert_eq!(found.trackers, [["http://two/announce"], ["http://one/announce"]]);
        let other = Magnet { info_hash_v1: Some([1; 20]), ..magnet };
        assert!(known(&path, &other).is_none(), "another torrent's");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing else is left");
    }
}
