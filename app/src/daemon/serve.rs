//! The life of the daemon's process, from its settings to its last goodbye.

use super::activation::{self, Handed};
use super::blocklists::Blocklists;
use super::command_line::CommandLine;
use super::log::{Destination, LIFE, Log};
use super::notify::Notify;
use super::pid_file::PidFile;
use super::{Home, background, follow, memory, resume_files, scripts, watch};
use crate::exit::{Failure, Kind};
use crate::import::{self, Foreign};
use crate::signals::StopSignals;
use daemon::Daemon;
use engine::Proxy;
use rpc::{AllSettings, Listener, ProcessSettings, Server, ServerConfig};
use rustix::fs::Mode;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use storage::StateStore;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::AbortHandle;
use tokio::time::timeout;

/// Our own state; where it lies, the directory is ours.
const STATE: &str = "state.db";

/// Is there while Transmission's torrents are taken over: after a crash it is begun anew.
const UNFINISHED: &str = "import-unfinished";

/// Nothing holds up the end for longer.
const GOODBYE: Duration = Duration::from_millis(4500);

/// Serves until told to end.
pub(super) fn run(line: &CommandLine) -> Result<ExitCode, Failure> {
    memory::limit_heaps();
    let in_background = background::is_child() && !line.foreground;
    if in_background {
        background::leave_terminal();
    }
    let home = Home::find(line)?;
    let mut all = home.settings.current();
    line.apply(&mut all);
    rustix::process::umask(Mode::from_raw_mode(all.process.umask));
    let destination = Destination::choose(line.log_file.as_deref(), !in_background)
        .map_err(|error| Failure::new(Kind::Failed, format_args!("cannot open the log file: {error}")))?;
    let log = Log::start(destination, all.process.message_level);
    home.settings.warn();
    // Torrents live on one thread and answers are made on another: a long list never holds up a peer.
    let torrents = engine::runtime::build().map_err(failed)?;
    let answers = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("rpc")
        .enable_all()
        .build()
        .map_err(failed)?;
    let ended = torrents.block_on(async {
        let mut process = Process::start(line, home, all, &answers).await?;
        if in_background {
            background::report().map_err(failed)?;
        }
        process.live(&log).await;
        process.end().await;
        Ok(ExitCode::SUCCESS)
    });
    // What still runs there waits for nothing that matters.
    answers.shutdown_background();
    torrents.shutdown_background();
    ended
}

fn failed(error: std::io::Error) -> Failure {
    Failure::new(Kind::Failed, error)
}

/// A daemon that serves, and what belongs to it.
struct Process {
    home: Home,
    daemon: Daemon,
    server: Server,
    blocklists: Blocklists,
    watching: Option<AbortHandle>,
    board: follow::Board,
    following: Option<AbortHandle>,
    settings: ProcessSettings,
    notify: Notify,
    stop: StopSignals,
    hangup: Signal,
    _pid_file: Option<PidFile>,
}

impl Process {
    async fn start(
        line: &CommandLine,
        home: Home,
        all: AllSettings,
        answers: &Runtime,
    ) -> Result<Self, Failure> {
        // Signals that come from now on wait until they are asked for.
        let stop = StopSignals::listen()?;
        let hangup = signal(SignalKind::hangup()).map_err(failed)?;
        let mut config = daemon::Config::new(home.directory.clone(), all.session.clone());
        let (filter, save) = (config.address_filter.clone(), home.settings.saver());
        filter.switch(all.session.blocklist_enabled);
        config.save_settings = Some(Arc::new(move |settings| {
            filter.switch(settings.blocklist_enabled);
            save(settings)
        }));
        let old = transmission_before(&home.directory);
        if old.is_some() {
            config.past = import::read_totals(&home.directory);
        }
        config.dht_bootstrap.clone_from(&line.dht_bootstrap);
        config.paused = line.paused || all.process.start_paused;
        let daemon = Daemon::start(config).await.map_err(|error| Failure::new(Kind::Failed, error))?;
        // The directory is ours now, and with it the file.
        home.settings
            .change(|settings| *settings = all.clone())
            .map_err(|error| cannot("save", home.settings.path(), &error))?;
        let pid_path = &all.process.pid_file;
        let pid_file = PidFile::write(pid_path).map_err(|error| cannot("write", pid_path, &error))?;
        if let Some(found) = old {
            take_over(&home.directory, &daemon, found).await;
        }
        tokio::spawn(resume_files::run(daemon.clone(), daemon.events(None)));
        tokio::spawn(scripts::run(daemon.clone(), daemon.events(None)));
        let blocklists = Blocklists::new(daemon.clone());
        blocklists.load().await;
        let board = follow::Board::default();
        let server = serve_rpc(&home, &daemon, (&blocklists, &board), answers)?;
        // Whoever waits for us to serve may ask at once.
        server.tried().await;
        tokio::spawn(blocklists.clone().run_daily());
        let notify = Notify::from_environment();
        let mut process = Self {
            home,
            daemon,
            server,
            blocklists,
            watching: None,
            board,
            following: None,
            settings: ProcessSettings::default(),
            notify,
            stop,
            hangup,
            _pid_file: pid_file,
        };
        process.take(all.process);
        process.follow();
        process.tell_of_proxy();
        process.notify.ready();
        tracing::info!(target: LIFE, version = env!("CARGO_PKG_VERSION"), "the daemon serves");
        Ok(process)
    }

