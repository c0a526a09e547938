//! Calls that nobody would make on purpose. Each is answered, none does harm.

use crate::world::{World, base64, torrent};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

/// Calls that are tried.
const CALLS: usize = 400;

/// Every method whose worst is harmless on one torrent in a folder of its own; `session_close` would end the test.
const METHODS: [&str; 22] = [
    "torrent_get",
    "torrent-set",
    "torrent_add",
    "torrent-start",
    "torrent_start_now",
    "torrent-stop",
    "torrent_verify",
    "torrent-reannounce",
    "torrent_rename_path",
    "torrent-set-location",
    "queue_move_top",
    "queue-move-down",
    "session_get",
    "session-stats",
    "free_space",
    "port-test",
    "group_get",
    "group-set",
    "torrent_why",
    "torrent-doctor",
    "torrent_web_seeds",
    "torrent-web-seed-add",
];

/// Names of arguments that mean something to one of them. None that names a folder: data could land anywhere.
const NAMES: [&str; 22] = [
    "ids",
    "fields",
    "format",
    "name",
    "path",
    "move",
    "labels",
    "files-wanted",
    "files_unwanted",
    "priority-high",
    "trackerAdd",
    "tracker_remove",
    "trackerReplace",
    "tracker_list",
    "peer-limit",
    "seedRatioLimit",
    "seed_idle_mode",
    "queuePosition",
    "group",
    "url",
    "metainfo",
    "filename",
];

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (-2i64..5).prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
        prop::sample::select(&["id", "files", "peers", "table", "recently-active", "one"][..])
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(".{0,4}", inner, 0..3).prop_map(|members| json!(members)),
        ]
    })
}

fn any_arguments() -> impl Strategy<Value = Value> {
    let name = prop::sample::select(&NAMES[..]);
    prop::collection::vec((name, any_value()), 0..4).prop_map(|members| {
        Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_full_of_nonsense_are_answered() {
    let world = World::new().await;
    let mut client = world.connect().await;
    let add = json!({"metainfo": base64(&torrent("a")), "paused": true});
    assert_eq!(client.legacy("torrent-add", add).await.0, "success");
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let any_arguments = any_arguments();
    for turn in 0..CALLS {
        let method = METHODS[turn % METHODS.len()];
        let arguments = any_arguments.new_tree(&mut runner).unwrap().current();
        let call = if turn % 2 == 0 {
            json!({"jsonrpc": "2.0", "id": turn, "method": method, "params": arguments})
        } else {
            json!({"method": method, "arguments": arguments, "tag": turn})
        };
        let answer = client.post(call.to_string().as_bytes(), "").await;
        assert_eq!(answer.status, 200, "{call}");
        let answer = answer.json();
        let echoed = answer.get("id").or(answer.get("tag"));
        assert_eq!(echoed, Some(&json!(turn)), "{call}: {answer}");
    }
    let fields = json!({"fields": ["name", "hashString"]});
    assert_eq!(client.legacy("torrent-get", fields).await.0, "success");
    world.end().await;
}
