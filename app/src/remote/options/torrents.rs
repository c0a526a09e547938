//! Options about torrents.

use super::Kind::{Bool, Decimal, Files, Int, Number, NumberIfGiven, OneNumber, OneText, Text, Words};
use super::{Effect, Listing, Places, any_torrent, torrent_only};
use crate::options::{Opt, Section, Takes, flag, valued};

pub(super) const ADDING: Section<Effect> = Section {
    title: "Choosing and adding torrents",
    options: &[
        flag("a", "add", "Add the torrent that follows: a file, a URL or a magnet link", Effect::Add),
        valued(
            "t",
            "torrent",
            "torrents",
            "The current torrents: ids, info-hashes, all, active",
            Effect::Select,
        ),
        valued(
            "F",
            "filter",
            "criterion",
            "Keep of the current torrents those that i, d, u, l:LABEL, n:NAME, r:RATIO or w says; ~ negates",
            Effect::Filter,
        ),
        flag("ids", "print-ids", "Print the current torrents' ids", Effect::PrintIds),
        valued(
            "w",
            "download-dir",
            "dir",
            "The folder of the added torrent; otherwise that of all to come",
            Effect::Set(Places {
                add: &[("download_dir", Text)],
                torrent: &[],
                session: &[("download_dir", Text)],
            }),
        ),
    ],
};

pub(super) const LISTINGS: Section<Effect> = Section {
    title: "What torrents do",
    options: &[
        flag("l", "list", "List torrents", Effect::Show(Listing::Torrents)),
        flag("i", "info", "All about the current torrents", Effect::Show(Listing::Details)),
        flag("if", "info-files", "The current torrents' files", Effect::Show(Listing::Files)),
        flag("f", "files", "The current torrents' files, as -if", Effect::Show(Listing::Files)),
        flag("ip", "info-peers", "The current torrents' peers", Effect::Show(Listing::Peers)),
        flag("pi", "peer-info", "The current torrents' peers, as -ip", Effect::Show(Listing::Peers)),
        flag("ic", "info-pieces", "The current torrents' pieces", Effect::Show(Listing::Pieces)),
        flag("it", "info-trackers", "The current torrents' trackers", Effect::Show(Listing::Trackers)),
        flag(
            "",
            "web-seeds",
            "The current torrents' web seeds: state, speed, bytes, last error (starling's daemon)",
            Effect::Show(Listing::WebSeeds),
        ),
        flag(
            "",
            "why",
            "Why the current torrents are not faster (starling's daemon)",
            Effect::Show(Listing::Why),
        ),
        flag(
            "",
            "doctor",
            "What is wrong with the current torrents' files (starling's daemon)",
            Effect::Show(Listing::Doctor),
        ),
    ],
};

pub(super) const ACTIONS: Section<Effect> = Section {
    title: "Acting on torrents",
    options: &[
        flag("s", "start", "Start the current torrents", Effect::Run { stopped: false }),
        flag("S", "stop", "Stop the current torrents", Effect::Run { stopped: true }),
        flag("v", "verify", "Verify the current torrents' data", Effect::Act("torrent_verify")),
        flag(
            "",
            "reannounce",
            "Ask the current torrents' trackers for more peers",
            Effect::Act("torrent_reannounce"),
        ),
        valued("", "move", "path", "Move the current torrents' data to another folder", Effect::Move),
        valued("", "find", "path", "The folder in which the current torrents' data is", Effect::Find),
        valued(
            "",
            "path",
            "path",
            "What --rename renames: the torrent's name, or the path of a file or folder in it",
            Effect::Path,
        ),
        valued("", "rename", "name", "Give what --path named another name", Effect::Rename),
        flag(
            "r",
            "remove",
            "Remove the current torrents and keep their data",
            Effect::Remove { with_data: false },
        ),
        flag(
            "rad",
            "remove-and-delete",
            "Remove the current torrents and delete their data",
            Effect::Remove { with_data: true },
        ),
        valued(
            "",
            "web-seed-add",
            "URL",
            "Add a web seed to the current torrents (starling's daemon)",
            Effect::WebSeed("torrent_web_seed_add"),
        ),
        valued(
            "",
            "web-seed-remove",
            "URL",
            "Take a web seed from the current torrents (starling's daemon)",
            Effect::WebSeed("torrent_web_seed_remove"),
        ),
    ],
};

