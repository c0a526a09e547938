//! `starling remote` against scripted daemons of both dialects: what it sends, what it prints, how it ends.

mod world;

use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use world::Scratch;
use world::rpc::{Daemon, Manners, Reply};
use world::run::ended;

const JSON_RPC: Manners = Manners { json_rpc: true, authorization: None, forgets_at: None };

/// Does everything it is told, and knows one torrent.
fn willing(method: &str, params: &Value) -> Reply {
    let is_new = method.contains('_');
    Reply::Done(match method {
        "torrent-add" => json!({ "torrent-added": { "id": 7, "name": "a", "hashString": "ab" } }),
        "torrent_add" => json!({ "torrent_duplicate": { "id": 7, "name": "a", "hash_string": "ab" } }),
        "torrent-get" | "torrent_get" => {
            let names =
                ["size_when_done", "left_until_done", "rate_download", "peers_sending_to_us", "upload_ratio"];
            let old = ["sizeWhenDone", "leftUntilDone", "rateDownload", "peersSendingToUs", "uploadRatio"];
            let values = [json!(1000), json!(500), json!(2000), json!(1), json!(0.25)];
            let spelling = if is_new { names } else { old };
            let fields = params["fields"].as_array().expect("fields").iter().filter_map(Value::as_str);
            assert!(fields.into_iter().all(|field| is_new || !field.contains('_')), "{params}");
            let mut torrent = json!({ "id": 7, "name": "a.iso", "status": 4, "eta": 60 });
            for (name, value) in spelling.into_iter().zip(values) {
                torrent[name] = value;
            }
            json!({ "torrents": [torrent] })
        }
        "torrent_why" => {
            json!({ "torrents": [{ "id": 7, "name": "a.iso", "reasons": [{ "code": "peers", "text": "no peers" }] }] })
        }
        _ => json!({}),
    })
}

/// Knows no method that Transmission does not, and refuses the rest.
fn unwilling(method: &str, _: &Value) -> Reply {
    match method {
        "torrent-why" => Reply::Refused(0, "method name not recognized"),
        "torrent_why" => Reply::Refused(-32601, "Method not found"),
        _ => Reply::Refused(4, "unrecognized info"),
    }
}

/// Exit code, output and errors of a command line, words with blanks between them.
fn told(daemon: &Daemon, line: &str) -> (i32, String, String) {
    let scratch = Scratch::new();
    let mut remote = scratch.starling("remote");
    remote.env_remove("TR_AUTH").arg(daemon.address.port().to_string()).args(line.split_whitespace());
    ended(&mut remote)
}

/// Method and parameters of all requests.
fn calls(daemon: &Daemon) -> Vec<(String, Value)> {
    let call = |request: Value| {
        let method = request["method"].as_str().unwrap_or_default().to_owned();
        let params = request.get("arguments").or(request.get("params")).cloned();
        (method, params.unwrap_or_default())
    };
    daemon.seen().into_iter().map(call).collect()
}

#[test]
fn the_list_is_the_same_in_both_dialects() {
    let row = "     7   50.0%      500 B  1 min           0.0       2.0   0.25  Downloading  a.iso";
    for manners in [Manners::default(), JSON_RPC] {
        let daemon = Daemon::start(manners, willing);
        let (code, output, errors) = told(&daemon, "-l");
        assert_eq!((code, errors.as_str()), (0, ""), "{output}");
        let lines: Vec<&str> = output.lines().collect();
        assert!(lines[0].starts_with("    ID    Done       Have  ETA "), "{output}");
        assert_eq!((lines.len(), lines[1]), (3, row), "{output}");
        assert!(lines[2].starts_with("Sum:"), "{output}");
    }
}

