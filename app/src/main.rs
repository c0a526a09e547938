//! `starling`: fetch, verify and give back operating-system images over BitTorrent.

mod show;

use clap::Parser;
use std::process::ExitCode;

/// Fetch, verify and give back operating-system images over BitTorrent
#[derive(Parser, Debug)]
#[command(name = "starling", version)]
enum Command {
    Show(show::ShowArgs),
}

fn main() -> ExitCode {
    match Command::parse() {
        Command::Show(args) => show::run(&args),
    }
}
