//! The announcer against scripted trackers, in virtual time.

use super::*;
use crate::limits::{MAX_ANNOUNCE_INTERVAL, MAX_BACK_OFF, MIN_ANNOUNCE_INTERVAL};
use crate::{AnnounceEvent, Retry};

const MINUTE: Duration = Duration::from_mins(1);

/// An announcer, the time, and what it asked.
struct World {
    announcer: Announcer,
    start: Instant,
    now: Instant,
}

/// One announce as it left.
#[derive(Debug)]
struct Asked {
    key: TrackerKey,
    url: String,
    request: AnnounceRequest,
    timeout: Duration,
}

#[expect(clippy::disallowed_methods, reason = "tests need some instant to count from")]
fn some_instant() -> Instant {
    Instant::now()
}

fn config(tiers: &[&[&str]]) -> Config {
    let tiers = tiers.iter().map(|tier| tier.iter().map(|url| (*url).to_owned()).collect()).collect();
    let progress = Progress { downloaded: 0, uploaded: 0, left: Some(1000) };
    Config { total_size: Some(1000), progress, ..Config::new(tiers, [7; 20], PeerId([8; 20]), 6881, 9) }
}

impl World {
    fn new(config: Config) -> Self {
        let now = some_instant();
        let mut announcer = Announcer::new(config, 1, now);
        announcer.handle_started(now);
        Self { announcer, start: now, now }
    }

    fn of(tiers: &[&[&str]]) -> Self {
        Self::new(config(tiers))
    }

    fn asked(&mut self) -> Vec<Asked> {
        let mut asked = Vec::new();
        while let Some(output) = self.announcer.poll_output() {
            match output {
                Output::Announce { tracker, url, request, timeout } => {
                    asked.push(Asked { key: tracker, url, request, timeout });
                }
                Output::Stopped => panic!("stopped too early"),
            }
        }
        asked
    }

    fn one(&mut self) -> Asked {
        let mut asked = self.asked();
        assert_eq!(asked.len(), 1, "{asked:?}");
        asked.remove(0)
    }

    fn answer(&mut self, key: TrackerKey, response: &AnnounceResponse) {
        self.announcer.handle_response(self.now, key, Ok(response));
    }

    fn fail(&mut self, key: TrackerKey) {
        self.announcer.handle_response(self.now, key, Err(&AnnounceError::TimedOut));
    }

    /// Sleeps until the announcer wants to be woken, and wakes it; how long that was.
    fn sleep(&mut self) -> Duration {
        let wake = self.announcer.poll_timeout().expect("nothing to wait for").max(self.now);
        let slept = wake - self.now;
        self.now = wake;
        self.announcer.handle_timeout(wake);
        slept
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.announcer.handle_timeout(self.now);
    }
}

fn every(interval: Duration) -> AnnounceResponse {
    AnnounceResponse { interval: Some(interval), ..AnnounceResponse::default() }
}

fn assert_about(found: Duration, wanted: Duration) {
    assert!(found >= wanted && found <= wanted.mul_f64(1.06), "{found:?} instead of {wanted:?}");
}

#[test]
fn started_is_repeated_until_it_succeeds_and_then_plain() {
    let mut world = World::of(&[&["http://a/announce"]]);
    for _ in 0..3 {
        let asked = world.one();
        assert_eq!(asked.request.event, AnnounceEvent::Started);
        world.fail(asked.key);
        world.sleep();
    }
    let asked = world.one();
    assert_eq!(asked.request.event, AnnounceEvent::Started);
    world.answer(asked.key, &every(30 * MINUTE));
    assert_about(world.sleep(), 30 * MINUTE);
    assert_eq!(world.one().request.event, AnnounceEvent::None);
}

#[test]
fn the_request_says_who_and_how_much() {
    let mut world = World::of(&[&["http://a/announce"]]);
    let first = world.one();
    assert_eq!((first.url.as_str(), first.request.left, first.request.key), ("http://a/announce", 1000, 9));
    let response = AnnounceResponse { tracker_id: Some(b"id".to_vec()), ..every(MINUTE) };
    world.answer(first.key, &response);
    world.announcer.handle_progress(Progress { downloaded: 5000, uploaded: 20, left: Some(10) });
    world.sleep();
    let request = world.one().request;
    assert_eq!(
        (request.downloaded, request.uploaded, request.left),
        (1000, 20, 10),
        "never more than the size"
    );
    assert_eq!(request.tracker_id.as_deref(), Some(&b"id"[..]));
    world.answer(TrackerKey(0), &every(MINUTE));
    world.sleep();
    assert_eq!(world.one().request.tracker_id.as_deref(), Some(&b"id"[..]), "kept until another is given");
}

