//! Every option of the daemon: those of `transmission-daemon`, and a few of our own at the end.

use crate::options::{Program, Section, flag, valued};
use daemon::{Encryption, Transport};
use rpc::AllSettings;
use std::path::PathBuf;

/// What an option does.
#[derive(Clone, Copy)]
pub(crate) enum Effect {
    /// Changes a setting, which is written back to `settings.json`.
    Switch(fn(&mut AllSettings)),
    /// Changes a setting to a value; the error says what the value should be.
    Set(fn(&mut AllSettings, &str) -> Result<(), &'static str>),
    /// Changes a setting to a value of any kind.
    Text(fn(&mut AllSettings) -> &mut String),
    Foreground,
    ConfigDirectory,
    LogFile,
    Paused,
    DhtBootstrap,
    DumpSettings,
    Version,
    Completion,
    Manual,
}

use Effect::{Set, Switch, Text};

/// The program.
pub(crate) static PROGRAM: Program<Effect> = Program {
    command: "starling daemon",
    about: "Fetches and gives back torrents in the background, driven over RPC.",
    usage: &["[options]"],
    sections: SECTIONS,
    notes: NOTES,
};

const NOTES: &[(&str, &str)] = &[
    (
        "FILES",
        "The config directory is the one of --config-dir, else $TRANSMISSION_HOME, else transmission-daemon below \
         $XDG_CONFIG_HOME or ~/.config. It holds settings.json, the database state.db, torrents, resume and \
         blocklists.\n\nOptions beat settings.json and are written back to it.",
    ),
    (
        "SIGNALS",
        "SIGHUP opens the log file anew and reads settings.json and the blocklists again. SIGTERM and SIGINT save, \
         tell the trackers and end within 5 seconds; a second one ends at once.",
    ),
    ("EXIT STATUS", "0 after an orderly end, 1 if the daemon could not start or an option is wrong."),
];

const SECTIONS: &[Section<Effect>] = &[
    Section {
        title: "Process",
        options: &[
            flag("f", "foreground", "Stay in the foreground and log to standard error", Effect::Foreground),
            valued("g", "config-dir", "dir", "Where settings and state are kept", Effect::ConfigDirectory),
            valued("x", "pid-file", "file", "Write the process id to this file", Set(pid_file)),
            valued("e", "logfile", "file", "Log to this file", Effect::LogFile),
            valued(
                "",
                "log-level",
                "level",
                "Log this and worse: critical, error, warn, info, debug or trace",
                Set(log_level),
            ),
            flag("", "log-error", "Log errors only", Switch(|all| all.process.message_level = 2)),
            flag("", "log-info", "Log what happens to torrents", Switch(|all| all.process.message_level = 4)),
            flag("", "log-debug", "Log decisions too", Switch(|all| all.process.message_level = 5)),
            flag("d", "dump-settings", "Print the settings as JSON and exit", Effect::DumpSettings),
            flag("V", "version", "Print the version and exit", Effect::Version),
        ],
    },
    Section { title: "Torrents", options: TORRENTS },
    Section { title: "Peers", options: PEERS },
    Section { title: "RPC", options: RPC },
    Section {
        title: "Other",
        options: &[
            valued(
                "",
                "completion",
                "shell",
                "Print the completion for bash, zsh or fish",
                Effect::Completion,
            ),
            flag("", "man", "Print the manual page", Effect::Manual),
        ],
    },
];

const TORRENTS: &[crate::options::Opt<Effect>] = &[
    valued("w", "download-dir", "dir", "Where to save downloaded data", Set(download_directory)),
    valued("", "incomplete-dir", "dir", "Where data lies until it is complete", Set(incomplete_directory)),
    flag(
        "",
        "no-incomplete-dir",
        "Data lies in one place all the time",
        Switch(|all| all.session.incomplete_directory_enabled = false),
    ),
    valued("c", "watch-dir", "dir", "Add torrent files that appear here", Set(watch_directory)),
    flag("C", "no-watch-dir", "Watch no folder", Switch(|all| all.process.watch_directory_enabled = false)),
    flag("", "paused", "Stop all torrents at start", Effect::Paused),
    valued("", "default-trackers", "list", "Trackers added to every public torrent", Set(default_trackers)),
    valued("gsr", "global-seedratio", "ratio", "Stop seeding at this ratio", Set(ratio_limit)),
    flag(
        "GSR",
        "no-global-seedratio",
        "Seed without a limit",
        Switch(|all| all.session.ratio_limit_enabled = false),
    ),
    flag("seq", "sequential-download", "Fetch pieces in order", Switch(|all| all.session.sequential = true)),
    flag(
        "SEQ",
        "no-sequential-download",
        "Fetch the rarest pieces first",
        Switch(|all| all.session.sequential = false),
    ),
];

const PEERS: &[crate::options::Opt<Effect>] = &[
    valued("P", "peerport", "port", "Port for incoming peers (51413)", Set(peer_port)),
    flag("m", "portmap", "Ask the router for the port", Switch(|all| all.session.port_forwarding = true)),
    flag("M", "no-portmap", "Leave the router alone", Switch(|all| all.session.port_forwarding = false)),
    valued("L", "peerlimit-global", "peers", "Most connections in all (200)", Set(peer_limit_global)),
    valued("l", "peerlimit-torrent", "peers", "Most connections of a torrent (50)", Set(peer_limit_torrent)),
    valued("i", "bind-address-ipv4", "address", "Where to listen for IPv4 peers", Set(bind_ipv4)),
    valued("I", "bind-address-ipv6", "address", "Where to listen for IPv6 peers", Set(bind_ipv6)),
    flag(
        "er",
        "encryption-required",
        "Encrypt all connections",
        Switch(|all| all.session.encryption = Encryption::Required),
    ),
    flag(
        "ep",
        "encryption-preferred",
        "Prefer encrypted connections",
        Switch(|all| all.session.encryption = Encryption::Preferred),
    ),
    flag(
        "et",
        "encryption-tolerated",
        "Prefer plain connections",
        Switch(|all| all.session.encryption = Encryption::Tolerated),
    ),
    flag("o", "dht", "Use the DHT", Switch(|all| all.session.dht = true)),
    flag("O", "no-dht", "Do not use the DHT", Switch(|all| all.session.dht = false)),
    valued(
        "",
        "dht-bootstrap",
        "host:port",
        "Enter the DHT there instead of at the usual routers, in this run; repeatable",
        Effect::DhtBootstrap,
    ),
    flag("y", "lpd", "Find peers in the local network", Switch(|all| all.session.lpd = true)),
    flag("Y", "no-lpd", "Do not look for peers in the local network", Switch(|all| all.session.lpd = false)),
    flag("", "utp", "Use uTP", Switch(|all| all.session.utp = true)),
    flag("", "no-utp", "Do not use uTP", Switch(|all| all.session.utp = false)),
    valued(
        "",
        "preferred-transports",
        "list",
        "Which transports to use and which to try first: utp,tcp",
        Set(preferred_transports),
    ),
    flag(
        "b",
        "blocklist",
        "Keep off the peers of the blocklist",
        Switch(|all| all.session.blocklist_enabled = true),
    ),
    flag("B", "no-blocklist", "Keep off nobody", Switch(|all| all.session.blocklist_enabled = false)),
];

const RPC: &[crate::options::Opt<Effect>] = &[
    valued("p", "port", "port", "RPC port (9091)", Set(rpc_port)),
    valued(
        "r",
        "rpc-bind-address",
        "address",
        "Where to listen for RPC: an address or unix:/path",
        Set(rpc_bind),
    ),
    valued("a", "allowed", "list", "Addresses that may connect (127.0.0.1,::1)", Set(rpc_whitelist)),
    flag("t", "auth", "Ask for name and password", Switch(|all| all.http.authentication_required = true)),
    flag("T", "no-auth", "Ask nobody", Switch(|all| all.http.authentication_required = false)),
    valued("u", "username", "name", "The name", Text(|all| &mut all.http.username)),
    valued("v", "password", "password", "The password", Text(|all| &mut all.http.password)),
];

type Taken = Result<(), &'static str>;

/// The absolute form of a path: the daemon does not stay where it was started.
fn absolute(value: &str) -> Result<PathBuf, &'static str> {
    std::path::absolute(value).map_err(|_| "a path")
}

