//! The names on the wire. Inside, a name is `snake_case` as in JSON-RPC 2.0; the legacy dialect spells some in
//! kebab-case, some in camelCase, some in its own way. Both spellings are understood in both dialects; a reply uses
//! the spelling of its dialect.

/// Which of the two dialects is spoken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Dialect {
    /// `method`, `arguments`, `tag`; as all of Transmission up to 4.0.
    Legacy,
    /// JSON-RPC 2.0 with `snake_case`; from Transmission 4.1 on.
    JsonRpc,
}

/// Names that the legacy dialect spells in camelCase. Every other name of [`KEBAB`]'s kind is there with dashes, and
/// what is in neither has one spelling.
const CAMEL: &str = "
    active_torrent_count activity_date added_date announce_state bandwidth_priority bytes_completed client_is_choked
    client_is_interested client_name corrupt_ever date_created desired_available done_date download_count
    download_limit download_limited download_speed downloaded_bytes downloaded_ever edit_date error_string eta_idle
    file_stats files_added flag_str from_cache from_dht from_incoming from_lpd from_ltep from_pex from_tracker
    has_announced has_scraped hash_string have_unchecked have_valid honors_session_limits is_backup
    is_downloading_from is_encrypted is_finished is_incoming is_private is_stalled is_uploading_to
    last_announce_peer_count last_announce_result last_announce_start_time last_announce_succeeded
    last_announce_time last_announce_timed_out last_scrape_result last_scrape_start_time last_scrape_succeeded
    last_scrape_time last_scrape_timed_out leecher_count left_until_done magnet_link manual_announce_time
    max_connected_peers metadata_percent_complete next_announce_time next_scrape_time paused_torrent_count
    peer_is_choked peer_is_interested peers_connected peers_from peers_getting_from_us peers_sending_to_us
    percent_complete percent_done piece_count piece_size queue_position rate_download rate_to_client rate_to_peer
    rate_upload recheck_progress scrape_state seconds_active seconds_downloading seconds_seeding seed_idle_limit
    seed_idle_mode seed_ratio_limit seed_ratio_limited seed_ratio_mode seeder_count session_count size_when_done
    start_date torrent_count torrent_file total_size tracker_add tracker_list tracker_remove tracker_replace
    tracker_stats upload_limit upload_limited upload_ratio upload_speed uploaded_bytes uploaded_ever
    webseeds_sending_to_us";

/// Names that have only this spelling, in both dialects.
const SNAKE_ONLY: &str = "
    begin_piece bytes_to_client bytes_to_peer download_bytes_per_second downloader_count end_piece ip_protocol
    is_downloading peer_id preferred_transports reqq sequential_download sequential_download_from_piece
    webseeds_ex proxy_for proxy_url start_paused torrent_complete_verify_enabled ip_endpoints_ipv4 ip_endpoints_ipv6";

/// What follows no rule: (ours, legacy).
const IRREGULAR: [(&str, &str); 2] = [("is_utp", "isUTP"), ("cache_size_mib", "cache-size-mb")];

/// The legacy spelling of a `snake_case` name.
pub(crate) fn legacy(snake: &str) -> String {
    if let Some((_, legacy)) = IRREGULAR.iter().find(|(ours, _)| *ours == snake) {
        return (*legacy).to_owned();
    }
    if listed(CAMEL, snake) {
        camel(snake)
    } else if listed(SNAKE_ONLY, snake) {
        snake.to_owned()
    } else {
        snake.replace('_', "-")
    }
}

/// The legacy spelling of a field of `torrent-get`: the same, but for the one name that differs there.
pub(crate) fn legacy_field(snake: &str) -> String {
    if snake == "download_dir" { camel(snake) } else { legacy(snake) }
}

/// Our spelling of any spelling: dashes and capitals become underscores.
pub(crate) fn canonical(name: &str) -> String {
    if let Some((ours, _)) = IRREGULAR.iter().find(|(_, legacy)| *legacy == name) {
        return (*ours).to_owned();
    }
    let mut out = String::with_capacity(name.len() + 4);
    let mut after_capital = true;
    for character in name.chars() {
        let capital = character.is_ascii_uppercase();
        if capital && !after_capital {
            out.push('_');
        }
        out.push(if character == '-' { '_' } else { character.to_ascii_lowercase() });
        after_capital = capital || character == '-' || character == '_';
    }
    out
}

fn listed(words: &str, name: &str) -> bool {
    words.split_ascii_whitespace().any(|word| word == name)
}

fn camel(snake: &str) -> String {
    let mut out = String::with_capacity(snake.len());
    for (index, word) in snake.split('_').enumerate() {
        let mut letters = word.chars();
        match letters.next() {
            Some(first) if index > 0 => out.push(first.to_ascii_uppercase()),
            Some(first) => out.push(first),
            None => {}
        }
        out.push_str(letters.as_str());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn legacy_spellings() {
        for (snake, expected) in [
            ("torrent_get", "torrent-get"),
            ("alt_speed_time_day", "alt-speed-time-day"),
            ("seed_ratio_limited", "seedRatioLimited"),
            ("hash_string", "hashString"),
            ("peer_limit", "peer-limit"),
            ("primary_mime_type", "primary-mime-type"),
            ("is_utp", "isUTP"),
            ("cache_size_mib", "cache-size-mb"),
            ("webseeds_sending_to_us", "webseedsSendingToUs"),
            ("sequential_download", "sequential_download"),
            ("download_dir", "download-dir"),
            ("id", "id"),
            ("cumulative_stats", "cumulative-stats"),
        ] {
            assert_eq!(legacy(snake), expected);
        }
        assert_eq!(legacy_field("download_dir"), "downloadDir");
    }

    #[test]
    fn every_spelling_leads_back() {
        let listed = CAMEL.split_ascii_whitespace().chain(SNAKE_ONLY.split_ascii_whitespace());
        for name in listed.chain(["torrent_get", "is_utp", "cache_size_mib", "download_dir", "files_wanted"])
        {
            assert_eq!(canonical(&legacy(name)), name);
            assert_eq!(canonical(name), name, "our own spelling is left alone");
            assert_eq!(canonical(&name.replace('_', "-")), name);
        }
    }

    #[test]
    fn a_name_is_in_one_list() {
        for name in CAMEL.split_ascii_whitespace() {
            assert!(!listed(SNAKE_ONLY, name), "{name} is in two lists");
        }
    }
}
