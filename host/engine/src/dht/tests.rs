use super::*;
use crate::udp::Udp;
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// A DHT on an address of its own that enters at `routers` and knows what an earlier run did, and its sockets.
fn start(last: u8, routers: &[(String, u16)], tables: DhtTables, port: u16) -> (Dht, Udp) {
    let udp = Udp::start(IpAddr::from([127, 0, last, 1]).into(), port);
    let dht = DhtSettings { routers: routers.to_vec(), read_only: false, tables };
    (Dht::start(&dht, AddressFilter::default(), port, &udp).expect("a socket"), udp)
}

fn seeding() -> Mood {
    Mood { seed: true.into(), ..Mood::default() }
}

#[tokio::test]
async fn two_torrents_find_each_other_through_a_third_node() {
    let (router, _router_udp) = start(31, &[], DhtTables::default(), 0);
    let routers = [("127.0.31.1".to_owned(), router.port)];
    let (one, _one_udp) = start(32, &routers, DhtTables::default(), 7001);
    let (other, _other_udp) = start(33, &routers, DhtTables::default(), 7002);
    let mut first = one.find([7; 20], seeding(), &[]).expect("there is room");
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
    let (dht, _udp) = start(34, &[], DhtTables::default(), 0);
    let mut search = dht.find([7; 20], Mood::default(), &[]).expect("there is room");
    drop(dht);
    let ended = timeout(Duration::from_mins(1), async { while search.next().await.is_some() {} });
    ended.await.expect("nothing comes any more");
}

#[tokio::test]
async fn what_one_run_knew_the_next_starts_from() {
    let (one, one_udp) = start(36, &[], DhtTables::default(), 0);
    let (first_run, _first_udp) = start(37, &[], DhtTables::default(), 0);
    let node = SocketAddr::from(([127, 0, 36, 1], one.port));
    first_run.commands.try_send(Command::Bootstrap(vec![node])).expect("there is room");
    let knows_it = async {
        loop {
            let tables = first_run.ask_for_tables().expect("there is room").await.expect("an answer");
            if tables.v4.windows(4).any(|address| address == [127, 0, 36, 1]) {
                return tables;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    let tables = timeout(Duration::from_mins(1), knows_it).await.expect("it knows who answered");
    drop((one, one_udp));
    let (second_run, _second_udp) = start(38, &[], tables.clone(), 0);
    let kept = second_run.ask_for_tables().expect("there is room").await.expect("an answer");
    assert_eq!(kept, tables, "what is known is kept until something better is");
}

#[tokio::test]
async fn a_node_answers_at_the_sockets_it_was_moved_to() {
    let (moved, old) = start(39, &[], DhtTables::default(), 0);
    let new = Udp::start(IpAddr::from([127, 0, 39, 2]).into(), 0);
    moved.set_sockets(&new);
    old.retire();
    let port = new.ports().iter().flatten().next().expect("a socket").number();
    let (asking, _udp) = start(40, &[], DhtTables::default(), 0);
    let node = SocketAddr::from(([127, 0, 39, 2], port));
    asking.commands.try_send(Command::Bootstrap(vec![node])).expect("there is room");
    let is_known = async {
        loop {
            let tables = asking.ask_for_tables().expect("there is room").await.expect("an answer");
            if tables.v4.windows(4).any(|address| address == [127, 0, 39, 2]) {
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_mins(1), is_known).await.expect("it answers there");
}