#[test]
fn settings_go_to_what_they_belong_to_and_are_sent_together() {
    let daemon = Daemon::start(Manners::default(), willing);
    let (code, output, errors) =
        told(&daemon, "-d5 -er -a magnet:?xt=x -w /srv -L a,b -S -sr 2 -t 1,3-4 -u=9 -hl -if -rad -t all -s");
    assert_eq!((code, errors.as_str()), (0, ""), "{output}");
    let expected = [
        (
            "session-set",
            json!({ "speed-limit-down": 5, "speed-limit-down-enabled": true, "encryption": "required" }),
        ),
        (
            "torrent-add",
            json!({ "filename": "magnet:?xt=x", "download-dir": "/srv", "labels": ["a", "b"], "paused": true }),
        ),
        ("torrent-set", json!({ "seedRatioLimit": 2.0, "seedRatioMode": 1, "ids": 7 })),
        (
            "torrent-set",
            json!({ "uploadLimit": 9, "uploadLimited": true, "honorsSessionLimits": true, "ids": [1, 3, 4] }),
        ),
        ("torrent-get", json!({ "fields": ["files", "name", "priorities", "wanted"], "ids": [1, 3, 4] })),
        ("torrent-remove", json!({ "delete-local-data": true, "ids": [1, 3, 4] })),
        ("torrent-start", json!({})),
    ];
    let seen = calls(&daemon);
    for (call, (method, params)) in seen.iter().zip(&expected) {
        assert_eq!((call.0.as_str(), &call.1), (*method, params));
    }
    assert_eq!(seen.len(), expected.len(), "{seen:?}");
    assert_eq!(output.matches("/transmission/rpc/ returned a successful response\n").count(), 6, "{output}");
}

#[test]
fn orders_over_json_rpc_are_answered_so_that_a_refusal_is_told() {
    let daemon = Daemon::start(JSON_RPC, willing);
    let (code, output, _) = told(&daemon, "-t active -v --exit -a http://h/x -Bh");
    assert_eq!(code, 0, "{output}");
    let seen = daemon.seen();
    assert_eq!(seen[0]["method"], "torrent_verify");
    assert_eq!(seen[0]["params"], json!({ "ids": "recently_active" }));
    assert_eq!(seen[1]["method"], "session_close");
    assert_eq!(seen[2]["params"], json!({ "filename": "http://h/x", "bandwidth_priority": 1 }));
    assert!(seen.iter().all(|call| call["id"].is_number()), "{seen:?}");
    let refusing = Daemon::start(JSON_RPC, |_, _| Reply::Refused(5, "not today"));
    for order in ["-t 1 -s", "-t 1 -S", "-t 1 -v", "-t 1 --reannounce", "-t 1 -r", "--exit"] {
        let (code, output, _) = told(&refusing, order);
        assert_eq!((code, output.as_str()), (1, "Error: not today\n"), "{order}");
    }
}

#[test]
fn torrent_files_are_sent_and_each_word_is_a_torrent() {
    let scratch = Scratch::new();
    let file = scratch.write("a.torrent", b"d4:infoe");
    let daemon = Daemon::start(Manners::default(), willing);
    let mut remote = scratch.starling("remote");
    remote.arg(format!("http://{}/transmission", daemon.address)).arg("-a").arg(&file).args([
        "http://h/b",
        "-w",
        "/srv",
    ]);
    assert_eq!(ended(&mut remote).0, 0);
    let seen: Vec<Value> = calls(&daemon).into_iter().map(|(_, params)| params).collect();
    assert_eq!(
        seen,
        [json!({ "metainfo": "ZDQ6aW5mb2U=" }), json!({ "filename": "http://h/b", "download-dir": "/srv" })]
    );
}

#[test]
fn a_session_id_is_learned_again_when_the_daemon_takes_a_new_one() {
    for json_rpc in [false, true] {
        let daemon = Daemon::start(Manners { json_rpc, forgets_at: Some(1), authorization: None }, willing);
        let (code, output, errors) = told(&daemon, "-l -l -l");
        assert_eq!((code, output.matches("Sum:").count(), errors.as_str()), (0, 3, ""));
    }
}

#[test]
fn a_failure_is_exit_code_1_and_does_not_stop_the_rest() {
    for manners in [Manners::default(), JSON_RPC] {
        let daemon = Daemon::start(manners, unwilling);
        let (code, output, errors) = told(&daemon, "-a nothing -t 1 --move /x");
        assert_eq!((code, errors.as_str()), (1, ""));
        assert_eq!(output, "Error: unrecognized info\nError: unrecognized info\n");
        let (code, output, _) = told(&daemon, "-t 1 --why");
        assert_eq!(code, 1);
        assert!(output.starts_with("Error: this daemon does not know torrent-why"), "{output}");
        let (code, output, _) = told(&daemon, "-t 1 --why --json");
        assert!(code == 1 && serde_json::from_str::<Value>(&output).is_ok(), "{output}");
    }
}

