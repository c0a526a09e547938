//! What a command takes, in a form that completions and manual pages are made from: of our own tables and of clap's.

use super::{Program, Takes};

/// A command with its options.
pub(crate) struct Sheet {
    /// As it is typed: `starling get`.
    pub(crate) command: String,
    /// What it does, in one line.
    pub(crate) about: String,
    /// More about it; empty if there is no more.
    pub(crate) description: String,
    /// Ways to call it, without the command.
    pub(crate) usage: Vec<String>,
    /// Options by subject.
    pub(crate) sections: Vec<(String, Vec<Entry>)>,
    /// What is to say after the options: heading and text, whose lines stay as they are if one is indented.
    pub(crate) notes: Vec<(String, String)>,
}

/// One option, or one thing that stands without a name.
pub(crate) struct Entry {
    /// With their hyphens; none for what stands without a name.
    pub(crate) names: Vec<String>,
    /// The value, as help calls it.
    pub(crate) value: Option<String>,
    /// The option may stand without its value.
    pub(crate) is_optional: bool,
    /// The value is a file or a folder.
    pub(crate) is_path: bool,
    pub(crate) about: String,
}

impl Sheet {
    /// The sheet of one of our own tables.
    pub(crate) fn of_program<E>(program: &Program<E>) -> Self {
        let own = |text: &&str| (*text).to_owned();
        let entry = |option: &super::Opt<E>| Entry {
            names: option.names().split(", ").map(str::to_owned).collect(),
            value: match option.value {
                Takes::Nothing => None,
                Takes::Value(name) | Takes::Maybe(name) => Some(name.to_owned()),
            },
            is_optional: matches!(option.value, Takes::Maybe(_)),
            is_path: option.value.is_path(),
            about: option.about.to_owned(),
        };
        let section = |section: &super::Section<E>| {
            (section.title.to_owned(), section.options.iter().map(entry).collect())
        };
        Self {
            command: program.command.to_owned(),
            about: program.about.to_owned(),
            description: String::new(),
            usage: program.usage.iter().map(own).collect(),
            sections: program.sections.iter().map(section).collect(),
            notes: program.notes.iter().map(|(heading, text)| (own(heading), own(text))).collect(),
        }
    }

    /// The sheet of a command that clap reads, under its whole name. Commands below it are sections of it.
    pub(crate) fn of_clap(command: &clap::Command, name: String) -> Self {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        let long = command.get_long_about().map(ToString::to_string).unwrap_or_default();
        let (usages, mut sections) = commands_below(command);
        let mut usage = "[options]".to_owned();
        for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
            if argument.is_positional() {
                usage = format!("{usage} {}", argument.get_id());
                if !argument.is_required_set() {
                    usage = format!(
                        "{} [{}]",
                        usage.rsplit_once(' ').map_or("", |(before, _)| before),
                        argument.get_id()
                    );
                }
            }
            let title = argument.get_help_heading().unwrap_or(if argument.is_positional() {
                "Arguments"
            } else {
                "Options"
            });
            let place = sections.iter().position(|(known, _)| known == title).unwrap_or_else(|| {
                sections.push((title.to_owned(), Vec::new()));
                sections.len() - 1
            });
            sections[place].1.push(Entry::of_clap(argument));
        }
        let notes = command.get_after_long_help().or(command.get_after_help()).map(ToString::to_string);
        Self {
            command: name,
            description: long.strip_prefix(&about).unwrap_or(&long).trim().to_owned(),
            about,
            usage: if usages.is_empty() { vec![usage] } else { usages },
            sections,
            notes: notes.map(|text| ("NOTES".to_owned(), text)).into_iter().collect(),
        }
    }

    /// Every option that has a name.
    pub(crate) fn options(&self) -> impl Iterator<Item = &Entry> {
        self.sections.iter().flat_map(|(_, entries)| entries).filter(|entry| !entry.names.is_empty())
    }
}

