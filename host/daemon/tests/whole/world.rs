//! What the tests of whole daemons share: torrents made on the spot, daemons on loopback, waiting with a limit.

use daemon::{AddRequest, Added, Config, Daemon, Entry, Number, Settings, Source};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A folder that goes away at the end, with a daemon's config directory and downloads in it.
pub(crate) struct Home(tempfile::TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        let home = Self(tempfile::tempdir().expect("a temporary folder"));
        std::fs::create_dir(home.downloads()).expect("a folder");
        home
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.path("config")
    }

    pub(crate) fn downloads(&self) -> PathBuf {
        self.path("downloads")
    }

    /// Settings for loopback: any port, no discovery.
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            download_directory: self.downloads(),
            incomplete_directory: self.path("incomplete"),
            peer_port: 0,
            lpd: false,
            dht: false,
            port_forwarding: false,
            ..Settings::default()
        }
    }

    pub(crate) async fn start(&self) -> Daemon {
        self.start_with(self.settings()).await
    }

    pub(crate) async fn start_with(&self, settings: Settings) -> Daemon {
        let mut config = Config::new(self.config(), settings);
        config.bind = Some([127, 0, 0, 1].into());
        Daemon::start(config).await.expect("the daemon starts")
    }
}

/// A torrent of random files: the torrent file, and the contents by path.
pub(crate) struct Sample {
    pub(crate) bytes: Vec<u8>,
    pub(crate) files: Vec<(PathBuf, Vec<u8>)>,
}

impl Sample {
    /// `files` are paths inside the folder `name` and their lengths.
    pub(crate) fn new(name: &str, files: &[(&str, usize)], seed: u64) -> Self {
        println!("contents from seed {seed}");
        let mut rng = fastrand::Rng::with_seed(seed);
        let contents: Vec<Vec<u8>> =
            files.iter().map(|(_, length)| (0..*length).map(|_| rng.u8(..)).collect()).collect();
        let piece_length = 32 * 1024;
        let whole = contents.concat();
        let hashes: Vec<u8> = whole.chunks(piece_length).flat_map(sha1).collect();
        let mut info = b"d5:filesl".to_vec();
        for (path, length) in files {
            info.extend(format!("d6:lengthi{length}e4:pathl").bytes());
            for part in path.split('/') {
                info.extend(format!("{}:{part}", part.len()).bytes());
            }
            info.extend(b"ee");
        }
        info.extend(format!("e4:name{}:{name}12:piece lengthi{piece_length}e", name.len()).bytes());
        info.extend(format!("6:pieces{}:", hashes.len()).bytes());
        info.extend(hashes);
        info.push(b'e');
        let mut bytes = b"d4:info".to_vec();
        bytes.extend(info);
        bytes.push(b'e');
        let paths = files.iter().map(|(path, _)| Path::new(name).join(path));
        Self { bytes, files: paths.zip(contents).collect() }
    }

    /// Puts the data where a torrent would have put it.
    pub(crate) fn write(&self, folder: &Path) {
        for (path, content) in &self.files {
            let path = folder.join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            std::fs::write(path, content).expect("a file");
        }
    }

    pub(crate) fn is_whole_in(&self, folder: &Path) -> bool {
        self.files
            .iter()
            .all(|(path, content)| std::fs::read(folder.join(path)).is_ok_and(|found| found == *content))
    }

    pub(crate) fn request(&self) -> AddRequest {
        AddRequest::new(Source::Metainfo(self.bytes.clone()))
    }

    pub(crate) async fn add(&self, daemon: &Daemon) -> Added {
        daemon.add(self.request()).await.expect("the torrent is taken in")
    }
}

fn sha1(bytes: &[u8]) -> [u8; 20] {
    use sha1::Digest;
    sha1::Sha1::digest(bytes).into()
}

/// Reads one entry.
pub(crate) fn entry<R>(daemon: &Daemon, number: Number, read: impl FnOnce(&Entry) -> R) -> R {
    daemon.view(|catalogue| read(catalogue.get(number).expect("the torrent is there")))
}

/// Waits until an entry is as wanted; a minute at most.
pub(crate) async fn wait_for(daemon: &Daemon, number: Number, what: &str, wanted: impl Fn(&Entry) -> bool) {
    for _ in 0..1200 {
        if entry(daemon, number, &wanted) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{what}: not within a minute; it is {:#?}", entry(daemon, number, Entry::clone));
}

/// Waits until something is so; a minute at most.
pub(crate) async fn eventually(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..1200 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{what}: not within a minute");
}
