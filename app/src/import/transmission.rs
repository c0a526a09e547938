//! Transmission's config directory: `torrents/*.torrent` and `*.magnet`, `resume/*.resume`.

use super::resume;
use super::torrent::{Foreign, What};
use bencode::{Limits, Value};
use metainfo::{InfoHash, Metainfo};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Longest file of any kind that is read.
const LONGEST: u64 = 64 << 20;

/// Is there something to read?
pub(crate) fn has_torrents(directory: &Path) -> bool {
    let files = std::fs::read_dir(directory.join("torrents")).into_iter().flatten().flatten();
    files
        .into_iter()
        .any(|file| has_extension(&file.path(), "torrent") || has_extension(&file.path(), "magnet"))
}

/// Every torrent of the directory, in the order of its file names. Files that cannot be read are told and passed over.
pub(crate) fn read(directory: &Path) -> io::Result<Vec<Foreign>> {
    let resumes = resumes(directory);
    let mut paths: Vec<PathBuf> = std::fs::read_dir(directory.join("torrents"))?
        .map(|item| item.map(|item| item.path()))
        .collect::<io::Result<_>>()?;
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        let Some(what) = what(&path) else { continue };
        let mut foreign = Foreign::new(what);
        if let Some(resume) = resumes.get(&stem(&path)).or_else(|| resumes.get(&hash(&foreign)))
            && let Err(reason) = read_file(resume)
                .map_err(|error| error.to_string())
                .and_then(|bytes| resume::apply(&mut foreign, &bytes).map_err(|error| error.to_string()))
        {
            tracing::warn!(path = %resume.display(), reason, "a resume file is of no use");
        }
        found.push(foreign);
    }
    Ok(found)
}

/// The resume files by their names without the extension: a hash, or `name.` and the beginning of one.
fn resumes(directory: &Path) -> BTreeMap<String, PathBuf> {
    let files = std::fs::read_dir(directory.join("resume")).into_iter().flatten().flatten();
    let paths = files.map(|file| file.path()).filter(|path| has_extension(path, "resume"));
    paths.map(|path| (stem(&path), path)).collect()
}

fn what(path: &Path) -> Option<What> {
    let told = |reason: &dyn std::fmt::Display| {
        tracing::warn!(path = %path.display(), %reason, "not imported");
    };
    if has_extension(path, "magnet") {
        let text = read_file(path).map_err(|error| told(&error)).ok()?;
        return Some(What::Magnet(String::from_utf8_lossy(&text).trim().to_owned()));
    }
    if !has_extension(path, "torrent") {
        return None;
    }
    let bytes = read_file(path).map_err(|error| told(&error)).ok()?;
    if let Some(link) = magnet_info(&bytes) {
        return Some(What::Magnet(link));
    }
    let metainfo = Metainfo::parse(&bytes).map_err(|error| told(&error)).ok()?;
    Some(What::Torrent(bytes, Box::new(metainfo)))
}

/// The magnet link for which Transmission 3 keeps a torrent file that has `magnet-info` in place of `info`.
fn magnet_info(bytes: &[u8]) -> Option<String> {
    let document = bencode::decode(bytes, Limits::TORRENT).ok()?;
    let root = document.root();
    let info = root.get(b"magnet-info")?;
    let hash = InfoHash::V1(info.get(b"info_hash")?.bytes()?.try_into().ok()?);
    let listed = |key: &[u8]| root.get(key).and_then(Value::list).into_iter().flatten();
    let tiers = listed(b"announce-list").filter_map(Value::list).flatten();
    let parts = info.get(b"display-name").map(|name| ("dn", name)).into_iter();
    let parts = parts.chain(root.get(b"announce").into_iter().chain(tiers).map(|url| ("tr", url)));
    let parts = parts.chain(listed(b"url-list").map(|url| ("ws", url)));
    let parts = parts.filter_map(|(key, value)| Some((key, value.bytes()?)));
    let parts = parts.map(|(key, value)| format!("&{key}={}", percent_encode(value, NON_ALPHANUMERIC)));
    Some(format!("magnet:?xt=urn:btih:{hash}{}", parts.collect::<String>()))
}