fn port(value: &str) -> Result<u16, &'static str> {
    value.parse().map_err(|_| "a port between 0 and 65535")
}

fn peers(value: &str) -> Result<u32, &'static str> {
    value.parse().map_err(|_| "a number of peers")
}

fn pid_file(all: &mut AllSettings, value: &str) -> Taken {
    all.process.pid_file = absolute(value)?;
    Ok(())
}

fn log_level(all: &mut AllSettings, value: &str) -> Taken {
    let levels = ["off", "critical", "error", "warn", "info", "debug", "trace"];
    let level = levels.iter().position(|level| *level == value);
    all.process.message_level = level.ok_or("critical, error, warn, info, debug or trace")? as u8;
    Ok(())
}

fn download_directory(all: &mut AllSettings, value: &str) -> Taken {
    all.session.download_directory = absolute(value)?;
    Ok(())
}

fn incomplete_directory(all: &mut AllSettings, value: &str) -> Taken {
    all.session.incomplete_directory = absolute(value)?;
    all.session.incomplete_directory_enabled = true;
    Ok(())
}

fn watch_directory(all: &mut AllSettings, value: &str) -> Taken {
    all.process.watch_directory = absolute(value)?;
    all.process.watch_directory_enabled = true;
    Ok(())
}

/// Trackers by blanks, commas or lines; a blank line begins a tier. Without one each has a tier of its own.
fn default_trackers(all: &mut AllSettings, value: &str) -> Taken {
    let urls = |text: &str| -> Vec<String> {
        text.split([',', ' ', '\n']).map(str::trim).filter(|url| !url.is_empty()).map(str::to_owned).collect()
    };
    all.session.default_trackers = if value.contains("\n\n") {
        value.split("\n\n").map(urls).filter(|tier| !tier.is_empty()).collect()
    } else {
        urls(value).into_iter().map(|url| vec![url]).collect()
    };
    let mut trackers = all.session.default_trackers.iter().flatten();
    if trackers.all(|tracker| url::Url::parse(tracker).is_ok()) {
        Ok(())
    } else {
        Err("a list of announce URLs")
    }
}

