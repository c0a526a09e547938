//! Numbers, times and dates in the words of Transmission 4's remote: scripts read them.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Bytes: `None`, `999 B`, `2.50 MB`, `1 GB`.
pub(super) fn size(bytes: i64) -> String {
    match bytes {
        ..0 => "Unknown".to_owned(),
        0 => "None".to_owned(),
        _ => scaled(bytes as f64, 1000.0, &["B", "kB", "MB", "GB", "TB"]),
    }
}

/// Bytes in binary units, as pieces and memory are counted.
pub(super) fn binary_size(bytes: i64) -> String {
    scaled(bytes as f64, 1024.0, &["B", "KiB", "MiB", "GiB", "TiB"])
}

/// A rate in bytes per second.
pub(super) fn rate(bytes_per_second: i64) -> String {
    scaled(bytes_per_second as f64, 1000.0, &["B/s", "kB/s", "MB/s", "GB/s", "TB/s"])
}

/// A limit in kB/s.
pub(super) fn limit(kilobytes_per_second: i64) -> String {
    rate(kilobytes_per_second.saturating_mul(1000))
}

/// Three digits or so in the largest unit that leaves a whole one; no decimals where they would be zeros.
fn scaled(value: f64, base: f64, units: &[&str]) -> String {
    let (mut value, mut units) = (value, units.iter().peekable());
    while let Some(unit) = units.next() {
        let is_last = units.peek().is_none();
        if value.fract().abs() < 0.001 && (value < 999.5 || is_last) {
            return format!("{value:.0} {unit}");
        }
        if value < 99.995 {
            return format!("{value:.2} {unit}");
        }
        if value < 999.95 || is_last {
            return format!("{value:.1} {unit}");
        }
        value /= base;
    }
    String::new()
}

/// A percentage without its sign: `0.00`, `37.2`, `100`. It is cut, never rounded up: 99.99 % is not all.
pub(super) fn percent(value: f64) -> String {
    let cut = |factor: f64| (value * factor + 1e-6).floor() / factor;
    match value {
        ..5.0 => format!("{:.2}", cut(100.0)),
        5.0..100.0 => format!("{:.1}", cut(10.0)),
        _ => format!("{value:.0}"),
    }
}

/// A ratio as the daemon gives it: −1 stands for none, −2 for endless.
pub(super) fn ratio(ratio: f64) -> String {
    match ratio as i64 {
        -1 => "None".to_owned(),
        -2 => "Inf".to_owned(),
        _ => percent(ratio),
    }
}

/// A ratio of two counts.
pub(super) fn ratio_of(up: i64, down: i64) -> String {
    match (up, down) {
        (_, 1..) => ratio(up as f64 / down as f64),
        (1.., _) => ratio(-2.0),
        _ => ratio(-1.0),
    }
}

/// The time left, in its largest unit.
pub(super) fn eta(seconds: i64) -> String {
    const DAY: i64 = 86_400;
    match seconds {
        ..0 => "Unknown".to_owned(),
        0..60 => format!("{seconds} sec"),
        60..3600 => format!("{} min", seconds / 60),
        3600..DAY => format!("{} hrs", seconds / 3600),
        _ if seconds < 30 * DAY => format!("{} days", seconds / DAY),
        _ if seconds < 12 * 30 * DAY => format!("{} months", seconds / (30 * DAY)),
        _ if seconds < 1000 * 365 * DAY => format!("{} years", seconds / (365 * DAY)),
        _ => "∞".to_owned(),
    }
}

/// A span of time in at most two units, and in seconds: `3 minutes, 5 seconds (185 seconds)`.
pub(super) fn duration(seconds: i64) -> String {
    let total = seconds.max(0);
    let parts = [
        (total / 86_400, "day"),
        (total / 3600 % 24, "hour"),
        (total / 60 % 60, "minute"),
        (total % 60, "second"),
    ];
    let first = parts.iter().position(|(count, _)| *count > 0).unwrap_or(parts.len() - 1);
    let (count, unit) = parts[first];
    let mut text = counted(count, unit);
    // From four on, the next unit says nothing that anybody wants to know.
    if let Some((next, unit)) = parts.get(first + 1).filter(|(next, _)| count < 4 && *next > 0) {
        text = format!("{text}, {}", counted(*next, unit));
    }
    format!("{text} ({})", counted(total, "second"))
}