#[test]
fn a_magnet_without_metadata_is_no_seed() {
    let mut world = World::new(Config { progress: Progress::default(), ..config(&[&["http://a/announce"]]) });
    assert_ne!(world.one().request.left, 0);
}

#[test]
fn intervals_are_clamped() {
    for (told, kept) in [
        (Some(Duration::ZERO), MIN_ANNOUNCE_INTERVAL),
        (Some(Duration::from_secs(u64::MAX)), MAX_ANNOUNCE_INTERVAL),
        (None, 30 * MINUTE),
        (Some(20 * MINUTE), 20 * MINUTE),
    ] {
        let mut world = World::of(&[&["http://a/announce"]]);
        let key = world.one().key;
        world.answer(key, &AnnounceResponse { interval: told, ..AnnounceResponse::default() });
        assert_about(world.sleep(), kept);
    }
}

#[test]
fn min_interval_beats_a_shorter_interval() {
    let mut world = World::of(&[&["http://a/announce"]]);
    let key = world.one().key;
    world.answer(key, &AnnounceResponse { min_interval: Some(40 * MINUTE), ..every(10 * MINUTE) });
    assert_about(world.sleep(), 40 * MINUTE);
}

#[test]
fn more_peers_are_asked_for_only_after_min_interval() {
    let mut world = World::of(&[&["http://a/announce"]]);
    let key = world.one().key;
    world.answer(key, &AnnounceResponse { min_interval: Some(3 * MINUTE), ..every(60 * MINUTE) });
    world.announcer.handle_need_more_peers(world.now);
    assert!(world.asked().is_empty());
    assert_eq!(world.sleep(), 3 * MINUTE);
    assert_eq!(world.one().request.event, AnnounceEvent::None);
    world.announcer.handle_need_more_peers(world.now);
    assert!(world.asked().is_empty(), "one announce at a time");
}

#[test]
fn back_off_doubles_to_an_hour_and_never_undercuts_the_floor() {
    let mut world = World::of(&[&["http://a/announce"]]);
    let mut pauses = Vec::new();
    for _ in 0..12 {
        let key = world.one().key;
        world.fail(key);
        pauses.push(world.sleep());
    }
    assert!(pauses[0] >= MINUTE && pauses[0] <= MINUTE * 3 / 2, "{pauses:?}");
    assert!(pauses[2] >= 4 * MINUTE && pauses[2] <= 6 * MINUTE, "{pauses:?}");
    assert!(pauses[8..].iter().all(|pause| *pause == MAX_BACK_OFF), "{pauses:?}");
}

#[test]
fn a_trackers_own_wish_for_a_retry_is_heard_within_bounds() {
    let after = |wait| AnnounceError::Status { status: 503, retry_after: Some(wait) };
    let retry_in = |wait| AnnounceError::Refused { reason: String::new(), retry: Some(Retry::After(wait)) };
    for (error, wanted) in [
        (after(2 * MINUTE), 2 * MINUTE),
        (after(Duration::from_secs(u64::MAX)), MAX_ANNOUNCE_INTERVAL),
        (after(Duration::ZERO), MIN_ANNOUNCE_INTERVAL),
        (retry_in(7 * MINUTE), 7 * MINUTE),
    ] {
        let mut world = World::of(&[&["http://a/announce"]]);
        let key = world.one().key;
        world.announcer.handle_response(world.now, key, Err(&error));
        assert_about(world.sleep(), wanted);
    }
}

