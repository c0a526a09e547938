//! Transmission's `.resume` files: what it knows of one torrent beside the torrent file, bencoded.

use super::progress::{Bits, of_blocks, of_pieces, untouched};
use super::torrent::{Foreign, What, grouped, kilobytes, look};
use bencode::{Limits, Value};
use daemon::{Dates, LimitMode, Priority};
use metainfo::{Bitfield, FileIndex, Geometry, Metainfo, PieceIndex};
use std::path::PathBuf;
use storage::FileStamp;

/// What Transmission puts behind the name of an unfinished file.
const UNFINISHED: &str = ".part";

/// Sets what the file says. A part that cannot be read is left as it is for a new torrent.
pub(super) fn apply(foreign: &mut Foreign, bytes: &[u8]) -> Result<(), bencode::DecodeError> {
    let document = bencode::decode(bytes, Limits::TORRENT)?;
    let root = document.root();
    let count = |key: &[u8]| root.get(key).and_then(Value::integer);
    foreign.directory = path(root, b"destination");
    foreign.paused = count(b"paused").is_some_and(|paused| paused != 0);
    foreign.labels = strings(root, b"labels");
    foreign.group =
        root.get(b"group").and_then(Value::text).map(str::to_owned).filter(|name| !name.is_empty());
    foreign.priority = match count(b"bandwidth-priority") {
        Some(..=-1) => Priority::Low,
        Some(1..) => Priority::High,
        _ => Priority::Normal,
    };
    foreign.peer_limit = count(b"max-peers").and_then(|peers| u32::try_from(peers).ok());
    let numbers = |key: &[u8]| {
        let list = root.get(key).and_then(Value::list).into_iter().flatten();
        list.map(|number| number.integer().unwrap_or(0))
    };
    let unwanted = (0u32..).zip(numbers(b"dnd")).filter(|(_, unwanted)| *unwanted != 0);
    foreign.unwanted = unwanted.map(|(index, _)| FileIndex(index)).collect();
    foreign.file_priorities = grouped(numbers(b"priority"));
    (foreign.down_limit, foreign.up_limit) =
        (limit(root, b"speed-limit-down"), limit(root, b"speed-limit-up"));
    foreign.honors_session_limits = root
        .get(b"speed-limit-down")
        .and_then(|limit| limit.get(b"use-global-speed-limit")?.integer())
        .map(|global| global != 0);
    foreign.ratio = root.get(b"ratio-limit").and_then(|ratio| {
        let limit = ratio.get(b"ratio-limit")?.text()?.trim().parse().ok();
        Some((limit.filter(|limit: &f64| limit.is_finite())?, mode(ratio.get(b"ratio-mode")?.integer()?)))
    });
    foreign.idle_minutes = root.get(b"idle-limit").and_then(|idle| {
        let minutes = u32::try_from(idle.get(b"idle-limit")?.integer()?).ok()?;
        Some((minutes, mode(idle.get(b"idle-mode")?.integer()?)))
    });
    foreign.sequential = count(b"sequentialDownload").or(count(b"sequential_download")).map(|on| on != 0);
    let date = |key: &[u8]| count(key).unwrap_or(0).max(0);
    foreign.dates = Dates {
        added: date(b"added-date"),
        done: date(b"done-date"),
        active: date(b"activity-date"),
        ..Dates::default()
    };
    foreign.downloaded = count(b"downloaded").map_or(0, i64::unsigned_abs);
    foreign.uploaded = count(b"uploaded").map_or(0, i64::unsigned_abs);
    trust(foreign, root);
    Ok(())
}

fn path(root: Value<'_, '_>, key: &[u8]) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStrExt;
    let bytes = root.get(key)?.bytes().filter(|bytes| bytes.starts_with(b"/"))?;
    Some(PathBuf::from(std::ffi::OsStr::from_bytes(bytes)))
}

fn strings(root: Value<'_, '_>, key: &[u8]) -> Vec<String> {
    let texts = root.get(key).and_then(Value::list).into_iter().flatten().filter_map(Value::text);
    texts.map(str::to_owned).collect()
}

/// A speed limit of its own.
fn limit(root: Value<'_, '_>, key: &[u8]) -> Option<(u32, bool)> {
    let limit = root.get(key)?;
    let counts = limit.get(b"use-speed-limit")?.integer()? != 0;
    let bytes = limit.get(b"speed-Bps").and_then(Value::integer);
    let kilo = limit.get(b"speed").and_then(Value::integer).map(|speed| speed.saturating_mul(1000));
    Some((kilobytes(bytes.or(kilo)?), counts))
}

const fn mode(number: i64) -> LimitMode {
    match number {
        1 => LimitMode::Own,
        2 => LimitMode::Unlimited,
        _ => LimitMode::Session,
    }
}

