//! Whole swarms against scripted peers, through the public API.

use crate::contract::{CandidateSource, ConnectFailure, Direction, Event, FetchEnd, StorageFact};
use crate::world::{Script, World, config};
use crate::{Fault, Refusal, WebSeedState, limits};
use metainfo::{Bitfield, Geometry, PieceIndex};
use std::collections::BTreeSet;
use std::time::Duration;
use wire::{Close, Fact, Order};

const SECOND: Duration = Duration::from_secs(1);

/// 40 pieces of four blocks, the last piece short.
fn geometry() -> Geometry {
    Geometry::new(65_536, [65_536 * 39 + 20_000]).unwrap()
}

fn world(seed: u64) -> World {
    World::new(config(geometry()), seed)
}

#[test]
fn a_whole_download_from_one_peer() {
    let mut world = world(1);
    let peer = world.join(1, Script::seed(40)).unwrap();
    assert!(world.completes(10 * SECOND));
    let stats = world.swarm.stats();
    assert_eq!((stats.bytes_from_peers, stats.bytes_wasted), (65_536 * 39 + 20_000, 0));
    assert_eq!(world.events, [Event::Complete]);
    let peer = world.peer(peer);
    assert_eq!(peer.count(|order| matches!(order, Order::Have(_))), 0, "the peer has every piece");
    assert_eq!(peer.closed, Some(Close::NothingToTrade));
}

#[test]
fn the_first_request_goes_out_with_the_unchoke() {
    let mut world = world(1);
    let peer = world.join(1, Script::seed(40)).unwrap();
    assert!(world.peer(peer).orders.contains(&Order::Interested));
    world.tell(peer, Fact::Unchoked);
    assert_eq!(world.peer(peer).count(|order| matches!(order, Order::Request(_))), 8);
}

#[test]
fn odd_sizes_end() {
    for (piece_length, total) in [(40_000, 400_001), (10, 95), (16_385, 16_385 * 5), (1 << 20, 1)] {
        let mut world = World::new(config(Geometry::new(piece_length, [total]).unwrap()), 3);
        let pieces = world.swarm.have().length();
        world.join(1, Script::seed(pieces)).unwrap();
        assert!(world.completes(60 * SECOND), "{piece_length} {total}");
        assert_eq!(world.swarm.stats().bytes_from_peers, total);
    }
}

#[test]
fn two_peers_share_the_work() {
    let mut world = world(2);
    let peers = [world.join(1, Script::seed(40)).unwrap(), world.join(2, Script::seed(40)).unwrap()];
    assert!(world.completes(10 * SECOND));
    assert!(peers.iter().all(|peer| world.peer(*peer).sent > 40), "both are used");
    assert!(world.swarm.stats().bytes_wasted < 65_536, "{:?}", world.swarm.stats());
}

#[test]
fn the_end_game_passes_by_a_stalled_peer_and_cancels() {
    let mut world = world(3);
    let stalled = world.join(1, Script { blocks: 10, ..Script::seed(40) }).unwrap();
    let good = world.join(2, Script::seed(40)).unwrap();
    assert!(world.completes(10 * SECOND), "long before the stalled peer is found snubbed");
    assert!(world.swarm.stats().end_game_requests > 0);
    let cancelled = world.peer(stalled).count(|order| matches!(order, Order::Cancel(_)));
    assert!(cancelled > 0 && world.peer(stalled).pending.is_empty());
    assert!(world.peer(good).pending.is_empty());
}

#[test]
fn a_peer_that_sends_nothing_is_snubbed_and_its_blocks_are_free() {
    let mut world = world(3);
    let silent = world.join(1, Script { blocks: 0, ..Script::seed(40) }).unwrap();
    world.run(40 * SECOND, |_| false);
    assert_eq!((world.swarm.stats().snubs, world.peer(silent).pending.len()), (1, 1));
}

#[test]
fn a_liar_is_banned_and_innocents_are_not() {
    for seed in 0..20 {
        let mut world = world(seed);
        let lies = (0..40).map(|piece| (piece, 1)).collect::<BTreeSet<_>>();
        let liar = world.join(1, Script { lies: Some(lies), ..Script::seed(40) }).unwrap();
        let honest = [world.join(2, Script::seed(40)).unwrap(), world.join(3, Script::seed(40)).unwrap()];
        assert!(world.completes(60 * SECOND), "seed {seed}");
        let banned: Vec<_> = world.events.iter().filter(|event| matches!(event, Event::Banned(_))).collect();
        assert_eq!(banned, [&Event::Banned("81.0.0.1".parse().unwrap())], "seed {seed}");
        assert_eq!(world.peer(liar).closed, Some(Close::Banned));
        assert!(honest.iter().all(|peer| world.peer(*peer).closed == Some(Close::NothingToTrade)));
        assert_eq!(world.join(1, Script::seed(40)), Err(Refusal::Banned));
    }
}

