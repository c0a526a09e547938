//! `starling show`: what a torrent file holds, or what a magnet link says.

mod human;
mod link;

use crate::exit::{Failure, Kind};
use crate::{magnet, torrent_file};
use clap::Args;
use metainfo::{Magnet, Metainfo, hex};
use serde::Serialize;
use std::ffi::{OsStr, OsString};
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

/// Show what a torrent file holds: hashes, sizes, trackers, web seeds and files with their indexes for --select
#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    /// The .torrent file, or a magnet link (nobody is asked for its torrent); - reads a torrent from standard input
    #[arg(value_name = "FILE")]
    source: OsString,

    /// Print one JSON object instead of a page for people
    #[arg(long)]
    json: bool,
}

/// What is to be shown.
enum Shown {
    Torrent(Metainfo),
    Link(Magnet),
}

/// Prints what the torrent file holds or the link says. An error is one line: which file or parameter, and what in it
/// is wrong.
pub(crate) fn run(args: &ShowArgs) -> ExitCode {
    let shown = match read(&args.source) {
        Ok(shown) => shown,
        Err(failure) => return failure.told(),
    };
    let mut out = BufWriter::new(io::stdout().lock());
    let printed = match (&shown, args.json) {
        (Shown::Torrent(metainfo), true) => json(metainfo, &mut out),
        (Shown::Torrent(metainfo), false) => human::print(metainfo, &mut out),
        (Shown::Link(magnet), true) => link::json(magnet, &mut out),
        (Shown::Link(magnet), false) => link::print(magnet, &mut out),
    };
    match printed.and_then(|()| out.flush()) {
        // Whoever reads a broken pipe has seen enough.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let words = format_args!("cannot write to standard output: {error}");
            Failure::new(Kind::Failed, words).told()
        }
        _ => ExitCode::SUCCESS,
    }
}

fn read(source: &OsStr) -> Result<Shown, Failure> {
    match magnet::of(source)? {
        Some(magnet) => Ok(Shown::Link(magnet)),
        None => torrent_file::load(source).map(Shown::Torrent),
    }
}

/// The JSON form. Its keys are a promise to scripts: none is renamed or removed.
#[derive(Serialize)]
struct Torrent<'a> {
    name: &'a str,
    info_hash_v1: Option<String>,
    info_hash_v2: Option<String>,
    piece_length: u32,
    piece_count: u32,
    total_size: u64,
    private: bool,
    comment: Option<&'a str>,
    created_by: Option<&'a str>,
    creation_date: Option<i64>,
    source: Option<&'a str>,
    files: Vec<File>,
    trackers: &'a [Vec<String>],
    web_seeds: &'a [String],
    nodes: &'a [(String, u16)],
}

#[derive(Serialize)]
struct File {
    path: String,
    size: u64,
    pad: bool,
    symlink: Option<String>,
    executable: bool,
}

fn json(metainfo: &Metainfo, out: &mut impl Write) -> io::Result<()> {
    let file = |file: &metainfo::File| File {
        path: file.path.join("/"),
        size: file.length,
        pad: file.pad,
        symlink: file.symlink.as_ref().map(|target| target.join("/")),
        executable: file.executable,
    };
    let torrent = Torrent {
        name: &metainfo.name,
        info_hash_v1: metainfo.info_hash_v1.map(|hash| hex(&hash)),
        info_hash_v2: metainfo.info_hash_v2.map(|hash| hex(&hash)),
        piece_length: metainfo.geometry.piece_length(),
        piece_count: metainfo.geometry.piece_count(),
        total_size: metainfo.geometry.total_length(),
        private: metainfo.private,
        comment: metainfo.comment.as_deref(),
        created_by: metainfo.created_by.as_deref(),
        creation_date: metainfo.creation_date,
        source: metainfo.source.as_deref(),
        files: metainfo.files.iter().map(file).collect(),
        trackers: &metainfo.trackers,
        web_seeds: &metainfo.web_seeds,
        nodes: &metainfo.nodes,
    };
    serde_json::to_writer_pretty(&mut *out, &torrent)?;
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use metainfo::create::{NewFile, NewTorrent};

    fn torrent() -> Metainfo {
        let file = |path: &str, length| NewFile { path: vec![path.to_owned()], length };
        let new = NewTorrent {
            name: "images".to_owned(),
            piece_length: 1 << 18,
            piece_hashes: vec![[1; 20]; 5],
            files: vec![file("a.iso", 1_200_000), file("SHA256SUMS", 90)],
            is_multi_file: true,
            trackers: vec![vec!["http://tracker/announce".to_owned()]],
            web_seeds: (0..9).map(|i| format!("http://mirror{i}/pool/")).collect(),
            comment: Some("two\nlines".to_owned()),
            created_by: Some("tests".to_owned()),
            creation_date: Some(951_827_696),
            ..NewTorrent::default()
        };
        Metainfo::parse(&new.encode()).expect("a good torrent")
    }

    #[test]
    fn json_has_exactly_the_promised_keys() {
        let mut out = Vec::new();
        json(&torrent(), &mut out).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        let mut keys: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
        let mut promised = [
            "name",
            "info_hash_v1",
            "info_hash_v2",
            "piece_length",
            "piece_count",
            "total_size",
            "private",
            "comment",
            "created_by",
            "creation_date",
            "source",
            "files",
            "trackers",
            "web_seeds",
            "nodes",
        ];
        keys.sort_unstable();
        promised.sort_unstable();
        assert_eq!(keys, promised);
        assert_eq!(value["files"][1]["path"], "images/SHA256SUMS");
        assert_eq!(value["info_hash_v1"].as_str().map(str::len), Some(40));
        assert_eq!((&value["info_hash_v2"], &value["piece_count"]), (&serde_json::Value::Null, &5.into()));
    }

    #[test]
    fn the_page_for_people_tells_sizes_dates_and_indexes() {
        let mut out = Vec::new();
        human::print(&torrent(), &mut out).unwrap();
        let page = String::from_utf8(out).unwrap();
        for expected in [
            "1.14 MiB (1,200,090 bytes)",
            "5 of 256 KiB",
            "2000-02-29 12:34:56 UTC by tests",
            "http://mirror3/pool/",
            "and 4 more",
            "    1  90 bytes  images/SHA256SUMS",
        ] {
            assert!(page.contains(expected), "no {expected:?} in\n{page}");
        }
        assert!(!page.contains("http://mirror5"));
    }
}
