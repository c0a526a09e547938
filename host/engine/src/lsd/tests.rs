//! Two clients on loopback.

use super::*;
use std::net::UdpSocket as StdUdpSocket;

#[tokio::test]
async fn two_clients_of_one_torrent_hear_each_other() {
    let bind = Bind::from(IpAddr::V4(Ipv4Addr::LOCALHOST));
    // A port of the group that no real client listens at.
    let group_port = StdUdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let start = |port, seed| Lsd::start_at(group_port, bind, port, seed);
    let (Some(one), Some(two)) = (start(5001, 1), start(5002, 2)) else {
        eprintln!("skipped: this machine has no multicast on loopback");
        return;
    };
    let (mut heard_by_one, mut heard_by_two) = (one.subscribe(), two.subscribe());
    one.announce([1; 20]);
    two.announce([2; 20]);
    two.announce([1; 20]);
    let peer =
        |port| LocalPeer { info_hash: [1; 20], address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)) };
    let hear = async { (heard_by_one.recv().await.unwrap(), heard_by_two.recv().await.unwrap()) };
    let heard =
        tokio::time::timeout(std::time::Duration::from_secs(10), hear).await.expect("nothing was heard");
    assert_eq!(heard, (peer(5002), peer(5001)));
}
