//! Command lines in the manner of Transmission's programs, whose options clap cannot read: short names of several
//! letters (`-asd`), values that follow without a blank (`-t5`), and an order that matters.
//!
//! A program is one table, [`Program`]. The scanner reads command lines with it, and from it come `--help`, the
//! shells' completions and the manual page, so that none of them can tell something else than the program does. The
//! latter two are made for clap's commands in the same way.

pub(crate) mod completion;
pub(crate) mod help;
pub(crate) mod manual;
pub(crate) mod sheet;

use std::ffi::{OsStr, OsString};

/// A program: its names, its words, and every option it has.
pub(crate) struct Program<E: 'static> {
    /// The command under which the completions and the manual page stand.
    pub(crate) command: &'static str,
    /// What it does, in one line.
    pub(crate) about: &'static str,
    /// Ways to call it, without the command.
    pub(crate) usage: &'static [&'static str],
    /// The options, by subject.
    pub(crate) sections: &'static [Section<E>],
    /// What the manual page says after the options: heading and text.
    pub(crate) notes: &'static [(&'static str, &'static str)],
}

/// Options of one subject.
pub(crate) struct Section<E: 'static> {
    pub(crate) title: &'static str,
    pub(crate) options: &'static [Opt<E>],
}

/// One option.
pub(crate) struct Opt<E: 'static> {
    /// Without its hyphen; empty if there is none.
    pub(crate) short: &'static str,
    /// Without its hyphens.
    pub(crate) long: &'static str,
    pub(crate) value: Takes,
    pub(crate) about: &'static str,
    /// What it means to the program.
    pub(crate) effect: E,
}

