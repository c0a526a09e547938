//! Every bound of the daemon, each with its reason.

use std::time::Duration;

/// Events kept for streams that resume: an hour of a busy session's ends, or some seconds of everybody's progress.
pub(crate) const EVENTS_KEPT: usize = 4096;

/// How long removed torrents are remembered: `recently-active` looks back one minute, its askers may be late.
pub(crate) const REMEMBER_CHANGES: Duration = Duration::from_secs(75);

/// Commands on their way to the keeper; more wait in their callers.
pub(crate) const COMMAND_QUEUE: usize = 256;

/// The longest torrent file that is read from disk; the largest in the wild are a few MiB.
pub(crate) const MAX_TORRENT_FILE: u64 = 64 << 20;

/// News of running torrents on their way to the keeper; more wait in the tasks that bring them.
pub(crate) const NEWS_QUEUE: usize = 1024;

/// How often the keeper looks at what runs.
pub(crate) const TICK: Duration = Duration::from_millis(500);

/// Saying goodbye to everybody at the end; who has not answered by then is not told.
pub(crate) const SHUTDOWN_TIMEOUT: Duration = Duration::from_millis(3500);

/// Writing the last counters at the end.
pub(crate) const SAVE_TIMEOUT: Duration = Duration::from_secs(1);

/// Counters that changed by themselves are written this often: what a crash may cost of them.
pub(crate) const SAVE_INTERVAL: Duration = Duration::from_secs(2);

/// What the DHT knows is saved this often: a crash costs little, for nodes stay for hours.
pub(crate) const DHT_SAVE_INTERVAL: Duration = Duration::from_mins(10);

/// How long the DHT is asked for what it knows at the end; a task that answers late has no time for that.
pub(crate) const DHT_SAVE_TIMEOUT: Duration = Duration::from_millis(200);

/// How soon a torrent that is new, or has new trackers, is scraped: others may come to be asked with it.
pub(crate) const SCRAPE_SOON: Duration = Duration::from_secs(1);

/// How often a torrent is scraped.
pub(crate) const SCRAPE_INTERVAL: Duration = Duration::from_mins(30);

/// How long a torrent is not scraped after a tracker would not tell.
pub(crate) const SCRAPE_PAUSE_FAILED: Duration = Duration::from_hours(2);

/// Torrents taken on by one look: 10,000 are through in less than a minute.
pub(crate) const SCRAPES_A_LOOK: usize = 100;

/// Scrapes under way before others wait: a tracker that does not answer holds up few.
pub(crate) const SCRAPES_AT_ONCE: usize = 32;

/// Peers that a user may name for one torrent in a run.
pub(crate) const MAX_NAMED_PEERS: usize = 64;

/// Changes that wait while a torrent is being opened: as many as its queue takes afterwards.
pub(crate) const CHANGES_HELD: usize = 16;

/// Choices of files that a torrent keeps until its metadata is known: more than a person makes.
pub(crate) const CHOICES_KEPT: usize = 64;

/// Renames of one torrent that wait for its files to be free.
pub(crate) const RENAMES_WAITING: usize = 64;

/// Torrents being opened at the same moment: each takes a thread, and reads its files' times.
pub(crate) const STARTS_AT_ONCE: usize = 16;

/// Torrents being verified at the same moment: enough to keep disk and cores busy, few enough to read in order.
pub(crate) const VERIFIES_AT_ONCE: usize = 4;

/// Torrents up to which the queue is looked at whenever something changes: a look takes half a millisecond.
pub(crate) const QUEUE_AT_ONCE: usize = 1000;

/// For each torrent beyond those, the pause between two looks at the queue: ten times what the look costs for it.
pub(crate) const QUEUE_PAUSE_EACH: Duration = Duration::from_micros(4);

/// The time that the session has run is written this often; torrents that sleep count theirs by it.
pub(crate) const STATS_INTERVAL: Duration = Duration::from_mins(1);

/// Looks around from one look at sleepers to the next: their limits count in minutes.
pub(crate) const SLEEPERS_EVERY: u64 = 10;

/// Torrents looked at for sleepers in one go, or as many as bring all around within [`SLEEPERS_ROUND`] goes.
pub(crate) const SLEEPERS_A_LOOK: usize = 1000;

/// Goes after which every sleeper was looked at: a minute.
pub(crate) const SLEEPERS_ROUND: usize = 12;

/// Sleepers whose files are looked at in one go.
pub(crate) const ROLL_CALL: usize = 64;

/// Publishers that are listened to at the same time: each is asked for in the DHT once an hour.
pub(crate) const PUBLISHERS_FOLLOWED: usize = 256;

/// How long a torrent may take to tell of its peers and trackers: longer it takes only while it opens or closes its files.
pub(crate) const REPORT_WITHIN: Duration = Duration::from_secs(3);

/// The progress of one torrent is told at most this often.
pub(crate) const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

/// How long a port test service may take: it tries to connect with us, for some seconds where nothing answers.
pub(crate) const PORT_TEST_TIMEOUT: Duration = Duration::from_secs(20);

/// The longest answer of a port test service that is read; it is one digit.
pub(crate) const PORT_TEST_ANSWER: usize = 64;