#[test]
fn idle_strangers_make_room_for_a_newcomer() {
    let mut world = world(4);
    let idle = Script { have: Bitfield::new(40), generous: false, ..Script::seed(40) };
    let taken = (0..1000).filter(|n| world.join(1000 + n, idle.clone()).is_ok()).count();
    assert_eq!(taken, 50);
    world.run(SECOND, |_| false);
    world.join(1, Script::seed(40)).expect("an honest newcomer is let in");
    assert!(world.completes(20 * SECOND));
}

#[test]
fn limits_are_lowered_while_peers_are_there() {
    let mut world = world(17);
    let seed = world.join(1, Script::seed(40)).unwrap();
    let leech = Script { have: Bitfield::new(40), interested: true, generous: false, ..Script::seed(40) };
    let leeches: Vec<_> = (2..8).map(|n| world.join(n, leech.clone()).unwrap()).collect();
    world.run(200 * Duration::from_millis(1), |_| false);
    let served = |world: &World| leeches.iter().filter(|key| world.peer(**key).is_served()).count();
    assert_eq!(served(&world), 4);
    world.swarm.set_upload_slots(world.now, 1);
    world.drain();
    assert_eq!(served(&world), 1);
    world.swarm.set_max_peers(world.now, 3);
    world.drain();
    let left = leeches.iter().filter(|key| world.peer(**key).closed.is_none()).count();
    assert_eq!((left, world.peer(seed).closed), (2, None), "who gives is worth more than who only takes");
    assert_eq!(world.join(9, leech), Err(Refusal::Full));
    assert!(world.completes(20 * SECOND));
}

#[test]
fn stop_is_silent_and_start_goes_on() {
    let mut world = world(5);
    let peer = world.join(1, Script::seed(40)).unwrap();
    let web_seed = world.add_web_seed(Duration::from_millis(5));
    world.run(100 * Duration::from_millis(1), |_| false);
    world.swarm.stop(world.now);
    world.drain();
    assert_eq!(world.peer(peer).closed, Some(Close::Stopped));
    assert_eq!(world.web_seeds[&web_seed].cancels, 1);
    world.swarm.handle_candidates(world.now, CandidateSource::Tracker, &["81.9.9.9:1".parse().unwrap()]);
    let ranges = world.web_seeds[&web_seed].ranges.len();
    world.run(600 * SECOND, |_| false);
    assert!(world.connects.is_empty() && world.web_seeds[&web_seed].ranges.len() == ranges);
    assert_eq!(world.swarm.poll_timeout(), None);
    assert_eq!(world.join(2, Script::seed(40)), Err(Refusal::Stopped));
    world.swarm.start(world.now);
    world.drain();
    assert_eq!(world.connects.len(), 1);
    assert!(world.completes(20 * SECOND));
}

#[test]
fn completion_without_seeding_is_silent() {
    let mut config = config(geometry());
    config.seed = false;
    let mut world = World::new(config, 6);
    let peers = [world.join(1, Script::seed(40)).unwrap(), {
        let leech = Script { have: Bitfield::new(40), interested: true, ..Script::seed(40) };
        world.join(2, leech).unwrap()
    }];
    assert!(world.completes(10 * SECOND));
    world.drain();
    assert!(peers.iter().all(|peer| world.peer(*peer).closed == Some(Close::Stopped)));
    assert_eq!(world.swarm.poll_timeout(), None);
}

#[test]
fn only_wanted_pieces_are_fetched_and_more_can_be_wanted_later() {
    let mut config = config(geometry());
    config.wanted = Bitfield::new(40);
    for piece in 10..15 {
        config.wanted.insert(PieceIndex(piece));
    }
    let mut world = World::new(config, 7);
    let half = Script { have: Bitfield::full(40), ..Script::seed(40) };
    world.join(1, half).unwrap();
    world.add_web_seed(Duration::from_millis(3));
    assert!(world.completes(10 * SECOND));
    assert_eq!(world.swarm.have().iter().map(|piece| piece.0).collect::<Vec<_>>(), [10, 11, 12, 13, 14]);
    world.swarm.set_wanted(world.now, Bitfield::full(40));
    assert!(!world.swarm.is_complete());
    assert!(world.completes(10 * SECOND));
    assert_eq!(world.events, [Event::Complete, Event::Complete]);
}

