//! What the program says and how it ends where no transfer happens.

mod world;

use std::path::Path;
use std::process::Stdio;
use world::http::Server;
use world::run::{ended, failed};
use world::{Scratch, bytes, multi, single};

#[test]
fn wrong_command_lines_end_with_2() {
    let scratch = Scratch::new();
    let torrent = scratch.write("a.torrent", &single("a", b"a").encode());
    for wrong in [
        vec!["--no-peers", "--no-web-seeds"],
        vec!["--no-peers", "--seed"],
        vec!["--no-peers", "--peer", "127.0.0.1:1"],
        vec!["--no-web-seeds", "--web-seed", "http://127.0.0.1/"],
        vec!["--quiet", "--json"],
        vec!["--down-limit", "fast"],
        vec!["--seed-time", "soon"],
        vec!["--timeout", "0"],
        vec!["--port", "65536"],
        vec!["--bind", "nowhere"],
        vec!["--web-seed", "ftp://example.org/"],
        vec!["--select", "["],
        vec!["--seed-ratio", "-1"],
        vec!["--frobnicate"],
    ] {
        let (code, output, errors) = ended(scratch.starling("get").arg(&torrent).args(&wrong));
        assert_eq!((code, output.as_str()), (2, ""), "{wrong:?}: {errors}");
        assert!(errors.contains("error:"), "{wrong:?}: {errors}");
    }
    for (option, value) in [("--select", "b*"), ("--select", "7"), ("--peer", "127.0.0.1")] {
        let (code, error) = failed(scratch.get(&torrent, "out").args([option, value]));
        assert_eq!(code, 2, "{error}");
        assert!(error.contains(option), "{error}");
    }
    assert_eq!(ended(&mut scratch.starling("frobnicate")).0, 2);
}

#[test]
fn help_tells_exit_codes_and_examples() {
    let scratch = Scratch::new();
    let (code, help, _) = ended(scratch.starling("get").arg("--help"));
    assert_eq!(code, 0);
    for expected in
        ["  0  complete", "  3  incomplete", "  4  bad torrent", "  5  disk", "  8  interrupted", "Examples:"]
    {
        assert!(help.contains(expected), "no {expected:?} in\n{help}");
    }
}

#[test]
fn sources_that_are_no_torrent_say_so_in_one_line() {
    let scratch = Scratch::new();
    let page = scratch.write("page.torrent", b"<!DOCTYPE html><html><body>Log in</body></html>");
    let empty = scratch.write("empty.torrent", b"");
    let mut cut = single("a", &bytes(1, 500_000)).encode();
    cut.truncate(cut.len() / 2);
    let cut = scratch.write("cut.torrent", &cut);
    let folder = scratch.path("");
    for (source, code, words) in [
        (scratch.path("none.torrent"), 1, "No such file"),
        (folder, 1, "directory"),
        (page, 4, "HTML page"),
        (empty, 4, "empty"),
        (cut, 4, "not a torrent"),
        ("magnet:?xt=urn:btih:0123".into(), 4, "info-hash"),
        ("ftp://example.org/a.torrent".into(), 2, "http"),
    ] {
        let (found, error) = failed(&mut scratch.get(&source, "out"));
        assert_eq!(found, code, "{error}");
        assert!(error.contains(words), "no {words:?} in {error}");
    }
}

#[test]
fn urls_that_are_no_torrent_say_so_in_one_line() {
    let scratch = Scratch::new();
    let page = Server::of_text("200 OK", "text/html", b"<html><body>Downloads</body></html>");
    let missing = Server::of_text("404 Not Found", "text/html", b"<html>no</html>");
    let broken = Server::of_text("500 Internal Server Error", "text/plain", b"oh");
    let cut = Server::start(|_| {
        ("HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n".to_owned(), b"d4:info".to_vec())
    });
    let circle = Server::start(|request| {
        (
            format!("HTTP/1.1 302 Found\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", request.target),
            Vec::new(),
        )
    });
    for (server, code, words) in [
        (page, 4, "web page"),
        (missing, 1, "404"),
        (broken, 1, "500"),
        (cut, 1, "cut off"),
        (circle, 1, "redirected"),
    ] {
        let (found, error) = failed(&mut scratch.get(Path::new(&server.url("torrent/")), "out"));
        assert_eq!(found, code, "{error}");
        assert!(error.contains(words), "no {words:?} in {error}");
    }
}

