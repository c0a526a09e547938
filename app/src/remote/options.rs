//! What `starling remote` can be told: the one table that the command line is read with, and that help, completions and
//! the manual page are made from.
//!
//! Most options set something, and for those the table says it all: which keys, from what kind of value, and whether
//! they belong to a torrent that is being added, to torrents that are there, or to the session.

mod general;
mod session;
mod torrents;

use crate::options::Program;

/// Keys (in the spelling of JSON-RPC) and where their values come from.
pub(super) type Fields = &'static [(&'static str, Kind)];

/// What an option does.
#[derive(Clone, Copy, Debug)]
pub(super) enum Effect {
    /// Says how to reach the daemon or how to show its answers; holds for the whole command line.
    Setup(Setup),
    /// Sets something, wherever it fits.
    Set(Places),
    /// Adds the torrent that follows.
    Add,
    /// Names the current torrents.
    Select,
    /// Narrows the current torrents.
    Filter,
    PrintIds,
    /// Starts or stops the current torrents; a torrent that is being added starts so.
    Run {
        stopped: bool,
    },
    /// Tells where the data is; a torrent that is being added goes there.
    Find,
    Move,
    /// The path that the next `Rename` renames.
    Path,
    Rename,
    Remove {
        with_data: bool,
    },
    /// Calls a method for the current torrents.
    Act(&'static str),
    /// Calls a method with the value as `url` for the current torrents.
    WebSeed(&'static str),
    /// Calls a method of the session.
    Order(&'static str),
    /// Prints what the daemon knows.
    Show(Listing),
    Version,
    Completion,
    Manual,
}

/// What holds for the whole command line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Setup {
    Debug,
    Json,
    Watch,
    Auth,
    AuthFromEnvironment,
    Netrc,
    Tls,
    UnixSocket,
}

/// The keys of a setting in each of the places that it can be made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places {
    /// In `torrent_add`.
    pub(super) add: Fields,
    /// In `torrent_set`.
    pub(super) torrent: Fields,
    /// In `session_set`.
    pub(super) session: Fields,
}

/// How a value comes about.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Bool(bool),
    Int(i64),
    Word(&'static str),
    /// A whole number.
    Number,
    /// A whole number, where the option has a value; else nothing is set.
    NumberIfGiven,
    /// A number that need not be whole.
    Decimal,
    Text,
    /// `hhmm`, as minutes since midnight.
    Time,
    /// Days of the week, 1 to 7, as a set of bits from Sunday on.
    Days,
    /// Indexes of files; `all` is the empty list.
    Files,
    /// Words with commas between, added to what the list holds.
    Words,
    /// One text more in a list.
    OneText,
    /// One number more in a list.
    OneNumber,
}

/// What can be printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Listing {
    Torrents,
    Details,
    Files,
    Peers,
    Pieces,
    Trackers,
    WebSeeds,
    Why,
    Doctor,
    Session,
    Stats,
    Groups,
    PortTest,
}

const fn session_only(session: Fields) -> Effect {
    Effect::Set(Places { add: &[], torrent: &[], session })
}

const fn torrent_only(torrent: Fields) -> Effect {
    Effect::Set(Places { add: &[], torrent, session: &[] })
}

/// The same keys for a torrent that is being added and for those that are there.
const fn any_torrent(fields: Fields) -> Effect {
    Effect::Set(Places { add: fields, torrent: fields, session: &[] })
}

/// `starling remote`.
pub(super) const PROGRAM: Program<Effect> = Program {
    command: "starling remote",
    about: "Drives a starling or Transmission daemon over RPC.",
    usage: &[
        "[options]",
        "host [options]",
        "port [options]",
        "host:port [options]",
        "http[s]://host:port/transmission/ [options]",
    ],
    sections: &[
        general::CONNECTION,
        torrents::ADDING,
        torrents::LISTINGS,
        torrents::ACTIONS,
        torrents::SETTINGS,
        session::SESSION,
        session::SPEED,
        session::NETWORK,
        session::FILES,
        general::PROGRAM,
    ],
    notes: general::NOTES,
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Item;
    use std::collections::BTreeSet;
    use std::ffi::OsString;

    /// Every name of Transmission's remote, 3.00 to 4.2: short and long.
    const TRANSMISSION: &str = "a:add as:alt-speed AS:no-alt-speed asd:alt-speed-downlimit asu:alt-speed-uplimit \
        asc:alt-speed-scheduler ASC:no-alt-speed-scheduler :alt-speed-time-begin :alt-speed-time-end \
        :alt-speed-days :blocklist-update c:incomplete-dir C:no-incomplete-dir b:debug bwg:bandwidth-group \
        nwg:no-bandwidth-group lg:list-groups d:downlimit D:no-downlimit e:cache er:encryption-required \
        ep:encryption-preferred et:encryption-tolerated :exit f:files F:filter g:get G:no-get i:info ids:print-ids \
        if:info-files ip:info-peers ic:info-pieces it:info-trackers j:json si:session-info st:session-stats l:list \
        L:labels :move :unix-socket :find :rename :path m:portmap M:no-portmap n:auth ne:authenv N:netrc :ssl o:dht \
        O:no-dht p:port pt:port-test P:random-port ph:priority-high pn:priority-normal pl:priority-low \
        Bh:bandwidth-high Bn:bandwidth-normal Bl:bandwidth-low :reannounce r:remove pr:peers rad:remove-and-delete \
        :torrent-done-script :no-torrent-done-script :torrent-done-seeding-script :no-torrent-done-seeding-script \
        sr:seedratio srd:seedratio-default SR:no-seedratio gsr:global-seedratio GSR:no-global-seedratio \
        isl:idle-seeding-limit isld:default-idle-seeding-limit ISL:no-idle-seeding-limit \
        gisl:global-idle-seeding-limit GISL:no-global-idle-seeding-limit td:tracker-add tr:tracker-remove s:start \
        S:stop t:torrent :start-paused :no-start-paused :trash-torrent :no-trash-torrent seq:sequential-download \
        SEQ:no-sequential-download hl:honor-session HL:no-honor-session u:uplimit U:no-uplimit \
        :preferred-transports :utp :no-utp v:verify V:version w:download-dir x:pex X:no-pex y:lpd Y:no-lpd \
        pi:peer-info";

    #[test]
    fn every_option_of_transmission_is_there() {
        let ours: BTreeSet<(&str, &str)> =
            PROGRAM.options().map(|option| (option.short, option.long)).collect();
        for pair in TRANSMISSION.split_whitespace() {
            let (short, long) = pair.split_once(':').unwrap();
            assert!(ours.contains(&(short, long)), "no -{short} --{long}");
        }
    }

    #[test]
    fn no_name_stands_for_two_options() {
        let (mut short, mut long) = (BTreeSet::new(), BTreeSet::new());
        for option in PROGRAM.options() {
            assert!(long.insert(option.long), "--{} twice", option.long);
            assert!(option.short.is_empty() || short.insert(option.short), "-{} twice", option.short);
            assert!(!option.about.is_empty() && !option.about.ends_with('.'), "--{}", option.long);
        }
    }

    #[test]
    fn every_name_is_read_as_itself() {
        for option in PROGRAM.options() {
            let names = [format!("-{}", option.short), format!("--{}", option.long)];
            for name in names.iter().filter(|name| *name != "-") {
                let args = [OsString::from(name), OsString::from("value")];
                let found = match PROGRAM.scan(&args).into_iter().next() {
                    Some(Item::Option(found, _)) => found.long,
                    _ => "nothing",
                };
                assert_eq!(found, option.long, "{name}");
            }
        }
    }
}
