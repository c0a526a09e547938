//! Which URLs are asked.

use super::super::location::forms;
use super::world::{Content, World, honest};
use crate::http::test_server::{Reply, reply};
use metainfo::FileIndex;
use swarm::{Fault, FetchEnd};
use url::Url;

fn urls(base: &str, content: &Content, file: u32) -> Vec<String> {
    let base = Url::parse(base).unwrap();
    forms(&base, &content.metainfo, FileIndex(file)).into_iter().map(Into::into).collect()
}

#[test]
fn single_files() {
    let content = Content::new(b"a b+c%20#?\xff.iso", &[(b"", 10)]);
    let encoded = "a%20b%2Bc%2520%23%3F%FF.iso";
    assert_eq!(urls("http://h/pub/", &content, 0), [format!("http://h/pub/{encoded}")]);
    assert_eq!(
        urls("http://h/pub", &content, 0),
        ["http://h/pub".to_owned(), format!("http://h/pub/{encoded}")],
        "the URL is the file, or the folder of it without its slash"
    );
    let literal = format!("http://h/pub/{encoded}");
    assert_eq!(urls(&literal, &content, 0)[0], literal, "what is encoded is not encoded again");
    assert_eq!(urls("http://h/get?file=1", &content, 0)[0], "http://h/get?file=1");
}

#[test]
fn folders() {
    let content = Content::new(b"dir \xe9", &[(b"sub/x y", 10), (b"z", 10)]);
    for base in ["http://h/pub/", "http://h/pub"] {
        assert_eq!(
            urls(base, &content, 0),
            ["http://h/pub/dir%20%E9/sub/x%20y", "http://h/pub/sub/x%20y"],
            "{base}"
        );
    }
    assert_eq!(urls("http://h", &content, 1), ["http://h/dir%20%E9/z", "http://h/z"]);
}

#[test]
fn names_that_climb_are_not_asked_for() {
    for path in [&b"../x"[..], b"a/./b", b"a//b", b"..", b"%2e%2e/x"] {
        let content = Content::new(b"dir", &[(path, 10), (b"z", 10)]);
        let urls = urls("http://h/pub/", &content, 0);
        assert!(urls.iter().all(|url| url.contains("%252e")), "{urls:?}");
    }
    let content = Content::new(b"..", &[(b"x", 10), (b"z", 10)]);
    assert_eq!(urls("http://h/pub/", &content, 0), ["http://h/pub/x"]);
    let content = Content::new(b"dir", &[(b"a\r\nb", 10), (b"z", 10)]);
    assert_eq!(urls("http://h/", &content, 0)[0], "http://h/dir/a%0D%0Ab");
}

#[tokio::test]
async fn the_second_form_is_tried_once_and_remembered() {
    let content = Content::new(b"dir", &[(b"a", 100_000), (b"b", 100_000)]);
    let files = content.clone();
    let mut world = World::start(&content, "/pub/dir/", move |request| match request.path.as_str() {
        "/pub/dir/a" => honest(request, files.file(0)),
        "/pub/dir/b" => honest(request, files.file(1)),
        _ => Reply::Keep(reply(404, &[], b"not here")),
    })
    .await;
    assert_eq!(world.fetch_all().await.1, FetchEnd::Complete);
    world.stored().await;
    assert_eq!(world.server.paths(), ["/pub/dir/dir/a", "/pub/dir/a", "/pub/dir/b"]);
    assert!(world.server.requests().iter().all(|request| request.connection == 0), "one connection for all");
}

#[tokio::test]
async fn a_file_in_neither_place_is_missing() {
    let mut world = World::start(&Content::single(), "/pub", |_| Reply::Keep(reply(404, &[], b"no"))).await;
    assert_eq!(world.fetch_all().await, (Vec::new(), FetchEnd::Failed(Fault::NotThere(404))));
    assert_eq!(world.server.paths(), ["/pub", "/pub/image.iso"]);
}

#[tokio::test]
async fn a_redirect_is_remembered_until_it_fails() {
    let content = Content::single();
    let file = content.bytes.clone();
    let moved = std::sync::atomic::AtomicUsize::new(0);
    let mut world = World::start(&content, "/image.iso", move |request| {
        let now = moved.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        match (request.path.as_str(), now) {
            ("/image.iso", 0) => Reply::Keep(reply(302, &[("Location", "/old/image.iso")], b"")),
            ("/image.iso", _) => Reply::Keep(reply(302, &[("Location", "/new/image.iso")], b"")),
            ("/old/image.iso", 3..) => Reply::Keep(reply(404, &[], b"gone")),
            _ => honest(request, &file),
        }
    })
    .await;
    for part in 0..5 {
        assert_eq!(world.fetch(part * 65_536, 65_536).await.1, FetchEnd::Complete);
    }
    let paths = world.server.paths();
    assert_eq!(
        paths.iter().map(|path| path.trim_end_matches("/image.iso")).collect::<Vec<_>>(),
        ["", "/old", "/old", "/old", "", "/new", "/new", "/new"]
    );
}

#[tokio::test]
async fn redirects_to_other_local_files_are_refused() {
    for target in ["/transmission/rpc?x=1", "/other.iso", "/image.iso?x", "file:///etc/passwd"] {
        let script = move |_: &_| Reply::Keep(reply(302, &[("Location", target)], b""));
        let mut world = World::start(&Content::single(), "/image.iso", script).await;
        let (facts, end) = world.fetch_all().await;
        let refused = matches!(end, FetchEnd::Failed(Fault::Redirects | Fault::ForbiddenAddress));
        assert!(facts.is_empty() && refused, "{target}: {end:?}");
        assert_eq!(world.server.requests().len(), 1, "{target}");
    }
    let mut world = World::start(&Content::single(), "/image.iso?query", |_| Reply::Close(Vec::new())).await;
    assert_eq!(world.fetch_all().await.1, FetchEnd::Failed(Fault::ForbiddenAddress), "a torrent's own URL");
    assert!(world.server.requests().is_empty());
}