#[test]
fn wrong_command_lines_are_exit_code_1() {
    let daemon = Daemon::start(Manners::default(), willing);
    for (line, words) in [
        ("--frobnicate", "Unknown option: --frobnicate"),
        ("stray", "Unknown option: stray"),
        ("-t", "-t, --torrent <torrents>"),
        ("-d fast", "Not a number: 'fast'"),
        ("-t 1- -i", "Not a number: '1-'"),
        ("--alt-speed-time-begin 2460", "'hhmm'"),
        ("-a", "No torrent follows -a"),
        ("-F x", "Not a criterion: 'x'"),
        ("-ne -l", "TR_AUTH"),
        ("--completion csh", "No completion for 'csh'"),
        ("--watch soon", "Not a number: 'soon'"),
    ] {
        let (code, output, errors) = told(&daemon, line);
        assert_eq!((code, output.as_str()), (1, ""), "{line}: {errors}");
        assert!(errors.contains(words), "{line}: {errors}");
    }
    assert!(calls(&daemon).is_empty(), "{:?}", calls(&daemon));
    let (code, _, errors) = told(&daemon, "--frobnicate -t 1 -v");
    assert_eq!((code, calls(&daemon).len()), (1, 1), "{errors}");
}

#[test]
fn without_a_torrent_nothing_happens() {
    let daemon = Daemon::start(Manners::default(), willing);
    let (_, _, errors) = told(&daemon, "-S");
    assert_eq!(errors, "No torrent specified!  Please use the -t option first.\n");
    assert_eq!(calls(&daemon), [("torrent-stop".to_owned(), json!({ "ids": -1 }))]);
}

#[test]
fn credentials_come_from_four_places() {
    let scratch = Scratch::new();
    let ana = Manners { authorization: Some("Basic YW5hOnA6dw=="), ..Manners::default() };
    let daemon = Daemon::start(ana, willing);
    let port = daemon.address.port().to_string();
    let remote = || {
        let mut remote = scratch.starling("remote");
        remote.arg(&port);
        remote
    };
    let (code, _, errors) = ended(remote().arg("-l"));
    assert!(code == 1 && errors.contains("401: Unauthorized"), "{errors}");
    assert_eq!(ended(remote().args(["-l", "-n", "ana:p:w"])).0, 0);
    assert_eq!(ended(remote().args(["-ne", "-l"]).env("TR_AUTH", "ana:p:w")).0, 0);
    let url = format!("http://ana:p%3Aw@{}/transmission/", daemon.address);
    assert_eq!(ended(scratch.starling("remote").arg(url).arg("-l")).0, 0);
    let netrc = scratch.write("rc", b"machine localhost login ana password p:w\n");
    assert_eq!(ended(remote().arg("-N").arg(netrc).arg("-l")).0, 0);
    scratch.write("home/.netrc", b"default login ana password p:w\n");
    assert_eq!(ended(remote().arg("-l")).0, 0);
}

#[test]
fn a_socket_of_this_machine_will_do() {
    let scratch = Scratch::new();
    let path = scratch.path("socket");
    let daemon = Daemon::start_at(&path, willing);
    let (code, output, _) = ended(scratch.starling("remote").arg("--unix-socket").arg(&path).arg("-l"));
    assert!(code == 0 && output.contains("a.iso"), "{output}");
    assert_eq!(daemon.seen().len(), 1);
}

#[test]
fn tls_takes_a_certificate_that_nobody_vouches_for() {
    let scratch = Scratch::new();
    let daemon = Daemon::start_with_tls(willing);
    let port = daemon.address.port();
    for words in
        [vec![format!("{port}"), "--ssl".to_owned()], vec![format!("https://127.0.0.1:{port}/transmission/")]]
    {
        let (code, output, errors) = ended(scratch.starling("remote").args(words).arg("-l"));
        assert!(code == 0 && output.contains("a.iso"), "{output}{errors}");
    }
}

