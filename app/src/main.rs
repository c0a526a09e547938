//! `starling`: fetch, verify and give back operating-system images over BitTorrent.

mod bench;
mod daemon;
mod demo;
mod dht;
mod distributions;
mod exit;
mod follow;
mod get;
mod image;
mod import;
mod log;
mod magnet;
mod options;
mod reference;
mod remote;
mod show;
mod signals;
mod torrent_file;
mod units;
mod verify;

use clap::{ArgAction, Args, Parser, Subcommand};
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

/// Names under which the program is one of its commands.
const NAMES: [(&str, &str); 4] = [
    ("starling-daemon", "daemon"),
    ("transmission-daemon", "daemon"),
    ("starling-remote", "remote"),
    ("transmission-remote", "remote"),
];

/// Fetches, verifies and gives back operating-system images over BitTorrent.
#[derive(Parser, Debug)]
#[command(name = "starling", version, about, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,

    /// Log to standard error: -v a torrent's life, -vv decisions, -vvv messages
    #[arg(short, long, global = true, action = ArgAction::Count)]
    verbose: u8,
}

#[derive(Subcommand, Debug)]
enum Command {
    Get(Box<get::GetArgs>),
    Follow(follow::FollowArgs),
    Show(show::ShowArgs),
    Magnet(magnet::MagnetArgs),
    Verify(verify::VerifyArgs),
    Demo(demo::DemoArgs),
    Dht(dht::DhtArgs),
    Import(import::ImportArgs),
    /// Serve torrents in the background, with the options of transmission-daemon
    #[command(disable_help_flag = true)]
    Daemon(Foreign),
    Bench(bench::BenchArgs),
    /// Drive a daemon, ours or Transmission's, with the options of transmission-remote
    #[command(disable_help_flag = true)]
    Remote(Foreign),
    Completion(reference::CompletionArgs),
    Man(reference::ManArgs),
}

/// Arguments that clap does not read.
#[derive(Args, Debug)]
struct Foreign {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<OsString>,
}

fn main() -> ExitCode {
    let args = command_line(std::env::args_os());
    // Their options are not of the kind that clap can read.
    match args.get(1).and_then(|command| command.to_str()) {
        Some("daemon") => return daemon::run(&args[2..]),
        Some("remote") => return remote::run(&args[2..]),
        _ => {}
    }
    let cli = Cli::parse_from(args);
    let quiet = matches!(&cli.command, Command::Get(args) if args.quiet);
    log::start(cli.verbose, quiet);
    match cli.command {
        Command::Get(args) => get::run(&args),
        Command::Follow(args) => follow::run(&args),
        Command::Show(args) => show::run(&args),
        Command::Magnet(args) => magnet::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Dht(args) => dht::run(&args),
        Command::Import(args) => import::run(&args),
        Command::Daemon(foreign) => daemon::run(&foreign.args),
        Command::Bench(args) => bench::run(&args),
        Command::Remote(foreign) => remote::run(&foreign.args),
        Command::Completion(args) => reference::completion(&args),
        Command::Man(args) => reference::manual(&args),
    }
}

/// The command line, with the command that the program's own name stands for.
fn command_line(args: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut args: Vec<OsString> = args.collect();
    let name = args.first().and_then(|program| Path::new(program).file_name());
    if let Some((_, command)) = NAMES.iter().find(|(known, _)| name.is_some_and(|name| name == *known)) {
        args.insert(1, OsString::from(command));
    }
    args
}
