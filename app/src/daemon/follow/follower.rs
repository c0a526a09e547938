//! The follower of one distribution.

use super::Board;
use super::labels::{self, Release, releases};
use super::pace::Pace;
use crate::{distributions, image};
use daemon::{AddRequest, Daemon, Events, Follow, Number, Source, StartMode, TorrentEdit};
use engine::{FetchError, Fetcher, NamedBy, read_torrent};
use images::{Bases, CheckFailure, Checks, Distribution, gather};
use metainfo::{FileIndex, Metainfo};
use std::collections::BTreeSet;
use std::fmt::Display;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};
use url::Url;

/// The ending of the folder that a release lies in until it is verified.
const UNVERIFIED: &str = ".unverified";

/// A site that is slower than that is not waited for.
const SITE_TIMEOUT: Duration = Duration::from_mins(5);

/// How often a release is looked at that is not where it is to be.
const SOON: Duration = Duration::from_millis(500);

/// Why something did not go as it should, in one line.
type Problem = String;

/// How far the latest release is.
enum Outlook {
    /// It is to be verified.
    Complete,
    /// It is verified, and on its way to where it belongs.
    Moving,
    Fetching,
    /// It is where it is to be, or there is nothing to be done about it.
    Settled,
}

/// See the module.
pub(super) struct Follower {
    daemon: Daemon,
    follow: Follow,
    board: Board,
    /// What the site called the latest when it was last asked.
    latest: Option<images::Release>,
    /// Verified releases that are on their way to where they belong.
    moving: BTreeSet<Number>,
}

impl Follower {
    pub(super) fn new(daemon: Daemon, follow: Follow, board: Board) -> Self {
        Self { daemon, follow, board, latest: None, moving: BTreeSet::new() }
    }

    /// Asks the site now and then, and looks after its releases meanwhile.
    pub(super) async fn run(mut self) {
        let mut pace = Pace::new(fastrand::Rng::new());
        let mut events = self.daemon.events(None);
        loop {
            let mut outcome = self.look().await;
            let mut pause = pace.pause(outcome.is_ok());
            let until = Instant::now() + pause;
            self.tell(&outcome, pause);
            while outcome.is_ok() && timeout_at(until, self.has_work(&mut events)).await.is_ok() {
                outcome = self.attend(false).await;
                if outcome.is_err() {
                    pause = pace.pause(false);
                    self.tell(&outcome, pause);
                }
            }
            sleep_until(until.min(Instant::now() + pause)).await;
        }
    }

    /// Tells what went wrong, or that all is well, and when the site is asked next.
    fn tell(&self, outcome: &Result<(), Problem>, pause: Duration) {
        let name = &self.follow.name;
        if let Err(problem) = outcome {
            tracing::warn!(name, problem, "a distribution that is followed");
        }
        self.board.note(name, |note| {
            note.problem = outcome.as_ref().err().cloned();
            note.next_look = Some(SystemTime::now() + pause);
        });
    }

    /// Waits until a release is complete, or may have arrived where it belongs.
    async fn has_work(&self, events: &mut Events) {
        loop {
            match self.outlook() {
                Outlook::Complete => return,
                Outlook::Moving => return sleep(SOON).await,
                // Not everything that happens to a torrent is an event.
                Outlook::Fetching => sleep(SOON).await,
                Outlook::Settled => {
                    if events.next().await.is_none() {
                        std::future::pending::<()>().await;
                    }
                }
            }
        }
    }

    /// How far the latest release is.
    fn outlook(&self) -> Outlook {
        let releases = self.releases();
        let is_latest =
            |it: &&Release| self.latest.as_ref().is_some_and(|latest| latest.version == it.version);
        let is_open = |it: &&Release| !it.is_verified && it.fault.is_none();
        let open: Vec<&Release> = releases.iter().filter(is_latest).filter(is_open).collect();
        if !self.moving.is_empty() {
            Outlook::Moving
        } else if open.iter().any(|release| release.is_complete) {
            Outlook::Complete
        } else if open.is_empty() {
            Outlook::Settled
        } else {
            Outlook::Fetching
        }
    }

