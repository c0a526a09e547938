//! qBittorrent's `BT_backup`: for each torrent `HASH.torrent`, and `HASH.fastresume` in the words of libtorrent.

use super::progress::untouched;
use super::torrent::{Foreign, What, grouped, kilobytes, look};
use super::transmission::{has_extension, read_file};
use bencode::{Limits, Value};
use daemon::{Dates, LimitMode};
use metainfo::{Bitfield, FileIndex, Metainfo, PieceIndex};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use storage::FileStamp;

/// Where qBittorrent keeps its torrents, below one of the folders that people name.
const FOLDERS: [&str; 4] = ["BT_backup", "data/BT_backup", "qBittorrent/BT_backup", ""];

/// What qBittorrent puts behind the name of an unfinished file, if it is told to.
const UNFINISHED: &str = ".!qB";

/// Every torrent of the directory, in the order of its file names. Files that cannot be read are told and passed over.
pub(super) fn read(directory: &Path) -> io::Result<Vec<Foreign>> {
    let folder = FOLDERS.iter().map(|name| directory.join(name)).find(|path| path.is_dir());
    let folder = folder.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder)?.map(|item| item.map(|item| item.path())).collect::<io::Result<_>>()?;
    paths.retain(|path| has_extension(path, "torrent"));
    paths.sort();
    Ok(paths.iter().filter_map(|path| one(path)).collect())
}

fn one(path: &Path) -> Option<Foreign> {
    let told = |reason: &dyn std::fmt::Display| {
        tracing::warn!(path = %path.display(), %reason, "not imported");
    };
    let bytes = read_file(path).map_err(|error| told(&error)).ok()?;
    let metainfo = Metainfo::parse(&bytes).map_err(|error| told(&error)).ok()?;
    let mut foreign = Foreign::new(What::Torrent(bytes, Box::new(metainfo)));
    let resume = path.with_extension("fastresume");
    if let (Ok(bytes), Ok(about)) = (read_file(&resume), std::fs::metadata(&resume)) {
        let written = about.modified().unwrap_or(UNIX_EPOCH);
        if let Err(error) = apply(&mut foreign, &bytes, written) {
            tracing::warn!(path = %resume.display(), %error, "a resume file is of no use");
        }
    }
    Some(foreign)
}

/// Sets what the file says that was written at a time.
fn apply(foreign: &mut Foreign, bytes: &[u8], written: SystemTime) -> Result<(), bencode::DecodeError> {
    let document = bencode::decode(bytes, Limits::TORRENT)?;
    let root = document.root();
    let count = |key: &[u8]| root.get(key).and_then(Value::integer);
    let text = |key: &[u8]| root.get(key).and_then(Value::text).filter(|text| !text.is_empty());
    let place = text(b"qBt-savePath").or(text(b"save_path"));
    foreign.directory = place.map(PathBuf::from).filter(|path| path.is_absolute());
    foreign.paused = count(b"paused") == Some(1) && count(b"auto_managed") != Some(1);
    let tags = root.get(b"qBt-tags").and_then(Value::list).into_iter().flatten().filter_map(Value::text);
    foreign.labels =
        text(b"qBt-category").into_iter().chain(tags).map(|label| label.replace(',', " ")).collect();
    let numbers = || {
        let list = root.get(b"file_priority").and_then(Value::list).into_iter().flatten();
        list.map(|number| number.integer().unwrap_or(4))
    };
    let unwanted = (0u32..).zip(numbers()).filter(|(_, priority)| *priority == 0);
    foreign.unwanted = unwanted.map(|(index, _)| FileIndex(index)).collect();
    // Libtorrent counts to 7, and 4 is what most have; 1 is what qBittorrent calls normal.
    foreign.file_priorities = grouped(numbers().map(|priority| i64::from(priority > 4)));
    let limit = |key: &[u8]| count(key).filter(|rate| *rate > 0).map(|rate| (kilobytes(rate), true));
    (foreign.down_limit, foreign.up_limit) = (limit(b"download_rate_limit"), limit(b"upload_rate_limit"));
    // In thousandths; -1 is without a limit, and what is below is as the session has it.
    foreign.ratio = count(b"qBt-ratioLimit").and_then(|ratio| match ratio {
        0.. => Some((ratio as f64 / 1000.0, LimitMode::Own)),
        -1 | -1000 => Some((0.0, LimitMode::Unlimited)),
        _ => None,
    });
    foreign.sequential = count(b"sequential_download").map(|on| on != 0);
    let date = |key: &[u8]| count(key).unwrap_or(0).max(0);
    foreign.dates = Dates { added: date(b"added_time"), done: date(b"completed_time"), ..Dates::default() };
    foreign.downloaded = count(b"total_downloaded").map_or(0, i64::unsigned_abs);
    foreign.uploaded = count(b"total_uploaded").map_or(0, i64::unsigned_abs);
    trust(foreign, root, written);
    Ok(())
}