#[test]
fn what_nobody_reads_is_done_all_the_same() {
    let daemon = Daemon::start(Manners::default(), willing);
    let scratch = Scratch::new();
    let mut remote = scratch.starling("remote");
    remote.arg(daemon.address.port().to_string()).args(["-l", "-t", "7", "-S"]).stdout(Stdio::piped());
    let mut child = remote.spawn().expect("started");
    drop(child.stdout.take());
    assert!(child.wait().expect("waited for").success());
    assert_eq!(calls(&daemon).last().map(|(method, _)| method.clone()), Some("torrent-stop".to_owned()));
}

#[test]
fn json_is_the_answer_as_it_came_and_debug_tells_both_ways() {
    let daemon = Daemon::start(JSON_RPC, willing);
    let (code, output, errors) = told(&daemon, "-l --json -b");
    let answer: Value = serde_json::from_str(&output).expect("one JSON object");
    assert_eq!((code, &answer["result"]["torrents"][0]["name"]), (0, &json!("a.iso")));
    assert!(errors.contains("\"torrent_get\"") && errors.contains("a.iso"), "{errors}");
}

#[test]
fn filters_choose_the_current_torrents() {
    let daemon = Daemon::start(Manners::default(), willing);
    let (code, output, _) = told(&daemon, "-F d -ids -F n:other -ids -v");
    assert_eq!((code, output.lines().next(), output.lines().nth(1)), (0, Some("7"), Some(",")));
    assert_eq!(calls(&daemon).last(), Some(&("torrent-verify".to_owned(), json!({ "ids": [] }))));
}

#[test]
fn starlings_own_requests_have_names_of_their_own() {
    let daemon = Daemon::start(JSON_RPC, willing);
    let (code, output, _) =
        told(&daemon, "-t 7 --web-seed-add http://m/ --web-seed-remove http://n/ --web-seeds --why");
    assert_eq!(code, 0, "{output}");
    assert!(output.ends_with("a.iso\n  no peers\n"), "{output}");
    let expected = [
        ("torrent_web_seed_add", json!({ "url": "http://m/", "ids": 7 })),
        ("torrent_web_seed_remove", json!({ "url": "http://n/", "ids": 7 })),
        ("torrent_web_seeds", json!({ "ids": 7 })),
        ("torrent_why", json!({ "ids": 7 })),
    ];
    assert_eq!(calls(&daemon), expected.map(|(method, params)| (method.to_owned(), params)));
}

#[test]
fn watching_lists_again_and_again() {
    let scratch = Scratch::new();
    let daemon = Daemon::start(Manners::default(), willing);
    let mut remote = scratch.starling("remote");
    remote
        .arg(daemon.address.port().to_string())
        .args(["--watch", "0.1"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let mut child = remote.spawn().expect("started");
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let sums = lines.map_while(Result::ok).filter(|line| line.starts_with("Sum:")).take(3).count();
    child.kill().expect("killed");
    child.wait().expect("waited for");
    assert_eq!(sums, 3);
    assert!(daemon.seen().len() >= 3);
}

#[test]
fn no_daemon_is_exit_code_1_and_says_where_it_was_looked_for() {
    let scratch = Scratch::new();
    // A port that is taken and never answers: nobody else can listen there meanwhile.
    let taken = tokio::net::TcpSocket::new_v4().expect("a socket");
    taken.bind(([127, 0, 0, 1], 0).into()).expect("a port");
    let address = taken.local_addr().expect("bound");
    let (code, _, errors) = ended(scratch.starling("remote").arg(address.to_string()).arg("-l"));
    assert_eq!(code, 1);
    assert!(
        errors.contains(&format!("'http://{address}/transmission/rpc/': Connection refused")),
        "{errors}"
    );
}

#[test]
fn the_program_has_other_names() {
    for name in ["transmission-remote", "/usr/local/bin/starling-remote"] {
        let (code, output, _) = ended(Command::new(env!("CARGO_BIN_EXE_starling")).arg0(name).arg("-V"));
        assert!(code == 0 && output.starts_with("starling remote "), "{name}: {output}");
    }
    let scratch = Scratch::new();
    for (arg, code) in [(Some("-h"), 0), (None, 1)] {
        let (found, output, _) = ended(scratch.starling("remote").args(arg));
        assert_eq!(found, code);
        assert!(
            output.contains("--sequential-download") && output.contains("Usage: starling remote"),
            "{output}"
        );
    }
}
