//! `starling`: fetch, verify and give back operating-system images over BitTorrent.
fn main() {}
