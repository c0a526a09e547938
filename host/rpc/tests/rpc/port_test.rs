//! `port-test`: a service outside is asked, or nobody.

use crate::world::World;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// A port test service on loopback that gives these answers, and what it is asked for.
async fn port_test_service(answers: Vec<&'static str>) -> (String, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/is/{{port}}/open", listener.local_addr().unwrap());
    let (told, asked) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        for body in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                stream.read_buf(&mut request).await.unwrap();
            }
            let line = String::from_utf8(request).unwrap().lines().next().unwrap().to_owned();
            told.send(line).unwrap();
            let head =
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            stream.write_all(head.as_bytes()).await.unwrap();
            stream.write_all(body.as_bytes()).await.unwrap();
        }
    });
    (url, asked)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_port_is_tested_by_the_service_of_the_settings() {
    let long = "1".repeat(100_000).leak();
    let (url, mut asked) = port_test_service(vec!["1", "0\n", "1", "<html>", long]).await;
    let world = World::with(|all| all.session.port_test_url = url).await;
    let mut client = world.connect().await;
    let open = client.legacy("port-test", json!({})).await;
    assert_eq!(open, ("success".into(), json!({"port-is-open": true})));
    assert_eq!(asked.recv().await, Some(format!("GET /is/{}/open HTTP/1.1", world.daemon.port())));
    let closed = client.legacy("port-test", json!({"ip_protocol": "ipv4"})).await;
    assert_eq!(closed, ("success".into(), json!({"port-is-open": false, "ip_protocol": "ipv4"})));
    let result = client.call("port_test", json!({"ip_protocol": "ipv4"})).await;
    assert_eq!(result, Ok(json!({"port_is_open": true, "ip_protocol": "ipv4"})));
    for what in ["a web page", "too much"] {
        assert_eq!(client.call("port_test", json!({})).await.unwrap_err()["code"], 8, "{what}");
    }
    // A service of IPv4 is not reached over IPv6: nothing goes by the other family.
    assert_eq!(client.call("port_test", json!({"ip_protocol": "ipv6"})).await.unwrap_err()["code"], 8);
    assert_eq!(client.call("port_test", json!({"ip_protocol": "ipx"})).await.unwrap_err()["code"], -32_602);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_service_only_visitors_prove_an_open_port() {
    let world = World::new().await;
    let mut client = world.connect().await;
    let error = client.call("port_test", json!({})).await.unwrap_err();
    assert_eq!(error["code"], 8);
    assert!(error.to_string().contains("port_test_url is empty"), "{error}");
    world.end().await;
}
