//! Calls in both dialects, on torrents that are there.

use crate::world::{Client, World, base64, torrent};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use tokio::net::TcpStream;

/// Adds a stopped torrent; tells its number.
async fn add(client: &mut Client<TcpStream>, name: &str) -> Value {
    let arguments = json!({"metainfo": base64(&torrent(name)), "paused": true});
    let (result, mut arguments) = client.legacy("torrent-add", arguments).await;
    assert_eq!(result, "success");
    arguments["torrent-added"]["id"].take()
}

#[tokio::test(flavor = "multi_thread")]
async fn envelopes_of_both_dialects() {
    let world = World::new().await;
    let mut client = world.connect().await;
    for (body, expected) in [
        (r#"{"method":"nope","tag":9}"#, json!({"arguments": {}, "result": "no method name", "tag": 9})),
        (r#"{"tag":3}"#, json!({"arguments": {}, "result": "no method name", "tag": 3})),
        (r#"{"method":5,"tag":"x"}"#, json!({"arguments": {}, "result": "no method name"})),
        (r#"{"method":"torrent-get"}"#, json!({"arguments": {}, "result": "no fields specified"})),
        (r#"{"method":"torrent-start","arguments":7}"#, json!({"arguments": {}, "result": "success"})),
    ] {
        assert_eq!(client.post(body.as_bytes(), "").await.json(), expected, "{body}");
    }
    let error = |code: i32, message: &str, id: Value| json!({"jsonrpc": "2.0", "error": {"code": code, "message": message}, "id": id});
    for (body, expected) in [
        ("{nonsense", error(-32_700, "Parse error", json!(null))),
        ("", error(-32_700, "Parse error", json!(null))),
        ("5", error(-32_600, "Invalid Request", json!(null))),
        ("[]", error(-32_600, "Invalid Request", json!(null))),
        (r#"{"jsonrpc":"1.0","method":"session_get","id":1}"#, error(-32_600, "Invalid Request", json!(1))),
        (
            r#"{"jsonrpc":"2.0","method":"session_get","id":{}}"#,
            error(-32_600, "Invalid Request", json!(null)),
        ),
        (r#"{"jsonrpc":"2.0","method":"nope","id":"a"}"#, error(-32_601, "Method not found", json!("a"))),
        (
            r#"{"jsonrpc":"2.0","method":"session_get","params":[1],"id":1}"#,
            error(-32_602, "Invalid params", json!(1)),
        ),
    ] {
        assert_eq!(client.post(body.as_bytes(), "").await.json(), expected, "{body}");
    }
    let deep = "[".repeat(100_000);
    assert_eq!(client.post(deep.as_bytes(), "").await.json()["error"]["code"], -32_700);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_and_notifications() {
    let world = World::new().await;
    let mut client = world.connect().await;
    let id = add(&mut client, "a").await;
    let remove = json!({"jsonrpc": "2.0", "method": "torrent_remove", "params": {"ids": [id]}});
    let batch = json!([
        {"jsonrpc": "2.0", "method": "session_get", "params": {"fields": ["version"]}, "id": "a"},
        remove,
        {"jsonrpc": "2.0", "method": "free_space", "params": {"path": "/does/not/exist"}, "id": 2},
        7,
    ]);
    let answers = client.post(batch.to_string().as_bytes(), "").await.json();
    assert_eq!(answers.as_array().map(Vec::len), Some(3));
    assert_eq!(answers[0]["result"], json!({"version": rpc::VERSION}));
    assert_eq!((&answers[1]["id"], &answers[1]["error"]["code"]), (&json!(2), &json!(5)));
    assert_eq!(answers[1]["error"]["data"]["result"]["size_bytes"], -1);
    assert_eq!(answers[2]["error"]["code"], -32_600);
    let left = client.legacy("torrent-get", json!({"fields": ["id"]})).await.1;
    assert_eq!(left["torrents"], json!([]), "the notification in between was carried out");
    for quiet in [json!([remove, remove]), remove] {
        let answer = client.post(quiet.to_string().as_bytes(), "").await;
        assert_eq!((answer.status, answer.body.len()), (204, 0));
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_in_either_spelling() {
    let world = World::new().await;
    let mut client = world.connect().await;
    let id = add(&mut client, "name \"quoted\"").await;
    let fields = json!([
        "id",
        "hashString",
        "total_size",
        "download-dir",
        "nonsense",
        "wanted",
        "fileCount",
        "totalSize"
    ]);
    let (_, answer) = client.legacy("torrent-get", json!({"ids": id, "fields": fields})).await;
    let row = &answer["torrents"][0];
    let keys: BTreeSet<&String> = row.as_object().unwrap().keys().collect();
    let expected =
        ["id", "hashString", "totalSize", "downloadDir", "wanted", "file-count"].map(str::to_owned);
    assert_eq!(keys, expected.iter().collect());
    assert_eq!(
        (&row["totalSize"], &row["wanted"], &row["file-count"]),
        (&json!(40_000), &json!([1, 1]), &json!(2))
    );
    let row = client.call("torrent_get", json!({"fields": ["wanted", "files", "name"]})).await.unwrap();
    assert_eq!(row["torrents"][0]["wanted"], json!([true, true]));
    assert_eq!(row["torrents"][0]["files"][1]["name"], "name \"quoted\"/two");
    let table = json!({"fields": ["id", "download_dir"], "format": "table"});
    let (_, table) = client.legacy("torrent-get", table).await;
    assert_eq!(table["torrents"][0], json!(["id", "downloadDir"]));
    assert_eq!(table["torrents"][1][0], id);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_removed_is_told_once_more() {
    let world = World::new().await;
    let mut client = world.connect().await;
    let (kept, gone) = (add(&mut client, "a").await, add(&mut client, "b").await);
    client.legacy("torrent-remove", json!({"ids": [gone]})).await;
    let (_, answer) = client.legacy("torrent-get", json!({"ids": "recently-active", "fields": ["id"]})).await;
    assert_eq!(answer, json!({"removed": [gone], "torrents": [{"id": kept}]}));
    let (_, answer) = client.legacy("torrent-get", json!({"fields": ["id"]})).await;
    assert_eq!(answer, json!({"torrents": [{"id": kept}]}));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_added_is_told_apart() {
    let world = World::new().await;
    let mut client = world.connect().await;
    let good = base64(&torrent("a"));
    for (params, code) in [
        (json!({}), -32_602),
        (json!({"metainfo": "####"}), 4),
        (json!({"metainfo": base64(b"junk")}), 9),
        (json!({"filename": "no-such-thing"}), 4),
        (json!({"filename": "/no/such/file.torrent"}), 4),
        (json!({"filename": "magnet:?dn=nothing"}), 4),
        (json!({"metainfo": good, "download_dir": "not/absolute"}), 3),
        (json!({"metainfo": good, "files_unwanted": [-1]}), 6),
        (json!({"metainfo": good, "labels": ["a,b"]}), -32_602),
    ] {
        assert_eq!(client.call("torrent_add", params.clone()).await.unwrap_err()["code"], code, "{params}");
    }
    let added = client.call("torrent_add", json!({"metainfo": good, "paused": true})).await.unwrap();
    let again = client.call("torrent_add", json!({"metainfo": good})).await.unwrap();
    assert_eq!(added["torrent_added"], again["torrent_duplicate"]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_set_shown_and_saved() {
    let world = World::new().await;
    let mut client = world.connect().await;
    let change = json!({"alt-speed-up": 61, "seedRatioLimit": 1.5, "encryption": "tolerated", "version": "x",
        "anti-brute-force-threshold": 7, "peer-limit-global": "many", "no-such-setting": true});
    assert_eq!(client.legacy("session-set", change).await.0, "success");
    let fields =
        json!(["alt-speed-up", "seed_ratio_limit", "encryption", "version", "anti-brute-force-threshold"]);
    let (_, shown) = client.legacy("session-get", json!({ "fields": fields })).await;
    let expected = json!({"alt-speed-up": 61, "seedRatioLimit": 1.5, "encryption": "tolerated",
        "version": rpc::VERSION, "anti-brute-force-threshold": 7});
    assert_eq!(shown, expected);
    assert_eq!(
        client.call("session_get", json!({"fields": ["encryption"]})).await.unwrap()["encryption"],
        "allowed"
    );
    let saved: Value = serde_json::from_slice(&std::fs::read(world.file.path()).unwrap()).unwrap();
    assert_eq!(saved["anti-brute-force-threshold"], 7);
    for (params, code) in [
        (json!({"download_dir": "x"}), 3),
        (json!({"encryption": "rot13"}), -32_602),
        (json!({"peer_port": 70_000}), -32_602),
    ] {
        assert_eq!(client.call("session_set", params).await.unwrap_err()["code"], code);
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_reach_as_far_as_they_say() {
    let world = World::with(|all| {
        all.http.authentication_required = true;
        all.http.username = "ana".into();
        all.http.password = "pw".into();
        all.http.tokens =
            vec![rpc::Token { name: "tv".into(), scope: rpc::Scope::AddOnly, secret: "tok".into() }];
    })
    .await;
    let mut client = world.connect().await;
    let token = "authorization: Bearer tok\r\n";
    let mut result = async |method: &str, arguments: Value| {
        let call = json!({"method": method, "arguments": arguments}).to_string();
        client.post(call.as_bytes(), token).await.json()["result"].take()
    };
    assert_eq!(result("torrent-get", json!({"fields": ["id"]})).await, "success");
    let add =
        |folder: &Path| json!({"metainfo": base64(&torrent("a")), "paused": true, "download-dir": folder});
    let home = world.daemon.settings().download_directory.clone();
    assert_eq!(result("torrent-add", add(&home.join("tv"))).await, "success");
    for (method, arguments) in [
        ("torrent-add", add(Path::new("/etc/cron.d"))),
        ("torrent-add", add(&home.join("../elsewhere"))),
        ("torrent-remove", json!({})),
        ("session-set", json!({"alt-speed-up": 1})),
        ("session-close", json!({})),
        ("torrent-add", json!({"filename": "/etc/passwd"})),
    ] {
        assert_eq!(result(method, arguments).await, "not allowed with this token", "{method}");
    }
    assert_eq!(result("torrent-nope", json!({})).await, "no method name");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_asks_whoever_runs_the_daemon() {
    let world = World::new().await;
    let mut client = world.connect().await;
    assert_eq!(client.legacy("session-close", json!({})).await, ("success".to_owned(), json!({})));
    tokio::time::timeout(crate::world::PATIENCE, world.daemon.exit_requested()).await.unwrap();
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answers_to_a_batch_are_bounded_together() {
    const COMMENT: usize = 64 << 10;
    const CALLS: usize = 1100;
    let world = World::new().await;
    let mut client = world.connect().await;
    let mut file = format!("d7:comment{COMMENT}:{}", "c".repeat(COMMENT)).into_bytes();
    file.extend_from_slice(&torrent("a")[1..]);
    let params = json!({"metainfo": base64(&file), "paused": true});
    client.call("torrent_add", params).await.unwrap();
    let get = json!({"fields": ["comment"]});
    let calls =
        (0..CALLS).map(|id| json!({"jsonrpc": "2.0", "id": id, "method": "torrent_get", "params": get}));
    let answer = client.post(calls.collect::<Value>().to_string().as_bytes(), "").await;
    assert!((64 << 20..66 << 20).contains(&answer.body.len()), "{}", answer.body.len());
    let answers = answer.json();
    assert_eq!(answers.as_array().unwrap().len(), CALLS);
    assert_eq!(answers[0]["result"]["torrents"][0]["comment"].as_str().unwrap().len(), COMMENT);
    let last = &answers[CALLS - 1];
    assert_eq!((&last["id"], &last["error"]["code"]), (&json!(CALLS - 1), &json!(5)), "{last}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn super_seeding_is_switched_in_both_dialects() {
    let world = World::new().await;
    let mut client = world.connect().await;
    let id = add(&mut client, "a").await;
    let seen = |arguments: &Value, key: &str| arguments["torrents"][0][key].clone();
    let (_, before) = client.legacy("torrent-get", json!({"ids": [id], "fields": ["super-seeding"]})).await;
    assert_eq!(seen(&before, "super-seeding"), false);
    let (result, _) = client.legacy("torrent-set", json!({"ids": [id], "super-seeding": true})).await;
    assert_eq!(result, "success");
    let (_, after) = client.legacy("torrent-get", json!({"ids": [id], "fields": ["super-seeding"]})).await;
    assert_eq!(seen(&after, "super-seeding"), true);
    let done = client.call("torrent_set", json!({"ids": [id], "super_seeding": false})).await;
    assert!(done.is_ok(), "{done:?}");
    let after = client.call("torrent_get", json!({"ids": [id], "fields": ["super_seeding"]})).await;
    assert_eq!(seen(&after.expect("a result"), "super_seeding"), false);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_names_a_publisher_is_a_row_that_leads_others_there_too() {
    let world = World::new().await;
    let mut client = world.connect().await;
    let key = "8543d3e6115f0f98c944077a4493dcd543e49c739fd998550a1f614ab36ed63e";
    let link = format!("magnet:?xs=urn:btpk:{key}&s=6e&dn=news");
    let (result, added) = client.legacy("torrent-add", json!({"filename": link, "paused": true})).await;
    assert_eq!((result, &added["torrent-added"]["name"]), ("success".into(), &"news".into()));
    let fields = json!(["magnetLink", "hashString", "status", "metadataPercentComplete"]);
    let (_, told) = client.legacy("torrent-get", json!({"fields": fields})).await;
    let row = &told["torrents"][0];
    assert_eq!(row["magnetLink"], link, "no torrent is named that nobody has");
    assert_eq!(row["hashString"], "59ee7c2cb9b4f7eb1986ee2d18fd2fdb8a56554f", "the target of the item");
    assert_eq!((&row["status"], &row["metadataPercentComplete"]), (&0.into(), &0.into()));
    let (_, again) = client.legacy("torrent-add", json!({"filename": link})).await;
    assert_eq!(again["torrent-duplicate"]["name"], "news");
    let (result, _) = client.legacy("torrent-add", json!({"filename": "magnet:?xs=urn:btpk:00"})).await;
    assert!(result.contains("not a public key"), "{result}");
    world.end().await;
}
