//! The first and only seed, between daemons on loopback.

use crate::world::{Home, Sample, entry, wait_for};
use daemon::{Daemon, Number, Status, TorrentEdit};
use std::net::SocketAddr;

/// Large enough that what two leeches both fetch from the seed shows.
const FILES: &[(&str, usize)] = &[("a.bin", 2 << 20), ("b.bin", 2 << 20)];
const SIZE: u64 = 4 << 20;

async fn set(daemon: &Daemon, number: Number, super_seeding: bool) {
    let edit = TorrentEdit { super_seeding: Some(super_seeding), ..TorrentEdit::default() };
    daemon.edit(vec![number], edit).await.expect("taken");
}

fn at(daemon: &Daemon) -> SocketAddr {
    ([127, 0, 0, 1], daemon.port()).into()
}

#[tokio::test]
async fn a_super_seed_sends_little_twice_over_a_restart_too() {
    let (giver, homes) = (Home::new(), [Home::new(), Home::new()]);
    let sample = Sample::new("image", FILES, 81);
    sample.write(&giver.downloads());
    let giving = giver.start().await;
    let number = sample.add(&giving).await.number;
    wait_for(&giving, number, "seeding", |it| it.status() == Status::Seeding).await;
    set(&giving, number, true).await;
    giving.shutdown().await;

    let giving = giver.start().await;
    assert!(entry(&giving, number, |it| it.options().super_seeding), "it is kept");
    let [one, other] = [homes[0].start().await, homes[1].start().await];
    let (mine, theirs) = (sample.add(&one).await.number, sample.add(&other).await.number);
    one.add_peers(mine, vec![at(&other), at(&giving)]).await.expect("taken");
    other.add_peers(theirs, vec![at(&giving)]).await.expect("taken");
    for (daemon, number) in [(&one, mine), (&other, theirs)] {
        wait_for(daemon, number, "complete", |it| it.status() == Status::Seeding).await;
    }
    wait_for(&giving, number, "told what it sent", |it| it.progress().uploaded >= SIZE).await;
    let sent = entry(&giving, number, |it| it.progress().uploaded);
    println!("{:.2} of the torrent left the seed", sent as f64 / SIZE as f64);
    assert!(sent < SIZE * 3 / 2, "{sent} bytes of {SIZE} left the seed for two leeches");
    for daemon in [giving, one, other] {
        daemon.shutdown().await;
    }
}

#[tokio::test]
async fn a_super_seed_that_becomes_an_ordinary_one_shows_all_it_has() {
    let (giver, taker) = (Home::new(), Home::new());
    let sample = Sample::new("image", FILES, 82);
    sample.write(&giver.downloads());
    let giving = giver.start().await;
    let number = sample.add(&giving).await.number;
    wait_for(&giving, number, "seeding", |it| it.status() == Status::Seeding).await;
    set(&giving, number, true).await;
    let taking = taker.start().await;
    let edit = TorrentEdit { down_limit: Some(200), down_limited: Some(true), ..TorrentEdit::default() };
    let added = sample.add(&taking).await.number;
    taking.edit(vec![added], edit).await.expect("taken");
    taking.add_peers(added, vec![at(&giving)]).await.expect("taken");
    let is_met = |it: &daemon::Entry| it.progress().bytes_done > 0;
    wait_for(&taking, added, "the first piece", is_met).await;
    let available = entry(&taking, added, |it| it.progress().bytes_available);
    assert!(available < SIZE, "a few pieces are shown at a time: {available}");
    set(&giving, number, false).await;
    let sees_all = |it: &daemon::Entry| it.progress().bytes_available + it.progress().bytes_done >= SIZE;
    wait_for(&taking, added, "all is shown", sees_all).await;
    assert!(entry(&taking, added, |it| it.progress().bytes_left() > 0), "while it is still being fetched");
    for daemon in [giving, taking] {
        daemon.shutdown().await;
    }
}