    /// Serves until somebody wants the end.
    async fn live(&mut self, log: &Log) {
        loop {
            tokio::select! {
                () = self.stop.wait() => return,
                () = self.daemon.exit_requested() => return,
                Some(()) = self.hangup.recv() => self.reload(log).await,
            }
        }
    }

    /// Reads everything anew that may have been changed by hand.
    async fn reload(&mut self, log: &Log) {
        self.notify.reloading();
        log.reload(self.home.settings.current().process.message_level);
        match self.home.settings.reload() {
            Ok(all) => {
                log.reload(all.process.message_level);
                let session = all.session;
                if let Err(error) = self.daemon.change_settings(move |settings| *settings = session).await {
                    tracing::error!(%error, "not all settings could be taken");
                }
                self.server.settings_changed();
                self.take(all.process);
                self.tell_of_proxy();
                tracing::info!(target: LIFE, "the settings were read anew");
            }
            Err(error) => tracing::error!(%error, "the settings of before stay"),
        }
        self.blocklists.load().await;
        self.follow();
        self.notify.ready();
    }

    /// Says what is wrong with a proxy.
    fn tell_of_proxy(&self) {
        let settings = self.daemon.settings();
        if let Some(problem) = settings.proxy.as_ref().and_then(Proxy::problem) {
            tracing::error!(%problem, "proxy_url: nothing goes through it, and nothing around it");
        }
    }

    /// Takes settings of the process that may have changed.
    fn take(&mut self, settings: ProcessSettings) {
        rustix::process::umask(Mode::from_raw_mode(settings.umask));
        let watched = |settings: &ProcessSettings| {
            let is_on = settings.watch_directory_enabled && !settings.watch_directory.as_os_str().is_empty();
            is_on.then(|| (settings.watch_directory.clone(), settings.watch_directory_force_generic))
        };
        if watched(&settings) != watched(&self.settings) {
            if let Some(watching) = self.watching.take() {
                watching.abort();
            }
            self.watching = watched(&settings).map(|(folder, by_listing)| {
                tokio::spawn(watch::run(self.daemon.clone(), folder, by_listing)).abort_handle()
            });
        }
        self.settings = settings;
    }

    /// Follows releases, beginning with a look at every site.
    fn follow(&mut self) {
        let follow = tokio::spawn(follow::run(self.daemon.clone(), self.board.clone()));
        if let Some(before) = self.following.replace(follow.abort_handle()) {
            before.abort();
        }
    }

    /// Saves, tells the trackers, and closes the port.
    async fn end(self) {
        self.notify.stopping();
        tracing::info!(target: LIFE, "the daemon ends");
        for task in [&self.watching, &self.following].into_iter().flatten() {
            task.abort();
        }
        let goodbye = async { tokio::join!(self.daemon.shutdown(), self.server.shutdown()) };
        if timeout(GOODBYE, goodbye).await.is_err() {
            tracing::warn!(target: LIFE, "some could not be told goodbye in time");
        }
        if let Err(error) = self.home.settings.change(|_| {}) {
            tracing::error!(%error, "the settings could not be saved");
        }
    }
}

fn cannot(what: &str, path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Kind::Failed, format_args!("cannot {what} {}: {error}", path.display()))
}

/// The torrents of a Transmission that used the directory, if we did not use it yet.
fn transmission_before(directory: &Path) -> Option<Vec<Foreign>> {
    let is_ours = directory.join(STATE).exists() && !directory.join(UNFINISHED).exists();
    if is_ours || !import::is_transmission(directory) {
        return None;
    }
    let found = import::read_transmission(directory).and_then(|found| {
        std::fs::write(directory.join(UNFINISHED), "starling takes Transmission's torrents over\n")?;
        // A new database would have the daemon make what it can of the torrent files alone.
        StateStore::open(directory).map_err(std::io::Error::other)?;
        Ok(found)
    });
    found.inspect_err(|error| tracing::error!(%error, "Transmission's torrents cannot be taken over")).ok()
}

/// Takes over what Transmission had, at the first start in its directory.
async fn take_over(directory: &Path, daemon: &Daemon, found: Vec<Foreign>) {
    for group in import::read_groups(directory) {
        if let Err(error) = daemon.set_group(group).await {
            tracing::warn!(%error, "a bandwidth group was not imported");
        }
    }
    let torrents = import::take_all(daemon, found).await;
    if let Err(error) = std::fs::remove_file(directory.join(UNFINISHED)) {
        tracing::warn!(%error, "the next start will look at Transmission's torrents again");
    }
    tracing::info!(target: LIFE, torrents, "taken over from Transmission");
}

/// Starts the RPC server on its own runtime, at the socket that was handed in if there is one.
fn serve_rpc(
    home: &Home,
    daemon: &Daemon,
    (blocklists, board): (&Blocklists, &follow::Board),
    answers: &Runtime,
) -> Result<Server, Failure> {
    let _there = answers.enter();
    let listener = |handed| match handed {
        Handed::Tcp(socket) => tokio::net::TcpListener::from_std(socket).map(Listener::Tcp),
        Handed::Unix(socket) => {
            tokio::net::UnixListener::from_std(socket).map(|socket| Listener::Unix(socket, None))
        }
    };
    let handed_in = activation::sockets().into_iter().next().map(listener).transpose().map_err(failed)?;
    Server::start(ServerConfig {
        daemon: daemon.clone(),
        settings: Arc::clone(&home.settings),
        update_blocklist: Some(blocklists.updater()),
        following: Some(board.teller(daemon)),
        handed_in,
    })
    .map_err(|error| Failure::new(Kind::Failed, error))
}