/// Whether an option is followed by a value, and what help calls it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Takes {
    Nothing,
    Value(&'static str),
    Maybe(&'static str),
}

/// An option without a value.
pub(crate) const fn flag<E>(
    short: &'static str,
    long: &'static str,
    about: &'static str,
    effect: E,
) -> Opt<E> {
    Opt { short, long, value: Takes::Nothing, about, effect }
}

/// An option with a value.
pub(crate) const fn valued<E>(
    short: &'static str,
    long: &'static str,
    value: &'static str,
    about: &'static str,
    effect: E,
) -> Opt<E> {
    Opt { short, long, value: Takes::Value(value), about, effect }
}

/// What stands at one place of a command line.
pub(crate) enum Item<'a, E: 'static> {
    /// An option and its value.
    Option(&'static Opt<E>, Option<String>),
    /// The option's value is missing, or it has one that it does not take.
    Malformed(&'static Opt<E>),
    /// Neither an option nor the value of one.
    Word(&'a OsStr),
}

impl<E> Program<E> {
    /// Every option, in the order of help.
    pub(crate) fn options(&self) -> impl Iterator<Item = &'static Opt<E>> + use<E> {
        let sections: &'static [Section<E>] = self.sections;
        sections.iter().flat_map(|section| section.options)
    }

    /// Does the command line ask for help? That is obeyed wherever it stands.
    pub(crate) fn asks_for_help(args: &[OsString]) -> bool {
        args.iter().any(|arg| arg == "-h" || arg == "--help")
    }

    /// Reads a command line from left to right.
    pub(crate) fn scan<'a>(&self, args: &'a [OsString]) -> Vec<Item<'a, E>> {
        let mut items = Vec::new();
        let mut rest = args.iter().peekable();
        while let Some(arg) = rest.next() {
            let text = arg.to_string_lossy();
            let Some((option, attached)) = self.find(&text) else {
                items.push(Item::Word(arg));
                continue;
            };
            items.push(match (option.value, attached) {
                (Takes::Nothing, None) => Item::Option(option, None),
                (Takes::Nothing, Some(_)) => Item::Malformed(option),
                (_, Some(value)) => Item::Option(option, Some(value)),
                (takes, None) => {
                    let is_value = |next: &&OsString| self.find(&next.to_string_lossy()).is_none();
                    match rest.next_if(is_value) {
                        Some(value) => Item::Option(option, Some(value.to_string_lossy().into_owned())),
                        None if matches!(takes, Takes::Maybe(_)) => Item::Option(option, None),
                        None => Item::Malformed(option),
                    }
                }
            });
        }
        items
    }

    /// The option that `text` names, and the value attached to it. Where several fit, the longest name wins.
    fn find(&self, text: &str) -> Option<(&'static Opt<E>, Option<String>)> {
        let fitting = self.options().filter_map(|option| Some((option, option.fits(text)?)));
        let (option, (_, attached)) = fitting.max_by_key(|(_, (length, _))| *length)?;
        Some((option, attached))
    }
}

impl<E> Opt<E> {
    /// How many letters of the name `text` fits with, and the value attached to it.
    fn fits(&self, text: &str) -> Option<(usize, Option<String>)> {
        let long = text.strip_prefix("--").and_then(|text| text.strip_prefix(self.long));
        if let Some(rest) = long {
            match rest.strip_prefix('=') {
                Some(value) if self.value != Takes::Nothing => {
                    return Some((self.long.len(), Some(value.to_owned())));
                }
                None if rest.is_empty() => return Some((self.long.len(), None)),
                _ => {}
            }
        }
        if self.short.is_empty() {
            return None;
        }
        let rest = text.strip_prefix('-')?.strip_prefix(self.short)?;
        if rest.is_empty() {
            return Some((self.short.len(), None));
        }
        let value = rest.strip_prefix('=').unwrap_or(rest);
        (self.value != Takes::Nothing).then(|| (self.short.len(), Some(value.to_owned())))
    }

    /// The names as they are typed: `-l, --list`.
    pub(crate) fn names(&self) -> String {
        if self.short.is_empty() {
            format!("--{}", self.long)
        } else {
            format!("-{}, --{}", self.short, self.long)
        }
    }
}

impl Takes {
    /// The value as help shows it, with its brackets.
    pub(crate) fn shown(self) -> String {
        match self {
            Takes::Nothing => String::new(),
            Takes::Value(name) => format!("<{name}>"),
            Takes::Maybe(name) => format!("[{name}]"),
        }
    }

    /// Is the value a file or a folder of this machine?
    pub(crate) fn is_path(self) -> bool {
        matches!(self, Takes::Value("file" | "dir" | "path"))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A program small enough to see through.
    pub(crate) const TOY: Program<char> = Program {
        command: "toy",
        about: "Plays.",
        usage: &["[options]"],
        sections: &[
            Section {
                title: "One letter",
                options: &[
                    flag("a", "add", "Add it", 'a'),
                    valued("d", "down", "speed", "Limit it; \"nothing\" isn't a limit", 'd'),
                    valued("p", "port", "file", "Name it", 'p'),
                ],
            },
            Section {
                title: "More letters",
                options: &[
                    flag("as", "alt-speed", "Slow it", 's'),
                    valued("asd", "alt-speed-down", "speed", "Limit it", 'l'),
                    valued("ph", "port-high", "dir", "Lift it", 'h'),
                    Opt {
                        short: "seq",
                        long: "sequential",
                        value: Takes::Maybe("piece"),
                        about: "Order it",
                        effect: 'q',
                    },
                    flag("", "exit", "End it", 'x'),
                ],
            },
        ],
        notes: &[("FILES", "None.")],
    };

    fn scan(line: &str) -> String {
        let args: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        let tell = |item: Item<'_, char>| match item {
            Item::Option(option, None) => option.effect.to_string(),
            Item::Option(option, Some(value)) => format!("{}({value})", option.effect),
            Item::Malformed(option) => format!("{}!", option.effect),
            Item::Word(word) => format!("'{}'", word.to_string_lossy()),
        };
        TOY.scan(&args).into_iter().map(tell).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn values_follow_attach_or_stand_behind_an_equals_sign() {
        assert_eq!(scan("-d 5 -d5 -d=5 --down 5 --down=5"), "d(5) d(5) d(5) d(5) d(5)");
        assert_eq!(scan("--down= -d -7"), "d() d(-7)");
    }

    #[test]
    fn the_longest_name_wins() {
        assert_eq!(scan("-asd20 -as -a -ph 1 -ph1 -p=h"), "l(20) s a h(1) h(1) p(h)");
        assert_eq!(scan("--alt-speed-down=3 --alt-speed"), "l(3) s");
    }

    #[test]
    fn words_and_unknown_options_are_told_apart_from_options() {
        assert_eq!(scan("-a x.torrent --nothing -z"), "a 'x.torrent' '--nothing' '-z'");
        assert_eq!(scan("-ax --exit=now --addx"), "'-ax' '--exit=now' '--addx'");
    }

    #[test]
    fn a_value_is_never_the_next_option() {
        assert_eq!(scan("-d -a"), "d! a");
        assert_eq!(scan("-d"), "d!");
        assert_eq!(scan("-seq 7 -seq --exit -seq"), "q(7) q x q");
    }

    #[test]
    fn help_is_asked_for_anywhere() {
        let args = ["-d", "-h"].map(OsString::from);
        assert!(Program::<char>::asks_for_help(&args) && !Program::<char>::asks_for_help(&args[..1]));
    }
}
