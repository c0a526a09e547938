//! The blocklists in the config directory, and the one that is fetched anew every day.

use blocklist::{Blocklist, MAX_BYTES, ParseError, Range, parse};
use daemon::Daemon;
use engine::HttpSettings;
use flate2::read::MultiGzDecoder;
use rpc::{BlocklistFault, BlocklistUpdate};
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::Mutex;
use url::Url;

/// The list that is fetched, among those that the user may put beside it.
const FETCHED: &str = "blocklist";

/// A list older than this is fetched anew.
const DAY: Duration = Duration::from_hours(24);

/// How often the age is looked at; after a failure it is tried again then.
const LOOK: Duration = Duration::from_hours(1);

/// The lists of one daemon. Clones are the same.
#[derive(Clone)]
pub(super) struct Blocklists {
    daemon: Daemon,
    folder: Arc<PathBuf>,
    /// Held while the lists change: one update at a time.
    changing: Arc<Mutex<()>>,
}

impl Blocklists {
    pub(super) fn new(daemon: Daemon) -> Self {
        let folder = Arc::new(daemon.config_directory().join("blocklists"));
        Self { daemon, folder, changing: Arc::default() }
    }

    /// Reads all lists and has the daemon use them.
    pub(super) async fn load(&self) {
        let _alone = self.changing.lock().await;
        if let Err(fault) = self.load_alone().await {
            tracing::warn!(%fault, "the blocklists cannot be used");
        }
    }

    /// Fetches the list that the settings name; tells how many ranges all lists have then.
    pub(super) async fn update(&self) -> Result<usize, BlocklistFault> {
        let _alone = self.changing.lock().await;
        let settings = self.daemon.settings();
        let bytes = fetch(&settings.blocklist_url, settings.http()).await?;
        let path = self.folder.join(FETCHED);
        blocking(move || {
            let text = unpacked(bytes)?;
            let parsed = parse(&text).map_err(fault)?;
            if parsed.unreadable > 0 {
                tracing::info!(lines = parsed.unreadable, "lines of the blocklist that cannot be read");
            }
            keep(&path, &text).map_err(|error| system(&path, &error))
        })
        .await?;
        self.load_alone().await
    }

    /// What the RPC server calls.
    pub(super) fn updater(&self) -> BlocklistUpdate {
        let lists = self.clone();
        Arc::new(move || {
            let lists = lists.clone();
            Box::pin(async move { lists.update().await })
        })
    }

