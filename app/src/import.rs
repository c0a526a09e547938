//! `starling import`: takes over the torrents of another client. What lies there is read and never changed; data that
//! is as the other client left it is not hashed again.

mod groups;
mod progress;
mod qbittorrent;
mod resume;
mod take;
mod torrent;
mod totals;
mod transmission;

use crate::daemon::config_directory;
use crate::exit::{Failure, Kind};
use clap::{Args, ValueEnum};
use daemon::{Config, Daemon};
pub(crate) use groups::read as read_groups;
use rpc::SettingsFile;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
pub(crate) use take::take_all;
pub(crate) use torrent::Foreign;
pub(crate) use totals::read as read_totals;
pub(crate) use transmission::{has_torrents as is_transmission, read as read_transmission};

/// Take over the torrents of another client, without hashing what did not change
#[derive(Args, Debug)]
pub(crate) struct ImportArgs {
    /// The other client
    client: Client,
    /// Its config directory; for qBittorrent the one with `BT_backup` in it
    directory: PathBuf,
    /// Our config directory
    #[arg(short = 'g', long, value_name = "DIR")]
    config_dir: Option<PathBuf>,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Client {
    Transmission,
    Qbittorrent,
}

/// Takes over, or says what would be taken over.
pub(crate) fn run(args: &ImportArgs) -> ExitCode {
    match import(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.told(),
    }
}

fn import(args: &ImportArgs) -> Result<(), Failure> {
    let found = match args.client {
        Client::Transmission => transmission::read(&args.directory),
        Client::Qbittorrent => qbittorrent::read(&args.directory),
    };
    let found = found.map_err(|error| {
        Failure::new(Kind::Failed, format_args!("cannot read {}: {error}", args.directory.display()))
    })?;
    if found.is_empty() {
        let words = format_args!("there are no torrents in {}", args.directory.display());
        return Err(Failure::new(Kind::Failed, words));
    }
    for torrent in &found {
        println!("{}", torrent.describe());
    }
    if args.dry_run {
        return Ok(());
    }
    let directory = config_directory::find(args.config_dir.as_ref())
        .ok_or_else(|| Failure::new(Kind::Failed, "there is no HOME; name a folder with --config-dir"))?;
    let taken = engine::runtime::build()
        .map_err(|error| Failure::new(Kind::Failed, error))?
        .block_on(take_offline(&directory, found))?;
    println!("{taken} taken over; they go on with the next start of the daemon");
    Ok(())
}

/// Takes torrents into a directory whose daemon does not run.
async fn take_offline(directory: &Path, found: Vec<Foreign>) -> Result<usize, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::new(Kind::Failed, error);
    let settings = SettingsFile::open(directory.join("settings.json")).map_err(|error| failed(&error))?;
    let mut session = settings.current().session;
    // Nothing is to be transferred now, and nobody is to be met.
    session.peer_port = 0;
    (session.dht, session.lpd, session.port_forwarding) = (false, false, false);
    let mut config = Config::new(directory.to_path_buf(), session);
    config.paused = true;
    config.bind = Some(std::net::Ipv4Addr::LOCALHOST.into());
    let daemon = Daemon::start(config).await.map_err(|error| failed(&error))?;
    let taken = take_all(&daemon, found).await;
    daemon.shutdown().await;
    Ok(taken)
}
