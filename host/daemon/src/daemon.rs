//! The handle that everybody else holds.

use crate::api::command::{CommandError, EditError, QueueMove, RenameError, StartMode};
use crate::api::details::{Details, Wanted};
use crate::api::diagnosis::{Finding, Why};
use crate::api::events::{Events, Revision};
use crate::api::settings::{Group, Settings};
use crate::api::start::{Config, StartError};
use crate::api::stats::{SessionStats, Space};
use crate::catalogue::Catalogue;
use crate::catalogue::entry::Number;
use crate::catalogue::log::Log;
use crate::keeper::command::{Command, Reply};
use crate::limits::COMMAND_QUEUE;
use crate::port_test::{self, PortTestError};
use crate::{AddError, AddRequest, Added, TorrentEdit, keeper, prepare};
use engine::{AddressFilter, Family, Reachability};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::{mpsc, oneshot, watch};

/// A running daemon. Clones share it; it runs until [`Daemon::shutdown`].
///
/// Methods may be called from any thread and any tokio runtime.
#[derive(Clone, Debug)]
pub struct Daemon {
    shared: Arc<Shared>,
    commands: mpsc::Sender<Command>,
}

/// What the handles read without asking the keeper.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) catalogue: RwLock<Catalogue>,
    pub(crate) log: Log,
    pub(crate) settings: watch::Sender<Arc<Settings>>,
    pub(crate) groups: RwLock<Vec<Group>>,
    pub(crate) stats: RwLock<SessionStats>,
    pub(crate) config_directory: PathBuf,
    /// The port peers reach us at.
    pub(crate) port: watch::Sender<u16>,
    pub(crate) reachability: Reachability,
    pub(crate) address_filter: AddressFilter,
    /// Held by who asks the port test service.
    pub(crate) port_test: tokio::sync::Mutex<()>,
    /// Somebody asked for the end.
    pub(crate) exit: watch::Sender<bool>,
    /// The keeper has ended.
    pub(crate) ended: watch::Sender<bool>,
}

