//! `starling magnet`: the magnet link of a torrent file; and the links that other commands take.

use crate::exit::{Failure, Kind};
use crate::torrent_file;
use clap::Args;
use metainfo::{Magnet, MagnetError, Metainfo};
use serde::Serialize;
use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::process::ExitCode;

/// Print the magnet link of a torrent file, with its trackers and web seeds
#[derive(Args, Debug)]
pub(crate) struct MagnetArgs {
    /// The .torrent file; - reads it from standard input
    file: OsString,

    /// Print one JSON object instead of the link alone
    #[arg(long)]
    json: bool,
}

/// The JSON form. Its keys are a promise to scripts: none is renamed or removed.
#[derive(Serialize)]
struct Line<'a> {
    magnet: String,
    name: &'a str,
    info_hash: String,
}

/// Prints the link.
pub(crate) fn run(args: &MagnetArgs) -> ExitCode {
    let metainfo = match torrent_file::load(&args.file) {
        Ok(metainfo) => metainfo,
        Err(failure) => return failure.told(),
    };
    match writeln!(io::stdout().lock(), "{}", text(&metainfo, args.json)) {
        // Whoever reads a broken pipe has seen enough.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let words = format_args!("cannot write to standard output: {error}");
            Failure::new(Kind::Failed, words).told()
        }
        _ => ExitCode::SUCCESS,
    }
}

/// The link, if what the user gave is one and no file.
pub(crate) fn of(source: &OsStr) -> Result<Option<Magnet>, Failure> {
    let is_link = |text: &&str| text.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("magnet:"));
    let Some(link) = source.to_str().filter(is_link) else { return Ok(None) };
    link.parse().map(Some).map_err(|error: MagnetError| Failure::new(Kind::BadTorrent, error))
}

fn text(metainfo: &Metainfo, json: bool) -> String {
    let magnet = metainfo.magnet().to_string();
    if !json {
        return magnet;
    }
    let line = Line { magnet, name: &metainfo.name, info_hash: metainfo.info_hash().to_string() };
    serde_json::to_string(&line).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use metainfo::create::{NewFile, NewTorrent};

    #[test]
    fn the_link_names_the_torrent_and_where_it_is() {
        let new = NewTorrent {
            name: "a b.iso".to_owned(),
            piece_length: 16_384,
            piece_hashes: vec![[1; 20]],
            files: vec![NewFile { path: Vec::new(), length: 9 }],
            trackers: vec![vec!["udp://t:1/announce".to_owned()]],
            web_seeds: vec!["https://m/a.iso".to_owned()],
            ..NewTorrent::default()
        };
        let metainfo = Metainfo::parse(&new.encode()).unwrap();
        let magnet: Magnet = text(&metainfo, false).parse().unwrap();
        assert!(magnet.means(&metainfo));
        assert_eq!(
            (&magnet.trackers[0][..], &magnet.web_seeds[0][..]),
            ("udp://t:1/announce", "https://m/a.iso")
        );
        let json: serde_json::Value = serde_json::from_str(&text(&metainfo, true)).unwrap();
        assert_eq!(json["magnet"], text(&metainfo, false));
        assert_eq!(json["name"], "a b.iso");
        assert_eq!(json["info_hash"], metainfo.info_hash().to_string());
    }
}
