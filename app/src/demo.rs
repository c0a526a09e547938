//! `starling demo`: a whole swarm in one process, and the real `get` fetching from it.

mod http_file;
pub(crate) mod image;
pub(crate) mod swarm;
mod table;

use crate::exit::{Failure, Kind};
use crate::get::{self, GetArgs, Outcome, Report, block_on};
use crate::signals::StopSignals;
use crate::{log, units};
use clap::{Args, FromArgMatches};
use image::Image;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use swarm::{Given, LocalSwarm};
use tempfile::TempDir;
use tokio::task::spawn_blocking;

/// What the image is called.
const NAME: &str = "starling-demo.img";

/// Seconds that all sources together take to give the image: long enough to be watched.
const SECONDS: u64 = 10;

/// See it work: fetch an image from a swarm started on this machine
///
/// Makes an image of random bytes in a temporary folder (TMPDIR says where; it needs twice the size), starts a tracker,
/// two peers and a web seed on loopback, fetches the image from them with the real `get`, compares its SHA-256 and says
/// what came from where. Nothing else is needed, and nothing is left.
#[derive(Args, Debug)]
pub(crate) struct DemoArgs {
    /// Size of the image in MiB
    #[arg(long, value_name = "MIB", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=65536))]
    size: u32,
}

/// Runs `starling demo`.
pub(crate) fn run(args: &DemoArgs) -> ExitCode {
    match block_on(show_off(args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.told(),
    }
}

async fn show_off(args: &DemoArgs) -> Result<(), Failure> {
    let mut stop = StopSignals::listen()?;
    let folder = TempDir::with_prefix("starling-demo-")
        .map_err(|error| Failure::new(Kind::Disk, format_args!("cannot make a temporary folder: {error}")))?;
    let length = u64::from(args.size) << 20;
    log::line(&format!("Making an image of {} in {}", units::size(length), folder.path().display()));
    let image = make_image(folder.path(), length, &mut stop).await?;
    let local = tokio::select! {
        local = LocalSwarm::start(folder.path(), &image, length.div_ceil(SECONDS)) => local?,
        () = stop.wait() => return Err(interrupted()),
    };
    for line in local.introduction() {
        log::line(line);
    }
    let get_args = get_args(folder.path())?;
    let mut report = Report::new(&get_args);
    let fetched = get::fetch(&get_args, &mut report, &mut stop).await;
    if fetched.is_err() {
        report.stopping(stop.heard());
    }
    let given = local.stop().await;
    let verdict = match fetched {
        Ok(outcome) => judge(folder.path(), &image, &outcome, &given).await,
        Err(failure) => Err(failure),
    };
    // An error here would only say that a temporary folder stays.
    let _ = folder.close();
    verdict
}

fn interrupted() -> Failure {
    Failure::new(Kind::Interrupted, "interrupted")
}

async fn make_image(folder: &Path, length: u64, stop: &mut StopSignals) -> Result<Image, Failure> {
    let path = folder.join(NAME);
    let cancelled = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&cancelled);
    let mut making = spawn_blocking(move || Image::make(&path, length, &flag));
    let made = tokio::select! {
        made = &mut making => made,
        () = stop.wait() => {
            cancelled.store(true, Ordering::Relaxed);
            // The file is to be closed before its folder goes.
            let _ = making.await;
            return Err(interrupted());
        }
    };
    made.map_err(|error| Failure::new(Kind::Failed, error))?.map_err(|error| {
        let words = format_args!(
            "cannot make the image in {}: {error}; another place with TMPDIR, or a smaller one with --size, may do",
            folder.display()
        );
        Failure::new(Kind::Disk, words)
    })
}

/// The command line that fetches the image, read as any other.
fn get_args(folder: &Path) -> Result<GetArgs, Failure> {
    let path = |name: &str| folder.join(name).into_os_string();
    let words = [
        path("starling-demo.torrent"),
        "--output".into(),
        path("fetched"),
        "--state-dir".into(),
        path("state"),
        "--bind".into(),
        "127.0.0.1".into(),
        "--port".into(),
        "0".into(),
        "--no-lsd".into(),
        "--no-dht".into(),
        "--timeout".into(),
        "60s".into(),
    ];
    GetArgs::augment_args(clap::Command::new("get").no_binary_name(true))
        .try_get_matches_from(words)
        .and_then(|matches| GetArgs::from_arg_matches(&matches))
        .map_err(|error| Failure::new(Kind::Failed, error))
}

/// Compares what was fetched with what was made, and prints the table.
async fn judge(folder: &Path, image: &Image, outcome: &Outcome, given: &[Given]) -> Result<(), Failure> {
    let path = folder.join("fetched").join(NAME);
    let fetched = spawn_blocking(move || image::sha256(&path)).await;
    let fetched = fetched
        .map_err(|error| Failure::new(Kind::Failed, error))?
        .map_err(|error| Failure::new(Kind::Disk, format_args!("cannot read the image back: {error}")))?;
    table::print(outcome, given, &image.sha256, &fetched);
    if fetched == image.sha256 {
        return Ok(());
    }
    Err(Failure::new(Kind::Failed, "the image that was fetched is not the one that was made"))
}