#[test]
fn gone_means_gone_and_the_next_takes_over() {
    for error in [
        AnnounceError::Status { status: 410, retry_after: None },
        AnnounceError::Refused { reason: "no".into(), retry: Some(Retry::Never) },
        AnnounceError::BadUrl("scheme"),
    ] {
        let mut world = World::of(&[&["http://a/announce"], &["http://b/announce"]]);
        let key = world.one().key;
        world.announcer.handle_response(world.now, key, Err(&error));
        let second = world.one();
        assert_eq!(second.url, "http://b/announce");
        world.answer(second.key, &every(MINUTE));
        for _ in 0..100 {
            world.sleep();
            let asked = world.one();
            assert_eq!(asked.url, "http://b/announce");
            world.answer(asked.key, &every(MINUTE));
        }
        assert_eq!(world.announcer.snapshots().next().unwrap().status, TrackerStatus::Gone);
    }
}

#[test]
fn the_next_of_a_tier_is_tried_at_once_and_promoted() {
    let urls = ["http://a/announce", "http://b/announce", "http://c/announce"];
    let mut world = World::of(&[&urls]);
    let first = world.one();
    world.fail(first.key);
    let second = world.one();
    assert_ne!(first.url, second.url);
    world.answer(second.key, &every(5 * MINUTE));
    let order: Vec<String> = world.announcer.snapshots().map(|tracker| tracker.url).collect();
    assert_eq!(order[0], second.url);
    for _ in 0..5 {
        world.sleep();
        let asked = world.one();
        assert_eq!(asked.url, second.url, "the one that works is kept");
        world.answer(asked.key, &every(5 * MINUTE));
    }
}

#[test]
fn tiers_are_shuffled_inside_only() {
    let urls: Vec<String> = (0..20).map(|i| format!("http://{i}/announce")).collect();
    let base = config(&[]);
    let tiers = vec![urls.clone(), vec!["http://last/announce".to_owned()]];
    let announcer = Announcer::new(Config { tiers, ..base }, 5, some_instant());
    let order: Vec<String> = announcer.snapshots().map(|tracker| tracker.url).collect();
    assert_ne!(order[..20], urls[..]);
    assert_eq!(order[20], "http://last/announce");
    let mut sorted = order[..20].to_vec();
    sorted.sort();
    let mut wanted = urls;
    wanted.sort();
    assert_eq!(sorted, wanted);
}

#[test]
fn a_later_tier_serves_until_the_first_is_back() {
    let mut world = World::of(&[&["http://a/announce"], &["http://b/announce"]]);
    let a = world.one();
    assert_eq!(a.url, "http://a/announce");
    world.fail(a.key);
    let b = world.one();
    assert_eq!(b.url, "http://b/announce");
    world.answer(b.key, &every(60 * MINUTE));
    let slept = world.sleep();
    assert!(slept < 2 * MINUTE, "the first tier is retried by its own back-off: {slept:?}");
    let a = world.one();
    assert_eq!(a.url, "http://a/announce");
    world.answer(a.key, &every(10 * MINUTE));
    while world.now < world.start + 200 * MINUTE {
        world.sleep();
        let asked = world.one();
        assert_eq!(asked.url, "http://a/announce");
        world.answer(asked.key, &every(10 * MINUTE));
    }
}

#[test]
fn all_tiers_at_once_if_wanted() {
    let tiers: &[&[&str]] = &[&["http://a/1", "http://a/2"], &["http://b/1"]];
    let mut world = World::new(Config { all_tiers: true, ..config(tiers) });
    let asked = world.asked();
    assert_eq!(asked.len(), 2, "one of each tier");
    assert!(asked[1].url.starts_with("http://b/"));
}

#[test]
fn completed_is_told_once() {
    let mut world = World::of(&[&["http://a/announce"]]);
    let key = world.one().key;
    world.answer(key, &every(30 * MINUTE));
    world.announcer.handle_completed(world.now);
    let asked = world.one();
    assert_eq!((asked.request.event, asked.request.left), (AnnounceEvent::Completed, 0));
    world.fail(key);
    world.sleep();
    assert_eq!(world.one().request.event, AnnounceEvent::Completed, "until one succeeds");
    world.answer(key, &every(30 * MINUTE));
    world.announcer.handle_completed(world.now);
    assert!(world.asked().is_empty());
    world.sleep();
    assert_eq!(world.one().request.event, AnnounceEvent::None);
}

#[test]
fn completed_waits_for_the_answer_to_started() {
    let mut world = World::of(&[&["http://a/announce"]]);
    let key = world.one().key;
    world.announcer.handle_completed(world.now);
    assert!(world.asked().is_empty());
    world.answer(key, &every(30 * MINUTE));
    assert_eq!(world.one().request.event, AnnounceEvent::Completed);
}

