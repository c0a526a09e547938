//! What the tests of the binary share: scratch folders, torrents, the program itself, and an HTTP server.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part of this")]

pub mod arch;
pub mod daemon;
pub mod http;
pub mod rpc;
pub mod run;

use metainfo::create::{NewFile, NewTorrent};
use sha1::{Digest, Sha1};
use sha2::Sha256;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A folder for one test: homes, downloads and torrents.
pub struct Scratch(TempDir);

/// One file of a torrent: its path inside, and its bytes.
pub type Content = (&'static str, Vec<u8>);

impl Scratch {
    pub fn new() -> Self {
        Self(TempDir::with_prefix("starling-app-").expect("a temporary folder"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file, making its folders.
    pub fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
        std::fs::write(&path, bytes).expect("written");
        path
    }

    /// The program, in a home of its own.
    pub fn starling(&self, command: &str) -> Command {
        let mut starling = Command::new(env!("CARGO_BIN_EXE_starling"));
        starling
            .arg(command)
            .env_remove("STARLING_LOG")
            .env_remove("XDG_STATE_HOME")
            .env("HOME", self.path("home"));
        starling
    }

    /// `starling get SOURCE -o OUTPUT`, listening on any port of loopback and nowhere else.
    pub fn get(&self, source: &Path, output: &str) -> Command {
        let mut get = self.starling("get");
        get.arg(source).arg("-o").arg(self.path(output));
        get.args(["--bind", "127.0.0.1", "--port", "0", "--no-lsd", "--no-dht"]);
        get
    }
}

/// Bytes that look random and are the same in every run.
pub fn bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    fastrand::Rng::with_seed(seed).fill(&mut bytes);
    bytes
}

/// A single-file torrent, ready for trackers and web seeds to be filled in.
pub fn single(name: &str, content: &[u8]) -> NewTorrent {
    NewTorrent {
        name: name.to_owned(),
        piece_length: 32_768,
        piece_hashes: content.chunks(32_768).map(|piece| Sha1::digest(piece).into()).collect(),
        files: vec![NewFile { path: vec![name.to_owned()], length: content.len() as u64 }],
        ..NewTorrent::default()
    }
}

/// A multi-file torrent.
pub fn multi(name: &str, contents: &[Content]) -> NewTorrent {
    let all: Vec<u8> = contents.iter().flat_map(|(_, bytes)| bytes.iter().copied()).collect();
    let file = |(path, bytes): &Content| NewFile {
        path: path.split('/').map(str::to_owned).collect(),
        length: bytes.len() as u64,
    };
    NewTorrent { files: contents.iter().map(file).collect(), is_multi_file: true, ..single(name, &all) }
}

/// The SHA-256 of a file that must be there.
pub fn sha256(path: &Path) -> [u8; 32] {
    Sha256::digest(std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))).into()
}
