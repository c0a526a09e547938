//! The session that `get` fetches in: its port, its limits, and where it keeps its state.

use super::GetArgs;
use super::options::Utp;
use crate::exit::{Failure, Kind};
use engine::{DhtSettings, Session, Settings, StartError, Transports};
use std::path::PathBuf;

/// The port tried first when none is asked for.
const USUAL_PORT: u16 = 51413;

/// Starts a session. Without `--port`, a usual port that is taken gives way to any other; a state directory that
/// cannot be used is done without.
pub(super) fn start(args: &GetArgs) -> Result<Session, Failure> {
    let mut settings = Settings {
        port: args.port.unwrap_or(USUAL_PORT),
        bind: args.bind(),
        state_directory: state_directory(args),
        down_limit_bytes_per_second: args.down_limit,
        up_limit_bytes_per_second: args.up_limit,
        lsd: !args.no_lsd && !args.no_peers,
        pex: !args.no_pex,
        dht: dht(args),
        transports: transports(args),
        encryption: args.encryption.into(),
        listen: !args.no_peers,
        port_mapping: args.port_map && !args.no_peers,
        extra_ca: args.ca_file.clone(),
        web_seed_connections: args.web_seed_connections.into(),
        proxy: args.proxy.clone(),
        proxy_for: args.proxy_for,
        ..Settings::default()
    };
    loop {
        match Session::start(settings.clone()) {
            Err(StartError::Listen { .. }) if args.port.is_none() && settings.port != 0 => settings.port = 0,
            Err(StartError::State { reason, .. }) if settings.state_directory.is_some() => {
                tracing::warn!("{reason}; the next run will have to check the files again");
                settings.state_directory = None;
            }
            Err(error) => {
                let kind = if matches!(error, StartError::Disk(_)) { Kind::Disk } else { Kind::Failed };
                return Err(Failure::new(kind, error));
            }
            Ok(session) => return Ok(session),
        }
    }
}

/// What carries connections to peers. TCP first costs less, and a peer that cannot be reached so may be by uTP.
fn transports(args: &GetArgs) -> Transports {
    match args.utp {
        _ if args.no_peers => Transports::TcpOnly,
        Utp::Off => Transports::TcpOnly,
        Utp::On => Transports::TcpFirst,
        Utp::Only => Transports::UtpOnly,
    }
}

/// The DHT as the options want it. Bound to loopback, the usual routers cannot be reached, unless by a proxy, and nobody
/// else is meant.
pub(super) fn dht(args: &GetArgs) -> Option<DhtSettings> {
    let local = args.bind.is_some_and(engine::Bind::is_loopback);
    let routers = args.dht_bootstrap.clone();
    if args.no_dht || args.no_peers || local && routers.is_empty() {
        return None;
    }
    // Whoever leaves at completion is no node for others to rely on.
    let usual = DhtSettings { read_only: !args.seeds(), ..DhtSettings::default() };
    Some(if routers.is_empty() { usual } else { DhtSettings { routers, ..usual } })
}

/// `--state-dir`, `$XDG_STATE_HOME/starling` or `~/.local/state/starling`.
pub(super) fn state_directory(args: &GetArgs) -> Option<PathBuf> {
    // The base directory specification has relative paths ignored.
    let named = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let directory = args
        .state_dir
        .clone()
        .or_else(|| named("XDG_STATE_HOME").map(|path| path.join("starling")))
        .or_else(|| named("HOME").map(|path| path.join(".local/state/starling")));
    if directory.is_none() {
        tracing::warn!("there is no HOME to keep state in; the next run will have to check the files again");
    }
    directory
}
