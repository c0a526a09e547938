//! Options about the connection and about the program itself.

use super::{Effect, Setup};
use crate::options::{Opt, Section, Takes, flag, valued};

pub(super) const CONNECTION: Section<Effect> = Section {
    title: "Connection and output",
    options: &[
        valued(
            "n",
            "auth",
            "user:password",
            "User name and password; other users of this machine may see them here, -ne and -N keep them hidden",
            Effect::Setup(Setup::Auth),
        ),
        flag(
            "ne",
            "authenv",
            "User name and password from the environment: TR_AUTH=user:password",
            Effect::Setup(Setup::AuthFromEnvironment),
        ),
        valued(
            "N",
            "netrc",
            "file",
            "User name and password from a .netrc file; ~/.netrc is read without being asked",
            Effect::Setup(Setup::Netrc),
        ),
        flag(
            "",
            "ssl",
            "Use HTTPS; as with Transmission any certificate will do, self-signed ones too",
            Effect::Setup(Setup::Tls),
        ),
        valued(
            "",
            "unix-socket",
            "path",
            "Reach the daemon through a socket of this machine",
            Effect::Setup(Setup::UnixSocket),
        ),
        flag("j", "json", "Print the daemon's answers as they come, as JSON", Effect::Setup(Setup::Json)),
        Opt {
            short: "",
            long: "watch",
            value: Takes::Maybe("seconds"),
            about: "Print what is listed again and again, every 2 seconds if nothing else is said; -l if nothing is \
                    listed",
            effect: Effect::Setup(Setup::Watch),
        },
        flag("b", "debug", "Print requests and answers on standard error", Effect::Setup(Setup::Debug)),
    ],
};

pub(super) const PROGRAM: Section<Effect> = Section {
    title: "The program itself",
    options: &[
        valued(
            "",
            "completion",
            "shell",
            "Print completions for bash, zsh or fish; e.g. eval \"$(starling remote --completion bash)\"",
            Effect::Completion,
        ),
        flag("", "man", "Print the manual page", Effect::Manual),
        flag("V", "version", "Print the version", Effect::Version),
    ],
};

pub(super) const NOTES: &[(&str, &str)] = &[
    (
        "ORDER",
        "Options are obeyed from left to right. What follows -a belongs to the torrent that is added; what follows -t \
         belongs to those torrents; -d, -u, -pr and -seq without a torrent set the session. Several actions may stand \
         in one command line: -a image.torrent -w /srv -t all -l\n\n\
         Options of the section on connection and output hold for the whole command line.",
    ),
    (
        "SELECTING",
        "-t takes an id, several (1,3-5), info-hashes, all, or active. -F takes i (idle), d (downloading), \
         u (uploading), l:LABEL, n:TEXT of the name, r:RATIO at least, w (not all files are wanted); ~ before it \
         turns it round.",
    ),
    (
        "EXIT STATUS",
        "0 if every request was answered with success, 1 if any was not or an option is unknown.",
    ),
    ("ENVIRONMENT", "TR_AUTH with -ne; NO_COLOR; HOME for .netrc; TZ for dates."),
];
