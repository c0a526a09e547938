//! `--watch`: listings again and again, in place on a terminal.

use super::errands::{Errands, print};
use super::limits::MIN_WATCH_PAUSE;
use std::fmt::Write;
use std::io::{self, IsTerminal};
use std::thread;
use std::time::Duration;

/// The pause if none is asked for.
const PAUSE: Duration = Duration::from_secs(2);

/// Reads the pause between two looks.
pub(super) fn pause(text: Option<&str>) -> Result<Duration, String> {
    let Some(text) = text else { return Ok(PAUSE) };
    let seconds: f64 = text.parse().map_err(|_| format!("Not a number: '{text}'"))?;
    let pause = Duration::try_from_secs_f64(seconds).map_err(|_| format!("Not a time: '{text}' seconds"))?;
    Ok(pause.max(MIN_WATCH_PAUSE))
}

/// Prints the noted listings until somebody interrupts, nobody reads on, or an answer fails to come.
pub(super) fn watch(errands: &mut Errands<'_>, pause: Duration) {
    let listings = errands.watch.take().unwrap_or_default();
    let in_place = io::stdout().is_terminal() && !errands.json;
    loop {
        let mut text = String::new();
        for (listing, request) in &listings {
            text.extend(errands.listed(*listing, request));
        }
        if errands.has_failed() {
            return;
        }
        let printed = match rustix::termios::tcgetwinsize(io::stdout()) {
            Ok(size) if in_place => print(&screen(&text, size.ws_col.into(), size.ws_row.into())),
            _ => print(&text),
        };
        if printed.is_err() {
            return;
        }
        thread::sleep(pause);
    }
}

/// What draws `text` over what was drawn before: cut to the screen, the rest of it empty.
fn screen(text: &str, columns: usize, rows: usize) -> String {
    let mut screen = "\x1b[H".to_owned();
    let lines: Vec<&str> = text.lines().collect();
    let shown = if rows == 0 { lines.len() } else { lines.len().min(rows - 1) };
    for line in &lines[..shown] {
        let _ = write!(screen, "{}\x1b[K\r\n", cut(line, columns));
    }
    screen.push_str("\x1b[J");
    screen
}

/// The first `columns` letters of a line; codes for colours take no room and are never cut.
fn cut(line: &str, columns: usize) -> String {
    let (mut kept, mut room, mut in_code) = (String::new(), columns, false);
    for c in line.chars() {
        let is_letter = !in_code && c != '\x1b';
        in_code = c == '\x1b' || in_code && c != 'm';
        if is_letter {
            if room == 0 && columns > 0 {
                continue;
            }
            room = room.saturating_sub(1);
        }
        kept.push(c);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_read_with_a_floor() {
        assert_eq!(pause(None), Ok(PAUSE));
        assert_eq!(pause(Some("0.5")), Ok(Duration::from_millis(500)));
        assert_eq!(pause(Some("0")), Ok(MIN_WATCH_PAUSE));
        for wrong in ["", "soon", "-1", "inf"] {
            assert!(pause(Some(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_screen_is_cut_to_its_size_and_colours_end() {
        assert_eq!(screen("abcdef\nb\nc\n", 4, 3), "\x1b[Habcd\x1b[K\r\nb\x1b[K\r\n\x1b[J");
        assert_eq!(cut("a\x1b[31mbcd\x1b[0me", 2), "a\x1b[31mb\x1b[0m");
        assert_eq!(cut("abc", 0), "abc");
    }
}
