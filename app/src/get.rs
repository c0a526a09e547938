//! `starling get`: one blocking command from a source to a verified image.

mod follow;
mod magnet;
mod mirrored;
mod options;
mod place;
mod plan;
mod proof;
mod publisher;
mod report;
mod select;
mod session;
mod source;
mod wanted;

pub(crate) use options::{GetArgs, parse_node, parse_timeout};
pub(crate) use report::Report;

use crate::exit::{Failure, Kind};
use crate::image;
use crate::signals::StopSignals;
use engine::{AddError, AddTorrent, AfterCompletion, Session, Snapshot, Torrent};
use follow::{Completion, Follow};
use metainfo::{FileIndex, Metainfo, PieceIndex};
use place::Place;
use plan::{Plan, Planner, TorrentPlan};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// How long an orderly end may take before we end anyway: what is lost then is at most checked again.
const END_WITHIN: Duration = Duration::from_millis(1800);

/// How long the sockets may take to close after that.
const CLOSE_WITHIN: Duration = Duration::from_millis(100);

/// Runs `starling get`.
pub(crate) fn run(args: &GetArgs) -> ExitCode {
    let mut report = Report::new(args);
    report.offer(give_back_command(args));
    let outcome = block_on(async {
        let mut stop = StopSignals::listen()?;
        fetch(args, &mut report, &mut stop).await
    });
    match outcome {
        Ok(_) => ExitCode::SUCCESS,
        Err(failure) => report.failed(&failure),
    }
}

/// Runs a command's future on the engine's kind of runtime.
pub(crate) fn block_on<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = engine::runtime::build()
        .map_err(|error| Failure::new(Kind::Failed, format_args!("cannot start: {error}")))?;
    let outcome = runtime.block_on(future);
    // A name look-up or a pipe that hangs must not hold up the end.
    runtime.shutdown_background();
    outcome
}

/// What a transfer that went well came to.
pub(crate) struct Outcome {
    /// The torrent at its end.
    pub(crate) snapshot: Snapshot,
    /// From the start of the command to completion.
    pub(crate) time: Duration,
}

/// A torrent that was taken in, and what belongs to it.
struct Taken {
    session: Session,
    metainfo: Arc<Metainfo>,
    bytes_wanted: u64,
    /// Where the torrent came from.
    from: String,
    /// Where the file or folder is once it is complete.
    path: PathBuf,
    completion: Completion,
}

/// Fetches what `args` ask for, and gives it back if they ask for that.
pub(crate) async fn fetch(
    args: &GetArgs,
    report: &mut Report,
    stop: &mut StopSignals,
) -> Result<Outcome, Failure> {
    let started = Instant::now();
    let planner = Planner::new(args)?;
    let met = match planner.magnet()? {
        Some(link) => Some(Box::pin(magnet::find(args, link, report, stop)).await?),
        None => None,
    };
    let plan = tokio::select! {
        plan = in_time(args, Box::pin(planner.plan(met))) => plan?,
        () = stop.wait() => {
            return Err(Failure::new(Kind::Interrupted, "interrupted before anything was fetched"));
        }
    };
    let (snapshot, time) = match plan {
        Plan::Torrent(mut plan) if plan.checks.is_empty() => {
            let added = add(args, &mut plan, (&args.output, Completion::Final), report).await?;
            follow(args, added, started, (report, stop)).await?
        }
        Plan::Torrent(mut plan) => Box::pin(fetch_checked(args, &mut plan, started, (report, stop))).await?,
        Plan::Mirrored { fetcher, mirrors, checks } => {
            Box::pin(mirrored::fetch(args, (fetcher, mirrors, checks), report, stop)).await?
        }
    };
    report.ended(&snapshot, args.seeds());
    Ok(Outcome { snapshot, time })
}

/// Fetches to where nobody takes the data for good, holds it against its checks, and only then goes on.
async fn fetch_checked(
    args: &GetArgs,
    plan: &mut TorrentPlan,
    started: Instant,
    (report, stop): (&mut Report, &mut StopSignals),
) -> Result<(Snapshot, Duration), Failure> {
    make_output(args)?;
    let metainfo = &Arc::clone(&plan.metainfo);
    let place = Place::begin(&args.output, &metainfo.name, &metainfo.info_hash().to_string())?;
    let added = add(args, plan, (place.folder(), Completion::Unchecked), report).await?;
    let (snapshot, time) = follow(args, added, started, (report, stop)).await?;
    let selected = plan.selected.as_deref();
    let image = image::find(metainfo, selected).unwrap_or(FileIndex(0));
    report.pieces(&plan.from);
    let subject = image::subject(metainfo, selected, image, place.folder());
    let outcome = proof::run(&plan.checks, subject, stop).await?;
    let path = place.accepted();
    proof::settle(outcome, place, report)?;
    report.complete(&path, &snapshot, started.elapsed());
    if !args.seeds() {
        return Ok((snapshot, time));
    }
    // Under its new name the data is taken up as any that was there before.
    let added = add(args, plan, (&args.output, Completion::Told), report).await?;
    follow(args, added, started, (report, stop)).await
}

