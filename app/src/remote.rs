//! `starling remote`: drives a daemon over RPC, ours or Transmission's, with the options of `transmission-remote`.
//!
//! `options` is the table of what there is, `errands` obeys it, `client` calls in one of two dialects, `show` prints.

mod caller;
mod client;
mod dialect;
mod errands;
mod figures;
mod filter;
mod limits;
mod options;
mod server;
mod show;
mod style;
mod tls;
mod torrent_file;
mod values;
mod watch;

pub(crate) use caller::Caller;

use crate::options::completion::Shell;
use crate::options::sheet::Sheet;
use crate::options::{Item, Opt, Program, help, manual};
use crate::{log, reference};
use client::Client;
use errands::Errands;
use options::{Effect, Listing, PROGRAM, Setup};
use server::Server;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use style::Style;

/// What it takes, for completions and manual pages.
pub(crate) fn sheet() -> Sheet {
    Sheet::of_program(&PROGRAM)
}

/// Runs with the arguments after the program's name.
pub(crate) fn run(args: &[OsString]) -> ExitCode {
    match obey(args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(reason) => {
            log::line(&reason);
            ExitCode::FAILURE
        }
    }
}

/// Obeys the arguments; the answer is whether all went well.
fn obey(args: &[OsString]) -> Result<bool, String> {
    if args.is_empty() || Program::<Effect>::asks_for_help(args) {
        let printed = errands::print(&help::page(&PROGRAM));
        return Ok(printed.is_ok() && !args.is_empty());
    }
    let (server, args) = match args.split_first() {
        Some((word, rest)) if !word.to_string_lossy().starts_with('-') => {
            (Server::named(&word.to_string_lossy())?, rest)
        }
        _ => (Server::default(), args),
    };
    let items = PROGRAM.scan(args);
    match about_the_program(&items) {
        Some(text) => Ok(errands::print(&text?).is_ok()),
        None => talk(server, items),
    }
}

/// What is asked about the program itself, which takes no daemon.
fn about_the_program(items: &[Item<'_, Effect>]) -> Option<Result<String, String>> {
    items.iter().find_map(|item| match item {
        Item::Option(Opt { effect: Effect::Version, .. }, _) => {
            Some(Ok(format!("starling remote {}\n", env!("CARGO_PKG_VERSION"))))
        }
        Item::Option(Opt { effect: Effect::Manual, .. }, _) => Some(Ok(manual::page(&sheet()))),
        Item::Option(Opt { effect: Effect::Completion, .. }, shell) => {
            let name = shell.as_deref().unwrap_or_default();
            let unknown = || format!("No completion for '{name}': there are bash, zsh and fish.");
            Some(Shell::named(name).map(reference::completions).ok_or_else(unknown))
        }
        _ => None,
    })
}

/// Obeys what takes a daemon; the answer is whether all went well.
fn talk(mut server: Server, mut items: Vec<Item<'_, Effect>>) -> Result<bool, String> {
    let setup = Switches::of(&mut server, &items)?;
    let mut client = Client::new(server, setup.debug).map_err(|error| error.to_string())?;
    let style = if setup.json { Style::PLAIN } else { Style::of_output() };
    let mut errands = Errands::new(&mut client, setup.json, style);
    let Some(pause) = setup.watch else { return Ok(errands.run(items)) };
    let is_listing =
        |item: &Item<'_, Effect>| matches!(item, Item::Option(Opt { effect: Effect::Show(_), .. }, _));
    if !items.iter().any(is_listing) {
        let list = PROGRAM.options().find(|option| matches!(option.effect, Effect::Show(Listing::Torrents)));
        items.extend(list.map(|list| Item::Option(list, None)));
    }
    errands.watch = Some(Vec::new());
    if errands.run(items) {
        watch::watch(&mut errands, pause);
    }
    Ok(false)
}

/// What holds for the whole command line, wherever it stands in it.
#[derive(Default)]
struct Switches {
    debug: bool,
    json: bool,
    watch: Option<Duration>,
}

impl Switches {
    /// Reads the switches; what they say about the daemon goes into `server`.
    fn of(server: &mut Server, items: &[Item<'_, Effect>]) -> Result<Self, String> {
        let mut switches = Self::default();
        let mut netrc = None;
        for item in items {
            let Item::Option(Opt { effect: Effect::Setup(setup), .. }, value) = item else { continue };
            let text = value.clone().unwrap_or_default();
            match setup {
                Setup::Debug => switches.debug = true,
                Setup::Json => switches.json = true,
                Setup::Watch => switches.watch = Some(watch::pause(value.as_deref())?),
                Setup::Auth => server.credentials = Some(text),
                Setup::AuthFromEnvironment => {
                    let auth = std::env::var("TR_AUTH")
                        .map_err(|_| "The TR_AUTH environment variable is not set")?;
                    server.credentials = Some(auth);
                }
                Setup::Netrc => netrc = Some(PathBuf::from(text)),
                Setup::Tls => server.tls = true,
                Setup::UnixSocket => server.unix_socket = Some(text.into()),
            }
        }
        if server.credentials.is_none() {
            let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".netrc"));
            server.credentials = netrc.or_else(home).and_then(|path| server::netrc(&path, &server.host));
        }
        Ok(switches)
    }
}
