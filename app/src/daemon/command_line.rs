//! The daemon's command line, read before anything is touched.

use super::options::{Effect, PROGRAM};
use crate::get::parse_node;
use crate::options::completion::Shell;
use crate::options::{Item, Opt, Program, help, manual};
use crate::reference;
use rpc::AllSettings;
use std::ffi::OsString;
use std::path::PathBuf;

/// What the process shall do.
pub(super) enum Wish {
    /// Print this and end well.
    Tell(String),
    /// Print the settings and end well.
    DumpSettings(CommandLine),
    /// Serve.
    Serve(CommandLine),
}

/// How the daemon runs.
#[derive(Default)]
pub(super) struct CommandLine {
    pub(super) foreground: bool,
    pub(super) config_directory: Option<PathBuf>,
    pub(super) log_file: Option<PathBuf>,
    pub(super) paused: bool,
    pub(super) dht_bootstrap: Vec<(String, u16)>,
    /// Settings in the order they were given.
    settings: Vec<(&'static Opt<Effect>, String)>,
}

impl CommandLine {
    /// Puts what was asked for in the place of what `settings.json` says.
    pub(super) fn apply(&self, all: &mut AllSettings) {
        for (option, value) in &self.settings {
            match option.effect {
                Effect::Switch(switch) => switch(all),
                // A value that cannot be taken was refused when it was read.
                Effect::Set(set) => drop(set(all, value)),
                Effect::Text(field) => field(all).clone_from(value),
                _ => {}
            }
        }
    }
}

/// Reads the arguments; the error is one line.
pub(super) fn read(arguments: &[OsString]) -> Result<Wish, String> {
    if Program::<Effect>::asks_for_help(arguments) {
        return Ok(Wish::Tell(help::page(&PROGRAM)));
    }
    let mut line = CommandLine::default();
    let mut dump = false;
    let mut probe = AllSettings::default();
    for item in PROGRAM.scan(arguments) {
        let (option, value) = match item {
            Item::Option(option, value) => (option, value.unwrap_or_default()),
            Item::Malformed(option) => return Err(malformed(option)),
            Item::Word(word) => {
                let word = word.to_string_lossy();
                return Err(format!(
                    "unknown option '{word}'; `starling daemon --help` lists those there are"
                ));
            }
        };
        match option.effect {
            Effect::Switch(_) | Effect::Text(_) => line.settings.push((option, value)),
            Effect::Set(set) => {
                set(&mut probe, &value)
                    .map_err(|wanted| format!("{}: '{value}' is not {wanted}", option.names()))?;
                line.settings.push((option, value));
            }
            Effect::Foreground => line.foreground = true,
            Effect::ConfigDirectory => line.config_directory = Some(value.into()),
            Effect::LogFile => line.log_file = Some(value.into()),
            Effect::Paused => line.paused = true,
            Effect::DhtBootstrap => line.dht_bootstrap.push(parse_node(&value)?),
            Effect::DumpSettings => dump = true,
            Effect::Version => {
                return Ok(Wish::Tell(format!("starling daemon {}\n", env!("CARGO_PKG_VERSION"))));
            }
            Effect::Manual => return Ok(Wish::Tell(manual::page(&super::sheet()))),
            Effect::Completion => {
                let shell = Shell::named(&value)
                    .ok_or_else(|| format!("no completion for '{value}': there are bash, zsh and fish"))?;
                return Ok(Wish::Tell(reference::completions(shell)));
            }
        }
    }
    Ok(if dump { Wish::DumpSettings(line) } else { Wish::Serve(line) })
}

fn malformed(option: &Opt<Effect>) -> String {
    match option.value.shown() {
        value if value.is_empty() => format!("{} takes no value", option.names()),
        value => format!("{} needs a value: {value}", option.names()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use daemon::Encryption;

    fn parsed(line: &str) -> Result<Wish, String> {
        read(&line.split_whitespace().map(OsString::from).collect::<Vec<_>>())
    }

    fn settings(line: &str) -> (CommandLine, AllSettings) {
        let Ok(Wish::Serve(line)) = parsed(line) else { panic!("not a line to serve by: {line}") };
        let mut all = AllSettings::default();
        line.apply(&mut all);
        (line, all)
    }

    #[test]
    fn the_options_of_transmission_daemon_are_understood() {
        let (line, all) = settings(
            "-f -g /conf -w /data -p 9999 -P51000 --peerlimit-global 77 --no-dht -gsr 2.5 -er -a 10.*.*.* -c /watch \
             --incomplete-dir=/inc -t -u me -v pw:x -x /run/x.pid -e /log --log-level=trace --paused -M -Y --no-utp",
        );
        assert!(line.foreground && line.paused);
        assert_eq!(line.config_directory, Some("/conf".into()));
        assert_eq!(line.log_file, Some("/log".into()));
        let session = &all.session;
        assert_eq!(session.download_directory, PathBuf::from("/data"));
        assert_eq!((session.peer_port, session.peer_limit_global, all.http.port), (51000, 77, 9999));
        assert!(session.ratio_limit_enabled && (session.ratio_limit - 2.5).abs() < 1e-9);
        assert_eq!(session.encryption, Encryption::Required);
        assert!(!session.dht && !session.port_forwarding && !session.lpd && !session.utp);
        assert!(session.incomplete_directory_enabled && session.incomplete_directory.ends_with("inc"));
        assert!(all.process.watch_directory_enabled && all.http.whitelist_enabled);
        assert_eq!((all.http.whitelist.as_str(), all.http.username.as_str()), ("10.*.*.*", "me"));
        assert_eq!((all.http.password.as_str(), all.process.message_level), ("pw:x", 6));
        assert_eq!(all.process.pid_file, PathBuf::from("/run/x.pid"));
    }

    #[test]
    fn the_last_of_two_options_counts() {
        assert!(settings("-o -O --dht").1.session.dht);
        assert!(!settings("-gsr 2 -GSR").1.session.ratio_limit_enabled);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (line, words) in [
            ("--no-such-option", "unknown option '--no-such-option'"),
            ("-f stray", "unknown option 'stray'"),
            ("-p 99999", "-p, --port: '99999' is not a port"),
            ("-p", "-p, --port needs a value: <port>"),
            ("-i ::1", "is not an IPv4 address"),
            ("-gsr much", "is not a ratio"),
            ("--log-level loud", "is not critical, error"),
        ] {
            let error = parsed(line).err().unwrap_or_else(|| panic!("{line} was taken"));
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn questions_are_answered_without_serving() {
        assert!(matches!(parsed("-d -p 1"), Ok(Wish::DumpSettings(_))));
        for line in ["-V", "-f --help", "--man", "--completion zsh"] {
            assert!(matches!(parsed(line), Ok(Wish::Tell(text)) if !text.is_empty()), "{line}");
        }
    }

    #[test]
    fn tiers_of_default_trackers_are_told_by_blank_lines() {
        let mut all = AllSettings::default();
        let Effect::Set(set) =
            PROGRAM.options().find(|option| option.long == "default-trackers").unwrap().effect
        else {
            panic!("it takes a value")
        };
        set(&mut all, "http://a/\nhttp://b/\n\nhttp://c/").unwrap();
        assert_eq!(all.session.default_trackers, [vec!["http://a/", "http://b/"], vec!["http://c/"]]);
        set(&mut all, "http://a/,http://b/").unwrap();
        assert_eq!(all.session.default_trackers, [["http://a/"], ["http://b/"]]);
    }
}