    /// Asks the site for its latest release, and takes it in if it is new.
    async fn look(&mut self) -> Result<(), Problem> {
        let fetcher = Fetcher::new(self.daemon.settings().http());
        let found = async {
            let distribution = self.distribution().await?;
            let release = distribution.resolve(&fetcher, None).await.map_err(text)?;
            self.board.note(&self.follow.name, |note| note.latest = Some(release.version.clone()));
            if !self.releases().iter().any(|known| known.version == release.version) {
                self.add(&fetcher, &release).await?;
            }
            Ok::<_, Problem>(release)
        };
        let found = timeout(SITE_TIMEOUT, found).await;
        self.latest = Some(found.map_err(|_| "the site takes too long".to_owned())??);
        self.attend(true).await
    }

    /// Reads the table of distributions, which the user may have changed.
    async fn distribution(&self) -> Result<Distribution, Problem> {
        let Follow { name, base, .. } = self.follow.clone();
        let mut bases = Bases::default();
        if let Some(base) = base {
            bases.add(&format!("{name}={base}")).map_err(text)?;
        }
        let catalogue = spawn_blocking(move || distributions::open(None, &bases)).await.map_err(text)?;
        let catalogue = catalogue.map_err(text)?;
        let known = catalogue.names();
        let unknown = || format!("no distribution is called '{name}'; known are {known}");
        catalogue.get(&name).cloned().ok_or_else(unknown)
    }

    fn releases(&self) -> Vec<Release> {
        self.daemon.view(|catalogue| releases(catalogue.iter(), &self.follow.name))
    }

    async fn add(&self, fetcher: &Fetcher, release: &images::Release) -> Result<(), Problem> {
        let bytes = fetch_torrent(fetcher, &release.torrent).await?;
        let metainfo = Metainfo::parse(&bytes).map_err(|error| format!("{}: {error}", release.torrent))?;
        // What could not be verified is not fetched at all.
        checks(fetcher, release, &metainfo).await?;
        let (name, version) = (&self.follow.name, &release.version);
        let mut request = AddRequest::new(Source::Metainfo(bytes));
        request.download_directory = Some(place(&self.daemon.settings().download_directory, &metainfo.name));
        request.paused = Some(false);
        request.labels = labels::ours(name, version);
        let added = self.daemon.add(request).await.map_err(text)?;
        if added.duplicate {
            self.relabel(added.number, |labels| labels::with_version(labels, name, version)).await?;
        }
        tracing::info!(name, version, torrent = added.name, "a new release is fetched");
        Ok(())
    }

    /// Verifies what is complete, and retires what it replaces. `anew`: also what was rejected before, for it may be
    /// the site that was wrong then.
    async fn attend(&mut self, anew: bool) -> Result<(), Problem> {
        let Some(latest) = self.latest.clone() else { return Ok(()) };
        let due = |it: &Release| it.is_complete && !it.is_verified && (anew || it.fault.is_none());
        for release in self.releases().iter().filter(|it| it.version == latest.version && due(it)) {
            self.verify(&latest, release).await?;
        }
        for release in self.releases().iter().filter(|release| release.is_ours && release.is_verified) {
            self.settle(release.number).await?;
        }
        let retired = labels::retired(&self.releases(), &latest.version, self.follow.keep);
        if !retired.is_empty() {
            let numbers: Vec<u32> = retired.iter().map(|number| number.0).collect();
            tracing::info!(name = self.follow.name, ?numbers, "old releases are removed");
            self.daemon.remove(retired, true).await.map_err(text)?;
        }
        Ok(())
    }

