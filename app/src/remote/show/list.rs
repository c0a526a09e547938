//! `-l`: a line a torrent, and their sum.

use super::Row;
use super::details::status;
use crate::remote::figures::{eta, percent, ratio, size};
use crate::remote::style::{Style, Tone};
use std::fmt::Write;

pub(super) fn text(answer: Row<'_>, style: Style) -> String {
    let mut torrents: Vec<Row<'_>> =
        answer.rows("torrents").filter(|torrent| torrent.int("id").is_some()).collect();
    torrents.sort_by_key(|torrent| torrent.int("added_date"));
    let head = format!(
        "{:>6}   {:>5}  {:>9}  {:<9}  {:>8}  {:>8}  {:<5}  {:<11}  {}",
        "ID", "Done", "Have", "ETA", "Up", "Down", "Ratio", "Status", "Name"
    );
    let mut text = style.paint(Tone::Heading, &head) + "\n";
    let (mut have, mut up, mut down) = (0i64, 0i64, 0i64);
    for torrent in torrents {
        text.push_str(&line(torrent, style));
        have = have.saturating_add(had(torrent));
        up = up.saturating_add(torrent.count("rate_upload"));
        down = down.saturating_add(torrent.count("rate_download"));
    }
    let _ = writeln!(text, "Sum:            {:>9}             {}  {}", size(have), speed(up), speed(down));
    text
}

fn line(torrent: Row<'_>, style: Style) -> String {
    let (wanted, left) = (torrent.count("size_when_done"), torrent.count("left_until_done"));
    let done = match wanted {
        0 => "n/a".to_owned(),
        _ => percent(100.0 * had(torrent) as f64 / wanted as f64) + "%",
    };
    let time = match torrent.int("eta").unwrap_or(-1) {
        -1 if left == 0 => "Done".to_owned(),
        seconds => eta(seconds),
    };
    let is_failed = torrent.count("error") != 0;
    let state = status(torrent);
    let tone = match state.as_str() {
        _ if is_failed => Tone::Bad,
        "Downloading" | "Up & Down" => Tone::Busy,
        "Seeding" | "Uploading" => Tone::Good,
        "Stopped" | "Finished" | "Queued" => Tone::Quiet,
        _ => Tone::Heading,
    };
    let state = format!("{state:<11}");
    // What is neither moving nor wrong needs no colour.
    let state = if matches!(tone, Tone::Heading) { state } else { style.paint(tone, &state) };
    let mark = if is_failed { style.paint(Tone::Bad, "*") } else { " ".to_owned() };
    format!(
        "{:>6}{mark}  {done:>5}  {:>9}  {time:<9}  {}  {}  {:>5}  {state}  {}\n",
        torrent.count("id"),
        size(had(torrent)),
        speed(torrent.count("rate_upload")),
        speed(torrent.count("rate_download")),
        ratio(torrent.real("upload_ratio").unwrap_or(-1.0)),
        torrent.text("name").unwrap_or_default(),
    )
}

fn had(torrent: Row<'_>) -> i64 {
    torrent.count("size_when_done").saturating_sub(torrent.count("left_until_done"))
}

/// A rate in kB/s, as wide as its column.
fn speed(bytes_per_second: i64) -> String {
    format!("{:>8.1}", bytes_per_second as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::options::Listing;
    use serde_json::{Value, json};

    fn shown(torrents: &Value, style: Style) -> String {
        let Value::Object(answer) = json!({ "torrents": torrents }) else { unreachable!("an object") };
        Listing::Torrents.text(&answer, style)
    }

    #[test]
    fn a_list_is_sorted_by_age_and_summed_up() {
        let torrents = json!([
            { "id": 12, "added_date": 20, "eta": 7300, "size_when_done": 1000, "left_until_done": 628, "rate_upload": 0,
              "rate_download": 1500, "upload_ratio": 0.5, "status": 4, "peers_sending_to_us": 1, "name": "b \u{1b}[2J" },
            { "id": 3, "added_date": 10, "eta": -1, "size_when_done": 2_500_000, "left_until_done": 0,
              "rate_upload": 250_049, "rate_download": 0, "upload_ratio": -1, "status": 6, "name": "a.iso", "error": 3 },
            { "id": 4, "added_date": 30, "eta": -1, "size_when_done": 0, "left_until_done": 0, "status": 0 },
        ]);
        let expected = "    ID    Done       Have  ETA              Up      Down  Ratio  Status       Name\n\
            \x20    3*   100%    2.50 MB  Done          250.0       0.0   None  Idle         a.iso\n\
            \x20   12   37.2%      372 B  2 hrs           0.0       1.5   0.50  Downloading  b ?[2J\n\
            \x20    4     n/a       None  Done            0.0       0.0   None  Stopped      \n\
            Sum:              2.50 MB                250.0       1.5\n";
        assert_eq!(shown(&torrents, Style::PLAIN), expected);
    }

    #[test]
    fn colours_change_no_letter() {
        let torrents = json!([{ "id": 1, "status": 4, "peers_sending_to_us": 2, "name": "a", "error": 1 }]);
        let (plain, mut coloured) = (shown(&torrents, Style::PLAIN), shown(&torrents, Style::COLOURED));
        assert!(coloured.contains('\x1b') && !plain.contains('\x1b'));
        for code in ["\x1b[1m", "\x1b[31m", "\x1b[0m"] {
            coloured = coloured.replace(code, "");
        }
        assert_eq!(plain, coloured);
    }

    #[test]
    fn an_empty_list_has_a_head_and_a_sum() {
        let text = shown(&json!([]), Style::PLAIN);
        assert_eq!(text.lines().count(), 2);
        assert!(text.ends_with("None                  0.0       0.0\n"), "{text}");
    }
}