#[test]
fn a_complete_torrent_never_says_completed() {
    let progress = Progress { downloaded: 0, uploaded: 0, left: Some(0) };
    let mut world = World::new(Config { progress, ..config(&[&["http://a/announce"]]) });
    let asked = world.one();
    assert_eq!((asked.request.event, asked.request.left), (AnnounceEvent::Started, 0));
    world.answer(asked.key, &every(30 * MINUTE));
    world.announcer.handle_completed(world.now);
    assert!(world.asked().is_empty());
}

#[test]
fn a_tracker_that_never_knew_us_incomplete_hears_started_only() {
    let mut world = World::of(&[&["http://a/announce"]]);
    let key = world.one().key;
    world.fail(key);
    world.announcer.handle_completed(world.now);
    world.sleep();
    assert_eq!(world.one().request.event, AnnounceEvent::Started);
    world.answer(key, &every(30 * MINUTE));
    world.sleep();
    assert_eq!(world.one().request.event, AnnounceEvent::None);
}

#[test]
fn stopped_goes_only_where_started_succeeded() {
    let mut world = World::of(&[&["http://a/announce"], &["http://b/announce"]]);
    let a = world.one().key;
    world.fail(a);
    let b = world.one().key;
    world.answer(b, &every(30 * MINUTE));
    world.announcer.handle_stopped(world.now);
    let asked = world.one();
    assert_eq!((asked.key, asked.request.event, asked.request.numwant), (b, AnnounceEvent::Stopped, 0));
    assert_eq!(asked.timeout, STOP_TIMEOUT);
    world.answer(b, &every(30 * MINUTE));
    assert_eq!(world.announcer.poll_output(), Some(Output::Stopped));
    assert_eq!(world.announcer.poll_timeout(), None);
}

#[test]
fn a_tracker_that_is_removed_is_told_and_one_that_comes_back_begins_anew() {
    let list = |urls: &[&str]| vec![urls.iter().map(|url| (*url).to_owned()).collect::<Vec<_>>()];
    let mut world = World::of(&[&["http://a/announce"]]);
    let started = world.one();
    world.answer(started.key, &every(30 * MINUTE));
    world.pass(MINUTE);
    world.announcer.set_tiers(world.now, list(&["http://b/announce"]));
    let asked = world.asked();
    let said: Vec<_> = asked.iter().map(|it| (&*it.url, it.request.event)).collect();
    let expected =
        [("http://a/announce", AnnounceEvent::Stopped), ("http://b/announce", AnnounceEvent::Started)];
    assert_eq!(said, expected);
    world.answer(asked[0].key, &every(30 * MINUTE));
    world.answer(asked[1].key, &every(30 * MINUTE));
    world.pass(5 * MINUTE);
    assert!(world.asked().is_empty(), "once");
    world.announcer.set_tiers(world.now, list(&["http://a/announce"]));
    let said: Vec<_> = world.asked().iter().map(|it| (it.url.clone(), it.request.event)).collect();
    let expected =
        [("http://b/announce", AnnounceEvent::Stopped), ("http://a/announce", AnnounceEvent::Started)];
    assert_eq!(said, expected.map(|(url, event)| (url.to_owned(), event)));
}

#[test]
fn goodbye_waits_for_an_announce_under_way_but_not_for_long() {
    let mut world = World::of(&[&["http://a/announce"]]);
    let key = world.one().key;
    world.announcer.handle_stopped(world.now);
    assert!(world.asked().is_empty());
    world.now += Duration::from_secs(2);
    world.answer(key, &every(30 * MINUTE));
    let asked = world.one();
    assert_eq!((asked.request.event, asked.timeout), (AnnounceEvent::Stopped, Duration::from_secs(3)));
    world.pass(Duration::from_secs(3));
    assert_eq!(world.announcer.poll_output(), Some(Output::Stopped));
    world.answer(key, &every(MINUTE));
    assert_eq!(world.announcer.poll_output(), None, "a late answer wakes nobody");
}

