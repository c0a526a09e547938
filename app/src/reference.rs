//! `starling completion` and `starling man`: what every command takes, told to shells and to `man`.

use crate::exit::{Failure, Kind};
use crate::options::completion::{self, Shell};
use crate::options::manual;
use crate::options::sheet::Sheet;
use crate::{Cli, NAMES, daemon, remote};
use clap::{Args, CommandFactory};
use std::io::{self, Write};
use std::process::ExitCode;

/// Print completions for a shell: eval "$(starling completion bash)"
#[derive(Args, Debug)]
pub(crate) struct CompletionArgs {
    /// bash, zsh or fish
    shell: Shell,
}

/// Print a manual page: starling man get | man -l -
#[derive(Args, Debug)]
pub(crate) struct ManArgs {
    /// One of the commands
    command: String,
}

/// Runs `starling completion`.
pub(crate) fn completion(args: &CompletionArgs) -> ExitCode {
    print(&completions(args.shell))
}

/// Runs `starling man`.
pub(crate) fn manual(args: &ManArgs) -> ExitCode {
    let command = format!("starling {}", args.command);
    match sheets().iter().find(|sheet| sheet.command == command) {
        Some(sheet) => print(&manual::page(sheet)),
        None => Failure::new(Kind::Usage, format_args!("there is no {command}; see starling --help")).told(),
    }
}

/// The completions of the whole program.
pub(crate) fn completions(shell: Shell) -> String {
    completion::script(&sheets(), &NAMES, shell)
}

/// What every command takes. Where clap does not read a command's options, their own table tells them.
fn sheets() -> Vec<Sheet> {
    let cli = Cli::command();
    let own = own_sheets();
    let clap = cli
        .get_subcommands()
        .map(|command| Sheet::of_clap(command, format!("starling {}", command.get_name())));
    let is_foreign = |sheet: &Sheet| own.iter().any(|own| own.command == sheet.command);
    let clap: Vec<Sheet> = clap.filter(|sheet| !is_foreign(sheet)).collect();
    clap.into_iter().chain(own).collect()
}

/// What the commands with options of Transmission's kind take.
fn own_sheets() -> [Sheet; 2] {
    [daemon::sheet(), remote::sheet()]
}

fn print(text: &str) -> ExitCode {
    match io::stdout().lock().write_all(text.as_bytes()) {
        // Whoever reads a broken pipe has seen enough.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Failure::new(Kind::Failed, format_args!("cannot write to standard output: {error}")).told()
        }
        _ => ExitCode::SUCCESS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    #[test]
    fn every_command_is_told_of() {
        let told: BTreeSet<String> = sheets().into_iter().map(|sheet| sheet.command).collect();
        let there = Cli::command()
            .get_subcommands()
            .map(|command| format!("starling {}", command.get_name()))
            .collect();
        assert_eq!(told, there);
        for (name, command) in NAMES {
            assert!(told.contains(&format!("starling {command}")), "{name}");
        }
    }

    #[test]
    fn completions_and_pages_know_the_options_of_all_commands() {
        let script = completions(Shell::Bash);
        for option in ["--select", "--web-seed-add", "-asd", "--json"] {
            assert!(script.contains(option), "{option}");
        }
        for sheet in sheets() {
            let page = manual::page(&sheet);
            assert!(page.starts_with(".TH STARLING-") && page.contains(".SH OPTIONS"), "{page}");
        }
    }

    /// What packages install is made here: `starling man remote > packaging/man/starling-remote.1`.
    #[test]
    fn packaged_manual_pages_are_what_the_program_prints() {
        for sheet in own_sheets() {
            let name = sheet.command.replace(' ', "-");
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../packaging/man/{name}.1"));
            let packaged = std::fs::read_to_string(&path).unwrap_or_default();
            let words = "is not what the program prints now: make it again with";
            let command = sheet.command.rsplit(' ').next().unwrap_or_default();
            assert!(packaged == manual::page(&sheet), "{name}.1 {words} starling man {command}");
        }
    }
}