fn counted(count: i64, unit: &str) -> String {
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// A moment in the time zone of the reader: `Sun Sep 13 12:26:40 2020`.
pub(super) fn date(seconds: i64) -> String {
    date_in(seconds, TimeZone::system())
}

fn date_in(seconds: i64, zone: TimeZone) -> String {
    match Timestamp::from_second(seconds) {
        Ok(moment) => moment.to_zoned_datetime(zone).strftime("%a %b %d %H:%M:%S %Y").to_string(),
        Err(_) => "Unknown".to_owned(),
    }
}

/// Now, in seconds since 1970.
pub(super) fn now() -> i64 {
    Timestamp::now().as_second()
}

/// Text from elsewhere that can neither steer a terminal nor break a table.
pub(super) fn tame(text: &str) -> String {
    text.replace(char::is_control, "?")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (bytes, text) in [
            (-1, "Unknown"),
            (0, "None"),
            (1, "1 B"),
            (999, "999 B"),
            (1000, "1 kB"),
            (1500, "1.50 kB"),
            (999_949, "999.9 kB"),
            (999_950, "1.00 MB"),
            (2_500_000, "2.50 MB"),
            (99_990_000, "99.99 MB"),
            (123_456_789, "123.5 MB"),
            (4_700_000_000, "4.70 GB"),
            (2_000_000_000_000_000, "2000 TB"),
        ] {
            assert_eq!(size(bytes), text);
        }
        assert_eq!((binary_size(32_768), binary_size(4 << 20)), ("32 KiB".to_owned(), "4 MiB".to_owned()));
        assert_eq!(
            (limit(100), rate(0), rate(1234)),
            ("100 kB/s".into(), "0 B/s".into(), "1.23 kB/s".into())
        );
    }

    #[test]
    fn percentages_are_cut() {
        for (value, text) in
            [(0.0, "0.00"), (0.29, "0.29"), (4.999, "4.99"), (37.26, "37.2"), (99.99, "99.9"), (100.0, "100")]
        {
            assert_eq!(percent(value), text);
        }
        assert_eq!((ratio(-1.0), ratio(-2.0), ratio(1.255)), ("None".into(), "Inf".into(), "1.25".into()));
        assert_eq!(
            (ratio_of(0, 0), ratio_of(5, 0), ratio_of(5, 10)),
            ("None".into(), "Inf".into(), "0.50".into())
        );
    }

    #[test]
    fn times_left() {
        const DAY: i64 = 86_400;
        for (seconds, text) in [
            (-1, "Unknown"),
            (-2, "Unknown"),
            (0, "0 sec"),
            (59, "59 sec"),
            (60, "1 min"),
            (7200, "2 hrs"),
            (3 * DAY, "3 days"),
            (65 * DAY, "2 months"),
            (800 * DAY, "2 years"),
            (i64::MAX, "∞"),
        ] {
            assert_eq!(eta(seconds), text);
        }
    }

    #[test]
    fn spans_of_time() {
        for (seconds, text) in [
            (-5, "0 seconds (0 seconds)"),
            (1, "1 second (1 second)"),
            (185, "3 minutes, 5 seconds (185 seconds)"),
            (245, "4 minutes (245 seconds)"),
            (3600, "1 hour (3600 seconds)"),
            (3660, "1 hour, 1 minute (3660 seconds)"),
            (90_000, "1 day, 1 hour (90000 seconds)"),
            (400_000, "4 days (400000 seconds)"),
        ] {
            assert_eq!(duration(seconds), text);
        }
    }

    #[test]
    fn dates() {
        assert_eq!(date_in(1_600_000_000, TimeZone::UTC), "Sun Sep 13 12:26:40 2020");
        assert_eq!(date_in(i64::MAX, TimeZone::UTC), "Unknown");
    }

    #[test]
    fn names_cannot_steer_a_terminal() {
        assert_eq!(tame("a\x1b[2J\nb"), "a?[2J?b");
    }
}
