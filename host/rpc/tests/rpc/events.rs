//! The stream of events, and going on where it broke off.

use crate::world::{Client, PATIENCE, World, base64, torrent};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// An event as it comes.
#[derive(Debug)]
struct Event {
    id: String,
    name: String,
    data: Value,
}

/// Listens, from after the event of this id.
async fn listen(world: &World, last: Option<&str>) -> Client<TcpStream> {
    let mut client = world.connect().await;
    let last = last.map_or_else(String::new, |id| format!("last-event-id: {id}\r\n"));
    client.send(format!("GET /events HTTP/1.1\r\nhost: localhost\r\n{last}\r\n").as_bytes()).await;
    let mut lines = Vec::new();
    loop {
        let line = timeout(PATIENCE, client.line()).await.unwrap();
        if line.is_empty() {
            break;
        }
        lines.push(line.to_ascii_lowercase());
    }
    assert!(lines[0].contains("200"), "{lines:?}");
    assert!(lines.contains(&"content-type: text/event-stream".to_owned()), "{lines:?}");
    client
}

/// The next event that has one of these names.
async fn next(client: &mut Client<TcpStream>, names: &[&str]) -> Event {
    let mut event = Event { id: String::new(), name: String::new(), data: Value::Null };
    loop {
        let line = timeout(PATIENCE, client.line()).await.unwrap();
        // Sizes of the chunks of HTTP stand between the lines; they have no colon.
        match line.split_once(": ") {
            Some(("id", id)) => event.id = id.into(),
            Some(("event", name)) => event.name = name.into(),
            Some(("data", data)) => {
                event.data = serde_json::from_str(data).unwrap();
                if names.contains(&event.name.as_str()) {
                    return event;
                }
            }
            _ => {}
        }
    }
}

async fn add(client: &mut Client<TcpStream>, name: &str) {
    let params = json!({"metainfo": base64(&torrent(name)), "paused": true});
    client.call("torrent_add", params).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_hears_and_goes_on_where_it_stopped() {
    let world = World::new().await;
    let mut caller = world.connect().await;
    let mut listener = listen(&world, None).await;
    add(&mut caller, "a").await;
    let first = next(&mut listener, &["added"]).await;
    assert_eq!((&first.data["name"], &first.data["id"]), (&json!("a"), &json!(1)));
    drop(listener);
    add(&mut caller, "b").await;
    caller.call("torrent_remove", json!({"ids": [1]})).await.unwrap();
    let mut listener = listen(&world, Some(&first.id)).await;
    assert_eq!(next(&mut listener, &["added", "missed"]).await.data["name"], "b");
    let removed = next(&mut listener, &["removed"]).await;
    assert_eq!((&removed.data["id"], removed.data.get("name")), (&json!(1), None));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_another_run_cannot_be_gone_on_from() {
    let world = World::new().await;
    let mut listener = listen(&world, Some("other-7")).await;
    assert_eq!(next(&mut listener, &["added", "missed"]).await.name, "missed");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_does_not_take_the_place_of_every_listener() {
    const OF_ONE: usize = 24;
    let world = World::new().await;
    let mut listening = Vec::new();
    for _ in 0..OF_ONE {
        listening.push(listen(&world, None).await);
    }
    let answer = world.connect().await.request("GET /events HTTP/1.1\r\nhost: localhost\r\n", b"").await;
    assert_eq!(answer.status, 503);
    drop(listening);
    world.end().await;
}