    /// Holds a release against everything that its site publishes about it.
    async fn verify(&self, latest: &images::Release, release: &Release) -> Result<(), Problem> {
        let number = release.number;
        let bytes = self.daemon.torrent_file(number).await.ok_or("its torrent file is gone")?;
        let metainfo = Metainfo::parse(&bytes).map_err(text)?;
        let fetcher = Fetcher::new(self.daemon.settings().http());
        let gathered = timeout(SITE_TIMEOUT, checks(&fetcher, latest, &metainfo)).await;
        let (checks, image) = gathered.map_err(|_| "the site takes too long".to_owned())??;
        let subject = image::subject(&metainfo, None, image, &self.folder(number).ok_or("it was removed")?);
        let report = spawn_blocking(move || checks.run(&subject)).await.map_err(text)?;
        match report.failure {
            None => {
                tracing::info!(name = self.follow.name, version = latest.version, "a release is verified");
                self.relabel(number, labels::with_verified).await?;
                if release.fault.is_some() {
                    self.daemon.start_torrents(vec![number], StartMode::Queued).await.map_err(text)?;
                }
                Ok(())
            }
            Some(unreadable @ CheckFailure::Disk { .. }) => Err(text(unreadable)),
            Some(failure) => self.daemon.reject(number, format!("rejected: {failure}")).await.map_err(text),
        }
    }

    /// Moves a verified release to where it belongs.
    async fn settle(&mut self, number: Number) -> Result<(), Problem> {
        let Some(folder) = self.folder(number) else { return Ok(()) };
        if let Some(home) = folder.parent().filter(|_| is_unverified(&folder)) {
            self.moving.insert(number);
            return self.daemon.set_location(vec![number], home.to_owned(), true).await.map_err(text);
        }
        let name = self.daemon.view(|catalogue| Some(catalogue.get(number)?.name().to_owned()));
        // The folder that it was in goes once nothing is left in it.
        let left = unverified(&folder, &name.unwrap_or_default());
        match tokio::fs::remove_dir(left).await {
            Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => {}
            Ok(()) | Err(_) => drop(self.moving.remove(&number)),
        }
        Ok(())
    }

    fn folder(&self, number: Number) -> Option<PathBuf> {
        self.daemon.view(|catalogue| Some(catalogue.get(number)?.options().download_directory.clone()))
    }

    async fn relabel(
        &self,
        number: Number,
        change: impl FnOnce(&[String]) -> Vec<String>,
    ) -> Result<(), Problem> {
        let labels = self.daemon.view(|catalogue| Some(change(&catalogue.get(number)?.options().labels)));
        let edit = TorrentEdit { labels, ..TorrentEdit::default() };
        self.daemon.edit(vec![number], edit).await.map_err(text)
    }
}

fn text(error: impl Display) -> Problem {
    error.to_string()
}

async fn fetch_torrent(fetcher: &Fetcher, url: &Url) -> Result<Vec<u8>, Problem> {
    let answer = fetcher.ask(url, NamedBy::User).await;
    let answer = answer.map_err(|error| text(FetchError::explain(error, url.as_str())))?;
    read_torrent(answer, url.as_str()).await.map_err(text)
}

/// Everything that a release's image must be held against, and which file that is.
async fn checks(
    fetcher: &Fetcher,
    release: &images::Release,
    metainfo: &Metainfo,
) -> Result<(Checks, FileIndex), Problem> {
    let image = image::find(metainfo, None).ok_or("the torrent has no file")?;
    let mirrors: Vec<Url> = metainfo.web_seeds.iter().filter_map(|url| Url::parse(url).ok()).collect();
    let name = image::file_name(metainfo, image);
    let checks = gather(fetcher, release, None, &name, &mirrors).await.map_err(text)?;
    Ok((checks, image))
}

/// The folder that a release is fetched to: one that says that it is not verified, unless there is something of the
/// same name that may be the release already.
fn place(downloads: &Path, name: &str) -> PathBuf {
    if downloads.join(name).exists() { downloads.to_owned() } else { unverified(downloads, name) }
}

fn unverified(downloads: &Path, name: &str) -> PathBuf {
    downloads.join(format!(".{name}{UNVERIFIED}"))
}

fn is_unverified(folder: &Path) -> bool {
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    name.starts_with('.') && name.ends_with(UNVERIFIED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_has_a_folder_of_its_own_until_it_is_verified() {
        let downloads = tempfile::tempdir().unwrap();
        let folder = place(downloads.path(), "a.iso");
        assert_eq!(folder, downloads.path().join(".a.iso.unverified"));
        assert!(is_unverified(&folder) && !is_unverified(downloads.path()));
        std::fs::write(downloads.path().join("a.iso"), "perhaps it").unwrap();
        assert_eq!(place(downloads.path(), "a.iso"), downloads.path());
    }
}