    /// Fetches the list every day, while the settings want one.
    pub(super) async fn run_daily(self) {
        loop {
            let settings = self.daemon.settings();
            let is_named = settings.blocklist_url != daemon::Settings::default().blocklist_url;
            if settings.blocklist_enabled && is_named && self.is_old() {
                match self.update().await {
                    Ok(ranges) => tracing::info!(ranges, "the blocklist is up to date"),
                    Err(fault) => tracing::warn!(%fault, "the blocklist stays as it is"),
                }
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    fn is_old(&self) -> bool {
        let modified = fs::metadata(self.folder.join(FETCHED)).and_then(|about| about.modified());
        // A time in the future is a clock that was wrong: such a list is old.
        modified.map_or(true, |time| SystemTime::now().duration_since(time).map_or(true, |age| age >= DAY))
    }

    async fn load_alone(&self) -> Result<usize, BlocklistFault> {
        let folder = Arc::clone(&self.folder);
        let list = blocking(move || read_all(&folder)).await?;
        let ranges = list.len();
        self.daemon.address_filter().replace(list);
        Ok(ranges)
    }
}

async fn fetch(url: &str, http: HttpSettings) -> Result<Vec<u8>, BlocklistFault> {
    let failed = |reason: &dyn std::fmt::Display| BlocklistFault::Http(format!("{url}: {reason}"));
    let parsed = Url::parse(url).map_err(|error| failed(&error))?;
    let fetched = engine::fetch_file(parsed, http, MAX_BYTES).await;
    fetched.map_err(|error| BlocklistFault::Http(error.to_string()))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BlocklistFault> + Send + 'static,
) -> Result<T, BlocklistFault> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(BlocklistFault::System(error.to_string())))
}

/// The ranges of every list in the folder. Files that are none are passed over.
fn read_all(folder: &Path) -> Result<Blocklist, BlocklistFault> {
    let mut ranges: Vec<Range> = Vec::new();
    let unusable = |error: &io::Error| system(folder, error);
    fs::create_dir_all(folder).map_err(|error| unusable(&error))?;
    for item in fs::read_dir(folder).map_err(|error| unusable(&error))? {
        let path = item.map_err(|error| unusable(&error))?.path();
        if !may_be_list(&path) {
            continue;
        }
        match fs::read(&path).map_err(|error| system(&path, &error)).and_then(unpacked) {
            Ok(text) => match parse(&text) {
                Ok(parsed) => ranges.extend(parsed.ranges),
                Err(error) => tracing::warn!(path = %path.display(), %error, "not a blocklist"),
            },
            Err(fault) => tracing::warn!(%fault, "a blocklist cannot be read"),
        }
    }
    Ok(Blocklist::new(ranges))
}

/// Transmission keeps a packed copy of its own beside each list, with `.bin` behind its name.
fn may_be_list(path: &Path) -> bool {
    let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    path.is_file() && !is_hidden && path.extension().is_none_or(|extension| extension != "bin")
}

/// The text of a list that may be packed with gzip.
fn unpacked(bytes: Vec<u8>) -> Result<Vec<u8>, BlocklistFault> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes);
    }
    let mut text = Vec::new();
    // One byte more than is allowed shows that there is too much.
    let most = MAX_BYTES as u64 + 1;
    match MultiGzDecoder::new(&bytes[..]).take(most).read_to_end(&mut text) {
        Ok(_) if text.len() > MAX_BYTES => Err(fault(ParseError::TooLong)),
        Ok(_) => Ok(text),
        Err(error) => Err(BlocklistFault::Http(format!("the packed blocklist is damaged: {error}"))),
    }
}

/// Puts a list in the place of the one before, whole or not at all.
fn keep(path: &Path, text: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::with_prefix_in(".blocklist", folder)?;
    file.write_all(text)?;
    file.persist(path)?;
    Ok(())
}

fn fault(error: ParseError) -> BlocklistFault {
    match error {
        ParseError::NoRules => BlocklistFault::NoRules,
        error => BlocklistFault::Http(error.to_string()),
    }
}

fn system(path: &Path, error: &io::Error) -> BlocklistFault {
    BlocklistFault::System(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;

    fn packed(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn every_list_of_the_folder_counts() {
        let folder = tempfile::tempdir().unwrap();
        let lists = folder.path().join("blocklists");
        assert!(read_all(&lists).unwrap().is_empty());
        keep(&lists.join(FETCHED), b"Some Org:10.1.0.0-10.1.255.255\n").unwrap();
        fs::write(lists.join("mine.gz"), packed(b"192.0.2.0/24\n")).unwrap();
        fs::write(lists.join("old.bin"), b"10.9.9.9\n").unwrap();
        fs::write(lists.join("notes"), b"no rules at all\n").unwrap();
        fs::write(lists.join("torn.gz"), &packed(b"198.51.100.0/24\n")[..15]).unwrap();
        let list = read_all(&lists).unwrap();
        assert_eq!(list.len(), 2);
        assert!(list.contains([10, 1, 2, 3].into()) && list.contains([192, 0, 2, 9].into()));
    }

    #[test]
    fn a_list_is_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FETCHED);
        keep(&path, b"10.0.0.0/8\n").unwrap();
        keep(&path, b"10.1.0.0/16\n").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"10.1.0.0/16\n");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
