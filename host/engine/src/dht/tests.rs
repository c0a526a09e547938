use super::*;
use crate::Settings;
use crate::udp::Udp;
use std::time::Duration;
use tokio::time::timeout;

/// A session's settings on an address of its own, whose DHT enters at `routers`.
fn settings(last: u8, routers: &[(String, u16)]) -> Settings {
    Settings {
        bind: Some([127, 0, last, 1].into()),
        dht: Some(DhtSettings { routers: routers.to_vec(), read_only: false }),
        ..Settings::default()
    }
}

/// A DHT on sockets of its own, which last as long.
fn start(settings: &Settings, port: u16) -> (Dht, Udp) {
    let (udp, receivers) = Udp::start(settings.bind, port, false);
    (Dht::start(settings, port, &udp, receivers.dht).expect("a socket"), udp)
}

#[tokio::test]
async fn two_torrents_find_each_other_through_a_third_node() {
    let (router, _router_udp) = start(&settings(31, &[]), 0);
    let routers = [("127.0.31.1".to_owned(), router.port)];
    let (one, _one_udp) = start(&settings(32, &routers), 7001);
    let (other, _other_udp) = start(&settings(33, &routers), 7002);
    let mut first =
        one.find([7; 20], Mood { seed: true.into(), ..Mood::default() }, &[]).expect("there is room");
    let mut second = other.find([7; 20], Mood::default(), &[]).expect("there is room");
    let expected = |last: u8, port: u16| SocketAddr::from(([127, 0, last, 1], port));
    let found = async {
        while !second.next().await.expect("the search goes on").contains(&expected(32, 7001)) {}
        while !first.next().await.expect("the search goes on").contains(&expected(33, 7002)) {}
    };
    timeout(Duration::from_mins(2), found).await.expect("both are found");
}

#[tokio::test]
async fn a_search_ends_with_the_task() {
    let (dht, _udp) = start(&settings(34, &[]), 0);
    let mut search = dht.find([7; 20], Mood::default(), &[]).expect("there is room");
    drop(dht);
    let ended = timeout(Duration::from_mins(1), async { while search.next().await.is_some() {} });
    ended.await.expect("nothing comes any more");
}

#[tokio::test]
async fn without_settings_there_is_no_node() {
    let (udp, receivers) = Udp::start(Some([127, 0, 35, 1].into()), 0, false);
    assert!(Dht::start(&Settings::default(), 0, &udp, receivers.dht).is_none());
}