/// Finds out which pieces are there. Libtorrent keeps no times: files that are younger than the resume file are hashed.
fn trust(foreign: &mut Foreign, root: Value<'_, '_>, written: SystemTime) {
    let What::Torrent(_, metainfo) = &foreign.what else { return };
    let Some(directory) = foreign.directory.as_ref().filter(|_| root.get(b"mapped_files").is_none()) else {
        return;
    };
    let Some(flags) = root.get(b"pieces").and_then(Value::bytes) else { return };
    let geometry = &metainfo.geometry;
    let mut have = Bitfield::new(geometry.piece_count());
    for (piece, flag) in (0..geometry.piece_count()).map(PieceIndex).zip(flags) {
        if flag & 1 != 0 {
            have.insert(piece);
        }
    }
    let written = written.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos().cast_signed());
    let files = look(metainfo, directory, UNFINISHED);
    let trusts = |file: FileIndex, _: PieceIndex, stamp: FileStamp| {
        let length = metainfo.files.get(file.0 as usize).map(|file| file.length);
        // An unfinished file has a name here that it does not have with us: it is found and hashed.
        Some(stamp.length) == length && stamp.mtime_ns <= written
    };
    foreign.pieces = Some(untouched(geometry, &have, &files, trusts));
    foreign.files = files;
}

#[cfg(test)]
mod tests {
    use super::*;
    use bencode::{DictWriter, ListWriter};
    use std::fs;
    use std::time::Duration;

    #[test]
    fn what_is_older_than_its_resume_file_is_trusted() {
        let folder = tempfile::tempdir().unwrap();
        let backup = folder.path().join("BT_backup");
        fs::create_dir(&backup).unwrap();
        let data = fs::File::create(folder.path().join("image.iso")).unwrap();
        data.set_len(40_000).unwrap();
        let mut info = DictWriter::new();
        info.integer("length", 40_000).bytes("name", "image.iso").integer("piece length", 16384);
        info.bytes("pieces", vec![7; 60]);
        let mut torrent = DictWriter::new();
        torrent.raw("info", info.encode());
        fs::write(backup.join("x.torrent"), torrent.encode()).unwrap();
        let (mut tags, mut priorities) = (ListWriter::new(), ListWriter::new());
        tags.bytes("a,b");
        priorities.integer(7);
        let mut resume = DictWriter::new();
        resume.bytes("save_path", folder.path().to_str().unwrap()).bytes("pieces", [1, 0, 3]);
        resume.raw("qBt-tags", tags.encode()).bytes("qBt-category", "isos").integer("qBt-ratioLimit", 1500);
        resume.raw("file_priority", priorities.encode()).integer("upload_rate_limit", 20_000);
        resume.integer("paused", 1).integer("total_uploaded", 9);
        fs::write(backup.join("x.fastresume"), resume.encode()).unwrap();

        let found = read(folder.path()).unwrap().remove(0);
        let trusted: Vec<u32> = found.pieces.as_ref().unwrap().iter().map(|piece| piece.0).collect();
        assert_eq!(trusted, [0, 2]);
        assert_eq!(found.labels, ["isos", "a b"]);
        assert_eq!((found.ratio, found.up_limit), (Some((1.5, LimitMode::Own)), Some((20, true))));
        assert!(found.paused && found.uploaded == 9 && found.unwanted.is_empty());
        assert_eq!(found.file_priorities[1].1, [FileIndex(0)]);

        data.set_modified(SystemTime::now() + Duration::from_hours(1)).unwrap();
        assert_eq!(read(folder.path()).unwrap()[0].pieces.as_ref().unwrap().iter().count(), 0);
        assert!(read(Path::new("/nowhere")).is_err());
    }
}
