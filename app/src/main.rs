//! `starling`: fetch, verify and give back operating-system images over BitTorrent.

mod demo;
mod exit;
mod get;
mod log;
mod show;
mod signals;
mod torrent_file;
mod units;
mod verify;

use clap::{ArgAction, Parser, Subcommand};
use std::process::ExitCode;

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
    Show(show::ShowArgs),
    Verify(verify::VerifyArgs),
    Demo(demo::DemoArgs),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let quiet = matches!(&cli.command, Command::Get(args) if args.quiet);
    log::start(cli.verbose, quiet);
    match cli.command {
        Command::Get(args) => get::run(&args),
        Command::Show(args) => show::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Demo(args) => demo::run(&args),
    }
}