#[test]
fn a_web_seed_starts_at_once_and_shares_with_peers() {
    let mut world = world(8);
    let web_seed = world.add_web_seed(Duration::from_millis(2));
    assert_eq!(world.web_seeds[&web_seed].ranges.len(), 1);
    let peer = world.join(1, Script { block_time: Duration::from_millis(4), ..Script::seed(40) }).unwrap();
    assert!(world.completes(10 * SECOND));
    let stats = world.swarm.stats();
    assert!(stats.bytes_from_web_seeds > 0 && world.peer(peer).sent > 0, "{stats:?}");
    assert!(stats.bytes_wasted < 65_536 * 2, "{stats:?}");
}

#[test]
fn a_slow_web_seed_is_overtaken_from_behind() {
    let mut world = world(9);
    let web_seed = world.add_web_seed(SECOND);
    world.join(1, Script::seed(40)).unwrap();
    assert!(world.completes(15 * SECOND), "157 blocks of a second each would take longer");
    assert_eq!(world.web_seeds[&web_seed].cancels, 1);
}

#[test]
fn a_lying_web_seed_is_dropped_and_peers_finish() {
    let mut world = world(10);
    let web_seed = world.add_web_seed(Duration::from_millis(1));
    world.web_seeds.get_mut(&web_seed).unwrap().lies = true;
    world.run(60 * SECOND, |_| false);
    assert!(world.events.contains(&Event::WebSeedDropped(web_seed)));
    assert_eq!(world.swarm.web_seeds(world.now).next().unwrap().state, WebSeedState::Dropped);
    let peer = world.join(1, Script::seed(40)).unwrap();
    assert!(world.completes(20 * SECOND));
    assert_eq!(world.peer(peer).closed, Some(Close::NothingToTrade), "the peer is not to blame");
}

#[test]
fn a_failing_web_seed_is_not_asked_in_a_hot_loop() {
    let mut world = world(11);
    let web_seed = world.add_web_seed(Duration::from_millis(1));
    world.web_seeds.get_mut(&web_seed).unwrap().end = Some(FetchEnd::Failed(Fault::CutOff));
    world.run(60 * SECOND, |_| false);
    let asked = world.web_seeds[&web_seed].ranges.len();
    assert!((3..=6).contains(&asked), "{asked}");
}

#[test]
fn a_full_disk_stops_the_asking_until_it_recovers() {
    let mut world = world(12);
    let peer = world.join(1, Script::seed(40)).unwrap();
    let web_seed = world.add_web_seed(Duration::from_millis(3));
    world.run(50 * Duration::from_millis(1), |_| false);
    world.disk_full = true;
    world.run(5 * SECOND, |_| false);
    let requests = world.swarm.stats().requests;
    let ranges = world.web_seeds[&web_seed].ranges.len();
    assert!(world.peer(peer).pending.is_empty());
    world.run(60 * SECOND, |_| false);
    assert_eq!((world.swarm.stats().requests, world.web_seeds[&web_seed].ranges.len()), (requests, ranges));
    world.disk_full = false;
    world.swarm.handle_storage(world.now, StorageFact::Recovered);
    assert!(world.completes(20 * SECOND));
}

#[test]
fn rejects_do_not_drive_a_hot_loop() {
    let mut world = world(13);
    let peer = world.join(1, Script { blocks: 0, ..Script::seed(40) }).unwrap();
    world.tell(peer, Fact::Unchoked);
    for _ in 0..600 {
        world.run(Duration::from_millis(100), |_| false);
        for request in std::mem::take(&mut world.peers.get_mut(&peer).unwrap().pending) {
            world.tell(peer, Fact::Rejected(request));
        }
    }
    let requests = world.swarm.stats().requests;
    assert!((8..1000).contains(&requests), "{requests} requests in a minute");
}

#[test]
fn slots_are_given_at_once_and_have_is_told_to_those_who_lack_it() {
    let mut world = world(14);
    let seed = world.join(1, Script::seed(40)).unwrap();
    let leech = Script { have: Bitfield::new(40), interested: true, generous: false, ..Script::seed(40) };
    let leeches: Vec<_> = (2..8).map(|n| world.join(n, leech.clone()).unwrap()).collect();
    assert_eq!(leeches.iter().filter(|key| world.peer(**key).is_served()).count(), 4);
    let first = *leeches.iter().find(|key| world.peer(**key).is_served()).unwrap();
    world.tell(first, Fact::Closed(Close::Remote));
    let served = leeches.iter().filter(|key| **key != first && world.peer(**key).is_served()).count();
    assert_eq!(served, 4, "a slot that becomes free is given away at once");
    assert!(world.completes(10 * SECOND));
    assert_eq!(world.peer(seed).count(|order| matches!(order, Order::Have(_))), 0);
    assert_eq!(world.peer(leeches[5]).count(|order| matches!(order, Order::Have(_))), 40);
}