/// Finds out which pieces are there and untouched.
fn trust(foreign: &mut Foreign, root: Value<'_, '_>) {
    let What::Torrent(_, metainfo) = &foreign.what else { return };
    let Some(progress) = root.get(b"progress") else { return };
    // Files that were renamed are found by hashing once they have their names back.
    let is_renamed = root.get(b"files").is_some()
        || root.get(b"name").and_then(Value::text).is_some_and(|name| name != metainfo.name);
    let Some(directory) = foreign.directory.as_ref().filter(|_| !is_renamed) else { return };
    let mut files = look(metainfo, directory, UNFINISHED);
    let is_there = files.iter().any(Option::is_some);
    if let Some(unfinished) = path(root, b"incomplete-dir").filter(|path| !is_there && path != directory) {
        let found = look(metainfo, &unfinished, UNFINISHED);
        if found.iter().any(Option::is_some) {
            (files, foreign.elsewhere) = (found, Some(unfinished));
        }
    }
    let geometry = &metainfo.geometry;
    let Some(have) = claimed(geometry, progress) else { return };
    let times = Times::of(progress);
    let trusts = |file: FileIndex, piece: PieceIndex, stamp: FileStamp| {
        is_long_enough(metainfo, file, piece, stamp) && times.vouch(geometry, file, piece, stamp)
    };
    foreign.pieces = Some(untouched(geometry, &have, &files, trusts));
    foreign.files = files;
}

/// The pieces that the file claims.
fn claimed(geometry: &Geometry, progress: Value<'_, '_>) -> Option<Bitfield> {
    let bytes = |key: &[u8]| progress.get(key).and_then(Value::bytes);
    if bytes(b"have") == Some(b"all") {
        return Some(Bitfield::full(geometry.piece_count()));
    }
    let mut have = bytes(b"blocks").or(bytes(b"bitfield")).map(|raw| of_blocks(geometry, Bits::of(raw)))?;
    // Newer files tell which pieces were hashed.
    if let Some(raw) = bytes(b"pieces") {
        let hashed = of_pieces(geometry, Bits::of(raw));
        let doubtful: Vec<PieceIndex> = have.iter().filter(|piece| !hashed.contains(*piece)).collect();
        for piece in doubtful {
            have.remove(piece);
        }
    }
    Some(have)
}

/// Does the file reach as far as the piece does in it?
fn is_long_enough(metainfo: &Metainfo, file: FileIndex, piece: PieceIndex, stamp: FileStamp) -> bool {
    let geometry = &metainfo.geometry;
    let Some(about) = metainfo.files.get(file.0 as usize) else { return false };
    let (start, _) = geometry.file_range(file);
    let end = geometry.piece_offset(piece) + u64::from(geometry.piece_size(piece));
    let end = end.saturating_sub(start).min(about.length);
    stamp.length >= end && stamp.length <= about.length
}

/// When Transmission last looked at the files.
enum Times {
    /// Version 4: each file's time of change as it was.
    Changed(Vec<i64>),
    /// Version 3: for each file, when it was hashed, as a whole or by piece.
    Checked(Vec<Vec<i64>>),
    /// Nothing is said: nothing is trusted.
    Unknown,
}

impl Times {
    fn of(progress: Value<'_, '_>) -> Self {
        if let Some(list) = progress.get(b"mtimes").and_then(Value::list) {
            return Self::Changed(list.map(|time| time.integer().unwrap_or(0)).collect());
        }
        let Some(list) = progress.get(b"time-checked").and_then(Value::list) else { return Self::Unknown };
        Self::Checked(list.map(Self::by_piece).collect())
    }

    /// One time for a whole file, or a base and what is added to it for each piece; 0 is never.
    fn by_piece(entry: Value<'_, '_>) -> Vec<i64> {
        if let Some(time) = entry.integer() {
            return vec![time];
        }
        let mut times = entry.list().into_iter().flatten().map(|time| time.integer().unwrap_or(0));
        let base = times.next().unwrap_or(0);
        times.map(|time| if time == 0 { 0 } else { base.saturating_add(time) }).collect()
    }

    fn vouch(&self, geometry: &Geometry, file: FileIndex, piece: PieceIndex, stamp: FileStamp) -> bool {
        let changed = i64::try_from(stamp.mtime_ns.div_euclid(1_000_000_000)).unwrap_or(i64::MAX);
        match self {
            Self::Changed(times) => times.get(file.0 as usize) == Some(&changed),
            Self::Checked(times) => times.get(file.0 as usize).is_some_and(|times| {
                let place = piece.0.saturating_sub(geometry.file_pieces(file).start) as usize;
                let time = if times.len() == 1 { times.first() } else { times.get(place) };
                time.is_some_and(|time| *time != 0 && *time >= changed)
            }),
            Self::Unknown => false,
        }
    }
}