impl Shared {
    pub(crate) fn groups(&self) -> Vec<Group> {
        self.groups.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Daemon {
    /// Starts a daemon on the runtime of the caller: locks the directory, reads the rows of all torrents, listens.
    /// It serves at once; torrents start one after the other behind it.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let (commands, inbox) = mpsc::channel(COMMAND_QUEUE);
        let shared = keeper::start(config, inbox).await?;
        Ok(Self { shared, commands })
    }

    /// Reads the catalogue. Nothing is written to it meanwhile: be quick, and do not call it from within.
    pub fn view<R>(&self, read: impl FnOnce(&Catalogue) -> R) -> R {
        read(&self.shared.catalogue.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes a torrent in. Ends when it is recorded, before its data is looked at.
    pub async fn add(&self, request: AddRequest) -> Result<Added, AddError> {
        let prepared = prepare::prepare(request, self.settings().http()).await?;
        self.ask(|reply| Command::Add(Box::new(prepared), reply)).await.unwrap_or(Err(AddError::Closed))
    }

    /// Starts torrents; what was wrong with them is forgotten.
    pub async fn start_torrents(&self, numbers: Vec<Number>, mode: StartMode) -> Result<(), CommandError> {
        self.command(|reply| Command::Start(numbers, mode, reply)).await
    }

    /// Stops torrents: within a second they are silent.
    pub async fn stop_torrents(&self, numbers: Vec<Number>) -> Result<(), CommandError> {
        self.command(|reply| Command::Stop(numbers, reply)).await
    }

    /// Hashes all data of torrents anew, whether they run or not; they go on as before afterwards.
    pub async fn verify(&self, numbers: Vec<Number>) -> Result<(), CommandError> {
        self.command(|reply| Command::Verify(numbers, reply)).await
    }

    /// Asks the trackers of running torrents for more peers, as soon as their minimal interval allows.
    pub async fn reannounce(&self, numbers: Vec<Number>) -> Result<(), CommandError> {
        self.command(|reply| Command::Reannounce(numbers, reply)).await
    }

    /// Stops a torrent for a reason that somebody outside found; it is shown as what is wrong with it until it is
    /// started again.
    pub async fn reject(&self, number: Number, reason: String) -> Result<(), CommandError> {
        self.command(|reply| Command::Reject(number, reason, reply)).await
    }

    /// Names peers to a running torrent.
    pub async fn add_peers(&self, number: Number, peers: Vec<SocketAddr>) -> Result<(), CommandError> {
        self.command(|reply| Command::AddPeers(number, peers, reply)).await
    }

    /// Forgets torrents; with `delete_data` their files go too, and folders left empty by that.
    pub async fn remove(&self, numbers: Vec<Number>, delete_data: bool) -> Result<(), CommandError> {
        self.command(|reply| Command::Remove(numbers, delete_data, reply)).await
    }

    /// Moves the data of torrents to another folder, or (without `move_data`) looks for it there. Ends when the new
    /// place is recorded; the moving goes on behind it.
    pub async fn set_location(
        &self,
        numbers: Vec<Number>,
        location: PathBuf,
        move_data: bool,
    ) -> Result<(), CommandError> {
        self.command(|reply| Command::SetLocation(numbers, location, move_data, reply)).await
    }

    /// Renames a file or folder of a torrent; `path` as in [`FileDetails::path`](crate::FileDetails::path), `name` is
    /// one component. Renaming the root renames the torrent.
    pub async fn rename_path(&self, number: Number, path: String, name: String) -> Result<(), RenameError> {
        self.ask(|reply| Command::Rename(number, path, name, reply))
            .await
            .unwrap_or(Err(RenameError::Command(CommandError::Closed)))
    }

    /// Changes torrents. What can be changed is changed, whatever the error.
    pub async fn edit(&self, numbers: Vec<Number>, edit: TorrentEdit) -> Result<(), EditError> {
        self.ask(|reply| Command::Edit(numbers, Box::new(edit), reply))
            .await
            .unwrap_or(Err(EditError::Command(CommandError::Closed)))
    }

    /// Moves torrents in the queue.
    pub async fn move_in_queue(&self, numbers: Vec<Number>, to: QueueMove) -> Result<(), CommandError> {
        self.command(|reply| Command::MoveInQueue(numbers, to, reply)).await
    }

    /// The bandwidth groups by name.
    pub fn groups(&self) -> Vec<Group> {
        self.shared.groups()
    }

    /// Sets a bandwidth group, new or known by its name.
    pub async fn set_group(&self, group: Group) -> Result<(), CommandError> {
        self.command(|reply| Command::SetGroup(group, reply)).await
    }

    /// The settings now.
    pub fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.shared.settings.borrow())
    }

    /// The settings now and whenever they change.
    pub fn watch_settings(&self) -> watch::Receiver<Arc<Settings>> {
        self.shared.settings.subscribe()
    }

    /// Changes settings. Takes effect at once and ends when the change is saved; a port or address that cannot be
    /// listened on leaves the old one and is told as [`CommandError::Invalid`].
    pub async fn change_settings(
        &self,
        change: impl FnOnce(&mut Settings) + Send + 'static,
    ) -> Result<(), CommandError> {
        self.command(|reply| Command::ChangeSettings(Box::new(change), reply)).await
    }

    /// Counters of the session, at most a second old.
    pub fn stats(&self) -> SessionStats {
        *self.shared.stats.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks up details, in the order of `numbers`; `None` for a torrent that is not there.
    pub async fn details(&self, numbers: Vec<Number>, wanted: Wanted) -> Vec<Option<Details>> {
        let count = numbers.len();
        let Some(sources) = self.ask(|reply| Command::Look(numbers, reply)).await else {
            return vec![None; count];
        };
        let mut details = Vec::with_capacity(count);
        for source in sources {
            details.push(match source {
                Some(source) => Some(source.gather(wanted).await),
                None => None,
            });
        }
        details
    }

    /// Why a torrent is not faster; `None` if there is no such torrent.
    pub async fn why(&self, number: Number) -> Option<Why> {
        let wanted = Wanted { peers: true, trackers: true, web_seeds: true, ..Wanted::default() };
        let details = self.details(vec![number], wanted).await.pop().flatten()?;
        let settings = self.settings();
        self.view(|catalogue| Some(crate::why::why(catalogue.get(number)?, &details, &settings)))
    }

    /// Looks at the files of torrents and tells what is wrong with them.
    pub async fn doctor(&self, numbers: Vec<Number>) -> Vec<Finding> {
        let lookups = self.ask(|reply| Command::Look(numbers, reply)).await.unwrap_or_default();
        let mut patients = Vec::new();
        for lookup in lookups.into_iter().flatten() {
            patients.push(lookup.patient().await);
        }
        tokio::task::spawn_blocking(move || crate::doctor::examine(&patients)).await.unwrap_or_default()
    }

    /// Events after `after`; `None` for those to come.
    pub fn events(&self, after: Option<Revision>) -> Events {
        self.shared.log.subscribe(after)
    }

    /// The torrent file of a torrent; `None` while its metadata is not known.
    pub async fn torrent_file(&self, number: Number) -> Option<Vec<u8>> {
        let path = self.view(|catalogue| Some(self.torrent_file_path(catalogue.get(number)?)))?;
        tokio::task::spawn_blocking(move || std::fs::read(path).ok()).await.ok().flatten()
    }

    /// Where the torrent file of an entry is kept.
    pub fn torrent_file_path(&self, entry: &crate::Entry) -> PathBuf {
        let suffix = if entry.about().has_metadata { "torrent" } else { "magnet" };
        self.shared.config_directory.join("torrents").join(format!("{}.{suffix}", entry.hash_hex()))
    }

    /// The config directory.
    pub fn config_directory(&self) -> &Path {
        &self.shared.config_directory
    }

    /// The port peers reach us at; 0 if none.
    pub fn port(&self) -> u16 {
        *self.shared.port.borrow()
    }

    /// Whether peers outside reach our port, over one family or over whichever a connection outwards takes. The
    /// service that the settings name sees the address that the question comes from: through a proxy, that of the proxy.
    pub async fn test_port(&self, family: Option<Family>) -> Result<bool, PortTestError> {
        port_test::test_port(&self.shared, family).await
    }

    /// The addresses that no connection is made with, to be looked at and replaced by whoever reads blocklists.
    pub fn address_filter(&self) -> &AddressFilter {
        &self.shared.address_filter
    }

    /// Space on the file system that holds `path`; an error if there is none. Blocks on the disk: call it
    /// where blocking is fine.
    pub fn free_space(path: &Path) -> std::io::Result<Space> {
        crate::space::space(path)
    }

    /// Asks whoever runs the daemon to end it; see [`Self::exit_requested`].
    pub fn request_exit(&self) {
        self.shared.exit.send_replace(true);
    }

    /// Ends once somebody called [`Self::request_exit`].
    pub async fn exit_requested(&self) {
        // The sender is part of `self`: waiting cannot fail.
        let _ = self.shared.exit.subscribe().wait_for(|asked| *asked).await;
    }

    /// Stops everything, saves, tells the trackers; takes 5 s at most. Torrents that ran will run at the next start.
    pub async fn shutdown(&self) {
        let mut ended = self.shared.ended.subscribe();
        // An error means that the keeper has ended already.
        let _ = self.commands.send(Command::Shutdown).await;
        let _ = ended.wait_for(|ended| *ended).await;
    }

    async fn command(
        &self,
        command: impl FnOnce(Reply<Result<(), CommandError>>) -> Command,
    ) -> Result<(), CommandError> {
        self.ask(command).await.unwrap_or(Err(CommandError::Closed))
    }

    /// `None` if the keeper has ended.
    async fn ask<R>(&self, command: impl FnOnce(Reply<R>) -> Command) -> Option<R> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.ok()?;
        answer.await.ok()
    }
}
