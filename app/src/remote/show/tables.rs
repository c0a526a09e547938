//! `-if`, `-ip` and `-ic`: files, peers and pieces.

use super::{Row, yes_or_no};
use crate::remote::figures::{percent, size};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;
use std::fmt::Write;

/// Pieces on one line of `-ic`, and in one group of it.
const PIECES_A_LINE: usize = 64;
const PIECES_A_GROUP: usize = 8;

pub(super) fn files(torrent: Row<'_>) -> String {
    let count = torrent.list("files").len();
    let mut text = format!("{} ({count} files):\n", torrent.text("name").unwrap_or_default());
    let _ = writeln!(text, "{:>3}  {:>5} {:>8} {:>3} {:>9}  Name", "#", "Done", "Priority", "Get", "Size");
    for (index, file) in torrent.rows("files").enumerate() {
        let (have, length) = (file.count("bytes_completed"), file.count("length"));
        // An empty file is all there.
        let done = if length == 0 { 100.0 } else { 100.0 * have as f64 / length as f64 };
        let number = |key: &str| torrent.list(key).get(index).and_then(Value::as_i64);
        let priority = match number("priorities") {
            Some(..=-1) => "Low",
            Some(1..) => "High",
            Some(0) | None => "Normal",
        };
        let is_wanted = match torrent.list("wanted").get(index) {
            Some(wanted) => wanted.as_bool().unwrap_or(wanted.as_i64() != Some(0)),
            None => true,
        };
        let _ = writeln!(
            text,
            "{index:>3}: {:>5} {priority:<8} {:<3} {:>9}  {}",
            percent(done) + "%",
            yes_or_no(is_wanted),
            size(length),
            file.text("name").unwrap_or_default()
        );
    }
    text
}

pub(super) fn peers(torrent: Row<'_>) -> String {
    let mut text =
        format!("{:<40}  {:<12}  {:<5} {:<8}  {:<8}  Client\n", "Address", "Flags", "Done", "Down", "Up");
    for peer in torrent.rows("peers") {
        let _ = writeln!(
            text,
            "{:<40}  {:<12}  {:<5} {:>8.1}  {:>8.1}  {}",
            peer.text("address").unwrap_or_default(),
            peer.text("flag_str").unwrap_or_default(),
            percent(100.0 * peer.real("progress").unwrap_or(0.0)) + "%",
            peer.count("rate_to_client") as f64 / 1000.0,
            peer.count("rate_to_peer") as f64 / 1000.0,
            peer.text("client_name").unwrap_or_default(),
        );
    }
    text
}

pub(super) fn pieces(torrent: Row<'_>) -> String {
    let field =
        torrent.0.get("pieces").and_then(|field| BASE64.decode(field.as_str()?).ok()).unwrap_or_default();
    let count = usize::try_from(torrent.count("piece_count")).unwrap_or(0).min(field.len() * 8);
    let mut text = String::new();
    for (piece, bit) in
        field.iter().flat_map(|byte| (0..8).map(move |bit| byte >> (7 - bit) & 1)).take(count).enumerate()
    {
        match piece {
            _ if piece % PIECES_A_LINE == 0 => text.push_str(if piece == 0 { "  " } else { "\n  " }),
            _ if piece % PIECES_A_GROUP == 0 => text.push(' '),
            _ => {}
        }
        text.push(if bit == 1 { '1' } else { '0' });
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::show::with;
    use serde_json::json;

    #[test]
    fn files_have_their_rows_in_both_dialects() {
        let files = json!([{ "name": "d/a", "length": 2_000_000, "bytes_completed": 500_000 }, { "name": "d/b", "length": 0 }]);
        let expected = "d (2 files):\n  #   Done Priority Get      Size  Name\n  \
            0: 25.0% High     No       2 MB  d/a\n  1:  100% Low      Yes      None  d/b\n";
        for wanted in [json!([0, 1]), json!([false, true])] {
            let torrent = json!({ "name": "d", "files": files, "priorities": [1, -1], "wanted": wanted });
            assert_eq!(with(torrent, super::files), expected);
        }
    }

    #[test]
    fn peers_have_their_rows() {
        let torrent = json!({ "peers": [{ "address": "::1", "flag_str": "DEI", "progress": 0.5, "rate_to_client": 1500,
            "rate_to_peer": 0, "client_name": "x\ny" }] });
        let text = with(torrent, super::peers);
        let words: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(words[0], ["Address", "Flags", "Done", "Down", "Up", "Client"]);
        assert_eq!(words[1], ["::1", "DEI", "50.0%", "1.5", "0.0", "x?y"]);
    }

    #[test]
    fn pieces_stand_in_groups_and_lines() {
        let torrent =
            |bytes: &[u8], count: usize| json!({ "pieces": BASE64.encode(bytes), "piece_count": count });
        assert_eq!(with(torrent(&[0xf0, 0x80], 10), super::pieces), "  11110000 10\n");
        let text = with(torrent(&[0xff; 9], 65), super::pieces);
        assert_eq!(text, format!("  {}\n  1\n", ["11111111"; 8].join(" ")));
        assert_eq!(with(json!({ "pieces": "", "piece_count": 9 }), super::pieces), "\n");
    }
}
