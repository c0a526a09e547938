//! `starling bench`: what this machine allows, and what we make of it.

mod floors;
mod transfer;

use crate::demo::image::Image;
use crate::exit::{Failure, Kind};
use crate::get::block_on;
use clap::Args;
use rustix::time::{ClockId, clock_gettime};
use std::fmt::Write;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// What the image that is hashed, written and transferred is called.
const NAME: &str = "starling-bench.img";

/// Measure this machine's hashing, disk and loopback, and a transfer of our own beside them
///
/// Makes an image of random bytes in a temporary folder that goes afterwards (it needs twice the size), and prints rate
/// and processor time of each step. What a transfer costs beyond the steps it consists of is what starling itself costs.
/// Other programs at work change the rates more than the processor time.
#[derive(Args, Debug)]
pub(crate) struct BenchArgs {
    /// Size of the image in MiB
    #[arg(long, value_name = "MIB", default_value_t = 512, value_parser = clap::value_parser!(u32).range(16..=65536))]
    size: u32,

    /// Where to measure the disk; the system's folder for temporary files if not given
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
}

/// One step, measured.
struct Figure {
    name: String,
    bytes: u64,
    wall: Duration,
    /// Processor time of the whole process, all threads.
    cpu: Duration,
}

/// Runs `starling bench`.
pub(crate) fn run(args: &BenchArgs) -> ExitCode {
    match measure_all(args) {
        Ok(figures) => {
            // A reader that went away has seen enough.
            let _ = io::stdout().write_all(table(&figures).as_bytes());
            ExitCode::SUCCESS
        }
        Err(failure) => failure.told(),
    }
}

fn measure_all(args: &BenchArgs) -> Result<Vec<Figure>, Failure> {
    let failed = |error: io::Error| Failure::new(Kind::Disk, format_args!("cannot measure: {error}"));
    let parent = args.output.clone().unwrap_or_else(std::env::temp_dir);
    let folder = TempDir::with_prefix_in("starling-bench-", &parent).map_err(failed)?;
    let bytes = u64::from(args.size) << 20;
    let image = folder.path().join(NAME);
    let made = Image::make(&image, bytes, &AtomicBool::new(false)).map_err(failed)?;
    let mut figures = floors::hashing(bytes);
    figures.extend(floors::disk(&image, &folder.path().join("copy"), bytes).map_err(failed)?);
    figures.push(floors::loopback(bytes).map_err(failed)?);
    figures.push(block_on(transfer::transfer(folder.path(), &made.torrent(NAME)))?);
    figures.push(transfer::check(folder.path(), &made.torrent(NAME))?);
    Ok(figures)
}

/// A stopwatch over the clock and the processor.
struct Watch {
    wall: Instant,
    cpu: Duration,
}

impl Watch {
    fn start() -> Self {
        Self { wall: Instant::now(), cpu: processor_time() }
    }

    fn stop(&self, name: impl Into<String>, bytes: u64) -> Figure {
        let cpu = processor_time().saturating_sub(self.cpu);
        Figure { name: name.into(), bytes, wall: self.wall.elapsed(), cpu }
    }
}

fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

fn table(figures: &[Figure]) -> String {
    let mut text = format!("{:<38} {:>9} {:>16}\n", "", "MiB/s", "CPU-seconds/GiB");
    for figure in figures {
        let mib = figure.bytes as f64 / f64::from(1 << 20);
        let rate = mib / figure.wall.as_secs_f64().max(f64::EPSILON);
        let cost = figure.cpu.as_secs_f64() * 1024.0 / mib;
        // Writing to a string does not fail.
        let _ = writeln!(text, "{:<38} {rate:>9.0} {cost:>16.3}", figure.name);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_a_line() {
        let figure = Figure {
            name: "step".into(),
            bytes: 512 << 20,
            wall: Duration::from_secs(2),
            cpu: Duration::from_secs(1),
        };
        let text = table(&[figure]);
        let words: Vec<_> = text.lines().nth(1).unwrap().split_whitespace().collect();
        assert_eq!(words, ["step", "256", "2.000"]);
    }
}