#[test]
fn a_flapping_peer_cannot_make_us_flap() {
    let mut world = world(15);
    let peer = world.join(1, Script { have: Bitfield::new(40), ..Script::seed(40) }).unwrap();
    for _ in 0..1000 {
        world.tell(peer, Fact::Interested);
        world.tell(peer, Fact::NotInterested);
        world.run(Duration::from_millis(10), |_| false);
    }
    let changes = world.peer(peer).count(|order| matches!(order, Order::Choke | Order::Unchoke));
    assert!(changes <= 4, "{changes} in ten seconds");
}

#[test]
fn ourselves_and_twins_are_closed_by_the_same_rule_at_both_ends() {
    let mut world = world(16);
    world.swarm.handle_candidates(world.now, CandidateSource::Tracker, &["81.0.0.1:7".parse().unwrap()]);
    world.drain();
    let address = world.connects[0];
    let key = world.swarm.handle_connected(world.now, address, Direction::Outgoing).unwrap();
    let peer_id = config(geometry()).peer_id;
    world.swarm.handle_fact(world.now, key, Fact::Handshaken { peer_id, fast: true, extended: true });
    assert!(
        std::iter::from_fn(|| world.swarm.poll_output())
            .any(|it| it == crate::Output::Peer(key, Order::Close(Close::Myself)))
    );
    world.run(7200 * SECOND, |_| false);
    assert_eq!(world.connects.len(), 1, "our own address is not tried again");

    // Ids "-XX..." are above ours: the connection they open is kept, whichever came first.
    for first in [Direction::Outgoing, Direction::Incoming] {
        let mut world = World::new(config(geometry()), 17);
        let second = if first == Direction::Outgoing { Direction::Incoming } else { Direction::Outgoing };
        let one = world.join_from("81.0.0.2:1".parse().unwrap(), 9, Script::seed(40), first).unwrap();
        let two = world.join_from("81.0.0.2:2".parse().unwrap(), 9, Script::seed(40), second).unwrap();
        let (kept, closed) = if first == Direction::Incoming { (one, two) } else { (two, one) };
        assert_eq!(world.peer(closed).closed, Some(Close::Duplicate));
        assert_eq!(world.peer(kept).closed, None);
    }
}

#[test]
fn the_same_seed_makes_the_same_choices() {
    let trace = |seed| {
        let mut world = world(seed);
        let keys: Vec<_> = (1..5).map(|n| world.join(n, Script::seed(40)).unwrap()).collect();
        world.completes(10 * SECOND);
        keys.iter().map(|key| world.peer(*key).orders.clone()).collect::<Vec<_>>()
    };
    assert_eq!(trace(1), trace(1));
    assert_ne!(trace(1), trace(2));
}

#[test]
fn a_lost_piece_is_fetched_again() {
    let mut world = world(18);
    world.join(1, Script::seed(40)).unwrap();
    assert!(world.completes(10 * SECOND));
    world.swarm.handle_storage(world.now, StorageFact::PieceLost(PieceIndex(3)));
    assert!(!world.swarm.is_complete() && !world.swarm.have().contains(PieceIndex(3)));
}

#[test]
fn peers_of_no_use_are_closed_after_minutes() {
    let mut world = world(19);
    let idle = world.join(1, Script { have: Bitfield::new(40), ..Script::seed(40) }).unwrap();
    world.run(600 * SECOND, |_| false);
    assert_eq!(world.peer(idle).closed, Some(Close::NothingToTrade));
}

#[test]
fn a_suspect_piece_does_not_stay_with_a_peer_that_falls_silent() {
    for choke in [false, true] {
        let mut world = World::new(config(Geometry::new(65_536, [65_536]).unwrap()), 20);
        let lies = Some(BTreeSet::from([(0, 0)]));
        world.join(1, Script { lies, ..Script::seed(1) }).unwrap();
        assert!(world.run(10 * SECOND, |world| world.swarm.stats().peers_banned == 1));
        let silent = world.join(2, Script { blocks: 1, ..Script::seed(1) }).unwrap();
        assert!(world.run(10 * SECOND, |world| world.peer(silent).sent == 1));
        if choke {
            world.tell(silent, Fact::Choked);
        }
        world.join(3, Script::seed(1)).unwrap();
        assert!(world.completes(60 * SECOND), "choke {choke}");
    }
}

