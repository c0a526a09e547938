//! The page for people.

use metainfo::{Metainfo, hex};
use std::io::{self, Write};

/// Web seeds that are named; the others are only counted.
const WEB_SEEDS_NAMED: usize = 5;
/// Trackers that are named.
const TRACKERS_NAMED: usize = 20;

pub(super) fn print(metainfo: &Metainfo, out: &mut impl Write) -> io::Result<()> {
    let geometry = &metainfo.geometry;
    writeln!(out, "{}\n", metainfo.name)?;
    for (label, hash) in [
        ("Info-hash", metainfo.info_hash_v1.map(|hash| hex(&hash))),
        ("Info-hash v2", metainfo.info_hash_v2.map(|hash| hex(&hash))),
    ] {
        if let Some(hash) = hash {
            field(out, label, &hash)?;
        }
    }
    let pads: u64 = metainfo.files.iter().filter(|file| file.pad).map(|file| file.length).sum();
    let total = geometry.total_length() - pads;
    let exact = if total < 1024 { String::new() } else { format!(" ({} bytes)", grouped(total)) };
    field(out, "Size", &(size(total) + &exact))?;
    let pieces = format!(
        "{} of {}",
        grouped(u64::from(geometry.piece_count())),
        size(u64::from(geometry.piece_length()))
    );
    field(out, "Pieces", &pieces)?;
    field(out, "Private", if metainfo.private { "yes: peers only from its trackers" } else { "no" })?;
    let by = metainfo.created_by.as_deref().map(one_line).filter(|by| !by.is_empty());
    match (metainfo.creation_date.and_then(date), by) {
        (Some(date), Some(by)) => field(out, "Created", &format!("{date} by {by}"))?,
        (Some(date), None) => field(out, "Created", &date)?,
        (None, Some(by)) => field(out, "Created by", &by)?,
        (None, None) => {}
    }
    for (label, text) in [("Source", &metainfo.source), ("Comment", &metainfo.comment)] {
        if let Some(text) = text.as_deref().filter(|text| !text.trim().is_empty()) {
            let mut lines = text.trim().lines();
            field(out, label, &one_line(lines.next().unwrap_or_default()))?;
            lines.try_for_each(|line| field(out, "", &one_line(line)))?;
        }
    }
    sources(metainfo, out)?;
    files(metainfo, out)
}

/// Trackers, web seeds and nodes.
fn sources(metainfo: &Metainfo, out: &mut impl Write) -> io::Result<()> {
    let trackers: Vec<_> = metainfo
        .trackers
        .iter()
        .enumerate()
        .flat_map(|(i, tier)| tier.iter().map(move |url| (i, url)))
        .collect();
    if trackers.is_empty() {
        field(out, "Trackers", "none")?;
    }
    for (i, (tier, url)) in trackers.iter().take(TRACKERS_NAMED).enumerate() {
        let url =
            if metainfo.trackers.len() > 1 { format!("tier {}  {url}", tier + 1) } else { (*url).clone() };
        field(out, if i == 0 { "Trackers" } else { "" }, &url)?;
    }
    more(out, trackers.len(), TRACKERS_NAMED)?;
    let seeds = &metainfo.web_seeds;
    field(out, "Web seeds", &if seeds.is_empty() { "none".to_owned() } else { grouped(seeds.len() as u64) })?;
    seeds.iter().take(WEB_SEEDS_NAMED).try_for_each(|url| field(out, "", url))?;
    more(out, seeds.len(), WEB_SEEDS_NAMED)?;
    if !metainfo.nodes.is_empty() {
        field(out, "DHT nodes", &grouped(metainfo.nodes.len() as u64))?;
    }
    Ok(())
}

fn more(out: &mut impl Write, count: usize, named: usize) -> io::Result<()> {
    if count > named {
        field(out, "", &format!("and {} more", grouped((count - named) as u64)))
    } else {
        Ok(())
    }
}

/// The files with the indexes that --select takes.
fn files(metainfo: &Metainfo, out: &mut impl Write) -> io::Result<()> {
    let shown = || metainfo.files.iter().enumerate().filter(|(_, file)| !file.pad);
    let pads = metainfo.files.len() - shown().count();
    let note = if pads > 0 {
        format!(" and {} pad files, which are never on disk", grouped(pads as u64))
    } else {
        String::new()
    };
    field(out, "Files", &format!("{}{note}", grouped(shown().count() as u64)))?;
    let width = metainfo.files.len().to_string().len().max(3);
    let widest = shown().map(|(_, file)| size(file.length).len()).max().unwrap_or(0);
    writeln!(out)?;
    for (index, file) in shown() {
        let path = file.path.join("/");
        let size = size(file.length);
        write!(out, "  {index:>width$}  {size:>widest$}  {path}")?;
        match &file.symlink {
            Some(target) => writeln!(out, " -> {}", target.join("/"))?,
            None if file.executable => writeln!(out, " (executable)")?,
            None => writeln!(out)?,
        }
    }
    Ok(())
}

pub(super) fn field(out: &mut impl Write, label: &str, value: &str) -> io::Result<()> {
    writeln!(out, "  {label:<13} {value}")
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A size in the unit that suits it, with three digits.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} bytes");
    }
    let power = (bytes.ilog2() / 10).min(UNITS.len() as u32);
    let value = bytes as f64 / f64::from(power * 10).exp2();
    let unit = UNITS[power as usize - 1];
    match value {
        _ if value.fract() == 0.0 => format!("{value:.0} {unit}"),
        ..10.0 => format!("{value:.2} {unit}"),
        ..100.0 => format!("{value:.1} {unit}"),
        _ => format!("{value:.0} {unit}"),
    }
}

/// A number with its thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Seconds since 1970 as a date and time of day; `None` outside the years 1970 to 9999.
fn date(seconds: i64) -> Option<String> {
    let seconds = u64::try_from(seconds).ok().filter(|seconds| (1..253_402_300_800).contains(seconds))?;
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Counted from 1 March of the year 0, a year ends with its leap day, and eras of 400 years are all alike.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, next_year) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = era * 400 + year_of_era + next_year;
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    Some(format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        assert_eq!(date(951_827_696).as_deref(), Some("2000-02-29 12:34:56 UTC"));
        assert_eq!(date(1_735_689_599).as_deref(), Some("2024-12-31 23:59:59 UTC"));
        assert_eq!(date(253_402_300_799).as_deref(), Some("9999-12-31 23:59:59 UTC"));
        assert_eq!((date(0), date(-1), date(i64::MAX)), (None, None, None));
    }

    #[test]
    fn sizes() {
        let cases = [
            (0, "0 bytes"),
            (1023, "1023 bytes"),
            (1 << 18, "256 KiB"),
            (1_200_090, "1.14 MiB"),
            (u64::MAX, "16384 PiB"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(size(bytes), expected);
        }
        assert_eq!((grouped(999), grouped(1_234_567)), ("999".to_owned(), "1,234,567".to_owned()));
    }
}
