//! The command line of `starling dht`.

use crate::get::{parse_node, parse_timeout};
use clap::{Args, Subcommand};
use engine::Bind;
use metainfo::unhex;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

const CODES: &str = "\
Exit codes:
  0  done
  1  failed in another way: the port is taken, the nodes hold another number than --cas, ...
  2  usage: the command line is wrong, or the item is none that nodes keep
  3  nobody answers, nothing is found, or no node took the item
  5  disk: a file cannot be read or written
  8  interrupted by Ctrl-C or SIGTERM";

const EXAMPLES: &str = "\
Examples:
  starling dht ping router.bittorrent.com:6881
  starling dht peers 0123456789abcdef0123456789abcdef01234567
  echo -n 'Hello World!' | starling dht put
  starling dht get e5f96f6f38320f0f33959cb4d3d656452117aadb
  starling dht put latest.txt --new-key ~/my.key --salt news
  starling dht put latest.txt --key ~/my.key --salt news --cas 1
  starling dht put --torrent 0123456789abcdef0123456789abcdef01234567 --key ~/my.key";

/// Ask the distributed hash table: a node, for peers, for what others put there
///
/// The table is entered at the usual routers, or where --dht-bootstrap says; an address of this machine or of a private
/// network makes it a local one. What is put is kept by the nodes for about two hours (BEP 44).
#[derive(Args, Debug)]
#[command(after_help = CODES, after_long_help = format!("{CODES}\n\n{EXAMPLES}"))]
pub(crate) struct DhtArgs {
    #[command(subcommand)]
    pub(super) what: What,

    #[command(flatten)]
    pub(super) network: Network,
}

/// What all of them share.
#[derive(Args, Debug)]
pub(super) struct Network {
    /// Enter the table there instead of at the usual routers; repeatable
    #[arg(long, value_name = "HOST:PORT", value_parser = parse_node, global = true, help_heading = "Network")]
    pub(super) dht_bootstrap: Vec<(String, u16)>,

    /// Use only this network interface, or the one that has this address: everything goes by it, or not at all
    #[arg(long, value_name = "NAME|ADDR", global = true, help_heading = "Network")]
    pub(super) bind: Option<Bind>,

    /// Ask from this UDP port; 0 for any
    #[arg(long, default_value_t = 0, global = true, help_heading = "Network")]
    pub(super) port: u16,

    /// Give up (exit code 3) after this time, such as 10s or 2m
    #[arg(
        long,
        value_name = "D",
        value_parser = parse_timeout,
        default_value = "1m",
        global = true,
        help_heading = "Network"
    )]
    pub(super) timeout: Duration,

    /// Print JSON on standard output, one object a line
    #[arg(long, global = true, help_heading = "Output")]
    pub(super) json: bool,
}

#[derive(Subcommand, Debug)]
pub(super) enum What {
    /// Ask one node whether it is there: its id, its client, and where it sees us
    Ping {
        /// The node, HOST:PORT, an IPv6 address in brackets
        #[arg(value_name = "HOST:PORT", value_parser = parse_node)]
        node: (String, u16),
    },
    /// Look for peers of a torrent, and print them as they are found
    Peers {
        /// The info-hash: 40 hex digits, or 64 of a torrent v2
        #[arg(value_name = "INFOHASH", value_parser = parse_info_hash)]
        info_hash: [u8; 20],
    },
    Get(GetItem),
    Put(PutItem),
}

/// Get what somebody put: the bytes as they are, on standard output
#[derive(Args, Debug)]
pub(super) struct GetItem {
    /// What it is stored under: 40 hex digits that `put` told, or 64 of the public key of a mutable item
    #[arg(value_name = "TARGET|KEY", value_parser = parse_name)]
    pub(super) name: Name,

    /// Which of the items of a key
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(super) salt: String,

    /// Print the value in bencode, of whatever kind it is
    #[arg(long)]
    pub(super) bencoded: bool,
}

/// Put up to 1,000 bytes where everybody can get them: unchangeable, or with a key to be replaced later
#[derive(Args, Debug)]
pub(super) struct PutItem {
    /// The file that holds the bytes; - for standard input
    #[arg(default_value = "-")]
    pub(super) file: OsString,

    /// Sign it with the key in this file: whoever has it can put something newer
    #[arg(long, value_name = "FILE")]
    pub(super) key: Option<PathBuf>,

    /// Make a new key in this file, and sign with it
    #[arg(long, value_name = "FILE", conflicts_with = "key")]
    pub(super) new_key: Option<PathBuf>,

    /// Which of the items of the key; at most 64 bytes
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(super) salt: String,

    /// Only replace what has this sequence number
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(0..))]
    pub(super) cas: Option<i64>,

    /// The file is in bencode already, and is stored as it is
    #[arg(long)]
    pub(super) bencoded: bool,

    /// Say that this is the newest torrent of the key (BEP 46), instead of a file: the magnet link that is printed
    /// leads to it, and to any that is put later
    #[arg(long, value_name = "INFOHASH", value_parser = parse_v1, conflicts_with_all = ["file", "bencoded"])]
    pub(super) torrent: Option<[u8; 20]>,
}

/// What an item is found by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Name {
    /// The SHA-1 of an immutable one.
    Target([u8; 20]),
    /// The public key of a mutable one.
    Key([u8; 32]),
}

fn parse_name(text: &str) -> Result<Name, String> {
    let target = unhex(text).map(Name::Target);
    target
        .or_else(|| unhex(text).map(Name::Key))
        .ok_or_else(|| "a target has 40 hex digits, the public key of a mutable item 64".to_owned())
}

/// The DHT knows the hash of a torrent v2 by its first 20 bytes (BEP 52).
fn parse_info_hash(text: &str) -> Result<[u8; 20], String> {
    let first = |hash: [u8; 32]| hash.first_chunk().copied();
    let hash = unhex(text).or_else(|| unhex(text).and_then(first));
    hash.ok_or_else(|| "an info-hash has 40 hex digits, or 64".to_owned())
}

fn parse_v1(text: &str) -> Result<[u8; 20], String> {
    unhex(text).ok_or_else(|| "the info-hash of a torrent v1 or hybrid has 40 hex digits".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart_by_their_length() {
        assert_eq!(parse_name(&"0a".repeat(20)), Ok(Name::Target([10; 20])));
        assert_eq!(parse_name(&"0A".repeat(32)), Ok(Name::Key([10; 32])));
        assert!(parse_name(&"0a".repeat(21)).is_err() && parse_name(&"0g".repeat(20)).is_err());
        assert_eq!(parse_info_hash(&"0a".repeat(32)), Ok([10; 20]));
        assert!(parse_info_hash("0a").is_err());
    }
}
