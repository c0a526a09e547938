//! `starling get`: one blocking command from a source to a verified image.

mod follow;
mod options;
mod report;
mod select;
mod session;
mod source;

pub(crate) use options::GetArgs;
pub(crate) use report::Report;

use crate::exit::{Failure, Kind};
use crate::signals::StopSignals;
use engine::{AddError, AddTorrent, AfterCompletion, Session, Snapshot, Torrent};
use follow::Follow;
use metainfo::Metainfo;
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

/// What a torrent that was taken in belongs to.
struct Taken {
    session: Session,
    metainfo: Arc<Metainfo>,
    bytes_wanted: u64,
}

/// Fetches what `args` ask for, and gives it back if they ask for that.
pub(crate) async fn fetch(
    args: &GetArgs,
    report: &mut Report,
    stop: &mut StopSignals,
) -> Result<Outcome, Failure> {
    let started = Instant::now();
    let taken = tokio::select! {
        taken = take_in(args, report) => taken?,
        () = stop.wait() => {
            return Err(Failure::new(Kind::Interrupted, "interrupted before anything was fetched"));
        }
    };
    let (mut torrent, taken) = taken;
    let mut follow = Follow::new(args, &taken, started);
    let outcome = follow.run(&mut torrent, report, stop).await;
    report.stopping(stop.heard());
    // The state was saved piece by piece; an end that drags on costs at most a few pieces checked again.
    let _ = timeout(END_WITHIN, torrent.stop()).await;
    let (snapshot, time) = (torrent.snapshot(), follow.time());
    let _ = timeout(CLOSE_WITHIN, taken.session.shutdown()).await;
    outcome?;
    report.ended(&snapshot, args.seeds());
    Ok(Outcome { snapshot, time })
}

/// Reads the torrent and hands it to a new session.
async fn take_in(args: &GetArgs, report: &mut Report) -> Result<(Torrent, Taken), Failure> {
    let metainfo = match args.timeout {
        None => source::read(&args.source, args.bind).await?,
        Some(limit) => timeout(limit, source::read(&args.source, args.bind)).await.unwrap_or_else(|_| {
            let source = args.source.to_string_lossy();
            Err(Failure::new(Kind::Incomplete, format_args!("{source}: the torrent did not come in time")))
        })?,
    };
    let metainfo = Arc::new(metainfo);
    let add = describe(args, &metainfo).await?;
    let session = session::start(args)?;
    let bytes_wanted = add.bytes_wanted();
    let torrent = session.add(add).await.map_err(|error| add_failure(&error))?;
    report.added(&metainfo, bytes_wanted);
    Ok((torrent, Taken { session, metainfo, bytes_wanted }))
}

/// What the engine is asked for.
async fn describe(args: &GetArgs, metainfo: &Arc<Metainfo>) -> Result<AddTorrent, Failure> {
    let selected = args.select.as_ref().map(|selection| selection.files(metainfo)).transpose()?;
    std::fs::create_dir_all(&args.output).map_err(|error| {
        let folder = args.output.display();
        Failure::new(
            Kind::Disk,
            format_args!("cannot make the folder {folder}: {error}; choose another with -o"),
        )
    })?;
    let peers = source::resolve_peers(&args.peers).await?;
    let lonely = metainfo.trackers.is_empty() && metainfo.web_seeds.is_empty();
    if lonely && peers.is_empty() && args.web_seeds.is_empty() && !args.no_peers && session::dht(args).is_none() {
        tracing::warn!(
            "the torrent names no tracker and no web seed; only peers that know this address can be met"
        );
    }
    Ok(AddTorrent {
        metainfo: Arc::clone(metainfo),
        download_directory: args.output.clone(),
        selected,
        sequential: args.sequential,
        preallocate: args.preallocate,
        peers,
        web_seeds: args.web_seeds.clone(),
        use_peers: !args.no_peers,
        use_web_seeds: !args.no_web_seeds,
        stop_on_disk_error: true,
        after_completion: AfterCompletion {
            seed: args.seeds(),
            ratio: args.seed_ratio,
            time: args.seed_time,
        },
    })
}

fn add_failure(error: &AddError) -> Failure {
    let kind = match error {
        AddError::V2Only => Kind::BadTorrent,
        AddError::Disk(_) => Kind::Disk,
        AddError::Duplicate => Kind::Failed,
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
