//! What comes of the answers.

use super::world::{Content, PIECE, World, bytes_of, honest};
use crate::http::test_server::{Reply, Request, head, reply};
use std::time::Duration;
use swarm::{Fault, FetchEnd, WebSeedFact, WebSeedOrder};
use tokio::time::{Instant, timeout};

/// What comes of one scripted answer to a request for the first two pieces.
async fn outcome(script: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> (Vec<WebSeedFact>, FetchEnd) {
    let mut world = World::start(&Content::single(), "/image.iso", script).await;
    world.fetch(0, 2 * u64::from(PIECE)).await
}

#[tokio::test]
async fn a_range_becomes_blocks_on_disk() {
    let content = Content::single();
    let file = content.bytes.clone();
    let mut world = World::start(&content, "/image.iso", move |request| honest(request, &file)).await;
    let total = content.bytes.len() as u64;
    let half = 5 * u64::from(PIECE);
    let (second, end) = world.fetch(half, total - half).await;
    assert_eq!((bytes_of(&second), end), (total - half, FetchEnd::Complete));
    let (first, end) = world.fetch(0, half).await;
    assert_eq!((bytes_of(&first), end), (half, FetchEnd::Complete));
    world.stored().await;
    let last = content.bytes.len() - 1;
    let half = half as usize;
    assert_eq!(
        world.asked(),
        [("/image.iso".into(), Some((half, last))), ("/image.iso".into(), Some((0, half - 1)))]
    );
    let requests = world.server.requests();
    assert_eq!(requests[0].header("accept-encoding"), "identity");
    assert!(requests.iter().all(|request| request.connection == 0), "the connection is kept");
    world.buffers_come_back().await;
}

#[tokio::test]
async fn files_pads_and_empty_files_are_one_range() {
    let files: [(&[u8], usize); 6] =
        [(b"a", 100_001), (b"empty", 0), (b".pad/1", 30_000), (b"b", 7), (b"c", 200_000), (b"d", 1)];
    let content = Content::new(b"dir", &files);
    let served = content.clone();
    let mut world = World::start(&content, "/", move |request| {
        let name = request.path.strip_prefix("/dir/").unwrap();
        let index = files.iter().position(|file| file.0 == name.as_bytes()).unwrap();
        honest(request, served.file(index as u32))
    })
    .await;
    let (facts, end) = world.fetch_all().await;
    assert_eq!((bytes_of(&facts), end), (content.bytes.len() as u64, FetchEnd::Complete));
    world.stored().await;
    assert_eq!(world.server.paths(), ["/dir/a", "/dir/b", "/dir/c", "/dir/d"]);
    // From the middle of one file to the middle of another.
    let (facts, end) = world.fetch(u64::from(PIECE), 2 * u64::from(PIECE)).await;
    assert_eq!((bytes_of(&facts), end), (2 * u64::from(PIECE), FetchEnd::Complete));
    let asked: Vec<_> = world.asked().split_off(4).into_iter().map(|(_, range)| range.unwrap()).collect();
    assert_eq!(asked, [(65_536, 100_000), (0, 6), (0, 3 * 65_536 - 130_008 - 1)]);
}

#[tokio::test]
async fn small_reads_and_a_tiny_pool_are_enough() {
    let content = Content::single();
    let file = content.bytes.clone();
    let mut world = World::start_with(&content, "/image.iso", 2, move |request| {
        let (first, last) = request.range().unwrap();
        let body: Vec<u8> = file[first..=last]
            .chunks(997)
            .flat_map(|part| [format!("{:x}\r\n", part.len()).as_bytes(), part, b"\r\n"].concat())
            .collect();
        let range = format!("bytes {first}-{last}/{}", file.len());
        let headers = [("Content-Range", range.as_str()), ("Transfer-Encoding", "chunked")];
        Reply::Keep([reply(206, &headers, &body), b"0\r\n\r\n".to_vec()].concat())
    })
    .await;
    for _ in 0..2 {
        assert_eq!(world.fetch_all().await.1, FetchEnd::Complete);
    }
    world.stored().await;
    assert!(
        world.server.requests().iter().all(|request| request.connection == 0),
        "the end of the body was awaited"
    );
}

#[tokio::test]
async fn a_whole_file_is_as_good_where_it_is_wanted() {
    let content = Content::single();
    let file = content.bytes.clone();
    let mut world = World::start(&content, "/image.iso", move |_| Reply::Keep(reply(200, &[], &file))).await;
    let (facts, end) = world.fetch_all().await;
    assert!(end == FetchEnd::Complete && !facts.contains(&WebSeedFact::NoRanges));
    world.stored().await;
    let (facts, end) = world.fetch(0, u64::from(PIECE)).await;
    assert!(facts.contains(&WebSeedFact::NoRanges));
    let all = content.bytes.len() as u64;
    assert_eq!((bytes_of(&facts), end), (all, FetchEnd::Complete), "one request brings it all");
    let (facts, end) = world.fetch(u64::from(PIECE), u64::from(PIECE)).await;
    assert!(facts.contains(&WebSeedFact::NoRanges) && bytes_of(&facts) == 0 && end == FetchEnd::Cancelled);
    timeout(Duration::from_secs(1), world.server.closed(1)).await.expect("nothing of it is of use");
}

#[tokio::test]
async fn a_whole_file_of_unknown_length_is_streamed() {
    let content = Content::single();
    let file = content.bytes.clone();
    let script = move |_: &_| Reply::Close([head(200, &[]), file.to_vec()].concat());
    let mut world = World::start(&content, "/image.iso", script).await;
    assert_eq!(world.fetch_all().await.1, FetchEnd::Complete);
    world.stored().await;
    for (headers, body) in
        [(vec![], vec![0; 1000]), (vec![("Content-Type", "text/html; charset=x")], vec![0; 667_705])]
    {
        let page = move |_: &_| Reply::Close(reply(200, &headers, &body));
        assert_eq!(outcome(page).await.1, FetchEnd::Failed(Fault::OtherFile));
    }
}

#[tokio::test]
async fn nothing_is_read_beyond_the_range() {
    let two = 2 * PIECE as usize;
    let headers = format!("bytes 0-{}/{}", two - 1, Content::single().bytes.len());
    let script = move |_: &Request| {
        Reply::Endless(head(206, &[("Content-Range", &headers)]), vec![0; 65_536], Duration::ZERO)
    };
    let mut world = World::start(&Content::single(), "/image.iso", script).await;
    let (facts, end) = world.fetch(0, two as u64).await;
    assert_eq!((bytes_of(&facts), end), (two as u64, FetchEnd::Complete));
    timeout(Duration::from_secs(1), world.server.closed(1)).await.expect("closed at the end of the range");
}

#[tokio::test]
async fn bodies_that_end_early_fail_and_whole_blocks_count() {
    let content = Content::single();
    let range = format!("bytes 0-{}/{}", 2 * PIECE - 1, content.bytes.len());
    let part = content.bytes[..40_000].to_vec();
    let length = (2 * PIECE).to_string();
    let (facts, end) = outcome(move |_| {
        Reply::Close(reply(206, &[("Content-Range", &range), ("Content-Length", &length)], &part))
    })
    .await;
    assert_eq!((bytes_of(&facts), end), (2 * 16_384, FetchEnd::Failed(Fault::CutOff)));
    assert_eq!(outcome(|_| Reply::Close(Vec::new())).await, (Vec::new(), FetchEnd::Failed(Fault::CutOff)));
}

#[tokio::test]
async fn servers_that_break_the_rules_are_known() {
    let file_length = Content::single().bytes.len();
    let asked = format!("bytes 0-{}/{file_length}", 2 * PIECE - 1);
    let shifted = format!("bytes 1000-{}/{file_length}", 2 * PIECE + 999);
    let body = vec![0; 2 * PIECE as usize];
    let busy =
        |status, seconds: Option<u64>| Fault::Busy { status, retry_after: seconds.map(Duration::from_secs) };
    for (bytes, wanted) in [
        (reply(206, &[("Content-Range", &shifted)], &body), Fault::WrongRange),
        (reply(206, &[], &body), Fault::WrongRange),
        (reply(206, &[("Content-Range", &asked), ("Content-Encoding", "gzip")], &body), Fault::Encoded),
        (reply(206, &[("Content-Range", &asked)], &body[1..]), Fault::WrongRange),
        (reply(503, &[("Retry-After", "120")], b"busy"), busy(503, Some(120))),
        (reply(429, &[], b"busy"), busy(429, None)),
        (reply(500, &[], b""), Fault::ServerError(500)),
        (reply(401, &[("WWW-Authenticate", "Basic realm=\"x\"")], b""), Fault::NotThere(401)),
        (reply(416, &[], b""), Fault::OtherFile),
        (b"not HTTP\r\n\r\n".to_vec(), Fault::BrokenHttp),
    ] {
        let text = String::from_utf8_lossy(&bytes[..bytes.len().min(120)]).into_owned();
        let wanted = (Vec::new(), FetchEnd::Failed(wanted));
        assert_eq!(outcome(move |_| Reply::Close(bytes.clone())).await, wanted, "{text}");
    }
}

#[tokio::test]
async fn a_cancel_cuts_the_connection_and_keeps_what_came() {
    let content = Content::single();
    let all = content.bytes.len();
    let range = format!("bytes 0-{}/{all}", all - 1);
    let part = content.bytes[..100_000].to_vec();
    let length = all.to_string();
    let script = move |_: &Request| {
        Reply::Hang(reply(206, &[("Content-Range", &range), ("Content-Length", &length)], &part))
    };
    let mut world = World::start(&content, "/image.iso", script).await;
    world.order(WebSeedOrder::Fetch { offset: 0, length: all as u64 }).await;
    let mut came = 0;
    while came < 6 * 16_384 {
        came += bytes_of(&world.facts().await);
    }
    let start = Instant::now();
    world.order(WebSeedOrder::Cancel).await;
    let (facts, end) = world.end().await;
    assert_eq!((bytes_of(&facts), end), (0, FetchEnd::Cancelled));
    timeout(Duration::from_secs(1), world.server.closed(1)).await.expect("closed at once");
    assert!(start.elapsed() < Duration::from_secs(1));
    // A cancel that comes too late says nothing about the next range.
    world.order(WebSeedOrder::Cancel).await;
    world.order(WebSeedOrder::Fetch { offset: 0, length: 65_536 }).await;
    assert_eq!(bytes_of(&world.facts().await) % 16_384, 0);
}

#[tokio::test]
async fn stalls_end() {
    let mut world = World::start(&Content::single(), "/image.iso", |_| Reply::Hang(Vec::new())).await;
    tokio::time::pause();
    let start = Instant::now();
    assert_eq!(world.fetch_all().await, (Vec::new(), FetchEnd::Failed(Fault::NoAnswer)));
    assert_eq!(start.elapsed().as_secs(), 30);
}

#[tokio::test]
async fn a_limit_is_kept() {
    let content = Content::single();
    let file = content.bytes.clone();
    let mut world = World::start(&content, "/image.iso", move |request| honest(request, &file)).await;
    tokio::time::pause();
    world.limit.set(Some(PIECE.into()));
    let start = Instant::now();
    assert_eq!(world.fetch_all().await.1, FetchEnd::Complete);
    let seconds = start.elapsed().as_secs_f64();
    assert!((10.0..10.3).contains(&seconds), "{seconds} s for 10.2 s' worth of bytes, 0.1 s of it saved up");
}