fn ratio_limit(all: &mut AllSettings, value: &str) -> Taken {
    let ratio: Option<f64> = value.parse().ok().filter(|ratio: &f64| ratio.is_finite() && *ratio >= 0.0);
    all.session.ratio_limit = ratio.ok_or("a ratio such as 2.5")?;
    all.session.ratio_limit_enabled = true;
    Ok(())
}

fn peer_port(all: &mut AllSettings, value: &str) -> Taken {
    all.session.peer_port = port(value)?;
    Ok(())
}

fn peer_limit_global(all: &mut AllSettings, value: &str) -> Taken {
    all.session.peer_limit_global = peers(value)?;
    Ok(())
}

fn peer_limit_torrent(all: &mut AllSettings, value: &str) -> Taken {
    all.session.peer_limit_per_torrent = peers(value)?;
    Ok(())
}

fn bind_ipv4(all: &mut AllSettings, value: &str) -> Taken {
    all.session.bind_ipv4 = value.parse().map_err(|_| "an IPv4 address")?;
    Ok(())
}

fn bind_ipv6(all: &mut AllSettings, value: &str) -> Taken {
    all.session.bind_ipv6 = value.trim_matches(['[', ']']).parse().map_err(|_| "an IPv6 address")?;
    Ok(())
}

fn preferred_transports(all: &mut AllSettings, value: &str) -> Taken {
    let transport = |name: &str| match name.trim() {
        "utp" => Ok(Transport::Utp),
        "tcp" => Ok(Transport::Tcp),
        _ => Err("utp, tcp, or both with a comma"),
    };
    all.session.preferred_transports = value.split(',').map(transport).collect::<Result<_, _>>()?;
    Ok(())
}

fn rpc_port(all: &mut AllSettings, value: &str) -> Taken {
    all.http.port = port(value)?;
    Ok(())
}

fn rpc_bind(all: &mut AllSettings, value: &str) -> Taken {
    let bare = value.trim_matches(['[', ']']);
    if !value.starts_with("unix:/") && bare.parse::<std::net::IpAddr>().is_err() {
        return Err("an address, or unix: and an absolute path");
    }
    value.clone_into(&mut all.http.bind_address);
    Ok(())
}

fn rpc_whitelist(all: &mut AllSettings, value: &str) -> Taken {
    if value.trim().is_empty() {
        return Err("a list of addresses, such as 127.0.0.1,192.168.*.*");
    }
    value.clone_into(&mut all.http.whitelist);
    all.http.whitelist_enabled = true;
    Ok(())
}
