//! `starling completion` and `starling man`: what every command takes, told to shells and to `man`.

use crate::exit::{Failure, Kind};
use crate::options::completion::{self, Shell};
use crate::options::manual;
use crate::options::sheet::Sheet;
use crate::{Cli, NAMES, remote};
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
    let own = [remote::sheet()];
    let clap = cli
        .get_subcommands()
        .map(|command| Sheet::of_clap(command, format!("starling {}", command.get_name())));
    let is_foreign = |sheet: &Sheet| own.iter().any(|own| own.command == sheet.command);
    let clap: Vec<Sheet> = clap.filter(|sheet| !is_foreign(sheet)).collect();
    clap.into_iter().chain(own).collect()
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
}