/// `future` within `--timeout`.
async fn in_time<T>(args: &GetArgs, future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let Some(limit) = args.timeout else { return future.await };
    timeout(limit, future).await.unwrap_or_else(|_| {
        let source = args.source.to_string_lossy();
        Err(Failure::new(Kind::Incomplete, format_args!("{source}: the torrent did not come in time")))
    })
}

/// Hands the torrent to a new session, or to the one that found its metadata.
async fn add(
    args: &GetArgs,
    plan: &mut TorrentPlan,
    (folder, completion): (&Path, Completion),
    report: &mut Report,
) -> Result<(Torrent, Taken), Failure> {
    let add = describe(args, plan, (folder, completion)).await?;
    let session = match plan.session.take() {
        Some(session) => session,
        None => session::start(args)?,
    };
    let bytes_wanted = add.bytes_wanted();
    let torrent = session.add(add).await.map_err(|error| add_failure(&error))?;
    if completion != Completion::Told {
        report.added(&plan.metainfo, bytes_wanted);
    }
    let (metainfo, from) = (Arc::clone(&plan.metainfo), plan.from.clone());
    let path = args.output.join(&metainfo.name);
    Ok((torrent, Taken { session, metainfo, bytes_wanted, from, path, completion }))
}

/// Follows the torrent to its outcome, and ends it.
async fn follow(
    args: &GetArgs,
    (mut torrent, taken): (Torrent, Taken),
    started: Instant,
    (report, stop): (&mut Report, &mut StopSignals),
) -> Result<(Snapshot, Duration), Failure> {
    let mut follow = Follow::new(args, &taken, started);
    let outcome = follow.run(&mut torrent, report, stop).await;
    report.stopping(stop.heard());
    // The state was saved piece by piece; an end that drags on costs at most a few pieces checked again.
    let _ = timeout(END_WITHIN, torrent.stop()).await;
    let (snapshot, time) = (torrent.snapshot(), follow.time());
    let _ = timeout(CLOSE_WITHIN, taken.session.shutdown()).await;
    outcome?;
    Ok((snapshot, time))
}

fn make_output(args: &GetArgs) -> Result<(), Failure> {
    std::fs::create_dir_all(&args.output).map_err(|error| {
        let folder = args.output.display();
        Failure::new(
            Kind::Disk,
            format_args!("cannot make the folder {folder}: {error}; choose another with -o"),
        )
    })
}

/// What the engine is asked for.
async fn describe(
    args: &GetArgs,
    plan: &TorrentPlan,
    (folder, completion): (&Path, Completion),
) -> Result<AddTorrent, Failure> {
    let metainfo = &plan.metainfo;
    make_output(args)?;
    let peers = source::resolve_peers(args).await?;
    let web_seeds: Vec<_> = args.web_seeds.iter().chain(&plan.web_seeds).cloned().collect();
    let lonely = metainfo.trackers.is_empty() && metainfo.web_seeds.is_empty();
    if lonely && peers.is_empty() && web_seeds.is_empty() && !args.no_peers && session::dht(args).is_none() {
        tracing::warn!(
            "the torrent names no tracker and no web seed; only peers that know this address can be met"
        );
    }
    Ok(AddTorrent {
        metainfo: Arc::clone(metainfo),
        download_directory: folder.to_owned(),
        selected: plan.selected.clone(),
        sequential: args.sequential.then_some(PieceIndex(0)),
        preallocate: args.preallocate,
        peers,
        web_seeds,
        use_peers: !args.no_peers,
        use_web_seeds: !args.no_web_seeds,
        web_seed_policy: args.web_seed_policy.into(),
        web_seed_connections: args.web_seed_connections.into(),
        stop_on_disk_error: true,
        after_completion: AfterCompletion {
            seed: args.seeds() && completion != Completion::Unchecked,
            ratio: args.seed_ratio,
            time: args.seed_time,
        },
        tuning: engine::Tuning {
            read_soon: !plan.checks.is_empty(),
            super_seed: args.super_seed,
            ..engine::Tuning::default()
        },
    })
}

fn add_failure(error: &AddError) -> Failure {
    let kind = match error {
        AddError::V2Only => Kind::BadTorrent,
        AddError::Disk(_) => Kind::Disk,
        AddError::Duplicate | AddError::Unresolved => Kind::Failed,
    };
    Failure::new(kind, error)
}

/// The command line that gives back what this one fetched; `None` where it cannot be repeated.
fn give_back_command(args: &GetArgs) -> Option<String> {
    if args.source == "-" {
        return None;
    }
    let words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    let words = words.filter(|word| word != "--no-peers").map(quoted);
    Some(words.chain(["--seed".to_owned()]).collect::<Vec<_>>().join(" "))
}

/// A word as a shell takes it.
fn quoted(word: String) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_a_shell() {
        let quote = |word: &str| quoted(word.to_owned());
        assert_eq!(quote("a/b-1.torrent"), "a/b-1.torrent");
        assert_eq!(quote("it's here"), r"'it'\''s here'");
        assert_eq!(quote("http://h/?a&b"), "'http://h/?a&b'");
        assert_eq!(quote(""), "''");
    }
}
