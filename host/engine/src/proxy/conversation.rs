//! What is said to a proxy before it passes anything on.

use super::wire::{self, Method, Place, Reply, Request};
use super::{Blame, Refusal};
use crate::limits::MAX_CONNECT_ANSWER;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// User name and password.
pub(super) type Credentials = (Vec<u8>, Vec<u8>);

/// Asks a SOCKS5 proxy for something, and hears where it is.
pub(super) async fn socks(
    stream: &mut TcpStream,
    credentials: Option<&Credentials>,
    request: Request,
    place: &Place,
) -> Result<Option<Place>, Refusal> {
    introduce(stream, credentials).await?;
    stream.write_all(&wire::request(request, place)).await?;
    let reply = Reply::decode(read_array(stream).await?).ok_or_else(not_socks)?;
    if reply.code != 0 {
        return Err(refused(reply, request, place));
    }
    let first = stream.read_u8().await?;
    let mut bytes = vec![first; reply.rest(first).ok_or_else(not_socks)? + 1];
    stream.read_exact(&mut bytes[1..]).await?;
    Ok(reply.place(&bytes))
}

async fn introduce(stream: &mut TcpStream, credentials: Option<&Credentials>) -> Result<(), Refusal> {
    stream.write_all(wire::methods(credentials.is_some())).await?;
    match (wire::method(read_array(stream).await?).ok_or_else(not_socks)?, credentials) {
        (Method::Nothing, _) => Ok(()),
        (Method::NoneOfThem, _) => Err(Refusal::of_proxy("it wants a user name and password")),
        (Method::Login, None) => Err(not_socks()),
        (Method::Login, Some((user, password))) => {
            stream.write_all(&wire::login(user, password)).await?;
            let [_, status] = read_array(stream).await?;
            if status == 0 { Ok(()) } else { Err(wrong_login()) }
        }
    }
}

fn refused(reply: Reply, request: Request, place: &Place) -> Refusal {
    let blame = match reply.code {
        5 => Blame::Refused,
        7 => Blame::Proxy,
        _ => Blame::Unreachable,
    };
    match request {
        Request::Connect => Refusal::new(blame, format!("it cannot reach {place}: {}", reply.reason())),
        Request::Associate => Refusal::of_proxy(format!("it carries no UDP: {}", reply.reason())),
    }
}

/// Asks an HTTP proxy for a tunnel.
pub(super) async fn tunnel(
    stream: &mut TcpStream,
    authorization: Option<&str>,
    place: &Place,
) -> Result<(), Refusal> {
    let login = authorization.map(|login| format!("Proxy-Authorization: {login}\r\n")).unwrap_or_default();
    let request = format!("CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n{login}\r\n");
    stream.write_all(request.as_bytes()).await?;
    let answer = answer_to_connect(stream).await?;
    let line = answer.lines().next().unwrap_or_default();
    let says = || format!("it answers: {line}");
    match line.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)?.parse::<u16>().ok()) {
        Some(200..=299) => Ok(()),
        Some(400 | 403 | 405 | 501) => Err(Refusal::new(Blame::Tunnels, says())),
        Some(407) => Err(wrong_login()),
        Some(_) => Err(Refusal::new(Blame::Unreachable, says())),
        None => Err(Refusal::of_proxy("it does not speak HTTP")),
    }
}

/// The head of the answer to CONNECT. Nothing comes behind it before we speak.
async fn answer_to_connect(stream: &mut TcpStream) -> Result<String, Refusal> {
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") && !answer.ends_with(b"\n\n") {
        if answer.len() >= MAX_CONNECT_ANSWER {
            return Err(Refusal::of_proxy("its answer is too long"));
        }
        answer.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&answer).chars().filter(|c| !c.is_control() || *c == '\n').collect())
}

async fn read_array<const N: usize>(stream: &mut TcpStream) -> std::io::Result<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}

fn not_socks() -> Refusal {
    Refusal::of_proxy("it does not speak SOCKS5")
}

fn wrong_login() -> Refusal {
    Refusal::of_proxy("it wants another user name and password")
}
