//! A whole session that fetches from one web seed only.

use super::world::{Content, honest};
use crate::http::test_server::{Reply, Request, TestServer, reply};
use crate::{AddTorrent, AfterCompletion, Event, Session, Settings};
use std::task::Poll;
use std::time::Duration;
use url::Url;

/// Fetches `content` from a server that answers by `script`; the server that was asked.
async fn download(
    content: &Content,
    path: &str,
    script: impl Fn(&Request) -> Reply + Send + Sync + 'static,
) -> TestServer {
    let server = TestServer::start(script).await;
    let directory = tempfile::tempdir().unwrap();
    let state = tempfile::tempdir().unwrap();
    let settings = Settings {
        port: 0,
        bind: std::net::IpAddr::from([127, 0, 0, 1]).into(),
        lsd: false,
        state_directory: Some(state.path().to_owned()),
        ..Settings::default()
    };
    let session = Session::start(settings).unwrap();
    let add = AddTorrent {
        metainfo: content.metainfo.clone(),
        download_directory: directory.path().to_owned(),
        selected: None,
        sequential: None,
        preallocate: false,
        peers: Vec::new(),
        web_seeds: vec![Url::parse(&format!("http://{}{path}", server.address)).unwrap()],
        use_peers: false,
        use_web_seeds: true,
        web_seed_policy: crate::api::WebSeedPolicy::default(),
        web_seed_connections: crate::limits::WEB_SEED_CONNECTIONS,
        stop_on_disk_error: true,
        after_completion: AfterCompletion::default(),
        tuning: crate::Tuning::default(),
    };
    let mut torrent = session.add(add).await.unwrap();
    let complete = async {
        while let Some(event) = torrent.next_event().await {
            if event == Event::Complete {
                return;
            }
        }
        panic!("the torrent ended before it was complete");
    };
    tokio::time::timeout(Duration::from_mins(1), complete).await.expect("complete within a minute");
    let counted = torrent.control().with_snapshot(|snapshot| snapshot.bytes_from_web_seeds);
    assert!(counted >= content.bytes.len() as u64, "{counted} bytes are counted at the end");
    for (index, file) in content.metainfo.files.iter().enumerate().filter(|(_, file)| !file.pad) {
        let found = std::fs::read(directory.path().join(file.path.join("/"))).unwrap();
        assert!(found == content.file(index as u32), "file {index}");
    }
    torrent.stop().await;
    let remembered = session.state().unwrap().mirror_scores().unwrap();
    assert!(remembered.iter().any(|it| it.host == "127.0.0.1" && it.bytes_per_second > 0), "{remembered:?}");
    server
}

/// A file several ranges long.
fn large() -> Content {
    Content::new(b"image.iso", &[(b"", 21 << 20)])
}

#[tokio::test]
async fn a_large_file_comes_in_few_ranges() {
    let content = large();
    let file = content.bytes.clone();
    let server = download(&content, "/image.iso", move |request| honest(request, &file)).await;
    let asked: usize =
        server.requests().iter().map(|request| request.range().map_or(0, |(a, b)| b + 1 - a)).sum();
    assert_eq!(asked, content.bytes.len(), "nothing is asked for twice");
    assert!(server.requests().len() <= 4, "{:?}", server.paths());
}

/// The only thread of the runtime is kept busy between any two steps: what sources tell and what storage tells then wait
/// side by side.
#[tokio::test]
async fn under_load_every_byte_is_counted_before_the_end_is_told() {
    let busy = tokio::spawn(std::future::poll_fn(|task| {
        std::hint::black_box((0..100_000_u64).fold(0, |sum, number| std::hint::black_box(sum ^ number)));
        task.waker().wake_by_ref();
        Poll::<()>::Pending
    }));
    let content = Content::new(b"image.iso", &[(b"", 32_768)]);
    for _ in 0..12 {
        let file = content.bytes.clone();
        download(&content, "/image.iso", move |request| honest(request, &file)).await;
    }
    busy.abort();
}

#[tokio::test]
async fn a_server_without_ranges_is_good_enough() {
    let content = large();
    let file = content.bytes.clone();
    let server = download(&content, "/image.iso", move |_| Reply::Keep(reply(200, &[], &file))).await;
    assert!(server.requests().len() <= 4, "{} requests", server.requests().len());
}

#[tokio::test]
async fn a_folder_of_odd_files() {
    let files: Vec<(Vec<u8>, usize)> =
        (0..40).map(|i| (format!("sub dir/{i} \u{e9}+%41.bin").into_bytes(), 1 + i * i * 997)).collect();
    let files: Vec<(&[u8], usize)> = files.iter().map(|(name, length)| (name.as_slice(), *length)).collect();
    let content = Content::new(b"the folder", &files);
    let served = content.clone();
    let server = download(&content, "/pub", move |request| {
        let number = request.path.strip_prefix("/pub/the%20folder/sub%20dir/").unwrap();
        let (number, rest) = number.split_once("%20").unwrap();
        assert_eq!(rest, "%C3%A9%2B%2541.bin");
        honest(request, served.file(number.parse().unwrap()))
    })
    .await;
    assert!(server.requests().len() < 50, "about one request a file, not one a piece");
}