/// How the commands below one are called, and a section for each.
fn commands_below(command: &clap::Command) -> (Vec<String>, Vec<(String, Vec<Entry>)>) {
    let (mut usages, mut sections) = (Vec::new(), Vec::new());
    for below in command.get_subcommands() {
        let (name, sheet) = (below.get_name(), Sheet::of_clap(below, String::new()));
        usages.extend(sheet.usage.into_iter().map(|usage| format!("{name} {usage}")));
        let entries = sheet.sections.into_iter().flat_map(|(_, entries)| entries).collect();
        sections.push((format!("{name}: {}", sheet.about), entries));
    }
    (usages, sections)
}

impl Entry {
    fn of_clap(argument: &clap::Arg) -> Self {
        let short = argument.get_short().map(|letter| format!("-{letter}"));
        let long = argument.get_long().map(|name| format!("--{name}"));
        let takes_value = argument.get_action().takes_values();
        let value = argument.get_value_names().and_then(|names| names.first()).map(ToString::to_string);
        Self {
            names: short.into_iter().chain(long).collect(),
            is_optional: argument.get_num_args().is_some_and(|count| count.min_values() == 0),
            is_path: matches!(
                argument.get_value_hint(),
                clap::ValueHint::AnyPath | clap::ValueHint::FilePath | clap::ValueHint::DirPath
            ),
            about: argument.get_help().map(ToString::to_string).unwrap_or_default(),
            value: value.or_else(|| Some(argument.get_id().to_string())).filter(|_| takes_value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::TOY;
    use super::*;
    use clap::{Arg, ArgAction, Command, value_parser};
    use std::path::PathBuf;

    #[test]
    fn a_table_of_ours_keeps_every_option() {
        let sheet = Sheet::of_program(&TOY);
        let names: Vec<&str> =
            sheet.options().filter_map(|entry| entry.names.last().map(String::as_str)).collect();
        let long: Vec<String> = TOY.options().map(|option| format!("--{}", option.long)).collect();
        assert_eq!(names, long);
        assert!(sheet.options().any(|entry| entry.is_optional) && sheet.options().any(|entry| entry.is_path));
    }

    #[test]
    fn commands_below_a_command_are_sections_of_it() {
        let ping = Command::new("ping").about("Ask").arg(Arg::new("NODE").required(true));
        let command = Command::new("dht").subcommand(ping).arg(Arg::new("port").long("port").help("Where"));
        let sheet = Sheet::of_clap(&command, "toy dht".to_owned());
        assert_eq!(sheet.usage, ["ping [options] NODE"]);
        let titles: Vec<&str> = sheet.sections.iter().map(|(title, _)| title.as_str()).collect();
        assert_eq!(titles, ["ping: Ask", "Options"]);
        assert_eq!(sheet.options().count(), 1);
    }

    #[test]
    fn a_command_of_clap_keeps_what_it_says_of_itself() {
        let command = Command::new("fetch")
            .about("Fetch it")
            .long_about("Fetch it\n\nTakes a while.")
            .after_help("Exit codes:\n  0  done")
            .arg(Arg::new("source").required(true).help("What"))
            .arg(Arg::new("dir").long("dir").short('d').value_parser(value_parser!(PathBuf)).help("Where"))
            .arg(
                Arg::new("quiet")
                    .long("quiet")
                    .action(ArgAction::SetTrue)
                    .help_heading("Talk")
                    .help("Say nothing"),
            );
        let sheet = Sheet::of_clap(&command, "toy fetch".to_owned());
        assert_eq!((sheet.about.as_str(), sheet.description.as_str()), ("Fetch it", "Takes a while."));
        assert_eq!(sheet.usage, ["[options] source"]);
        let titles: Vec<&str> = sheet.sections.iter().map(|(title, _)| title.as_str()).collect();
        assert_eq!(titles, ["Arguments", "Options", "Talk"]);
        let options: Vec<&Entry> = sheet.options().collect();
        assert_eq!(
            (options[0].names.join(" "), options[0].value.as_deref()),
            ("-d --dir".to_owned(), Some("dir"))
        );
        assert!(options[0].is_path && options[1].value.is_none());
        assert_eq!(sheet.notes[0].1, "Exit codes:\n  0  done");
    }
}
