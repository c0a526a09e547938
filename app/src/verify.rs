//! `starling verify`: the data on disk against a torrent, on all cores, changing nothing.

use crate::exit::{Failure, Kind};
use crate::torrent_file;
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use metainfo::Metainfo;
use serde_json::{Value, json};
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use storage::{FileReport, Layout, Verdict, VerifyReport};

/// Something is missing or wrong.
const WRONG: u8 = Kind::Failed as u8;

/// Check data on disk against a torrent.
///
/// Exit codes: 0 every file is there, whole and right; 1 something is missing or wrong; 2 usage; 4 the torrent is
/// damaged; 5 the data is there but cannot be read.
#[derive(Args, Debug)]
pub(crate) struct VerifyArgs {
    /// The .torrent file; - reads it from standard input
    source: OsString,

    /// The folder that the torrent's file or folder lies in
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    output: PathBuf,

    /// Print one JSON object instead of lines for people
    #[arg(long)]
    json: bool,

    /// Print nothing; the exit code says it
    #[arg(short, long, conflicts_with = "json")]
    quiet: bool,
}

/// Runs `starling verify`.
pub(crate) fn run(args: &VerifyArgs) -> ExitCode {
    let metainfo = match torrent_file::load(&args.source) {
        Ok(metainfo) => metainfo,
        Err(failure) => return failure.told(),
    };
    let bar = progress_bar(args, metainfo.geometry.total_length());
    let show = |progress: storage::CheckProgress| bar.set_position(progress.bytes_checked);
    let result = storage::verify(Layout::new(&metainfo), &args.output, &show);
    bar.finish_and_clear();
    let report = match result {
        Ok(report) => report,
        Err(error) => return Failure::new(Kind::Disk, error).told(),
    };
    let written = match (args.quiet, args.json) {
        (true, _) => Ok(()),
        (false, true) => writeln!(io::stdout(), "{}", to_json(&metainfo, &report)),
        (false, false) => print(&metainfo, &report),
    };
    match written {
        // A reader that went away (`| head`) heard enough.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let words = format_args!("cannot write to standard output: {error}");
            Failure::new(Kind::Failed, words).told()
        }
        _ if report.is_good() => ExitCode::SUCCESS,
        _ => ExitCode::from(WRONG),
    }
}

fn progress_bar(args: &VerifyArgs, bytes: u64) -> ProgressBar {
    let hidden = args.quiet || args.json;
    let target = if hidden { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let style =
        "{bar:40} {percent:>3}%  {binary_bytes} of {binary_total_bytes}  {binary_bytes_per_sec}  {eta}";
    let bar = ProgressBar::with_draw_target(Some(bytes), target);
    if let Ok(style) = ProgressStyle::with_template(style) {
        bar.set_style(style);
    }
    bar
}

fn print(metainfo: &Metainfo, report: &VerifyReport) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    for file in &report.files {
        writeln!(out, "{:<10}  {}{}", word(&file.verdict), printable(&file.path), remark(file))?;
    }
    let (good, all) = (report.bytes_good, metainfo.geometry.total_length());
    let wrong = report.files.iter().filter(|file| file.verdict != Verdict::Good).count();
    if report.is_good() {
        let files = match report.files.len() {
            1 => "The file is".to_owned(),
            files => format!("All {files} files are"),
        };
        writeln!(out, "{files} complete and verified ({all} bytes).")?;
    } else {
        writeln!(
            out,
            "{wrong} of {} files are not as they should be; {good} of {all} bytes match.",
            report.files.len()
        )?;
    }
    out.flush()
}

/// A path for a terminal: what could move the cursor is shown as an escape.
fn printable(path: &Path) -> String {
    let text = path.to_string_lossy();
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

/// The verdict in one word, for people and for JSON.
const fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Good => "good",
        Verdict::Unfinished => "unfinished",
        Verdict::Missing => "missing",
        Verdict::Short { .. } => "short",
        Verdict::TooLong { .. } => "too long",
        Verdict::Bad { .. } => "bad",
        Verdict::Unsure { .. } => "unsure",
    }
}

fn remark(file: &FileReport) -> String {
    let FileReport { length: expected, verdict, .. } = file;
    match verdict {
        Verdict::Good | Verdict::Missing => String::new(),
        Verdict::Unfinished => ": complete, but still under its unfinished name".into(),
        Verdict::Short { length, bad_pieces } | Verdict::TooLong { length, bad_pieces } => {
            format!(": {length} bytes instead of {expected}, {bad_pieces} pieces do not match")
        }
        Verdict::Bad { bad_pieces } => format!(": {bad_pieces} pieces do not match"),
        Verdict::Unsure { pieces } => {
            format!(": {pieces} pieces reach into other files that are not whole; the rest matches")
        }
    }
}

fn to_json(metainfo: &Metainfo, report: &VerifyReport) -> Value {
    let files = report.files.iter().map(|file| {
        let (actual, bad) = match &file.verdict {
            Verdict::Good | Verdict::Unfinished => (Some(file.length), 0),
            Verdict::Missing => (None, metainfo.geometry.file_pieces(file.file).len() as u32),
            Verdict::Short { length, bad_pieces } | Verdict::TooLong { length, bad_pieces } => {
                (Some(*length), *bad_pieces)
            }
            Verdict::Bad { bad_pieces } => (Some(file.length), *bad_pieces),
            Verdict::Unsure { pieces } => (Some(file.length), *pieces),
        };
        json!({
            "path": file.path.to_string_lossy(),
            "size": file.length,
            "actual_size": actual,
            "verdict": word(&file.verdict),
            "bad_pieces": bad,
        })
    });
    json!({
        "name": metainfo.name,
        "ok": report.is_good(),
        "pieces_good": report.good.count(),
        "piece_count": metainfo.geometry.piece_count(),
        "bytes_good": report.bytes_good,
        "total_size": metainfo.geometry.total_length(),
        "files": files.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_cannot_steer_a_terminal() {
        assert_eq!(printable(Path::new("a\u{1b}[2Jb\n")), "a\\u{1b}[2Jb\\n");
        assert_eq!(printable(Path::new("Bücher/ä.iso")), "Bücher/ä.iso");
    }
}