#[test]
fn completed_comes_before_goodbye_even_in_a_hurry() {
    for fails in [false, true] {
        let mut world = World::of(&[&["http://a/announce"]]);
        let key = world.one().key;
        world.announcer.handle_completed(world.now);
        world.announcer.handle_stopped(world.now);
        assert!(world.asked().is_empty());
        world.answer(key, &every(30 * MINUTE));
        assert_eq!(world.one().request.event, AnnounceEvent::Completed);
        if fails {
            world.fail(key);
        } else {
            world.answer(key, &every(30 * MINUTE));
        }
        assert_eq!(world.one().request.event, AnnounceEvent::Stopped);
        world.fail(key);
        assert_eq!(world.announcer.poll_output(), Some(Output::Stopped));
    }
}

#[test]
fn nothing_to_say_means_stopped_at_once() {
    let mut world = World::of(&[]);
    assert_eq!(world.announcer.poll_timeout(), None);
    world.announcer.handle_stopped(world.now);
    assert_eq!(world.announcer.poll_output(), Some(Output::Stopped));
}

#[test]
fn resuming_says_started_again_but_keeps_the_floor() {
    let mut world = World::of(&[&["http://a/announce"]]);
    let key = world.one().key;
    world.answer(key, &every(30 * MINUTE));
    world.announcer.handle_stopped(world.now);
    world.one();
    world.answer(key, &every(30 * MINUTE));
    assert_eq!(world.announcer.poll_output(), Some(Output::Stopped));
    world.announcer.handle_started(world.now);
    assert_eq!(world.sleep(), MINUTE);
    assert_eq!(world.one().request.event, AnnounceEvent::Started);
}

#[test]
fn the_snapshot_tells_a_trackers_state() {
    let mut world = World::of(&[&["http://a/announce"]]);
    let status = |world: &World| world.announcer.snapshots().next().unwrap();
    let key = world.one().key;
    assert_eq!(status(&world).status, TrackerStatus::Announcing);
    world.fail(key);
    assert_eq!(status(&world).status, TrackerStatus::Failing);
    assert_eq!(status(&world).last_error.as_deref(), Some("no answer in time"));
    world.sleep();
    world.one();
    let response = AnnounceResponse {
        seeders: Some(3),
        leechers: Some(4),
        warning: Some("hm".into()),
        peers: vec!["1.2.3.4:5".parse().unwrap()],
        ..every(MINUTE)
    };
    world.answer(key, &response);
    let found = status(&world);
    assert_eq!(found.status, TrackerStatus::Working);
    assert_eq!(
        (found.seeders, found.leechers, found.peers_received, found.last_error),
        (Some(3), Some(4), 1, None)
    );
    assert!(found.next_announce.unwrap() >= world.now + MINUTE);
}

#[test]
fn duplicates_and_monsters_among_the_urls_are_dropped() {
    let long = format!("http://a/{}", "x".repeat(10_000));
    let world =
        World::of(&[&["http://a/announce", " http://a/announce "], &["http://a/announce", &long, ""]]);
    assert_eq!(world.announcer.snapshots().count(), 1);
}

/// Whatever a tracker answers, and however the torrent hurries, it is asked at most once a minute, not counting
/// the two events.
#[test]
fn no_tracker_is_ever_asked_more_than_once_a_minute() {
    for seed in 0..50 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut world = World::of(&[&["http://a/announce", "http://b/announce"], &["http://c/announce"]]);
        let mut last = std::collections::BTreeMap::new();
        for _ in 0..300 {
            for asked in world.asked() {
                if asked.request.event != AnnounceEvent::Completed {
                    let before = last.insert(asked.key, world.now);
                    let pause = before.map_or(MINUTE, |before| world.now - before);
                    assert!(pause >= MINUTE, "seed {seed}: {pause:?}");
                }
                match rng.u8(..4) {
                    0 => world.fail(asked.key),
                    1 => world.answer(asked.key, &AnnounceResponse::default()),
                    _ => world.answer(asked.key, &every(Duration::from_secs(rng.u64(..120)))),
                }
            }
            match rng.u8(..8) {
                0 => world.announcer.handle_need_more_peers(world.now),
                1 => world.announcer.handle_completed(world.now),
                2 => world.pass(Duration::from_secs(rng.u64(..50))),
                _ => drop(world.announcer.poll_timeout().is_some().then(|| world.sleep())),
            }
        }
    }
}