/// The name under which the newer versions keep a torrent.
fn hash(foreign: &Foreign) -> String {
    match &foreign.what {
        What::Torrent(_, metainfo) => metainfo.info_hash().to_string(),
        What::Magnet(_) => String::new(),
    }
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

pub(super) fn has_extension(path: &Path, wanted: &str) -> bool {
    path.extension().and_then(OsStr::to_str) == Some(wanted)
}

pub(super) fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(LONGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LONGEST { Err(io::Error::other("larger than 64 MiB")) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bencode::{DictWriter, ListWriter};
    use daemon::Priority;
    use metainfo::{FileIndex, PieceIndex};
    use std::fs;
    use std::time::{Duration, UNIX_EPOCH};

    const PIECE: u32 = 32 << 10;

    /// A config directory with one torrent of two files of two pieces each.
    struct Old {
        folder: tempfile::TempDir,
        stem: String,
    }

    impl Old {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let (data, torrents) = (folder.path().join("data/pair"), folder.path().join("torrents"));
            for path in [&data, &torrents, &folder.path().join("resume")] {
                fs::create_dir_all(path).unwrap();
            }
            for name in ["a", "b.part"] {
                let file = fs::File::create(data.join(name)).unwrap();
                file.set_len(2 * u64::from(PIECE)).unwrap();
                file.set_modified(UNIX_EPOCH + Duration::from_secs(1000)).unwrap();
            }
            let mut files = ListWriter::new();
            for name in ["a", "b"] {
                let mut path = ListWriter::new();
                path.bytes(name);
                let mut file = DictWriter::new();
                file.integer("length", 2 * i64::from(PIECE)).raw("path", path.encode());
                files.raw(file.encode());
            }
            let mut info = DictWriter::new();
            info.raw("files", files.encode()).bytes("name", "pair").integer("piece length", i64::from(PIECE));
            info.bytes("pieces", vec![7; 4 * 20]);
            let mut torrent = DictWriter::new();
            torrent.raw("info", info.encode());
            let bytes = torrent.encode();
            let stem = Metainfo::parse(&bytes).unwrap().info_hash().to_string();
            fs::write(torrents.join(format!("{stem}.torrent")), bytes).unwrap();
            Self { folder, stem }
        }

        fn read_with(&self, progress: &DictWriter) -> Foreign {
            let mut resume = DictWriter::new();
            resume.bytes("destination", self.folder.path().join("data").to_str().unwrap());
            resume.raw("progress", progress.encode());
            self.read(&resume)
        }

        fn read(&self, resume: &DictWriter) -> Foreign {
            let path = self.folder.path().join("resume").join(format!("{}.resume", self.stem));
            fs::write(path, resume.encode()).unwrap();
            read(self.folder.path()).unwrap().remove(0)
        }
    }

    fn integers(numbers: &[i64]) -> Vec<u8> {
        let mut list = ListWriter::new();
        for number in numbers {
            list.integer(*number);
        }
        list.encode()
    }

    fn trusted(foreign: &Foreign) -> Vec<u32> {
        foreign.pieces.iter().flat_map(metainfo::Bitfield::iter).map(|PieceIndex(piece)| piece).collect()
    }

    #[test]
    fn pieces_of_files_with_the_time_of_before_are_trusted() {
        let old = Old::new();
        let mut progress = DictWriter::new();
        progress.bytes("blocks", [0b1111_1100]).bytes("pieces", "all").raw("mtimes", integers(&[1000, 1000]));
        let foreign = old.read_with(&progress);
        assert_eq!(trusted(&foreign), [0, 1, 2]);
        assert_eq!(foreign.files.iter().flatten().count(), 2, "the unfinished file is found");
        let mut progress = DictWriter::new();
        progress.bytes("blocks", "all").bytes("pieces", "all").raw("mtimes", integers(&[1000, 999]));
        assert_eq!(trusted(&old.read_with(&progress)), [0, 1], "the second file was touched");
    }

    #[test]
    fn unfinished_data_may_lie_elsewhere() {
        let old = Old::new();
        let (data, other) = (old.folder.path().join("data"), old.folder.path().join("unfinished"));
        fs::rename(&data, &other).unwrap();
        let mut progress = DictWriter::new();
        progress.bytes("blocks", "all").bytes("pieces", "all").raw("mtimes", integers(&[1000, 1000]));
        let mut resume = DictWriter::new();
        resume.bytes("destination", data.to_str().unwrap()).bytes("incomplete-dir", other.to_str().unwrap());
        resume.integer("added-date", 7).raw("progress", progress.encode());
        let foreign = old.read(&resume);
        assert_eq!(trusted(&foreign), [0, 1, 2, 3]);
        let before = foreign.request().before.unwrap();
        assert_eq!((before.data_directory, before.dates.added), (other, 7));
    }

    #[test]
    fn version_3_tells_when_pieces_were_hashed() {
        let old = Old::new();
        let mut times = ListWriter::new();
        times.integer(1000).raw(integers(&[990, 10, 9]));
        let mut progress = DictWriter::new();
        progress.bytes("blocks", "all").raw("time-checked", times.encode());
        assert_eq!(
            trusted(&old.read_with(&progress)),
            [0, 1, 2],
            "the last was hashed before the file changed"
        );
    }

    #[test]
    fn what_says_nothing_about_times_or_cannot_be_read_is_not_trusted() {
        let old = Old::new();
        let mut progress = DictWriter::new();
        progress.bytes("blocks", "all");
        assert_eq!(trusted(&old.read_with(&progress)), [0u32; 0]);
        fs::write(old.folder.path().join("resume").join(format!("{}.resume", old.stem)), "d4:torn").unwrap();
        assert_eq!(read(old.folder.path()).unwrap()[0].pieces, None);
    }

    #[test]
    fn wishes_come_along() {
        let old = Old::new();
        let (mut down, mut ratio, mut labels) = (DictWriter::new(), DictWriter::new(), ListWriter::new());
        down.integer("speed-Bps", 55_000).integer("use-global-speed-limit", 0).integer("use-speed-limit", 1);
        ratio.bytes("ratio-limit", "1.500000").integer("ratio-mode", 1);
        labels.bytes("linux").bytes("iso");
        let mut resume = DictWriter::new();
        resume.bytes("destination", "/data").integer("paused", 1).integer("bandwidth-priority", 1);
        resume.integer("max-peers", 33).integer("uploaded", 77).integer("downloaded", 88);
        resume.raw("dnd", integers(&[0, 1])).raw("priority", integers(&[1, -1]));
        resume.raw("speed-limit-down", down.encode()).raw("ratio-limit", ratio.encode());
        resume.raw("labels", labels.encode());
        let foreign = old.read(&resume);
        assert!(foreign.paused && foreign.labels == ["linux", "iso"]);
        assert_eq!((foreign.priority, foreign.peer_limit), (Priority::High, Some(33)));
        assert_eq!((foreign.uploaded, foreign.downloaded), (77, 88));
        assert_eq!(foreign.unwanted, [FileIndex(1)]);
        assert_eq!((foreign.down_limit, foreign.honors_session_limits), (Some((55, true)), Some(false)));
        assert_eq!(foreign.ratio, Some((1.5, daemon::LimitMode::Own)));
        let request = foreign.request();
        assert_eq!((request.paused, request.files.len()), (Some(true), 3));
        assert_eq!(foreign.edit().down_limited, Some(true));
    }

    #[test]
    fn old_names_and_magnets_are_found_and_junk_is_passed_over() {
        let old = Old::new();
        let torrents = old.folder.path().join("torrents");
        let name = format!("pair.{}", &old.stem[..16]);
        fs::rename(torrents.join(format!("{}.torrent", old.stem)), torrents.join(format!("{name}.torrent")))
            .unwrap();
        let mut resume = DictWriter::new();
        resume.integer("uploaded", 5);
        fs::write(old.folder.path().join("resume").join(format!("{name}.resume")), resume.encode()).unwrap();
        fs::write(
            torrents.join("x.magnet"),
            "magnet:?xt=urn:btih:0000000000000000000000000000000000000000\n",
        )
        .unwrap();
        fs::write(torrents.join("junk.torrent"), "junk").unwrap();
        let found = read(old.folder.path()).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].uploaded, 5);
        assert!(matches!(&found[1].what, What::Magnet(link) if link.ends_with("0000")));
        assert!(has_torrents(old.folder.path()) && !has_torrents(&torrents));
    }

    #[test]
    fn magnets_of_version_3_are_magnets() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("torrents")).unwrap();
        let (mut info, mut tier, mut tiers) = (DictWriter::new(), ListWriter::new(), ListWriter::new());
        info.bytes("info_hash", [0xab; 20]).bytes("display-name", "an image & more");
        tier.bytes("http://t/announce?a=b");
        tiers.list(&tier);
        let mut file = DictWriter::new();
        file.dict("magnet-info", &info).list("announce-list", &tiers);
        fs::write(folder.path().join("torrents/x.torrent"), file.encode()).unwrap();
        let found = read(folder.path()).unwrap();
        let What::Magnet(link) = &found[0].what else { panic!("a magnet link") };
        let magnet: metainfo::Magnet = link.parse().unwrap();
        assert_eq!(magnet.info_hash(), InfoHash::V1([0xab; 20]));
        assert_eq!(magnet.name.as_deref(), Some("an image & more"));
        assert!(link.ends_with("&tr=http%3A%2F%2Ft%2Fannounce%3Fa%3Db"), "{link}");
    }
}