#[test]
fn an_error_is_an_event_in_json_and_alone_when_quiet() {
    let scratch = Scratch::new();
    let none = scratch.path("none.torrent");
    let (code, output, _) = ended(scratch.get(&none, "out").arg("--json"));
    let event: serde_json::Value = serde_json::from_str(&output).expect("one line of JSON");
    assert_eq!((code, &event["event"], &event["code"]), (1, &"error".into(), &1.into()));
    assert!(event["message"].as_str().is_some_and(|message| message.contains("none.torrent")));
    let (code, _) = failed(scratch.get(&none, "out").arg("--quiet"));
    assert_eq!(code, 1);
}

#[test]
fn show_lists_what_select_takes() {
    let scratch = Scratch::new();
    let torrent = multi("bundle", &[("a.iso", bytes(1, 40_000)), ("docs/b.txt", bytes(2, 10))]);
    let path = scratch.write("bundle.torrent", &torrent.encode());
    let (code, page, _) = ended(scratch.starling("show").arg(&path));
    assert_eq!(code, 0);
    assert!(page.contains("bundle/docs/b.txt"), "{page}");
    let (code, json, _) = ended(scratch.starling("show").arg("--json").arg(&path));
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(
        (code, &json["files"][1]["path"], &json["total_size"]),
        (0, &"bundle/docs/b.txt".into(), &40_010.into())
    );
    let (code, error) = failed(scratch.starling("show").arg(scratch.write("bad", b"d4:infoi1ee")));
    assert_eq!(code, 4);
    assert!(error.contains("info"), "{error}");
}

#[test]
fn a_folder_that_cannot_be_written_is_a_disk_error() {
    let scratch = Scratch::new();
    let torrent = scratch.write("a.torrent", &single("a", b"a").encode());
    scratch.write("file", b"in the way");
    let (code, error) = failed(&mut scratch.get(&torrent, "file/below"));
    assert_eq!(code, 5, "{error}");
    assert!(error.contains("file/below"), "{error}");
}

#[test]
fn without_a_home_it_warns_and_goes_on() {
    let scratch = Scratch::new();
    let torrent = scratch.write("a.torrent", &single("a", b"a").encode());
    scratch.write("out/a", b"a");
    let (code, _, errors) = ended(scratch.get(&torrent, "out").env_remove("HOME"));
    assert_eq!(code, 0, "{errors}");
    assert_eq!(
        errors.lines().filter(|line| line.contains("warning: there is no HOME")).count(),
        1,
        "{errors}"
    );
    scratch.write("home", b"not a folder");
    let (code, _, errors) = ended(&mut scratch.get(&torrent, "out"));
    assert_eq!(code, 0, "{errors}");
    assert!(errors.contains("starling: warning:"), "{errors}");
}

#[test]
fn nothing_to_fetch_from_is_told_at_once() {
    let scratch = Scratch::new();
    let torrent = scratch.write("a.torrent", &single("a", b"a").encode());
    let (code, error) = failed(scratch.get(&torrent, "out").args(["--no-peers", "--quiet"]));
    assert_eq!(code, 3, "{error}");
    assert!(error.contains("--web-seed"), "{error}");
}

#[test]
fn standard_input_is_a_source() {
    let scratch = Scratch::new();
    let torrent = scratch.write("a.torrent", &single("a", b"a").encode());
    scratch.write("out/a", b"a");
    let mut get = scratch.get(Path::new("-"), "out");
    let status = get.stdin(std::fs::File::open(torrent).unwrap()).stderr(Stdio::null()).status().unwrap();
    assert_eq!(status.code(), Some(0));
}