pub(super) const SETTINGS: Section<Effect> = Section {
    title: "Settings of torrents",
    options: &[
        valued(
            "g",
            "get",
            "files",
            "Fetch these files: indexes as -if shows them (1,3-5), or all",
            any_torrent(&[("files_wanted", Files)]),
        ),
        valued("G", "no-get", "files", "Do not fetch these files", any_torrent(&[("files_unwanted", Files)])),
        valued(
            "ph",
            "priority-high",
            "files",
            "Fetch these files first",
            any_torrent(&[("priority_high", Files)]),
        ),
        valued(
            "pn",
            "priority-normal",
            "files",
            "Fetch these files in their turn",
            any_torrent(&[("priority_normal", Files)]),
        ),
        valued(
            "pl",
            "priority-low",
            "files",
            "Fetch these files last",
            any_torrent(&[("priority_low", Files)]),
        ),
        flag(
            "Bh",
            "bandwidth-high",
            "Serve these torrents before others",
            any_torrent(&[("bandwidth_priority", Int(1))]),
        ),
        flag(
            "Bn",
            "bandwidth-normal",
            "Serve these torrents after those of high priority",
            any_torrent(&[("bandwidth_priority", Int(0))]),
        ),
        flag(
            "Bl",
            "bandwidth-low",
            "Serve these torrents after all others",
            any_torrent(&[("bandwidth_priority", Int(-1))]),
        ),
        valued(
            "L",
            "labels",
            "labels",
            "Labels, with commas between them",
            any_torrent(&[("labels", Words)]),
        ),
        valued(
            "bwg",
            "bandwidth-group",
            "group",
            "Share the limits of a bandwidth group",
            any_torrent(&[("group", Text)]),
        ),
        flag(
            "nwg",
            "no-bandwidth-group",
            "Leave the bandwidth group",
            any_torrent(&[("group", super::Kind::Word(""))]),
        ),
        valued("td", "tracker-add", "tracker", "Add a tracker", any_torrent(&[("tracker_add", OneText)])),
        valued(
            "tr",
            "tracker-remove",
            "id",
            "Remove a tracker; -it shows the ids",
            torrent_only(&[("tracker_remove", OneNumber)]),
        ),
        valued(
            "sr",
            "seedratio",
            "ratio",
            "Seed until this ratio",
            torrent_only(&[("seed_ratio_limit", Decimal), ("seed_ratio_mode", Int(1))]),
        ),
        flag(
            "srd",
            "seedratio-default",
            "Seed until the session's ratio",
            torrent_only(&[("seed_ratio_mode", Int(0))]),
        ),
        flag("SR", "no-seedratio", "Seed whatever the ratio", torrent_only(&[("seed_ratio_mode", Int(2))])),
        valued(
            "isl",
            "idle-seeding-limit",
            "minutes",
            "Seed until nobody asked for so long",
            torrent_only(&[("seed_idle_limit", Number), ("seed_idle_mode", Int(1))]),
        ),
        flag(
            "isld",
            "default-idle-seeding-limit",
            "Seed until the session's limit of idling",
            torrent_only(&[("seed_idle_mode", Int(0))]),
        ),
        flag(
            "ISL",
            "no-idle-seeding-limit",
            "Seed even if nobody asks",
            torrent_only(&[("seed_idle_mode", Int(2))]),
        ),
        flag(
            "hl",
            "honor-session",
            "Obey the session's limits",
            torrent_only(&[("honors_session_limits", Bool(true))]),
        ),
        flag(
            "HL",
            "no-honor-session",
            "Do not obey the session's limits",
            torrent_only(&[("honors_session_limits", Bool(false))]),
        ),
        flag(
            "",
            "super-seed",
            "Show each peer a few pieces at a time (BEP 16): for the first and only seed",
            torrent_only(&[("super_seeding", Bool(true))]),
        ),
        flag(
            "",
            "no-super-seed",
            "Show every peer everything",
            torrent_only(&[("super_seeding", Bool(false))]),
        ),
        Opt {
            short: "seq",
            long: "sequential-download",
            value: Takes::Maybe("piece"),
            about: "Fetch in order, from this piece on; without a torrent, all that are added later",
            effect: SEQUENTIAL,
        },
        flag(
            "SEQ",
            "no-sequential-download",
            "Fetch in any order",
            everywhere(&[("sequential_download", Bool(false))]),
        ),
    ],
};

const SEQUENTIAL: Effect =
    everywhere(&[("sequential_download", Bool(true)), ("sequential_download_from_piece", NumberIfGiven)]);

const fn everywhere(fields: super::Fields) -> Effect {
    Effect::Set(Places { add: fields, torrent: fields, session: fields })
}