#[test]
fn one_peer_s_word_fills_only_a_part_of_the_list() {
    let mut world = world(21);
    let peer = world.join(1, Script { have: Bitfield::new(40), ..Script::seed(40) }).unwrap();
    world.tell(peer, Fact::Peers(vec!["127.0.0.1:22".parse().unwrap()]));
    assert!(world.connects.is_empty(), "a stranger does not send us to ourselves");
    for n in 0..1000u16 {
        world.tell(peer, Fact::Peers(vec![([81, 7, (n >> 8) as u8, n as u8], 6881).into()]));
    }
    let mut tried = BTreeSet::new();
    for _ in 0..100 {
        for address in std::mem::take(&mut world.connects) {
            tried.insert(address);
            world.swarm.handle_connect_failed(world.now, address, ConnectFailure::Unreachable);
        }
        world.run(SECOND, |_| false);
    }
    assert_eq!(tried.len(), limits::CANDIDATES_FROM_ONE_PEER);
}

#[test]
fn a_newcomer_with_nothing_may_ask_for_a_few_pieces_that_we_have() {
    let config = config(geometry());
    let set = wire::allowed_fast_set("81.0.0.1".parse().unwrap(), &config.info_hash, 40, 10);
    let mut world = World::new(config, 22);
    world.join(9, Script::seed(40)).unwrap();
    assert!(world.completes(10 * SECOND));
    let newcomer = world.join(1, Script { have: Bitfield::new(40), ..Script::seed(40) }).unwrap();
    assert!(world.peer(newcomer).orders.contains(&Order::AllowedFast(set)));
    let half = Script { have: bitfield(0..20), ..Script::seed(40) };
    let other = world.join(2, half).unwrap();
    assert_eq!(world.peer(other).count(|order| matches!(order, Order::AllowedFast(_))), 0);
}

#[test]
fn a_bitfield_told_again_adds_and_takes_nothing_back() {
    let mut world = world(23);
    let peer = world.join(1, Script { have: bitfield(0..20), ..Script::seed(40) }).unwrap();
    for pieces in [bitfield(20..40), Bitfield::new(40)] {
        world.tell(peer, Fact::Availability(pieces));
        let told: Vec<u32> = world.swarm.peers(world.now).map(|peer| peer.pieces).collect();
        assert_eq!(told, [40]);
    }
}

/// A leech that becomes a seed is parted from before it is heard what the last blocks were.
#[test]
fn what_was_given_counts_after_the_end_too() {
    let mut world = world(24);
    let peer = world.join(1, Script::seed(40)).unwrap();
    for fact in [Fact::Uploaded(16_384), Fact::Closed(Close::Remote), Fact::Uploaded(16_384)] {
        world.tell(peer, fact);
    }
    assert_eq!(world.swarm.stats().bytes_uploaded, 32_768);
}

#[test]
fn allowed_pieces_are_asked_for_while_choked() {
    let mut world = world(23);
    let peer = world.join(1, Script { generous: false, ..Script::seed(40) }).unwrap();
    assert_eq!(world.peer(peer).pending, []);
    world.tell(peer, Fact::AllowedFast(PieceIndex(5)));
    assert_eq!(world.peer(peer).pending.iter().map(|it| it.piece.0).collect::<Vec<_>>(), [5; 4]);
}

fn bitfield(pieces: std::ops::Range<u32>) -> Bitfield {
    let mut set = Bitfield::new(40);
    for piece in pieces {
        set.insert(PieceIndex(piece));
    }
    set
}

#[test]
fn a_peer_is_not_asked_for_a_piece_that_it_lost() {
    let mut world = world(4);
    let peer = world.join(1, Script::seed(40)).unwrap();
    world.tell(peer, Fact::DontHave(PieceIndex(7)));
    world.run(20 * SECOND, |_| false);
    assert_eq!(world.swarm.have().count(), 39);
    assert!(!world.swarm.have().contains(PieceIndex(7)));
    world.tell(peer, Fact::Have(PieceIndex(7)));
    assert!(world.completes(10 * SECOND));
}

#[test]
fn peers_hear_of_a_piece_that_we_lost() {
    let mut world = world(4);
    world.join(1, Script::seed(40)).unwrap();
    world.run(10 * SECOND, |world| world.swarm.have().count() > 20);
    let leech = world.join(2, Script { generous: false, ..Script::seed(40) }).unwrap();
    let lost = world.swarm.have().iter().next().expect("a piece");
    let now = world.now;
    world.swarm.handle_storage(now, StorageFact::PieceLost(lost));
    world.run(SECOND, |_| false);
    assert_eq!(world.peer(leech).count(|order| *order == Order::DontHave(lost)), 1);
}
