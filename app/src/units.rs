//! Sizes, rates and times as people write and read them.

use std::time::Duration;

/// Reads a rate such as `500KiB`, `2MiB`, `1.5 MB/s` or `250000` as bytes per second.
pub(crate) fn parse_rate(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let text = text.strip_suffix("/s").unwrap_or(text);
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let factor = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "k" | "kib" => 1024.0,
        "kb" => 1e3,
        "m" | "mib" => 1024.0 * 1024.0,
        "mb" => 1e6,
        "g" | "gib" => 1024.0 * 1024.0 * 1024.0,
        "gb" => 1e9,
        _ => return Err(format!("'{unit}' is not a unit of size; write 500KiB or 2MiB")),
    };
    let number: f64 = number.parse().map_err(|_| "write a rate such as 500KiB or 2MiB".to_owned())?;
    let bytes = number * factor;
    if !(1.0..1e15).contains(&bytes) {
        return Err("a rate is at least 1 byte per second; leave the option out for no limit".to_owned());
    }
    Ok(bytes as u64)
}

/// Reads a time such as `30s`, `5m`, `1h30m`, `2d`, or plain seconds.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("'{text}' is not a time; write 30s, 5m or 1h30m");
    let (mut total, mut number) = (0.0, String::new());
    for c in text.trim().chars() {
        if c.is_ascii_digit() || c == '.' {
            number.push(c);
            continue;
        }
        let factor = match c.to_ascii_lowercase() {
            's' => 1.0,
            'm' => 60.0,
            'h' => 3600.0,
            'd' => 86400.0,
            _ => return Err(wrong()),
        };
        total += number.parse::<f64>().map_err(|_| wrong())? * factor;
        number.clear();
    }
    if !number.is_empty() {
        total += number.parse::<f64>().map_err(|_| wrong())?;
    } else if total == 0.0 && !text.contains('0') {
        return Err(wrong());
    }
    Duration::try_from_secs_f64(total).map_err(|_| wrong())
}

/// A size in the largest binary unit that leaves at least one: `1.4 GiB`.
pub(crate) fn size(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", units[unit]) }
}

/// A time in its two largest units: `1h 05m`.
pub(crate) fn duration(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        3600..86400 => format!("{}h {:02}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d {:02}h", seconds / 86400, seconds / 3600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates() {
        assert_eq!(parse_rate("500KiB"), Ok(512_000));
        assert_eq!(parse_rate("2MiB"), Ok(2 << 20));
        assert_eq!(parse_rate("1.5 MB/s"), Ok(1_500_000));
        assert_eq!(parse_rate("4096"), Ok(4096));
        for wrong in ["", "fast", "5 apples", "0", "-3", "1e99GiB"] {
            assert!(parse_rate(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn durations() {
        let seconds = |text: &str| parse_duration(text).map(|time| time.as_secs_f64());
        assert_eq!(seconds("30s"), Ok(30.0));
        assert_eq!(seconds("1h30m"), Ok(5400.0));
        assert_eq!(seconds("90"), Ok(90.0));
        assert_eq!(seconds("0"), Ok(0.0));
        assert_eq!(seconds("1.5h"), Ok(5400.0));
        for wrong in ["", "soon", "5x", "m", "1..2s"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn shown() {
        assert_eq!((size(0), size(1536), size(1 << 30)), ("0 B".into(), "1.5 KiB".into(), "1.0 GiB".into()));
        assert_eq!(
            (duration(59), duration(61), duration(3660)),
            ("59s".into(), "1m 01s".into(), "1h 01m".into())
        );
    }
}
