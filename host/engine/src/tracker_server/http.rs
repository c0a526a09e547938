//! As much of HTTP/1.1 as a tracker needs: GET requests one after another, short answers.

use super::Ask;
use crate::limits::{MAX_TRACKER_REQUEST, TRACKER_REQUEST_TIMEOUT};
use std::net::IpAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tracker::server::{QueryError, failure_response, parse_query};

/// The empty line behind a request's header lines.
const HEAD_END: &[u8] = b"\r\n\r\n";

/// Serves one connection until it ends, is silent for too long or makes no sense.
pub(super) async fn serve(mut stream: TcpStream, from: IpAddr, asks: &mpsc::Sender<Ask>) {
    let mut buffer = Vec::new();
    while let Ok(Some(head)) = timeout(TRACKER_REQUEST_TIMEOUT, read_head(&mut stream, &mut buffer)).await {
        let keep = wants_more(&head);
        let (status, body) = answer(&head, from, asks).await;
        let connection = if keep { "keep-alive" } else { "close" };
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\nConnection: {connection}\r\n\r\n"
        );
        let answer = [head.as_bytes(), &body].concat();
        let written = timeout(TRACKER_REQUEST_TIMEOUT, stream.write_all(&answer)).await;
        if !keep || !matches!(written, Ok(Ok(()))) {
            return;
        }
    }
}

/// The next request's lines; `None` at the end, or if it is longer than a tracker's needs.
async fn read_head(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<String> {
    loop {
        if let Some(end) = buffer.windows(HEAD_END.len()).position(|window| window == HEAD_END) {
            let rest = buffer.split_off(end + HEAD_END.len());
            let head = std::mem::replace(buffer, rest);
            return String::from_utf8(head).ok();
        }
        if buffer.len() >= MAX_TRACKER_REQUEST {
            return None;
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}

fn wants_more(head: &str) -> bool {
    let closes = head.lines().filter_map(|line| line.split_once(':')).any(|(name, value)| {
        name.eq_ignore_ascii_case("connection") && value.trim().eq_ignore_ascii_case("close")
    });
    !closes && head.lines().next().is_some_and(|line| line.ends_with("HTTP/1.1"))
}

async fn answer(head: &str, from: IpAddr, asks: &mpsc::Sender<Ask>) -> (&'static str, Vec<u8>) {
    let mut words = head.lines().next().unwrap_or_default().split(' ');
    let (method, target) = (words.next(), words.next().unwrap_or_default());
    if method != Some("GET") {
        return ("405 Method Not Allowed", Vec::new());
    }
    let request = match parse_query(target) {
        Ok(request) => request,
        Err(error @ QueryError::NotFound) => return ("404 Not Found", failure_response(&error.to_string())),
        // Clients show the reason only if the status is good.
        Err(error) => return ("200 OK", failure_response(&error.to_string())),
    };
    let (reply, answer) = oneshot::channel();
    let asked = asks.send(Ask { from, request, reply }).await.is_ok();
    match answer.await {
        Ok(body) if asked => ("200 OK", body),
        _ => ("503 Service Unavailable", Vec::new()),
    }
}
